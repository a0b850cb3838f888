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
 * struct test_machine - settings for Linux machines that do not set them; everything is borrowed
 * @root: of commands, as @as_root, @modules and @share; NULL: not given
 * @modules: @nr_modules directories: none, or one for each kernel
 * @share: @nr_shares settings
 * @out: a directory that has one for the files of each command; NULL: not given
 * @append: @nr_appends texts for the kernel's command line
 * @mem_bytes, @cpus: 0: not given
 */
struct test_machine {
	const char *root;
	bool as_root;
	const char *const *modules;
	size_t nr_modules;
	const char *const *share;
	size_t nr_shares;
	const char *out;
	const char *const *append;
	size_t nr_appends;
	uint64_t mem_bytes;
	uint64_t cpus;
};

/**
 * struct test_settings - settings of the command line; everything is borrowed
 * @vmm: the program to run
 * @path: @nr_paths files, directories, "-" for names on standard input, or "@FILE" for those in a file
 * @command: @nr_command words of a command, for which @path are names; 0: none
 * @kernel: @nr_kernels paths
 * @jobs: how many tests run at once; 0: as many as CPUs and memory allow
 * @timeout_ns: for tests that set none
 * @only, @known, @allow_splat, @rerun_failed, @junit, @ktap, @json, @logs: NULL: not given
 * @sandbox: --sandbox of each vmm process; NULL: the default
 * @shard, @durations, @record: NULL: not given
 * @debug: the name of a test that runs alone, in the foreground; NULL: not given
 * @merge: @path are records, and no test runs
 * @fresh: each test boots; else commands get clones
 * @confined: the process that reads what guests print is confined
 */
struct test_settings {
	const char *vmm;
	const char *const *path;
	size_t nr_paths;
	const char *const *command;
	size_t nr_command;
	const char *const *kernel;
	size_t nr_kernels;
	struct test_machine machine;
	unsigned jobs;
	unsigned retries;
	uint64_t timeout_ns;
	const char *only;
	const char *known;
	const char *allow_splat;
	const char *rerun_failed;
	const char *junit;
	const char *ktap;
	const char *json;
	const char *logs;
	const char *sandbox;
	const char *shard;
	const char *durations;
	const char *record;
	const char *debug;
	bool merge;
	bool fresh;
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
