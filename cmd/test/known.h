/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Failures that are known: a line for each, "TEST" or "TEST KERNEL", both patterns of fnmatch(3); # begins a comment.
 */
#ifndef CMD_TEST_KNOWN_H
#define CMD_TEST_KNOWN_H

#include <stdbool.h>
#include <stddef.h>

#include "vmm/base/err.h"

/** struct known - zero-initialise */
struct known {
	struct {
		char *test;
		char *kernel;
	} * line;
	size_t nr;
};

/** known_add_text() - add the lines of a file in memory; @file: its name. 0 or an errno, with a message */
int known_add_text(struct known *k, const char *file, const char *text, size_t size, struct err *e);

/** known_has() - whether this test is known to fail on this kernel; @kernel: "" for one without */
bool known_has(const struct known *k, const char *test, const char *kernel);

/** known_destroy() */
void known_destroy(struct known *k);

#endif
