/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Input files: those read at random offsets, which have to be regular (kernels, initrds, programs), and those read as a
 * whole.
 */
#ifndef VMM_BASE_FILE_H
#define VMM_BASE_FILE_H

#include <stdbool.h>
#include <stdint.h>

#include "vmm/base/err.h"

/** file_is_regular() - whether a path leads to a regular file; false if it does not exist */
bool file_is_regular(const char *path);

/**
 * file_open_regular() - open a regular file that is not empty, to read
 * @what: its name in messages, such as "kernel"
 * @ret: the descriptor; the caller owns it
 *
 * Return: 0, -EISDIR, -EINVAL (another kind of file, or empty), a negative errno of path_open() or fstat.
 * Context: does not block on a FIFO.
 */
int file_open_regular(const char *what, const char *path, int *ret, struct err *e);

/**
 * file_regular_size() - the size of a regular file that is not empty; the caller prepends its name to the message
 *
 * Return: 0, -EISDIR, -EINVAL (another kind of file, or empty), a negative errno of fstat.
 */
int file_regular_size(int fd, uint64_t *ret_size, struct err *e);

/**
 * file_read_all() - read to the end
 * @fd: borrowed; may be a pipe
 * @max: limit of its size
 * @ret: the bytes, followed by a NUL; the caller frees them
 *
 * Return: 0, -EFBIG: more than @max, -ENOMEM, a negative errno of read. Trust: the contents are untrusted.
 */
int file_read_all(int fd, size_t max, char **ret, size_t *ret_size);

#endif
