/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What --json wrote in an earlier run: which tests were as expected, and how long each took.
 */
#ifndef CMD_TEST_EARLIER_H
#define CMD_TEST_EARLIER_H

#include <stdbool.h>

#include "vmm/base/jsonread.h"

/** struct earlier - zero-initialise; @row: its @nr tests by name, then kernel, then position */
struct earlier {
	struct json_doc doc;
	char *text;
	struct earlier_row {
		const char *name;
		const char *kernel;
		const struct json_node *node;
	} * row;
	size_t nr;
};

/** earlier_read() - read @path, which @option names. Return: 0 or a negative errno, with a message in @e. */
int earlier_read(struct earlier *a, const char *option, const char *path, struct err *e);

/** earlier_was_expected() - whether the test was as expected; false if it is new, or no run was read */
bool earlier_was_expected(const struct earlier *a, const char *test, const char *kernel);

/** earlier_seconds() - how long the test took. Return: false: it is new, or no run was read */
bool earlier_seconds(const struct earlier *a, const char *test, const char *kernel, double *ret);

/** earlier_destroy() */
void earlier_destroy(struct earlier *a);

#endif
