/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The record of a shard: what a run of `vmm test` writes while it runs, and `vmm test --merge` reads. A line is a JSON
 * object, complete in itself, and is written at once:
 *
 *	{"format": "vmm test record 1", "shard": 3, "of": 8, "when": ..., "kernels": ..., "tests": 2000}
 *	{"name": ..., "kernel": ..., "shard": 1}		the plan: each test of the run, in order, and its shard
 *	{"case": 17, "depth": 1, ...}				results that test 17 printed, in the order of the tree
 *	{"result": 17, "attempt": 1, "outcome": "pass", ...}	an attempt of it has ended
 *	{"end": true, "complete": true, "results": 250, ...}	all tests of the shard have ended
 *
 * Each record has the whole plan, so that one of them is enough to name what is missing. Records belong to the same run
 * if their plans and the fingerprints of their kernels are equal. Strings of unknown origin are json_bytes().
 */
#ifndef VMM_RESULTS_RECORD_H
#define VMM_RESULTS_RECORD_H

#include "vmm/base/err.h"
#include "vmm/base/jsonread.h"
#include "vmm/results/results.h"

#define RECORD_FORMAT       "vmm test record 1"
#define RECORD_SHARDS_MAX   10000
#define RECORD_ATTEMPTS_MAX 1000000

/* --- Writing --------------------------------------------------------------------------------------------------- */

/** struct record_test - a test of the plan; strings are borrowed by the writer, and owned by struct record_plan */
struct record_test {
	char *name;
	char *kernel;
	unsigned shard;
};

/**
 * struct record_plan - the tests of all shards of a run; zero-initialise
 * @of: number of shards; 0: no record was read yet
 * @kernels: their fingerprints, as text
 */
struct record_plan {
	unsigned of;
	char *kernels;
	struct record_test *test;
	size_t nr;
};

/** record_write_plan() - the first lines, of shard @shard. Return: 0 or a negative errno. */
int record_write_plan(FILE *out, const struct record_plan *plan, unsigned shard, int64_t when);

/** record_write_result() - the last attempt of test @test, and all that was printed by it. Return: 0 or an errno. */
int record_write_result(FILE *out, size_t test, const struct result_test *t);

/**
 * record_write_end() - the last line
 * @results: number of tests that have ended; @complete: these are all of the shard
 */
int record_write_end(FILE *out, size_t results, bool complete, uint64_t took_ns);

/* --- Reading --------------------------------------------------------------------------------------------------- */

/** struct record_result - owns what @t borrows */
struct record_result {
	struct result_test t;
	struct ktap ktap;
	char *why;
	char *log_path;
	char *log;
};

/**
 * struct record - a record while it is read: start with record_begin()
 * @plan: borrowed: what the first record of a merge fills in, and the others must be equal to
 * @first: it is that
 * @tests: of its plan, @planned lines read so far
 * @result: by the number of the test; NULL: none
 * @mine: number of tests of this shard
 * @pending: results in lines before that of their test, @pending_test
 */
struct record {
	struct record_plan *plan;
	bool first;
	unsigned shard;
	int64_t when;
	size_t tests;
	size_t planned;
	size_t mine;
	struct record_result **result;
	size_t nr;
	struct ktap pending;
	struct ktap_case *last[KTAP_DEPTH_MAX + 1];
	unsigned depth;
	size_t pending_test;
	bool ended;
	bool complete;
	uint64_t took_ns;
};

/** record_begin() - @plan: zeroed, or that of a record before */
void record_begin(struct record *r, struct record_plan *plan);

/**
 * record_read_line() - read the next line
 * @line: @size bytes without the new line, and a NUL; modified
 *
 * Return: 0, -ENOMEM, -EINVAL: it is no line of a record, or none that may stand here; -EXDEV: it belongs to another
 * run than @plan. With a message in @e. Trust: a file of unknown origin.
 */
int record_read_line(struct record *r, char *line, size_t size, struct err *e);

/** record_has_plan() - whether its plan was read as a whole; if not, it has no results */
bool record_has_plan(const struct record *r);

/** record_destroy() - takes a zeroed struct; @plan stays */
void record_destroy(struct record *r);

/** record_result_free() - takes NULL */
void record_result_free(struct record_result *t);

/** record_plan_destroy() */
void record_plan_destroy(struct record_plan *plan);

#endif
