// SPDX-License-Identifier: Apache-2.0
/* The handlers of all requests except those on directories, and the table of all requests. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/vfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "devices/virtio/fuse_internal.h"
#include "vmm/base/iov.h"
#include "vmm/base/util.h"

/* Most background requests (such as read-ahead) that a driver may have in flight */
#define BACKGROUND_MAX 64

#define OFFERED                                                                                                        \
	(FUSE_F_ASYNC_READ | FUSE_F_AUTO_INVAL_DATA | FUSE_F_DO_READDIRPLUS | FUSE_F_READDIRPLUS_AUTO |                \
		FUSE_F_PARALLEL_DIROPS | FUSE_F_MAX_PAGES | FUSE_F_CACHE_SYMLINKS)

static int64_t serve_init(struct fuse *f, struct fuse_request *rq)
{
	const struct fuse_init_in *a = &rq->arg.init;
	struct fuse_init_out out = {
		.major = FUSE_MAJOR,
		.minor = FUSE_MINOR,
		.max_readahead = a->max_readahead,
		.flags = a->flags & OFFERED,
		.max_background = BACKGROUND_MAX,
		.congestion_threshold = BACKGROUND_MAX * 3 / 4,
		.max_write = FUSE_PAGES_MAX * 4096,
		.time_gran = 1,
		.max_pages = FUSE_PAGES_MAX,
	};

	if (a->major < FUSE_MAJOR || (a->major == FUSE_MAJOR && a->minor < FUSE_MINOR_MIN))
		return -EPROTO;
	/* A driver with a later major version gets only our version, and asks again. */
	if (a->major > FUSE_MAJOR)
		out.flags = 0;
	else
		fuse_reset(f);
	fuse_put(rq, 0, &out, sizeof(out));
	return sizeof(out);
}

static int64_t serve_destroy(struct fuse *f, struct fuse_request *rq)
{
	fuse_reset(f);
	return 0;
}

static int64_t serve_lookup(struct fuse *f, struct fuse_request *rq)
{
	struct fuse_entry_out out;
	struct fuse_node *n;
	struct statx st;
	int r;

	if (!fuse_is_type(rq->node, S_IFDIR))
		return -ENOTDIR;
	if (strlen(rq->name) > FUSE_NAME_MAX)
		return -ENAMETOOLONG;
	if (!fuse_name_ok(rq->name, strlen(rq->name)))
		return -EINVAL;
	r = fuse_node_fd(&f->nodes, rq->node, false);
	if (r >= 0)
		r = fuse_stat_name(r, rq->name, &st);
	if (r < 0)
		return r == -EXDEV ? -ENOENT : r; /* another file system's mount point is an empty directory */
	n = fuse_node_add(&f->nodes, rq->node, rq->name, strlen(rq->name), &st);
	if (!n)
		return -ENOMEM;
	fuse_fill_entry(f, n, &st, &out);
	fuse_put(rq, 0, &out, sizeof(out));
	return sizeof(out);
}

static int64_t serve_forget(struct fuse *f, struct fuse_request *rq)
{
	fuse_node_forget(&f->nodes, rq->node, rq->arg.forget.nlookup);
	return 0;
}

static int64_t serve_batch_forget(struct fuse *f, struct fuse_request *rq)
{
	size_t at = sizeof(rq->head) + sizeof(struct fuse_batch_in);

	for (uint32_t i = 0; i < rq->arg.batch.count; i++, at += sizeof(struct fuse_forget_one)) {
		struct fuse_forget_one one;
		struct fuse_node *n;

		if (rq->out_len - at < sizeof(one))
			break;
		vq_read(rq->out, rq->out_nr, at, &one, sizeof(one));
		n = fuse_node_find(&f->nodes, one.nodeid);
		if (n)
			fuse_node_forget(&f->nodes, n, one.nlookup);
	}
	return 0;
}

static int64_t serve_getattr(struct fuse *f, struct fuse_request *rq)
{
	struct fuse_attr_out out = {.attr_valid = FUSE_VALID_SECONDS};
	struct statx st;
	int r = fuse_node_stat(&f->nodes, rq->node, &st);

	if (r < 0)
		return r;
	fuse_fill_attr(&out.attr, &st);
	fuse_put(rq, 0, &out, sizeof(out));
	return sizeof(out);
}

static int64_t serve_statx(struct fuse *f, struct fuse_request *rq)
{
	struct fuse_statx_out out = {.attr_valid = FUSE_VALID_SECONDS};
	struct statx st;
	int r;

	memset(&st, 0, sizeof(st));
	r = fuse_node_stat(&f->nodes, rq->node, &st);
	if (r < 0)
		return r;
	/* The fields that the driver asks for, without those that reveal the host's mounts */
	st.stx_mask &= STATX_BASIC_STATS | STATX_BTIME;
	st.stx_attributes = st.stx_attributes_mask = 0;
	memset((char *)&st + offsetof(struct statx, stx_dev_minor) + sizeof(st.stx_dev_minor), 0,
		sizeof(st) - offsetof(struct statx, stx_dev_minor) - sizeof(st.stx_dev_minor));
	fuse_put(rq, 0, &out, sizeof(out));
	fuse_put(rq, sizeof(out), &st, sizeof(st));
	return sizeof(out) + sizeof(st);
}

static int64_t serve_readlink(struct fuse *f, struct fuse_request *rq)
{
	ssize_t n;
	int fd;

	if (!fuse_is_type(rq->node, S_IFLNK))
		return -EINVAL;
	fd = fuse_node_fd(&f->nodes, rq->node, false);
	if (fd < 0)
		return fd;
	n = readlinkat(fd, "", (char *)f->buffer, sizeof(f->buffer));
	if (n < 0)
		return -errno;
	n = MIN(n, (ssize_t)rq->room);
	fuse_put(rq, 0, f->buffer, (size_t)n);
	return n;
}

/* Size and times as one number, to detect whether the driver's cache of the file is still valid. */
static uint64_t version_of(const struct statx *st)
{
	const uint64_t part[] = {st->stx_size, (uint64_t)st->stx_mtime.tv_sec, st->stx_mtime.tv_nsec,
		(uint64_t)st->stx_ctime.tv_sec, st->stx_ctime.tv_nsec};
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	for (size_t i = 0; i < ARRAY_SIZE(part); i++)
		h = (h ^ part[i]) * UINT64_C(0x9e3779b97f4a7c15);
	return h;
}

static int64_t serve_open(struct fuse *f, struct fuse_request *rq)
{
	struct fuse_open_out out = {.fh = rq->head.nodeid};
	struct statx st;
	int r;

	if ((rq->arg.open.flags & O_ACCMODE) != O_RDONLY || rq->arg.open.flags & O_TRUNC)
		return -EROFS;
	if (fuse_is_type(rq->node, S_IFDIR))
		return -EISDIR;
	if (!fuse_is_type(rq->node, S_IFREG))
		return -ENXIO;
	r = fuse_node_fd(&f->nodes, rq->node, true);
	if (r >= 0)
		r = fuse_node_stat(&f->nodes, rq->node, &st);
	if (r < 0)
		return r;
	fuse_node_opened(&f->nodes, rq->node);
	if (rq->node->version == version_of(&st))
		out.open_flags = FUSE_OPENED_KEEP_CACHE;
	rq->node->version = version_of(&st);
	fuse_put(rq, 0, &out, sizeof(out));
	return sizeof(out);
}

static int64_t serve_release(struct fuse *f, struct fuse_request *rq)
{
	fuse_node_closed(&f->nodes, rq->node);
	return 0;
}

static int64_t serve_read(struct fuse *f, struct fuse_request *rq)
{
	const struct fuse_read_in *a = &rq->arg.read;
	uint32_t size = MIN(a->size, rq->room);
	ssize_t n;
	int fd;

	if (!fuse_is_type(rq->node, S_IFREG) || !rq->node->opens)
		return -EBADF;
	if (a->offset > INT64_MAX)
		return -EINVAL;
	fd = fuse_node_fd(&f->nodes, rq->node, true);
	if (fd < 0)
		return fd;
	n = preadv(fd, f->pages, (int)iov_cut(rq->in, rq->in_nr, sizeof(struct fuse_out), size, f->pages),
		(off_t)a->offset);
	if (n < 0)
		return -errno;
	rq->data = (uint32_t)n;
	return n;
}

static int64_t serve_statfs(struct fuse *f, struct fuse_request *rq)
{
	struct fuse_statfs_out out = {0};
	struct statfs s;
	int fd = fuse_node_fd(&f->nodes, rq->node, false);

	if (fd == -EXDEV)
		fd = f->nodes.nodes[FUSE_ROOT_NODE].fd;
	if (fd < 0)
		return fd;
	if (fstatfs(fd, &s) < 0)
		return -errno;
	out.blocks = (uint64_t)s.f_blocks;
	out.bfree = (uint64_t)s.f_bfree;
	out.bavail = (uint64_t)s.f_bavail;
	out.files = (uint64_t)s.f_files;
	out.ffree = (uint64_t)s.f_ffree;
	out.bsize = (uint32_t)s.f_bsize;
	out.namelen = (uint32_t)s.f_namelen;
	out.frsize = (uint32_t)(s.f_frsize ? s.f_frsize : s.f_bsize);
	fuse_put(rq, 0, &out, sizeof(out));
	return sizeof(out);
}

/* Namespaces of xattr(7); no file system supports any other. */
static bool has_namespace(const char *name)
{
	static const char *const known[] = {"security.", "system.", "trusted.", "user."};

	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		if (!strncmp(name, known[i], strlen(known[i])))
			return true;
	return false;
}

/* Return: a descriptor to read extended attributes from; -ENODATA: none can be opened, so there are no attributes */
static int xattr_fd(struct fuse *f, struct fuse_request *rq)
{
	int fd;

	if (!fuse_is_type(rq->node, S_IFREG) && !fuse_is_type(rq->node, S_IFDIR))
		return -ENODATA;
	fd = fuse_node_fd(&f->nodes, rq->node, true);
	return fd == -EACCES || fd == -EPERM || fd == -EXDEV ? -ENODATA : fd;
}

/* Replies with the size of the buffer's contents, or with as much of them as the driver has asked for. */
static int64_t reply_xattr(struct fuse *f, struct fuse_request *rq, ssize_t n)
{
	struct fuse_xattr_out out = {.size = (uint32_t)n};

	if (!rq->arg.xattr.size) {
		if (rq->room < sizeof(out))
			return -EINVAL;
		fuse_put(rq, 0, &out, sizeof(out));
		return sizeof(out);
	}
	if ((size_t)n > MIN(rq->arg.xattr.size, rq->room))
		return -ERANGE;
	fuse_put(rq, 0, f->buffer, (size_t)n);
	return n;
}

static int64_t serve_getxattr(struct fuse *f, struct fuse_request *rq)
{
	int fd = xattr_fd(f, rq);
	ssize_t n;

	if (strlen(rq->name) > FUSE_NAME_MAX)
		return -ERANGE;
	if (!has_namespace(rq->name))
		return -EOPNOTSUPP;
	if (fd < 0)
		return fd;
	n = fgetxattr(fd, rq->name, f->buffer, sizeof(f->buffer));
	return n < 0 ? -errno : reply_xattr(f, rq, n);
}

static int64_t serve_listxattr(struct fuse *f, struct fuse_request *rq)
{
	int fd = xattr_fd(f, rq);
	ssize_t n = 0;

	if (fd < 0 && fd != -ENODATA)
		return fd;
	if (fd >= 0)
		n = flistxattr(fd, (char *)f->buffer, sizeof(f->buffer));
	return n < 0 ? -errno : reply_xattr(f, rq, n);
}

static int64_t serve_lseek(struct fuse *f, struct fuse_request *rq)
{
	const struct fuse_lseek_in *a = &rq->arg.lseek;
	struct fuse_lseek_out out;
	off_t at;
	int fd;

	if (!fuse_is_type(rq->node, S_IFREG) || !rq->node->opens)
		return -EBADF;
	if (a->whence != SEEK_DATA && a->whence != SEEK_HOLE)
		return -EINVAL;
	if (a->offset > INT64_MAX)
		return -ENXIO;
	fd = fuse_node_fd(&f->nodes, rq->node, true);
	if (fd < 0)
		return fd;
	at = lseek(fd, (off_t)a->offset, (int)a->whence);
	if (at < 0)
		return -errno;
	out.offset = (uint64_t)at;
	fuse_put(rq, 0, &out, sizeof(out));
	return sizeof(out);
}

static int64_t serve_write(struct fuse *f, struct fuse_request *rq)
{
	return -EROFS;
}

#define WRITES                                                                                                         \
	{                                                                                                              \
		.serve = serve_write                                                                                   \
	}

const struct fuse_op fuse_ops[FUSE_OPS] = {
	[FUSE_INIT] = {sizeof(struct fuse_init_in), sizeof(struct fuse_init_out), .serve = serve_init},
	[FUSE_DESTROY] = {.serve = serve_destroy},
	[FUSE_LOOKUP] = {0, sizeof(struct fuse_entry_out), .name = true, .node = true, .serve = serve_lookup},
	[FUSE_FORGET] = {sizeof(struct fuse_forget_in), .node = true, .serve = serve_forget},
	[FUSE_BATCH_FORGET] = {sizeof(struct fuse_batch_in), .serve = serve_batch_forget},
	[FUSE_GETATTR] = {sizeof(struct fuse_getattr_in), sizeof(struct fuse_attr_out), .node = true,
		.serve = serve_getattr},
	[FUSE_STATX] = {sizeof(struct fuse_statx_in), sizeof(struct fuse_statx_out) + sizeof(struct statx),
		.node = true, .serve = serve_statx},
	[FUSE_READLINK] = {.node = true, .serve = serve_readlink},
	[FUSE_OPEN] = {sizeof(struct fuse_open_in), sizeof(struct fuse_open_out), .node = true, .serve = serve_open},
	[FUSE_READ] = {sizeof(struct fuse_read_in), .node = true, .serve = serve_read},
	[FUSE_RELEASE] = {sizeof(struct fuse_release_in), .node = true, .serve = serve_release},
	[FUSE_STATFS] = {0, sizeof(struct fuse_statfs_out), .node = true, .serve = serve_statfs},
	[FUSE_GETXATTR] = {sizeof(struct fuse_xattr_in), .name = true, .node = true, .serve = serve_getxattr},
	[FUSE_LISTXATTR] = {sizeof(struct fuse_xattr_in), .node = true, .serve = serve_listxattr},
	[FUSE_LSEEK] = {sizeof(struct fuse_lseek_in), sizeof(struct fuse_lseek_out), .node = true,
		.serve = serve_lseek},
	[FUSE_OPENDIR] = {sizeof(struct fuse_open_in), sizeof(struct fuse_open_out), .node = true,
		.serve = fuse_opendir},
	[FUSE_READDIR] = {sizeof(struct fuse_read_in), .node = true, .serve = fuse_readdir},
	[FUSE_READDIRPLUS] = {sizeof(struct fuse_read_in), .node = true, .serve = fuse_readdirplus},
	[FUSE_RELEASEDIR] = {sizeof(struct fuse_release_in), .node = true, .serve = serve_release},
	[FUSE_SETATTR] = WRITES,
	[FUSE_SYMLINK] = WRITES,
	[FUSE_MKNOD] = WRITES,
	[FUSE_MKDIR] = WRITES,
	[FUSE_UNLINK] = WRITES,
	[FUSE_RMDIR] = WRITES,
	[FUSE_RENAME] = WRITES,
	[FUSE_LINK] = WRITES,
	[FUSE_WRITE] = WRITES,
	[FUSE_SETXATTR] = WRITES,
	[FUSE_REMOVEXATTR] = WRITES,
	[FUSE_CREATE] = WRITES,
	[FUSE_FALLOCATE] = WRITES,
	[FUSE_RENAME2] = WRITES,
	[FUSE_COPY_FILE_RANGE] = WRITES,
	[FUSE_TMPFILE] = WRITES,
};
