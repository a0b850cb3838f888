// SPDX-License-Identifier: Apache-2.0
/*
 * Theory of operation. A request is a header of 16 bytes that the device reads, data in either direction, and a status
 * byte that it writes; how the driver spreads them over descriptors is its own affair (2.7.4). A queue's thread takes
 * one request at a time, drops the device's lock while it is on the disk, and answers. So a disk does as many things at
 * once as it has queues, and nobody but its driver waits for it.
 *
 * Spec: virtio 1.2, 5.2.
 */
#include "devices/virtio/blk.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "vmm/base/le.h"
#include "vmm/base/util.h"

/* 5.2.3 */
#define BLK_F_SEG_MAX      BIT(2)
#define BLK_F_RO           BIT(5)
#define BLK_F_BLK_SIZE     BIT(6)
#define BLK_F_FLUSH        BIT(9)
#define BLK_F_TOPOLOGY     BIT(10)
#define BLK_F_CONFIG_WCE   BIT(11)
#define BLK_F_MQ           BIT(12)
#define BLK_F_DISCARD      BIT(13)
#define BLK_F_WRITE_ZEROES BIT(14)

/* 5.2.4: struct virtio_blk_config */
#define CONFIG_CAPACITY            0
#define CONFIG_SEG_MAX             12
#define CONFIG_BLK_SIZE            20
#define CONFIG_PHYSICAL_BLOCK_EXP  24
#define CONFIG_MIN_IO_SIZE         26
#define CONFIG_WRITEBACK           32
#define CONFIG_NUM_QUEUES          34
#define CONFIG_MAX_DISCARD_SECTORS 36
#define CONFIG_MAX_DISCARD_SEG     40
#define CONFIG_DISCARD_ALIGNMENT   44
#define CONFIG_MAX_ZEROES_SECTORS  48
#define CONFIG_MAX_ZEROES_SEG      52
#define CONFIG_ZEROES_MAY_UNMAP    56

/* 5.2.6: struct virtio_blk_req */
#define HEADER_SIZE    16
#define HEADER_SECTOR  8
#define SECTOR         512
#define T_IN           0
#define T_OUT          1
#define T_FLUSH        4
#define T_GET_ID       8
#define T_DISCARD      11
#define T_WRITE_ZEROES 13
#define S_OK           0
#define S_IOERR        1
#define S_UNSUPP       2

/* 5.2.6: struct virtio_blk_discard_write_zeroes */
#define SEGMENT_SIZE    16
#define SEGMENT_SECTORS 8
#define SEGMENT_FLAGS   12
#define SEGMENT_UNMAP   1
#define SEGMENTS_MAX    32

#define DISCARD_SECTORS_MAX (2 * GIB / SECTOR)
#define ZEROES_SECTORS_MAX  (64 * MIB / SECTOR) /* where the file system cannot, they are written one by one */
#define PHYSICAL_BLOCK      4096
#define BURST_NS            UINT64_C(100000000) /* how far a queue that was idle may run ahead of its rate */

/**
 * struct request - one request, checked as far as its form goes
 * @data: windows, in the direction of @type; @len bytes in all
 * @status: where the status byte goes
 * @in_bytes: all that the device may write, the status included
 * @durable: a write is on stable storage before it is answered
 */
struct request {
	uint32_t type;
	uint64_t sector;
	struct iovec *data;
	size_t nr;
	uint32_t len;
	uint32_t in_bytes;
	uint8_t *status;
	bool durable;
};

static uint8_t status_of(int r)
{
	if (r == 0)
		return S_OK;
	return r == -EOPNOTSUPP || r == -ENOSYS ? S_UNSUPP : S_IOERR;
}

/* Takes n bytes from the front of a list that has them. */
static void trim_front(struct iovec **iov, size_t *nr, size_t n)
{
	while (n && n >= (*iov)->iov_len) {
		n -= (*iov)->iov_len;
		(*iov)++;
		(*nr)--;
	}
	if (n) {
		(*iov)->iov_base = (uint8_t *)(*iov)->iov_base + n;
		(*iov)->iov_len -= n;
	}
}

/* Takes the last byte off a list that has one. Return: where it is. */
static uint8_t *trim_last(struct iovec *iov, size_t *nr)
{
	struct iovec *last = &iov[*nr - 1];

	last->iov_len--;
	if (!last->iov_len)
		(*nr)--;
	return (uint8_t *)last->iov_base + last->iov_len;
}

/* Return: NULL, or the rule that the driver broke. */
static const char *parse(struct vq_chain *c, struct request *rq)
{
	uint8_t header[HEADER_SIZE];

	if (c->out_bytes < HEADER_SIZE)
		return "a block request without a whole header";
	if (!c->in_bytes)
		return "a block request without a status byte";
	vq_read(c->out, c->out_nr, 0, header, sizeof(header));
	*rq = (struct request){
		.type = le32_get(header),
		.sector = le64_get(header + HEADER_SECTOR),
		.in_bytes = c->in_bytes,
		.status = trim_last(c->in, &c->in_nr),
	};
	if (rq->type == T_IN || rq->type == T_GET_ID) {
		rq->data = c->in;
		rq->nr = c->in_nr;
		rq->len = c->in_bytes - 1;
	} else {
		rq->data = c->out;
		rq->nr = c->out_nr;
		rq->len = c->out_bytes - HEADER_SIZE;
		trim_front(&rq->data, &rq->nr, HEADER_SIZE);
	}
	return NULL;
}

/* True when the sectors are there and no sector is cut. */
static bool in_range(const struct disk *d, uint64_t sector, uint64_t len)
{
	uint64_t capacity = d->size_bytes / SECTOR, sectors = len / SECTOR;

	return len % d->logical == 0 && sector <= capacity && sectors <= capacity - sector &&
		(sector * SECTOR) % d->logical == 0;
}

static uint8_t get_id(const struct blk *b, const struct request *rq)
{
	if (rq->len < BLK_ID_MAX)
		return S_IOERR;
	vq_write(rq->data, rq->nr, 0, b->id, BLK_ID_MAX);
	return S_OK;
}

static uint8_t discard_or_zero(struct blk *b, struct disk_io *io, const struct request *rq)
{
	bool discard = rq->type == T_DISCARD;
	uint64_t max = discard ? DISCARD_SECTORS_MAX : ZEROES_SECTORS_MAX;
	uint8_t raw[SEGMENTS_MAX * SEGMENT_SIZE];
	int r = 0;

	if (!rq->len || rq->len % SEGMENT_SIZE || rq->len > sizeof(raw))
		return S_IOERR;
	vq_read(rq->data, rq->nr, 0, raw, rq->len);
	/* All are looked at before the first is done. */
	for (const uint8_t *s = raw; s < raw + rq->len; s += SEGMENT_SIZE) {
		uint32_t sectors = le32_get(s + SEGMENT_SECTORS), flags = le32_get(s + SEGMENT_FLAGS);

		/* 5.2.6.2: an unknown flag, and unmap on a discard. */
		if (flags & ~(uint32_t)(discard ? 0 : SEGMENT_UNMAP))
			return S_UNSUPP;
		if (sectors > max || !in_range(b->disk, le64_get(s), (uint64_t)sectors * SECTOR))
			return S_IOERR;
	}
	for (const uint8_t *s = raw; s < raw + rq->len && r == 0; s += SEGMENT_SIZE) {
		uint64_t offset = le64_get(s) * SECTOR, len = (uint64_t)le32_get(s + SEGMENT_SECTORS) * SECTOR;
		bool unmap = le32_get(s + SEGMENT_FLAGS) & SEGMENT_UNMAP;

		if (!len)
			continue;
		r = discard ? disk_discard(b->disk, offset, len)
			    : disk_zero(b->disk, io, offset, len, unmap, rq->durable);
	}
	return status_of(r);
}

/* Without the lock. */
static uint8_t execute(struct blk *b, struct disk_io *io, const struct request *rq)
{
	bool writes = rq->type == T_OUT || rq->type == T_DISCARD || rq->type == T_WRITE_ZEROES;

	/* 5.2.6.2: a read-only device fails writes, and writes nothing. */
	if (writes && b->disk->ro)
		return S_IOERR;
	if ((rq->type == T_IN || rq->type == T_OUT) && !in_range(b->disk, rq->sector, rq->len))
		return S_IOERR;
	switch (rq->type) {
	case T_IN: return status_of(disk_read(b->disk, io, rq->data, rq->nr, rq->sector * SECTOR, rq->len));
	case T_OUT:
		return status_of(disk_write(b->disk, io, rq->data, rq->nr, rq->sector * SECTOR, rq->len, rq->durable));
	case T_FLUSH: return status_of(disk_flush(b->disk));
	case T_GET_ID: return get_id(b, rq);
	case T_DISCARD:
	case T_WRITE_ZEROES: return discard_or_zero(b, io, rq);
	}
	return S_UNSUPP;
}

/* How much the used element says was written; what an error left of the data is cleared, so that it is true. */
static uint32_t written(const struct request *rq, uint8_t status)
{
	if (rq->type == T_IN) {
		for (size_t i = 0; i < rq->nr && status != S_OK; i++)
			gmem_window_zero(rq->data[i].iov_base, rq->data[i].iov_len);
		return rq->in_bytes;
	}
	if (rq->type == T_GET_ID && status == S_OK && rq->len == BLK_ID_MAX)
		return rq->in_bytes;
	return rq->in_bytes == 1;
}

/* Waits until the rate lets `bytes` through, without the lock but with it held again at the end. */
static void wait_for_rate(struct blk *b, const struct virtqueue *q, uint32_t generation, uint64_t bytes)
{
	if (!b->rate_bytes || !bytes)
		return;
	while (!b->quit && q->generation == generation && b->free_at_ns > trace_now_ns()) {
		struct timespec until = {
			.tv_sec = (time_t)(b->free_at_ns / 1000000000),
			.tv_nsec = (long)(b->free_at_ns % 1000000000),
		};

		pthread_cond_timedwait(&b->wake, &b->dev.lock, &until);
	}
	b->free_at_ns = MAX(b->free_at_ns, trace_now_ns() - BURST_NS) + bytes * 1000000000 / b->rate_bytes;
}

/* 5.2.5: with the negotiated features, is a write to be durable at once? */
static bool writes_through(const struct blk *b)
{
	if (!virtio_has(&b->dev, BLK_F_FLUSH))
		return true;
	return virtio_has(&b->dev, BLK_F_CONFIG_WCE) && !b->writeback;
}

static void serve(struct blk *b, unsigned i)
{
	struct virtqueue *q = &b->dev.queue[i];
	struct blk_queue *own = &b->queue[i];
	struct request rq;
	const char *rule = parse(&own->chain, &rq);
	bool moves = !rule && (rq.type == T_IN || rq.type == T_OUT), cancelled;
	uint32_t generation, len = 0;
	uint8_t status = S_IOERR;

	if (rule) {
		virtio_broke(&b->dev, rule);
		return;
	}
	rq.durable = writes_through(b);
	generation = virtio_begin(&b->dev, i);
	wait_for_rate(b, q, generation, moves ? rq.len : 0);
	cancelled = b->quit || q->generation != generation;
	pthread_mutex_unlock(&b->dev.lock);
	if (!cancelled) {
		status = execute(b, &own->io, &rq);
		len = written(&rq, status);
	}
	pthread_mutex_lock(&b->dev.lock);
	/* The disk did it, also when a reset came between. */
	if (status == S_OK && moves)
		*(rq.type == T_IN ? &b->dev.payload.to_guest : &b->dev.payload.from_guest) += rq.len;
	if (b->quit || !virtio_done(&b->dev, i, generation))
		return;
	gmem_window_write(rq.status, &status, sizeof(status));
	virtio_push(&b->dev, i, own->chain.head, len);
	virtio_flush(&b->dev, i);
}

/* serve() drops the lock: what was true of the queue is looked at again. After quit nothing but *b may be touched. */
static void blk_kick(struct virtio_device *dev, unsigned i)
{
	struct blk *b = container_of(dev, struct blk, dev);
	struct virtqueue *q = &dev->queue[i];

	do {
		vq_quiet(q);
		while (!b->quit && virtio_pop(dev, i, &b->queue[i].chain))
			serve(b, i);
	} while (!b->quit && vq_listen(q));
}

static void blk_reset(struct virtio_device *dev)
{
	struct blk *b = container_of(dev, struct blk, dev);

	b->writeback = true;
	pthread_cond_broadcast(&b->wake);
}

static void blk_queue_reset(struct virtio_device *dev, unsigned i)
{
	pthread_cond_broadcast(&container_of(dev, struct blk, dev)->wake);
}

static void blk_config_read(struct virtio_device *dev, uint32_t offset, void *data, unsigned len)
{
	struct blk *b = container_of(dev, struct blk, dev);

	/* 5.2.5.2: where the driver cannot flush, there is nothing but write-through. */
	b->config[CONFIG_WRITEBACK] = b->writeback && (!dev->driver_features || virtio_has(dev, BLK_F_FLUSH));
	virtio_config_copy(b->config, sizeof(b->config), offset, data, len);
}

static void blk_config_write(struct virtio_device *dev, uint32_t offset, const void *data, unsigned len)
{
	if (offset == CONFIG_WRITEBACK && len == 1 && virtio_has(dev, BLK_F_CONFIG_WCE))
		container_of(dev, struct blk, dev)->writeback = *(const uint8_t *)data != 0;
}

static const struct virtio_ops blk_ops = {
	.reset = blk_reset,
	.queue_reset = blk_queue_reset,
	.kick = blk_kick,
	.config_read = blk_config_read,
	.config_write = blk_config_write,
};

static void fill_config(struct blk *b, const struct disk *d)
{
	uint8_t *c = b->config;

	le64_put(c + CONFIG_CAPACITY, d->size_bytes / SECTOR);
	le32_put(c + CONFIG_SEG_MAX, BLK_QUEUE_SIZE - 2); /* header and status take two */
	le32_put(c + CONFIG_BLK_SIZE, d->logical);
	c[CONFIG_PHYSICAL_BLOCK_EXP] = (uint8_t)__builtin_ctz(PHYSICAL_BLOCK / d->logical);
	le16_put(c + CONFIG_MIN_IO_SIZE, (uint16_t)(PHYSICAL_BLOCK / d->logical));
	le16_put(c + CONFIG_NUM_QUEUES, (uint16_t)b->dev.nr_queues);
	if (d->ro)
		return;
	le32_put(c + CONFIG_MAX_DISCARD_SECTORS, DISCARD_SECTORS_MAX);
	le32_put(c + CONFIG_MAX_DISCARD_SEG, SEGMENTS_MAX);
	le32_put(c + CONFIG_DISCARD_ALIGNMENT, PHYSICAL_BLOCK / SECTOR);
	le32_put(c + CONFIG_MAX_ZEROES_SECTORS, ZEROES_SECTORS_MAX);
	le32_put(c + CONFIG_MAX_ZEROES_SEG, SEGMENTS_MAX);
	c[CONFIG_ZEROES_MAY_UNMAP] = 1;
}

static int init_wake(struct blk *b)
{
	pthread_condattr_t attr;
	int r = pthread_condattr_init(&attr);

	if (r)
		return -r;
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	r = pthread_cond_init(&b->wake, &attr);
	pthread_condattr_destroy(&attr);
	return -r;
}

int blk_init(struct blk *b, const struct blk_params *p)
{
	const char *id = p->id ? p->id : b->name;
	int r;

	*b = (struct blk){.disk = p->disk, .writeback = true, .rate_bytes = p->rate_bytes};
	snprintf(b->name, sizeof(b->name), "disk%u", p->index);
	memcpy(b->id, id, MIN(strlen(id), sizeof(b->id)));
	b->queue = calloc(p->queues, sizeof(*b->queue));
	if (!b->queue)
		return -ENOMEM;
	r = init_wake(b);
	if (r < 0) {
		free(b->queue);
		return r;
	}
	r = virtio_device_init(
		&b->dev, &blk_ops, b->name, VIRTIO_ID_BLOCK, p->queues, BLK_QUEUE_SIZE, p->mem, p->loop[0], p->trace);
	b->dev.features = BLK_F_SEG_MAX | BLK_F_BLK_SIZE | BLK_F_FLUSH | BLK_F_TOPOLOGY | BLK_F_CONFIG_WCE;
	b->dev.features |= p->disk->ro ? BLK_F_RO : BLK_F_DISCARD | BLK_F_WRITE_ZEROES;
	if (p->queues > 1)
		b->dev.features |= BLK_F_MQ;
	b->dev.config_size = sizeof(b->config);
	fill_config(b, p->disk);
	for (unsigned i = 0; i < p->queues && r == 0; i++) {
		b->dev.loop[i] = p->loop[i];
		r = disk_io_init(&b->queue[i].io);
	}
	if (r < 0)
		blk_destroy(b);
	return r;
}

void blk_quit(struct blk *b)
{
	pthread_mutex_lock(&b->dev.lock);
	b->quit = true;
	pthread_cond_broadcast(&b->wake);
	pthread_mutex_unlock(&b->dev.lock);
}

void blk_destroy(struct blk *b)
{
	if (!b || !b->queue)
		return;
	for (unsigned i = 0; i < b->dev.nr_queues; i++)
		disk_io_destroy(&b->queue[i].io);
	free(b->queue);
	b->queue = NULL;
	virtio_device_destroy(&b->dev);
	pthread_cond_destroy(&b->wake);
}
