/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Socket device (virtio 1.2, 5.10): stream connections between the guest and Unix sockets of the host.
 *
 * What a connection is attached to, and who asked for it, is the host end's (struct vsock_host, vmm/host/vsock.c); the
 * protocol, the credit and the connections are here.
 *
 * Bounds, all in memory that exists from the start on: VIRTIO_VSOCK_CONNS_MAX connections, each with a buffer of
 * VIRTIO_VSOCK_BUFFER bytes for what the guest has sent and the host has not taken. In the other direction nothing is
 * buffered: the host's socket is read when the guest has given both room (credit) and a buffer.
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

/* Host ports of connections that the host asked for; the guest sees them as the peer's. */
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
 * @connect: the guest wants a connection to @port of the host, and gets it by virtio_vsock_connected() with @ticket, in
 *           a later turn of the device's loop. Returns 0, or a negative errno: refused. Device lock held, never blocks.
 * @answered: the guest accepted what virtio_vsock_dial() asked for; @port is the host's. The socket stays the device's.
 */
struct vsock_host {
	int (*connect)(struct vsock_host *h, uint32_t ticket, uint32_t port);
	void (*answered)(struct vsock_host *h, int fd, uint32_t port);
};

struct virtio_vsock;

enum vsock_state {
	VSOCK_FREE,
	VSOCK_ASKED,   /* the guest wants it, and the host end has been asked for a socket */
	VSOCK_DIALING, /* REQUEST is on its way to the guest */
	VSOCK_OPEN,
	VSOCK_ORPHAN,  /* the guest is done with it; what it sent still goes to the host */
	VSOCK_LEAVING, /* the host is done with it and its socket closed; RST ends it, the guest's or ours */
};

/**
 * struct vsock_conn - a connection
 * @source: its socket, owned; .fd is -1 in VSOCK_FREE, VSOCK_ASKED and VSOCK_LEAVING
 * @want: enum virtio_vsock_op as a mask: packets that wait for a buffer of the guest
 * @readable: the socket may have something to read
 * @hung_up: the socket's other side is closed altogether
 * @write_shut: the socket was told that the guest will send no more
 * @guest_shut: VIRTIO_VSOCK_SHUTDOWN_* that the guest has said
 * @host_shut: the same for the socket's other side
 * @peer_alloc, @peer_fwd: what the guest said of its buffer
 * @sent: payload bytes to the guest, modulo 2^32
 * @taken: payload bytes from the guest
 * @fwd: of these, to the socket
 * @fwd_told: what the guest was last told of @fwd
 * @ticket: VSOCK_ASKED: which answer is for it
 * @deadline_ns: VSOCK_ASKED: how long the host end may take; VSOCK_DIALING, VSOCK_LEAVING: the guest
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
 * @ticket: the last one that was given out
 * @next_port, @next_conn: where the search for a free port, and the round over the connections, goes on
 * @conn_turn: the next buffer is a connection's, not a RST's, when both want it
 * @wake: an eventfd: continues a turn that was cut short
 * @was_reset: the driver has reset the device, and the connections are still to be closed
 * @was_restored: the driver is still to hear that its connections are gone (5.10.6.7)
 * @deadlines: looks at them once a second while there are any
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
 * @fd: a non-blocking stream socket; taken, in any case. A guest that refuses has it closed.
 *
 * Return: 0, -ENOTCONN (no driver), or -EMFILE (no connection is free).
 * Context: the device's loop, lock not held.
 */
int virtio_vsock_dial(struct virtio_vsock *v, int fd, uint32_t port);

/**
 * virtio_vsock_connected() - the answer to vsock_host.connect
 * @fd: a connected non-blocking stream socket; taken, in any case. Or a negative errno: there is none.
 *
 * Context: the device's loop, lock not held.
 */
void virtio_vsock_connected(struct virtio_vsock *v, uint32_t ticket, int fd);

/** virtio_vsock_unanswered() - no more answers will come: what waits for one is refused. Context: as above. */
void virtio_vsock_unanswered(struct virtio_vsock *v);

/** virtio_vsock_destroy() - takes NULL and a zeroed struct; closes every connection */
void virtio_vsock_destroy(struct virtio_vsock *v);

#endif
