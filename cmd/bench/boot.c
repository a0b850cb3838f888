// SPDX-License-Identifier: Apache-2.0
/*
 * `vmm bench boot`: repeats a boot and says how long it took from exec to the marker, in turns with another command if
 * one is given. The turns are what makes the ratio worth something: what disturbs the host for longer than a run
 * disturbs both.
 */
#include "cmd/bench/bench.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cmd/bench/boot.h"
#include "cmd/bench/launch.h"
#include "cmd/options/args.h"
#include "cmd/options/command_info.h"
#include "cmd/options/commands.h"
#include "vmm/base/outcome.h"
#include "vmm/base/text.h"

static const int end_signals[] = {SIGTERM, SIGINT, SIGHUP, SIGQUIT};

static void session_destroy(struct bench_session *s)
{
	for (unsigned i = 0; i < BENCH_SIDES; i++) {
		free(s->side[i].argv);
		for (unsigned m = 0; m < BENCH_METRICS; m++)
			free(s->side[i].sample[m]);
	}
	bench_phases_destroy(&s->phases);
	free(s->program[0]);
	free(s->program[1]);
	free(s->baseline);
	if (s->wake_fd >= 0)
		close(s->wake_fd);
	if (s->err_fd >= 0)
		close(s->err_fd);
}

/* --- What the operator says ----------------------------------------------------------------------------------- */

enum { BENCH_BOOT_OPTIONS(SUBSET_INDEX) };

/* Ours: this program, with the words behind the options. */
static int own_command(struct bench_session *s, const char **words, size_t nr, struct err *e)
{
	char exe[4096];
	ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);

	if (n < 0)
		return err_sys(e, -errno, "cannot read /proc/self/exe");
	exe[n] = '\0';
	s->program[BENCH_OURS] = strdup(exe);
	s->side[BENCH_OURS].argv = calloc(nr + 4, sizeof(char *));
	if (!s->program[BENCH_OURS] || !s->side[BENCH_OURS].argv)
		return err_sys(e, -ENOMEM, "cannot make a command");
	s->side[BENCH_OURS].argv[0] = s->program[BENCH_OURS];
	for (size_t i = 0; i < nr; i++)
		s->side[BENCH_OURS].argv[i + 1] = (char *)words[i];
	if (s->phases.path[0]) {
		s->side[BENCH_OURS].argv[nr + 1] = (char *)"--report";
		s->side[BENCH_OURS].argv[nr + 2] = s->phases.path;
	}
	return 0;
}

static int other_command(struct bench_session *s, const char *text, struct err *e)
{
	char ***argv = &s->side[BENCH_OTHER].argv;
	int r = split_words(text, argv, e);

	if (r < 0)
		return err_wrap(e, r, "--versus");
	s->program[BENCH_OTHER] = find_program((*argv)[0]);
	if (!s->program[BENCH_OTHER])
		return err_set(e, -ENOENT, "--versus: no program %.200s", (*argv)[0]);
	(*argv)[0] = s->program[BENCH_OTHER];
	s->nr_sides = 2;
	return 0;
}

static int check_name(const char *option, const char *name, struct err *e)
{
	const char *at = name;
	int n = 0;

	for (int length; *at; at += length, n++) {
		length = text_length(at);
		if (!length || text_is_hidden(text_value(at, length)))
			return err_set(e, -EINVAL, "--%s: not a name: it has what cannot be printed", option);
	}
	return n && n <= BENCH_NAME_MAX
		? 0
		: err_set(e, -EINVAL, "--%s: not a name of 1 to %d characters", option, BENCH_NAME_MAX);
}

/* Of the rows: as given, else by the programs; two of one name would be no names. */
static int name_sides(struct bench_session *s, const struct subset_option *p, struct err *e)
{
	const char *other = s->program[BENCH_OTHER] ? strrchr(s->program[BENCH_OTHER], '/') : NULL;
	int r = 0;

	if (p[VERSUS_NAME].given && !p[VERSUS].given)
		return err_set(e, -EINVAL, "--versus-name: of what? --versus 'CMD' says it");
	s->side[BENCH_OURS].name = p[NAME].given ? p[NAME].value.text : "vmm";
	s->side[BENCH_OTHER].name = p[VERSUS_NAME].given ? p[VERSUS_NAME].value.text : other ? other + 1 : "versus";
	if (!p[VERSUS_NAME].given &&
		(check_name("", s->side[BENCH_OTHER].name, NULL) < 0 ||
			!strcmp(s->side[BENCH_OTHER].name, s->side[BENCH_OURS].name)))
		s->side[BENCH_OTHER].name = "versus";
	for (unsigned i = 0; r == 0 && i < s->nr_sides; i++)
		r = check_name(i == BENCH_OURS ? "name" : "versus-name", s->side[i].name, e);
	return r == 0 && s->nr_sides > 1 && !strcmp(s->side[0].name, s->side[1].name)
		? err_set(e, -EINVAL, "both commands are named '%.100s'", s->side[0].name)
		: r;
}

static bool is_command(const char *word)
{
#define X(name, help) || !strcmp(word, #name)
	return false COMMANDS(X);
#undef X
}

static int configure(
	struct bench_session *s, const struct subset_option *p, const char **words, size_t nr, struct err *e)
{
	/* Until 0.1.0 ours was named "vmm". */
	static const struct bench_baseline baseline = {"boot", "ours", "vmm", "marker_ms"};
	int r;

	if (!nr)
		return err_set(e, -EINVAL, "nothing to boot: vmm bench boot [OPTION...] -- --kernel FILE [OPTION...]");
	if (words[0][0] != '-' && !is_command(words[0]) && !args_is_file(words[0]))
		return err_set(e, -EINVAL,
			"%.200s: no option, command or file; vmm bench boot [OPTION...] -- KERNEL [OPTION...]",
			words[0]);
	s->runs = (unsigned)p[RUNS].value.n;
	s->warmup = (unsigned)p[WARMUP].value.n;
	s->timeout_ns = p[TIMEOUT].value.n;
	s->json = p[JSON].value.text;
	s->csv = p[CSV].value.text;
	s->svg = p[SVG].value.text;
	s->marker = p[MARKER].value.text;
	if (s->marker && (!*s->marker || strlen(s->marker) >= BENCH_LINE_MAX || strpbrk(s->marker, "\r\n")))
		return err_set(e, -EINVAL, "--marker: not a text of 1 to %d bytes on one line", BENCH_LINE_MAX - 1);
	if (p[MAX_RATIO].given && !p[BASELINE].given && !p[VERSUS].given)
		return err_set(e, -EINVAL, "--max-ratio: of what? --baseline FILE or --versus 'CMD' says it");
	if (p[MAX_RATIO].given) {
		r = bench_parse_ratio(p[MAX_RATIO].value.text, &s->max_ratio, e);
		if (r < 0)
			return r;
	}
	/* Read now: a file that is no baseline should not cost a hundred boots first. */
	if (p[BASELINE].given) {
		r = bench_baseline_read(p[BASELINE].value.text, &baseline, &s->baseline, &s->nr_baseline, e);
		if (r < 0)
			return err_wrap(e, r, "--baseline %.200s", p[BASELINE].value.text);
	}
	for (unsigned i = 0; i < BENCH_SIDES; i++)
		for (unsigned m = 0; m < BENCH_METRICS; m++) {
			s->side[i].sample[m] = calloc(s->runs, sizeof(double));
			if (!s->side[i].sample[m])
				return err_sys(e, -ENOMEM, "cannot keep %u runs", s->runs);
		}
	if (p[PHASES].value.n) {
		if (words[0][0] != '-' && strcmp(words[0], "run"))
			return err_set(e, -EINVAL, "--phases: vmm %.100s writes no report", words[0]);
		r = bench_phases_init(&s->phases, s->runs, e);
		if (r < 0)
			return r;
	}
	r = own_command(s, words, nr, e);
	if (r == 0 && p[VERSUS].given)
		r = other_command(s, p[VERSUS].value.text, e);
	return r == 0 ? name_sides(s, p, e) : r;
}

/* --- Running -------------------------------------------------------------------------------------------------- */

/* A clock that is ahead of ours did not start with the guest: then there is no share. */
static void keep(struct bench_side *side, const struct timing *t)
{
	unsigned at = side->nr++;

	side->sample[BENCH_MARKER][at] = (double)t->marker / 1e6;
	side->sample[BENCH_FIRST_BYTE][at] = (double)t->first_byte / 1e6;
	side->sample[BENCH_BANNER][at] = (double)t->banner / 1e6;
	side->sample[BENCH_CLOCK][at] = (double)t->guest_clock / 1e6;
	side->sample[BENCH_SHARE][at] = t->guest_clock && t->guest_clock < t->marker
		? (double)(t->marker - t->guest_clock) / 1e6
		: 0;
	side->sample[BENCH_CPU][at] = (double)t->cpu / 1e6;
	side->sample[BENCH_RSS][at] = (double)t->rss_bytes / (double)MIB;
}

/*
 * One run of one side. Return: 1 when it is to be counted, 0 when its time ran out, -EINTR when we are to end, another
 * negative errno, with a message in @e.
 */
static int one_run(struct bench_session *s, unsigned which, struct timing *ret, struct err *e)
{
	struct bench_side *side = &s->side[which];
	struct launch l = {
		.argv = side->argv,
		.marker = s->marker,
		/* vmm then ends in order, and writes what it was told to write. */
		.end_signal = which == BENCH_OURS ? SIGQUIT : SIGKILL,
		.timeout_ns = s->timeout_ns,
		.wake_fd = s->wake_fd,
		.err_fd = s->err_fd,
	};
	const char *how;
	int code, r;

	if (ftruncate(s->err_fd, 0) < 0 || lseek(s->err_fd, 0, SEEK_SET) < 0)
		return err_sys(e, -errno, "ftruncate");
	r = launch_run(&l, ret, e);
	if (r < 0)
		return r;
	switch (ret->end) {
	case LAUNCH_GIVEN_UP: return -EINTR;
	case LAUNCH_TIMEOUT: side->missed++; return 0;
	case LAUNCH_ENDED: break;
	case LAUNCH_MARKER:
		if (s->marker || !WIFEXITED(ret->status) ||
			(WEXITSTATUS(ret->status) != EXIT_USAGE && WEXITSTATUS(ret->status) != EXIT_FAILED))
			return 1;
		break;
	}
	launch_quote(s->err_fd);
	how = WIFSIGNALED(ret->status) ? "signal" : "status";
	code = WIFSIGNALED(ret->status) ? WTERMSIG(ret->status) : WEXITSTATUS(ret->status);
	/* Ours says by its status whose fault it is. */
	r = which == BENCH_OURS && WIFEXITED(ret->status) && code == EXIT_USAGE ? -EINVAL : -EIO;
	if (!s->marker)
		return err_operator(e, err_set(e, r, "%.200s ended with %s %d", side->argv[0], how, code));
	return err_operator(e,
		err_set(e, r, "%.200s ended with %s %d, and had not printed '%.100s'; its last line was '%.200s'",
			side->argv[0], how, code, s->marker, ret->tail));
}

static void progress(const struct bench_session *s, unsigned turn)
{
	const struct bench_side *ours = &s->side[BENCH_OURS];

	if (!isatty(STDERR_FILENO))
		return;
	if (turn < s->warmup)
		fprintf(stderr, "\r\033[Kwarm-up %u of %u", turn + 1, s->warmup);
	else
		fprintf(stderr, "\r\033[Krun %u of %u", turn - s->warmup + 1, s->runs);
	for (unsigned i = 0; i < s->nr_sides; i++)
		if (s->side[i].nr)
			fprintf(stderr, "  %s %.1f ms", s->side[i].name,
				s->side[i].sample[BENCH_MARKER][s->side[i].nr - 1]);
	if (ours->missed)
		fprintf(stderr, "  (%u missed)", ours->missed);
}

static int run_all(struct bench_session *s, struct err *e)
{
	int r = 0;

	for (unsigned turn = 0; r == 0 && turn < s->warmup + s->runs; turn++) {
		struct timing t[BENCH_SIDES];
		bool whole = true;

		progress(s, turn);
		for (unsigned i = 0; r >= 0 && i < s->nr_sides; i++) {
			r = one_run(s, i, &t[i], e);
			whole = whole && r > 0;
		}
		if (r < 0)
			break;
		r = 0;
		/* A pair counts as a pair only. */
		for (unsigned i = 0; whole && turn >= s->warmup && i < s->nr_sides; i++)
			keep(&s->side[i], &t[i]);
		if (whole && turn >= s->warmup && s->phases.path[0])
			r = bench_phases_add(&s->phases, e);
	}
	if (isatty(STDERR_FILENO))
		fprintf(stderr, "\r\033[K");
	return r;
}

static int set_up(struct bench_session *s, struct err *e)
{
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < ARRAY_SIZE(end_signals); i++)
		sigaddset(&set, end_signals[i]);
	sigprocmask(SIG_BLOCK, &set, NULL);
	s->wake_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (s->wake_fd < 0)
		return err_sys(e, -errno, "signalfd");
	s->err_fd = memfd_create("stderr", MFD_CLOEXEC);
	return s->err_fd < 0 ? err_sys(e, -errno, "memfd_create") : 0;
}

static int signal_status(const struct bench_session *s)
{
	struct signalfd_siginfo si;

	return read(s->wake_fd, &si, sizeof(si)) == sizeof(si) ? 128 + (int)si.ssi_signo : EXIT_FAILED;
}

int bench_boot(int argc, char **argv)
{
	struct subset_option subset[] = {BENCH_BOOT_OPTIONS(SUBSET_ROW){0}};
	CLEANUP_FREE const char **words = calloc((size_t)argc, sizeof(*words));
	CLEANUP(session_destroy) struct bench_session s = {.wake_fd = -1, .err_fd = -1, .nr_sides = 1};
	struct err e = {};
	size_t nr = 0;
	int r, status;

	r = words ? subset_parse(argc, argv, "bench boot", subset, words, &nr, &e)
		  : err_set(&e, -ENOMEM, "out of memory");
	if (r == 0)
		r = bench_check_files(subset, words, nr, &e);
	if (r == 0)
		r = configure(&s, subset, words, nr, &e);
	if (r < 0) {
		fprintf(stderr, "vmm: %s\n", e.text);
		return EXIT_USAGE;
	}
	bench_host_read(&s.host);
	bench_host_print(&s.host, stdout);
	bench_print_commands(&s, stdout);
	r = set_up(&s, &e);
	if (r == 0)
		r = run_all(&s, &e);
	if (r < 0 && r != -EINTR) {
		fprintf(stderr, "vmm: %s\n", e.text);
		return err_exit_status(&e);
	}
	putchar('\n');
	bench_print(&s, stdout);
	bench_host_end(&s.host, stdout);
	status = bench_judge(&s, stdout);
	if (r == 0)
		r = bench_save(&s, &e);
	if (r == -EINTR)
		return signal_status(&s);
	if (r < 0) {
		fprintf(stderr, "vmm: %s\n", e.text);
		return err_exit_status(&e);
	}
	if (status == EXIT_REGRESSION)
		return status;
	return s.side[BENCH_OURS].missed || s.side[BENCH_OTHER].missed
		? verdict_exit_status(&(struct verdict){.outcome = OUTCOME_TIMEOUT})
		: status;
}
