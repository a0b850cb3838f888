/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The state of a program that its system calls work on, as Linux keeps it for a process. Does not use KVM: tests and a
 * fuzzer call exec_call() on heap memory.
 *
 * All values that come from the program are hostile. Handlers do not allocate; names go through walk().
 */
#ifndef VMM_EXEC_TASK_H
#define VMM_EXEC_TASK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "vmm/base/trace.h"
#include "vmm/exec/calls.h"
#include "vmm/exec/files.h"
#include "vmm/exec/space.h"
#include "vmm/exec/thread.h"

#define EXEC_SIGNALS    64
#define EXEC_PID        2
#define EXEC_ID         65534 /* nobody */
#define EXEC_NR_MAX     512
#define EXEC_NAME_MAX   16
#define EXEC_QUEUE_MAX  256
#define EXEC_ITIMERS    3 /* of setitimer() */
#define EXEC_TIMERS_MAX (EXEC_ITIMERS + 32)

/** struct exec_action - layout of Linux arch/x86/include/uapi/asm/signal.h */
struct exec_action {
	uint64_t handler;
	uint64_t flags;
	uint64_t restorer;
	uint64_t mask;
};

/**
 * struct exec_end - how a program ended
 * @signal: that killed it; 0: it called exit with @status
 * @words: further explanation, or empty
 */
struct exec_end {
	bool ended;
	uint8_t status;
	int signal;
	char words[160];
};

/**
 * struct exec_timer
 * @clock: of the host; @next: its time when the timer expires; 0: not armed
 * @to: NULL: to the process; @signal: 0: none
 */
struct exec_timer {
	bool used;
	clockid_t clock;
	uint64_t next;
	uint64_t interval;
	struct exec_thread *to;
	int signal;
	uint64_t value;
	int overrun;
};

/** struct exec_queued - a signal that is pending; @to: NULL: for the process */
struct exec_queued {
	struct exec_info info;
	struct exec_thread *to;
};

/** struct exec_output - what a round has written: @used of @room bytes; @lost: bytes that did not fit */
struct exec_output {
	uint8_t *data;
	size_t used;
	size_t room;
	uint64_t lost;
};

/**
 * struct exec_vdso - the program's clocks, see vdso.h
 * @at: address of the page of the time; 0: there is none; @seq: how often it was written
 * @tsc0, @mono0: readings that a tick's length, @mult, is measured from; 0: not known yet
 * @base, @span: TSC when the page was written, and the ticks for which it holds; @end: the time that it says at last
 * @wall: what the time of day has more
 */
struct exec_vdso {
	uint64_t at;
	uint64_t seq;
	uint64_t tsc0;
	uint64_t mono0;
	uint64_t mult;
	uint64_t base;
	uint64_t span;
	uint64_t end;
	uint64_t wall;
};

/**
 * struct exec_task
 * @output: of EXEC_ROUND; NULL: there are no such files; borrowed
 * @path: of the program in the guest; @argv: its arguments, NULL: none; borrowed
 * @files: owned by whoever made it
 * @stop: set when the run is to end: no call may wait any longer; borrowed
 * @ops, @cpu: the processor; @xfeatures: what XSAVE manages, @xsize: the bytes of that; 0: there is FXSAVE alone
 * @failed: negative errno of the processor; the program must not run any more
 * @bias: of the program's addresses
 * @vdso: its clocks
 * @heap, @heap_end: initial and current brk
 * @top: mmap searches for a free range below it
 * @main: the first thread; @others: EXEC_THREADS_MAX - 1 places for more, or NULL; @most: no place behind is in use
 * @now: the thread whose call is answered; @loaded: whose registers are in the vCPU, NULL: nobody's
 * @nr_threads, @last_tid: of those that there are
 * @changes: calls that have ended: pipes may have changed; @turns: waits for futexes
 * @tick: another thread's turn has come; @yields: so the thread says; @ticking: there is a tick
 * @timer: @armed: when the next may expire, in ns; 0: none
 * @pending: signals for the process, bit S - 1 for S
 * @queue: @nr_queued pending signals, oldest first
 * @nice: of setpriority()
 * @missing: one bit for each unknown call that has been logged
 * @calls, @faults: counters
 */
struct exec_task {
	struct space space;
	struct trace *trace;
	const char *path;
	const char *const *argv;
	struct exec_files *files;
	const _Atomic bool *stop;
	const struct exec_ops *ops;
	void *cpu;
	uint64_t xfeatures;
	uint32_t xsize;
	int failed;
	struct exec_vdso vdso;
	struct exec_output *output;
	uint64_t bias;

	uint64_t heap;
	uint64_t heap_end;
	uint64_t top;
	struct exec_action action[EXEC_SIGNALS + 1];
	struct exec_thread main;
	struct exec_thread *others;
	unsigned most;
	struct exec_thread *now;
	struct exec_thread *loaded;
	unsigned nr_threads;
	int last_tid;
	uint64_t changes;
	uint64_t turns;
	bool tick;
	bool yields;
	bool ticking;
	struct exec_timer timer[EXEC_TIMERS_MAX];
	uint64_t armed;
	uint64_t pending;
	struct exec_queued queue[EXEC_QUEUE_MAX];
	unsigned nr_queued;
	char name[EXEC_NAME_MAX];
	int nice;
	uint64_t missing[EXEC_NR_MAX / 64];

	struct exec_end end;
	uint64_t calls;
	uint64_t faults;
};

/**
 * exec_call() - answer a system call
 * @arg: its six arguments
 *
 * Return: the value for RAX. Afterwards the program may have ended: see @t->end. Context: may block until @t->stop.
 */
int64_t exec_call(struct exec_task *t, uint64_t nr, const uint64_t *arg);

/**
 * exec_fault() - handle a processor exception: allocate memory, or send the program a signal
 * @vector, @error, @address, @rip: as in struct exec_exit
 */
void exec_fault(struct exec_task *t, unsigned vector, uint64_t error, uint64_t address, uint64_t rip);

/**
 * exec_install() - an open file in memory, with the lowest free descriptor
 *
 * Return: the descriptor; -EMFILE.
 */
int64_t exec_install(struct exec_task *t, const struct exec_open *from, uint64_t close_on_exec);

/** exec_open_status() - stat() of an open file. Return: 0 or a negative errno */
int exec_open_status(const struct exec_task *t, const struct exec_open *o, struct stat *ret);

/**
 * exec_map_file() - map a part of a file, and read it
 * @fd: open for reading
 * @at, @len: whole pages
 * @kind of the area: AREA_FILE; of what is behind the end of the file: AREA_CUT
 *
 * Return: 0; -EBADF; -EINVAL or -ENOMEM of space_map(); a negative errno of preadv
 */
int exec_map_file(struct exec_task *t, uint64_t fd, uint64_t at, uint64_t len, uint64_t offset, unsigned rights);

/** exec_task_init() - of a zeroed struct: one thread */
void exec_task_init(struct exec_task *t);

/** exec_thread_of() - the thread with this number, or NULL */
struct exec_thread *exec_thread_of(struct exec_task *t, int tid);

/** exec_signal() - send the current thread a signal, as the kernel does: SIGPIPE */
void exec_signal(struct exec_task *t, int signal);

/** exec_signal_name() - "SIGSEGV"; for signals without a name "signal 40", in @buf of 16 bytes */
const char *exec_signal_name(int signal, char *buf);

/** exec_kill_for_memory() - kill the program with SIGKILL because the pool is empty */
void exec_kill_for_memory(struct exec_task *t);

/**
 * struct exec_row - a row of EXEC_CALLS
 * @args: letters as described there
 */
struct exec_row {
	const char *name;
	const char *args;
	int64_t (*handler)(struct exec_task *t, const uint64_t *a);
	const char *note;
};

/** exec_row() - the row of a system call number, or NULL */
const struct exec_row *exec_row(uint64_t nr);

/** exec_call_text() - a call as strace prints it, without its result; returns the length, which is below @size */
size_t exec_call_text(struct exec_task *t, uint64_t nr, const uint64_t *arg, int64_t result, char *buf, size_t size);

/**
 * exec_result_text() - " = -1 ENOENT (No such file or directory)", with a newline; for a call that does not return "
 * = ?"
 */
size_t exec_result_text(const struct exec_task *t, uint64_t nr, int64_t result, char *buf, size_t size);

/* One handler for each name in the third column of EXEC_CALLS. */

#define CALL(name, args, handler, note) int64_t exec_sys_##handler(struct exec_task *t, const uint64_t *a);
EXEC_CALLS(CALL)
#undef CALL

#endif
