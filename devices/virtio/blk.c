// SPDX-License-Identifier: Apache-2.0
/*
 * Theory of operation. A request is a header of 16 bytes that the device reads, data in either direction, and a status
 * byte that it writes; the driver may distribute them over descriptors in any way (2.7.4). A queue's thread takes one
 * request at a time, drops the device's lock while it accesses the disk, and completes the request. So a disk serves as
 * many requests at once as it has queues, and only its driver waits for it.
 *
 * Spec: virtio 1.2, 5.2.
 */
#include "devices/virtio/blk.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "vmm/base/clock.h"
#include "vmm/base/iov.h"
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

#define DISCARD_MAX    (2 * GIB)
#define ZEROES_MAX     (64 * MIB) /* if the file system cannot write zeroes, they are written out */
#define PHYSICAL_BLOCK 4096
#define BURST_NS       (100 * NSEC_PER_MSEC) /* credit of a queue that was idle */
#define COST_MAX_NS    (UINT64_C(1) << 58)   /* maximum of one request: years, and no sum of them wraps */

/*
 * The cost of operations other than data transfer, in bytes. A flush makes the host write its journal and flush its
 * disk's cache. A discard writes metadata: a block for each range and, in the worst case, an extent entry for each
 * block.
 */
#define FLUSH_PRICE   (16 * KIB)
#define DISCARD_PRICE (4 * KIB)
#define DISCARD_SHARE 256

/* Requests per turn if queues share a thread. */
#define TURN_REQUESTS 16

/**
 * struct request - a request whose form has been checked
 * @data: windows, in the direction of @type; @len bytes in total
 * @status: where the status byte goes
 * @in_bytes: total bytes that the device may write, including the status
 * @durable: a write must be on stable storage before it completes
 * @segment, @segments: ranges of a discard or write-zeroes request; 0: @data is not a list of ranges
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
	const struct virtio_blk_segment *segment;
	size_t segments;
};

static uint8_t status_of(int r)
{
	if (r == 0)
		return S_OK;
	return r == -EOPNOTSUPP || r == -ENOSYS ? S_UNSUPP : S_IOERR;
}

/* Removes the last byte of a list that is not empty. Return: its address. */
static uint8_t *trim_last(struct iovec *iov, size_t *nr)
{
	struct iovec *last = &iov[*nr - 1];

	last->iov_len--;
	if (!last->iov_len)
		(*nr)--;
	return (uint8_t *)last->iov_base + last->iov_len;
}

/* Copies them, since the driver may change them meanwhile. */
static size_t load_segments(const struct request *rq, struct virtio_blk_segment *to)
{
	uint8_t raw[VIRTIO_BLK_SEGMENTS_MAX * SEGMENT_SIZE];
	size_t n = rq->len / SEGMENT_SIZE;

	if (rq->len % SEGMENT_SIZE || n > VIRTIO_BLK_SEGMENTS_MAX)
		return 0;
	vq_read(rq->data, rq->nr, 0, raw, rq->len);
	for (size_t i = 0; i < n; i++) {
		const uint8_t *s = raw + i * SEGMENT_SIZE;

		to[i] = (struct virtio_blk_segment){
			.sector = le64_get(s),
			.sectors = le32_get(s + SEGMENT_SECTORS),
			.flags = le32_get(s + SEGMENT_FLAGS),
		};
	}
	return n;
}

/* Return: NULL, or the rule that the driver broke. */
static const char *parse(struct virtio_blk_queue *own, struct request *rq)
{
	struct vq_chain *c = &own->chain;
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
		.segment = own->segment,
	};
	if (rq->type == T_IN || rq->type == T_GET_ID) {
		rq->data = c->in;
		rq->nr = c->in_nr;
		rq->len = c->in_bytes - 1;
	} else {
		rq->data = c->out;
		rq->nr = c->out_nr;
		rq->len = c->out_bytes - HEADER_SIZE;
		iov_skip(&rq->data, &rq->nr, HEADER_SIZE);
	}
	if (rq->type == T_DISCARD || rq->type == T_WRITE_ZEROES)
		rq->segments = load_segments(rq, own->segment);
	return NULL;
}

/* True when the sectors exist and are complete. */
static bool in_range(const struct disk *d, uint64_t sector, uint64_t len)
{
	uint64_t capacity = d->size_bytes / SECTOR, sectors = len / SECTOR;

	return len % d->logical == 0 && sector <= capacity && sectors <= capacity - sector &&
		(sector * SECTOR) % d->logical == 0;
}

/* All ranges are checked before the first is processed. */
static uint8_t judge_segments(const struct virtio_blk *b, const struct request *rq)
{
	bool discard = rq->type == T_DISCARD;
	uint64_t max = discard ? b->discard_max : b->zeroes_max;

	for (size_t i = 0; i < rq->segments; i++) {
		const struct virtio_blk_segment *s = &rq->segment[i];
		uint64_t len = (uint64_t)s->sectors * SECTOR;

		/* 5.2.6.2: an unknown flag, and unmap on a discard. */
		if (s->flags & ~(uint32_t)(discard ? 0 : SEGMENT_UNMAP))
			return S_UNSUPP;
		if (len > max || !in_range(b->disk, s->sector, len))
			return S_IOERR;
	}
	return rq->segments ? S_OK : S_IOERR;
}

/* Whether the request is possible; otherwise it costs nothing. */
static uint8_t judge(const struct virtio_blk *b, const struct request *rq)
{
	bool writes = rq->type == T_OUT || rq->type == T_DISCARD || rq->type == T_WRITE_ZEROES;

	/* 5.2.6.2: a read-only device fails writes, and writes nothing. */
	if (writes && b->disk->ro)
		return S_IOERR;
	switch (rq->type) {
	case T_IN:
	case T_OUT: return in_range(b->disk, rq->sector, rq->len) ? S_OK : S_IOERR;
	case T_FLUSH: return S_OK;
	case T_GET_ID: return rq->len < VIRTIO_BLK_ID_MAX ? S_IOERR : S_OK;
	case T_DISCARD:
	case T_WRITE_ZEROES: return judge_segments(b, rq);
	}
	return S_UNSUPP;
}

/* The cost of the request, in bytes. The manual documents it: cmd/options/device_keys.c. */
static uint64_t price(const struct virtio_blk *b, const struct request *rq)
{
	uint64_t cost = rq->type == T_IN || rq->type == T_OUT ? rq->len : 0;
	bool writes;

	for (size_t i = 0; i < rq->segments; i++) {
		uint64_t len = (uint64_t)rq->segment[i].sectors * SECTOR;

		if (len)
			cost += rq->type == T_DISCARD ? DISCARD_PRICE + len / DISCARD_SHARE : len;
	}
	writes = cost && (rq->type == T_OUT || rq->type == T_WRITE_ZEROES);
	if ((rq->type == T_FLUSH || (writes && rq->durable)) && !b->disk->map && !b->disk->ro) /* as disk_flush() */
		cost += FLUSH_PRICE;
	return cost;
}

static int discard_or_zero(struct virtio_blk *b, struct disk_io *io, const struct request *rq)
{
	int r = 0;

	for (size_t i = 0; i < rq->segments && r == 0; i++) {
		const struct virtio_blk_segment *s = &rq->segment[i];
		uint64_t offset = s->sector * SECTOR, len = (uint64_t)s->sectors * SECTOR;

		if (!len)
			continue;
		r = rq->type == T_DISCARD ? disk_discard(b->disk, offset, len)
					  : disk_zero(b->disk, io, offset, len, s->flags & SEGMENT_UNMAP, rq->durable);
	}
	return r;
}

/* Executes a request that is possible. Without the lock. Return: 0, or the host's errno. */
static int execute(struct virtio_blk *b, struct disk_io *io, const struct request *rq)
{
	uint64_t offset = rq->sector * SECTOR;

	switch (rq->type) {
	case T_IN: return disk_read(b->disk, io, rq->data, rq->nr, offset, rq->len);
	case T_OUT: return disk_write(b->disk, io, rq->data, rq->nr, offset, rq->len, rq->durable);
	case T_FLUSH: return disk_flush(b->disk);
	case T_GET_ID: vq_write(rq->data, rq->nr, 0, b->id, VIRTIO_BLK_ID_MAX); return 0;
	default: return discard_or_zero(b, io, rq);
	}
}

/* Each error is reported to the guest, only the first to the operator: on a full disk all later requests fail. */
static void host_failed(struct virtio_blk *b, const struct request *rq, int r)
{
	static const char *const what[] = {
		[T_IN] = "read",
		[T_OUT] = "write",
		[T_FLUSH] = "flush",
		[T_DISCARD] = "discard",
		[T_WRITE_ZEROES] = "write zeroes",
	};

	if (!b->dev.payload.host_errors++)
		trace_disk_failed(b->dev.trace, b->name, what[rq->type], strerror(-r));
}

/*
 * The number of bytes for the used element; after an error the rest of the data is cleared, so that the number is
 * correct.
 */
static uint32_t written(const struct request *rq, uint8_t status)
{
	if (rq->type == T_IN) {
		for (size_t i = 0; i < rq->nr && status != S_OK; i++)
			gmem_window_zero(rq->data[i].iov_base, rq->data[i].iov_len);
		return rq->in_bytes;
	}
	if (rq->type == T_GET_ID && status == S_OK && rq->len == VIRTIO_BLK_ID_MAX)
		return rq->in_bytes;
	return rq->in_bytes == 1;
}

/*
 * Waits until the rate allows a request of this cost, in order of arrival over all queues. Drops the lock meanwhile.
 * Return: false when the request was cancelled meanwhile; then it has cost nothing.
 */
static bool wait_for_rate(struct virtio_blk *b, const struct virtqueue *q, uint32_t generation, uint64_t cost)
{
	uint64_t start_ns, cost_ns;

	if (!b->rate_bytes || !cost)
		return true;
	start_ns = MAX(b->free_at_ns, trace_now_ns() - BURST_NS);
	cost_ns = MIN(cost * NSEC_PER_SEC / b->rate_bytes, COST_MAX_NS);
	b->free_at_ns = start_ns + cost_ns;
	while (!b->quit && q->generation == generation && start_ns > trace_now_ns()) {
		struct timespec until = ns_to_timespec(start_ns);

		pthread_cond_timedwait(&b->wake, &b->dev.lock, &until);
	}
	if (!b->quit && q->generation == generation)
		return true;
	b->free_at_ns -= cost_ns;
	return false;
}

/* 5.2.5: whether the negotiated features require a write to be durable at once. */
static bool writes_through(const struct virtio_blk *b)
{
	if (!virtio_has(&b->dev, BLK_F_FLUSH))
		return true;
	return virtio_has(&b->dev, BLK_F_CONFIG_WCE) && !b->writeback;
}

static void serve(struct virtio_blk *b, unsigned i)
{
	struct virtqueue *q = &b->dev.queue[i];
	struct virtio_blk_queue *own = &b->queue[i];
	struct request rq;
	const char *rule = parse(own, &rq);
	uint32_t generation, len = 0;
	uint8_t status;
	bool begun;
	int r = 0;

	if (rule) {
		virtio_broke(&b->dev, rule);
		return;
	}
	rq.durable = writes_through(b);
	status = judge(b, &rq);
	generation = virtio_begin(&b->dev, i);
	begun = wait_for_rate(b, q, generation, status == S_OK ? price(b, &rq) : 0);
	pthread_mutex_unlock(&b->dev.lock);
	if (begun && status == S_OK) {
		r = execute(b, &own->io, &rq);
		status = status_of(r);
	}
	if (begun)
		len = written(&rq, status);
	pthread_mutex_lock(&b->dev.lock);
	/* Counted even if a reset occurred meanwhile, since the disk has done it. */
	if (begun && status == S_OK && (rq.type == T_IN || rq.type == T_OUT))
		*(rq.type == T_IN ? &b->dev.payload.to_guest : &b->dev.payload.from_guest) += rq.len;
	if (b->quit)
		return;
	if (r < 0 && status == S_IOERR)
		host_failed(b, &rq, r);
	if (!virtio_done(&b->dev, i, generation))
		return;
	gmem_window_write(rq.status, &status, sizeof(status));
	virtio_push(&b->dev, i, own->chain.head, len);
	virtio_flush(&b->dev, i);
}

/* serve() drops the lock, so the state of the queue is checked again. After quit only *b may be accessed. */
static void blk_kick(struct virtio_device *dev, unsigned i)
{
	struct virtio_blk *b = container_of(dev, struct virtio_blk, dev);
	struct virtqueue *q = &dev->queue[i];
	unsigned left = b->turn;

	do {
		vq_quiet(q);
		while (!b->quit && virtio_pop(dev, i, &b->queue[i].chain)) {
			serve(b, i);
			if (!--left && !b->quit) {
				virtio_again(dev, i);
				return;
			}
		}
	} while (!b->quit && vq_listen(q));
}

static void blk_reset(struct virtio_device *dev)
{
	struct virtio_blk *b = container_of(dev, struct virtio_blk, dev);

	b->writeback = true;
	pthread_cond_broadcast(&b->wake);
}

static void blk_queue_reset(struct virtio_device *dev, unsigned i)
{
	pthread_cond_broadcast(&container_of(dev, struct virtio_blk, dev)->wake);
}

static void blk_config_read(struct virtio_device *dev, uint32_t offset, void *data, unsigned len)
{
	struct virtio_blk *b = container_of(dev, struct virtio_blk, dev);

	/* 5.2.5.2: a driver that cannot flush gets write-through. */
	b->config[CONFIG_WRITEBACK] = b->writeback && (!dev->driver_features || virtio_has(dev, BLK_F_FLUSH));
	virtio_config_copy(b->config, sizeof(b->config), offset, data, len);
}

static void blk_config_write(struct virtio_device *dev, uint32_t offset, const void *data, unsigned len)
{
	if (offset == CONFIG_WRITEBACK && len == 1 && virtio_has(dev, BLK_F_CONFIG_WCE))
		container_of(dev, struct virtio_blk, dev)->writeback = *(const uint8_t *)data != 0;
}

static const struct state_field blk_fields[] = {
	STATE_BOOL(struct virtio_blk, writeback),
};
STATE_TABLE(blk_state, "virtio-blk", blk_fields);

static const struct virtio_ops blk_ops = {
	.reset = blk_reset,
	.queue_reset = blk_queue_reset,
	.kick = blk_kick,
	.config_read = blk_config_read,
	.config_write = blk_config_write,
	.state = &blk_state,
};

static void fill_config(struct virtio_blk *b, const struct disk *d)
{
	uint8_t *c = b->config;

	le64_put(c + CONFIG_CAPACITY, d->size_bytes / SECTOR);
	le32_put(c + CONFIG_SEG_MAX, VIRTIO_BLK_QUEUE_SIZE - 2); /* header and status take two */
	le32_put(c + CONFIG_BLK_SIZE, d->logical);
	c[CONFIG_PHYSICAL_BLOCK_EXP] = (uint8_t)__builtin_ctz(PHYSICAL_BLOCK / d->logical);
	le16_put(c + CONFIG_MIN_IO_SIZE, (uint16_t)(PHYSICAL_BLOCK / d->logical));
	le16_put(c + CONFIG_NUM_QUEUES, (uint16_t)b->dev.nr_queues);
	if (d->ro)
		return;
	le32_put(c + CONFIG_MAX_DISCARD_SECTORS, (uint32_t)(b->discard_max / SECTOR));
	le32_put(c + CONFIG_MAX_DISCARD_SEG, VIRTIO_BLK_SEGMENTS_MAX);
	le32_put(c + CONFIG_DISCARD_ALIGNMENT, PHYSICAL_BLOCK / SECTOR);
	le32_put(c + CONFIG_MAX_ZEROES_SECTORS, (uint32_t)(b->zeroes_max / SECTOR));
	le32_put(c + CONFIG_MAX_ZEROES_SEG, VIRTIO_BLK_SEGMENTS_MAX);
	c[CONFIG_ZEROES_MAY_UNMAP] = 1;
}

/* A range that takes longer than a second at the rate would delay all later requests. */
static uint64_t range_max(uint64_t max, uint64_t rate_bytes, unsigned share)
{
	if (!rate_bytes || rate_bytes >= max / share)
		return max;
	return MAX(align_down(rate_bytes * share, PHYSICAL_BLOCK), UINT64_C(1) * PHYSICAL_BLOCK);
}

static int init_wake(struct virtio_blk *b)
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

COLD int virtio_blk_init(struct virtio_blk *b, const struct virtio_blk_params *p)
{
	const char *id = p->id ? p->id : b->name;
	int r;

	*b = (struct virtio_blk){
		.disk = p->disk,
		.writeback = true,
		.rate_bytes = p->rate_bytes,
		.discard_max = range_max(DISCARD_MAX, p->rate_bytes, DISCARD_SHARE),
		.zeroes_max = range_max(ZEROES_MAX, p->rate_bytes, 1),
		.turn = UINT_MAX,
	};
	snprintf(b->name, sizeof(b->name), "disk%u", p->index);
	memcpy(b->id, id, MIN(strlen(id), sizeof(b->id)));
	b->queue = calloc(p->queues, sizeof(*b->queue));
	if (!b->queue)
		return -ENOMEM;
	r = init_wake(b);
	if (r < 0) {
		free(b->queue);
		b->queue = NULL; /* tells virtio_blk_destroy() that there is something to destroy */
		return r;
	}
	r = virtio_device_init(&b->dev, &blk_ops, b->name, VIRTIO_ID_BLOCK, p->queues, VIRTIO_BLK_QUEUE_SIZE, p->mem,
		p->loop[0], p->trace);
	b->dev.features = BLK_F_SEG_MAX | BLK_F_BLK_SIZE | BLK_F_FLUSH | BLK_F_TOPOLOGY | BLK_F_CONFIG_WCE;
	b->dev.features |= p->disk->ro ? BLK_F_RO : BLK_F_DISCARD | BLK_F_WRITE_ZEROES;
	if (p->queues > 1)
		b->dev.features |= BLK_F_MQ;
	b->dev.config_size = sizeof(b->config);
	fill_config(b, p->disk);
	for (unsigned i = 0; i < p->queues && r == 0; i++) {
		b->dev.loop[i] = p->loop[i];
		if (i && p->loop[i] == p->loop[0])
			b->turn = TURN_REQUESTS;
		r = disk_io_init(&b->queue[i].io);
	}
	if (r < 0)
		virtio_blk_destroy(b);
	return r;
}

void virtio_blk_quit(struct virtio_blk *b)
{
	pthread_mutex_lock(&b->dev.lock);
	b->quit = true;
	pthread_cond_broadcast(&b->wake);
	pthread_mutex_unlock(&b->dev.lock);
}

COLD void virtio_blk_destroy(struct virtio_blk *b)
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
