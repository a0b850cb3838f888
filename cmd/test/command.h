/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `vmm test`: runs a list of tests on a list of kernels, from the settings to the reports and the exit status.
 */
#ifndef CMD_TEST_COMMAND_H
#define CMD_TEST_COMMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define EXIT_TEST_FAILED 1

/**
 * struct test_settings - settings of the command line; everything is borrowed
 * @vmm: the program to run
 * @path: @nr_paths files, directories, or "-" for names on standard input
 * @kernel: @nr_kernels paths
 * @jobs: how many tests run at once; 0: as many as CPUs and memory allow
 * @timeout_ns: for tests that set none
 * @only, @known, @rerun_failed, @junit, @ktap, @json, @logs: NULL: not given
 * @sandbox: --sandbox of each vmm process; NULL: the default
 * @confined: the process that reads what guests print is confined
 */
struct test_settings {
	const char *vmm;
	const char *const *path;
	size_t nr_paths;
	const char *const *kernel;
	size_t nr_kernels;
	unsigned jobs;
	unsigned retries;
	uint64_t timeout_ns;
	const char *only;
	const char *known;
	const char *rerun_failed;
	const char *junit;
	const char *ktap;
	const char *json;
	const char *logs;
	const char *sandbox;
	bool confined;
};

/**
 * test_command() - run the tests and write the reports
 *
 * Return: the exit status. 0: every outcome was as expected; EXIT_TEST_FAILED: at least one was not; EXIT_USAGE;
 * EXIT_FAILED: a test could not be run, or a report could not be written; 128 + S: ended by signal S. Messages go to
 * standard error, progress to standard output.
 */
int test_command(const struct test_settings *s);

#endif
