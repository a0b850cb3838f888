/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Console device (virtio 1.2, 5.3) with F_MULTIPORT: named ports for programs, none of them a console of the kernel.
 * The driver says when a program opens a port, so input needs no probing (console.c): until then it waits with the host
 * end.
 *
 * System calls after the start: timerfd_settime; those of the host ends' tx. No paths.
 */
#ifndef DEVICES_VIRTIO_PORTS_H
#define DEVICES_VIRTIO_PORTS_H

#include "devices/virtio/virtio.h"
#include "vmm/base/chardev.h"

#define VIRTIO_PORTS_MAX     3 /* two queues for each, and two for all */
#define VIRTIO_PORT_NAME_MAX 32

/**
 * struct virtio_port
 * @guest: for the host end
 * @ports: the device
 * @host, @name: borrowed
 * @id: its number
 * @tx_done: bytes of the first waiting chain that the host has taken already
 * @open: a program in the guest has it open
 * @rx_refused: input was not taken: the host end is waiting for rx_room
 * @full: the host end took less than offered, and will call tx_room
 * @due: messages that the driver has not been sent yet, a bit for each of PORT_*
 */
struct virtio_port {
	struct char_guest guest;
	struct virtio_ports *ports;
	struct char_host *host;
	const char *name;
	unsigned id;
	uint32_t tx_done;
	bool open;
	bool rx_refused;
	bool full;
	uint8_t due;
};

/**
 * struct virtio_ports
 * @port: the first @nr are there
 * @again: continues a turn that ended early
 */
struct virtio_ports {
	struct virtio_device dev;
	struct virtio_port port[VIRTIO_PORTS_MAX];
	unsigned nr;
	struct loop_timer again;
	struct vq_chain chain;
};

/** struct virtio_port_params - its name, at most VIRTIO_PORT_NAME_MAX bytes, and its host end; borrowed */
struct virtio_port_params {
	const char *name;
	struct char_host *host;
};

/**
 * virtio_ports_init()
 * @param: of @nr ports, 1 to VIRTIO_PORTS_MAX; what it points to, @mem, @loop, @trace: borrowed until
 *	virtio_ports_destroy()
 *
 * Return: 0 or a negative errno; then there is nothing to destroy.
 */
int virtio_ports_init(struct virtio_ports *p, const struct virtio_port_params *param, unsigned nr,
	const struct gmem *mem, struct loop *loop, struct trace *trace);

/** virtio_port_is_empty() - whether the host has all that the guest has written so far. Any thread, lock not held. */
bool virtio_port_is_empty(struct virtio_port *port);

/** virtio_ports_destroy() - takes NULL and a zeroed struct */
void virtio_ports_destroy(struct virtio_ports *p);

#endif
