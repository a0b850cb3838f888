/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A virtio device without its transport. The transport (virtio_mmio.c) owns registers, feature negotiation, the status
 * machine and the queues' configuration; a device implements its requests. Neither depends on the internals of the
 * other.
 *
 * Threads. A device is served by one loop: the control loop, or one shared with others; a device that blocks (a disk)
 * has separate loops, possibly one for each queue. vCPU threads call it by register accesses, the loop by kicks and
 * host fds. One mutex, @lock, guards the device, its queues and the transport's registers; it is never held across a
 * blocking call. All ops below are called with the lock held and do not block, with one exception: @kick of a device
 * with separate loops may drop the lock while it works on a request (virtio_begin(), unlock, work, lock,
 * virtio_done()).
 *
 * The usual kick of a queue that the driver fills with requests:
 *
 *	do {
 *		vq_quiet(q);
 *		while (virtio_pop(dev, i, &c))
 *			virtio_push(dev, i, c.head, serve(&c));
 *	} while (vq_listen(q));
 *	virtio_flush(dev, i);
 *
 * A driver on another CPU can keep that loop running for ever. So a device ends its turn after a bounded number of
 * requests and requests the next turn by virtio_again(), unless the queue has a loop for itself.
 *
 * For a queue of empty buffers (receive), @kick only retries work that waits for a buffer; a device that runs out of
 * buffers calls vq_listen() before it waits for the next kick, since with EVENT_IDX there is none otherwise.
 *
 * Protocol violations. virtio_pop() and virtio_broke() set DEVICE_NEEDS_RESET and clear @driver_ok: nothing is popped
 * and no kick is delivered, on any queue of this device, until the driver resets it. Other devices are not affected.
 *
 * Reset. The driver may reset the device or a queue at any moment. The queue's generation is incremented and ops->reset
 * is called; requests in progress keep their windows on RAM, so the status (or QueueReset, QueueReady) register reads
 * non-zero until the last one is finished: only then may the driver reuse that memory (2.4.1, 2.6.1).
 */
#ifndef DEVICES_VIRTIO_VIRTIO_H
#define DEVICES_VIRTIO_VIRTIO_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "devices/virtio/virtqueue.h"
#include "vmm/base/loop.h"
#include "vmm/base/state.h"
#include "vmm/base/trace.h"

#define VIRTIO_QUEUES_MAX 8

/* Device types; 5 */
#define VIRTIO_ID_NET     1
#define VIRTIO_ID_BLOCK   2
#define VIRTIO_ID_CONSOLE 3
#define VIRTIO_ID_ENTROPY 4
#define VIRTIO_ID_BALLOON 5
#define VIRTIO_ID_VSOCK   19
#define VIRTIO_ID_FS      26

/*
 * Feature bits of all devices; 6. The transport offers RING_INDIRECT_DESC, RING_EVENT_IDX, VERSION_1 and RING_RESET
 * itself.
 */
#define VIRTIO_F_INDIRECT_DESC BIT(28)
#define VIRTIO_F_EVENT_IDX     BIT(29)
#define VIRTIO_F_VERSION_1     BIT(32)
#define VIRTIO_F_RING_RESET    BIT(40)

struct virtio_device;

/**
 * struct virtio_more - state of a device that has no fixed size; lock held, no request in progress
 * @room: bytes of it at most
 * @refuses: why it cannot be saved now, or NULL
 * @save, @restore: as of vmm/base/state.h, @index as of virtio_mmio_save(); after a failure the device is reset
 */
struct virtio_more {
	size_t (*room)(void);
	const char *(*refuses)(struct virtio_device *dev);
	void (*save)(struct virtio_device *dev, uint32_t index, struct state_writer *w);
	int (*restore)(struct virtio_device *dev, uint32_t index, struct state_reader *r, struct err *e);
};

/**
 * struct virtio_ops - implemented by a device; called with the device's lock held, must not block
 * @activate: DRIVER_OK was set; @dev->driver_features and the queues are final
 * @reset: discard everything the driver configured; cancel what can be cancelled. Requests in flight finish later with
 *         virtio_done(), and their results are dropped.
 * @queue_reset: as @reset, for one queue (2.6.1)
 * @kick: the driver has work in queue @index. From the queue's loop, while @driver_ok and only when the queue is ready.
 * @config_read: fill @len bytes of device-specific configuration from @offset; outside of it: zeroes
 * @config_write: take @len bytes; registers that are read-only ignore the write
 * @state: what is saved of the device's own struct, whose first member is the struct virtio_device
 * @more: what is saved beside that
 * @restored: the state has been restored, @state with it, and @activate called if the driver had set DRIVER_OK; every
 *            queue is kicked after it
 *
 * All but @kick may be NULL: nothing to do, no configuration, no state but that of the transport and the queues.
 */
struct virtio_ops {
	void (*activate)(struct virtio_device *dev);
	void (*reset)(struct virtio_device *dev);
	void (*queue_reset)(struct virtio_device *dev, unsigned index);
	void (*kick)(struct virtio_device *dev, unsigned index);
	void (*config_read)(struct virtio_device *dev, uint32_t offset, void *data, unsigned len);
	void (*config_write)(struct virtio_device *dev, uint32_t offset, const void *data, unsigned len);
	const struct state_table *state;
	const struct virtio_more *more;
	void (*restored)(struct virtio_device *dev);
};

/**
 * struct virtio_transport - implemented by the transport for its device; lock held, any thread, must not block
 * @interrupt: used-buffer notification for a queue
 * @config_changed: configuration-change notification; bumps the generation
 * @needs_reset: DEVICE_NEEDS_RESET (2.1.2) and a configuration-change notification; @rule: which rule the driver broke
 * @work_ended: the last request in flight on a queue that was reset meanwhile
 * @again: kick the queue once more, after the other sources of its loop were served
 */
struct virtio_transport {
	void (*interrupt)(struct virtio_transport *t, unsigned queue);
	void (*config_changed)(struct virtio_transport *t);
	void (*needs_reset)(struct virtio_transport *t, const char *rule);
	void (*work_ended)(struct virtio_transport *t);
	void (*again)(struct virtio_transport *t, unsigned queue);
};

/**
 * struct virtio_payload - bytes transferred since the start: data only, without headers and status bytes
 * @host_errors: requests that failed on the host (disk full, a bad sector), which was reported to the guest
 */
struct virtio_payload {
	uint64_t to_guest;
	uint64_t from_guest;
	uint64_t host_errors;
};

/**
 * struct virtio_device - embedded by every device; filled by virtio_device_init() and by the device's own init
 * @ops, @name, @id: static
 * @features: device-specific bits it offers
 * @config_size: bytes of configuration
 * @nr_queues, @queue: with .mem and .max set
 * @driver_features: what the driver accepted; 0 before FEATURES_OK
 * @driver_ok: between activate and reset, and no rule broken
 * @driven: a driver has set DRIVER_OK at least once
 * @payload: counted by the device: what the other side (a disk, a socket) took or gave
 * @transport, @trace: borrowed
 * @loop: where each queue's kicks arrive; borrowed. virtio_device_init() sets all to the same one.
 * @lock: see above
 */
struct virtio_device {
	const struct virtio_ops *ops;
	const char *name;
	uint32_t id;
	uint64_t features;
	uint32_t config_size;
	unsigned nr_queues;
	struct virtqueue queue[VIRTIO_QUEUES_MAX];
	uint64_t driver_features;
	bool driver_ok;
	bool driven;
	struct virtio_payload payload;
	struct virtio_transport *transport;
	struct loop *loop[VIRTIO_QUEUES_MAX];
	struct trace *trace;
	pthread_mutex_t lock;
};

/**
 * virtio_device_init() - common part of a device's own init, which sets @features and @config_size after it
 * @name: for logs; borrowed
 * @nr_queues: 1 to VIRTIO_QUEUES_MAX
 * @queue_max: size of each queue, a power of two up to VQ_SIZE_MAX
 * @mem, @loop, @trace: borrowed
 *
 * Return: 0 or a negative errno; then there is nothing to destroy.
 */
int virtio_device_init(struct virtio_device *dev, const struct virtio_ops *ops, const char *name, uint32_t id,
	unsigned nr_queues, uint16_t queue_max, const struct gmem *mem, struct loop *loop, struct trace *trace);

/** virtio_device_destroy() - the lock; takes NULL and a zeroed struct */
void virtio_device_destroy(struct virtio_device *dev);

/** virtio_quit() - the machine ends: stop serving all queues. Any thread, lock not held, vCPUs stopped. */
void virtio_quit(struct virtio_device *dev);

/**
 * virtio_hold() - start no new request, on any queue, until virtio_release()
 *
 * Meanwhile all queues appear empty to the device. Requests in progress outside the lock are finished.
 *
 * Return: the number of requests still in progress; call it again until it returns 0.
 * Context: any thread, lock not held, vCPUs held.
 */
uint32_t virtio_hold(struct virtio_device *dev);

/**
 * virtio_release() - undo virtio_hold(): each queue is kicked once, since kicks meanwhile were ignored
 *
 * Context: any thread, lock not held. Without a hold: does nothing.
 */
void virtio_release(struct virtio_device *dev);

/** virtio_payload() - bytes transferred so far; any thread, without the lock */
struct virtio_payload virtio_payload(struct virtio_device *dev);

/** virtio_has() - true when the driver accepted feature @bit (a mask such as VIRTIO_F_EVENT_IDX) */
static inline bool virtio_has(const struct virtio_device *dev, uint64_t bit)
{
	return dev->driver_features & bit;
}

/**
 * virtio_pop() - like vq_pop(), but a protocol violation sets DEVICE_NEEDS_RESET
 *
 * Return: true and *@c, or false when there is nothing (more) to do, or not @driver_ok. Lock held.
 */
bool virtio_pop(struct virtio_device *dev, unsigned queue, struct vq_chain *c);

/** virtio_push() - vq_push(); virtio_flush() sends the interrupt. Lock held. */
void virtio_push(struct virtio_device *dev, unsigned queue, uint16_t head, uint32_t written);

/** virtio_flush() - interrupt the driver if it wants one for what was pushed. Lock held. */
void virtio_flush(struct virtio_device *dev, unsigned queue);

/** virtio_again() - the turn ended early: kick @queue once more, after the loop's other sources. Lock held. */
void virtio_again(struct virtio_device *dev, unsigned queue);

/** virtio_broke() - the driver violated a rule of this device: DEVICE_NEEDS_RESET. Lock held. */
void virtio_broke(struct virtio_device *dev, const char *rule);

/**
 * virtio_begin(), virtio_done() - around work outside the lock; both with the lock held
 *
 * virtio_begin() returns the generation to pass to virtio_done(), which returns true when the result may be pushed:
 * there was no reset meanwhile.
 */
uint32_t virtio_begin(struct virtio_device *dev, unsigned queue);
bool virtio_done(struct virtio_device *dev, unsigned queue, uint32_t generation);

/** virtio_working() - number of requests in progress outside the lock, on all queues. Lock held. */
uint32_t virtio_working(const struct virtio_device *dev);

/** virtio_config_copy() - for config_read: copy from a struct of @size bytes, zeroes outside */
void virtio_config_copy(const void *config, uint32_t size, uint32_t offset, void *data, unsigned len);

#endif
