// SPDX-License-Identifier: Apache-2.0
/*
 * The runner of `vmm test` and its launcher, with shell commands in place of vmm: what becomes of each output, status
 * and time limit, and what is left of it in memory and in files.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/test/runner.h"
#include "tests/support/unit.h"
#include "vmm/base/clock.h"
#include "vmm/base/trace.h"

#define JOBS_MAX 12

struct rig {
	char dir[40];
	int dir_fd;
	char *argv[JOBS_MAX][4];
	struct launch_spec spec[JOBS_MAX];
	struct runner_job job[JOBS_MAX];
	struct runner_config config;
	struct launcher launcher;
	struct runner *runner;
	unsigned begun, ended, ticks;
	int signal;
	const struct result_test *result;
	size_t nr;
	int sends; /* a signal, when the first test ends; 0: none */
};

static void on_begin(void *arg, size_t job)
{
	((struct rig *)arg)->begun++;
}

static void on_end(void *arg, size_t job, const struct result_test *t)
{
	struct rig *r = arg;

	if (!r->ended++ && r->sends)
		kill(getpid(), r->sends);
}

static void on_tick(void *arg)
{
	((struct rig *)arg)->ticks++;
}

static const struct runner_ops ops = {.begins = on_begin, .ends = on_end, .tick = on_tick};

static void begin(struct rig *r)
{
	memset(r, 0, sizeof(*r));
	strcpy(r->dir, "/tmp/vmm-runner-XXXXXX");
	assert_non_null(mkdtemp(r->dir));
	r->dir_fd = open(r->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(r->dir_fd >= 0);
	r->config = (struct runner_config){
		.job = r->job, .jobs = 3, .log_dir = r->dir_fd, .log_path = "logs/", .ops = &ops, .arg = r};
	r->launcher = LAUNCHER_NONE;
}

/* The command runs in the directory of the logs. */
static struct runner_job *add(struct rig *r, const char *name, const char *command)
{
	size_t i = r->config.nr++;

	assert_true(i < JOBS_MAX);
	r->argv[i][0] = (char *)"/bin/sh";
	r->argv[i][1] = (char *)"-c";
	r->argv[i][2] = (char *)command;
	r->spec[i] = (struct launch_spec){.argv = r->argv[i], .dir = r->dir};
	r->job[i] = (struct runner_job){.name = name, .kernel = "", .number = i, .limit_ns = 20 * NSEC_PER_SEC};
	return &r->job[i];
}

static void run(struct rig *r)
{
	struct err e = {};

	assert_int_equal(launcher_start(r->spec, r->config.nr, &r->launcher, &e), 0);
	assert_int_equal(runner_new(&r->config, &r->launcher, &r->runner), 0);
	assert_int_equal(runner_run(r->runner, &r->signal), 0);
	r->result = runner_results(r->runner, &r->nr);
}

static void end(struct rig *r)
{
	char command[80];

	launcher_stop(&r->launcher);
	launcher_stop(&r->launcher);
	runner_free(r->runner);
	close(r->dir_fd);
	snprintf(command, sizeof(command), "rm -rf %s", r->dir);
	assert_int_equal(system(command), 0);
}

static void expect(const struct rig *r, size_t i, enum result_outcome outcome, bool expected, const char *why)
{
	const struct result_test *t = &r->result[i];

	assert_string_equal(t->name, r->job[i].name);
	assert_string_equal(result_outcome_name(t->outcome), result_outcome_name(outcome));
	assert_int_equal(t->expected, expected);
	assert_string_equal(t->why, why);
}

static void in_file(const struct rig *r, const char *name, const char *want)
{
	char text[200] = "";
	int fd = openat(r->dir_fd, name, O_RDONLY);

	if (fd < 0)
		fail_msg("no file %s", name);
	assert_true(read(fd, text, sizeof(text) - 1) >= 0);
	close(fd);
	assert_string_equal(text, want);
}

static void each_has_its_outcome(void **state)
{
	struct rig r;

	begin(&r);
	r.config.retries = 1;
	add(&r, "passes", "printf '1..1\\nok 1 a\\n'");
	add(&r, "fails", "echo out; echo first >&2; echo 'vmm: last' >&2; echo >&2; exit 3");
	add(&r, "as expected", "echo out; exit 3")->expect = RESULT_FAIL;
	add(&r, "known", "exit 3")->known = true;
	add(&r, "surprise", "exit 0")->known = true;
	add(&r, "a skip", "exit 0")->expect = RESULT_SKIP;
	add(&r, "flaky", "echo more; [ -e flaky ] || { : >flaky; exit 3; }");
	add(&r, "error", "echo 'first line' >&2; echo 'vmm: no kernel' >&2; exit 2");
	add(&r, "killed", "kill -9 $$");
	add(&r, "gone", NULL);
	r.argv[9][0] = (char *)"/no/such/program";
	run(&r);
	assert_int_equal(r.nr, 10);
	expect(&r, 0, RESULT_PASS, true, "");
	expect(&r, 1, RESULT_FAIL, false, "it wrote 1 to the exit port");
	expect(&r, 2, RESULT_FAIL, true, "it wrote 1 to the exit port");
	expect(&r, 3, RESULT_FAIL, true, "it wrote 1 to the exit port");
	expect(&r, 4, RESULT_PASS, false, "it passed, and a failure was expected");
	expect(&r, 5, RESULT_PASS, false, "it passed, and skip was expected");
	expect(&r, 6, RESULT_PASS, true, "");
	expect(&r, 7, RESULT_ERROR, false, "vmm: no kernel");
	expect(&r, 8, RESULT_ERROR, false, "vmm did not end by itself");
	assert_int_equal(r.result[9].outcome, RESULT_ERROR);
	assert_non_null(strstr(r.result[9].why, "/no/such/program"));
	assert_int_equal(r.result[9].status, 125);
	assert_int_equal(r.result[1].status, 3);
	/* What was not expected was tried twice. */
	for (size_t i = 0; i < r.nr; i++)
		assert_int_equal(r.result[i].attempts, r.result[i].expected && i != 6 ? 1 : 2);
	assert_int_equal(r.begun, 10 + 6 + 1);
	assert_int_equal(r.ended, 10);
	assert_true(r.ticks > 0);
	assert_int_equal(r.signal, 0);
	/* The last attempt's output stays in memory if it was not as expected; the files have all of it. */
	assert_null(r.result[0].log);
	assert_null(r.result[2].log);
	assert_int_equal(r.result[1].log_size, 4);
	assert_string_equal(r.result[1].log, "out\n");
	assert_string_equal(r.result[1].log_path, "logs/fails.2.log");
	in_file(&r, "surprise.5.log", "");
	in_file(&r, "as_expected.3.log", "out\n");
	in_file(&r, "flaky.7.log", "more\nmore\n");
	assert_true(r.result[0].ktap->found && !r.result[1].ktap->found);
	assert_true(r.result[0].took_ns > 0 && r.result[0].took_ns < 20 * NSEC_PER_SEC);
	end(&r);
}

static void is_in_log(const struct result_test *t, const struct ktap_case *c, const char *want)
{
	size_t n = strlen(want);

	assert_true(c->log < c->log_end && c->log_end <= t->log_size && c->log_end - c->log >= n);
	assert_memory_equal(t->log + c->log_end - n, want, n);
}

/* The results of a command are in its standard output, the log has all that was printed. */
static void cases_of_a_command_are_where_the_log_has_them(void **state)
{
	const struct ktap_case *c;
	struct rig r;

	begin(&r);
	/* More than a pipe holds, so that some of it was read before the rest is written. */
	add(&r, "both",
		"printf 'TAP version 13\n1..2\n'; head -c 200000 /dev/zero | tr '\\0' e >&2; echo >&2; "
		"printf 'ok 1 a\n'; head -c 200000 /dev/zero | tr '\\0' f >&2; printf '\nnot ok 2 b\n'; exit 1")
		->command = true;
	run(&r);
	assert_true(r.result[0].ktap->found);
	assert_true(r.result[0].log_size > 400000);
	c = r.result[0].ktap->root.child;
	is_in_log(&r.result[0], c, "ok 1 a\n");
	is_in_log(&r.result[0], c->next, "not ok 2 b\n");
	assert_true(c->next->log >= c->log_end);
	end(&r);
}

static void names_of_logs_are_safe(void **state)
{
	struct rig r;

	begin(&r);
	add(&r, "../a b/c;\n", "echo x")->kernel = "6.1";
	add(&r, ".hidden", "echo y");
	run(&r);
	in_file(&r, "6.1-.._a_b_c__.1.log", "x\n");
	in_file(&r, "_hidden.2.log", "y\n");
	end(&r);
	/* Without a directory there are none. */
	begin(&r);
	r.config.log_dir = -1;
	add(&r, "a", "exit 3");
	run(&r);
	assert_null(r.result[0].log_path);
	assert_int_equal(faccessat(r.dir_fd, "a.1.log", F_OK, 0), -1);
	end(&r);
}

#define REPORT(name) "echo '{\"outcome\": {\"name\": \"" name "\"}}' >&4; "

/* Its streams have descriptors of their own; what its kernel says, or vmm, is none of its results. */
static void a_command_has_four_streams(void **state)
{
	struct rig r;

	begin(&r);
	/* Descriptors that the launcher inherits are not in the way of those that it hands on. */
	for (int i = 0; i < 4; i++)
		assert_true(fcntl(r.dir_fd, F_DUPFD_CLOEXEC, 3) >= 3);
	add(&r, "passes", REPORT("command") "printf '1..1\\nok 1 a\\n'; echo 'not ok 1 b' >&3; echo 'BUG: e' >&2");
	add(&r, "status", REPORT("command") "printf 'BUG: no line'; sleep 0.2; echo err >&2; exit 124");
	add(&r, "splat", REPORT("command") "echo out; echo 'BUG: x' >&3");
	add(&r, "panic", REPORT("panic") "echo 'ok 1 a'; echo 'Kernel panic - not syncing: y' >&3; exit 255");
	add(&r, "no report", "echo 'vmm: it broke' >&2; exit 0");
	add(&r, "a long one", REPORT("command") "head -c 1048577 /dev/zero >&4");
	add(&r, "much", REPORT("command") "head -c 16777217 /dev/zero >&3");
	for (size_t i = 0; i < r.config.nr; i++)
		r.job[i].command = true;
	add(&r, "no command", "[ ! -e /proc/self/fd/4 ]");
	/* What the kernel printed before the guest was cloned. */
	add(&r, "cloned", REPORT("command") "echo out; echo 'later' >&3");
	r.job[8].command = true;
	r.job[8].boot = "BUG: early\n";
	r.job[8].boot_size = strlen(r.job[8].boot);
	run(&r);
	expect(&r, 0, RESULT_PASS, true, "");
	assert_int_equal(r.result[0].ktap->nr, 1);
	expect(&r, 1, RESULT_FAIL, false, "it exited with status 124");
	assert_string_equal(r.result[1].log, "BUG: no line\nerr\n");
	in_file(&r, "status.2.log", "BUG: no line\nerr\n");
	expect(&r, 2, RESULT_SPLAT, false, "BUG: x");
	expect(&r, 3, RESULT_PANIC, false, "Kernel panic - not syncing: y");
	expect(&r, 4, RESULT_ERROR, false, "vmm: it broke");
	expect(&r, 5, RESULT_ERROR, false, "vmm did not end by itself");
	expect(&r, 6, RESULT_FAIL, false, "it printed more than is read");
	expect(&r, 7, RESULT_PASS, true, "");
	expect(&r, 8, RESULT_SPLAT, false, "BUG: early");
	assert_memory_equal(r.result[8].log, "BUG: early\n", 11);
	end(&r);
}

/* One byte less than the limit is read, and a byte more is a failure. */
static void too_much_output_is_a_failure(void **state)
{
	struct rig r;

	begin(&r);
	r.config.log_dir = -1;
	add(&r, "much", "head -c 16777216 /dev/zero; exit 3");
	add(&r, "too much", "head -c 16777217 /dev/zero");
	run(&r);
	expect(&r, 0, RESULT_FAIL, false, "it wrote 1 to the exit port");
	assert_int_equal(r.result[0].log_size, RUNNER_LOG_MAX);
	expect(&r, 1, RESULT_FAIL, false, "it printed more than is read");
	end(&r);
}

static void who_does_not_end_is_killed(void **state)
{
	uint64_t begin_ns = trace_now_ns();
	struct rig r;

	begin(&r);
	add(&r, "hangs", "echo x; exec sleep 100")->limit_ns = 200 * NSEC_PER_MSEC;
	/* Its output is held open by a process that it has started, and that ends with it. */
	add(&r, "leaves one", "sleep 100 & exit 3");
	run(&r);
	expect(&r, 0, RESULT_ERROR, false, "vmm did not end at its time limit, and was killed");
	assert_string_equal(r.result[0].log, "x\n");
	expect(&r, 1, RESULT_FAIL, false, "it wrote 1 to the exit port");
	assert_true(trace_now_ns() - begin_ns < 20 * NSEC_PER_SEC);
	end(&r);
}

/* No more tests begin, and those that run are ended; the results until then are there. */
static void a_signal_ends_the_run(void **state)
{
	static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
	uint64_t begin_ns = trace_now_ns();

	for (size_t i = 0; i < ARRAY_SIZE(signals); i++) {
		struct rig r;

		begin(&r);
		r.config.jobs = 2;
		r.sends = signals[i];
		add(&r, "first", "exit 0");
		add(&r, "long", "exec sleep 100");
		add(&r, "never", "touch never");
		run(&r);
		assert_int_equal(r.signal, signals[i]);
		assert_true(r.nr == 1 && r.begun <= 3);
		expect(&r, 0, RESULT_PASS, true, "");
		end(&r);
	}
	assert_true(trace_now_ns() - begin_ns < 20 * NSEC_PER_SEC);
}

static void a_launcher_that_is_gone_is_an_error(void **state)
{
	struct err e = {};
	struct rig r;

	begin(&r);
	add(&r, "a", "exec sleep 100");
	assert_int_equal(launcher_start(r.spec, r.config.nr, &r.launcher, &e), 0);
	assert_int_equal(runner_new(&r.config, &r.launcher, &r.runner), 0);
	kill(r.launcher.pid, SIGKILL);
	assert_int_equal(runner_run(r.runner, &r.signal), -EPIPE);
	end(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_has_its_outcome),
		cmocka_unit_test(cases_of_a_command_are_where_the_log_has_them),
		cmocka_unit_test(names_of_logs_are_safe),
		cmocka_unit_test(a_command_has_four_streams),
		cmocka_unit_test(too_much_output_is_a_failure),
		cmocka_unit_test(who_does_not_end_is_killed),
		cmocka_unit_test(a_signal_ends_the_run),
		cmocka_unit_test(a_launcher_that_is_gone_is_an_error),
	};

	return run_group(tests);
}
