/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every unit test includes. A test program is one cmocka group; main() returns what run_group() returns, or
 * SKIPPED after saying why on stderr: cmocka's exit-code protocol, since meson counts a skip in TAP as a failure.
 */
#ifndef TESTS_SUPPORT_UNIT_H
#define TESTS_SUPPORT_UNIT_H

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/support/locks.h"

/* cmocka 2 has two of these, by sign, and calls the one of cmocka 1 deprecated. */
#ifdef assert_uint_in_range
#undef assert_in_range
#define assert_in_range assert_uint_in_range
#endif

#define SKIPPED 77

/*
 * How long one test may take: less than the program as a whole (the timeouts of the meson.build files), so that it is
 * the test that fails, with its name. ThreadSanitizer has three times as long in both. VMM_TEST_SECONDS overrides it.
 */
#ifndef TEST_SECONDS
#define TEST_SECONDS 25
#endif
#if defined(__SANITIZE_THREAD__)
#define UNDER_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define UNDER_TSAN 1
#endif
#endif
#ifndef UNDER_TSAN
#define UNDER_TSAN 0
#endif
#define TEST_SLOWER (UNDER_TSAN ? 3 : 1)

/* The original test and its state: they are called through a wrapper with a time limit. */
struct timed_test {
	const struct CMUnitTest *test;
	void *state;
};

static timer_t test_timer;
static void *test_group_state; /* set by a group's fixture: the state of tests without a fixture of their own */
static const char *volatile test_running;

/* Whatever thread this is in, only write() and abort() are safe here. */
static inline void test_hangs(int signo)
{
	static const char before[] = "[  FAILED  ] ", after[] = ": it hangs (tests/support/unit.h: TEST_SECONDS)\n";
	const char *name = test_running ? test_running : "?";

	if (write(STDERR_FILENO, before, sizeof(before) - 1) > 0 && write(STDERR_FILENO, name, strlen(name)) > 0 &&
		write(STDERR_FILENO, after, sizeof(after) - 1) > 0)
		test_running = NULL;
	abort();
}

static inline void test_clock(time_t seconds, const char *name)
{
	test_running = name;
	timer_settime(test_timer, 0, &(const struct itimerspec){.it_value.tv_sec = seconds}, NULL);
}

static inline time_t test_seconds(void)
{
	const char *set = getenv("VMM_TEST_SECONDS");

	return set ? atoi(set) : TEST_SECONDS * TEST_SLOWER;
}

static inline int timed_set_up(void **state)
{
	struct timed_test *t = *state;

	test_clock(test_seconds(), t->test->name);
	t->state = t->test->initial_state ? t->test->initial_state : test_group_state;
	return t->test->setup_func ? t->test->setup_func(&t->state) : 0;
}

static inline void timed_run(void **state)
{
	struct timed_test *t = *state;

	t->test->test_func(&t->state);
	if (locks_held())
		fail_msg("%u locks are kept", locks_held());
}

static inline int timed_tear_down(void **state)
{
	struct timed_test *t = *state;
	int r = t->test->teardown_func ? t->test->teardown_func(&t->state) : 0;

	test_clock(0, NULL);
	return r;
}

static inline int run_timed(
	const struct CMUnitTest *tests, size_t nr, CMFixtureFunction group_setup, CMFixtureFunction group_teardown)
{
	struct CMUnitTest *timed = calloc(nr, sizeof(*timed));
	struct timed_test *own = calloc(nr, sizeof(*own));
	struct sigevent ev = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMAX};
	struct sigaction sa = {.sa_handler = test_hangs};
	int failed;

	if (!timed || !own || sigaction(SIGRTMAX, &sa, NULL) < 0 || timer_create(CLOCK_MONOTONIC, &ev, &test_timer) < 0)
		abort();
	for (size_t i = 0; i < nr; i++) {
		own[i].test = &tests[i];
		timed[i] = (struct CMUnitTest){tests[i].name, timed_run, timed_set_up, timed_tear_down, &own[i]};
	}
	failed = group_setup && group_setup(&test_group_state);
	if (!failed) {
		failed = _cmocka_run_group_tests("tests", timed, nr, NULL, NULL);
		failed |= group_teardown && group_teardown(&test_group_state);
	}
	timer_delete(test_timer);
	free(timed);
	free(own);
	return failed ? 1 : 0;
}

/**
 * run_group() - run an array of cmocka tests, each for TEST_SECONDS at most
 *
 * One that hangs ends the program, with its name.
 *
 * Return: 0 or 1: cmocka's count of failures would overflow an exit status, and 77 of them would look like a skip.
 */
#define run_group(tests) run_timed(tests, sizeof(tests) / sizeof((tests)[0]), NULL, NULL)

/** run_group_with() - the same, with a setup before the first test and a teardown after the last */
#define run_group_with(tests, set_up, tear_down) run_timed(tests, sizeof(tests) / sizeof((tests)[0]), set_up, tear_down)

/**
 * skip_program() - for main(): the program cannot run on this machine
 * @why: what is missing
 *
 * Return: SKIPPED, or 1 where VMM_TEST_REQUIRED=1 says that every test has to run.
 */
static inline int skip_program(const char *why)
{
	const char *required = getenv("VMM_TEST_REQUIRED");

	if (required && required[0] == '1') {
		fprintf(stderr, "FAILED: cannot run here (%s), and VMM_TEST_REQUIRED=1\n", why);
		return 1;
	}
	fprintf(stderr, "SKIPPED: %s\n", why);
	return SKIPPED;
}

#endif
