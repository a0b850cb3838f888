/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Socket device (virtio 1.2, 5.10): stream connections between the guest and Unix sockets of the host.
 *
 * The host end (struct vsock_host, vmm/host/vsock.c) accepts and makes the host's connections; the protocol, the credit
 * and the state of connections are here.
 *
 * Limits, all in memory allocated at the start: VIRTIO_VSOCK_CONNS_MAX connections, each with a buffer of
 * VIRTIO_VSOCK_BUFFER bytes for data that the guest has sent and the host has not taken. In the other direction nothing
 * is buffered: the host's socket is read when the guest has provided both credit and a buffer.
 *
 * System calls after the start, of its loop: sendto, readv, shutdown, close, epoll_ctl, timerfd_settime, read and write
 * on an eventfd; of a vCPU: write on an eventfd. Those of the host end. No paths.
 */
#ifndef DEVICES_VIRTIO_VSOCK_H
#define DEVICES_VIRTIO_VSOCK_H

#include "devices/virtio/virtio.h"

#define VIRTIO_VSOCK_HOST_CID  2
#define VIRTIO_VSOCK_CID_MIN   3 /* 5.10.4: 0, 1 and 2 are reserved, as is 0xffffffff and what is beyond */
#define VIRTIO_VSOCK_CID_MAX   UINT64_C(0xfffffffe)
#define VIRTIO_VSOCK_CONNS_MAX 128
#define VIRTIO_VSOCK_BUFFER    (64 * KIB)
#define VIRTIO_VSOCK_RSTS_MAX  64

/* Host ports of connections made by the host, which the guest sees as the peer's. */
#define VIRTIO_VSOCK_PORT_FIRST UINT32_C(0x40000000)

/* 5.10.6: struct virtio_vsock_hdr */
#define VIRTIO_VSOCK_HDR_SIZE 44

enum virtio_vsock_op {
	VIRTIO_VSOCK_OP_INVALID,
	VIRTIO_VSOCK_OP_REQUEST,
	VIRTIO_VSOCK_OP_RESPONSE,
	VIRTIO_VSOCK_OP_RST,
	VIRTIO_VSOCK_OP_SHUTDOWN,
	VIRTIO_VSOCK_OP_RW,
	VIRTIO_VSOCK_OP_CREDIT_UPDATE,
	VIRTIO_VSOCK_OP_CREDIT_REQUEST,
};

#define VIRTIO_VSOCK_TYPE_STREAM      1
#define VIRTIO_VSOCK_SHUTDOWN_RECEIVE 1
#define VIRTIO_VSOCK_SHUTDOWN_SEND    2

/**
 * struct vsock_host - the host end
 * @connect: the guest requests a connection to @port of the host; the result is passed to virtio_vsock_connected() with
 *           @ticket, in a later turn of the device's loop. Returns 0, or a negative errno: refused. Device lock held,
 *           never blocks.
 * @answered: the guest accepted the connection of virtio_vsock_dial(); @port is the host's. The device keeps the
 *            socket.
 */
struct vsock_host {
	int (*connect)(struct vsock_host *h, uint32_t ticket, uint32_t port);
	void (*answered)(struct vsock_host *h, int fd, uint32_t port);
};

struct virtio_vsock;

enum vsock_state {
	VSOCK_FREE,
	VSOCK_ASKED,   /* requested by the guest; waiting for a socket from the host end */
	VSOCK_DIALING, /* requested by the host; REQUEST is sent to the guest */
	VSOCK_OPEN,
	VSOCK_ORPHAN,  /* closed by the guest; its data is still sent to the host */
	VSOCK_LEAVING, /* closed by the host, and its socket closed; ends by a RST of either side */
};

/**
 * struct vsock_conn - a connection
 * @source: its socket, owned; .fd is -1 in VSOCK_FREE, VSOCK_ASKED and VSOCK_LEAVING
 * @want: mask of enum virtio_vsock_op: packets that wait for a buffer of the guest
 * @readable: the socket may have something to read
 * @hung_up: the socket's peer has closed both directions
 * @write_shut: the sending direction of the socket was shut down
 * @guest_shut: VIRTIO_VSOCK_SHUTDOWN_* that the guest has sent
 * @host_shut: the same for the socket's peer
 * @peer_alloc, @peer_fwd: the guest's buffer size and forwarded bytes, as it reported them
 * @sent: payload bytes to the guest, modulo 2^32
 * @taken: payload bytes from the guest
 * @fwd: the part of these written to the socket
 * @fwd_told: the last value of @fwd reported to the guest
 * @ticket: VSOCK_ASKED: identifies the result for it
 * @deadline_ns: VSOCK_ASKED: limit for the host end; VSOCK_DIALING, VSOCK_LEAVING: for the guest
 * @buffer: VIRTIO_VSOCK_BUFFER bytes, a ring: of @taken - @fwd bytes, from @fwd on
 */
struct vsock_conn {
	struct virtio_vsock *device;
	enum vsock_state state;
	struct loop_source source;
	uint32_t guest_port;
	uint32_t host_port;
	uint32_t want;
	bool readable;
	bool hung_up;
	bool write_shut;
	uint32_t guest_shut;
	uint32_t host_shut;
	uint32_t peer_alloc;
	uint32_t peer_fwd;
	uint32_t sent;
	uint32_t taken;
	uint32_t fwd;
	uint32_t fwd_told;
	uint32_t ticket;
	uint64_t deadline_ns;
	uint8_t *buffer;
};

/** struct vsock_rst - a RST for a connection that does not exist */
struct vsock_rst {
	uint64_t from_cid;
	uint32_t from_port;
	uint32_t to_port;
};

/**
 * struct virtio_vsock
 * @buffers: of all connections, one mapping
 * @rst: @nr_rsts of them wait for a buffer of the guest; with none left, what the guest sends waits in its queue
 * @ticket: the last one used
 * @next_port, @next_conn: where the search for a free port, and the round over the connections, continue
 * @conn_turn: the next buffer goes to a connection rather than to a RST
 * @wake: an eventfd: continues a turn that ended early
 * @was_reset: the driver has reset the device, and the connections have to be closed
 * @was_restored: the driver is still to hear that its connections are gone (5.10.6.7)
 * @deadlines: timer that checks them once a second while there are any
 */
struct virtio_vsock {
	struct virtio_device dev;
	struct vsock_host *host;
	uint64_t cid;
	struct vsock_conn conn[VIRTIO_VSOCK_CONNS_MAX];
	uint8_t *buffers;
	struct vsock_rst rst[VIRTIO_VSOCK_RSTS_MAX];
	unsigned nr_rsts;
	uint32_t ticket;
	uint32_t next_port;
	unsigned next_conn;
	bool conn_turn;
	struct loop_source wake;
	bool was_reset;
	bool was_restored;
	struct loop_timer deadlines;
	bool deadlines_armed;
	struct vq_chain chain;
};

/**
 * virtio_vsock_init()
 * @cid: of the guest, VIRTIO_VSOCK_CID_MIN to _MAX
 * @host, @mem, @loop, @trace: borrowed until virtio_vsock_destroy()
 *
 * Return: 0 or a negative errno; then there is nothing to destroy.
 */
int virtio_vsock_init(struct virtio_vsock *v, uint64_t cid, struct vsock_host *host, const struct gmem *mem,
	struct loop *loop, struct trace *trace);

/**
 * virtio_vsock_dial() - connect @fd to @port of the guest
 * @fd: a non-blocking stream socket; taken, in any case. It is closed when the guest refuses.
 *
 * Return: 0, -ENOTCONN (no driver), or -EMFILE (no connection is free).
 * Context: the device's loop, lock not held.
 */
int virtio_vsock_dial(struct virtio_vsock *v, int fd, uint32_t port);

/**
 * virtio_vsock_connected() - the result of vsock_host.connect
 * @fd: a connected non-blocking stream socket; taken, in any case. Or a negative errno: refused.
 *
 * Context: the device's loop, lock not held.
 */
void virtio_vsock_connected(struct virtio_vsock *v, uint32_t ticket, int fd);

/**
 * virtio_vsock_unanswered() - no more results will arrive: refuse all requests that wait for one. Context: as above.
 */
void virtio_vsock_unanswered(struct virtio_vsock *v);

/** virtio_vsock_destroy() - takes NULL and a zeroed struct; closes every connection */
void virtio_vsock_destroy(struct virtio_vsock *v);

#endif
