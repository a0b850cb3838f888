// SPDX-License-Identifier: Apache-2.0
/*
 * Theory of operation. A path without links is the kernel's to open. Any other is walked name by name, each opened in
 * the directory that the last one was, so that nobody's rename changes what has been looked at.
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

#define LINKS_MAX 40 /* as Linux has it */

/**
 * struct walk
 * @mode: of a new file
 * @links: followed, or gone when we looked
 */
struct walk {
	mode_t mode;
	unsigned links;
};

static int walk(int dir, char *path, int flags, struct walk *w);

/* Whether what is in the directory @dir may be another user's bait. */
static bool is_bait(int dir, const struct stat *file)
{
	struct stat st;

	if (fstatat(dir, "", &st, AT_EMPTY_PATH) < 0)
		return true;
	return (st.st_mode & S_ISVTX) &&
		((file->st_uid != geteuid() && file->st_uid != st.st_uid) || file->st_nlink > 1);
}

/* To where @name in @dir leads, which is the link @fd. */
static int follow(int dir, const char *name, int fd, const struct stat *link, int flags, struct walk *w)
{
	bool others = link->st_uid && link->st_uid != geteuid();
	char target[PATH_MAX];
	struct statfs fs;
	struct stat st;
	ssize_t n;
	int r;

	/* Those of /proc lead to what has no path, and nobody changes them. */
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

/* A link answers ELOOP or ENOTDIR, or is opened itself, by O_PATH; when it is looked at, it may have gone. */
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

/* @path is cut. */
static int walk(int dir, char *path, int flags, struct walk *w)
{
	CLEANUP_FD int at = *path == '/' ? open("/", O_PATH | O_CLOEXEC) : -1;

	for (;;) {
		char *name = path + strspn(path, "/"), *end = name + strcspn(name, "/");
		int how, fd;

		path = end + strspn(end, "/");
		how = *path ? O_PATH : flags;
		/* What a slash follows is a directory. */
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

	/* What it refuses, and where it is refused, is found again by walking. */
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
