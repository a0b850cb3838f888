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

/**
 * struct runner_job - a test on a kernel; strings are borrowed, and outlive the runner
 * @allow: NULL: every complaint is a splat
 * @expect: its outcome; @known: any failure of it is expected, and a pass is not
 * @limit_ns: when it is killed, since vmm's own limit has not ended it; 0: never
 */
struct runner_job {
	const char *name;
	const char *kernel;
	const regex_t *allow;
	enum result_outcome expect;
	bool known;
	uint64_t limit_ns;
};

/**
 * struct runner_ops - what the caller hears; NULL: nothing
 * @begins, @ends: a test begins, or its result is final
 * @tick: nothing happened for a while
 */
struct runner_ops {
	void (*begins)(void *arg, size_t job);
	void (*ends)(void *arg, size_t job, const struct result_test *t);
	void (*tick)(void *arg);
};

/**
 * struct runner_config
 * @nr: of @job, and of the launcher's
 * @jobs: at once
 * @retries: further attempts of a test whose outcome was not expected
 * @log_dir: where each test's output is kept; -1: nowhere
 * @log_path: of @log_dir, in front of the names in results; "": the names alone
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

struct runner;

/** runner_new() - prepare; blocks SIGINT, SIGTERM, SIGHUP and SIGQUIT. Return: 0 or a negative errno */
int runner_new(const struct runner_config *config, struct launcher *l, struct runner **ret);

/**
 * runner_run() - run all tests
 * @ret_signal: the signal that ended it early, 0: none
 *
 * Return: 0; -EPIPE: the launcher is gone; another negative errno. Results of what ended are there in any case.
 */
int runner_run(struct runner *r, int *ret_signal);

/** runner_results() - of the tests that ended, in the order of the jobs; *@ret_nr of them; valid until runner_free() */
const struct result_test *runner_results(struct runner *r, size_t *ret_nr);

/** runner_free() - takes NULL */
void runner_free(struct runner *r);

#endif
