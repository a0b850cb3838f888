/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `vmm restore --each-line` and `vmm exec --each-line`: each line of standard input goes to a guest that begins at the
 * snapshot, or to a program that begins at its first vmm_next(), and what that answers to standard output.
 *
 * A line is up to EACH_LINE_MAX bytes; the guest gets it with a newline, also the last one if it has none. A longer one
 * gets no guest, and status 2.
 *
 * The machine is one that is reset. If KVM refuses a reset, or the machine's process is killed, another one takes its
 * place: what is confined cannot make a VM, so a process that has none yet is kept to be forked from.
 */
#ifndef CMD_EACH_H
#define CMD_EACH_H

#include "vmm/base/err.h"
#include "vmm/base/loop.h"
#include "vmm/machine/machine.h"
#include "vmm/machine/rounds.h"

#define EACH_LINE_MAX MIB

struct each;

/**
 * struct each_config
 * @frames: frames, not lines; @json: answers to lines as JSON
 * @limit_ns: of each, 0: none
 */
struct each_config {
	bool frames;
	bool json;
	uint64_t limit_ns;
};

/**
 * struct each_guest - who answers; a machine, or a program
 * @round: begin one with this input; Return: 0 or a negative errno, with a message in @e
 * @room: the most bytes that it takes
 * @end: it is over, with a verdict of vmm's own; @status: the exit status
 */
struct each_guest {
	int (*round)(void *arg, const uint8_t *input, size_t n, struct err *e);
	uint64_t (*room)(void *arg);
	void (*end)(void *arg, enum outcome outcome, int status);
};

/**
 * each_open() - take standard input and output for it
 * @ret: owned by the caller; untouched on failure
 *
 * Return: 0 or a negative errno, with a message in @e. Context: stage OPEN.
 */
int each_open(const struct each_config *c, struct each **ret, struct err *e);

/**
 * each_processes() - run the machine in a process of its own, and then in another one as long as that is necessary
 * @c: of @x
 * @run: in the process: a machine from each_begin() to its end; every line. Return: its exit status
 *
 * Signals that end a machine, and those that ask it for something, are passed on.
 *
 * Return: the exit status of the last one; or a negative errno, with a message in @e.
 * Context: stage BUILD; blocks; this process has one thread, and stays without a filter, which its children would have.
 */
int each_processes(struct each *x, const struct config *c, int (*run)(void *arg), void *arg, struct err *e);

/** each_to_be_replaced() - in the process: it is to end without more words */
bool each_to_be_replaced(const struct each *x);

/**
 * each_begin() - after machine_build(): machine_run() then answers every line, and ends with OUTCOME_ANSWERED
 * @loop: borrowed until each_close()
 *
 * Return: 0 or a negative errno, with a message in @e.
 */
int each_begin(struct each *x, struct machine *m, struct loop *loop, struct err *e);

/** each_begin_with() - the same for another guest, which calls each_idle() and each_ended() */
void each_begin_with(struct each *x, const struct each_guest *guest, void *arg, struct loop *loop);

/** each_idle() - the guest waits for an input. Context: the loop */
void each_idle(struct each *x);

/**
 * each_ended() - the guest has answered
 * @status: 0, or the exit status for such an end; @how: its name; @why: for the operator
 * @end: its @took_ns, @reset_ns, @pages, @output, @size and @lost count, and OUTCOME_NONE for a mark
 */
void each_ended(struct each *x, int status, const char *how, const char *why, const struct round_end *end);

/** each_close() - takes NULL; after machine_destroy() */
void each_close(struct each *x);

#endif
