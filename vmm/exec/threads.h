/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Threads of a program, on one vCPU: which one runs, and what the others wait for.
 *
 * A call that would block fails with -EXEC_BLOCKED when there is more than one thread, and nobody else sees that: it is
 * made again when what the thread waits for may have come. So one thread of ours answers them all, and blocks only if
 * none can run.
 */
#ifndef VMM_EXEC_THREADS_H
#define VMM_EXEC_THREADS_H

#include <poll.h>
#include <time.h>

#include "vmm/exec/task.h"

#define EXEC_BLOCKED 1000 /* no errno of Linux */

/** exec_alone() - is there one thread, which may block ours? */
static inline bool exec_alone(const struct exec_task *t)
{
	return t->nr_threads <= 1 && !t->now->again;
}

/** exec_must_schedule() - must exec_schedule() be called before the program continues? */
static inline bool exec_must_schedule(const struct exec_task *t)
{
	return t->nr_threads != 1 || t->now->state != EXEC_READY || t->loaded != t->now;
}

/** exec_nth() - the threads' places, used or not; NULL after the last */
struct exec_thread *exec_nth(struct exec_task *t, unsigned i);

/** exec_block() - as exec_poll(), for one thread of several. Return: also -EXEC_BLOCKED */
int exec_block(struct exec_task *t, struct pollfd *file, size_t nr, const struct timespec *limit);

/** exec_spawn() - a new thread, as the current one is; Return: it; NULL: too many, or @ret_error: of the processor */
struct exec_thread *exec_spawn(struct exec_task *t, int *ret_error);

/** exec_thread_save(), exec_thread_load() - its registers, from and to the vCPU. Return: 0 or a negative errno */
int exec_thread_save(struct exec_task *t, struct exec_thread *th);
int exec_thread_load(struct exec_task *t, const struct exec_thread *th);

/** exec_wake() - wake at most @most that wait for a futex, those first that came first. Return: how many */
unsigned exec_wake(struct exec_task *t, uint64_t at, uint32_t bits, unsigned most);

/**
 * exec_pi_lock() - wait until a futex with priority inheritance is the current thread's
 * @limit: NULL: none
 *
 * Return: 0; -EAGAIN: @try_only, and it is another's; -EDEADLK, -ESRCH, -ETIMEDOUT, -EFAULT; -EXEC_BLOCKED.
 */
int64_t exec_pi_lock(struct exec_task *t, uint64_t at, bool try_only, const struct timespec *limit);

/** exec_pi_unlock() - give it to the next. Return: 0; -EPERM: it is not the current thread's; -EFAULT */
int64_t exec_pi_unlock(struct exec_task *t, uint64_t at);

/** exec_pi_abandon() - its owner ends: the next one gets it, and learns that. Return: is there one? */
bool exec_pi_abandon(struct exec_task *t, uint64_t at);

/** exec_pi_abandon_all() - all that the current thread owns and others wait for */
void exec_pi_abandon_all(struct exec_task *t);

/** exec_end_thread() - the current thread has ended; others go on */
void exec_end_thread(struct exec_task *t);

/**
 * exec_schedule() - choose the thread that runs next, and load its registers; blocks while none can run, and answers
 * the call that it was in
 *
 * Afterwards @t->now->finished says that a call has ended, with @nr, @arg and @result. The run may be to end: no
 * thread is ready then.
 */
void exec_schedule(struct exec_task *t);

#endif
