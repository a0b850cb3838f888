// SPDX-License-Identifier: Apache-2.0
/* A test that hangs fails, by its name: tests/support/unit.h. */
#include <stdbool.h>
#include <sys/wait.h>

#include "tests/support/unit.h"

static bool set_up, torn_down;

static int first(void **state)
{
	set_up = true;
	*state = &set_up;
	return 0;
}

static int last(void **state)
{
	torn_down = *state == &set_up;
	return 0;
}

static void passes(void **state)
{
	assert_true(set_up && *state == &set_up);
}

static void waits_for_nothing(void **state)
{
	for (;;)
		pause();
}

static int one_that_hangs(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(passes, first, last),
		cmocka_unit_test(waits_for_nothing),
	};

	setenv("VMM_TEST_SECONDS", "1", 1);
	return run_group(tests);
}

/* Runs in a process of its own, whose standard error is a pipe. Return: its status; its output is in @text. */
static int run_apart(int (*group)(void), char *text, size_t size)
{
	size_t n = 0;
	int p[2], status;
	ssize_t r;
	pid_t pid;

	assert_int_equal(pipe(p), 0);
	fflush(NULL);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		dup2(p[1], STDOUT_FILENO);
		dup2(p[1], STDERR_FILENO);
		_exit(group());
	}
	close(p[1]);
	while ((r = read(p[0], text + n, size - 1 - n)) > 0)
		n += (size_t)r;
	text[n] = '\0';
	close(p[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static void a_test_that_hangs_is_named(void **state)
{
	char text[4096];
	int status = run_apart(one_that_hangs, text, sizeof(text));

	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGABRT);
	assert_non_null(strstr(text, "[  FAILED  ] waits_for_nothing: it hangs"));
}

static int one_that_passes(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test_setup_teardown(passes, first, last)};

	return run_group(tests) || !torn_down;
}

static void a_test_has_its_own_state(void **state)
{
	char text[4096];

	assert_int_equal(run_apart(one_that_passes, text, sizeof(text)), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_test_that_hangs_is_named),
		cmocka_unit_test(a_test_has_its_own_state),
	};

	return run_group(tests);
}
