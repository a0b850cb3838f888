// SPDX-License-Identifier: Apache-2.0
/*
 * Theory of operation. A path without links is opened by the kernel. Any other is resolved component by component, each
 * opened relative to the descriptor of the directory before it, so that a rename cannot replace what has been checked.
 */
#include "vmm/base/path.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>

#include "vmm/base/util.h"

#define LINKS_MAX 40 /* the limit of Linux */

/**
 * struct walk
 * @mode: of a new file
 * @links: followed, or removed before they were read
 */
struct walk {
	mode_t mode;
	unsigned links;
};

static int walk(int dir, char *path, int flags, struct walk *w);

/* Whether @file, in the directory @dir, is refused by the rule on sticky directories (path.h). */
static bool is_bait(int dir, const struct stat *file)
{
	struct stat st;

	if (fstatat(dir, "", &st, AT_EMPTY_PATH) < 0)
		return true;
	return (st.st_mode & S_ISVTX) &&
		((file->st_uid != geteuid() && file->st_uid != st.st_uid) || file->st_nlink > 1);
}

/* Follows @name in @dir, which is the link @fd. */
static int follow(int dir, const char *name, int fd, const struct stat *link, int flags, struct walk *w)
{
	bool others = link->st_uid && link->st_uid != geteuid();
	char target[PATH_MAX];
	struct statfs fs;
	struct stat st;
	ssize_t n;
	int r;

	/* Links in /proc lead to objects without a path, and cannot be changed by others. */
	if (fstatfs(fd, &fs) == 0 && fs.f_type == PROC_SUPER_MAGIC) {
		r = openat(dir, name, flags | O_CLOEXEC, w->mode);
		return r < 0 ? -errno : r;
	}
	n = readlinkat(fd, "", target, sizeof(target) - 1);
	if (n < 0)
		return -errno;
	target[n] = '\0';
	r = walk(dir, target, others ? flags & ~O_CREAT : flags, w);
	if (r >= 0 && others && (fstat(r, &st) < 0 || st.st_uid != link->st_uid)) {
		close(r);
		return -ENOLINK;
	}
	return r;
}

/* A link fails with ELOOP or ENOTDIR, or is opened itself, by O_PATH; it may be removed before it is read. */
static int open_name(int dir, const char *name, int flags, struct walk *w)
{
	int how = flags | O_NOFOLLOW | O_CLOEXEC, r = 0;

	for (;;) {
		CLEANUP_FD int fd = openat(dir, name, how, w->mode);
		struct stat st;

		if (fd < 0) {
			if (r || (errno != ELOOP && errno != ENOTDIR))
				return -errno;
			r = -errno;
			how = O_PATH | O_NOFOLLOW | O_CLOEXEC;
			continue;
		}
		if (fstat(fd, &st) < 0)
			return -errno;
		if (S_ISLNK(st.st_mode))
			return ++w->links > LINKS_MAX ? -ELOOP : follow(dir, name, fd, &st, flags, w);
		if (!r)
			return (flags & O_CREAT) && is_bait(dir, &st) ? -EACCES : TAKE_FD(fd);
		if ((r == -ENOTDIR && !S_ISDIR(st.st_mode)) || ++w->links > LINKS_MAX)
			return r;
		how = flags | O_NOFOLLOW | O_CLOEXEC;
		r = 0;
	}
}

/* @path is modified. */
static int walk(int dir, char *path, int flags, struct walk *w)
{
	CLEANUP_FD int at = *path == '/' ? open("/", O_PATH | O_CLOEXEC) : -1;

	if (*path == '/' && at < 0)
		return -errno;
	for (;;) {
		char *name = path + strspn(path, "/"), *end = name + strcspn(name, "/");
		int how, fd;

		path = end + strspn(end, "/");
		how = *path ? O_PATH : flags;
		/* A component followed by a slash must be a directory. */
		if (*end)
			how = (how & ~O_CREAT) | O_DIRECTORY;
		*end = '\0';
		fd = at < 0 ? open_name(dir, name, how, w) : open_name(at, *name ? name : ".", how, w);
		if (!*path || fd < 0)
			return fd;
		cleanup_fd(&at);
		at = fd;
	}
}

int path_open(const char *path, int flags, mode_t mode)
{
	const struct open_how how = {.flags = (unsigned)(flags | O_CLOEXEC), .resolve = RESOLVE_NO_SYMLINKS};
	struct walk w = {.mode = mode};
	long r = -1;

	/* The walk below repeats what openat2() refused, and finds where. */
	if (!(flags & O_CREAT))
		r = syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof(how));
	if (r < 0) {
		char *copy = strdup(path);

		r = copy ? walk(AT_FDCWD, copy, flags, &w) : -ENOMEM;
		free(copy);
		if (r < 0)
			errno = (int)-r;
	}
	return (int)r;
}
