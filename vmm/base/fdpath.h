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

#define FD_PATH_SIZE 32

/**
 * fd_path() - the other way: the path of a descriptor of this process, in /proc
 * @fd: open; of a directory: names in it may be appended
 *
 * It names what is open, whatever has its path by now. There is none where /proc is not mounted.
 */
void fd_path(int fd, char ret[static FD_PATH_SIZE]);

#endif
