/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A Linux program without a kernel: a VM, a vCPU and a thread that answers its system calls.
 *
 *	exec_open(&config, trace, loop, &x, e);	OPEN: everything that has a path
 *	exec_set_sandbox(x, sandbox);		after its stage CONFINE
 *	exec_build(x, e);			VM, memory, the program, its processor
 *	exec_run(x, e);				until it has ended, or exec_end()
 *	exec_result(x, &result);
 *	exec_destroy(x);
 */
#ifndef VMM_EXEC_EXEC_H
#define VMM_EXEC_EXEC_H

#include <stdbool.h>
#include <stdint.h>

#include "vmm/base/err.h"
#include "vmm/base/loop.h"
#include "vmm/base/trace.h"
#include "vmm/kvm/vcpu.h"

#define EXEC_MEM_MIN  (1 * MIB)
#define EXEC_MEM_MAX  (1024 * GIB)
#define EXEC_MEM_STEP (4 * KIB)

struct sandbox;
struct exec;

/**
 * struct exec_config - borrowed until exec_destroy()
 * @path: of the program, on the host
 * @argv, @envp: of the program, ended by NULL
 * @cwd: of the program; absolute
 * @mem_bytes: what it may touch, page tables included
 * @host: descriptors of the three streams, -1: closed
 * @trace_fd: calls are printed there as strace does, -1: they are not
 * @timed: measure time in the guest: two readings of the clock per exit
 * @deadline_ns: CLOCK_MONOTONIC, 0: none
 */
struct exec_config {
	const char *path;
	const char *const *argv;
	const char *const *envp;
	const char *cwd;
	uint64_t mem_bytes;
	int host[3];
	int trace_fd;
	bool timed;
	uint64_t deadline_ns;
};

/**
 * enum exec_how - how a run ended
 * @EXEC_EXITED: the program, with @value as its status
 * @EXEC_SIGNALED: the program, by signal @value
 * @EXEC_TIMEOUT: by its time limit
 * @EXEC_INTERRUPTED: by signal @value to vmm
 * @EXEC_FAILED: by vmm, KVM or the host
 */
enum exec_how { EXEC_RUNNING, EXEC_EXITED, EXEC_SIGNALED, EXEC_TIMEOUT, EXEC_INTERRUPTED, EXEC_FAILED };

/**
 * struct exec_result
 * @words: what is known besides, or empty; borrowed
 * @calls, @faults: system calls, and page faults
 * @pages: most pages that it had at a time, of 4 KiB
 * @exits: returns of KVM_RUN, by event
 * @guest_ns, @vmm_ns: time inside and outside KVM_RUN; 0 unless timed
 */
struct exec_result {
	enum exec_how how;
	unsigned value;
	const char *words;
	uint64_t calls;
	uint64_t faults;
	uint64_t pages;
	uint64_t exits[VCPU_EVENTS];
	uint64_t guest_ns;
	uint64_t vmm_ns;
};

/**
 * exec_open() - open KVM and the program
 * @trace, @loop: borrowed until exec_destroy()
 * @ret: owned by the caller; untouched on failure
 *
 * Return: 0 or a negative errno; err_operator() when the program cannot be opened. Context: OPEN stage.
 */
int exec_open(
	const struct exec_config *config, struct trace *trace, struct loop *loop, struct exec **ret, struct err *e);

/** exec_set_sandbox() - set the sandbox that each thread enters before the program runs; borrowed, NULL: none */
void exec_set_sandbox(struct exec *x, struct sandbox *sandbox);

/** exec_build() - make everything. Return: 0 or a negative errno; err_operator() when the program is not one */
int exec_build(struct exec *x, struct err *e);

/**
 * exec_run() - run the program until it has ended or was ended
 *
 * Return: 0, or a negative errno when its thread could not be started or locked. Context: the loop's thread; blocks.
 */
int exec_run(struct exec *x, struct err *e);

/** exec_end() - end the program. The loop's thread */
void exec_end(struct exec *x, enum exec_how how, unsigned value);

/** exec_result() - after exec_run() */
void exec_result(const struct exec *x, struct exec_result *ret);

/** exec_exit_status() - of the process */
int exec_exit_status(const struct exec *x);

/** exec_destroy() - takes NULL and a program that was only opened */
void exec_destroy(struct exec *x);

#endif
