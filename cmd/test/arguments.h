/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A test as a command line of vmm: its own settings, and those of the whole run where it has none.
 */
#ifndef CMD_TEST_ARGUMENTS_H
#define CMD_TEST_ARGUMENTS_H

#include "cmd/test/command.h"
#include "cmd/test/launcher.h"
#include "cmd/test/list.h"

/** struct test_paths - absolute paths, since a test may run in a directory of its own; zero-initialise */
struct test_paths {
	char *root;
	char *out;
	char **modules;
	size_t nr_modules;
};

/** test_paths_find() - Return: 0 or a negative errno, with a message in @e that names the option. Trust: operator. */
int test_paths_find(const struct test_settings *set, struct test_paths *ret, struct err *e);

/** test_paths_destroy() */
void test_paths_destroy(struct test_paths *p);

/**
 * test_arguments() - the command line of a test
 * @kernel: NULL: it has its own, or needs none; @nr: its number
 * @out: the name of its directory, if there is one for files of commands
 * @ret: owned by the caller, also after a failure; its directory is borrowed from @t
 *
 * A command's console goes to descriptor LAUNCH_CONSOLE_FD, and the report of its run to LAUNCH_REPORT_FD.
 *
 * Return: 0 or a negative errno, with a message in @e.
 */
int test_arguments(const struct test_case *t, const struct test_settings *set, const struct test_paths *paths,
	const char *kernel, size_t nr, const char *out, struct launch_spec *ret, struct err *e);

/** test_arguments_destroy() - takes a zeroed struct */
void test_arguments_destroy(struct launch_spec *s);

#endif
