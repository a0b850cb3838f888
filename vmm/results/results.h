/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The results of a run of tests, as plain data, and its reports: JUnit, KTAP and JSON.
 *
 * Guest text in the reports is made harmless: valid UTF-8, no control characters, no line that a CI runner would read
 * as a command (printable.h), and no attachment tag that GitLab would follow.
 */
#ifndef VMM_RESULTS_RESULTS_H
#define VMM_RESULTS_RESULTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "vmm/results/ktap.h"

#define RESULTS_FORMAT   "vmm test 1"       /* of JSON */
#define RESULTS_LOG_MAX  (64 * 1024)        /* bytes of log in a case of JUnit: its beginning and its end */
#define RESULTS_FILE_MAX (20 * 1000 * 1000) /* bytes of a JUnit file; GitLab refuses more than 30 MB */

/* X(id, name, text): outcomes of a test */
#define RESULT_OUTCOMES(X)                                                                                             \
	X(PASS, "pass", "it passed")                                                                                   \
	X(FAIL, "fail", "it failed")                                                                                   \
	X(PANIC, "panic", "the guest panicked")                                                                        \
	X(SPLAT, "splat", "it passed, but the kernel complained")                                                      \
	X(TIMEOUT, "timeout", "its time ran out")                                                                      \
	X(CRASH, "crash", "the guest ended in a way that no program ends it")                                          \
	X(ERROR, "error", "it could not be run")                                                                       \
	X(SKIP, "skip", "nothing was tested")                                                                          \
	X(XFAIL, "xfail", "it failed as expected")

enum result_outcome {
#define X(id, name, text) RESULT_##id,
	RESULT_OUTCOMES(X)
#undef X
		RESULT_OUTCOME_COUNT
};

/**
 * struct result_test - a test on a kernel, with its last attempt; everything is borrowed
 * @kernel: "": it has none
 * @expected: the outcome is the one that was expected; false for a pass where a failure was expected
 * @attempts: a test that passed in a later one than the first is flaky; 0: it never ended, and is missing
 * @why: one sentence on the reason for the outcome; may contain guest text; "": none
 * @log_path: of the complete log, for links; NULL: none was kept
 * @log: @log_size bytes and a terminating NUL; NULL: none
 * @ktap: the results that were parsed from @log; NULL: none
 */
struct result_test {
	const char *name;
	const char *kernel;
	enum result_outcome outcome;
	bool expected;
	unsigned attempts;
	uint64_t took_ns;
	int status;
	const char *why;
	const char *log_path;
	const char *log;
	size_t log_size;
	const struct ktap *ktap;
};

/**
 * struct results - a run of tests
 * @name: of the run, "vmm test"
 * @complete: false: it was interrupted, and tests are missing
 * @when: seconds since 1970
 */
struct results {
	const char *name;
	const struct result_test *test;
	size_t nr;
	bool complete;
	int64_t when;
	uint64_t took_ns;
};

/** result_outcome_name() - "pass" and so on; result_outcome_text() - a clause for messages */
const char *result_outcome_name(enum result_outcome o);
const char *result_outcome_text(enum result_outcome o);

/** result_is_flaky() - it passed, but not in the first attempt */
bool result_is_flaky(const struct result_test *t);

/**
 * results_explain() - describe what is wrong with the results in a log: counts, and the first few names
 * @buf, @size: at least 1 byte; "" when nothing is wrong. Contains guest text, not escaped
 */
void results_explain(const struct ktap *k, char *buf, size_t size);

/**
 * results_junit() - write JUnit files that follow Jenkins' xunit schema, with the parts of it that GitLab reads
 * @open: called when there is data for file number @i, counted from 0; returning NULL ends the writing
 * @file_max: largest size of a file, exceeded only by a single larger case: RESULTS_FILE_MAX
 *
 * A suite is a kernel. Its cases are the leaf results in the logs of its tests, and each test whose outcome these do
 * not explain. Pairs of class and name are unique.
 *
 * Return: 0, -ENOMEM, or a negative errno of writing. Trust: guest.
 */
int results_junit(const struct results *r, FILE *(*open)(void *arg, unsigned i), void *arg, size_t file_max);

/** results_ktap() - write KTAP 1: a result for each test, with those in its log as subtests. Return: 0 or -EIO. */
int results_ktap(const struct results *r, FILE *out);

/** results_json() - write JSON; docs/test.schema.json describes it. Return: 0 or a negative errno. */
int results_json(const struct results *r, FILE *out);

#endif
