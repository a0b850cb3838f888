/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs tests, each in a vmm process of its own, several at once, and judges them.
 */
#ifndef CMD_TEST_RUNNER_H
#define CMD_TEST_RUNNER_H

#include <regex.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cmd/test/launcher.h"
#include "vmm/results/results.h"

#define RUNNER_LOG_MAX  (16 * MIB) /* bytes of a test's output; a test that prints more fails */
#define RUNNER_JOBS_MAX 256
#define RUNNER_NAME_MAX 200

/**
 * struct runner_job - a test on a kernel; strings are borrowed and must outlive the runner
 * @number: of it in the whole run, which may have shards, from 0
 * @allow: kernel complaints that are no splat; NULL: every complaint is one
 * @expect: its expected outcome; @known: any failure is expected, and a pass is not
 * @command: its guest runs a command: its results are read from what that prints, the kernel's complaints from the
 * console, and how it ended from vmm's report
 * @boot: @boot_size bytes that the kernel of its guest printed before the guest was cloned
 * @limit_ns: when it is killed, in case vmm's own time limit has not ended it; 0: never
 */
struct runner_job {
	const char *name;
	const char *kernel;
	size_t number;
	const regex_t *allow;
	enum result_outcome expect;
	bool known;
	bool command;
	const char *boot;
	size_t boot_size;
	uint64_t limit_ns;
};

/**
 * struct runner_ops - callbacks; NULL: none
 * @begins, @ends: a test starts; its result is final
 * @attempt: an attempt has ended, before @ends if it is the last
 * @tick: called when nothing has happened for a while
 */
struct runner_ops {
	void (*begins)(void *arg, size_t job);
	void (*attempt)(void *arg, size_t job, const struct result_test *t);
	void (*ends)(void *arg, size_t job, const struct result_test *t);
	void (*tick)(void *arg);
};

/**
 * struct runner_config
 * @nr: number of jobs, the same as the launcher's
 * @jobs: how many run at once
 * @retries: further attempts for a test whose outcome was not expected
 * @log_dir: directory for the output of each test; -1: it is not kept
 * @log_path: path of @log_dir, prepended to the file names in results; "": none
 */
struct runner_config {
	const struct runner_job *job;
	size_t nr;
	unsigned jobs;
	unsigned retries;
	int log_dir;
	const char *log_path;
	const struct runner_ops *ops;
	void *arg;
};

/**
 * runner_file_name() - a safe name for what a job writes, with its number from 1: other characters than letters,
 * digits, . - _ become _
 * @end: of the name
 */
void runner_file_name(const struct runner_job *j, const char *end, char *buf, size_t size);

struct runner;

/** runner_new() - prepare; blocks SIGINT, SIGTERM, SIGHUP and SIGQUIT. Return: 0 or a negative errno */
int runner_new(const struct runner_config *config, struct launcher *l, struct runner **ret);

/**
 * runner_run() - run all tests
 * @ret_signal: the signal that ended it early, 0: none
 *
 * Return: 0; -EPIPE: the launcher is gone; another negative errno. Results of tests that have ended are available in
 * any case.
 */
int runner_run(struct runner *r, int *ret_signal);

/** runner_results() - of the tests that ended, in the order of the jobs; *@ret_nr of them; valid until runner_free() */
const struct result_test *runner_results(struct runner *r, size_t *ret_nr);

/** runner_free() - takes NULL */
void runner_free(struct runner *r);

#endif
