// SPDX-License-Identifier: Apache-2.0
/*
 * Theory of operation. The offset of each name is the host's own, so a driver can return to a name that did not fit,
 * also when the descriptor has been closed meanwhile and is opened again. Names that getdents64() has read but that
 * have not been returned to the driver are kept for its next request, if that continues where the last one ended.
 *
 * READDIRPLUS returns a node with each name. A name for which there is none (it has been removed meanwhile, or the
 * table is full) is returned without one, and the driver looks it up.
 */
#include <errno.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "devices/virtio/fuse_internal.h"
#include "vmm/base/util.h"

/* Linux include/linux/dirent.h: struct linux_dirent64 */
struct host_dirent {
	uint64_t ino;
	int64_t off;
	uint16_t reclen;
	uint8_t type;
	char name[];
};

int64_t fuse_opendir(struct fuse *f, struct fuse_request *rq)
{
	struct fuse_open_out out = {.fh = rq->head.nodeid};
	int fd;

	if (!fuse_is_type(rq->node, S_IFDIR))
		return -ENOTDIR;
	fd = fuse_node_fd(&f->nodes, rq->node, true);
	if (fd < 0 && fd != -EXDEV)
		return fd;
	fuse_node_opened(&f->nodes, rq->node);
	fuse_put(rq, 0, &out, sizeof(out));
	return sizeof(out);
}

/* Return: bytes that were read, 0 at the end, or a negative errno. */
static int refill(struct fuse *f, struct fuse_request *rq, uint64_t offset)
{
	int fd = fuse_node_fd(&f->nodes, rq->node, true);
	long n;

	f->dir_node = 0;
	if (fd < 0)
		return fd == -EXDEV ? 0 : fd; /* another file system's mount point is an empty directory */
	if (lseek(fd, (off_t)offset, SEEK_SET) < 0)
		return -errno;
	n = syscall(SYS_getdents64, fd, f->dirents, sizeof(f->dirents));
	if (n < 0)
		return -errno;
	f->dir_node = rq->head.nodeid;
	f->dir_offset = offset;
	f->dirent_at = 0;
	f->dirents_end = (uint32_t)n;
	return (int)n;
}

/* The next name of the directory. Return: 1, 0 at the end, or a negative errno. */
static int next_name(struct fuse *f, struct fuse_request *rq, uint64_t offset, const struct host_dirent **ret)
{
	if (f->dir_node != rq->head.nodeid || f->dir_offset != offset || f->dirent_at >= f->dirents_end) {
		int r = refill(f, rq, offset);

		if (r <= 0)
			return r;
	}
	*ret = (const struct host_dirent *)(f->dirents + f->dirent_at);
	return 1;
}

static void taken(struct fuse *f, const struct host_dirent *d)
{
	f->dirent_at += d->reclen;
	f->dir_offset = (uint64_t)d->off;
}

/* Returns a node for the name, if one can be made. */
static void look_up(struct fuse *f, struct fuse_request *rq, const char *name, size_t len, struct fuse_entry_out *ret)
{
	struct fuse_node *n = NULL;
	struct statx st;
	int fd;

	memset(ret, 0, sizeof(*ret));
	if (!fuse_name_ok(name, len))
		return;
	fd = fuse_node_fd(&f->nodes, rq->node, true);
	if (fd >= 0 && fuse_stat_name(fd, name, &st) == 0)
		n = fuse_node_add(&f->nodes, rq->node, name, len, &st);
	if (n)
		fuse_fill_entry(f, n, &st, ret);
}

/* Writes a name at @at. */
static void put_name(struct fuse *f, struct fuse_request *rq, size_t at, const struct host_dirent *d, bool plus)
{
	size_t len = strlen(d->name), pad = -len % 8;
	struct fuse_dirent out = {.ino = d->ino, .off = (uint64_t)d->off, .namelen = (uint32_t)len, .type = d->type};
	struct fuse_entry_out entry;

	/* The driver must not learn about the parent of the shared directory. */
	if (fuse_node_id(&f->nodes, rq->node) == FUSE_ROOT && !strcmp(d->name, ".."))
		out.ino = rq->node->ino;
	if (plus) {
		look_up(f, rq, d->name, len, &entry);
		fuse_put(rq, at, &entry, sizeof(entry));
		at += sizeof(entry);
	}
	fuse_put(rq, at, &out, sizeof(out));
	fuse_put(rq, at + sizeof(out), d->name, len);
	fuse_put(rq, at + sizeof(out) + len, "\0\0\0\0\0\0\0", pad);
}

static int64_t read_names(struct fuse *f, struct fuse_request *rq, bool plus)
{
	const struct fuse_read_in *a = &rq->arg.read;
	size_t room = MIN(a->size, rq->room), at = 0;
	uint64_t offset = a->offset;
	const struct host_dirent *d;
	int r;

	if (!fuse_is_type(rq->node, S_IFDIR) || !rq->node->opens)
		return -EBADF;
	/* Reads the directory again from the start, as rewinddir(3) requires. */
	if (!offset)
		f->dir_node = 0;
	while ((r = next_name(f, rq, offset, &d)) > 0) {
		size_t len = sizeof(struct fuse_dirent) + (strlen(d->name) + 7) / 8 * 8;

		if (plus)
			len += sizeof(struct fuse_entry_out);
		if (len > room - at)
			return at ? (int64_t)at : -EINVAL;
		put_name(f, rq, at, d, plus);
		at += len;
		offset = (uint64_t)d->off;
		taken(f, d);
	}
	return at ? (int64_t)at : r;
}

int64_t fuse_readdir(struct fuse *f, struct fuse_request *rq)
{
	return read_names(f, rq, false);
}

int64_t fuse_readdirplus(struct fuse *f, struct fuse_request *rq)
{
	return read_names(f, rq, true);
}
