/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tests that a run was asked for: flat programs, sections of INI files, and directories of both.
 *
 * A section is a test: [NAME], and lines KEY = VALUE. `program` names a flat program (as `vmm flat` takes it), else
 * the section is a Linux machine, which runs on each kernel unless `kernel` names one. Further keys of a test are
 * `expect` (an outcome, pass), `tags` (words) and `allow-splat` (an extended regular expression); all others are
 * settings of vmm, by the names and with the values of its command line. Relative paths are relative to the file.
 */
#ifndef CMD_TEST_LIST_H
#define CMD_TEST_LIST_H

#include <regex.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "vmm/base/err.h"
#include "vmm/results/results.h"

#define TEST_LIST_MAX 100000 /* tests of a run */
#define TEST_FILE_MAX MIB    /* bytes of an INI file */
#define TEST_ARGS_MAX 64     /* settings of a section */

/**
 * struct test_case - a test; owns everything
 * @name: the program's file name, or FILE:SECTION
 * @dir: the directory to run in; NULL: ours
 * @arg: what vmm takes, @nr_args: "flat" and the program, or "run" and settings
 * @machine: it is a Linux machine; @has_kernel: of its own
 * @tags: words; ""
 * @allow: @has_allow: lines that are no splat
 * @timeout_ns, @mem_bytes: 0: not set
 * @cpus: 1 or more
 */
struct test_case {
	char *name;
	char *dir;
	char *arg[TEST_ARGS_MAX + 3];
	size_t nr_args;
	bool machine;
	bool has_kernel;
	enum result_outcome expect;
	char *tags;
	regex_t allow;
	bool has_allow;
	uint64_t timeout_ns;
	uint64_t mem_bytes;
	uint64_t cpus;
};

/** struct test_list - zero-initialise */
struct test_list {
	struct test_case **test;
	size_t nr;
};

/**
 * test_list_add() - add what @path names: a file *.ini or *.conf is a list of tests, any other file a flat program, a
 * directory all of its files, in the order of their names; hidden files are left out, and directories in it are entered
 *
 * Return: 0 or a negative errno, with a message in @e. Trust: operator.
 */
int test_list_add(struct test_list *l, const char *path, struct err *e);

/** test_list_add_text() - add the sections of an INI file that is in memory; @file: its path, for names and messages */
int test_list_add_text(struct test_list *l, const char *file, const char *text, size_t size, struct err *e);

/** test_list_add_names() - add each line of @in as a path */
int test_list_add_names(struct test_list *l, FILE *in, struct err *e);

/** test_list_destroy() */
void test_list_destroy(struct test_list *l);

/** test_case_matches() - whether the name, or one of the tags, matches a pattern of fnmatch(3) */
bool test_case_matches(const struct test_case *t, const char *glob);

#endif
