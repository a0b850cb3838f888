/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A Linux machine: a VM with the board of vmm/machine/board.c, a thread per CPU, and a verdict at the end.
 *
 * Life: machine_open() (everything that has a path), machine_build() (parse the kernel, make the machine: no path is
 * opened any more), machine_run(), machine_destroy(). All from the control thread.
 */
#ifndef VMM_MACHINE_MACHINE_H
#define VMM_MACHINE_MACHINE_H

#include <stdio.h>

#include "vmm/base/err.h"
#include "vmm/base/hold.h"
#include "vmm/base/loop.h"
#include "vmm/base/outcome.h"
#include "vmm/base/trace.h"
#include "vmm/config.h"

struct console;
struct console_filter;
struct host_facts;
struct machine;
struct sandbox;
struct measures;

/**
 * struct machine_stdio - for a console on stdio; all borrowed until machine_destroy()
 * @in_fd: input, or -1
 * @out_fd: output
 * @filter: stands between keyboard and guest, or NULL
 */
struct machine_stdio {
	int in_fd;
	int out_fd;
	struct console_filter *filter;
};

/**
 * machine_check() - refuse what no machine can be
 * @c: borrowed
 * @e: which setting and value, and why; a setting is called by its option, also when a file has set it
 *
 * Checks each value, how they go together, RAM against what this host has, and that the board can be drawn. Opens no
 * file and does not ask for a kernel: the run does.
 *
 * Return: 0, -EINVAL, or what board_draw() returns.
 * Trust: operator.
 */
int machine_check(const struct config *c, struct err *e);

/**
 * machine_open() - open /dev/kvm, the kernel, the initrd and the console
 * @config, @stdio, @trace, @loop: borrowed until machine_destroy()
 * @ret: owned by the caller; untouched on failure
 *
 * Should: open everything that has a path. Mustn't: read what the files contain.
 *
 * Return: 0 or a negative errno, with a message in @e.
 */
int machine_open(const struct config *config, const struct machine_stdio *stdio, struct trace *trace, struct loop *loop,
	struct machine **ret, struct err *e);

/**
 * machine_build() - parse the kernel, create and fill the VM, wire the board, create the CPUs
 *
 * Should: work on file descriptors only. Mustn't: run the guest, leave a thread behind but those of devices.
 *
 * Return: 0 or a negative errno, with a message in @e; the machine can then only be destroyed.
 */
int machine_build(struct machine *m, struct err *e);

/**
 * machine_set_sandbox() - what every thread locks itself with before the guest runs
 * @s: borrowed until machine_destroy(); in stage BUILD. Without one no thread is locked.
 */
void machine_set_sandbox(struct machine *m, struct sandbox *s);

/**
 * machine_run() - start the CPUs, run the loop until something ends the run, stop and join the CPUs, drain the console
 * @ret: how it ended; set when 0 is returned
 *
 * Return: 0 (also for a guest that crashed), or a negative errno when the run could not start.
 */
int machine_run(struct machine *m, struct verdict *ret, struct err *e);

/**
 * machine_end() - end the run with this verdict, unless it has one already
 *
 * Context: any thread.
 */
void machine_end(struct machine *m, enum outcome outcome, enum detector by, uint64_t value);

/**
 * machine_terminate() - a request from outside to end: press the power button, wait the grace time, then end
 * @signo: the signal that said so. A second call ends at once.
 *
 * Context: the loop.
 */
void machine_terminate(struct machine *m, int signo);

/**
 * machine_balloon() - ask the guest to give back a step more of its memory, or a step less; nothing without --balloon
 *
 * Context: the loop.
 */
void machine_balloon(struct machine *m, bool more);

/**
 * machine_hold() - ask for the guest to be held still; console, loop and devices' threads live on
 * @h: see vmm/base/hold.h; when it is held no device works on a request
 *
 * Each instruction and request under way is completed first. The time limit stands still meanwhile. Several may hold
 * the guest; one that is on already is no error.
 *
 * Context: the loop; does not block.
 */
void machine_hold(struct machine *m, struct hold *h);

/** machine_is_held() - does anybody want it held? The loop. */
bool machine_is_held(const struct machine *m);

/** machine_release() - take machine_hold() back, held yet or not; the last one lets the guest go on. The loop. */
void machine_release(struct machine *m, struct hold *h);

/**
 * struct core_request - somebody who wants a core; alive until @done was called
 * @done: the core is @path, borrowed for the call; or @path is NULL, and @why says in one line why there is none
 */
struct core_request {
	void (*done)(struct core_request *q, const char *path, const char *why);
};

/**
 * machine_core() - write a core of the machine to the file of --core
 * @reason: for %s in its name: a short word; static
 *
 * The caller holds the machine (machine_hold(), and @held has been called) until @q->done, which comes in the loop and
 * never within this call. A thread of its own reads RAM and writes; registers are read here.
 *
 * Return: 0; -ENOTSUP: there is no --core; -EBUSY: a core is being written; @q->done is not called then.
 * Context: the loop; does not block.
 */
int machine_core(struct machine *m, const char *reason, struct core_request *q);

/**
 * machine_dump() - hold the machine, write a core, and let it go on
 * @q: its @done may come within this call: without --core, or while another core is written
 *
 * Context: the loop; does not block.
 */
void machine_dump(struct machine *m, struct core_request *q);

/**
 * machine_core_check() - is this a file of --core: a name in which % means something, and which is not too long?
 *
 * Return: 0 or -EINVAL with a message in @e. Trust: operator.
 */
int machine_core_check(const char *file, struct err *e);

/** machine_core_largest() - bytes that a core of such a machine has at most */
uint64_t machine_core_largest(const struct config *c);

/** machine_core_dir() - a path of the directory of --core as it was opened, for the sandbox, or NULL; borrowed */
const char *machine_core_dir(const struct machine *m);

/** machine_core_path() - of the last core that was written, or NULL; borrowed */
const char *machine_core_path(const struct machine *m);

/** machine_core_end() - after machine_run(): what became of the core of the end, in words; NULL: it needed none */
const char *machine_core_end(const struct machine *m);

/** machine_console() - borrowed; for the terminal of cmd/ */
struct console *machine_console(const struct machine *m);

/**
 * machine_report() - where every CPU stood: for time limits and crashes, after machine_run()
 *
 * RIP with its symbol when the kernel file has a symbol table, processor mode, instruction bytes, and the last lines of
 * the console. Everything the guest wrote is escaped.
 */
void machine_report(struct machine *m, FILE *out);

/**
 * machine_measure() - what the run came to: vmm/machine/measure.h
 * @ret: owned by the caller: measures_destroy()
 *
 * Context: after machine_run(), or after a step before it failed.
 */
void machine_measure(struct machine *m, const struct host_facts *files, struct measures *ret);

/** machine_destroy() - takes NULL and a half-built machine; knows the order of teardown */
void machine_destroy(struct machine *m);

#endif
