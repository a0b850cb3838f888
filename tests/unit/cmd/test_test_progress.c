// SPDX-License-Identifier: Apache-2.0
/* What `vmm test` prints while it runs, and at its end: every byte of it, on a terminal and elsewhere. */
#include <signal.h>
#include <string.h>

#include "cmd/test/progress.h"
#include "tests/unit/cmd/captured.h"
#include "vmm/base/clock.h"
#include "vmm/base/trace.h"

#define MS NSEC_PER_MSEC

static const struct runner_job job[] = {{.name = "one"}, {.name = "two\nlines"}, {.name = "three"}, {.name = "four"}};
static struct progress p;
static int (*what)(void);

static int command(int argc, char **argv)
{
	progress_init(&p, job, ARRAY_SIZE(job));
	return what();
}

static char *printed(int (*by)(void))
{
	static struct captured c;

	what = by;
	captured_run(&c, command, 0, NULL);
	assert_string_equal(c.err, "");
	return c.out;
}

static struct result_test result(const char *name, enum result_outcome o, bool expected)
{
	return (struct result_test){.name = name,
		.kernel = "",
		.outcome = o,
		.expected = expected,
		.attempts = 1,
		.took_ns = 300 * MS,
		.why = ""};
}

static void ends(size_t nr, struct result_test t)
{
	progress_ops.ends(&p, nr, &t);
}

static int in_a_file(void)
{
	struct result_test t = result("two\nlines", RESULT_PANIC, false);

	assert_false(p.terminal);
	for (size_t i = 0; i < 4; i++)
		progress_ops.begins(&p, i);
	progress_ops.tick(&p);
	ends(0, result("one", RESULT_PASS, true));
	t.kernel = "6.1";
	t.why = "it said \033[31m";
	t.log_path = "logs/a\tb";
	ends(1, t);
	t = result("three", RESULT_PASS, true);
	t.attempts = 2;
	t.log_path = "logs/three";
	ends(2, t);
	ends(3, result("four", RESULT_PASS, false));
	assert_int_equal(p.nr_running, 0);
	progress_summary(&p, 0);
	return 0;
}

static void lines_of_results_and_the_summary(void **state)
{
	char *text = printed(in_a_file), *summary = strstr(text, "4 of 4");

	assert_non_null(summary);
	assert_string_equal(strstr(summary, " s: "), " s: 2 as expected, 2 not, 1 flaky; outcomes: pass 3 panic 1\n");
	*summary = '\0';
	assert_string_equal(text,
		"PANIC two\\x0alines on 6.1 (0.3 s): it said \\x1b[31m\n  its output: logs/a\\x09b\n"
		"FLAKY three (0.3 s)\nUNEXPECTED PASS four (0.3 s)\n");
}

static int on_a_terminal(void)
{
	p.terminal = true;
	progress_ops.tick(&p);
	progress_ops.begins(&p, 1);
	progress_ops.begins(&p, 0);
	p.drawn_ns = trace_now_ns() - 100 * MS;
	progress_ops.tick(&p);
	ends(1, result("two\nlines", RESULT_FAIL, false));
	ends(0, result("one", RESULT_PASS, true)); /* nothing is drawn that would have to be erased */
	progress_ops.begins(&p, 2);
	p.drawn_ns = trace_now_ns() - 100 * MS;
	progress_ops.tick(&p);
	progress_summary(&p, SIGINT);
	return 0;
}

/* The line is erased before another takes its place, and once. */
static void a_line_that_changes(void **state)
{
	char *text = printed(on_a_terminal), *summary = strstr(text, "2 of 4");

	assert_non_null(summary);
	assert_non_null(strstr(summary,
		" s: 1 as expected, 1 not; outcomes: pass 1 fail 1\n"
		"ended by signal 2: 2 tests did not end\n"));
	*summary = '\0';
	assert_string_equal(text,
		"[                    ] 0/4, 0 failed, 0 running: \r\033[K"
		"[                    ] 0/4, 0 failed, 2 running: two\\x0alines\r\033[K"
		"FAIL two\\x0alines (0.3 s)\n"
		"[==========          ] 2/4, 1 failed, 1 running: three\r\033[K");
}

static int long_names(void)
{
	static char name[3000];
	struct result_test t;

	memset(name, 'n', sizeof(name) - 1);
	t = result(name, RESULT_FAIL, false);
	ends(0, t);
	return 0;
}

static void a_long_name_is_cut(void **state)
{
	const char *text = printed(long_names);

	assert_int_equal(strlen(text), strlen("FAIL \n") + 1199);
	assert_int_equal(strspn(text + 5, "n"), 1199);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_of_results_and_the_summary),
		cmocka_unit_test(a_line_that_changes),
		cmocka_unit_test(a_long_name_is_cut),
	};

	return run_group(tests);
}
