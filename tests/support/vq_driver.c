// SPDX-License-Identifier: Apache-2.0
#include "tests/support/vq_driver.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "vmm/base/le.h"

static void must(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "vq_driver: %s\n", what);
	abort();
}

/* Always readable: each turn of the loop calls it once. */
static void on_turn(struct loop_source *s, uint32_t events)
{
	struct vq_driver *d = container_of(s, struct vq_driver, turn);

	if (!d->turns_left--)
		loop_stop(d->loop);
}

void vqd_init(struct vq_driver *d, uint64_t ram_size)
{
	*d = (struct vq_driver){.ram_size = ram_size};
	d->ram = calloc(1, ram_size);
	must(d->ram, "no memory");
	must(gmem_add(&d->mem,
		     &(struct gmem_region){.gpa = VQD_RAM_START, .size = ram_size, .host = d->ram, .fd = -1}) == 0,
		"gmem_add");
	must(loop_new(&d->loop) == 0 && trace_new(trace_now_ns(), &d->trace) == 0 && irq_line_init(&d->irq) == 0,
		"cannot set up");
	d->turn = (struct loop_source){.fd = eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK), .ready = on_turn};
	must(d->turn.fd >= 0 && loop_add(d->loop, &d->turn, 0) == 0, "eventfd");
	d->next = VQD_RAM_START;
}

void vqd_destroy(struct vq_driver *d)
{
	vqd_detach(d);
	loop_remove(&d->turn);
	close(d->turn.fd);
	irq_line_destroy(&d->irq);
	trace_free(d->trace);
	loop_free(d->loop);
	free(d->ram);
}

void vqd_attach(struct vq_driver *d, struct virtio_device *dev)
{
	must(virtio_mmio_init(&d->mmio, dev, &d->irq) == 0, "virtio_mmio_init");
	memset(d->page, 0, sizeof(d->page));
	virtio_mmio_show(&d->mmio, d->page);
	d->dev = dev;
}

void vqd_detach(struct vq_driver *d)
{
	for (uint64_t reg = 0; d->dev && reg < VIRTIO_MMIO_SIZE; reg += 4)
		vqd_get(d, reg);
	virtio_mmio_destroy(&d->mmio);
	d->dev = NULL;
}

/* The page's value where it must equal the register; not for accesses that a driver must not make. */
static uint64_t peek(struct vq_driver *d, uint64_t offset, unsigned len)
{
	uint8_t raw[8] = {0};

	for (unsigned i = 0; i < len; i++) {
		uint32_t word = __atomic_load_n(&d->page[(offset + i) / 4], __ATOMIC_ACQUIRE);

		raw[i] = ((const uint8_t *)&word)[(offset + i) % 4];
	}
	return le64_get(raw);
}

uint64_t vqd_in(struct vq_driver *d, uint64_t offset, unsigned len)
{
	bool same = len <= 8 && offset + len <= VIRTIO_MMIO_SIZE &&
		(offset >= VQD_CONFIG || (len == 4 && is_aligned(offset, 4)));
	uint64_t before = same ? peek(d, offset, len) : 0, value;
	uint8_t raw[8] = {0};

	d->mmio.dev.ops->read(&d->mmio.dev, offset, raw, len);
	value = le64_get(raw);
	/* The device's thread may change it at any moment. */
	must(!same || value == before || value == peek(d, offset, len), "the page that guests read differs");
	return value;
}

void vqd_out(struct vq_driver *d, uint64_t offset, uint64_t value, unsigned len)
{
	uint8_t raw[8];

	le64_put(raw, value);
	d->mmio.dev.ops->write(&d->mmio.dev, offset, raw, len);
}

uint32_t vqd_get(struct vq_driver *d, uint64_t reg)
{
	return (uint32_t)vqd_in(d, reg, 4);
}

void vqd_set(struct vq_driver *d, uint64_t reg, uint32_t value)
{
	vqd_out(d, reg, value, 4);
}

uint64_t vqd_features(struct vq_driver *d)
{
	uint64_t low;

	vqd_set(d, VQD_DEVICE_FEATURES_SEL, 0);
	low = vqd_get(d, VQD_DEVICE_FEATURES);
	vqd_set(d, VQD_DEVICE_FEATURES_SEL, 1);
	return low | (uint64_t)vqd_get(d, VQD_DEVICE_FEATURES) << 32;
}

bool vqd_negotiate(struct vq_driver *d, uint64_t features)
{
	features = (features | VIRTIO_F_VERSION_1) & vqd_features(d);
	vqd_set(d, VQD_STATUS, 0);
	vqd_set(d, VQD_STATUS, VQD_ACKNOWLEDGE);
	vqd_set(d, VQD_STATUS, VQD_ACKNOWLEDGE | VQD_DRIVER);
	vqd_set(d, VQD_DRIVER_FEATURES_SEL, 0);
	vqd_set(d, VQD_DRIVER_FEATURES, (uint32_t)features);
	vqd_set(d, VQD_DRIVER_FEATURES_SEL, 1);
	vqd_set(d, VQD_DRIVER_FEATURES, (uint32_t)(features >> 32));
	vqd_set(d, VQD_STATUS, VQD_ACKNOWLEDGE | VQD_DRIVER | VQD_FEATURES_OK);
	return vqd_get(d, VQD_STATUS) & VQD_FEATURES_OK;
}

static void set_address(struct vq_driver *d, uint64_t reg, uint64_t gpa)
{
	vqd_set(d, reg, (uint32_t)gpa);
	vqd_set(d, reg + 4, (uint32_t)(gpa >> 32));
}

bool vqd_queue_enable(struct vq_driver *d, unsigned i)
{
	struct vqd_queue *q = &d->queue[i];

	vqd_set(d, VQD_QUEUE_SEL, i);
	vqd_set(d, VQD_QUEUE_SIZE, q->size);
	set_address(d, VQD_QUEUE_DESC, q->desc);
	set_address(d, VQD_QUEUE_DRIVER, q->avail);
	set_address(d, VQD_QUEUE_DEVICE, q->used);
	vqd_set(d, VQD_QUEUE_READY, 1);
	return vqd_get(d, VQD_QUEUE_READY) == 1 && !(vqd_get(d, VQD_STATUS) & VQD_NEEDS_RESET);
}

bool vqd_queue_setup(struct vq_driver *d, unsigned i, uint16_t size)
{
	d->queue[i] = (struct vqd_queue){
		.size = size,
		.desc = vqd_alloc(d, 16 * (uint64_t)size, 16),
		.avail = vqd_alloc(d, 6 + 2 * (uint64_t)size, 2),
		.used = vqd_alloc(d, 6 + 8 * (uint64_t)size, 4),
	};
	return vqd_queue_enable(d, i);
}

bool vqd_start(struct vq_driver *d, uint64_t features)
{
	if (!vqd_negotiate(d, features))
		return false;
	for (unsigned i = 0; i < d->dev->nr_queues; i++) {
		vqd_set(d, VQD_QUEUE_SEL, i);
		if (!vqd_queue_setup(d, i, (uint16_t)vqd_get(d, VQD_QUEUE_SIZE_MAX)))
			return false;
	}
	vqd_set(d, VQD_STATUS, VQD_ACKNOWLEDGE | VQD_DRIVER | VQD_FEATURES_OK | VQD_DRIVER_OK);
	return vqd_get(d, VQD_STATUS) == (VQD_ACKNOWLEDGE | VQD_DRIVER | VQD_FEATURES_OK | VQD_DRIVER_OK);
}

uint64_t vqd_alloc(struct vq_driver *d, uint64_t len, uint64_t align)
{
	uint64_t gpa = align_up(d->next, align);

	must(gpa + len <= VQD_RAM_START + d->ram_size, "the test's RAM is used up");
	d->next = gpa + len;
	memset(vqd_ptr(d, gpa), 0, len);
	return gpa;
}

void *vqd_ptr(struct vq_driver *d, uint64_t gpa)
{
	return d->ram + (gpa - VQD_RAM_START);
}

void vqd_desc(
	struct vq_driver *d, uint64_t table, unsigned at, uint64_t gpa, uint32_t len, uint16_t flags, uint16_t next)
{
	uint8_t *p = (uint8_t *)vqd_ptr(d, table) + (size_t)16 * at;

	le64_put(p, gpa);
	le32_put(p + 8, len);
	le16_put(p + 12, flags);
	le16_put(p + 14, next);
}

uint16_t vqd_add(struct vq_driver *d, unsigned i, const struct vqd_buf *buf, unsigned nr, bool indirect)
{
	struct vqd_queue *q = &d->queue[i];
	uint16_t head = q->next_desc % q->size;
	uint64_t table = indirect ? vqd_alloc(d, (uint64_t)16 * nr, 16) : q->desc;

	for (unsigned k = 0; k < nr; k++) {
		uint16_t at = (uint16_t)(indirect ? k : (head + k) % q->size);
		uint16_t next = (uint16_t)(indirect ? k + 1 : (at + 1U) % q->size);
		uint16_t flags = 0;

		if (buf[k].write)
			flags |= VQD_F_WRITE;
		if (k + 1 < nr)
			flags |= VQD_F_NEXT;

		vqd_desc(d, table, at, buf[k].gpa, buf[k].len, flags, next);
	}
	if (indirect)
		vqd_desc(d, q->desc, head, table, 16 * nr, VQD_F_INDIRECT, 0);
	q->next_desc = (uint16_t)(q->next_desc + (indirect ? 1 : nr));
	return head;
}

void vqd_offer(struct vq_driver *d, unsigned i, uint16_t head)
{
	struct vqd_queue *q = &d->queue[i];
	uint8_t *avail = vqd_ptr(d, q->avail);

	le16_put(avail + 4 + 2 * (q->avail_idx % q->size), head);
	q->avail_idx++;
	__atomic_store_n((uint16_t *)(avail + 2), htole16(q->avail_idx), __ATOMIC_RELEASE);
}

void vqd_kick(struct vq_driver *d, unsigned i)
{
	vqd_set(d, VQD_QUEUE_NOTIFY, i);
}

void vqd_run(struct vq_driver *d)
{
	/* In each turn every ready source is called; the second turn sees the events that the first has signalled. */
	d->turns_left = 2;
	must(loop_modify(&d->turn, EPOLLIN) == 0, "loop_modify");
	must(loop_run(d->loop) == 0, "loop_run");
	must(loop_modify(&d->turn, 0) == 0, "loop_modify");
}

bool vqd_used(struct vq_driver *d, unsigned i, uint16_t *head, uint32_t *len)
{
	struct vqd_queue *q = &d->queue[i];
	const uint8_t *used = vqd_ptr(d, q->used), *entry;

	if (le16toh(__atomic_load_n((const uint16_t *)(used + 2), __ATOMIC_ACQUIRE)) == q->last_used)
		return false;
	entry = used + 4 + 8 * (size_t)(q->last_used % q->size);
	*head = (uint16_t)le32_get(entry);
	*len = le32_get(entry + 4);
	q->last_used++;
	return true;
}

uint32_t vqd_request(struct vq_driver *d, unsigned i, const struct vqd_buf *buf, unsigned nr, bool indirect)
{
	uint16_t head = vqd_add(d, i, buf, nr, indirect), back;
	uint32_t len;

	vqd_offer(d, i, head);
	vqd_kick(d, i);
	vqd_run(d);
	must(vqd_used(d, i, &back, &len), "the device did not answer");
	must(back == head, "the device answered another request");
	return len;
}

bool vqd_interrupted(struct vq_driver *d)
{
	return irq_take(&d->irq);
}
