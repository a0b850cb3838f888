/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Programs without a kernel: each a vCPU and a window of RAM, many of them in one VM, or a VM each.
 *
 *	flat_open(&config, &stdio, trace, loop, &f, e);	OPEN: everything that has a path
 *	flat_set_sandbox(f, sandbox);			after its stage CONFINE
 *	flat_build(f, e);				VMs, memory, programs, processors
 *	flat_run(f, e);					until all have ended, or flat_end()
 *	flat_result(f, i, &result);
 *	flat_destroy(f);
 */
#ifndef VMM_PROGRAM_FLAT_H
#define VMM_PROGRAM_FLAT_H

#include <stdbool.h>
#include <stdint.h>

#include "boot/format_flat.h"
#include "security/sandbox.h"
#include "vmm/base/err.h"
#include "vmm/base/hold.h"
#include "vmm/base/loop.h"
#include "vmm/base/outcome.h"
#include "vmm/base/trace.h"
#include "vmm/console/console.h"
#include "vmm/kvm/vcpu.h"

/**
 * struct flat_source - a program as specified by the operator
 * @path: borrowed until flat_destroy()
 */
struct flat_source {
	const char *path;
	struct flat_wish wish;
};

/**
 * struct flat_config - borrowed until flat_open() returns
 * @source, @nr: at least one
 * @mem_bytes: of each window, see flat_layout.h
 * @isolate: a VM for each program, which programs in real mode always have
 * @timed: measure time in the guest: two readings of the clock per exit
 * @gdb: address to wait for a debugger at, see gdb_parse(); NULL: none
 * @as: for the process that owns its path
 * @deadline_ns: CLOCK_MONOTONIC, 0: none
 */
struct flat_config {
	const struct flat_source *source;
	unsigned nr;
	uint64_t mem_bytes;
	bool isolate;
	bool timed;
	const char *gdb;
	struct sandbox_as as;
	uint64_t deadline_ns;
};

/**
 * struct flat_stdio - borrowed until flat_destroy()
 * @in_fd: the keyboard of the first program, -1: none
 * @out_fd: output of all programs. With more than one, line by line, each prefixed by the program's name.
 * @filter: of a terminal, or NULL
 * @raw: the output is a terminal in raw mode: a newline needs a carriage return
 */
struct flat_stdio {
	int in_fd;
	int out_fd;
	struct console_filter *filter;
	bool raw;
};

/**
 * struct flat_result - how a program ended, and its costs
 * @name: file name; followed by #N when it is not the first of that name; borrowed
 * @verdict: OUTCOME_POWEROFF after a HLT
 * @words: details to append to outcome_text(), or empty; borrowed
 * @create_ns: time to create its vCPU and set its state
 * @exits: returns of KVM_RUN, by event
 * @guest_ns, @vmm_ns: time inside and outside KVM_RUN; 0 unless timed
 */
struct flat_result {
	const char *name;
	enum entry_mode mode;
	struct verdict verdict;
	const char *words;
	uint64_t create_ns;
	uint64_t exits[VCPU_EVENTS];
	uint64_t guest_ns;
	uint64_t vmm_ns;
};

struct flat;
struct sandbox;

/**
 * flat_open() - open KVM, the programs and the console
 * @trace, @loop: borrowed until flat_destroy()
 * @ret: owned by the caller; untouched on failure
 *
 * Return: 0 or a negative errno; err_operator() when a program cannot be opened.
 * Context: OPEN stage. Trust: operator.
 */
int flat_open(const struct flat_config *config, const struct flat_stdio *stdio, struct trace *trace, struct loop *loop,
	struct flat **ret, struct err *e);

/** flat_set_sandbox() - set the sandbox that each thread enters before the first program runs; borrowed, NULL: none */
void flat_set_sandbox(struct flat *f, struct sandbox *sandbox);

/**
 * flat_build() - make everything, up to the first instruction
 *
 * Return: 0 or a negative errno; err_operator() when a program or its options are wrong.
 */
int flat_build(struct flat *f, struct err *e);

/**
 * flat_run() - run all programs at once, a thread each, until every one has ended or was ended
 *
 * Return: 0, or a negative errno when a thread could not be started or locked.
 * Context: the loop's thread; blocks.
 */
int flat_run(struct flat *f, struct err *e);

/** flat_end() - end the programs that still run, with this verdict. Any thread, no lock held. */
void flat_end(struct flat *f, enum outcome outcome, enum detector by, uint64_t value);

/**
 * flat_hold() - ask for all programs to be held still
 * @h: see vmm/base/hold.h; several may hold them
 *
 * The time limit stands still meanwhile. A program that waits for a key, or for room on the console, stands still.
 *
 * Context: the loop, while flat_run() runs; does not block.
 */
void flat_hold(struct flat *f, struct hold *h);

/** flat_release() - take flat_hold() back, held yet or not; the last one lets the programs go on. The loop. */
void flat_release(struct flat *f, struct hold *h);

/** flat_is_held() - does anybody want them held? The loop. */
bool flat_is_held(const struct flat *f);

/** flat_vms() - number of VMs */
unsigned flat_vms(const struct flat *f);

/** flat_result() - the result of program @i, after flat_run() */
void flat_result(const struct flat *f, unsigned i, struct flat_result *ret);

/**
 * flat_exit_status() - of the process: that of the first program that did not end in 0, but EXIT_FAILED if the host
 * failed any of them or what they printed could not be written, and a signal's if one ended the run
 */
int flat_exit_status(const struct flat *f);

/** flat_destroy() - takes NULL and programs that were only opened */
void flat_destroy(struct flat *f);

#endif
