/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls that wait. Each ends early, with -EINTR, when the run is to end: the control loop sends its kick until the
 * thread has ended, so that one which comes right before the host's call is not lost.
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

/** exec_poll() - poll files of the host; @limit: NULL: for ever. Return: as poll(), or a negative errno */
int exec_poll(struct exec_task *t, struct pollfd *file, size_t nr, const struct timespec *limit);

/** exec_sleep_until() - until a time of a clock. Return: 0 or a negative errno */
int exec_sleep_until(struct exec_task *t, clockid_t clock, const struct timespec *until);

/** exec_read_time() - a struct timespec of the program. Return: 0, -EFAULT, -EINVAL: no time */
int exec_read_time(struct exec_task *t, uint64_t at, struct timespec *ret);

#endif
