// SPDX-License-Identifier: Apache-2.0
/*
 * Theory of operation. Both queues carry FUSE requests, and one thread serves them in turn: the server has no lock. It
 * drops the device's lock while a request is served, so that a host directory that stalls delays only its own driver.
 *
 * A request of the high-priority queue waits for the one that is being served. That is allowed: 5.11.6.2 requires only
 * that it does not wait for requests that are still in the other queue.
 *
 * Spec: virtio 1.2, 5.11.
 */
#include "devices/virtio/fs.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/base/le.h"
#include "vmm/base/util.h"

/* 5.11.4: struct virtio_fs_config */
#define CONFIG_TAG        0
#define CONFIG_NUM_QUEUES 36

/* Requests per turn: the queues share a thread. */
#define TURN_REQUESTS 32

static void serve(struct virtio_fs *v, unsigned i)
{
	struct vq_chain *c = v->chain;
	uint32_t generation = virtio_begin(&v->dev, i), data;
	bool forget = v->forget;
	int64_t len;

	v->forget = false;
	pthread_mutex_unlock(&v->dev.lock);
	if (forget)
		fuse_reset(v->fuse);
	len = fuse_serve(v->fuse, c->out, c->out_nr, c->in, c->in_nr, c->in_bytes, &data);
	pthread_mutex_lock(&v->dev.lock);
	v->dev.payload.to_guest += data;
	if (v->quit || !virtio_done(&v->dev, i, generation))
		return;
	if (len < 0) {
		virtio_broke(&v->dev, "a file system request without a whole header");
		return;
	}
	virtio_push(&v->dev, i, c->head, (uint32_t)len);
	virtio_flush(&v->dev, i);
}

/* serve() drops the lock, so the state of the queue is checked again. */
static void fs_kick(struct virtio_device *dev, unsigned i)
{
	struct virtio_fs *v = container_of(dev, struct virtio_fs, dev);
	struct virtqueue *q = &dev->queue[i];
	unsigned left = TURN_REQUESTS;

	do {
		vq_quiet(q);
		while (!v->quit && virtio_pop(dev, i, v->chain)) {
			serve(v, i);
			if (!--left && !v->quit) {
				virtio_again(dev, i);
				return;
			}
		}
	} while (!v->quit && vq_listen(q));
}

static void fs_reset(struct virtio_device *dev)
{
	container_of(dev, struct virtio_fs, dev)->forget = true;
}

static void fs_config_read(struct virtio_device *dev, uint32_t offset, void *data, unsigned len)
{
	struct virtio_fs *v = container_of(dev, struct virtio_fs, dev);

	virtio_config_copy(v->config, sizeof(v->config), offset, data, len);
}

static const char *fs_refuses(struct virtio_device *dev)
{
	struct virtio_fs *v = container_of(dev, struct virtio_fs, dev);

	return v->forget ? NULL : fuse_unsaved(v->fuse);
}

static void fs_save(struct virtio_device *dev, uint32_t index, struct state_writer *w)
{
	struct virtio_fs *v = container_of(dev, struct virtio_fs, dev);

	fuse_save(v->fuse, v->forget, index, w);
}

/* The thread of its loop has no request, so the server is ours. */
static int fs_restore(struct virtio_device *dev, uint32_t index, struct state_reader *r, struct err *e)
{
	struct virtio_fs *v = container_of(dev, struct virtio_fs, dev);

	v->forget = false;
	return fuse_restore(v->fuse, index, r, e);
}

static const struct virtio_more fs_more = {
	.room = fuse_saved_room,
	.refuses = fs_refuses,
	.save = fs_save,
	.restore = fs_restore,
};

static const struct virtio_ops fs_ops = {
	.more = &fs_more,
	.reset = fs_reset,
	.kick = fs_kick,
	.config_read = fs_config_read,
};

COLD int virtio_fs_init(struct virtio_fs *v, const struct virtio_fs_params *p)
{
	int r;

	*v = (struct virtio_fs){.fuse = p->fuse, .chain = calloc(1, sizeof(*v->chain))};
	if (!v->chain)
		return -ENOMEM;
	snprintf(v->name, sizeof(v->name), "share%u", p->index);
	memcpy(v->config + CONFIG_TAG, p->tag, MIN(strlen(p->tag), (size_t)VIRTIO_FS_TAG_MAX));
	le32_put(v->config + CONFIG_NUM_QUEUES, VIRTIO_FS_QUEUES - 1);
	r = virtio_device_init(&v->dev, &fs_ops, v->name, VIRTIO_ID_FS, VIRTIO_FS_QUEUES, VIRTIO_FS_QUEUE_SIZE, p->mem,
		p->loop, p->trace);
	if (r < 0) {
		free(v->chain);
		v->chain = NULL;
		return r;
	}
	v->dev.config_size = sizeof(v->config);
	return 0;
}

void virtio_fs_quit(struct virtio_fs *v)
{
	pthread_mutex_lock(&v->dev.lock);
	v->quit = true;
	pthread_mutex_unlock(&v->dev.lock);
}

COLD void virtio_fs_destroy(struct virtio_fs *v)
{
	if (!v || !v->chain)
		return;
	free(v->chain);
	v->chain = NULL;
	virtio_device_destroy(&v->dev);
}
