/* SPDX-License-Identifier: Apache-2.0 */
/* Between fuse_nodes.c and fuse_fds.c. */
#ifndef DEVICES_VIRTIO_FUSE_FDS_H
#define DEVICES_VIRTIO_FUSE_FDS_H

#include "devices/virtio/fuse_nodes.h"

static inline uint32_t fuse_index(const struct fuse_nodes *t, const struct fuse_node *n)
{
	return (uint32_t)(n - t->nodes);
}

static inline const char *fuse_node_name(const struct fuse_nodes *t, const struct fuse_node *n)
{
	return (const char *)t->names + (size_t)n->name * FUSE_PIECE;
}

static inline uint64_t fuse_dev(const struct statx *st)
{
	return (uint64_t)st->stx_dev_major << 32 | st->stx_dev_minor;
}

/* Is it the object of the node? */
static inline bool fuse_is(const struct fuse_node *n, const struct statx *st)
{
	return n->ino == st->stx_ino && n->dev == fuse_dev(st) && n->type == st->stx_mode >> 12;
}

/* statx() of an open file. Return: 0 or a negative errno. */
int fuse_stat_fd(int fd, struct statx *ret);

/* Closes its descriptor, if it has one. */
void fuse_fd_close(struct fuse_nodes *t, struct fuse_node *n);

/* Updates its place in the LRU lists: it has just been used, or its number of opens has changed. */
void fuse_fd_touch(struct fuse_nodes *t, struct fuse_node *n);

#endif
