// SPDX-License-Identifier: Apache-2.0
/*
 * Theory of operation. Three rings in guest RAM. The driver owns the descriptor table and the available ring, the
 * device the used ring; an index is free-running and its owner stores it last, after what it announces (release), so
 * the other side loads it first (acquire). If each side also reads a hint of the other (EVENT_IDX, the flags), both
 * have to store their index before they load the hint: without a full fence on each side a kick can be lost.
 *
 * Rings are read through host windows that vq_start() sets up. Rings in file-backed RAM, whose file can shrink, are
 * copied through gmem instead: slower, but without SIGBUS.
 */
#include "devices/virtio/virtqueue.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>

#include "vmm/base/le.h"
#include "vmm/base/util.h"

/* 2.7.5: struct virtq_desc */
#define DESC_SIZE       16
#define DESC_F_NEXT     1
#define DESC_F_WRITE    2
#define DESC_F_INDIRECT 4

/* 2.7.6, 2.7.8: struct virtq_avail and virtq_used: flags, index, then the ring, then the other side's event index */
#define RING_FLAGS           0
#define RING_IDX             2
#define RING_ENTRIES         4
#define USED_ENTRY_SIZE      8
#define AVAIL_F_NO_INTERRUPT 1
#define USED_F_NO_NOTIFY     1

enum { RING_DESC, RING_AVAIL, RING_USED };

struct desc {
	uint64_t addr;
	uint32_t len;
	uint16_t flags;
	uint16_t next;
};

static uint64_t avail_size(const struct virtqueue *q)
{
	return RING_ENTRIES + 2 * (uint64_t)q->size + 2;
}

static uint64_t used_size(const struct virtqueue *q)
{
	return RING_ENTRIES + USED_ENTRY_SIZE * (uint64_t)q->size + 2;
}

static int broke(struct virtqueue *q, const char *rule)
{
	q->broken = true;
	q->rule = rule;
	return -EPROTO;
}

/*
 * A 16-bit field of the available ring. Acquire, and release in used_store(), as part of the access and not as fences:
 * ThreadSanitizer supports these. A ring lost by truncation of its file reads as empty.
 */
static uint16_t avail_load(const struct virtqueue *q, uint64_t offset)
{
	uint16_t v = 0;

	if (likely(q->ring[RING_AVAIL]))
		return le16toh(__atomic_load_n((const uint16_t *)(q->ring[RING_AVAIL] + offset), __ATOMIC_ACQUIRE));
	if (gmem_read(q->mem, q->avail + offset, &v, sizeof(v)) < 0)
		return offset == RING_IDX ? q->next_avail : 0;
	return le16toh(v);
}

static void used_store(struct virtqueue *q, uint64_t offset, uint16_t v)
{
	v = htole16(v);
	gmem_mark(q->mem, q->used + offset, sizeof(v));
	if (likely(q->ring[RING_USED]))
		__atomic_store_n((uint16_t *)(q->ring[RING_USED] + offset), v, __ATOMIC_RELEASE);
	else
		gmem_write(q->mem, q->used + offset, &v, sizeof(v));
}

static uint8_t *ring_window(const struct virtqueue *q, uint64_t gpa, uint64_t size)
{
	if (ranges_overlap(gpa, size, q->mem->file_lo, q->mem->file_hi - q->mem->file_lo))
		return NULL;
	return gmem_ptr(q->mem, gpa, size);
}

COLD int vq_start(struct virtqueue *q)
{
	const uint64_t desc_size = DESC_SIZE * (uint64_t)q->size;

	if (!q->size || q->size > q->max || (q->size & (q->size - 1))) {
		broke(q, "queue size is not a power of two within the maximum");
		return -EINVAL;
	}
	if (!is_aligned(q->desc, 16) || !is_aligned(q->avail, 2) || !is_aligned(q->used, 4)) {
		broke(q, "a ring is misaligned");
		return -EINVAL;
	}
	if (!gmem_contains(q->mem, q->desc, desc_size) || !gmem_contains(q->mem, q->avail, avail_size(q)) ||
		!gmem_contains(q->mem, q->used, used_size(q))) {
		broke(q, "a ring lies outside RAM");
		return -EINVAL;
	}
	if (ranges_overlap(q->desc, desc_size, q->used, used_size(q)) ||
		ranges_overlap(q->avail, avail_size(q), q->used, used_size(q)) ||
		ranges_overlap(q->desc, desc_size, q->avail, avail_size(q))) {
		broke(q, "rings overlap");
		return -EINVAL;
	}
	q->ring[RING_DESC] = ring_window(q, q->desc, desc_size);
	q->ring[RING_AVAIL] = ring_window(q, q->avail, avail_size(q));
	q->ring[RING_USED] = ring_window(q, q->used, used_size(q));
	q->ready = true;
	return 0;
}

void vq_reset(struct virtqueue *q)
{
	*q = (struct virtqueue){
		.mem = q->mem,
		.max = q->max,
		.size = q->max,
		.held = q->held,
		.working = q->working,
		.generation = q->generation + 1,
	};
}

/* A single copy of a descriptor, which is checked and used, so that later writes of the driver have no effect. */
static int load_desc(const struct virtqueue *q, uint64_t table, const uint8_t *window, uint32_t i, struct desc *d)
{
	uint8_t raw[DESC_SIZE];

	if (likely(window))
		memcpy(raw, window + (size_t)i * DESC_SIZE, sizeof(raw));
	else if (gmem_read(q->mem, table + (uint64_t)i * DESC_SIZE, raw, sizeof(raw)) < 0)
		return -EFAULT;
	/* The compiler must not load from guest memory again after a check. */
	atomic_signal_fence(memory_order_seq_cst);
	d->addr = le64_get(raw);
	d->len = le32_get(raw + 8);
	d->flags = le16_get(raw + 12);
	d->next = le16_get(raw + 14);
	return 0;
}

/* @written: a writable descriptor was seen, even an empty one */
static int add_windows(struct virtqueue *q, struct vq_chain *c, const struct desc *d, bool *written)
{
	bool write = d->flags & DESC_F_WRITE;
	size_t used = c->out_nr + c->in_nr, n;
	uint32_t *sum = write ? &c->in_bytes : &c->out_bytes;

	if (!write && *written)
		return broke(q, "a readable descriptor follows a writable one"); /* 2.7.4.2 */
	*written = write;
	if (!d->len)
		return 0;
	if (__builtin_add_overflow(*sum, d->len, sum))
		return broke(q, "a chain is longer than 2^32 bytes"); /* 2.7.5.3.1 */
	if (gmem_iov(q->mem, d->addr, d->len, &c->iov[used], VQ_IOV_MAX - used, &n) < 0)
		return broke(q, "a buffer lies outside RAM");
	/* The device writes to it later, if at all; in a restored one it is taken, and marked, again. */
	if (write)
		gmem_mark(q->mem, d->addr, d->len);
	if (write)
		c->in_nr += n;
	else
		c->out_nr += n;
	return 0;
}

/* Walks one chain from descriptor `head` of the queue's table, through at most one indirect table. */
static int walk(struct virtqueue *q, uint16_t head, struct vq_chain *c)
{
	const uint8_t *window = q->ring[RING_DESC];
	uint64_t table = q->desc;
	uint32_t entries = q->size, i = head;
	bool indirect = false, written = false;

	for (uint32_t count = 0; count < q->size; count++) {
		struct desc d;
		int r;

		if (i >= entries)
			return broke(q, "a descriptor's index lies outside its table");
		if (load_desc(q, table, window, i, &d) < 0)
			return broke(q, "a descriptor table has gone");
		if (d.flags & DESC_F_INDIRECT) {
			if (!q->indirect)
				return broke(q, "an indirect descriptor was not negotiated");
			if (indirect)
				return broke(q, "an indirect descriptor inside an indirect table"); /* 2.7.5.3.1 */
			if (d.flags & DESC_F_NEXT)
				return broke(q, "an indirect descriptor has a successor");
			if (!d.len || d.len % DESC_SIZE)
				return broke(q, "an indirect table's length is not that of descriptors");
			if (!gmem_contains(q->mem, d.addr, d.len))
				return broke(q, "an indirect table lies outside RAM");
			indirect = true;
			table = d.addr;
			window = ring_window(q, d.addr, d.len);
			entries = d.len / DESC_SIZE;
			i = 0;
			/* The descriptor that points to the table is not part of the chain's length. */
			count--;
			continue;
		}
		r = add_windows(q, c, &d, &written);
		if (r < 0)
			return r;
		if (!(d.flags & DESC_F_NEXT))
			return 0;
		i = d.next;
	}
	return broke(q, "a chain is longer than the queue (or a loop)"); /* 2.7.5.3.1 */
}

int vq_pop(struct virtqueue *q, struct vq_chain *c)
{
	uint16_t idx, head;
	int r;

	if (q->broken || q->held || !q->ready)
		return 0;
	idx = avail_load(q, RING_IDX);
	if (idx == q->next_avail)
		return 0;
	if ((uint16_t)(idx - q->next_avail) > q->size)
		return broke(q, "the available index ran ahead of the queue");
	head = avail_load(q, RING_ENTRIES + 2 * (uint64_t)(q->next_avail & (q->size - 1)));
	c->head = head;
	c->out_nr = c->in_nr = 0;
	c->out_bytes = c->in_bytes = 0;
	r = walk(q, head, c);
	if (r < 0)
		return r;
	c->out = c->iov;
	c->in = c->iov + c->out_nr;
	q->next_avail++;
	q->in_flight++;
	return 1;
}

void vq_unpop(struct virtqueue *q)
{
	q->next_avail--;
	q->in_flight--;
}

void vq_fill(struct virtqueue *q, uint16_t head, uint32_t written)
{
	const uint64_t at = RING_ENTRIES + USED_ENTRY_SIZE * (uint64_t)(q->next_used & (q->size - 1));
	const uint64_t entry = htole64((uint64_t)written << 32 | head);

	_Static_assert(sizeof(entry) == USED_ENTRY_SIZE, "2.7.8: struct virtq_used_elem is two le32, id first");
	if (q->broken || !q->ready)
		return;
	gmem_mark(q->mem, q->used + at, sizeof(entry));
	if (likely(q->ring[RING_USED]))
		memcpy(q->ring[RING_USED] + at, &entry, sizeof(entry));
	else
		gmem_write(q->mem, q->used + at, &entry, sizeof(entry));
	q->next_used++;
	q->in_flight--;
}

void vq_publish(struct virtqueue *q)
{
	if (q->broken || !q->ready)
		return;
	used_store(q, RING_IDX, q->next_used);
}

void vq_push(struct virtqueue *q, uint16_t head, uint32_t written)
{
	vq_fill(q, head, written);
	vq_publish(q);
}

bool vq_wants_interrupt(struct virtqueue *q)
{
	uint16_t event, old = q->signalled_used;
	bool first = !q->signalled_valid;

	/* A turn that used nothing needs no interrupt. */
	if (q->broken || !q->ready || q->next_used == old)
		return false;
	q->signalled_used = q->next_used;
	q->signalled_valid = true;
	atomic_thread_fence(memory_order_seq_cst);
	if (!q->event_idx)
		return !(avail_load(q, RING_FLAGS) & AVAIL_F_NO_INTERRUPT);
	event = avail_load(q, RING_ENTRIES + 2 * (uint64_t)q->size);
	/* 2.7.10: the driver asked for the interrupt when the used index passes `event`. */
	return first || (uint16_t)(q->next_used - event - 1) < (uint16_t)(q->next_used - old);
}

void vq_quiet(struct virtqueue *q)
{
	/* With EVENT_IDX, leaving avail_event behind already suppresses kicks. */
	if (q->ready && !q->broken && !q->held && !q->event_idx)
		used_store(q, RING_FLAGS, USED_F_NO_NOTIFY);
}

bool vq_listen_at(struct virtqueue *q, uint16_t count)
{
	/* A held queue appears empty: a device that continues while there is more would continue for ever. */
	if (q->broken || q->held || !q->ready)
		return false;
	if (q->event_idx)
		used_store(q, RING_ENTRIES + USED_ENTRY_SIZE * (uint64_t)q->size, count);
	else
		used_store(q, RING_FLAGS, 0);
	atomic_thread_fence(memory_order_seq_cst);
	return (uint16_t)(avail_load(q, RING_IDX) - q->next_avail) > (uint16_t)(count - q->next_avail);
}

bool vq_listen(struct virtqueue *q)
{
	return vq_listen_at(q, q->next_avail);
}

uint16_t vq_offered(const struct virtqueue *q)
{
	return q->ready && !q->broken ? avail_load(q, RING_IDX) : q->next_avail;
}

static size_t copy_iov(const struct iovec *iov, size_t nr, size_t offset, void *out, const void *in, size_t len)
{
	size_t done = 0;

	for (size_t i = 0; i < nr && done < len; i++) {
		size_t n;

		if (offset >= iov[i].iov_len) {
			offset -= iov[i].iov_len;
			continue;
		}
		n = MIN(iov[i].iov_len - offset, len - done);
		if (out)
			gmem_window_read((uint8_t *)out + done, (uint8_t *)iov[i].iov_base + offset, n);
		else
			gmem_window_write((uint8_t *)iov[i].iov_base + offset, (const uint8_t *)in + done, n);
		done += n;
		offset = 0;
	}
	return done;
}

size_t vq_read(const struct iovec *iov, size_t nr, size_t offset, void *buf, size_t len)
{
	return copy_iov(iov, nr, offset, buf, NULL, len);
}

size_t vq_write(const struct iovec *iov, size_t nr, size_t offset, const void *buf, size_t len)
{
	return copy_iov(iov, nr, offset, NULL, buf, len);
}
