/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs a Linux program without a kernel: a VM, a vCPU, and a thread that answers its system calls.
 *
 *	exec_open(&config, trace, loop, &x, e);	stage OPEN: everything that has a path
 *	exec_set_sandbox(x, sandbox);		after its stage CONFINE
 *	exec_build(x, e);			VM, memory, the program, its processor
 *	exec_run(x, e);				until the program ends, or exec_end() is called
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
#define EXEC_TMP_MAX  (64 * GIB)

struct mounts;
struct sandbox;
struct exec;

/**
 * struct exec_config - borrowed until exec_destroy()
 * @path: of the program, on the host
 * @argv, @envp: of the program, ended by NULL
 * @cwd: of the program; absolute
 * @ro, @rw: PATH[:GUESTPATH] of the host that it can read, and change; @nr_ro, @nr_rw of them
 * @tmp_bytes: size of its /tmp in memory; 0: none
 * @system: it can read the system's programs and libraries
 * @mem_bytes: most memory that it may use, page tables included
 * @host: descriptors of the three streams, -1: closed
 * @trace_fd: system calls are printed there as strace does; -1: not printed
 * @timed: measure the time in the guest, by two clock readings per exit
 * @deadline_ns: CLOCK_MONOTONIC, 0: none
 * @rounds: it runs in rounds (rounds.h): its first two streams are those of a round
 * @calls: the rounds are calls of functions
 */
struct exec_config {
	const char *path;
	const char *const *argv;
	const char *const *envp;
	const char *cwd;
	const char *const *ro;
	const char *const *rw;
	size_t nr_ro;
	size_t nr_rw;
	uint64_t tmp_bytes;
	bool system;
	uint64_t mem_bytes;
	int host[3];
	int trace_fd;
	bool timed;
	uint64_t deadline_ns;
	bool rounds;
	bool calls;
};

/**
 * enum exec_how - how a run ended
 * @EXEC_EXITED: the program exited with status @value
 * @EXEC_SIGNALED: the program was killed by signal @value
 * @EXEC_TIMEOUT: its time limit expired
 * @EXEC_INTERRUPTED: vmm received signal @value
 * @EXEC_FAILED: an error in vmm, KVM or the host
 * @EXEC_ANSWERED: of a round: the program has asked for the next input; of a run: there is none, @value is the status
 * @EXEC_UNREADY: it was to run in rounds, and cannot
 */
enum exec_how {
	EXEC_RUNNING,
	EXEC_EXITED,
	EXEC_SIGNALED,
	EXEC_TIMEOUT,
	EXEC_INTERRUPTED,
	EXEC_FAILED,
	EXEC_ANSWERED,
	EXEC_UNREADY
};

/**
 * struct exec_result
 * @words: further explanation, or empty; borrowed
 * @calls, @faults: numbers of system calls and of page faults
 * @pages: most pages of 4 KiB that it had at any time
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

/** exec_mounts() - the files of the host that the program has, for the sandbox; see vmm/exec/mounts.h */
const struct mounts *exec_mounts(const struct exec *x);

/** exec_set_sandbox() - set the sandbox that each thread enters before the program runs; borrowed, NULL: none */
void exec_set_sandbox(struct exec *x, struct sandbox *sandbox);

/** exec_build() - create everything. Return: 0 or a negative errno; err_operator() when the file is not a program */
int exec_build(struct exec *x, struct err *e);

/**
 * exec_run() - run the program until it ends or is ended
 *
 * Return: 0, or a negative errno when its thread could not be started or locked. Context: the loop's thread; blocks.
 */
int exec_run(struct exec *x, struct err *e);

/** exec_end() - end the program. Context: the loop's thread */
void exec_end(struct exec *x, enum exec_how how, unsigned value);

/** exec_result() - get the result, after exec_run() */
void exec_result(const struct exec *x, struct exec_result *ret);

/** exec_exit_status() - exit status for the vmm process */
int exec_exit_status(const struct exec *x);

/** exec_destroy() - takes NULL and a program that was only opened */
void exec_destroy(struct exec *x);

#endif
