/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The device's side of a split virtqueue (virtio 1.2, 2.7), with indirect descriptors and EVENT_IDX.
 *
 * The driver is hostile: it may change any descriptor at any time. vq_pop() copies each descriptor once, checks the
 * copy, and bounds the chain by the queue's size; the device gets a list of checked windows on guest RAM that no longer
 * depends on the rings. The content of the windows may still change at any time: a device copies headers before it
 * parses them.
 */
#ifndef DEVICES_VIRTIO_VIRTQUEUE_H
#define DEVICES_VIRTIO_VIRTQUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "vmm/base/gmem.h"

#define VQ_SIZE_MAX 256 /* maximum size of a queue; a power of two */
/*
 * A chain has at most the queue's size of descriptors, and a descriptor may cross from one region of RAM to the next.
 */
#define VQ_IOV_MAX (VQ_SIZE_MAX + GMEM_REGIONS_MAX)

/**
 * struct virtqueue - plain state; the transport fills in what the driver configures
 * @mem: guest RAM; borrowed
 * @max: value of QueueNumMax, a power of two, at most VQ_SIZE_MAX
 * @size: size chosen by the driver
 * @ready: the driver enabled it, and vq_start() found its rings inside RAM
 * @event_idx: VIRTIO_F_EVENT_IDX was negotiated
 * @indirect: VIRTIO_F_INDIRECT_DESC was negotiated
 * @broken: the driver broke the rules (@rule says which); nothing is popped any more until a reset
 * @held: nothing is popped and no kick is requested until virtio_release(); kept over a reset
 * @desc, @avail, @used: guest-physical addresses
 * @next_avail, @next_used: free-running ring positions
 * @signalled_used: @next_used at the last vq_wants_interrupt()
 * @in_flight: chains popped and not pushed yet
 * @working: the part of these that a device works on outside its lock (virtio_begin())
 * @generation: counts resets of this queue: the result of a request from an earlier one is not pushed
 * @ring: host windows on the three rings, desc, avail, used; NULL: copied through gmem, since the RAM is backed by a
 *        file
 */
struct virtqueue {
	const struct gmem *mem;
	uint16_t max;
	uint16_t size;
	bool ready;
	bool event_idx;
	bool indirect;
	bool broken;
	bool held;
	bool signalled_valid;
	const char *rule;
	uint64_t desc;
	uint64_t avail;
	uint64_t used;
	uint16_t next_avail;
	uint16_t next_used;
	uint16_t signalled_used;
	uint32_t in_flight;
	uint32_t working;
	uint32_t generation;
	uint8_t *ring[3];
};

/**
 * struct vq_chain - one request, as windows on guest RAM
 * @head: its id for vq_push()
 * @out, @out_nr, @out_bytes: what the device reads, in order
 * @in, @in_nr, @in_bytes: what the device writes, in order
 * Both lists share @iov: @out points to its start, @in behind the last of @out. Sums do not wrap 32 bits (2.7.5.3.1).
 */
struct vq_chain {
	uint16_t head;
	struct iovec *out;
	size_t out_nr;
	uint32_t out_bytes;
	struct iovec *in;
	size_t in_nr;
	uint32_t in_bytes;
	struct iovec iov[VQ_IOV_MAX];
};

/**
 * vq_start() - the driver wrote QueueReady: check size, alignment and that all three rings are RAM, without overlap
 *
 * Return: 0, or -EINVAL with @q->broken and @q->rule set.
 * Trust: guest. Spec: 2.7, 2.7.10.1
 */
int vq_start(struct virtqueue *q);

/** vq_reset() - back to the state after a reset; @mem, @max, @held and @working are kept, @generation is incremented */
void vq_reset(struct virtqueue *q);

/**
 * vq_pop() - take the next available chain
 *
 * Return: 1 and *@c, 0 when there is none, -EPROTO when the driver broke the rules (@q->broken, @q->rule).
 * Context: the owner of the device's lock; no allocation. Trust: guest.
 */
int vq_pop(struct virtqueue *q, struct vq_chain *c);

/**
 * vq_push() - return a chain
 * @written: bytes the device wrote into the in windows, from the first on
 *
 * Does not interrupt: see vq_wants_interrupt().
 */
void vq_push(struct virtqueue *q, uint16_t head, uint32_t written);

/**
 * vq_fill(), vq_publish() - vq_push() in two steps
 *
 * The driver sees the chains of vq_fill() only after vq_publish(), all at once, as required for a frame in several
 * buffers (5.1.6.4.1).
 */
void vq_fill(struct virtqueue *q, uint16_t head, uint32_t written);
void vq_publish(struct virtqueue *q);

/** vq_unpop() - undo the last vq_pop() of a chain that the device cannot serve yet */
void vq_unpop(struct virtqueue *q);

/** vq_wants_interrupt() - true when the driver wants an interrupt for what was pushed since the last call (2.7.7) */
bool vq_wants_interrupt(struct virtqueue *q);

/** vq_quiet() - ask the driver not to kick: a hint, kicks may still come */
void vq_quiet(struct virtqueue *q);

/**
 * vq_listen() - ask the driver to kick again
 *
 * Return: true when a chain arrived meanwhile: continue popping, since there will be no kick for it.
 */
bool vq_listen(struct virtqueue *q);

/** vq_offered() - free-running count of offered chains according to the driver; unchecked */
uint16_t vq_offered(const struct virtqueue *q);

/**
 * vq_listen_at() - ask the driver to kick when it has offered more than @count chains, as vq_offered() counts them
 *
 * Return: true when it has already. Without EVENT_IDX there are also earlier kicks.
 */
bool vq_listen_at(struct virtqueue *q, uint16_t count);

/**
 * vq_read(), vq_write() - copy between a buffer and a list of windows from byte @offset; return the bytes copied
 *
 * Uses gmem_window_read() and gmem_window_write(): a page lost by truncation of its file reads as zeroes.
 */
size_t vq_read(const struct iovec *iov, size_t nr, size_t offset, void *buf, size_t len);
size_t vq_write(const struct iovec *iov, size_t nr, size_t offset, const void *buf, size_t len);

#endif
