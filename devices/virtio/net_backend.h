/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The host side of a virtio network device: sends and receives frames, and has an fd to wait for. vmm/host/tap.h and
 * vmm/host/passt.h are backends; tests have their own.
 *
 * All functions are called from the device's loop, with the device's lock held (except set_offload()), and do not
 * block.
 */
#ifndef DEVICES_VIRTIO_NET_BACKEND_H
#define DEVICES_VIRTIO_NET_BACKEND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "vmm/base/err.h"
#include "vmm/base/loop.h"
#include "vmm/base/trace.h"
#include "vmm/base/util.h"

/* Feature bits; 5.1.3. Those of NET_OFFLOADS a backend may offer, the others are the device's own. */
#define VIRTIO_NET_F_CSUM       BIT(0)
#define VIRTIO_NET_F_GUEST_CSUM BIT(1)
#define VIRTIO_NET_F_MTU        BIT(3)
#define VIRTIO_NET_F_MAC        BIT(5)
#define VIRTIO_NET_F_GUEST_TSO4 BIT(7)
#define VIRTIO_NET_F_GUEST_TSO6 BIT(8)
#define VIRTIO_NET_F_GUEST_ECN  BIT(9)
#define VIRTIO_NET_F_HOST_TSO4  BIT(11)
#define VIRTIO_NET_F_HOST_TSO6  BIT(12)
#define VIRTIO_NET_F_HOST_ECN   BIT(13)
#define VIRTIO_NET_F_MRG_RXBUF  BIT(15)
#define VIRTIO_NET_F_STATUS     BIT(16)

#define NET_OFFLOADS_TO_HOST                                                                                           \
	(VIRTIO_NET_F_CSUM | VIRTIO_NET_F_HOST_TSO4 | VIRTIO_NET_F_HOST_TSO6 | VIRTIO_NET_F_HOST_ECN)
#define NET_OFFLOADS_TO_GUEST                                                                                          \
	(VIRTIO_NET_F_GUEST_CSUM | VIRTIO_NET_F_GUEST_TSO4 | VIRTIO_NET_F_GUEST_TSO6 | VIRTIO_NET_F_GUEST_ECN)
#define NET_OFFLOADS (NET_OFFLOADS_TO_HOST | NET_OFFLOADS_TO_GUEST)

/* struct virtio_net_hdr, flags and gso_type; 5.1.6 */
#define NET_HDR_F_NEEDS_CSUM 1
#define NET_HDR_F_DATA_VALID 2
#define NET_HDR_GSO_NONE     0
#define NET_HDR_GSO_TCPV4    1
#define NET_HDR_GSO_TCPV6    4
#define NET_HDR_GSO_ECN      0x80

/**
 * struct net_hdr - in front of every frame, in both directions; little-endian, 5.1.6
 */
struct net_hdr {
	uint8_t flags;
	uint8_t gso_type;
	uint16_t hdr_len;
	uint16_t gso_size;
	uint16_t csum_start;
	uint16_t csum_offset;
	uint16_t num_buffers;
};

#define NET_HDR_SIZE  12
#define NET_MTU_MIN   68                          /* 5.1.4.1 */
#define NET_FRAME_MIN 14                          /* an Ethernet header */
#define NET_FRAME_MAX (65535 + NET_FRAME_MIN + 4) /* the largest IP packet, and a VLAN tag */
_Static_assert(sizeof(struct net_hdr) == NET_HDR_SIZE, "no padding");

struct net_backend;

/**
 * struct net_backend_ops
 * @send: one frame. @iov[0] is its header, NET_HDR_SIZE bytes of the caller's, checked against what was negotiated;
 *        then @bytes (NET_FRAME_MIN to NET_FRAME_MAX) in the other windows, which are guest RAM and may change
 *        meanwhile. The backend may change the entries of @iov. Return: 0; -EAGAIN: not taken, and @blocked is set;
 *        -ENOTCONN: the peer has closed, finally; any other error: this frame is lost.
 * @receive: one frame into @iov, whose first entry is NET_HDR_SIZE bytes of the caller's for the header; the others
 *        have space for NET_FRAME_MAX. Return: bytes with the header; -EAGAIN: none; -ENOTCONN: as above; any other
 *        error: a frame was lost, there may be more.
 * @flush: the fd is writable again: send the rest of the last frame, and clear @blocked when done. Return: 0 or
 *         -ENOTCONN.
 * @set_offload: set which of NET_OFFLOADS_TO_GUEST the guest accepts: none until the first call, and called only for a
 *               change. May be NULL. Without the device's lock.
 * @ready: called before the guest runs, without locks: wait for the peer if necessary, and start what needs the loop;
 *         both borrowed until @destroy. May be NULL. Return: 0 or a negative errno, with a message in @e.
 * @destroy: close and free; its source has been removed from the loop
 */
struct net_backend_ops {
	int (*send)(struct net_backend *b, struct iovec *iov, size_t nr, size_t bytes);
	ssize_t (*receive)(struct net_backend *b, const struct iovec *iov, size_t nr);
	int (*flush)(struct net_backend *b);
	void (*set_offload)(struct net_backend *b, uint64_t features);
	int (*ready)(struct net_backend *b, struct loop *loop, struct trace *trace, struct err *e);
	void (*destroy)(struct net_backend *b);
};

/**
 * struct net_backend - embedded by every backend
 * @peer: short name of the other side, for logs; static or owned by the backend
 * @fd: readable when there may be a frame; owned by the backend
 * @offload: the features of NET_OFFLOADS that it offers
 * @mtu: MTU of its link for the guest, NET_MTU_MIN to 65535; 0: unknown
 * @blocked: no frame can be sent until the fd is writable
 */
struct net_backend {
	const struct net_backend_ops *ops;
	const char *peer;
	int fd;
	uint64_t offload;
	uint16_t mtu;
	bool blocked;
};

/** net_backend_ready() - calls @ready if it is set */
static inline int net_backend_ready(struct net_backend *b, struct loop *loop, struct trace *trace, struct err *e)
{
	return b->ops->ready ? b->ops->ready(b, loop, trace, e) : 0;
}

/** net_backend_destroy() - takes NULL */
static inline void net_backend_destroy(struct net_backend *b)
{
	if (b)
		b->ops->destroy(b);
}

#endif
