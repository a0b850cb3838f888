/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Blocking calls. Each returns early, with -EINTR, when the run is to end: the control loop repeats its kick until the
 * thread has ended, so that a kick right before the host's system call is not lost.
 */
#ifndef VMM_EXEC_WAIT_H
#define VMM_EXEC_WAIT_H

#include <poll.h>
#include <time.h>

#include "vmm/exec/task.h"

/** exec_stopping() - is the run to end? */
static inline bool exec_stopping(const struct exec_task *t)
{
	return atomic_load_explicit(t->stop, memory_order_relaxed);
}

/** exec_poll() - poll files of the host; @limit: NULL: no limit. Return: as poll(), or a negative errno */
int exec_poll(struct exec_task *t, struct pollfd *file, size_t nr, const struct timespec *limit);

/** exec_wait_once() - ppoll() that a kick before it ends. Return: as exec_poll(), -EINTR after any signal */
int exec_wait_once(struct exec_task *t, struct pollfd *file, size_t nr, const struct timespec *limit);

/** exec_read_timer() - copy a struct itimerspec from the program. Return: 0, -EFAULT, -EINVAL: not valid times */
int exec_read_timer(struct exec_task *t, uint64_t at, struct itimerspec *ret);

/** exec_timespec_ns() - a valid time in ns, or the most that counts */
uint64_t exec_timespec_ns(const struct timespec *ts);

/** exec_time_left() - @at of a clock becomes the time until then, at least 0 */
void exec_time_left(clockid_t clock, struct timespec *at);

/** exec_sleep_until() - sleep until a time of a clock. Return: 0 or a negative errno */
int exec_sleep_until(struct exec_task *t, clockid_t clock, const struct timespec *until);

/** exec_read_time() - copy a struct timespec from the program. Return: 0, -EFAULT, -EINVAL: not a valid time */
int exec_read_time(struct exec_task *t, uint64_t at, struct timespec *ret);

#endif
