/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A Linux machine: a VM with the board of vmm/machine/board.c, a thread per CPU, and a verdict at the end.
 *
 * Order of calls: machine_open() (opens all paths), machine_build() (parses the kernel and makes the machine, without
 * opening paths), machine_run(), machine_destroy(). All from the control thread.
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
#include "vmm/snapshot/snapshot.h"

struct console;
struct console_filter;
struct host_facts;
struct machine;
struct memory;
struct sandbox;
struct measures;
struct working_set;

/**
 * struct machine_stdio - for a console on stdio; all borrowed until machine_destroy()
 * @in_fd: input, or -1
 * @out_fd: output
 * @err_fd: of a command: its standard error
 * @terminal: of a command: it runs on this terminal, which is all of these, or all but the last
 * @filter: for the keys of a terminal, or NULL
 */
struct machine_stdio {
	int in_fd;
	int out_fd;
	int err_fd;
	bool terminal;
	struct console_filter *filter;
};

/**
 * machine_check() - refuse an invalid configuration
 * @c: borrowed
 * @e: which setting and value, and why; a setting is named by its option, also when it comes from a file
 *
 * Checks each value, their combination, RAM against this host, and that a board can be made. Does not open files, and
 * does not require a kernel: the run does.
 *
 * Return: 0, -EINVAL, or what board_draw() returns.
 * Trust: operator.
 */
int machine_check(const struct config *c, struct err *e);

/**
 * machine_open() - open /dev/kvm, the kernel, the initrd and the console
 * @config, @stdio, @trace, @loop: borrowed until machine_destroy(); NULL, all but @config: machine_adopt() has them
 * @ret: owned by the caller; untouched on failure
 *
 * Should: open everything that has a path. Mustn't: read the files' contents.
 *
 * Return: 0 or a negative errno, with a message in @e.
 */
int machine_open(const struct config *config, const struct machine_stdio *stdio, struct trace *trace, struct loop *loop,
	struct machine **ret, struct err *e);

/**
 * machine_build() - parse the kernel, create and fill the VM, wire the board, create the CPUs
 *
 * Should: work on file descriptors only. Mustn't: run the guest, or leave threads running except those of devices.
 *
 * Return: 0 or a negative errno, with a message in @e; after a failure the machine can only be destroyed.
 */
int machine_build(struct machine *m, struct err *e);

/**
 * machine_set_sandbox() - set the sandbox that every thread enters before the guest runs
 * @s: borrowed until machine_destroy(); in stage BUILD. Without it threads have no filter.
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
 * machine_terminate() - handle a request to end: press the power button, wait for the grace time, then end
 * @signo: the signal. A second call ends at once.
 *
 * Context: the loop.
 */
void machine_terminate(struct machine *m, int signo);

/**
 * machine_balloon() - change the balloon's target by one step; does nothing without --balloon
 *
 * Context: the loop.
 */
void machine_balloon(struct machine *m, bool more);

/**
 * machine_hold() - request that the guest is held; console, loop and devices' threads keep running
 * @h: see vmm/base/hold.h; when it is held no device works on a request
 *
 * Current instructions and requests are completed first. The time limit does not run meanwhile. There may be several
 * holds; it is not an error if @on is already set.
 *
 * Context: the loop; does not block.
 */
void machine_hold(struct machine *m, struct hold *h);

/** machine_is_held() - whether there is any hold. Called in the loop. */
bool machine_is_held(const struct machine *m);

/**
 * machine_release() - undo machine_hold(), whether it is in effect yet or not; the last one resumes the guest. Called
 * in the loop.
 */
void machine_release(struct machine *m, struct hold *h);

/**
 * struct core_request - a request for a core; must exist until @done is called
 * @done: called with the @path of the core, borrowed for the call; or with NULL, and a one-line message in @why
 */
struct core_request {
	void (*done)(struct core_request *q, const char *path, const char *why);
};

/**
 * machine_core() - write a core of the machine to the file of --core
 * @reason: a short word for %s in its name; static
 *
 * The caller holds the machine (machine_hold(), and @held has been called) until @q->done, which is called in the loop
 * and never within this call. A separate thread reads RAM and writes the file; registers are read here.
 *
 * Return: 0; -ENOTSUP: there is no --core; -EBUSY: a core is being written; @q->done is not called then.
 * Context: the loop; does not block.
 */
int machine_core(struct machine *m, const char *reason, struct core_request *q);

/**
 * machine_dump() - hold the machine, write a core, and resume it
 * @q: its @done may be called within this call: without --core, or while another core is written
 *
 * Context: the loop; does not block.
 */
void machine_dump(struct machine *m, struct core_request *q);

/**
 * machine_core_check() - check the file name of --core: its % conversions and its length
 *
 * Return: 0 or -EINVAL with a message in @e. Trust: operator.
 */
int machine_core_check(const char *file, struct err *e);

/** machine_core_largest() - maximum size of a core of such a machine, in bytes */
uint64_t machine_core_largest(const struct config *c);

/** machine_core_dir() - a path to the opened directory of --core, for the sandbox, or NULL; borrowed */
const char *machine_core_dir(const struct machine *m);

/** machine_share_dir() - a path to the opened directory of --share @index, for the sandbox, or NULL; borrowed */
const char *machine_share_dir(const struct machine *m, size_t index);

/**
 * machine_command_failure() - after machine_run(): why the guest could not run its command, escaped, or NULL;
 * borrowed
 */
const char *machine_command_failure(const struct machine *m);

/**
 * machine_command_files() - after machine_run(): what became of the files of --out
 * @ret_words: a sentence for the operator, "": there is nothing to say; borrowed
 *
 * Return: 0; -ENODATA: the guest ended before it had sent them; another negative errno: they could not be written.
 */
int machine_command_files(struct machine *m, const char **ret_words);

/**
 * machine_command_window() - the terminal of a command has another size; does nothing without one. Called in
 * the loop.
 */
void machine_command_window(struct machine *m);

/** machine_core_path() - of the last core that was written, or NULL; borrowed */
const char *machine_core_path(const struct machine *m);

/** machine_core_end() - after machine_run(): a message about the core written at the end; NULL: none was needed */
const char *machine_core_end(const struct machine *m);

#define MACHINE_WORD_MAX 4096

/**
 * struct machine_facts - what a machine with --snapshot, or a restored one, has besides its configuration; all borrowed
 * until machine_destroy()
 * @version: of this vmm
 * @settings: those of the machine, as a configuration file
 * @snapshot: of which those of the kernel count
 * @snapshot_done: a snapshot was written to @path, or was not, with a message in @why; NULL: nobody wants to know
 * @restore: the machine is restored from this one; NULL: it boots
 * @resets: the machine can be reset (vmm/machine/reset.h)
 * @ram: of @restore, mapped by machine_map_snapshot() and inherited by fork(), of which the machine takes a copy; NULL:
 *	it maps it
 * @clone, @clones: which of how many machines it is that are restored at once, from 1
 * @word: for the guest, @word_size bytes, at most MACHINE_WORD_MAX
 * @working_set: pages that the machine has of its own from the beginning; NULL: none
 * @watch_fd: of machine_watch_snapshot(), when several machines share it; 0 or -1: the machine makes its own
 */
struct machine_facts {
	const char *version;
	const char *settings;
	struct snapshot_facts snapshot;
	void (*snapshot_done)(void *arg, const char *path, const char *why);
	void *arg;
	const struct snapshot *restore;
	bool resets;
	const struct memory *ram;
	uint32_t clone, clones;
	const uint8_t *word;
	size_t word_size;
	const struct working_set *working_set;
	int watch_fd;
};

/**
 * machine_describe() - after machine_open(), in stage OPEN
 *
 * Return: 0 or a negative errno, with a message in @e.
 */
int machine_describe(struct machine *m, const struct machine_facts *facts, struct err *e);

/**
 * machine_adopt() - what machine_open() did without: in a process that was forked after it, and after
 * machine_describe()
 * @trace, @loop, @stdio: as there; not inherited, since processes that share an epoll or an eventfd take each other's
 *	events
 *
 * Return: 0 or a negative errno, with a message in @e. Context: needs no path; before machine_build().
 */
int machine_adopt(
	struct machine *m, const struct machine_stdio *stdio, struct trace *trace, struct loop *loop, struct err *e);

/**
 * machine_inherit() - what a machine that machine_adopt() was called for has from the process that it was forked from
 * @ram: as struct machine_facts has it; taken by machine_build(); @clone, @clones: as there
 */
void machine_inherit(struct machine *m, const struct memory *ram, uint32_t clone, uint32_t clones);

/**
 * machine_map_snapshot() - map the RAM of a snapshot privately, and lock its file
 * @ret: owned by the caller; untouched on failure
 *
 * Return: 0 or a negative errno, with a message in @e. Trust: guest.
 */
int machine_map_snapshot(const struct config *c, const struct snapshot *s, struct memory *ret, struct err *e);

/**
 * machine_watch_snapshot() - learn of changes of a snapshot's file, which end the machines that are restored from it
 * @ret: readable when there was one; the caller closes it; untouched on failure
 *
 * Return: 0 or a negative errno, with a message in @e. Context: stage OPEN.
 */
int machine_watch_snapshot(const struct snapshot *s, int *ret, struct err *e);

/**
 * machine_working_set() - which pages of RAM a restored machine has of its own by now
 * @pagemap: as of working_set_find()
 * @ret: owned by the caller; untouched on failure
 *
 * Return: 0 or a negative errno. Context: after machine_run().
 */
int machine_working_set(const struct machine *m, int pagemap, struct working_set *ret);

/**
 * machine_snapshot() - hold the machine, write a snapshot to the file of --snapshot, and resume it or end the run
 *
 * Does nothing without --snapshot, or while one is written.
 * Context: the loop; does not block.
 */
void machine_snapshot(struct machine *m);

/** machine_snapshot_check() - check a --snapshot that is there. Return: 0 or a negative errno, with a message in @e. */
int machine_snapshot_check(const struct config *c, struct err *e);

/** machine_snapshot_largest() - maximum size of a snapshot of such a machine, in bytes */
uint64_t machine_snapshot_largest(const struct config *c);

/** machine_snapshot_path() - what --snapshot names, for comparison with other files; the caller frees it; or NULL */
char *machine_snapshot_path(const char *words);

/** machine_snapshot_dir() - as machine_core_dir() */
const char *machine_snapshot_dir(const struct machine *m);

/** machine_snapshot_end() - after machine_run(): why there is no snapshot, or NULL */
const char *machine_snapshot_end(const struct machine *m);

/** machine_console() - borrowed; for the terminal of cmd/ */
struct console *machine_console(const struct machine *m);

/**
 * machine_report() - print the state of every CPU: for time limits and crashes, after machine_run()
 *
 * RIP with its symbol when the kernel file has a symbol table, processor mode, instruction bytes, and the last lines of
 * the console. Everything the guest wrote is escaped.
 */
void machine_report(struct machine *m, FILE *out);

/**
 * machine_measure() - collect the numbers of the run: vmm/machine/measure.h
 * @ret: owned by the caller: measures_destroy()
 *
 * Context: after machine_run(), or after a step before it failed.
 */
void machine_measure(struct machine *m, const struct host_facts *files, struct measures *ret);

/** machine_destroy() - takes NULL and a partly built machine; tears it down in the required order */
void machine_destroy(struct machine *m);

#endif
