/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Console device (virtio 1.2, 5.3) with one port and no features: the guest's hvc0. It serves the same purpose as a
 * UART, with one kick per line rather than one exit per byte.
 *
 * System calls after the start: timerfd_settime; those of the host end's tx. No paths.
 */
#ifndef DEVICES_VIRTIO_CONSOLE_H
#define DEVICES_VIRTIO_CONSOLE_H

#include "devices/virtio/virtio.h"
#include "vmm/base/chardev.h"

/**
 * struct virtio_console
 * @guest: for the host end
 * @host: borrowed
 * @tx_done: bytes of the first waiting chain that the host has taken already
 * @rx_refused: input was not taken: the host end is waiting for rx_room
 * @rx_open: the driver has returned a receive buffer: a reader exists
 * @looking: input is waiting until a reader is known to exist
 * @asked: number of empty buffers returned to find that out
 * @asked_at: vq_offered() after the last time
 * @again: continues a turn that ended early
 * @ask: timer for the next check
 */
struct virtio_console {
	struct virtio_device dev;
	struct char_guest guest;
	struct char_host *host;
	uint32_t tx_done;
	bool rx_refused;
	bool rx_open;
	bool looking;
	unsigned asked;
	uint16_t asked_at;
	struct loop_timer again;
	struct loop_timer ask;
	struct vq_chain chain;
};

/**
 * virtio_console_init()
 * @host, @mem, @loop, @trace: borrowed until virtio_console_destroy()
 *
 * Return: 0 or a negative errno; then there is nothing to destroy.
 */
int virtio_console_init(struct virtio_console *c, struct char_host *host, const struct gmem *mem, struct loop *loop,
	struct trace *trace);

/** virtio_console_active() - whether a driver accepts input. Any thread, lock not held. */
bool virtio_console_active(struct virtio_console *c);

/** virtio_console_destroy() - takes NULL and a zeroed struct */
void virtio_console_destroy(struct virtio_console *c);

#endif
