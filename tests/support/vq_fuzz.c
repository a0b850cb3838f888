// SPDX-License-Identifier: Apache-2.0
/*
 * A virtio driver that a fuzzer steers. The input is a byte of options and then steps: a byte that says what, and the
 * bytes that this takes. Most steps do something that a driver does, with numbers from the input, so that a fuzzer gets
 * past the handshake; the others do what no driver should.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "tests/support/fuzz.h"
#include "tests/support/vq_driver.h"
#include "vmm/base/le.h"

#define RACE      0x01 /* a thread changes the rings meanwhile; not under ThreadSanitizer */
#define EVENT_IDX 0x02
#define INDIRECT  0x04
#define FEATURES  0x08 /* of the device, too */

#define CAN_RACE (!WITH_TSAN)

/* A device is dear to make. The same bytes mean other steps when they are begun a byte later. */
#define LIVES 8

FUZZ_COUNTS_OPERATIONS

struct steps {
	const uint8_t *at, *end;
};

/* The input, and zeroes behind it. */
static uint64_t take(struct steps *s, unsigned bytes)
{
	uint64_t v = 0;

	for (unsigned i = 0; i < bytes && s->at < s->end; i++)
		v |= (uint64_t)*s->at++ << (8 * i);
	return v;
}

struct racer {
	struct vq_driver *d;
	const uint8_t *data;
	size_t size;
	_Atomic bool stop;
};

/* Writes bytes of the input all over the rings of queue 0 until told to stop. */
static void *race(void *arg)
{
	struct racer *r = arg;
	size_t n = 0;

	while (!atomic_load(&r->stop)) {
		const struct vqd_queue *q = &r->d->queue[r->data[n % r->size] % r->d->dev->nr_queues];
		/* The available ring follows the descriptors, as vqd_queue_setup() places them. */
		uint64_t at = q->desc + (r->data[(n + 1) % r->size] * UINT64_C(37) + n) % (18 * (uint64_t)q->size + 6);

		if (q->desc && gmem_contains(&r->d->mem, at, 1))
			*(volatile uint8_t *)vqd_ptr(r->d, at) = r->data[(n + 2) % r->size];
		n++;
	}
	return NULL;
}

/* An address in RAM mostly, and the interesting ones around it. */
static uint64_t address(struct vq_driver *d, struct steps *s)
{
	static const uint64_t odd[] = {
		0, VQD_RAM_START - 1, UINT64_MAX, UINT64_MAX - 15, UINT64_C(1) << 63, 0xd0000000};
	uint64_t v = take(s, 3);

	if ((v & 0xf) == 0xf)
		return odd[(v >> 4) % ARRAY_SIZE(odd)];
	if ((v & 0xf) == 0xe)
		return VQD_RAM_START + d->ram_size - (v >> 4) % 64;
	return VQD_RAM_START + v % d->ram_size;
}

static uint32_t length(struct steps *s)
{
	static const uint32_t odd[] = {0, 1, UINT32_MAX, UINT32_MAX - 15, 1U << 31, 16, 511, 513};
	uint32_t v = (uint32_t)take(s, 2);

	return (v & 7) == 7 ? odd[(v >> 3) % ARRAY_SIZE(odd)] : v & 0x1fff;
}

/* A request whose bytes come from the input: a readable part, then a writable one. */
static void request(struct vq_driver *d, struct steps *s, unsigned i)
{
	struct vqd_queue *q = &d->queue[i];
	unsigned readable = (unsigned)take(s, 1) % 4, writable = (unsigned)take(s, 1) % 4, nr = readable + writable;
	bool indirect = take(s, 1) & 1;
	struct vqd_buf buf[8];

	if (!q->size || !nr || d->next + 65536 > VQD_RAM_START + d->ram_size)
		return;
	for (unsigned k = 0; k < nr; k++) {
		buf[k] = (struct vqd_buf){.len = length(s), .write = k >= readable};
		if (buf[k].len > 8192) {
			buf[k].gpa = address(d, s);
			continue;
		}
		buf[k].gpa = vqd_alloc(d, buf[k].len, 1);
		for (uint32_t b = 0; !buf[k].write && b < MIN(buf[k].len, 32); b++)
			*((uint8_t *)vqd_ptr(d, buf[k].gpa) + b) = (uint8_t)take(s, 1);
	}
	vqd_offer(d, i, vqd_add(d, i, buf, nr, indirect));
}

static void raw_descriptor(struct vq_driver *d, struct steps *s, unsigned i)
{
	struct vqd_queue *q = &d->queue[i];
	uint64_t gpa = address(d, s);
	uint32_t len = length(s);
	uint16_t flags = (uint16_t)take(s, 1), next = (uint16_t)take(s, 1), at = (uint16_t)take(s, 1);

	if (!q->size || !gmem_contains(&d->mem, q->desc, 16 * (uint64_t)q->size))
		return;
	vqd_desc(d, q->desc, at % q->size, gpa, len, flags, next);
	if (flags & 0x80 && gmem_contains(&d->mem, q->avail, 6 + 2 * (uint64_t)q->size))
		vqd_offer(d, i, at);
}

static void poke(struct vq_driver *d, struct steps *s, unsigned i)
{
	uint64_t at = take(s, 1) & 1 ? d->queue[i].avail + take(s, 1) : address(d, s);

	if (gmem_contains(&d->mem, at, 2))
		le16_put(vqd_ptr(d, at), (uint16_t)take(s, 2));
}

/* The rings that the device has: those which it was just given, or those that it would not let go. */
static void adopt(struct vq_driver *d, unsigned i)
{
	const struct virtqueue *q = &d->dev->queue[i];

	d->queue[i] = (struct vqd_queue){0};
	if (q->ready)
		d->queue[i] = (struct vqd_queue){.size = q->size, .desc = q->desc, .avail = q->avail, .used = q->used};
}

/* In RAM over that of the last. */
static void new_life(struct vq_driver *d, uint64_t features)
{
	d->next = VQD_RAM_START;
	vqd_start(d, features);
}

static void step(struct vq_driver *d, struct steps *s, uint64_t features)
{
	uint8_t what = (uint8_t)take(s, 1);
	unsigned i = (what >> 5) % d->dev->nr_queues, len = 1U << ((what >> 5) & 3);
	uint64_t at;

	switch (what & 0x1f) {
	case 0: new_life(d, features); break;
	case 1:
		at = take(s, 2) % (VIRTIO_MMIO_SIZE - 8);
		vqd_out(d, at, take(s, 4), len);
		break;
	case 2:
		at = take(s, 2) % (VIRTIO_MMIO_SIZE - 8);
		vqd_in(d, at, len);
		break;
	case 3: vqd_set(d, (uint64_t)take(s, 1) & ~UINT64_C(3), (uint32_t)take(s, 4)); break;
	case 4: raw_descriptor(d, s, i); break;
	case 5: poke(d, s, i); break;
	case 6:
		vqd_set(d, VQD_QUEUE_SEL, i);
		vqd_set(d, VQD_QUEUE_RESET, 1);
		break;
	case 7:
		/* Rings anywhere, of any size. */
		d->queue[i] = (struct vqd_queue){
			.size = (uint16_t)(take(s, 1) & 1 ? take(s, 2) : 1U << (take(s, 1) & 15)),
			.desc = address(d, s),
			.avail = address(d, s),
			.used = address(d, s),
		};
		vqd_queue_enable(d, i);
		adopt(d, i);
		break;
	case 8: vqd_set(d, VQD_STATUS, 0); break;
	case 9: vqd_kick(d, (unsigned)take(s, 1)); break;
	case 10:
	case 11: vqd_run(d); break;
	default:
		request(d, s, i);
		vqd_kick(d, i);
		if (what & 1)
			vqd_run(d);
	}
}

void vqd_fuzz(
	struct vq_driver *d, const uint8_t *data, size_t size, void (*between)(void *arg, uint8_t what), void *arg)
{
	struct steps s = {.at = data + 1, .end = data + size};
	struct racer racer = {.d = d, .data = data, .size = size};
	uint64_t features = VIRTIO_F_RING_RESET;
	pthread_t thread = 0;
	bool racing;

	if (!size)
		return;
	features |= data[0] & EVENT_IDX ? VIRTIO_F_EVENT_IDX : 0;
	features |= data[0] & INDIRECT ? VIRTIO_F_INDIRECT_DESC : 0;
	features |= data[0] & FEATURES ? d->dev->features : 0;
	vqd_start(d, features);
	racing = CAN_RACE && data[0] & RACE && pthread_create(&thread, NULL, race, &racer) == 0;
	for (size_t life = 0; life < LIVES && life < size; life++) {
		if (life)
			new_life(d, features);
		s.at = data + 1 + life;
		while (s.at < s.end) {
			step(d, &s, features);
			fuzz_operations++;
			if (between)
				between(arg, s.at < s.end ? *s.at : 0);
		}
	}
	vqd_run(d);
	if (racing) {
		atomic_store(&racer.stop, true);
		pthread_join(thread, NULL);
	}
}
