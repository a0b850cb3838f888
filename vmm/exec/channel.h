/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the calls that move data share: one side of a transfer, and the program's memory as the host sees it.
 */
#ifndef VMM_EXEC_CHANNEL_H
#define VMM_EXEC_CHANNEL_H

#include <sys/types.h>
#include <sys/uio.h>

#include "vmm/exec/task.h"

#define WINDOWS_MAX  64
#define TRANSFER_MAX UINT64_C(0x7ffff000) /* MAX_RW_COUNT of Linux */

/**
 * struct windows - parts of the program's memory for one system call of the host
 * @bytes: in all
 */
struct windows {
	struct iovec iov[WINDOWS_MAX];
	int nr;
	uint64_t bytes;
};

/**
 * struct channel - what to read from or write to
 * @fd: on the host; -1: in memory
 * @offset: NULL: where the host's file is
 */
struct channel {
	struct exec_open *o;
	int fd;
	bool out;
	uint64_t *offset;
};

/**
 * exec_channel_of() - what a descriptor reads or writes
 * @at: NULL: the position of the open file
 *
 * Return: 0, -EBADF: not open, or not in this direction; -ESPIPE.
 */
int exec_channel_of(struct exec_task *t, uint64_t fd, bool out, uint64_t *at, struct channel *ret);

/** exec_transfer() - move all windows, as far as there is data or room. Return: bytes, or a negative errno */
ssize_t exec_transfer(struct exec_task *t, const struct channel *c, const struct windows *w);

/** exec_end_transfer() - the result of a call that has moved @done bytes, and then met @r; sends SIGPIPE */
int64_t exec_end_transfer(struct exec_task *t, int r, uint64_t done, bool out);

#endif
