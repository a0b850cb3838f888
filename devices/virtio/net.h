/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A network device (virtio 1.2, 5.1): one receive and one transmit queue, no control queue. It passes frames between
 * the queues and a backend (net_backend.h), and reads only the 12-byte header before each frame.
 *
 * For the sandbox: after the start this file itself makes no system call but read and write of an eventfd, epoll_ctl
 * and timerfd_settime; those of the backends are listed in vmm/host/tap.h and vmm/host/passt.h.
 */
#ifndef DEVICES_VIRTIO_NET_H
#define DEVICES_VIRTIO_NET_H

#include "devices/virtio/net_backend.h"
#include "devices/virtio/virtio.h"

#define VIRTIO_NET_MAC_SIZE  6
#define VIRTIO_NET_QUEUE_MAX 256
/* readv() and writev() take 1,024; the header and the spill take two. */
#define VIRTIO_NET_WINDOWS 1022

enum { VIRTIO_NET_RX, VIRTIO_NET_TX, VIRTIO_NET_QUEUES }; /* 5.1.2 */

/* 5.1.4, struct virtio_net_config */
struct virtio_net_config {
	uint8_t mac[VIRTIO_NET_MAC_SIZE];
	uint16_t status;
	uint16_t max_virtqueue_pairs;
	uint16_t mtu;
};

/**
 * struct virtio_net_stats - since the start; "dropped" counts frames that were received on one side and not sent on the
 * other
 */
struct virtio_net_stats {
	uint64_t rx_frames;
	uint64_t rx_dropped;
	uint64_t tx_frames;
	uint64_t tx_dropped;
};

/** struct virtio_net_buffer - a receive buffer of the driver that we hold; it uses @windows entries of the ring */
struct virtio_net_buffer {
	uint16_t head;
	uint16_t windows;
	uint32_t bytes;
};

/**
 * struct virtio_net_rx - receive side
 * @buffer, @first_buffer, @nr_buffers: buffers taken from the queue, in its order; those before the first are used up
 * @window, @first_window, @nr_windows: the windows on guest RAM of these buffers
 * @bytes: their total size
 * @hdr: header of the current frame
 * @frame: bytes of a frame that waits for more buffers, with its header; 0: none
 * @direct: the part of @frame that is already in the windows; the rest is in @spill
 * @last: size of the previous frame
 * @spill: NET_FRAME_MAX bytes
 * @starved: no buffer for the next frame; a kick ends it
 */
struct virtio_net_rx {
	struct virtio_net_buffer buffer[VIRTIO_NET_QUEUE_MAX];
	unsigned first_buffer;
	unsigned nr_buffers;
	struct iovec window[VIRTIO_NET_WINDOWS];
	unsigned first_window;
	unsigned nr_windows;
	uint64_t bytes;
	struct net_hdr hdr;
	uint32_t frame;
	uint32_t direct;
	uint32_t last;
	uint8_t *spill;
	bool starved;
};

/**
 * struct virtio_net - owns its backend
 * @link: the backend's peer is connected
 * @running: offloads are set, frames flow; from DRIVER_OK to reset, seen by the loop
 * @epoch: counts activations and resets
 * @offload: last setting of the backend; used only by the loop, as are the next two
 * @offload_free_ns: time of the next allowed change
 * @later: timer for that time
 */
struct virtio_net {
	struct virtio_device dev;
	struct virtio_net_config config;
	struct net_backend *backend;
	bool link;
	bool running;
	uint32_t epoch;
	uint64_t offload;
	uint64_t offload_free_ns;
	struct loop_timer later;
	struct loop_source again;
	struct loop_source frames;
	struct virtio_net_stats stats;
	struct virtio_net_rx rx;
	struct vq_chain chain;
	struct iovec iov[VIRTIO_NET_WINDOWS + 2];
	char name[16];
};

/**
 * virtio_net_init() - a network device with a backend
 * @index: which network device of the machine, from 0: "net0"
 * @mac: the guest's address
 * @backend: the device takes it, also on failure
 * @mem, @loop, @trace: borrowed until virtio_net_destroy()
 *
 * Return: 0 or a negative errno; then there is nothing to destroy.
 * Context: the loop's thread, before the guest runs.
 */
int virtio_net_init(struct virtio_net *n, unsigned index, const uint8_t mac[VIRTIO_NET_MAC_SIZE],
	struct net_backend *backend, const struct gmem *mem, struct loop *loop, struct trace *trace);

/** virtio_net_destroy() - takes NULL and a zeroed struct; the transport has been destroyed, the vCPUs are stopped */
void virtio_net_destroy(struct virtio_net *n);

#endif
