/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Paths that name an open descriptor of this process: /dev/stdout, /dev/fd/3, and those that a shell substitutes for
 * >(...).
 */
#ifndef VMM_BASE_FDPATH_H
#define VMM_BASE_FDPATH_H

/**
 * fd_of_path() - the descriptor that @path names, directly or through symbolic links
 *
 * Opening such a path creates a new open file at offset 0, or truncates what the caller has written; writes to the
 * descriptor itself continue at the caller's offset.
 *
 * Return: its number, open or not; -1: @path names no descriptor.
 * Trust: operator.
 */
int fd_of_path(const char *path);

#endif
