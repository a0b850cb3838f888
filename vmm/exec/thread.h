/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A thread of a program: its signals, and its registers while another one runs.
 *
 * Context of all functions: the vCPU's thread. They do not allocate.
 */
#ifndef VMM_EXEC_THREAD_H
#define VMM_EXEC_THREAD_H

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>

struct exec_task;

#define EXEC_THREADS_MAX 256
#define EXEC_WAIT_FDS    4

#define EXEC_FPU_SIZE 4096 /* struct kvm_xsave: an XSAVE area, not compacted */

/** struct exec_regs - in the order of Linux's struct sigcontext_64 */
struct exec_regs {
	uint64_t r8, r9, r10, r11, r12, r13, r14, r15;
	uint64_t rdi, rsi, rbp, rbx, rdx, rax, rcx, rsp, rip, flags;
};

/**
 * struct exec_info - what Linux keeps in siginfo_t
 * @word: the first two words of the part that depends on @code
 */
struct exec_info {
	int32_t signal;
	int32_t error;
	int32_t code;
	uint64_t word[2];
};

/** struct exec_stack - the argument of sigaltstack(); layout of stack_t */
struct exec_stack {
	uint64_t base;
	uint32_t flags;
	uint32_t unused;
	uint64_t size;
};

/**
 * enum exec_thread_state
 * @EXEC_WAITING: in a call, which is made again when it may succeed
 */
enum exec_thread_state { EXEC_UNUSED, EXEC_READY, EXEC_WAITING };

/**
 * struct exec_thread
 * @blocked, @pending: signals, bit S - 1 for S
 * @saved: is to become @blocked when the call ends, if @masked
 * @waits_for: signals that end a wait though they are blocked: sigtimedwait()
 * @fault: the signal of an exception, delivered before others; its @signal is 0: none
 * @trap, @error, @address: of the last exception
 * @nr, @arg: of the system call that is answered; @restart: it was interrupted, and is to be made again unless a
 *      handler without SA_RESTART runs; @always: even then
 * @again: a call that has blocked is made again; @finished: it has ended with @result
 * @deadline: of the call, CLOCK_MONOTONIC; 0: none
 * @until: of a sleep; @progress: bytes that it has moved already
 * @fd: files of the host that it waits for, @nr_fds; @many: and others; @fd_ready: one may be ready
 * @seen: @changes of the task when it last looked
 * @futex: that it waits for, 0: none; @bits; @turn: in which order; @woken: by FUTEX_WAKE
 * @pi: to own it, see exec_pi_lock()
 * @clear_tid: becomes 0 at its end; @robust: its list of mutexes
 * @regs, @base, @fpu: while it is not in the vCPU; @base: of FS and GS
 */
struct exec_thread {
	int tid;
	uint64_t blocked;
	uint64_t pending;
	uint64_t saved;
	bool masked;
	uint64_t waits_for;
	struct exec_stack altstack;
	struct exec_info fault;
	uint64_t trap;
	uint64_t error;
	uint64_t address;
	uint64_t nr;
	uint64_t arg[6];
	bool restart;
	bool always;
	enum exec_thread_state state;
	bool again;
	bool finished;
	int64_t result;
	uint64_t deadline;
	uint64_t until;
	uint64_t progress;
	struct pollfd fd[EXEC_WAIT_FDS];
	unsigned nr_fds;
	bool many;
	bool fd_ready;
	uint64_t seen;
	uint64_t futex;
	uint32_t bits;
	uint64_t turn;
	bool woken;
	bool pi;
	uint64_t clear_tid;
	uint64_t robust;
	struct exec_regs regs;
	uint64_t base[2];
	uint8_t fpu[EXEC_FPU_SIZE];
};

/**
 * struct exec_ops - the processor that runs the program
 * @get_regs, @set_regs: of ring 3; the next step starts with them. Flags, selectors and addresses are sanitised.
 * @get_fpu, @set_fpu: EXEC_FPU_SIZE bytes; -EINVAL: the processor would not accept them
 * @get_base, @set_base: of FS or GS
 * @arm: kick the vCPU in @first_ns, then every @every_ns; 0: no more
 *
 * Each returns 0 or a negative errno.
 */
struct exec_ops {
	int (*get_regs)(struct exec_task *t, struct exec_regs *ret);
	int (*set_regs)(struct exec_task *t, const struct exec_regs *regs);
	int (*get_fpu)(struct exec_task *t, void *ret);
	int (*set_fpu)(struct exec_task *t, const void *area);
	int (*get_base)(struct exec_task *t, bool gs, uint64_t *ret);
	int (*set_base)(struct exec_task *t, bool gs, uint64_t base);
	int (*arm)(struct exec_task *t, uint64_t first_ns, uint64_t every_ns);
};

#endif
