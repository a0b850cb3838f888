/* SPDX-License-Identifier: Apache-2.0 */
/*
 * virtio over MMIO, version 2 (virtio 1.2, 4.2): registers, status machine, feature negotiation.
 */
#ifndef DEVICES_VIRTIO_VIRTIO_MMIO_H
#define DEVICES_VIRTIO_VIRTIO_MMIO_H

#include "devices/virtio/virtio.h"
#include "vmm/base/device.h"
#include "vmm/base/irq.h"

#define VIRTIO_MMIO_SIZE         0x1000
#define VIRTIO_MMIO_QUEUE_NOTIFY 0x050 /* 4 bytes; the machine attaches an ioeventfd per queue, data-matched */

/**
 * struct virtio_mmio_regs - plain register state without handles, so that it can be saved by copying
 */
struct virtio_mmio_regs {
	uint32_t device_features_sel;
	uint32_t driver_features_sel;
	uint64_t driver_features;
	uint32_t queue_sel;
	uint32_t status;
	uint32_t interrupt_status;
	uint32_t config_generation;
	bool reset_pending; /* reset asked for, requests still in flight: status reads as before */
};

struct virtio_mmio;

/** struct virtio_kick - a queue's kick eventfd in the loop */
struct virtio_kick {
	struct loop_source source;
	struct virtio_mmio *transport;
};

/**
 * struct virtio_mmio - owns its kick eventfds; borrows the device and the interrupt line
 * @dev: the register page, for the bus
 * @page: the same as the guest reads it without an exit, VIRTIO_MMIO_SIZE bytes; borrowed, NULL without
 * @kick_fd: an eventfd per queue, -1 beyond the last; the machine attaches ioeventfds, the loop reads them
 */
struct virtio_mmio {
	struct device dev;
	struct virtio_transport transport;
	struct virtio_device *device;
	struct irq_line *irq;
	uint32_t *page;
	struct virtio_mmio_regs regs;
	int kick_fd[VIRTIO_QUEUES_MAX];
	struct virtio_kick kick[VIRTIO_QUEUES_MAX];
};

/**
 * virtio_mmio_init() - connect a device to registers, interrupt and its loop
 * @device, @irq: borrowed until virtio_mmio_destroy()
 *
 * Return: 0 or a negative errno.
 */
int virtio_mmio_init(struct virtio_mmio *t, struct virtio_device *device, struct irq_line *irq);

/**
 * virtio_mmio_show() - also keep the registers in a page that the guest can read
 * @page: VIRTIO_MMIO_SIZE bytes of zeroes, aligned to 4; borrowed until virtio_mmio_destroy()
 *
 * Context: before the vCPUs run.
 */
void virtio_mmio_show(struct virtio_mmio *t, void *page);

/**
 * virtio_mmio_save() - registers, queues and the device's own state, a section each; vmm/base/state.h
 * @index: which device of the machine
 *
 * Chains that the device has taken from a queue and not returned (receive buffers, a balloon's statistics) are saved as
 * not taken: it takes them again.
 * Context: virtio_hold() has returned 0 and virtio_release() is not called yet; no vCPU runs.
 */
void virtio_mmio_save(struct virtio_mmio *t, uint32_t index, struct state_writer *w);

/**
 * virtio_mmio_restore() - the state of such a device, into one that no driver has touched, or that is held as for
 * virtio_mmio_save() and reset first
 *
 * Everything is checked as if the driver had just written it: features, status, rings inside RAM. Then the device goes
 * on: DRIVER_OK is set anew, an interrupt that the driver has not acknowledged is raised again, each queue is kicked.
 *
 * Return: 0 or -EINVAL, with a message in @e; the device is then as after a reset.
 * Context: guest RAM is in place, no vCPU runs. Trust: guest.
 */
int virtio_mmio_restore(struct virtio_mmio *t, uint32_t index, struct state_reader *r, struct err *e);

/** virtio_mmio_destroy() - takes NULL and a zeroed struct; the vCPUs are stopped */
void virtio_mmio_destroy(struct virtio_mmio *t);

#endif
