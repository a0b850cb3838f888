/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The socket device between a driver, written as the specification says (virtio 1.2, 5.10.6), and socket pairs: for the
 * tests of connections (test_virtio_vsock.c) and of what goes through them (test_virtio_vsock_data.c).
 */
#ifndef TESTS_UNIT_DEVICES_VSOCK_BENCH_H
#define TESTS_UNIT_DEVICES_VSOCK_BENCH_H

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "devices/virtio/vsock.h"
#include "tests/support/unit.h"
#include "tests/support/vq_driver.h"
#include "tests/support/vsock_answers.h"
#include "vmm/base/le.h"

#define RX     0
#define TX     1
#define CID    42
#define RXBUF  4096
#define RXBUFS 32
#define ALLOC  65536

struct bench {
	struct vq_driver d;
	struct vsock_host host;
	struct vsock_answers answers;
	struct virtio_vsock vsock;
	int peer;        /* the host's program */
	int error;       /* there is no connection: this is the answer */
	int refused;     /* connect() fails with this */
	uint32_t asked;  /* the port that was connected to */
	uint32_t opened; /* what answered() was told */
	bool keep;       /* packets stay in the queue for a while */
	uint64_t rx[RXBUFS];
	uint16_t rx_head[RXBUFS];
};

/* A packet as the guest sees it. */
struct packet {
	uint64_t src_cid;
	uint32_t src_port, dst_port, len, flags, alloc, fwd;
	uint16_t type, op;
	uint8_t data[RXBUF];
};

static inline int pair(struct bench *b)
{
	int fd[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fd), 0);
	b->peer = fd[0];
	return fd[1];
}

static inline int host_connect(struct vsock_host *h, uint32_t ticket, uint32_t port)
{
	struct bench *b = container_of(h, struct bench, host);

	b->asked = port;
	if (b->refused)
		return -b->refused;
	return vsock_answers_add(&b->answers, ticket, b->error ? -b->error : pair(b));
}

static inline void host_answered(struct vsock_host *h, int fd, uint32_t port)
{
	container_of(h, struct bench, host)->opened = port;
}

static inline void give_rx(struct bench *b, unsigned i)
{
	struct vqd_buf buf = {b->rx[i], RXBUF, true};

	b->rx_head[i] = vqd_add(&b->d, RX, &buf, 1, false);
	vqd_offer(&b->d, RX, b->rx_head[i]);
}

static inline void up(struct bench *b, unsigned rx_buffers)
{
	memset(b, 0, sizeof(*b));
	b->peer = -1;
	b->host = (struct vsock_host){.connect = host_connect, .answered = host_answered};
	vqd_init(&b->d, 4 * MIB);
	assert_int_equal(virtio_vsock_init(&b->vsock, CID, &b->host, &b->d.mem, b->d.loop, b->d.trace), 0);
	vsock_answers_init(&b->answers, &b->vsock, b->d.loop);
	vqd_attach(&b->d, &b->vsock.dev);
	assert_true(vqd_start(&b->d, VIRTIO_F_EVENT_IDX));
	for (unsigned i = 0; i < RXBUFS; i++)
		b->rx[i] = vqd_alloc(&b->d, RXBUF, 16);
	for (unsigned i = 0; i < rx_buffers; i++)
		give_rx(b, i);
	vqd_kick(&b->d, RX);
	vqd_run(&b->d);
}

static inline void down(struct bench *b)
{
	if (b->peer >= 0)
		close(b->peer);
	vqd_detach(&b->d);
	vsock_answers_destroy(&b->answers);
	virtio_vsock_destroy(&b->vsock);
	vqd_destroy(&b->d);
}

static inline void put_header(uint8_t *raw, const struct packet *p, uint64_t src, uint64_t dst)
{
	le64_put(raw, src);
	le64_put(raw + 8, dst);
	le32_put(raw + 16, p->src_port);
	le32_put(raw + 20, p->dst_port);
	le32_put(raw + 24, p->len);
	le16_put(raw + 28, p->type ? p->type : VIRTIO_VSOCK_TYPE_STREAM);
	le16_put(raw + 30, p->op);
	le32_put(raw + 32, p->flags);
	le32_put(raw + 36, p->alloc ? p->alloc : ALLOC);
	le32_put(raw + 40, p->fwd);
}

static inline void post(
	struct bench *b, const struct packet *p, uint64_t src, uint64_t dst, const void *data, uint32_t len)
{
	struct vqd_buf buf[2] = {
		{vqd_alloc(&b->d, VIRTIO_VSOCK_HDR_SIZE, 8), VIRTIO_VSOCK_HDR_SIZE, false},
		{len ? vqd_alloc(&b->d, len, 1) : 0, len, false},
	};
	uint8_t *raw = vqd_ptr(&b->d, buf[0].gpa);
	uint16_t head;
	uint32_t used;

	put_header(raw, p, src, dst);
	if (len)
		memcpy(vqd_ptr(&b->d, buf[1].gpa), data, len);
	vqd_offer(&b->d, TX, vqd_add(&b->d, TX, buf, len ? 2 : 1, false));
	vqd_kick(&b->d, TX);
	vqd_run(&b->d);
	while (vqd_used(&b->d, TX, &head, &used))
		;
	if (!b->keep)
		b->d.next = b->rx[RXBUFS - 1] + RXBUF; /* what was sent is not needed any more */
}

/* From guest port 1000 to host port 80. */
static inline void say(struct bench *b, uint16_t op, uint32_t flags)
{
	const struct packet p = {.src_port = 1000, .dst_port = 80, .op = op, .flags = flags};

	post(b, &p, CID, VIRTIO_VSOCK_HOST_CID, NULL, 0);
}

static inline void say_data(struct bench *b, const void *data, uint32_t len)
{
	const struct packet p = {.src_port = 1000, .dst_port = 80, .op = VIRTIO_VSOCK_OP_RW, .len = len};

	post(b, &p, CID, VIRTIO_VSOCK_HOST_CID, data, len);
}

/* The next packet; the buffer goes back. False: none. */
static inline bool hear(struct bench *b, struct packet *p)
{
	uint16_t head;
	uint32_t len;

	memset(p, 0, sizeof(*p));
	vqd_run(&b->d);
	if (!vqd_used(&b->d, RX, &head, &len))
		return false;
	for (unsigned i = 0; i < RXBUFS; i++) {
		const uint8_t *raw = vqd_ptr(&b->d, b->rx[i]);

		if (b->rx_head[i] != head)
			continue;
		p->src_cid = le64_get(raw);
		assert_int_equal(le64_get(raw + 8), CID);
		p->src_port = le32_get(raw + 16);
		p->dst_port = le32_get(raw + 20);
		p->len = le32_get(raw + 24);
		p->type = le16_get(raw + 28);
		p->op = le16_get(raw + 30);
		p->flags = le32_get(raw + 32);
		p->alloc = le32_get(raw + 36);
		p->fwd = le32_get(raw + 40);
		assert_int_equal(p->type, VIRTIO_VSOCK_TYPE_STREAM);
		assert_int_equal(len, VIRTIO_VSOCK_HDR_SIZE + p->len);
		memcpy(p->data, raw + VIRTIO_VSOCK_HDR_SIZE, p->len);
		give_rx(b, i);
		vqd_kick(&b->d, RX);
		return true;
	}
	fail();
	return false;
}

static inline void expect(struct bench *b, uint16_t op)
{
	struct packet p;

	assert_true(hear(b, &p));
	assert_int_equal(p.op, op);
}

static inline void connected(struct bench *b)
{
	say(b, VIRTIO_VSOCK_OP_REQUEST, 0);
	assert_int_equal(b->asked, 80);
	expect(b, VIRTIO_VSOCK_OP_RESPONSE);
}

#endif
