/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `vmm restore --working-set FILE`: the first run writes down which pages of memory its guest has of its own, later
 * ones begin with them.
 */
#ifndef CMD_WORKING_SET_H
#define CMD_WORKING_SET_H

#include "vmm/config.h"
#include "vmm/host/outfile.h"
#include "vmm/machine/machine.h"
#include "vmm/snapshot/working_set.h"

#define RUN_SET_BUFFER 4096

/**
 * struct run_set - of a run; owned
 * @path: of the file; borrowed; @as: its configuration's
 * @set: that was read; without ranges if it is recorded
 * @pagemap: to record it, -1: it was read
 */
struct run_set {
	const char *path;
	struct sandbox_as as;
	struct working_set set;
	int pagemap;
	struct outfile out;
	char buffer[RUN_SET_BUFFER];
};

/**
 * run_set_new() - before the sandbox: read the file, or get ready to record it
 * @c, @s: of the run; borrowed
 * @alone: the run has one guest, which is not reset: it can record
 * @ret: owned by the caller, NULL without --working-set; untouched on failure
 *
 * Return: 0 or a negative errno, with a message in @e. Trust: the file may be anything.
 */
int run_set_new(const struct config *c, const struct snapshot *s, bool alone, struct run_set **ret, struct err *e);

/** run_set_open() - stage OPEN; @r may be NULL. Return: 0 or a negative errno, with a message in @e. */
int run_set_open(struct run_set *r, struct err *e);

/**
 * run_set_write() - record it, after machine_run() of a guest of @s; @r may be NULL
 *
 * What fails is said on standard error.
 */
void run_set_write(struct run_set *r, const struct machine *m, const struct snapshot *s);

/** run_set_free() - takes NULL; after machine_destroy() */
void run_set_free(struct run_set *r);

#endif
