// SPDX-License-Identifier: Apache-2.0
/*
 * `vmm bench clone`: what it costs to go on with a guest of a snapshot, to write one, and to reset one, beside floors.
 *
 * Theory of operation. A report says when a run entered its guest first, and costs time itself. So each restore is
 * made twice in turn, without and with a report: what passes between the first KVM_RUN and the guest's first byte is
 * the same in both, and the run without a report had its first KVM_RUN that long before its first byte. On a busy host
 * the two differ by more than all of that: then it is not known.
 */
#include "cmd/bench/clone.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cmd/bench/bench.h"
#include "cmd/report/report.h"
#include "vmm/base/file.h"
#include "vmm/base/outcome.h"
#include "vmm/bench/restore_floor.h"

enum { BENCH_CLONE_OPTIONS(SUBSET_INDEX) };

static const unsigned reset_pages[CLONE_RESETS] = {0, 1, 10, 100, 1000};

static void session_destroy(struct clone_session *s)
{
	for (unsigned i = 0; i < CLONE_METRICS; i++)
		free(s->sample[i]);
	free(s->baseline);
	free(s->words);
	if (s->snapshot.fd >= 0)
		close(s->snapshot.fd);
	snapshot_destroy(&s->snapshot);
	kvm_close(&s->kvm);
	if (s->err_fd >= 0)
		close(s->err_fd);
	if (s->report[0])
		unlink(s->report);
	if (s->dir[0])
		rmdir(s->dir);
}

/* --- What the operator says --------------------------------------------------------------------------------------- */

static int open_snapshot(const char *path, struct snapshot *ret, struct err *e)
{
	int fd, r = file_open_regular("snapshot", path, &fd, e);

	if (r < 0)
		return r;
	r = snapshot_read(fd, NULL, ret, e);
	if (r == 0)
		return 0;
	close(fd);
	return err_wrap(e, r, "%.200s", path);
}

static int make_room(struct clone_session *s, struct err *e)
{
	const char *tmp = getenv("TMPDIR");
	int n = snprintf(s->dir, sizeof(s->dir), "%s/vmm-bench.XXXXXX", tmp && *tmp ? tmp : "/tmp");

	if ((size_t)n >= sizeof(s->dir) || !mkdtemp(s->dir)) {
		s->dir[0] = '\0';
		return err_sys(e, -errno, "cannot make a directory for temporary files");
	}
	snprintf(s->report, sizeof(s->report), "%s/report", s->dir);
	s->err_fd = memfd_create("stderr", MFD_CLOEXEC);
	for (unsigned i = 0; i < CLONE_METRICS; i++)
		s->sample[i] = calloc(s->runs, sizeof(double));
	if (s->err_fd < 0 || !s->sample[0] || !s->sample[1] || !s->sample[2])
		return err_sys(e, -ENOMEM, "cannot keep %u runs", s->runs);
	return 0;
}

static int configure(struct clone_session *s, const struct subset_option *p, struct err *e)
{
	static const struct bench_baseline baseline = {"clone", "restore", NULL, "first_run_ms"};
	ssize_t n = readlink("/proc/self/exe", s->program, sizeof(s->program) - 1);
	int r = n < 0 ? err_sys(e, -errno, "cannot read /proc/self/exe") : 0;

	s->runs = (unsigned)p[RUNS].value.n;
	s->warmup = (unsigned)p[WARMUP].value.n;
	s->rounds = (unsigned)p[ROUNDS].value.n;
	s->clones = (unsigned)p[CLONES].value.n;
	s->timeout_ns = p[TIMEOUT].value.n;
	s->input = p[INPUT].value.text;
	s->marker = p[MARKER].value.text;
	s->lines = p[LINES].value.text;
	if (r == 0 && !s->nr_words && (p[INPUT].given || p[MARKER].given || p[LINES].given || p[CLONES].given))
		return err_set(e, -EINVAL, "of what? vmm bench clone [OPTION...] -- SNAPSHOT says it");
	if (r == 0 && s->marker && (!*s->marker || strlen(s->marker) >= BENCH_LINE_MAX || strpbrk(s->marker, "\r\n")))
		return err_set(e, -EINVAL, "--marker: not a text of 1 to %d bytes on one line", BENCH_LINE_MAX - 1);
	if (r == 0 && p[MAX_RATIO].given)
		r = bench_parse_ratio(p[MAX_RATIO].value.text, &s->max_ratio, e);
	if (r == 0 && p[BASELINE].given) {
		r = bench_baseline_read(p[BASELINE].value.text, &baseline, &s->baseline, &s->nr_baseline, e);
		if (r < 0)
			return err_wrap(e, r, "--baseline %.200s", p[BASELINE].value.text);
	}
	if (r == 0 && s->nr_words)
		r = open_snapshot(s->words[0], &s->snapshot, e);
	return r;
}

/* --- Restores ----------------------------------------------------------------------------------------------------- */

char **clone_command(const struct clone_session *s, const char *const *more)
{
	char **argv;
	size_t nr = 0;

	while (more[nr])
		nr++;
	argv = calloc(s->nr_words + nr + 3, sizeof(*argv));
	if (!argv)
		return NULL;
	argv[0] = (char *)s->program;
	argv[1] = (char *)"restore";
	for (size_t i = 0; i < s->nr_words; i++)
		argv[2 + i] = (char *)s->words[i];
	for (size_t i = 0; i < nr; i++)
		argv[2 + s->nr_words + i] = (char *)more[i];
	return argv;
}

static int failed(const struct clone_session *s, char **argv, const struct timing *t, struct err *e)
{
	launch_quote(s->err_fd);
	if (t->end == LAUNCH_TIMEOUT)
		return err_operator(e, err_set(e, -EIO, "vmm %s: nothing came from it in time", argv[1]));
	return err_operator(e,
		err_set(e, -EIO, "vmm %s ended with status %d; its last line was '%.200s'", argv[1],
			WIFEXITED(t->status) ? WEXITSTATUS(t->status) : 128 + WTERMSIG(t->status), t->tail));
}

/* What is typed is there from the beginning, and more may come. */
static int typed(const char *text, int ret[2], struct err *e)
{
	size_t len = text ? strlen(text) : 0;

	/* All of it fits into a pipe, and nobody waits. */
	if (len >= 4096)
		return err_set(e, -EINVAL, "--input: longer than 4095 bytes");
	if (pipe2(ret, O_CLOEXEC) < 0)
		return err_sys(e, -errno, "cannot make a pipe");
	if (!text || (write(ret[1], text, len) == (ssize_t)len && write(ret[1], "\n", 1) == 1))
		return 0;
	close(ret[0]);
	close(ret[1]);
	return err_set(e, -EINVAL, "cannot type --input");
}

static int restore_once(struct clone_session *s, bool reports, double *ret_ms, struct err *e)
{
	const char *const more[] = {reports ? "--report" : NULL, s->report, NULL};
	CLEANUP_FREE char **argv = clone_command(s, more);
	struct launch l = {.argv = argv,
		.first_byte = true,
		.end_signal = SIGQUIT,
		.grace_ms = 60000,
		.timeout_ns = s->timeout_ns,
		.wake_fd = -1,
		.err_fd = s->err_fd};
	struct timing t = {0};
	int in[2], r = typed(s->input, in, e);

	if (r < 0)
		return r;
	if (ftruncate(s->err_fd, 0) < 0 || lseek(s->err_fd, 0, SEEK_SET) < 0 || !argv)
		r = err_sys(e, -ENOMEM, "cannot set up");
	l.in_fd = in[0];
	if (r == 0)
		r = launch_run(&l, &t, e);
	close(in[0]);
	close(in[1]);
	if (r < 0)
		return r;
	*ret_ms = (double)t.first_byte / 1e6;
	return t.first_byte ? 0 : failed(s, argv, &t, e);
}

/* When the run with a report entered its guest, in ms since its exec. */
static int read_first_run(const struct clone_session *s, double *ret_ms, struct err *e)
{
	struct run_report report = {0};
	const struct json_node *start;
	int r = run_report_read(s->report, &report, e);

	if (r < 0)
		return r;
	start = json_get(&report.doc, report.doc.node, "startup");
	*ret_ms = (double)(json_count(json_get(&report.doc, start, "exec_to_main_ns")) +
			  json_count(json_get(&report.doc, start, "total_ns"))) /
		1e6;
	run_report_destroy(&report);
	return 0;
}

static int floor_once(struct clone_session *s, double *ret_ms, struct err *e)
{
	char *argv[] = {s->program, (char *)"bench", (char *)BENCH_FLOOR, (char *)s->words[0], NULL};
	const struct launch l = {.argv = argv, .timeout_ns = s->timeout_ns, .wake_fd = -1, .err_fd = s->err_fd};
	struct timing t = {0};
	int r = launch_run(&l, &t, e);

	if (r < 0)
		return r;
	*ret_ms = strtod(t.tail, NULL) / 1e6;
	return *ret_ms > 0 ? 0 : failed(s, argv, &t, e);
}

static int measure_restores(struct clone_session *s, struct err *e)
{
	for (unsigned i = 0; i < s->warmup + s->runs; i++) {
		double plain = 0, reported = 0, entered = 0, floor = 0;
		int r = restore_once(s, false, &plain, e);

		if (r == 0)
			r = restore_once(s, true, &reported, e);
		if (r == 0)
			r = read_first_run(s, &entered, e);
		if (r == 0)
			r = floor_once(s, &floor, e);
		if (r < 0)
			return r;
		if (i < s->warmup)
			continue;
		s->sample[CLONE_FIRST_BYTE][s->nr] = plain;
		s->sample[CLONE_FIRST_RUN][s->nr] = MAX(plain - (reported - entered), 0.0);
		s->sample[CLONE_FLOOR][s->nr++] = floor;
	}
	clone_print_restores(s);
	return 0;
}

/*
 * The floor's process, which `vmm bench clone` starts: an empty program linked as this one is. Prints the nanoseconds
 * from its exec to main, and from the first request to the first KVM_RUN.
 */
int bench_floor(int argc, char **argv)
{
	uint64_t entered = trace_now_ns(), ns;
	char line[32];
	/* The sandbox clears the environment. */
	const char *exec = getenv(LAUNCH_EXEC_ENV);
	uint64_t exec_ns = exec ? strtoull(exec, NULL, 10) : 0;
	struct snapshot s = SNAPSHOT_NONE;
	struct err e = {};
	int r = argc == 2 && exec_ns ? open_snapshot(argv[1], &s, &e)
				     : err_set(&e, -EINVAL, "only for vmm bench clone");

	if (r == 0)
		r = restore_floor(&s, SANDBOX_STRICT, &ns, &e);
	if (r < 0) {
		fprintf(stderr, "vmm: %s\n", e.text);
		return EXIT_FAILED;
	}
	/* The filter allows nothing but this. */
	snprintf(line, sizeof(line), "%llu\n", (unsigned long long)(ns + entered - exec_ns));
	_exit(write(STDOUT_FILENO, line, strlen(line)) == (ssize_t)strlen(line) ? 0 : EXIT_FAILED);
}

/* --- The command -------------------------------------------------------------------------------------------------- */

static int measure_flat(struct clone_session *s, struct err *e)
{
	int r = kvm_open(NULL, &s->kvm, e);

	for (size_t i = 0; r == 0 && i < CLONE_RESETS; i++) {
		r = reset_costs(&s->kvm, reset_pages[i], s->rounds, &s->reset[i], e);
		if (r == 0)
			clone_print_reset(s, i);
	}
	return r < 0 ? err_wrap(e, r, "resets of a flat guest") : 0;
}

static int measure(struct clone_session *s, struct err *e)
{
	int r = measure_flat(s, e);

	if (r < 0 || !s->nr_words)
		return r;
	/* Of a guest that says nothing there is no first byte. */
	if (s->input || s->marker)
		r = measure_restores(s, e);
	if (r == 0)
		r = snapshot_cost(&s->snapshot, s->dir, s->runs, &s->cost, e);
	if (r == 0)
		clone_print_snapshot(s);
	if (r == 0)
		r = clone_measure_rows(s, e);
	return r == 0 && s->lines ? clone_measure_lines(s, e) : r;
}

static int judge(const struct clone_session *s)
{
	struct ratio r;
	int status = clone_ratio(s, &r) ? bench_verdict(&r, s->max_ratio, "to its floor", stdout) : 0;

	if (s->nr_baseline && bench_against(s->sample[CLONE_FIRST_RUN], s->nr, s->baseline, s->nr_baseline, &r))
		status = bench_worse(status, bench_verdict(&r, s->max_ratio, "to the baseline", stdout));
	return status;
}

int bench_clone(int argc, char **argv)
{
	struct subset_option subset[] = {BENCH_CLONE_OPTIONS(SUBSET_ROW){0}};
	CLEANUP(session_destroy) struct clone_session s = {.kvm.fd = -1, .err_fd = -1, .snapshot = SNAPSHOT_NONE};
	struct err e = {};
	int r;

	s.words = calloc((size_t)argc, sizeof(*s.words));
	r = s.words ? subset_parse(argc, argv, "bench clone", subset, s.words, &s.nr_words, &e) : -ENOMEM;
	if (r == 0)
		r = bench_check_files(subset, s.words, s.nr_words, &e);
	if (r == 0)
		r = configure(&s, subset, &e);
	if (r < 0) {
		fprintf(stderr, "vmm: %s\n", e.text);
		return EXIT_USAGE;
	}
	bench_host_read(&s.host);
	bench_host_print(&s.host, stdout);
	r = make_room(&s, &e);
	if (r == 0)
		r = measure(&s, &e);
	if (r == 0)
		bench_host_end(&s.host, stdout);
	if (r == 0)
		r = bench_files(&subset[JSON], clone_write_json, &subset[SVG], clone_write_svg, &s, &e);
	if (r < 0) {
		fprintf(stderr, "vmm: %s\n", e.text);
		return err_exit_status(&e);
	}
	return judge(&s);
}
