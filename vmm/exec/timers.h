/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Timers of a program: setitimer(), alarm(), timer_create(). The vCPU's thread keeps them; a timer of the control loop
 * makes it look at them (exec_ops.arm).
 */
#ifndef VMM_EXEC_TIMERS_H
#define VMM_EXEC_TIMERS_H

#include "vmm/exec/task.h"

/**
 * exec_timers_run() - start or end the tick of several threads, and send the signals of timers that have expired
 *
 * Context: after a kick, after a wait, and when a thread has begun.
 */
void exec_timers_run(struct exec_task *t);

/** exec_timers_left() - time until each of them expires; 0: it does not */
void exec_timers_left(const struct exec_task *t, uint64_t ret[static EXEC_TIMERS_MAX]);

/** exec_timers_again() - let those that are armed expire in so much time from now on */
void exec_timers_again(struct exec_task *t, const uint64_t left[static EXEC_TIMERS_MAX]);

#endif
