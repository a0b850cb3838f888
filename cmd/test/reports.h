/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The files that `vmm test` writes, opened before the run and written at its end.
 */
#ifndef CMD_TEST_REPORTS_H
#define CMD_TEST_REPORTS_H

#include <stdbool.h>

#include "vmm/host/outfile.h"
#include "vmm/results/results.h"

/**
 * struct reports - start from REPORTS_CLOSED
 * @junit_dir, @junit_stem, @junit_end: for further JUnit files: NAME-2.xml and so on
 */
struct reports {
	struct outfile junit;
	struct outfile ktap;
	struct outfile json;
	int junit_dir;
	char *junit_stem;
	const char *junit_end;
	FILE *more;
	int r;
};

#define REPORTS_CLOSED                                                                                                 \
	((struct reports){.junit = OUTFILE_CLOSED, .ktap = OUTFILE_CLOSED, .json = OUTFILE_CLOSED, .junit_dir = -1})

/** reports_open() - open those that are not NULL; existing files are kept until reports_write() */
int reports_open(struct reports *r, const char *junit, const char *ktap, const char *json, struct err *e);

/**
 * reports_confine() - from now on this process has no capabilities, can open only files in @log_dir (-1: none) and
 * further JUnit files beside the first, and can make only the system calls of role SANDBOX_RUNNER
 *
 * Logs a warning if the host has no Landlock or no seccomp. Return: 0 or a negative errno, with a message in @e.
 */
int reports_confine(struct reports *r, int log_dir, struct err *e);

/** reports_write() - write all of them. Return: 0 or the first error, with a message in @e */
int reports_write(struct reports *r, const struct results *all, struct err *e);

/** reports_close() - takes REPORTS_CLOSED; a file that was not written keeps its old content */
void reports_close(struct reports *r);

#endif
