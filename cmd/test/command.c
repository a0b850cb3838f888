// SPDX-License-Identifier: Apache-2.0
/*
 * In order: read the lists, make a job for each test on each kernel, open the output files, start the launcher, confine
 * this process, run the tests, write the reports. Guest output is read only after this process is confined.
 */
#include "cmd/test/command.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <time.h>

#include "cmd/test/arguments.h"
#include "cmd/test/debug.h"
#include "cmd/test/earlier.h"
#include "cmd/test/known.h"
#include "cmd/test/launcher.h"
#include "cmd/test/list.h"
#include "cmd/test/memory.h"
#include "cmd/test/progress.h"
#include "cmd/test/record.h"
#include "cmd/test/reports.h"
#include "cmd/test/runner.h"
#include "cmd/test/shard.h"
#include "cmd/test/snapshots.h"
#include "vmm/base/clock.h"
#include "vmm/base/file.h"
#include "vmm/base/outcome.h"
#include "vmm/base/path.h"
#include "vmm/base/trace.h"

#define MEM_DEFAULT   (256 * MIB) /* of a machine that does not set it */
#define MEM_BESIDE    (32 * MIB)  /* of a vmm process, in addition to guest RAM */
#define KILL_AFTER_NS (10 * NSEC_PER_SEC)
#define KNOWN_MAX     MIB

/**
 * struct command - a run of `vmm test`
 * @allow: if @has_allow, for tests that have none of their own
 * @kernel, @label: absolute paths, and the names of the kernels in reports
 * @paths: absolute ones, too
 * @last, @durations: earlier runs
 * @snapshots: what tests are clones of
 * @job, @spec: of each test on each kernel, @nr of them: of our shard, in the end
 * @wanted: the last of these tests
 * @plan: of all shards; its strings are those of @list, and of @kernels
 * @began: tests were run, so there are reports to write
 */
struct command {
	const struct test_settings *set;
	struct test_list list;
	struct known known;
	regex_t allow;
	bool has_allow;
	char **kernel;
	const char **label;
	struct test_paths paths;
	struct earlier last;
	struct earlier durations;
	struct shard shard;
	struct record_plan plan;
	struct test_record record;
	struct runner_job *job;
	struct launch_spec *spec;
	size_t nr;
	struct test_snapshots snapshots;
	const struct test_case *wanted;
	int log_dir;
	char *log_path;
	struct reports reports;
	struct launcher launcher;
	struct runner *runner;
	struct progress progress;
	int64_t when;
	bool began;
};

static void command_destroy(struct command *c)
{
	launcher_stop(&c->launcher);
	runner_free(c->runner);
	test_snapshots_destroy(&c->snapshots);
	reports_close(&c->reports);
	test_record_close(&c->record);
	free(c->plan.test);
	free(c->plan.kernels);
	earlier_destroy(&c->last);
	earlier_destroy(&c->durations);
	for (size_t i = 0; c->spec && i < c->nr; i++)
		test_arguments_destroy(&c->spec[i]);
	free(c->spec);
	free(c->job);
	for (size_t i = 0; c->kernel && i < c->set->nr_kernels; i++)
		free(c->kernel[i]);
	free(c->kernel);
	free(c->label);
	test_paths_destroy(&c->paths);
	if (c->has_allow)
		regfree(&c->allow);
	free(c->log_path);
	cleanup_fd(&c->log_dir);
	known_destroy(&c->known);
	test_list_destroy(&c->list);
}

/* --- Jobs ------------------------------------------------------------------------------------------------------ */

static int read_names(struct command *c, const char *path, struct err *e)
{
	CLEANUP_FCLOSE FILE *f = NULL;
	int fd;

	if (!strcmp(path, "-"))
		return test_list_add_names(&c->list, stdin, e);
	if (*path != '@')
		return test_list_add(&c->list, path, e);
	fd = path_open(path + 1, O_RDONLY | O_NOCTTY, 0);
	if (fd < 0)
		return err_sys(e, -errno, "%s", path);
	f = fdopen(fd, "r");
	if (!f) {
		close(fd);
		return no_memory(e);
	}
	return test_list_add_names(&c->list, f, e);
}

static int read_lists(struct command *c, struct err *e)
{
	const struct test_settings *set = c->set;
	int r = 0;

	c->list.commands = set->machine.root;
	c->list.command = set->command;
	c->list.nr_command = set->nr_command;
	if (set->nr_command && set->nr_paths && !test_list_takes_names(&c->list))
		return err_set(
			e, -EINVAL, "%s: no word of the command has " TEST_NAME_WORD " for the name", set->path[0]);
	if (set->nr_command && !set->nr_paths)
		return test_list_takes_names(&c->list) ? test_list_add_names(&c->list, stdin, e)
						       : test_list_add_command(&c->list, e);
	if (!set->nr_paths)
		return err_set(e, -EINVAL, "no test to run: vmm test FILE|DIR|-...");
	for (size_t i = 0; r == 0 && i < set->nr_paths; i++)
		r = read_names(c, set->path[i], e);
	return r;
}

static int read_allow(struct command *c, struct err *e)
{
	const char *text = c->set->allow_splat;

	if (text && regcomp(&c->allow, text, REG_EXTENDED | REG_NOSUB))
		return err_set(e, -EINVAL, "--allow-splat %.100s: not a regular expression", text);
	c->has_allow = text;
	return 0;
}

static int read_known(struct command *c, struct err *e)
{
	CLEANUP_FREE char *text = NULL;
	CLEANUP_FD int fd = -1;
	size_t size = 0;
	int r;

	if (!c->set->known)
		return 0;
	fd = path_open(c->set->known, O_RDONLY | O_NOCTTY, 0);
	if (fd < 0)
		return err_sys(e, -errno, "--known %s", c->set->known);
	r = file_read_all(fd, KNOWN_MAX, &text, &size);
	if (r < 0)
		return err_sys(e, r, "--known %s: cannot read", c->set->known);
	return known_add_text(&c->known, c->set->known, text, size, e);
}

/* Makes paths absolute: a test may run in another directory. Kernels of the same name are labelled by their paths. */
static int find_kernels(struct command *c, struct err *e)
{
	size_t nr = c->set->nr_kernels;

	c->kernel = calloc(nr + 1, sizeof(*c->kernel));
	c->label = calloc(nr + 1, sizeof(*c->label));
	if (!c->kernel || !c->label)
		return no_memory(e);
	for (size_t i = 0; i < nr; i++) {
		c->kernel[i] = realpath(c->set->kernel[i], NULL);
		if (!c->kernel[i])
			return err_sys(e, -errno, "--kernel %s", c->set->kernel[i]);
		c->label[i] = path_name(c->set->kernel[i]);
		for (size_t j = 0; j < nr; j++)
			if (i != j && !strcmp(path_name(c->set->kernel[i]), path_name(c->set->kernel[j])))
				c->label[i] = c->set->kernel[i];
	}
	return 0;
}

static int add_job(struct command *c, const struct test_case *t, size_t kernel, struct err *e)
{
	bool on = kernel < c->set->nr_kernels;
	char out[RUNNER_NAME_MAX];
	struct runner_job *j = &c->job[c->nr];
	uint64_t limit = t->timeout_ns ? t->timeout_ns : c->set->timeout_ns;

	*j = (struct runner_job){.name = t->name,
		.kernel = on ? c->label[kernel] : "",
		.expect = t->expect,
		.allow = t->has_allow  ? &t->allow
			: c->has_allow ? &c->allow
				       : NULL,
		.command = t->nr_words,
		.limit_ns = limit + KILL_AFTER_NS};
	j->known = known_has(&c->known, j->name, j->kernel);
	if (earlier_was_expected(&c->last, j->name, j->kernel))
		return 0;
	j->number = c->nr;
	runner_file_name(j, "", out, sizeof(out));
	return test_arguments(t, c->set, &c->paths, on ? c->kernel[kernel] : NULL, kernel, out, &c->spec[c->nr++], e);
}

/* Whether a test runs; --debug-test is a name, and not a pattern. */
static bool is_wanted(const struct command *c, const struct test_case *t)
{
	if (c->set->debug && strcmp(t->name, c->set->debug))
		return false;
	return !c->set->only || test_case_matches(t, c->set->only);
}

static int no_test_left(const struct command *c, struct err *e)
{
	if (c->set->debug)
		return err_set(e, -EINVAL, "--debug-test %.200s: no test has this name", c->set->debug);
	return err_set(
		e, -EINVAL, "no test is left%s%s", c->set->only ? " by --only " : "", c->set->only ? c->set->only : "");
}

static int make_jobs(struct command *c, struct err *e)
{
	size_t room = c->list.nr * MAX(c->set->nr_kernels, (size_t)1) + 1;
	int r = 0;

	c->job = calloc(room, sizeof(*c->job));
	c->spec = calloc(room, sizeof(*c->spec));
	if (!c->job || !c->spec)
		return no_memory(e);
	for (size_t i = 0; r == 0 && i < c->list.nr; i++) {
		const struct test_case *t = c->list.test[i];

		if (!is_wanted(c, t))
			continue;
		c->wanted = t;
		if (!t->machine || t->has_kernel)
			r = add_job(c, t, SIZE_MAX, e);
		else if (!c->set->nr_kernels)
			r = err_set(e, -EINVAL, "%s: no kernel; --kernel names one, or a line kernel = PATH", t->name);
		for (size_t k = 0; r == 0 && t->machine && !t->has_kernel && k < c->set->nr_kernels; k++)
			r = add_job(c, t, k, e);
	}
	return r == 0 && !c->nr ? no_test_left(c, e) : r;
}

/* --- Shards ---------------------------------------------------------------------------------------------------- */

/* Assigns each test to a shard; only ours are left to run. */
static int make_plan(struct command *c, struct err *e)
{
	CLEANUP_FREE unsigned *in = calloc(c->nr + 1, sizeof(*in));
	size_t mine = 0;

	c->shard = (struct shard){1, 1};
	if (c->set->shard && shard_parse(c->set->shard, &c->shard, e) < 0)
		return -EINVAL;
	c->plan.of = c->shard.of;
	c->plan.test = calloc(c->nr + 1, sizeof(*c->plan.test));
	if (!in || !c->plan.test || shard_assign(c->job, c->nr, &c->durations, c->shard.of, in) < 0)
		return no_memory(e);
	for (; c->plan.nr < c->nr; c->plan.nr++) {
		size_t i = c->plan.nr;

		c->plan.test[i] = (struct record_test){(char *)c->job[i].name, (char *)c->job[i].kernel, in[i]};
		if (in[i] != c->shard.k) {
			test_arguments_destroy(&c->spec[i]);
			continue;
		}
		c->job[mine] = c->job[i];
		c->spec[mine++] = c->spec[i];
	}
	c->nr = mine;
	if (c->set->shard)
		printf("shard %u of %u: %zu of %zu tests\n", c->shard.k, c->shard.of, c->nr, c->plan.nr);
	/* Without a record nobody reads them, and they may be large. */
	if (!c->set->record)
		return 0;
	return test_record_kernels(c->kernel, c->label, c->set->nr_kernels, &c->plan.kernels, e);
}

static void on_begin(void *arg, size_t job)
{
	progress_ops.begins(&((struct command *)arg)->progress, job);
}

static void on_attempt(void *arg, size_t job, const struct result_test *t)
{
	struct command *c = arg;

	test_record_attempt(&c->record, c->job[job].number, t);
}

static void on_end(void *arg, size_t job, const struct result_test *t)
{
	progress_ops.ends(&((struct command *)arg)->progress, job, t);
}

static void on_tick(void *arg)
{
	progress_ops.tick(&((struct command *)arg)->progress);
}

static const struct runner_ops ops = {.begins = on_begin, .attempt = on_attempt, .ends = on_end, .tick = on_tick};

/* --- How many at once ------------------------------------------------------------------------------------------ */

static uint64_t available_bytes(void)
{
	CLEANUP_FCLOSE FILE *f = fopen("/proc/meminfo", "re");
	unsigned long long kib = 0;
	char line[128];

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "MemAvailable: %llu", &kib) == 1)
			return kib * KIB;
	return 0;
}

static unsigned choose_jobs(const struct command *c)
{
	uint64_t machine_mem = c->set->machine.mem_bytes ? c->set->machine.mem_bytes : MEM_DEFAULT;
	uint64_t mem = MEM_BESIDE, room = available_bytes() / 4 * 3, cpus, most = 1;
	cpu_set_t set;
	unsigned jobs;

	if (c->set->jobs)
		return MIN(c->set->jobs, (unsigned)RUNNER_JOBS_MAX);
	for (size_t i = 0; i < c->list.nr; i++) {
		const struct test_case *t = c->list.test[i];

		mem = MAX(mem, MEM_BESIDE + (t->mem_bytes ? t->mem_bytes : t->machine ? machine_mem : 0));
		most = MAX(
			most, test_case_sets(t, "cpus") || !t->machine ? t->cpus : MAX(c->set->machine.cpus, t->cpus));
	}
	CPU_ZERO(&set);
	cpus = sched_getaffinity(0, sizeof(set), &set) == 0 ? (uint64_t)CPU_COUNT(&set) : 1;
	jobs = (unsigned)MAX(MIN(MIN(cpus / most, room / mem), (uint64_t)RUNNER_JOBS_MAX), UINT64_C(1));
	if (room && room / mem < cpus / most)
		printf("%u at once, as memory allows: %llu MiB each\n", jobs, (unsigned long long)(mem / MIB));
	else
		printf("%u at once, as the CPUs allow\n", jobs);
	fflush(stdout);
	return jobs;
}

/* --- Running --------------------------------------------------------------------------------------------------- */

static int open_logs(struct command *c, struct err *e)
{
	const char *dir = c->set->logs;

	if (!dir)
		return 0;
	if (mkdir(dir, 0777) < 0 && errno != EEXIST)
		return err_sys(e, -errno, "--keep-logs %s", dir);
	c->log_dir = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (c->log_dir < 0)
		return err_sys(e, -errno, "--keep-logs %s", dir);
	if (asprintf(&c->log_path, "%s/", dir) < 0)
		return no_memory(e);
	return 0;
}

static int prepare(struct command *c, struct err *e)
{
	int r = read_lists(c, e);

	if (r == 0)
		r = read_known(c, e);
	if (r == 0)
		r = read_allow(c, e);
	if (r == 0)
		r = find_kernels(c, e);
	if (r == 0)
		r = test_paths_find(c->set, &c->paths, e);
	if (r == 0 && c->set->rerun_failed)
		r = earlier_read(&c->last, "rerun-failed", c->set->rerun_failed, e);
	if (r == 0 && c->set->durations)
		r = earlier_read(&c->durations, "durations", c->set->durations, e);
	if (r == 0)
		r = make_jobs(c, e);
	if (r == 0)
		r = make_plan(c, e);
	if (r == 0)
		r = open_logs(c, e);
	if (r == 0)
		r = reports_open(&c->reports, c->set->junit, c->set->ktap, c->set->json, e);
	if (r == 0 && c->set->record)
		r = test_record_open(&c->record, c->set->record, &c->shard, e);
	return err_operator(e, r);
}

static int run(struct command *c, int *ret_signal, struct err *e)
{
	struct runner_config config = {.job = c->job,
		.nr = c->nr,
		.jobs = choose_jobs(c),
		.retries = c->set->retries,
		.log_dir = c->log_dir,
		.log_path = c->log_path ? c->log_path : "",
		.ops = &ops,
		.arg = c};
	int r = 0;

	if (!c->set->fresh)
		r = test_snapshots_take(&c->snapshots, c->spec, c->job, c->nr, config.jobs, c->set->timeout_ns, e);
	if (r == 0)
		r = launcher_start(c->spec, c->nr, &c->launcher, e);
	test_snapshots_close(&c->snapshots);
	if (r < 0)
		return r;
	r = runner_new(&config, &c->launcher, &c->runner);
	if (r < 0)
		return err_sys(e, r, "cannot start");
	progress_init(&c->progress, c->job, c->nr);
	if (c->record.out)
		r = record_write_plan(c->record.out, &c->plan, c->shard.k, c->when);
	if (r < 0)
		return err_sys(e, r, "--record: cannot write %s", c->record.path);
	if (c->set->confined)
		r = reports_confine(&c->reports, c->log_dir, e);
	if (r < 0)
		return r;
	c->began = true;
	r = runner_run(c->runner, ret_signal);
	if (r == -EPIPE)
		return err_set(e, r, "the process that starts the tests is gone");
	return r < 0 ? err_sys(e, r, "the tests cannot go on") : 0;
}

static int debug(struct command *c, struct err *e)
{
	if (c->nr > 1)
		return err_operator(e,
			err_set(e, -EINVAL,
				"--debug-test %.200s: there are %zu tests of this name; one --kernel, "
				"or one list, has one",
				c->set->debug, c->nr));
	return test_debug(c->wanted, &c->spec[0], e);
}

static int write_reports(struct command *c, bool complete, struct err *e)
{
	struct results all = {.name = "vmm test",
		.complete = complete,
		.when = c->when,
		.took_ns = trace_now_ns() - c->progress.begin_ns};
	struct err own = {};
	int r = test_record_end(&c->record, complete, all.took_ns, e), code;

	all.test = runner_results(c->runner, &all.nr);
	code = reports_write(&c->reports, &all, r < 0 ? &own : e);
	return r < 0 ? r : code;
}

int test_command(const struct test_settings *set)
{
	CLEANUP(command_destroy)
	struct command c = {
		.set = set, .when = time(NULL), .log_dir = -1, .launcher = LAUNCHER_NONE, .reports = REPORTS_CLOSED};
	struct err e = {}, written = {};
	int r = prepare(&c, &e), signal = 0, w = 0;

	if (r < 0) {
		fprintf(stderr, "vmm: %s\n", e.text);
		return err_exit_status(&e);
	}
	if (set->debug) {
		r = debug(&c, &e);
		if (r < 0)
			fprintf(stderr, "vmm: %s\n", e.text);
		return r < 0 ? err_exit_status(&e) : r;
	}
	r = run(&c, &signal, &e);
	/* No test may still run when the reports are written, even if that fails. */
	launcher_stop(&c.launcher);
	if (c.began) {
		w = write_reports(&c, r == 0 && !signal, &written);
		progress_summary(&c.progress, signal);
	}
	if (r < 0)
		fprintf(stderr, "vmm: %s\n", e.text);
	if (w < 0)
		fprintf(stderr, "vmm: %s\n", written.text);
	if (r < 0 || w < 0 || (c.progress.of[RESULT_ERROR] && !signal))
		return EXIT_FAILED;
	if (signal)
		return 128 + signal;
	return c.progress.bad ? EXIT_TEST_FAILED : 0;
}
