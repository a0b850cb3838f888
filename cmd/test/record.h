/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file of a record (vmm/results/record.h): a new one for each run in a directory, written while tests run.
 */
#ifndef CMD_TEST_RECORD_H
#define CMD_TEST_RECORD_H

#include "cmd/test/shard.h"
#include "vmm/results/record.h"

#define RECORD_END ".jsonl" /* of the name of each record */

/**
 * struct test_record - start from RECORD_NONE
 * @out: NULL: no record is written
 * @results: tests that have a result in it
 * @r: the first error of writing
 */
struct test_record {
	FILE *out;
	char *path;
	size_t results;
	int r;
};

#define RECORD_NONE ((struct test_record){0})

/**
 * test_record_open() - make the directory, and in it shard-K-of-N.jsonl, or shard-K-of-N-2.jsonl and so on: what other
 * runs have left stays
 *
 * Return: 0 or a negative errno, with a message in @e. Trust: operator.
 */
int test_record_open(struct test_record *r, const char *dir, const struct shard *shard, struct err *e);

/** test_record_kernels() - fingerprints of @nr kernels; @ret is owned by the caller. Return: 0 or a negative errno. */
int test_record_kernels(char *const *path, const char *const *label, size_t nr, char **ret, struct err *e);

/** test_record_attempt() - test @test of the plan has ended once more. Context: only writes, in the sandbox. */
void test_record_attempt(struct test_record *r, size_t test, const struct result_test *t);

/** test_record_end() - write the end and close. Return: 0 or the first error of all, with a message in @e. */
int test_record_end(struct test_record *r, bool complete, uint64_t took_ns, struct err *e);

/** test_record_close() - without an end: such a record is not complete. Takes RECORD_NONE. */
void test_record_close(struct test_record *r);

#endif
