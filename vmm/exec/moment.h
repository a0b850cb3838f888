/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A moment of a program, to go back to: its registers, memory, files, signals and timers. Does not use KVM.
 */
#ifndef VMM_EXEC_MOMENT_H
#define VMM_EXEC_MOMENT_H

#include "vmm/exec/task.h"

/**
 * struct exec_moment - zero-initialised
 * @task: as it was, as far as it goes back: the members from @heap to @name
 * @left: of each timer: time until it expires, 0: it does not
 */
struct exec_moment {
	struct exec_task task;
	uint64_t left[EXEC_TIMERS_MAX];
};

/** exec_moment_init() - reserve memory, so that what follows does not allocate. Return: 0 or -ENOMEM */
int exec_moment_init(struct exec_task *t);

/**
 * exec_moment_mark() - the moment is now; once
 *
 * Return: 0; -EBUSY: the program has more than its first thread; a negative errno of the processor.
 */
int exec_moment_mark(struct exec_task *t, struct exec_moment *m);

/**
 * exec_moment_return() - go back to it
 * @log: as of space_return()
 *
 * Random bytes, clocks and what the program has changed in files of the host stay as they are.
 *
 * Return: 0 or a negative errno of the processor or the memory.
 */
int exec_moment_return(struct exec_task *t, const struct exec_moment *m, const uint64_t *log, uint64_t *ret_pages);

#endif
