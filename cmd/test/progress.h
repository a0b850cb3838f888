/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Progress output of a run: on a terminal a bar and the test that is running; elsewhere one line for each test whose
 * outcome was not expected. Failures are printed as they occur, and a summary at the end.
 */
#ifndef CMD_TEST_PROGRESS_H
#define CMD_TEST_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

#include "cmd/test/runner.h"

/**
 * struct progress - zero-initialise, then progress_init()
 * @bad: tests whose outcome was not expected; @flaky: those that passed in a later attempt
 * @running: running jobs, the oldest first
 */
struct progress {
	const struct runner_job *job;
	size_t nr;
	size_t done;
	size_t bad;
	size_t flaky;
	size_t of[RESULT_OUTCOME_COUNT];
	size_t running[RUNNER_JOBS_MAX];
	size_t nr_running;
	bool terminal;
	bool drawn;
	uint64_t begin_ns;
	uint64_t drawn_ns;
};

/** progress_init() - for @nr jobs; @job is borrowed */
void progress_init(struct progress *p, const struct runner_job *job, size_t nr);

/** progress_ops - for a runner whose @arg is a struct progress */
extern const struct runner_ops progress_ops;

/** progress_summary() - print the summary, one or two lines; @signal: the signal that ended the run, or 0 */
void progress_summary(struct progress *p, int signal);

#endif
