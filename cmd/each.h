/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `vmm restore --each-line`: each line of standard input goes to a guest that begins at the snapshot, and what that
 * guest answers to standard output.
 *
 * A line is up to EACH_LINE_MAX bytes; the guest gets it with a newline, also the last one if it has none. A longer one
 * gets no guest, and status 2.
 */
#ifndef CMD_EACH_H
#define CMD_EACH_H

#include "vmm/base/err.h"
#include "vmm/base/loop.h"
#include "vmm/machine/machine.h"

#define EACH_LINE_MAX MIB

struct each;

/**
 * each_open() - take standard input and output for it
 * @loop: borrowed until each_close()
 * @ret: owned by the caller; untouched on failure
 *
 * Return: 0 or a negative errno, with a message in @e. Context: stage OPEN.
 */
int each_open(const struct config *c, struct loop *loop, struct each **ret, struct err *e);

/**
 * each_begin() - after machine_build(): machine_run() then answers every line, and ends with OUTCOME_ANSWERED
 *
 * Return: 0 or a negative errno, with a message in @e.
 */
int each_begin(struct each *x, struct machine *m, struct err *e);

/** each_close() - takes NULL; after machine_destroy() */
void each_close(struct each *x);

#endif
