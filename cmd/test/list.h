/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tests of a run: flat programs or commands of a guest, sections of INI files, and directories of these.
 *
 * A section is a test: [NAME], and lines KEY = VALUE. `program` names a flat program (as `vmm flat` takes it); a
 * section without it is a Linux machine, which runs on each kernel unless `kernel` names one; with `command` it runs
 * these words (as `vmm --root DIR -- WORDS` does). A test may also have the keys `expect` (an outcome; default: pass),
 * `tags` (words) and `allow-splat` (an extended regular expression); all other keys are settings of vmm, with the names
 * and values of its command line. Relative paths are relative to the file.
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

#define TEST_LIST_MAX  100000 /* tests of a run */
#define TEST_FILE_MAX  MIB    /* bytes of an INI file */
#define TEST_ARGS_MAX  64     /* settings of a section */
#define TEST_NAME_WORD "{}"   /* in the words of a command: the test's name */

/**
 * struct test_case - a test; owns everything
 * @name: the program's file name, or FILE:SECTION
 * @dir: working directory; NULL: ours
 * @arg: arguments of vmm, @nr_args of them: "flat" and the program, or "run" and settings
 * @word: @nr_words of the command that the guest runs; 0: none
 * @machine: it is a Linux machine; @has_kernel: the section names its kernel
 * @tags: words; "": none
 * @allow: if @has_allow, matches kernel complaints that do not count as a splat
 * @timeout_ns, @mem_bytes: 0: not set
 * @cpus: 1 or more
 */
struct test_case {
	char *name;
	char *dir;
	char *arg[TEST_ARGS_MAX + 3];
	size_t nr_args;
	char **word;
	size_t nr_words;
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

/**
 * struct test_list - zero-initialise
 * @commands: a file that is no list is a program of the guest, and not one without a kernel
 * @command: @nr_command borrowed words: what is added is a name for them, and not a path
 */
struct test_list {
	struct test_case **test;
	size_t nr;
	bool commands;
	const char *const *command;
	size_t nr_command;
};

/**
 * test_list_add() - add the tests at @path: a file *.ini or *.conf is a list of tests, any other file a program; of a
 * directory all files are added in the order of their names, subdirectories included, hidden files left out, and of
 * programs of a guest those that are not executable
 *
 * A program of a guest runs in its own directory. With @command in the list, the test is these words, where @path
 * stands for each TEST_NAME_WORD.
 *
 * Return: 0 or a negative errno, with a message in @e. Trust: operator.
 */
int test_list_add(struct test_list *l, const char *path, struct err *e);

/** test_list_add_text() - add the sections of an INI file that is in memory; @file: its path, for names and messages */
int test_list_add_text(struct test_list *l, const char *file, const char *text, size_t size, struct err *e);

/** test_list_add_names() - test_list_add() each line of @in that is not empty */
int test_list_add_names(struct test_list *l, FILE *in, struct err *e);

/** test_list_add_command() - add a test of @command in the list as it is, named like its words */
int test_list_add_command(struct test_list *l, struct err *e);

/** test_list_takes_names() - whether a word of @command has a TEST_NAME_WORD */
bool test_list_takes_names(const struct test_list *l);

/** test_list_destroy() */
void test_list_destroy(struct test_list *l);

/**
 * test_case_is_quiet() - whether the kernel would not print its warnings: `quiet` is on its command line, and nothing
 * else that sets what it prints
 */
bool test_case_is_quiet(const struct test_case *t);

/** test_case_sets() - whether the test has a setting of its own for @name */
bool test_case_sets(const struct test_case *t, const char *name);

/** test_case_matches() - whether the name, or one of the tags, matches a pattern of fnmatch(3) */
bool test_case_matches(const struct test_case *t, const char *glob);

#endif
