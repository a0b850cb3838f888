/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The driver's side of a virtio-mmio device, for unit tests and fuzz targets: RAM on the heap, rings in it, and
 * registers used as a stock driver does (virtio 1.2, 3.1.1 and 4.2.3), or in any other way that a test needs.
 *
 * The life of a test: vqd_init(), make the device on d.mem, d.loop and d.trace, vqd_attach(), vqd_start(), requests,
 * vqd_detach(), destroy the device, vqd_destroy().
 */
#ifndef TESTS_SUPPORT_VQ_DRIVER_H
#define TESTS_SUPPORT_VQ_DRIVER_H

#include "devices/virtio/virtio_mmio.h"

/* 4.2.2 and 2.1, written independently, so that a wrong constant in the device is noticed. */
enum {
	VQD_MAGIC = 0x000,
	VQD_VERSION = 0x004,
	VQD_DEVICE_ID = 0x008,
	VQD_VENDOR_ID = 0x00c,
	VQD_DEVICE_FEATURES = 0x010,
	VQD_DEVICE_FEATURES_SEL = 0x014,
	VQD_DRIVER_FEATURES = 0x020,
	VQD_DRIVER_FEATURES_SEL = 0x024,
	VQD_QUEUE_SEL = 0x030,
	VQD_QUEUE_SIZE_MAX = 0x034,
	VQD_QUEUE_SIZE = 0x038,
	VQD_QUEUE_READY = 0x044,
	VQD_QUEUE_NOTIFY = 0x050,
	VQD_INTERRUPT_STATUS = 0x060,
	VQD_INTERRUPT_ACK = 0x064,
	VQD_STATUS = 0x070,
	VQD_QUEUE_DESC = 0x080,
	VQD_QUEUE_DRIVER = 0x090,
	VQD_QUEUE_DEVICE = 0x0a0,
	VQD_QUEUE_RESET = 0x0c0,
	VQD_CONFIG_GENERATION = 0x0fc,
	VQD_CONFIG = 0x100,

	VQD_ACKNOWLEDGE = 1,
	VQD_DRIVER = 2,
	VQD_DRIVER_OK = 4,
	VQD_FEATURES_OK = 8,
	VQD_NEEDS_RESET = 64,
	VQD_FAILED = 128,

	VQD_F_NEXT = 1,
	VQD_F_WRITE = 2,
	VQD_F_INDIRECT = 4,
};

#define VQD_RAM_START UINT64_C(0x100000)

/**
 * struct vqd_buf - one buffer of a request
 * @write: the device writes it
 */
struct vqd_buf {
	uint64_t gpa;
	uint32_t len;
	bool write;
};

/**
 * struct vqd_queue - a queue as the driver keeps it
 * @desc, @avail, @used: guest-physical
 * @next_desc: descriptors are allocated in order, whether or not they are still in flight
 */
struct vqd_queue {
	uint16_t size;
	uint64_t desc;
	uint64_t avail;
	uint64_t used;
	uint16_t next_desc;
	uint16_t avail_idx;
	uint16_t last_used;
};

/**
 * struct vq_driver - owns RAM, loop, trace and transport; borrows the device
 * @page: registers as a guest reads them without an exit; each vqd_in() compares
 * @ram_size: bytes of RAM at VQD_RAM_START
 * @next: first byte that vqd_alloc() has not allocated
 */
struct vq_driver {
	struct gmem mem;
	uint8_t *ram;
	uint64_t ram_size;
	uint64_t next;
	struct loop *loop;
	struct trace *trace;
	struct irq_line irq;
	struct virtio_mmio mmio;
	uint32_t page[VIRTIO_MMIO_SIZE / 4];
	struct virtio_device *dev;
	struct vqd_queue queue[VIRTIO_QUEUES_MAX];
	struct loop_source turn;
	unsigned turns_left;
};

/* Aborts if the host fails, which is not the test's subject. */
void vqd_init(struct vq_driver *d, uint64_t ram_size);
void vqd_destroy(struct vq_driver *d);

/* Connects a device that was made on d->mem, d->loop and d->trace; detach before it is destroyed. */
void vqd_attach(struct vq_driver *d, struct virtio_device *dev);
void vqd_detach(struct vq_driver *d);

/* Registers: any access, and those of 4 bytes that a driver makes. */
uint64_t vqd_in(struct vq_driver *d, uint64_t offset, unsigned len);
void vqd_out(struct vq_driver *d, uint64_t offset, uint64_t value, unsigned len);
uint32_t vqd_get(struct vq_driver *d, uint64_t reg);
void vqd_set(struct vq_driver *d, uint64_t reg, uint32_t value);
uint64_t vqd_features(struct vq_driver *d);

/* 3.1.1: reset to FEATURES_OK with those of @features that are offered, and VERSION_1. Return: whether it is set. */
bool vqd_negotiate(struct vq_driver *d, uint64_t features);

/* Memory for the rings, the registers, QueueReady. Return: whether the device took it. */
bool vqd_queue_setup(struct vq_driver *d, unsigned i, uint16_t size);

/* The registers only, from d->queue[i]. */
bool vqd_queue_enable(struct vq_driver *d, unsigned i);

/* All of it, with each queue at its maximum, up to DRIVER_OK. Return: whether the device is alive. */
bool vqd_start(struct vq_driver *d, uint64_t features);

/* RAM. vqd_alloc() gives zeroed memory and aborts when none is left. */
uint64_t vqd_alloc(struct vq_driver *d, uint64_t len, uint64_t align);
void *vqd_ptr(struct vq_driver *d, uint64_t gpa);

/* Requests. vqd_add() writes descriptors (or one indirect one) and returns the head; vqd_offer() makes it available. */
void vqd_desc(
	struct vq_driver *d, uint64_t table, unsigned at, uint64_t gpa, uint32_t len, uint16_t flags, uint16_t next);
uint16_t vqd_add(struct vq_driver *d, unsigned i, const struct vqd_buf *buf, unsigned nr, bool indirect);
void vqd_offer(struct vq_driver *d, unsigned i, uint16_t head);
void vqd_kick(struct vq_driver *d, unsigned i); /* the register only: vqd_run() lets the device see it */

/* Runs the loop until everything that is ready has been served. */
void vqd_run(struct vq_driver *d);

/* The next used element. Return: false when there is none. */
bool vqd_used(struct vq_driver *d, unsigned i, uint16_t *head, uint32_t *len);

/* offer, kick, run, and the element that comes back; aborts the test when none does. Return: its length. */
uint32_t vqd_request(struct vq_driver *d, unsigned i, const struct vqd_buf *buf, unsigned nr, bool indirect);

/* True when the line was pulsed since the last call. */
bool vqd_interrupted(struct vq_driver *d);

/**
 * vqd_fuzz() - let @data drive the device: register accesses of any width, valid and invalid rings, chains, writes to
 * RAM, kicks, resets; if the first byte says so, with a second thread that changes the rings while the device reads
 * them
 * @between: called between steps for the device's own host side; may be NULL
 */
void vqd_fuzz(
	struct vq_driver *d, const uint8_t *data, size_t size, void (*between)(void *arg, uint8_t what), void *arg);

#endif
