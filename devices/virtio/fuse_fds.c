// SPDX-License-Identifier: Apache-2.0
/*
 * Theory of operation. The host never gets a path, only single names relative to an open directory, by openat2() with
 * RESOLVE_BENEATH and without following links of any kind or crossing mounts. So a name refers to an object in that
 * directory or to nothing, whatever other processes do to the tree meanwhile.
 *
 * An object that is opened for reading is checked by statx() before, and compared afterwards: a name that has become a
 * FIFO or a device is not opened. If one is put there between these two calls, it is opened without blocking
 * (O_NONBLOCK) and closed at once.
 */
#include "devices/virtio/fuse_fds.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "vmm/base/util.h"

/* A node whose parents are closed is opened starting from its nearest open ancestor. */
#define DEPTH_MAX 1024

#define RESOLVE (RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV)

#define STAT_MASK (STATX_BASIC_STATS | STATX_BTIME)

int fuse_stat_fd(int fd, struct statx *ret)
{
	return syscall(SYS_statx, fd, "", AT_EMPTY_PATH, STAT_MASK, ret) < 0 ? -errno : 0;
}

int fuse_stat_name(int dir, const char *name, struct statx *ret)
{
	return syscall(SYS_statx, dir, name, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT, STAT_MASK, ret) < 0 ? -errno : 0;
}

static void unlist(struct fuse_nodes *t, struct fuse_node *n)
{
	for (unsigned i = 0; i < ARRAY_SIZE(t->lru); i++) {
		if (t->lru[i].newest == fuse_index(t, n))
			t->lru[i].newest = n->older;
		if (t->lru[i].oldest == fuse_index(t, n))
			t->lru[i].oldest = n->newer;
	}
	if (n->newer)
		t->nodes[n->newer].older = n->older;
	if (n->older)
		t->nodes[n->older].newer = n->newer;
	n->newer = n->older = 0;
	n->listed = false;
}

static void list(struct fuse_nodes *t, struct fuse_node *n)
{
	struct fuse_lru *lru = &t->lru[n->opens > 0];

	n->older = lru->newest;
	if (n->older)
		t->nodes[n->older].newer = fuse_index(t, n);
	else
		lru->oldest = fuse_index(t, n);
	lru->newest = fuse_index(t, n);
	n->listed = true;
}

void fuse_fd_touch(struct fuse_nodes *t, struct fuse_node *n)
{
	if (n->fd < 0 || fuse_index(t, n) == FUSE_ROOT_NODE)
		return;
	if (n->listed)
		unlist(t, n);
	list(t, n);
}

void fuse_fd_close(struct fuse_nodes *t, struct fuse_node *n)
{
	if (n->fd < 0)
		return;
	if (n->listed)
		unlist(t, n);
	close(n->fd);
	n->fd = -1;
	n->readable = false;
	t->fds--;
}

/* The least recently used node, but not @keep. */
static struct fuse_node *oldest(struct fuse_nodes *t, unsigned list, int keep)
{
	struct fuse_node *n = &t->nodes[t->lru[list].oldest];

	if (t->lru[list].oldest && n->fd == keep)
		n = &t->nodes[n->newer];
	return fuse_index(t, n) ? n : NULL;
}

/* Makes room for a descriptor; @keep is in use. Return: false when none may be closed. */
static bool close_one(struct fuse_nodes *t, int keep)
{
	struct fuse_node *n = oldest(t, 0, keep);

	for (; !n && (n = oldest(t, 1, keep)); n = NULL) {
		struct statx st;

		if (fuse_stat_fd(n->fd, &st) < 0 || st.stx_nlink)
			break;
		/* It must keep its descriptor until the driver closes it: fuse_fd_touch() */
		unlist(t, n);
	}
	if (n)
		fuse_fd_close(t, n);
	return n;
}

static int open_at(struct fuse_nodes *t, int dir, const char *name, uint64_t flags)
{
	struct open_how how = {.flags = flags | O_NOFOLLOW | O_CLOEXEC, .resolve = RESOLVE};

	for (;;) {
		long fd;

		if (t->fds >= t->max_fds && !close_one(t, dir))
			return -ENFILE;
		fd = syscall(SYS_openat2, dir, name, &how, sizeof(how));
		if (fd >= 0)
			return (int)fd;
		/* The limit of the process, or of the host, is lower. */
		if (errno != EMFILE && errno != ENFILE)
			return errno == ENOENT || errno == ENOTDIR || errno == ELOOP ? -ESTALE : -errno;
		if (!close_one(t, dir))
			return -ENFILE;
	}
}

/* @dir is open, and stays so: it has just been used. */
static int open_node(struct fuse_nodes *t, int dir, struct fuse_node *n, bool readable)
{
	bool is_dir = n->type == S_IFDIR >> 12;
	const char *name = fuse_node_name(t, n);
	uint64_t flags = O_PATH;
	struct statx st;
	int fd, r;

	if (readable) {
		flags = O_RDONLY | O_NONBLOCK | O_NOCTTY | (is_dir ? O_DIRECTORY : 0);
		r = fuse_stat_name(dir, name, &st);
		if (r < 0)
			return r == -ENOENT ? -ESTALE : r;
		if (!fuse_is(n, &st))
			return -ESTALE;
	}
	fd = open_at(t, dir, name, flags);
	if (fd < 0)
		return fd;
	r = fuse_stat_fd(fd, &st);
	if (r == 0 && !fuse_is(n, &st))
		r = -ESTALE;
	if (r < 0) {
		close(fd);
		return r;
	}
	fuse_fd_close(t, n);
	n->fd = fd;
	n->readable = readable;
	t->fds++;
	return 0;
}

/* Opens the closed ancestors, from the top. Return: descriptor of the last one, or a negative errno. */
static int parent_fd(struct fuse_nodes *t, struct fuse_node *n)
{
	uint32_t closed[DEPTH_MAX];
	unsigned nr = 0;

	for (n = &t->nodes[n->parent]; n->fd < 0; n = &t->nodes[n->parent]) {
		if (nr == DEPTH_MAX)
			return -ENAMETOOLONG;
		closed[nr++] = fuse_index(t, n);
	}
	fuse_fd_touch(t, n);
	while (nr) {
		struct fuse_node *child = &t->nodes[closed[--nr]];
		int r = open_node(t, n->fd, child, false);

		if (r < 0)
			return r;
		n = child;
		fuse_fd_touch(t, n);
	}
	return n->fd;
}

int fuse_node_fd(struct fuse_nodes *t, struct fuse_node *n, bool readable)
{
	int r = 0;

	if (n->fd < 0 || (readable && !n->readable)) {
		int dir = parent_fd(t, n);

		r = dir < 0 ? dir : open_node(t, dir, n, readable);
	}
	if (r < 0)
		return r;
	fuse_fd_touch(t, n);
	return n->fd;
}

int fuse_node_stat(struct fuse_nodes *t, struct fuse_node *n, struct statx *ret)
{
	int r;

	if (n->fd >= 0) {
		fuse_fd_touch(t, n);
		return fuse_stat_fd(n->fd, ret);
	}
	r = parent_fd(t, n);
	if (r >= 0)
		r = fuse_stat_name(r, fuse_node_name(t, n), ret);
	if (r < 0)
		return r == -ENOENT ? -ESTALE : r;
	return fuse_is(n, ret) ? 0 : -ESTALE;
}
