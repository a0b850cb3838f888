/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Paths of the operator's that lead through directories of other users.
 *
 * Who may write in a directory on the way can put a symbolic link there at any moment, also between a check and what
 * follows, and so choose among all that we may open. protected_symlinks keeps the host's kernel from following some of
 * them, where it is on. Here, on every host:
 *
 * - A symbolic link that belongs neither to root nor to us leads to what belongs to the link's owner, and nowhere else.
 *   Nothing is made through it.
 * - In a directory with the sticky bit, as /tmp, a file that is there is written to only if it is ours or the
 *   directory's owner's, and has no other name.
 *
 * What holds is the descriptor, since a name may mean something else a moment later.
 */
#ifndef VMM_BASE_PATH_H
#define VMM_BASE_PATH_H

#include <sys/types.h>

/**
 * path_open() - open(2) by these rules
 * @path: of the working directory unless it begins with a slash
 * @flags: with O_CREAT the second rule holds, too; O_CLOEXEC is added. No O_NOFOLLOW, no O_TMPFILE
 * @mode: of a new file
 *
 * Return: the descriptor, which the caller owns; -ENOLINK: a link that is not followed; -EACCES, also by the
 * second rule; another negative errno of open. errno is the same.
 * Context: what is refused may have been opened for a moment. Trust: the path is the operator's, directories on the way
 * may be anybody's.
 */
int path_open(const char *path, int flags, mode_t mode);

#endif
