/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shared by the system calls that take names.
 */
#ifndef VMM_EXEC_NAMES_H
#define VMM_EXEC_NAMES_H

#include "vmm/exec/task.h"
#include "vmm/exec/walk.h"

/** exec_walk() - walk() of a name in the program's memory; also -EFAULT */
int exec_walk(struct exec_task *t, uint64_t dirfd, uint64_t at, unsigned flags, struct spot *ret);

/**
 * exec_spot_reopen() - open what has the name of a spot on the host now, not just for its name
 *
 * Return: a descriptor, which the caller compares with what was found; a negative errno.
 */
int exec_spot_reopen(const struct spot *s, uint64_t flags);

#endif
