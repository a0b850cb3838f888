/* SPDX-License-Identifier: Apache-2.0 */
/*
 * virtio-blk (virtio 1.2, 5.2): requests of a driver, on a disk (disk.h).
 */
#ifndef DEVICES_VIRTIO_BLK_H
#define DEVICES_VIRTIO_BLK_H

#include "devices/virtio/disk.h"
#include "devices/virtio/virtio.h"

#define VIRTIO_BLK_QUEUE_SIZE  256
#define VIRTIO_BLK_ID_MAX      20 /* 5.2.6: the device ID string; no NUL when it is that long */
#define VIRTIO_BLK_CONFIG_SIZE 60

#define VIRTIO_BLK_SEGMENTS_MAX 32 /* ranges of one discard or write-zeroes request */

/**
 * struct virtio_blk_params - borrowed for the call, unless a member says otherwise
 * @index: number of the disk, for its name
 * @disk: borrowed until virtio_blk_destroy()
 * @id: at most VIRTIO_BLK_ID_MAX bytes; NULL: its name
 * @queues: 1 to VIRTIO_QUEUES_MAX
 * @rate_bytes: maximum cost of all requests per second (blk.c, price()), 0: no limit
 * @mem, @trace: borrowed until virtio_blk_destroy()
 * @loop: one for each queue, each in a thread where it may block; several queues may share one, and those of an overlay
 *        must. Borrowed until virtio_blk_destroy().
 */
struct virtio_blk_params {
	unsigned index;
	struct disk *disk;
	const char *id;
	unsigned queues;
	uint64_t rate_bytes;
	const struct gmem *mem;
	struct trace *trace;
	struct loop *loop[VIRTIO_QUEUES_MAX];
};

/** struct virtio_blk_segment - a range of a discard or write-zeroes request, as the driver wrote it; 5.2.6 */
struct virtio_blk_segment {
	uint64_t sector;
	uint32_t sectors;
	uint32_t flags;
};

/**
 * struct virtio_blk_queue - used only by the thread of a queue
 * @segment: those of the current request
 */
struct virtio_blk_queue {
	struct vq_chain chain;
	struct disk_io io;
	struct virtio_blk_segment segment[VIRTIO_BLK_SEGMENTS_MAX];
};

/**
 * struct virtio_blk - owns its queues; guarded by dev.lock
 * @writeback: what the driver set in the configuration (5.2.5)
 * @quit: no new request is started, and none in progress is completed
 * @wake: wakes threads that wait for the rate
 * @free_at_ns: when the rate lets the next request start
 * @discard_max, @zeroes_max: bytes of one range
 * @turn: maximum requests served per turn of a queue: few if the queues share a loop
 */
struct virtio_blk {
	struct virtio_device dev;
	struct disk *disk;
	struct virtio_blk_queue *queue;
	char name[16];
	char id[VIRTIO_BLK_ID_MAX];
	uint8_t config[VIRTIO_BLK_CONFIG_SIZE];
	bool writeback;
	bool quit;
	pthread_cond_t wake;
	uint64_t rate_bytes;
	uint64_t free_at_ns;
	uint64_t discard_max;
	uint64_t zeroes_max;
	unsigned turn;
};

/**
 * virtio_blk_init() - a disk for the guest
 *
 * Return: 0 or a negative errno; then there is nothing to destroy.
 */
int virtio_blk_init(struct virtio_blk *b, const struct virtio_blk_params *p);

/**
 * virtio_blk_quit() - called before the threads of its loops are stopped: start no request, wake waiting threads
 *
 * Afterwards a thread that returns from a system call accesses only @b.
 */
void virtio_blk_quit(struct virtio_blk *b);

/** virtio_blk_destroy() - takes NULL and a zeroed struct; its threads have ended */
void virtio_blk_destroy(struct virtio_blk *b);

#endif
