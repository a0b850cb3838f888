/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Paths given by the operator that lead through directories of other users.
 *
 * A user who may write to a directory in a path can place a symbolic link there at any moment, also between a check and
 * a use, and thereby select any file that we may open. The sysctl protected_symlinks prevents some of this, where it is
 * enabled. These rules apply on every host:
 *
 * - A symbolic link that belongs neither to root nor to us is followed only to a file that belongs to the link's owner.
 *   No file is created through it.
 * - In a directory with the sticky bit, such as /tmp, an existing file is written to only if it belongs to us or to the
 *   directory's owner, and has no other name.
 *
 * The rules are checked on descriptors, since a name may lead to another file a moment later.
 */
#ifndef VMM_BASE_PATH_H
#define VMM_BASE_PATH_H

#include <string.h>
#include <sys/types.h>

/** path_name() - the part of @path behind its last slash, or all of it; points into @path */
static inline const char *path_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/**
 * path_open() - open(2) with these rules
 * @path: relative to the working directory unless it begins with a slash
 * @flags: O_CREAT adds the second rule; O_CLOEXEC is always set. O_NOFOLLOW and O_TMPFILE are not supported
 * @mode: of a new file
 *
 * Return: the descriptor, which the caller owns; -ENOLINK: a link that is not followed; -EACCES, also for the second
 * rule; another negative errno of open. errno is set, too.
 * Context: a file that is refused may have been opened for a moment. Trust: the path is the operator's; directories in
 * it may belong to any user.
 */
int path_open(const char *path, int flags, mode_t mode);

#endif
