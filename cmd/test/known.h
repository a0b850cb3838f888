/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The list of known failures: one per line, "TEST" or "TEST KERNEL", both fnmatch(3) patterns; # begins a comment.
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

/** known_add_text() - add the lines of a file in memory, named @file. Return: 0 or an errno, with a message in @e */
int known_add_text(struct known *k, const char *file, const char *text, size_t size, struct err *e);

/** known_has() - whether this test is known to fail on this kernel; @kernel: "" for one without */
bool known_has(const struct known *k, const char *test, const char *kernel);

/** known_destroy() */
void known_destroy(struct known *k);

#endif
