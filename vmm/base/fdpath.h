/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Paths that name an open descriptor of this process: /dev/stdout, /dev/fd/3, and what a shell makes of >(...).
 */
#ifndef VMM_BASE_FDPATH_H
#define VMM_BASE_FDPATH_H

/**
 * fd_of_path() - the descriptor that @path names, also through symbolic links
 *
 * Opening such a path makes a new open file at offset 0, or truncates what the caller has written; the descriptor
 * itself goes on where the caller stands.
 *
 * Return: its number, open or not; -1: it names none.
 * Trust: operator.
 */
int fd_of_path(const char *path);

#endif
