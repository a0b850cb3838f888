// SPDX-License-Identifier: Apache-2.0
/* Shares: each has a directory, a server of it, and a thread that may block. */
#include "devices/virtio/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "vmm/base/fdpath.h"
#include "vmm/machine/virtio/devices.h"

/* The directory, a loop, kicks, interrupt, and what is open for a moment besides the server's own */
#define FDS (FUSE_FDS_MAX + 16)

_Static_assert(CONFIG_SHARE_TAG_MAX == VIRTIO_FS_TAG_MAX, "the operator's limit is the specification's");

/**
 * struct fs_unit
 * @root: the directory, until @fuse owns it; -1: none
 * @rule: a path to it, for the sandbox
 * @tag: what the guest mounts it by
 */
struct fs_unit {
	int root;
	char rule[FD_PATH_SIZE];
	char tag[VIRTIO_FS_TAG_MAX + 1];
	struct fuse *fuse;
	struct virtio_fs fs;
	struct worker worker;
};

static size_t count(const struct config *c)
{
	return c->nr_shares;
}

static void tag_of(const struct config *c, size_t i, char *buf, size_t size)
{
	if (c->share[i].tag)
		snprintf(buf, size, "%s", c->share[i].tag);
	else
		snprintf(buf, size, "share%zu", i);
}

static int check_tag(const struct config *c, size_t i, struct err *e)
{
	const struct config_share *s = &c->share[i];
	char tag[VIRTIO_FS_TAG_MAX + 2], other[sizeof(tag)];

	tag_of(c, i, tag, sizeof(tag));
	if (!*tag)
		return err_set(e, -EINVAL, "--share %s: tag= is empty; without tag= it is share%zu", s->path, i);
	if (strlen(tag) > VIRTIO_FS_TAG_MAX)
		return err_set(
			e, -EINVAL, "--share %s: tag=%s is longer than %d bytes", s->path, s->tag, VIRTIO_FS_TAG_MAX);
	for (size_t k = 0; k < i; k++) {
		tag_of(c, k, other, sizeof(other));
		if (!strcmp(tag, other))
			return err_set(e, -EINVAL, "--share %s: tag=%s: another share has it", s->path, tag);
	}
	return 0;
}

static int check(const struct config *c, struct err *e)
{
	int r = 0;

	for (size_t i = 0; i < c->nr_shares && r == 0; i++)
		r = check_tag(c, i, e);
	if (r == 0 && c->nr_shares && c->userns == SANDBOX_USERNS_ON)
		r = err_set(e, -EINVAL,
			"--share and --userns on: in a user namespace all files would belong to nobody; leave one out");
	return r;
}

static void needs(const struct config *c, size_t index, struct virtio_needs *ret)
{
	ret->sandbox = SANDBOX_HAS(SHARE);
	ret->fds = FDS;
}

static int open_share(void *unit, const struct config *c, size_t index, struct err *e)
{
	struct fs_unit *u = unit;
	int r = fuse_open_root(c->share[index].path, &u->root, e);

	if (r < 0)
		return err_operator(e, err_wrap(e, r, "--share"));
	fd_path(u->root, u->rule);
	tag_of(c, index, u->tag, sizeof(u->tag));
	return 0;
}

static int init(void *unit, size_t index, struct virtio_devices *s, struct virtio_device **ret)
{
	struct fs_unit *u = unit;
	struct fuse_params fuse = {.root = u->root};
	struct virtio_fs_params p = {
		.index = (unsigned)index,
		.tag = u->tag,
		.mem = s->env.mem,
		.trace = s->env.trace,
	};
	char name[16];
	int r;

	u->root = -1;
	r = fuse_new(&fuse, &u->fuse);
	if (r < 0)
		return r;
	snprintf(name, sizeof(name), "share%u", (unsigned)index & 0xff);
	r = worker_init(&u->worker, name, SANDBOX_SHARE);
	if (r < 0)
		return r;
	p.fuse = u->fuse;
	p.loop = u->worker.loop;
	*ret = &u->fs.dev;
	return virtio_fs_init(&u->fs, &p);
}

static int start(void *unit, struct sandbox *sandbox)
{
	return worker_start(&((struct fs_unit *)unit)->worker, sandbox);
}

static bool stop(void *unit, uint64_t deadline_ns)
{
	return worker_stop(&((struct fs_unit *)unit)->worker, deadline_ns);
}

static void quit(void *unit)
{
	struct fs_unit *u = unit;

	virtio_fs_quit(&u->fs);
	stop(unit, 0);
}

static void destroy(void *unit)
{
	struct fs_unit *u = unit;

	virtio_fs_destroy(&u->fs);
	worker_destroy(&u->worker);
	fuse_free(u->fuse);
	if (u->root >= 0)
		close(u->root);
}

const struct virtio_kind_ops virtio_fs_ops = {
	.unit_size = sizeof(struct fs_unit),
	.many = true,
	.count = count,
	.check = check,
	.needs = needs,
	.open = open_share,
	.init = init,
	.start = start,
	.quit = quit,
	.stop = stop,
	.destroy = destroy,
};

const char *virtio_devices_share(struct virtio_devices *s, size_t index)
{
	const struct fs_unit *u = virtio_devices_unit(s, VIRTIO_KIND_fs, index);

	return u ? u->rule : NULL;
}
