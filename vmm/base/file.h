/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Is it a regular file? Asked of what the operator names and we read out of order: kernels, initrds, programs.
 */
#ifndef VMM_BASE_FILE_H
#define VMM_BASE_FILE_H

#include <stdbool.h>
#include <stdint.h>

#include "vmm/base/err.h"

/** file_is_regular() - whether a path leads to one; false when it leads nowhere */
bool file_is_regular(const char *path);

/**
 * file_open_regular() - open a regular file that is not empty, to read
 * @what: how messages name it, such as "kernel"
 * @ret: the descriptor; the caller owns it
 *
 * Return: 0, -EISDIR, -EINVAL (another kind of file), -ENODATA (empty), a negative errno of open or fstat.
 * Context: does not block on a FIFO.
 */
int file_open_regular(const char *what, const char *path, int *ret, struct err *e);

/**
 * file_regular_size() - the size of a regular file that is not empty; the caller puts its name in front of the message
 *
 * Return: 0, -EISDIR, -EINVAL (another kind of file, or empty), a negative errno of fstat.
 */
int file_regular_size(int fd, uint64_t *ret_size, struct err *e);

#endif
