// SPDX-License-Identifier: Apache-2.0
/*
 * The command line of a job is split in two: what makes its machine is that of the guest whose snapshot is taken, what
 * a restored guest may have as it likes stays the job's. Jobs whose machines are the same words have one snapshot.
 *
 * A snapshot is a memfd: no path leads to it, it ends with the last process that has it, and it is sealed before any
 * test runs, so that no vmm can change what the others restore.
 */
#include "cmd/test/snapshots.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cmd/options/args.h"
#include "cmd/options/command_info.h"
#include "vmm/base/clock.h"
#include "vmm/base/util.h"
#include "vmm/console/printable.h"

#define STRING_OF(x) #x
#define STRING(x)    STRING_OF(x)
#define CONSOLE_PATH "/dev/fd/" STRING(LAUNCH_CONSOLE_FD)
#define FILE_PATH    "/dev/fd/" STRING(LAUNCH_SNAPSHOT_FD)
#define ERRORS_MAX   4096

/**
 * struct test_snapshot
 * @spec: what boots its guest; owned
 * @users: jobs with this machine; @first: one of them
 * @console, @errors: memfds: what its kernel printed, and its vmm
 * @boot: of @console, @boot_size bytes, mapped
 * @taken: it is there
 */
struct test_snapshot {
	struct launch_spec spec;
	size_t users;
	size_t first;
	int console;
	int errors;
	char *boot;
	size_t boot_size;
	bool taken;
};

/** struct words - a command line in the making: @nr words, ended by NULL, with room for @room */
struct words {
	char **word;
	size_t nr;
	size_t room;
	bool failed;
};

/* --- Command lines --------------------------------------------------------------------------------------------- */

static void add(struct words *w, const char *before, const char *name, const char *between, const char *value)
{
	char *text = NULL;

	if (w->failed)
		return;
	w->failed = w->nr + 1 >= w->room || asprintf(&text, "%s%s%s%s", before, name, between, value) < 0;
	if (!w->failed)
		w->word[w->nr++] = text;
}

static void add_word(struct words *w, const char *word)
{
	add(w, "", word, "", "");
}

static void free_words(char **word)
{
	for (size_t i = 0; word && word[i]; i++)
		free(word[i]);
	free(word);
}

enum part { OF_MACHINE = 1, OF_RUN = 2, OF_NEITHER = 0 };

/* Which of the two command lines takes an option; neither: such a job boots. */
static unsigned part_of(const struct option_def *o)
{
	static const char *const run[] = {"console", "report", "timeout"};
	static const char *const never[] = {"config", "snapshot", "initrd"};
	const struct subset_option *how;

	for (size_t i = 0; i < ARRAY_SIZE(never); i++)
		if (!strcmp(o->name, never[i]))
			return OF_NEITHER;
	for (size_t i = 0; i < ARRAY_SIZE(run); i++)
		if (!strcmp(o->name, run[i]))
			return OF_RUN;
	if (!strcmp(o->name, "sandbox"))
		return OF_MACHINE | OF_RUN;
	if (o->saved == OPTION_SAVED || o->saved == OPTION_OF_BOOT)
		return OF_MACHINE;
	return o->saved == OPTION_OF_RUN && command_takes(command_find("restore"), o, &how) ? OF_RUN : OF_NEITHER;
}

/* Return: false: it cannot be split. @argv: the program, "run", options, "--", the command. */
static bool split(char **argv, struct words *machine, struct words *run)
{
	int argc = 0;
	struct args a;
	struct arg arg;
	int r;

	while (argv[argc])
		argc++;
	args_init(&a, "run", argc - 1, argv + 1);
	add_word(machine, argv[0]);
	add_word(machine, "run");
	add_word(run, argv[0]);
	add_word(run, "restore");
	add_word(run, FILE_PATH);
	while ((r = args_next(&a, &arg, NULL)) > 0 && arg.option) {
		unsigned part = part_of(arg.option);

		if (!part)
			return false;
		if (part & OF_MACHINE)
			add(machine, "--", arg.option->name, "=", arg.value);
		if (part & OF_RUN)
			add(run, "--", arg.option->name, "=", arg.value);
	}
	if (r <= 0 || !a.ended)
		return false;
	add_word(run, "--");
	for (char **word = argv + a.next; *word; word++)
		add_word(run, *word);
	return true;
}

static bool same_text(const char *a, const char *b)
{
	return a == b || (a && b && !strcmp(a, b));
}

static bool same_spec(const struct launch_spec *a, const struct launch_spec *b)
{
	size_t i = 0;

	while (a->argv[i] && b->argv[i] && !strcmp(a->argv[i], b->argv[i]))
		i++;
	return !a->argv[i] && !b->argv[i] && same_text(a->dir, b->dir);
}

/* Return: the one with this machine, which takes @machine over. */
static struct test_snapshot *find(struct test_snapshots *s, const struct launch_spec *machine, size_t job)
{
	struct test_snapshot *t = s->of;

	for (; t < s->of + s->nr; t++)
		if (same_spec(&t->spec, machine)) {
			free_words(machine->argv);
			return t;
		}
	*t = (struct test_snapshot){.spec = *machine, .first = job, .console = -1, .errors = -1};
	s->nr++;
	return t;
}

static char **room_for(char **argv, struct words *ret)
{
	*ret = (struct words){.room = 12};
	while (*argv++)
		ret->room++;
	ret->word = calloc(ret->room, sizeof(*ret->word));
	ret->failed = !ret->word;
	return ret->word;
}

/* @clone: the job's command line as a clone, NULL: it boots; @of: its snapshot */
static int plan(
	struct test_snapshots *s, const struct launch_spec *spec, size_t job, char ***clone, struct test_snapshot **of)
{
	struct words machine, run;
	bool ok = room_for(spec->argv, &machine) && room_for(spec->argv, &run) && split(spec->argv, &machine, &run);
	bool failed = machine.failed || (machine.word && run.failed);

	if (!ok || failed) {
		free_words(machine.word);
		free_words(machine.word ? run.word : NULL);
		return failed ? -ENOMEM : 0;
	}
	*of = find(s, &(struct launch_spec){.argv = machine.word, .dir = spec->dir}, job);
	(*of)->users++;
	*clone = run.word;
	return 0;
}

/* --- Taking them ------------------------------------------------------------------------------------------------ */

static int new_file(const char *name, unsigned flags)
{
	int fd = memfd_create(name, MFD_CLOEXEC | flags), high;

	if (fd < 0)
		return -errno;
	high = fcntl(fd, F_DUPFD_CLOEXEC, LAUNCH_FD_ABOVE);
	close(fd);
	return high < 0 ? -errno : high;
}

static int add_own(struct test_snapshot *t, uint64_t timeout_ns)
{
	struct words w = {.word = t->spec.argv};
	char text[32];

	while (w.word[w.nr])
		w.nr++;
	w.room = w.nr + 5;
	w.word = reallocarray(w.word, w.room, sizeof(*w.word));
	if (!w.word)
		return -ENOMEM;
	memset(w.word + w.nr, 0, 5 * sizeof(*w.word));
	t->spec.argv = w.word;
	snprintf(text, sizeof(text), "%llums", (unsigned long long)(timeout_ns / NSEC_PER_MSEC));
	add(&w, "--timeout=", text, "", "");
	add_word(&w, "--console=file=" CONSOLE_PATH);
	add_word(&w, "--snapshot=" FILE_PATH ",on=ready");
	return w.failed ? -ENOMEM : 0;
}

static int open_files(struct test_snapshot *t, uint64_t timeout_ns)
{
	int fd = new_file("vmm-test-snapshot", MFD_ALLOW_SEALING), r;

	if (fd < 0)
		return fd;
	t->spec.snapshot = fd;
	t->console = new_file("vmm-test-console", MFD_ALLOW_SEALING);
	t->errors = new_file("vmm-test-errors", 0);
	r = MIN(MIN(t->console, t->errors), 0);
	return r == 0 ? add_own(t, timeout_ns) : r;
}

static int seal(int fd)
{
	return fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) < 0 ? -errno : 0;
}

/* The last line of what its vmm said. */
static void say(const struct test_snapshot *t, const struct runner_job *job, int wait_status)
{
	char text[ERRORS_MAX + 1], line[1024] = "";
	off_t size = lseek(t->errors, 0, SEEK_END);
	ssize_t n = pread(t->errors, text, ERRORS_MAX, MAX(size - ERRORS_MAX, (off_t)0));
	const char *last;

	while (n > 0 && text[n - 1] == '\n')
		n--;
	if (n > 0) {
		text[n] = 0;
		last = memrchr(text, '\n', (size_t)n);
		last = last ? last + 1 : text;
		last += strncmp(last, "vmm: ", 5) ? 0 : 5;
		printable_text(line, sizeof(line), last, strlen(last), PRINTABLE_LINE);
	}
	if (!line[0])
		snprintf(line, sizeof(line), "its vmm ended with status %d",
			WIFEXITED(wait_status) ? WEXITSTATUS(wait_status) : 128 + WTERMSIG(wait_status));
	fprintf(stderr, "vmm: no clones on %s, each test boots: %s\n", job->kernel, line);
}

/* It is written, or there is a line that says why not. */
static void finish(struct test_snapshot *t, const struct runner_job *job, int wait_status)
{
	struct stat st = {0};

	if (wait_status || fstat(t->spec.snapshot, &st) < 0 || !st.st_size || seal(t->spec.snapshot) < 0 ||
		seal(t->console) < 0 || fstat(t->console, &st) < 0) {
		say(t, job, wait_status);
		return;
	}
	t->boot_size = (size_t)st.st_size;
	if (t->boot_size)
		t->boot = mmap(NULL, t->boot_size, PROT_READ, MAP_PRIVATE, t->console, 0);
	t->taken = t->boot != MAP_FAILED;
}

static int boot(struct test_snapshot *t, struct launcher *l, size_t i, int null)
{
	const int fd[LAUNCH_FDS] = {null, t->errors, t->console, null};

	return launcher_run(l, (uint32_t)i, fd, LAUNCH_FDS);
}

/* Ctrl-C ends us here, and with us the launcher, and its guests. */
static int boot_all(struct test_snapshots *s, struct launcher *l, const struct runner_job *job, unsigned jobs, int null)
{
	struct pollfd p = {.fd = l->sock, .events = POLLIN};
	size_t next = 0, running = 0;
	struct launch_end end;
	int r = 0;

	for (;;) {
		for (; r >= 0 && next < s->nr && running < jobs; next++, running++)
			r = boot(&s->of[next], l, next, null);
		if (r < 0 || !running)
			return r;
		poll(&p, 1, -1);
		while ((r = launcher_next(l, &end)) > 0) {
			finish(&s->of[end.job], &job[s->of[end.job].first], end.wait_status);
			running--;
		}
	}
}

static int take(struct test_snapshots *s, const struct runner_job *job, unsigned jobs, uint64_t timeout_ns)
{
	CLEANUP_FREE struct launch_spec *spec = calloc(s->nr + 1, sizeof(*spec));
	CLEANUP_FD int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	struct launcher l = LAUNCHER_NONE;
	int r = spec ? MIN(null, 0) : -ENOMEM;

	for (size_t i = 0; r == 0 && i < s->nr; i++) {
		r = open_files(&s->of[i], timeout_ns);
		spec[i] = s->of[i].spec;
	}
	if (r == 0)
		r = launcher_start(spec, s->nr, &l, NULL);
	if (r == 0)
		r = boot_all(s, &l, job, jobs, null);
	launcher_stop(&l);
	return r;
}

/* --- Jobs ------------------------------------------------------------------------------------------------------- */

/* A boot that only one job would use is that job's own. */
static void drop_single(struct test_snapshots *s, struct test_snapshot **of, size_t nr)
{
	size_t kept = 0;

	for (size_t i = 0; i < s->nr; i++) {
		struct test_snapshot *t = &s->of[i];

		for (size_t j = 0; j < nr; j++)
			if (of[j] == t)
				of[j] = t->users > 1 ? &s->of[kept] : NULL;
		if (t->users > 1)
			s->of[kept++] = *t;
		else
			free_words(t->spec.argv);
	}
	s->nr = kept;
}

static void use(struct launch_spec *spec, struct runner_job *job, const struct test_snapshot *t, char ***clone)
{
	free_words(spec->argv);
	spec->argv = TAKE_PTR(*clone);
	spec->snapshot = t->spec.snapshot;
	job->boot = t->boot;
	job->boot_size = t->boot_size;
}

int test_snapshots_take(struct test_snapshots *s, struct launch_spec *spec, struct runner_job *job, size_t nr,
	unsigned jobs, uint64_t timeout_ns, struct err *e)
{
	char ***clone = calloc(nr + 1, sizeof(*clone));
	CLEANUP_FREE struct test_snapshot **of = calloc(nr + 1, sizeof(struct test_snapshot *));
	int r = 0;

	s->of = calloc(nr + 1, sizeof(*s->of));
	if (!clone || !of || !s->of)
		r = -ENOMEM;
	for (size_t i = 0; r == 0 && i < nr; i++)
		if (job[i].command)
			r = plan(s, &spec[i], i, &clone[i], &of[i]);
	if (r == 0)
		drop_single(s, of, nr);
	if (r == 0 && s->nr)
		r = take(s, job, jobs, timeout_ns);
	for (size_t i = 0; clone && i < nr; i++) {
		if (r == 0 && of[i] && of[i]->taken)
			use(&spec[i], &job[i], of[i], &clone[i]);
		free_words(clone[i]);
	}
	free(clone);
	return r < 0 ? err_sys(e, r, "cannot take a snapshot for the tests") : 0;
}

void test_snapshots_close(struct test_snapshots *s)
{
	for (size_t i = 0; i < s->nr; i++) {
		struct test_snapshot *t = &s->of[i];

		if (t->spec.snapshot > 0)
			close(t->spec.snapshot);
		t->spec.snapshot = 0;
		cleanup_fd(&t->console);
		cleanup_fd(&t->errors);
		t->console = t->errors = -1;
	}
}

void test_snapshots_destroy(struct test_snapshots *s)
{
	test_snapshots_close(s);
	for (size_t i = 0; i < s->nr; i++) {
		struct test_snapshot *t = &s->of[i];

		if (t->boot && t->boot != MAP_FAILED)
			munmap(t->boot, t->boot_size);
		free_words(t->spec.argv);
	}
	free(s->of);
	*s = (struct test_snapshots){0};
}
