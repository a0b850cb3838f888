/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every unit test includes. A test program is one cmocka group; main() returns what run_group() returns, or
 * SKIPPED after saying why on stderr: cmocka's exit-code protocol, since meson counts a skip in TAP as a failure.
 */
#ifndef TESTS_SUPPORT_UNIT_H
#define TESTS_SUPPORT_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

/* cmocka 2 has two of these, by sign, and calls the one of cmocka 1 deprecated. */
#ifdef assert_uint_in_range
#undef assert_in_range
#define assert_in_range assert_uint_in_range
#endif

#define SKIPPED 77

/**
 * run_group() - run an array of cmocka tests
 *
 * Return: 0 or 1: cmocka's count of failures would overflow an exit status, and 77 of them would look like a skip.
 */
#define run_group(tests) (cmocka_run_group_tests(tests, NULL, NULL) ? 1 : 0)

/**
 * skip_program() - for main(): this program cannot run here
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
