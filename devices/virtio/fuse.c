// SPDX-License-Identifier: Apache-2.0
/* The framing of requests: headers, sizes, names and node numbers are checked here, before they are used. */
#include "devices/virtio/fuse.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "devices/virtio/fuse_internal.h"
#include "vmm/base/path.h"
#include "vmm/base/util.h"

#ifndef DEVPTS_SUPER_MAGIC
#define DEVPTS_SUPER_MAGIC 0x1cd1
#endif

/* Virtual file systems of the kernel, where a name can lead anywhere or a read has side effects */
static const long unshareable[] = {
	PROC_SUPER_MAGIC,
	SYSFS_MAGIC,
	DEBUGFS_MAGIC,
	TRACEFS_MAGIC,
	SECURITYFS_MAGIC,
	CGROUP_SUPER_MAGIC,
	CGROUP2_SUPER_MAGIC,
	DEVPTS_SUPER_MAGIC,
	AUTOFS_SUPER_MAGIC,
};

COLD int fuse_open_root(const char *path, int *ret, struct err *e)
{
	CLEANUP_FD int fd = -1;
	struct statfs fs;

	fd = path_open(path, O_RDONLY | O_DIRECTORY, 0);
	if (fd < 0)
		return err_sys(e, fd, "%s", path);
	if (fstatfs(fd, &fs) < 0)
		return err_sys(e, -errno, "%s", path);
	for (size_t i = 0; i < ARRAY_SIZE(unshareable); i++)
		if ((long)fs.f_type == unshareable[i])
			return err_set(e, -EINVAL,
				"%s: proc, sysfs, cgroups and their like are not shared: share a directory of files",
				path);
	*ret = TAKE_FD(fd);
	return 0;
}

COLD int fuse_new(const struct fuse_params *p, struct fuse **ret)
{
	struct fuse *f = calloc(1, sizeof(*f));
	int r;

	if (!f) {
		close(p->root);
		return -ENOMEM;
	}
	r = fuse_nodes_init(&f->nodes, p->root, p->nodes ? p->nodes : FUSE_NODES_MAX, p->fds ? p->fds : FUSE_FDS_MAX);
	if (r < 0) {
		free(f);
		return r;
	}
	f->max_saved = p->saved ? MIN(p->saved, (uint32_t)FUSE_SAVED_MAX) : FUSE_SAVED_MAX;
	*ret = f;
	return 0;
}

COLD void fuse_free(struct fuse *f)
{
	if (!f)
		return;
	fuse_nodes_destroy(&f->nodes);
	free(f);
}

void fuse_reset(struct fuse *f)
{
	fuse_nodes_reset(&f->nodes);
	f->dir_node = 0;
}

void fuse_counts(const struct fuse *f, uint32_t *ret_nodes, unsigned *ret_fds)
{
	*ret_nodes = f->nodes.live;
	*ret_fds = f->nodes.fds;
}

void fuse_put(struct fuse_request *rq, size_t at, const void *data, size_t len)
{
	vq_write(rq->in, rq->in_nr, sizeof(struct fuse_out) + at, data, len);
}

bool fuse_name_ok(const char *name, size_t len)
{
	return len && len <= FUSE_NAME_MAX && !memchr(name, '/', len) && !memchr(name, '\0', len) &&
		!(name[0] == '.' && (len == 1 || (len == 2 && name[1] == '.')));
}

void fuse_fill_attr(struct fuse_attr *a, const struct statx *st)
{
	*a = (struct fuse_attr){
		.ino = st->stx_ino,
		.size = st->stx_size,
		.blocks = st->stx_blocks,
		.atime = (uint64_t)st->stx_atime.tv_sec,
		.mtime = (uint64_t)st->stx_mtime.tv_sec,
		.ctime = (uint64_t)st->stx_ctime.tv_sec,
		.atimensec = st->stx_atime.tv_nsec,
		.mtimensec = st->stx_mtime.tv_nsec,
		.ctimensec = st->stx_ctime.tv_nsec,
		.mode = st->stx_mode,
		.nlink = st->stx_nlink,
		.uid = st->stx_uid,
		.gid = st->stx_gid,
		/* Linux include/linux/kdev_t.h: how the protocol packs two numbers */
		.rdev = (st->stx_rdev_minor & 0xff) | st->stx_rdev_major << 8 | (st->stx_rdev_minor & ~0xffu) << 12,
		.blksize = st->stx_blksize,
	};
}

void fuse_fill_entry(
	const struct fuse *f, const struct fuse_node *n, const struct statx *st, struct fuse_entry_out *ret)
{
	*ret = (struct fuse_entry_out){
		.nodeid = fuse_node_id(&f->nodes, n),
		.entry_valid = FUSE_VALID_SECONDS,
		.attr_valid = FUSE_VALID_SECONDS,
	};
	fuse_fill_attr(&ret->attr, st);
}

/* Checks the request against its row of the table. Return: 0, or the error to reply with. */
static int check(struct fuse *f, struct fuse_request *rq, const struct fuse_op *op)
{
	size_t len = rq->out_len - sizeof(rq->head);

	rq->arg_len = MIN(len, sizeof(rq->arg) - 1);
	memset(&rq->arg, 0, sizeof(rq->arg));
	vq_read(rq->out, rq->out_nr, sizeof(rq->head), &rq->arg, rq->arg_len);
	if (len < op->arg || rq->room < op->room)
		return -EINVAL;
	rq->node = fuse_node_find(&f->nodes, rq->head.nodeid);
	if (op->node && !rq->node)
		return -ESTALE;
	if (op->name) {
		const char *name = rq->arg.bytes + op->arg;
		size_t max = rq->arg_len - op->arg;

		if (!memchr(name, '\0', max))
			return len == rq->arg_len ? -EINVAL : -ENAMETOOLONG;
		if (!*name)
			return -EINVAL;
		rq->name = name;
	}
	return 0;
}

/* Return: bytes of the reply, header included. */
static int64_t reply(struct fuse_request *rq, int64_t r)
{
	struct fuse_out out = {
		.len = (uint32_t)(sizeof(out) + (r < 0 ? 0 : (uint64_t)r)),
		.error = r < 0 ? (int32_t)r : 0,
		.unique = rq->head.unique,
	};

	vq_write(rq->in, rq->in_nr, 0, &out, sizeof(out));
	return out.len;
}

static bool wants_no_reply(uint32_t opcode)
{
	return opcode == FUSE_FORGET || opcode == FUSE_BATCH_FORGET || opcode == FUSE_INTERRUPT;
}

int64_t fuse_serve(struct fuse *f, const struct iovec *out, size_t out_nr, const struct iovec *in, size_t in_nr,
	uint32_t in_bytes, uint32_t *ret_data)
{
	struct fuse_request rq = {.out = out, .out_nr = out_nr, .in = in, .in_nr = in_nr};
	const struct fuse_op *op = NULL;
	size_t out_bytes = 0;
	int64_t r;

	for (size_t i = 0; i < out_nr; i++)
		out_bytes += out[i].iov_len;
	*ret_data = 0;
	if (vq_read(out, out_nr, 0, &rq.head, sizeof(rq.head)) != sizeof(rq.head))
		return -EPROTO;
	rq.out_len = MIN(rq.head.len, out_bytes);
	if (!wants_no_reply(rq.head.opcode)) {
		if (in_bytes < sizeof(struct fuse_out))
			return 0;
		rq.room = in_bytes - (uint32_t)sizeof(struct fuse_out);
	}
	if (rq.head.opcode < FUSE_OPS && fuse_ops[rq.head.opcode].serve)
		op = &fuse_ops[rq.head.opcode];
	if (!op)
		r = -ENOSYS;
	else if (rq.out_len < sizeof(rq.head))
		r = -EINVAL;
	else
		r = check(f, &rq, op);
	if (r == 0)
		r = op->serve(f, &rq);
	if (wants_no_reply(rq.head.opcode))
		return 0;
	*ret_data = rq.data;
	return reply(&rq, r);
}
