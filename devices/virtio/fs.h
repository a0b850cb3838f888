/* SPDX-License-Identifier: Apache-2.0 */
/*
 * virtio-fs device (virtio 1.2, 5.11): passes the driver's FUSE requests to a server (fuse.h).
 */
#ifndef DEVICES_VIRTIO_FS_H
#define DEVICES_VIRTIO_FS_H

#include "devices/virtio/fuse.h"
#include "devices/virtio/virtio.h"

#define VIRTIO_FS_TAG_MAX     36 /* 5.11.4: no NUL when it is that long */
#define VIRTIO_FS_CONFIG_SIZE 40
#define VIRTIO_FS_QUEUE_SIZE  256

/* 5.11.2 */
#define VIRTIO_FS_QUEUE_HIPRIO  0
#define VIRTIO_FS_QUEUE_REQUEST 1
#define VIRTIO_FS_QUEUES        2

/**
 * struct virtio_fs_params - borrowed for the call, unless a member says otherwise
 * @index: number of the share, for the device's name
 * @fuse: the server; borrowed until virtio_fs_destroy()
 * @tag: 1 to VIRTIO_FS_TAG_MAX bytes
 * @mem, @loop, @trace: borrowed until virtio_fs_destroy(); @loop runs in a thread where it may block
 */
struct virtio_fs_params {
	unsigned index;
	struct fuse *fuse;
	const char *tag;
	const struct gmem *mem;
	struct loop *loop;
	struct trace *trace;
};

/**
 * struct virtio_fs - guarded by dev.lock, but for @fuse and @chain, which belong to the thread of its loop
 * @forget: there was a reset, and the server's state is still that of the previous driver
 * @quit: no new request is started, and none in progress is completed
 */
struct virtio_fs {
	struct virtio_device dev;
	struct fuse *fuse;
	struct vq_chain *chain;
	char name[16];
	uint8_t config[VIRTIO_FS_CONFIG_SIZE];
	bool forget;
	bool quit;
};

/**
 * virtio_fs_init() - set up a share
 *
 * Return: 0 or a negative errno; then there is nothing to destroy.
 */
int virtio_fs_init(struct virtio_fs *v, const struct virtio_fs_params *p);

/**
 * virtio_fs_quit() - start no further requests; called before the thread of its loop is stopped
 *
 * Afterwards a thread that returns from a system call accesses only @v and its server.
 */
void virtio_fs_quit(struct virtio_fs *v);

/** virtio_fs_destroy() - takes NULL and a zeroed struct; its thread has ended */
void virtio_fs_destroy(struct virtio_fs *v);

#endif
