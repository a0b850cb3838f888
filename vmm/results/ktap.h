/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads test results as kernels and their tests print them: KTAP 1, TAP 13 and 14, and what kselftest's runner makes of
 * them, out of a guest's console.
 *
 * Each line may begin with a printk level `<6>`, and with up to two groups in brackets (time stamp, caller). Results
 * nest by indentation (KTAP: 2 columns, TAP 14 and old KUnit: 4; any number is accepted) and, behind "# TAP version",
 * "# KTAP version" or "# 1..N", by kselftest's "# " in front of each line. A line that is not a plan, a version or a
 * result is output of the test whose result comes next, and is not an error.
 *
 * An error in the results is recorded as a fault of the innermost case that it concerns; a case with a fault has not
 * passed.
 *
 * Spec: Documentation/dev-tools/ktap.rst of Linux 6.12; testanything.org, TAP 13 and 14;
 * tools/testing/selftests/kselftest.h and kselftest/runner.sh of Linux 6.12.
 */
#ifndef VMM_RESULTS_KTAP_H
#define VMM_RESULTS_KTAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define KTAP_NAME_MAX  256   /* bytes of a name or a reason, with the NUL; the rest is cut off */
#define KTAP_DEPTH_MAX 16    /* deeper results count as output */
#define KTAP_CASES_MAX 65536 /* of one log; more are a fault */

/* X(id, name, passed): outcomes of a case, as reports name them */
#define KTAP_OUTCOMES(X)                                                                                               \
	X(PASS, "pass", true)                                                                                          \
	X(FAIL, "fail", false)                                                                                         \
	X(SKIP, "skip", true)                                                                                          \
	X(XFAIL, "xfail", true)                                                                                        \
	X(TIMEOUT, "timeout", false)                                                                                   \
	X(ERROR, "error", false)                                                                                       \
	X(MISSING, "missing", false)

enum ktap_outcome {
#define X(id, name, passed) KTAP_##id,
	KTAP_OUTCOMES(X)
#undef X
		KTAP_OUTCOME_COUNT
};

/* X(id, text): what may be wrong with the results of a case, or of the log as a whole */
#define KTAP_FAULTS(X)                                                                                                 \
	X(NUMBER, "its number is wrong")                                                                               \
	X(MISSING, "results that the plan has are missing")                                                            \
	X(BEYOND, "there are more results than the plan has")                                                          \
	X(PLAN, "its plan is wrong, or there is a second one")                                                         \
	X(EMPTY, "it announces results and has none")                                                                  \
	X(PARENT, "it says ok, but a test within it failed")                                                           \
	X(ENDS, "the output ends before its result")                                                                   \
	X(BAIL, "the test gave up: Bail out!")                                                                         \
	X(MANY, "there are more results than are read")

enum ktap_fault {
#define X(id, text) KTAP_FAULT_##id,
	KTAP_FAULTS(X)
#undef X
		KTAP_FAULT_COUNT
};

/**
 * struct ktap_case - one result, or the log as a whole
 * @name: as printed, truncated to KTAP_NAME_MAX; "": it has none
 * @reason: the text after the directive, or why the test gave up; "": none
 * @number: by position, from 1
 * @said_ok: the line begins with "ok", whatever its directive
 * @faults: KTAP_FAULT_ bits
 * @log, @log_end: offsets of its lines in the text: from the end of the previous result to the end of its own
 * @child, @next: borrowed, of the same struct ktap; NULL: none
 */
struct ktap_case {
	char *name;
	char *reason;
	uint32_t number;
	enum ktap_outcome outcome;
	bool said_ok;
	uint32_t faults;
	size_t log;
	size_t log_end;
	struct ktap_case *child;
	struct ktap_case *next;
};

/**
 * struct ktap - the parsed log; owns its cases
 * @root: the whole; its outcome is that of its children, which are the results at the top
 * @found: the log has at least one version, plan or result
 * @nr: number of cases
 */
struct ktap {
	struct ktap_case root;
	bool found;
	uint32_t nr;
};

/**
 * struct ktap_totals - counts of leaf cases (those without subtests), as kunit.py counts them
 * @of: by outcome
 * @faults: cases with a fault; the log as a whole counts as one
 */
struct ktap_totals {
	uint32_t of[KTAP_OUTCOME_COUNT];
	uint32_t total;
	uint32_t faults;
};

/**
 * ktap_read() - parse a whole log
 * @text: @size bytes, any; not changed and not kept
 * @ret: to be passed to ktap_destroy(), after a failure too
 *
 * Return: 0, or -ENOMEM. Trust: guest.
 */
int ktap_read(const char *text, size_t size, struct ktap *ret);

/** ktap_destroy() - takes a zeroed struct; may be called twice */
void ktap_destroy(struct ktap *k);

/** ktap_passed() - whether a case and all of its subtests passed: pass, skip or xfail, without a fault */
bool ktap_passed(const struct ktap_case *c);

/** ktap_count() - compute the totals of a log */
void ktap_count(const struct ktap *k, struct ktap_totals *ret);

/** ktap_outcome_name() - "pass" and so on */
const char *ktap_outcome_name(enum ktap_outcome o);

/** ktap_fault_text() - a sentence for one fault */
const char *ktap_fault_text(enum ktap_fault f);

#endif
