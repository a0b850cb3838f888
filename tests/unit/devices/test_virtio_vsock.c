// SPDX-License-Identifier: Apache-2.0
/*
 * The socket device between a driver, written as the specification says (virtio 1.2, 5.10.6), and socket pairs.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "devices/virtio/vsock.h"
#include "tests/support/unit.h"
#include "tests/support/vq_driver.h"
#include "tests/support/vsock_answers.h"
#include "vmm/base/clock.h"
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

static int pair(struct bench *b)
{
	int fd[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fd), 0);
	b->peer = fd[0];
	return fd[1];
}

static int host_connect(struct vsock_host *h, uint32_t ticket, uint32_t port)
{
	struct bench *b = container_of(h, struct bench, host);

	b->asked = port;
	if (b->refused)
		return -b->refused;
	return vsock_answers_add(&b->answers, ticket, b->error ? -b->error : pair(b));
}

static void host_answered(struct vsock_host *h, int fd, uint32_t port)
{
	container_of(h, struct bench, host)->opened = port;
}

static void give_rx(struct bench *b, unsigned i)
{
	struct vqd_buf buf = {b->rx[i], RXBUF, true};

	b->rx_head[i] = vqd_add(&b->d, RX, &buf, 1, false);
	vqd_offer(&b->d, RX, b->rx_head[i]);
}

static void up(struct bench *b, unsigned rx_buffers)
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

static void down(struct bench *b)
{
	if (b->peer >= 0)
		close(b->peer);
	vqd_detach(&b->d);
	vsock_answers_destroy(&b->answers);
	virtio_vsock_destroy(&b->vsock);
	vqd_destroy(&b->d);
}

static void put_header(uint8_t *raw, const struct packet *p, uint64_t src, uint64_t dst)
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

static void post(struct bench *b, const struct packet *p, uint64_t src, uint64_t dst, const void *data, uint32_t len)
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
static void say(struct bench *b, uint16_t op, uint32_t flags)
{
	const struct packet p = {.src_port = 1000, .dst_port = 80, .op = op, .flags = flags};

	post(b, &p, CID, VIRTIO_VSOCK_HOST_CID, NULL, 0);
}

static void say_data(struct bench *b, const void *data, uint32_t len)
{
	const struct packet p = {.src_port = 1000, .dst_port = 80, .op = VIRTIO_VSOCK_OP_RW, .len = len};

	post(b, &p, CID, VIRTIO_VSOCK_HOST_CID, data, len);
}

/* The next packet; the buffer goes back. False: none. */
static bool hear(struct bench *b, struct packet *p)
{
	uint16_t head;
	uint32_t len;

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

static void expect(struct bench *b, uint16_t op)
{
	struct packet p;

	assert_true(hear(b, &p));
	assert_int_equal(p.op, op);
}

/* The linker puts these in front of the C library's: --wrap. The host is interrupted, or short of memory. */
static int host_errno; /* what every second call fails with; 0: none does */
static unsigned host_calls;
static size_t host_takes = SIZE_MAX; /* by one call to send */
ssize_t __real_readv(int fd, const struct iovec *iov, int nr);
ssize_t __wrap_readv(int fd, const struct iovec *iov, int nr);
ssize_t __real_send(int fd, const void *data, size_t n, int flags);
ssize_t __wrap_send(int fd, const void *data, size_t n, int flags);

static bool host_fails(void)
{
	errno = host_errno;
	return host_errno && host_calls++ % 2 == 0;
}

ssize_t __wrap_readv(int fd, const struct iovec *iov, int nr)
{
	return host_fails() ? -1 : __real_readv(fd, iov, nr);
}

ssize_t __wrap_send(int fd, const void *data, size_t n, int flags)
{
	return host_fails() ? -1 : __real_send(fd, data, MIN(n, host_takes), flags);
}

/* What is there, up to @size. */
static size_t read_all(int fd, uint8_t *to, size_t size)
{
	size_t got = 0;
	ssize_t n;

	while (got < size && (n = read(fd, to + got, size - got)) > 0)
		got += (size_t)n;
	return got;
}

static void connected(struct bench *b)
{
	say(b, VIRTIO_VSOCK_OP_REQUEST, 0);
	assert_int_equal(b->asked, 80);
	expect(b, VIRTIO_VSOCK_OP_RESPONSE);
}

static void the_guest_connects(void **state)
{
	const struct vqd_queue *ring;
	struct bench b;
	struct packet p;
	char buf[16];

	up(&b, RXBUFS);
	assert_int_equal(vqd_get(&b.d, VQD_DEVICE_ID), 19);
	assert_int_equal(vqd_in(&b.d, VQD_CONFIG, 8), CID);
	connected(&b);
	say_data(&b, "ping", 4);
	assert_int_equal(read(b.peer, buf, sizeof(buf)), 4);
	assert_memory_equal(buf, "ping", 4);
	vqd_set(&b.d, VQD_INTERRUPT_ACK, 3);
	ring = &b.d.queue[RX];
	le16_put((uint8_t *)vqd_ptr(&b.d, ring->avail) + 4 + 2 * (size_t)ring->size, ring->last_used); /* used_event */
	assert_int_equal(write(b.peer, "pong!", 5), 5);
	assert_true(hear(&b, &p));
	assert_true(vqd_get(&b.d, VQD_INTERRUPT_STATUS) & 1);
	assert_int_equal(p.op, VIRTIO_VSOCK_OP_RW);
	assert_int_equal(p.src_cid, VIRTIO_VSOCK_HOST_CID);
	assert_int_equal(p.len, 5);
	assert_int_equal(p.fwd, 4);
	assert_memory_equal(p.data, "pong!", 5);
	assert_int_equal(virtio_payload(&b.vsock.dev).from_guest, 4);
	assert_int_equal(virtio_payload(&b.vsock.dev).to_guest, 5);
	/* An orderly end: the host sees the end, the guest its RST. */
	say(&b, VIRTIO_VSOCK_OP_SHUTDOWN, 3);
	expect(&b, VIRTIO_VSOCK_OP_RST);
	assert_int_equal(read(b.peer, buf, sizeof(buf)), 0);
	down(&b);
}

static void half_closed_still_works(void **state)
{
	struct bench b;
	struct packet p;
	char buf[16];

	up(&b, RXBUFS);
	/* The guest first. */
	connected(&b);
	say(&b, VIRTIO_VSOCK_OP_SHUTDOWN, VIRTIO_VSOCK_SHUTDOWN_SEND);
	assert_int_equal(read(b.peer, buf, sizeof(buf)), 0);
	assert_int_equal(write(b.peer, "late", 4), 4);
	close(b.peer);
	assert_true(hear(&b, &p));
	assert_int_equal(p.len, 4);
	assert_true(hear(&b, &p));
	assert_int_equal(p.op, VIRTIO_VSOCK_OP_SHUTDOWN);
	assert_int_equal(p.flags, 3);
	say(&b, VIRTIO_VSOCK_OP_RST, 0);
	assert_false(hear(&b, &p));
	assert_int_equal(b.vsock.conn[0].state, VSOCK_FREE);
	/* The host first. */
	connected(&b);
	shutdown(b.peer, SHUT_WR);
	assert_true(hear(&b, &p));
	assert_int_equal(p.op, VIRTIO_VSOCK_OP_SHUTDOWN);
	assert_int_equal(p.flags, VIRTIO_VSOCK_SHUTDOWN_SEND);
	say_data(&b, "later", 5);
	assert_int_equal(read(b.peer, buf, sizeof(buf)), 5);
	say(&b, VIRTIO_VSOCK_OP_SHUTDOWN, 3);
	expect(&b, VIRTIO_VSOCK_OP_RST);
	assert_int_equal(read(b.peer, buf, sizeof(buf)), 0);
	down(&b);
}

static void the_host_connects(void **state)
{
	struct bench b;
	struct packet p;

	up(&b, RXBUFS);
	assert_int_equal(virtio_vsock_dial(&b.vsock, pair(&b), 5000), 0);
	assert_true(hear(&b, &p));
	assert_int_equal(p.op, VIRTIO_VSOCK_OP_REQUEST);
	assert_int_equal(p.dst_port, 5000);
	assert_in_range(p.src_port, VIRTIO_VSOCK_PORT_FIRST, UINT32_MAX);
	post(&b, &(struct packet){.src_port = 5000, .dst_port = p.src_port, .op = VIRTIO_VSOCK_OP_RESPONSE}, CID, 2,
		NULL, 0);
	assert_int_equal(b.opened, p.src_port);
	assert_int_equal(write(b.peer, "hi", 2), 2);
	expect(&b, VIRTIO_VSOCK_OP_RW);
	close(b.peer);
	expect(&b, VIRTIO_VSOCK_OP_SHUTDOWN);
	/* And one that nobody listens for. */
	assert_int_equal(virtio_vsock_dial(&b.vsock, pair(&b), 5001), 0);
	assert_true(hear(&b, &p));
	assert_int_equal(p.op, VIRTIO_VSOCK_OP_REQUEST);
	b.opened = 0;
	post(&b, &(struct packet){.src_port = 5001, .dst_port = p.src_port, .op = VIRTIO_VSOCK_OP_RST}, CID, 2, NULL,
		0);
	assert_int_equal(b.opened, 0);
	assert_int_equal(read(b.peer, &p, 1), 0);
	/* Without a driver it is refused at once. */
	vqd_set(&b.d, VQD_STATUS, 0);
	close(b.peer);
	assert_int_equal(virtio_vsock_dial(&b.vsock, pair(&b), 5000), -ENOTCONN);
	assert_int_equal(read(b.peer, &p, 1), 0);
	down(&b);
}

static void refusals(void **state)
{
	static const struct {
		struct packet p;
		uint64_t src, dst;
		bool rst;
	} cases[] = {
		{{.op = VIRTIO_VSOCK_OP_RW}, CID, 2, true},                 /* no such connection */
		{{.op = VIRTIO_VSOCK_OP_RST}, CID, 2, false},               /* RST is not answered by RST */
		{{.op = VIRTIO_VSOCK_OP_REQUEST}, CID, 3, true},            /* nobody has this CID */
		{{.op = VIRTIO_VSOCK_OP_REQUEST}, 7, 2, false},             /* not the guest's own */
		{{.op = VIRTIO_VSOCK_OP_REQUEST, .type = 2}, CID, 2, true}, /* SEQPACKET */
		{{.op = 999}, CID, 2, true},
	};
	struct bench b;
	struct packet p;

	up(&b, RXBUFS);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		post(&b, &cases[i].p, cases[i].src, cases[i].dst, NULL, 0);
		assert_int_equal(hear(&b, &p), cases[i].rst);
		if (cases[i].rst) {
			assert_int_equal(p.op, VIRTIO_VSOCK_OP_RST);
			assert_int_equal(p.src_cid, cases[i].dst);
		}
	}
	assert_int_equal(b.asked, 0);
	b.error = ECONNREFUSED;
	say(&b, VIRTIO_VSOCK_OP_REQUEST, 0);
	expect(&b, VIRTIO_VSOCK_OP_RST);
	down(&b);
}

/* --- The host end takes its time ---------------------------------------------------------------------------------- */

/* A connection that was asked for, whose answer waits. Return: what the answer will bring, seen from the other side. */
static int asked(struct bench *b)
{
	b->answers.hold = true;
	say(b, VIRTIO_VSOCK_OP_REQUEST, 0);
	assert_int_equal(b->asked, 80);
	assert_int_equal(b->answers.nr, 1);
	return b->peer;
}

static void answers_come(struct bench *b)
{
	b->answers.hold = false;
	wake_send(b->answers.source.fd);
	vqd_run(&b->d);
}

static void the_answer_comes_later(void **state)
{
	struct bench b;
	struct packet p;

	up(&b, RXBUFS);
	asked(&b);
	assert_false(hear(&b, &p));
	/* What the guest says of its room counts. */
	p = (struct packet){.src_port = 1000, .dst_port = 80, .op = VIRTIO_VSOCK_OP_CREDIT_UPDATE, .alloc = 3};
	post(&b, &p, CID, 2, NULL, 0);
	assert_false(hear(&b, &p));
	answers_come(&b);
	expect(&b, VIRTIO_VSOCK_OP_RESPONSE);
	assert_int_equal(write(b.peer, "hello", 5), 5);
	assert_true(hear(&b, &p));
	assert_int_equal(p.len, 3);
	down(&b);
}

/* The guest does not wait: what it may not say before it is answered, and what it gives up. The socket is closed. */
static void not_waited_for(void **state)
{
	static const uint16_t ops[] = {VIRTIO_VSOCK_OP_REQUEST, VIRTIO_VSOCK_OP_RESPONSE, VIRTIO_VSOCK_OP_RW,
		VIRTIO_VSOCK_OP_SHUTDOWN, 999, VIRTIO_VSOCK_OP_RST};
	struct bench b;
	struct packet p;

	up(&b, RXBUFS);
	for (size_t i = 0; i < ARRAY_SIZE(ops); i++) {
		int peer = asked(&b);

		say(&b, ops[i], 3);
		if (ops[i] != VIRTIO_VSOCK_OP_RST)
			expect(&b, VIRTIO_VSOCK_OP_RST);
		assert_false(hear(&b, &p));
		assert_int_equal(b.vsock.conn[0].state, VSOCK_FREE);
		answers_come(&b);
		assert_false(hear(&b, &p));
		assert_int_equal(read(peer, &p, 1), 0);
		close(peer);
		b.peer = -1;
	}
	down(&b);
}

/* The place has been given to another connection when the answer to the first comes. */
static void an_answer_that_is_late(void **state)
{
	struct bench b;
	struct packet p;
	int first;

	up(&b, RXBUFS);
	first = asked(&b);
	say(&b, VIRTIO_VSOCK_OP_RST, 0);
	say(&b, VIRTIO_VSOCK_OP_REQUEST, 0);
	assert_int_equal(b.answers.nr, 2);
	b.answers.nr = 1;
	virtio_vsock_connected(&b.vsock, b.answers.answer[0].ticket, b.answers.answer[0].fd);
	assert_false(hear(&b, &p));
	assert_int_equal(read(first, &p, 1), 0);
	close(first);
	b.answers.answer[0] = b.answers.answer[1];
	answers_come(&b);
	expect(&b, VIRTIO_VSOCK_OP_RESPONSE);
	assert_int_equal(write(b.peer, "x", 1), 1);
	expect(&b, VIRTIO_VSOCK_OP_RW);
	down(&b);
}

/* No answer for two seconds, a refusal, no host end any more: a RST each. */
static void no_answer(void **state)
{
	struct bench b;
	struct packet p;

	up(&b, RXBUFS);
	asked(&b);
	assert_true(b.vsock.deadlines_armed);
	assert_in_range(b.vsock.conn[0].deadline_ns - trace_now_ns(), NSEC_PER_SEC, 2 * NSEC_PER_SEC);
	b.vsock.deadlines.fired(&b.vsock.deadlines);
	assert_false(hear(&b, &p));
	b.vsock.conn[0].deadline_ns = trace_now_ns() - 1;
	b.vsock.deadlines.fired(&b.vsock.deadlines);
	expect(&b, VIRTIO_VSOCK_OP_RST);
	answers_come(&b);
	assert_int_equal(read(b.peer, &p, 1), 0);
	close(b.peer);

	asked(&b);
	virtio_vsock_unanswered(&b.vsock);
	expect(&b, VIRTIO_VSOCK_OP_RST);
	answers_come(&b);
	assert_int_equal(read(b.peer, &p, 1), 0);
	close(b.peer);
	b.peer = -1;

	b.error = ECONNREFUSED;
	say(&b, VIRTIO_VSOCK_OP_REQUEST, 0);
	expect(&b, VIRTIO_VSOCK_OP_RST);
	assert_int_equal(b.vsock.conn[0].state, VSOCK_FREE);
	b.refused = EAGAIN;
	say(&b, VIRTIO_VSOCK_OP_REQUEST, 0);
	expect(&b, VIRTIO_VSOCK_OP_RST);
	assert_int_equal(b.vsock.conn[0].state, VSOCK_FREE);
	down(&b);
}

/* The driver resets the device meanwhile: the answer is for nobody. */
static void a_reset_before_the_answer(void **state)
{
	struct bench b;
	struct packet p;

	up(&b, RXBUFS);
	asked(&b);
	vqd_set(&b.d, VQD_STATUS, 0);
	answers_come(&b);
	assert_int_equal(read(b.peer, &p, 1), 0);
	assert_int_equal(b.vsock.conn[0].state, VSOCK_FREE);
	down(&b);
}

/* One kick, as the loop passes it on: no socket of the host is looked at. */
static void kick_alone(struct bench *b, unsigned queue)
{
	pthread_mutex_lock(&b->vsock.dev.lock);
	b->vsock.dev.ops->kick(&b->vsock.dev, queue);
	pthread_mutex_unlock(&b->vsock.dev.lock);
}

/* Data waits for no turn of the loop where the socket takes it; nor is a socket that takes no more asked for ever. */
static void data_goes_at_once(void **state)
{
	const struct packet p = {.src_port = 1000, .dst_port = 80, .op = VIRTIO_VSOCK_OP_RW, .len = 4};
	struct packet heard;
	struct vqd_buf buf;
	struct bench b;
	uint8_t *raw;

	up(&b, RXBUFS);
	connected(&b);
	buf = (struct vqd_buf){vqd_alloc(&b.d, VIRTIO_VSOCK_HDR_SIZE + 4, 8), VIRTIO_VSOCK_HDR_SIZE + 4, false};
	raw = vqd_ptr(&b.d, buf.gpa);
	put_header(raw, &p, CID, VIRTIO_VSOCK_HOST_CID);
	memcpy(raw + VIRTIO_VSOCK_HDR_SIZE, "data", 4);
	vqd_offer(&b.d, TX, vqd_add(&b.d, TX, &buf, 1, false));
	kick_alone(&b, TX);
	assert_int_equal(read(b.peer, heard.data, sizeof(heard.data)), 4);
	assert_memory_equal(heard.data, "data", 4);
	assert_int_equal(b.vsock.conn[0].fwd, 4);
	/* The program reads no more, but may still write: the guest hears of it with the next data, which is gone. */
	assert_int_equal(shutdown(b.peer, SHUT_RD), 0);
	vqd_offer(&b.d, TX, vqd_add(&b.d, TX, &buf, 1, false));
	kick_alone(&b, TX);
	assert_true(hear(&b, &heard));
	assert_int_equal(heard.op, VIRTIO_VSOCK_OP_SHUTDOWN);
	assert_int_equal(heard.flags, VIRTIO_VSOCK_SHUTDOWN_RECEIVE);
	assert_int_equal(write(b.peer, "last", 4), 4);
	assert_true(hear(&b, &heard));
	assert_int_equal(heard.op, VIRTIO_VSOCK_OP_RW);
	assert_memory_equal(heard.data, "last", 4);
	down(&b);
}

/* With buffers enough the driver need not speak of new ones. */
static void buffers_are_not_asked_for(void **state)
{
	struct packet p;
	struct bench b;

	up(&b, 0);
	/* The driver has no event index (2.7.10), but a flag in front of the used ring. */
	assert_true(vqd_start(&b.d, 0));
	say(&b, VIRTIO_VSOCK_OP_REQUEST, 0); /* finds no buffer for its answer */
	assert_int_equal(le16_get(vqd_ptr(&b.d, b.d.queue[RX].used)), 0);
	for (unsigned i = 0; i < 8; i++)
		give_rx(&b, i);
	vqd_kick(&b.d, RX);
	expect(&b, VIRTIO_VSOCK_OP_RESPONSE);
	for (unsigned i = 0; i < 4; i++) {
		assert_int_equal(write(b.peer, "data", 4), 4);
		assert_true(hear(&b, &p));
		assert_int_equal(p.op, VIRTIO_VSOCK_OP_RW);
		assert_int_equal(le16_get(vqd_ptr(&b.d, b.d.queue[RX].used)), 1);
	}
	down(&b);
}

/* What breaks a connection breaks that connection only. */
static void broken_connections(void **state)
{
	static const uint16_t ops[] = {VIRTIO_VSOCK_OP_REQUEST, VIRTIO_VSOCK_OP_RESPONSE, 999, 0};
	struct bench b;
	char buf[4];

	up(&b, RXBUFS);
	for (size_t i = 0; i < ARRAY_SIZE(ops); i++) {
		connected(&b);
		say(&b, ops[i], 0);
		expect(&b, VIRTIO_VSOCK_OP_RST);
		assert_int_equal(read(b.peer, buf, sizeof(buf)), 0);
		close(b.peer);
	}
	/* Data after its own SHUTDOWN. */
	connected(&b);
	say(&b, VIRTIO_VSOCK_OP_SHUTDOWN, VIRTIO_VSOCK_SHUTDOWN_SEND);
	say_data(&b, "x", 1);
	expect(&b, VIRTIO_VSOCK_OP_RST);
	close(b.peer);
	/* The same when the other side has ended in between, and not only when the time for that is over. */
	connected(&b);
	say(&b, VIRTIO_VSOCK_OP_SHUTDOWN, VIRTIO_VSOCK_SHUTDOWN_SEND);
	close(b.peer);
	b.peer = -1;
	expect(&b, VIRTIO_VSOCK_OP_SHUTDOWN);
	say_data(&b, "x", 1);
	expect(&b, VIRTIO_VSOCK_OP_RST);
	assert_int_equal(b.vsock.conn[0].state, VSOCK_FREE);
	assert_int_equal(vqd_get(&b.d, VQD_STATUS), 15);
	down(&b);
}

/* A program that does not read: the guest may send what it was given credit for, and not a byte more. */
static void credit_for_the_guest(void **state)
{
	static uint8_t block[32768], back[32768];
	struct bench b;
	struct packet p;
	uint64_t sent = 0, got = 0;
	ssize_t n;

	up(&b, RXBUFS);
	connected(&b);
	for (size_t i = 0; i < sizeof(block); i++)
		block[i] = (uint8_t)(i * 31 + (i >> 8));
	/* The socket's own buffer, then ours. */
	while (b.vsock.conn[0].taken - b.vsock.conn[0].fwd <= VIRTIO_VSOCK_BUFFER - sizeof(block)) {
		say_data(&b, block, sizeof(block));
		sent += sizeof(block);
		while (hear(&b, &p))
			assert_int_equal(p.op, VIRTIO_VSOCK_OP_CREDIT_UPDATE);
	}
	/* All of it arrives, in order, and the guest is told of the room. */
	while (got < sent) {
		n = read(b.peer, back, sizeof(back) - got % sizeof(block));
		if (n < 0) {
			vqd_run(&b.d);
			continue;
		}
		assert_memory_equal(back, block + got % sizeof(block), n);
		got += (uint64_t)n;
		vqd_run(&b.d);
	}
	while (hear(&b, &p))
		assert_int_equal(p.op, VIRTIO_VSOCK_OP_CREDIT_UPDATE);
	assert_int_equal(b.vsock.conn[0].fwd, (uint32_t)sent);
	say(&b, VIRTIO_VSOCK_OP_CREDIT_REQUEST, 0);
	assert_true(hear(&b, &p));
	assert_int_equal(p.op, VIRTIO_VSOCK_OP_CREDIT_UPDATE);
	assert_int_equal(p.fwd, (uint32_t)sent);
	/* More than that: over. */
	do {
		say_data(&b, block, sizeof(block));
	} while (b.vsock.conn[0].state == VSOCK_OPEN);
	do {
		assert_true(hear(&b, &p));
	} while (p.op == VIRTIO_VSOCK_OP_CREDIT_UPDATE);
	assert_int_equal(p.op, VIRTIO_VSOCK_OP_RST);
	down(&b);
}

/* Signals and a host that is short of memory cost time, but no data and no connection. */
static void interrupted_calls(void **state)
{
	static const int codes[] = {EINTR, ENOBUFS, ENOMEM, EAGAIN};
	uint8_t buf[16];
	struct bench b;
	struct packet p;

	for (size_t i = 0; i < ARRAY_SIZE(codes); i++) {
		up(&b, RXBUFS);
		connected(&b);
		host_errno = codes[i];
		host_calls = 0;
		say_data(&b, "ping", 4);
		host_errno = codes[i] == EINTR || codes[i] == EAGAIN ? codes[i] : 0; /* reading knows no others */
		assert_int_equal(write(b.peer, "pong", 4), 4);
		for (unsigned k = 0; k < 4; k++)
			vqd_run(&b.d);
		assert_int_equal(read_all(b.peer, buf, 4), 4);
		assert_memory_equal(buf, "ping", 4);
		assert_true(hear(&b, &p));
		assert_int_equal(p.op, VIRTIO_VSOCK_OP_RW);
		assert_memory_equal(p.data, "pong", 4);
		assert_int_equal(b.vsock.conn[0].state, VSOCK_OPEN);
		assert_int_equal(b.vsock.conn[0].host_shut, 0);
		host_errno = 0;
		down(&b);
	}
}

/* A socket that takes a part of a packet: the rest follows, behind it. */
static void a_socket_takes_a_part(void **state)
{
	const struct packet p = {.src_port = 1000, .dst_port = 80, .op = VIRTIO_VSOCK_OP_RW, .len = 8};
	struct vqd_buf buf[4];
	uint8_t back[16];
	struct bench b;
	uint64_t at;

	up(&b, RXBUFS);
	connected(&b);
	at = vqd_alloc(&b.d, VIRTIO_VSOCK_HDR_SIZE + p.len, 8);
	put_header(vqd_ptr(&b.d, at), &p, CID, VIRTIO_VSOCK_HOST_CID);
	memcpy((uint8_t *)vqd_ptr(&b.d, at) + VIRTIO_VSOCK_HDR_SIZE, "abcdefgh", p.len);
	buf[0] = (struct vqd_buf){at, VIRTIO_VSOCK_HDR_SIZE, false};
	buf[1] = (struct vqd_buf){at + VIRTIO_VSOCK_HDR_SIZE, 2, false};
	buf[2] = (struct vqd_buf){at + VIRTIO_VSOCK_HDR_SIZE + 2, 4, false};
	buf[3] = (struct vqd_buf){at + VIRTIO_VSOCK_HDR_SIZE + 6, 2, false};
	host_takes = 3;
	vqd_offer(&b.d, TX, vqd_add(&b.d, TX, buf, 4, false));
	vqd_kick(&b.d, TX);
	for (unsigned i = 0; i < 4; i++)
		vqd_run(&b.d);
	host_takes = SIZE_MAX;
	assert_int_equal(read_all(b.peer, back, sizeof(back)), 8);
	assert_memory_equal(back, "abcdefgh", 8);
	down(&b);
}

/* What the guest will not receive any more is not sent to it. */
static void a_guest_that_receives_no_more(void **state)
{
	struct bench b;
	struct packet p;

	up(&b, RXBUFS);
	connected(&b);
	say(&b, VIRTIO_VSOCK_OP_SHUTDOWN, VIRTIO_VSOCK_SHUTDOWN_RECEIVE);
	assert_int_equal(write(b.peer, "late", 4), 4);
	assert_false(hear(&b, &p));
	say_data(&b, "still", 5);
	assert_int_equal(read(b.peer, p.data, sizeof(p.data)), 5);
	down(&b);
}

/* Room that comes while older data still waits is for that first. */
static void data_keeps_its_order(void **state)
{
	static uint32_t block[8192], back[8192];
	uint32_t next = 0, seen = 0;
	struct vqd_buf buf[2];
	struct bench b;
	struct packet p = {.src_port = 1000, .dst_port = 80, .op = VIRTIO_VSOCK_OP_RW};

	up(&b, RXBUFS);
	connected(&b);
	while (b.vsock.conn[0].taken == b.vsock.conn[0].fwd) {
		for (size_t i = 0; i < ARRAY_SIZE(block); i++)
			block[i] = next++;
		say_data(&b, block, sizeof(block));
	}
	while (seen < next / 2) {
		assert_int_equal(read_all(b.peer, (uint8_t *)back, sizeof(back)), sizeof(back));
		for (size_t i = 0; i < ARRAY_SIZE(back); i++)
			assert_int_equal(back[i], seen++);
	}
	/* A turn that begins with the guest's packet, before the loop has seen that there is room. */
	for (size_t i = 0; i < 1024; i++)
		block[i] = next++;
	p.len = 4096;
	buf[0] = (struct vqd_buf){vqd_alloc(&b.d, VIRTIO_VSOCK_HDR_SIZE, 8), VIRTIO_VSOCK_HDR_SIZE, false};
	buf[1] = (struct vqd_buf){vqd_alloc(&b.d, p.len, 8), p.len, false};
	put_header(vqd_ptr(&b.d, buf[0].gpa), &p, CID, VIRTIO_VSOCK_HOST_CID);
	memcpy(vqd_ptr(&b.d, buf[1].gpa), block, p.len);
	vqd_offer(&b.d, TX, vqd_add(&b.d, TX, buf, 2, false));
	pthread_mutex_lock(&b.vsock.dev.lock);
	b.vsock.dev.ops->kick(&b.vsock.dev, TX);
	pthread_mutex_unlock(&b.vsock.dev.lock);
	for (unsigned k = 0; k < 1000 && seen < next; k++) {
		size_t n = read_all(b.peer, (uint8_t *)back, sizeof(back)) / sizeof(back[0]);

		for (size_t i = 0; i < n; i++)
			assert_int_equal(back[i], seen++);
		vqd_run(&b.d);
	}
	assert_int_equal(seen, next);
	down(&b);
}

/* Half of what the guest may send at once has been forwarded: it hears of it before it has to stop. */
static void credit_comes_in_time(void **state)
{
	static uint8_t block[32768], back[32768];
	uint64_t sent = 0;
	struct bench b;
	struct packet p;

	up(&b, RXBUFS);
	connected(&b);
	while (sent < VIRTIO_VSOCK_BUFFER / 2) {
		assert_false(hear(&b, &p));
		say_data(&b, block, sizeof(block));
		assert_int_equal(read_all(b.peer, back, sizeof(back)), sizeof(back));
		vqd_run(&b.d);
		sent += sizeof(block);
	}
	assert_true(hear(&b, &p));
	assert_int_equal(p.op, VIRTIO_VSOCK_OP_CREDIT_UPDATE);
	assert_int_equal(p.fwd, sent);
	assert_false(hear(&b, &p));
	down(&b);
}

/* A guest that says it has no room gets nothing, and the loop does not spin on the socket. */
static void credit_of_the_guest(void **state)
{
	struct bench b;
	struct packet p = {.src_port = 1000, .dst_port = 80, .op = VIRTIO_VSOCK_OP_REQUEST, .alloc = 10};

	up(&b, RXBUFS);
	post(&b, &p, CID, 2, NULL, 0);
	expect(&b, VIRTIO_VSOCK_OP_RESPONSE);
	assert_int_equal(write(b.peer, "0123456789abcdef", 16), 16);
	assert_true(hear(&b, &p));
	assert_int_equal(p.len, 10);
	assert_false(hear(&b, &p));
	assert_false(b.vsock.conn[0].source.events & EPOLLIN);
	p = (struct packet){
		.src_port = 1000, .dst_port = 80, .op = VIRTIO_VSOCK_OP_CREDIT_UPDATE, .alloc = 10, .fwd = 4};
	post(&b, &p, CID, 2, NULL, 0);
	assert_true(hear(&b, &p));
	assert_int_equal(p.len, 4);
	/* One that claims to have forwarded what it never got. */
	p = (struct packet){
		.src_port = 1000, .dst_port = 80, .op = VIRTIO_VSOCK_OP_CREDIT_UPDATE, .alloc = 10, .fwd = 1000};
	post(&b, &p, CID, 2, NULL, 0);
	assert_false(hear(&b, &p));
	down(&b);
}

/* A socket that looked readable and was only at its end costs the guest no buffer: SHUTDOWN needs the only one. */
static void an_end_costs_no_buffer(void **state)
{
	struct bench b;

	up(&b, 1);
	connected(&b);
	close(b.peer);
	b.peer = -1;
	expect(&b, VIRTIO_VSOCK_OP_SHUTDOWN);
	/* Both directions have ended: the host's descriptor does not wait for the guest. */
	assert_int_equal(b.vsock.conn[0].source.fd, -1);
	say(&b, VIRTIO_VSOCK_OP_RST, 0);
	assert_int_equal(b.vsock.conn[0].state, VSOCK_FREE);
	down(&b);
}

/* 5.10.6.3: each packet says what was forwarded, so that one with data needs none behind it that says only that. */
static void data_tells_of_credit(void **state)
{
	struct bench b;
	struct packet p;

	up(&b, 0);
	say(&b, VIRTIO_VSOCK_OP_REQUEST, 0);
	give_rx(&b, 0);
	vqd_kick(&b.d, RX);
	vqd_run(&b.d);
	assert_int_equal(b.vsock.conn[0].state, VSOCK_OPEN);
	say_data(&b, "ping", 4);
	say(&b, VIRTIO_VSOCK_OP_CREDIT_REQUEST, 0);
	assert_int_equal(write(b.peer, "pong", 4), 4);
	vqd_run(&b.d);
	assert_true(hear(&b, &p));
	assert_int_equal(p.op, VIRTIO_VSOCK_OP_RESPONSE);
	assert_true(hear(&b, &p));
	assert_int_equal(p.op, VIRTIO_VSOCK_OP_RW);
	assert_int_equal(p.fwd, 4);
	assert_false(hear(&b, &p));
	down(&b);
}

/* A guest without buffers: what there is to say waits, and so do the guest's packets once that is enough. */
static void no_buffers(void **state)
{
	struct bench b;
	struct packet p = {.dst_port = 1, .op = VIRTIO_VSOCK_OP_RW};
	unsigned n = 0;

	up(&b, 0);
	b.keep = true;
	for (p.src_port = 0; p.src_port < 100; p.src_port++)
		post(&b, &p, CID, 2, NULL, 0);
	assert_int_equal(b.vsock.nr_rsts, VIRTIO_VSOCK_RSTS_MAX);
	for (unsigned i = 0; i < RXBUFS; i++)
		give_rx(&b, i);
	vqd_kick(&b.d, RX);
	while (hear(&b, &p)) {
		assert_int_equal(p.op, VIRTIO_VSOCK_OP_RST);
		assert_int_equal(p.dst_port, n++);
	}
	assert_int_equal(n, 100);
	down(&b);
}

static void many_connections(void **state)
{
	struct bench b;
	struct packet p = {.dst_port = 80, .op = VIRTIO_VSOCK_OP_REQUEST};
	int peer[VIRTIO_VSOCK_CONNS_MAX];

	up(&b, RXBUFS);
	for (unsigned i = 0; i < VIRTIO_VSOCK_CONNS_MAX; i++) {
		p = (struct packet){.src_port = i, .dst_port = 80, .op = VIRTIO_VSOCK_OP_REQUEST};
		post(&b, &p, CID, 2, NULL, 0);
		expect(&b, VIRTIO_VSOCK_OP_RESPONSE);
		peer[i] = b.peer;
	}
	/* All are taken: the host's program hears nothing of one more. */
	b.asked = 0;
	p = (struct packet){.src_port = 5555, .dst_port = 80, .op = VIRTIO_VSOCK_OP_REQUEST};
	post(&b, &p, CID, 2, NULL, 0);
	expect(&b, VIRTIO_VSOCK_OP_RST);
	assert_int_equal(b.asked, 0);
	b.peer = -1;
	/* Nor does the guest of a program that connects. */
	assert_int_equal(virtio_vsock_dial(&b.vsock, pair(&b), 5000), -EMFILE);
	assert_int_equal(read(b.peer, &p, 1), 0);
	assert_false(hear(&b, &p));
	close(b.peer);
	b.peer = -1;
	/* A reset closes them all. */
	vqd_set(&b.d, VQD_STATUS, 0);
	vqd_run(&b.d);
	for (unsigned i = 0; i < VIRTIO_VSOCK_CONNS_MAX; i++) {
		assert_int_equal(read(peer[i], &p, 1), 0);
		close(peer[i]);
		assert_int_equal(b.vsock.conn[i].state, VSOCK_FREE);
	}
	down(&b);
}

/* What the guest sent before it lost patience is still the host's. */
static void closed_but_not_forgotten(void **state)
{
	static uint8_t block[32768], back[65536];
	struct bench b;
	struct packet p;
	uint64_t sent = 0, got = 0;
	ssize_t n;

	up(&b, RXBUFS);
	connected(&b);
	while (b.vsock.conn[0].taken == b.vsock.conn[0].fwd) {
		say_data(&b, block, sizeof(block));
		sent += sizeof(block);
		while (hear(&b, &p))
			;
	}
	say(&b, VIRTIO_VSOCK_OP_SHUTDOWN, 3);
	assert_false(hear(&b, &p));
	say(&b, VIRTIO_VSOCK_OP_RST, 0);
	assert_int_equal(b.vsock.conn[0].state, VSOCK_ORPHAN);
	for (unsigned i = 0; i < 1000; i++) {
		n = read(b.peer, back, sizeof(back));
		if (n == 0)
			break;
		if (n > 0)
			got += (uint64_t)n;
		vqd_run(&b.d);
	}
	assert_int_equal(got, sent);
	assert_int_equal(b.vsock.conn[0].state, VSOCK_FREE);
	down(&b);
}

/* Its ports are the guest's to use again, while the host still reads what was sent before. */
static void the_ports_of_an_orphan(void **state)
{
	static uint8_t block[32768], back[65536];
	struct bench b;
	struct packet p;
	uint64_t sent = 0, got = 0;
	int old;

	up(&b, RXBUFS);
	connected(&b);
	while (b.vsock.conn[0].taken == b.vsock.conn[0].fwd) {
		say_data(&b, block, sizeof(block));
		sent += sizeof(block);
		while (hear(&b, &p))
			;
	}
	say(&b, VIRTIO_VSOCK_OP_SHUTDOWN, 3);
	say(&b, VIRTIO_VSOCK_OP_RST, 0);
	assert_int_equal(b.vsock.conn[0].state, VSOCK_ORPHAN);
	old = b.peer;
	connected(&b);
	assert_int_not_equal(b.peer, old);
	say_data(&b, "new", 3);
	assert_int_equal(read(b.peer, back, sizeof(back)), 3);
	assert_memory_equal(back, "new", 3);
	for (unsigned i = 0; i < 1000; i++) {
		ssize_t n = read(old, back, sizeof(back));

		if (n == 0)
			break;
		got += n > 0 ? (uint64_t)n : 0;
		vqd_run(&b.d);
	}
	assert_int_equal(got, sent);
	close(old);
	down(&b);
}

/* A RESPONSE to a REQUEST that the guest has not seen yet opens nothing. */
static void an_answer_before_the_question(void **state)
{
	struct bench b;
	struct packet p = {.src_port = 5000, .dst_port = VIRTIO_VSOCK_PORT_FIRST, .op = VIRTIO_VSOCK_OP_RESPONSE};
	char buf[4];

	up(&b, 0);
	assert_int_equal(virtio_vsock_dial(&b.vsock, pair(&b), 5000), 0);
	post(&b, &p, CID, 2, NULL, 0);
	assert_int_equal(b.opened, 0);
	assert_int_equal(read(b.peer, buf, sizeof(buf)), 0);
	give_rx(&b, 0);
	vqd_kick(&b.d, RX);
	assert_true(hear(&b, &p));
	assert_int_equal(p.op, VIRTIO_VSOCK_OP_RST);
	assert_int_equal(p.dst_port, 5000);
	down(&b);
}

static void patience_ends(void **state)
{
	struct bench b;
	struct packet p;

	up(&b, RXBUFS);
	assert_int_equal(virtio_vsock_dial(&b.vsock, pair(&b), 5000), 0);
	expect(&b, VIRTIO_VSOCK_OP_REQUEST);
	b.vsock.deadlines.fired(&b.vsock.deadlines);
	assert_false(hear(&b, &p));
	b.vsock.conn[0].deadline_ns = trace_now_ns() - 1;
	b.vsock.deadlines.fired(&b.vsock.deadlines);
	expect(&b, VIRTIO_VSOCK_OP_RST);
	assert_int_equal(read(b.peer, &p, 1), 0);
	/* Nobody is waited for any more, and the clock stops. */
	assert_true(b.vsock.deadlines_armed);
	b.vsock.deadlines.fired(&b.vsock.deadlines);
	assert_false(b.vsock.deadlines_armed);
	down(&b);
}

/* Ports of ours: from the first to the last and again, and none that the same port of the guest has already. */
static void ports_of_the_host(void **state)
{
	int peer[4];
	static const uint32_t before[] = {0, 0, UINT32_MAX - 1, UINT32_MAX};
	static const uint32_t want[] = {
		VIRTIO_VSOCK_PORT_FIRST, VIRTIO_VSOCK_PORT_FIRST + 1, UINT32_MAX, VIRTIO_VSOCK_PORT_FIRST + 2};
	struct bench b;
	struct packet p;

	up(&b, RXBUFS);
	for (size_t i = 0; i < ARRAY_SIZE(want); i++) {
		b.vsock.next_port = before[i];
		assert_int_equal(virtio_vsock_dial(&b.vsock, pair(&b), 5000), 0);
		assert_true(hear(&b, &p));
		assert_int_equal(p.src_port, want[i]);
		peer[i] = b.peer;
	}
	b.peer = -1;
	for (size_t i = 0; i < ARRAY_SIZE(want); i++)
		close(peer[i]);
	down(&b);
}

/* The guest answers neither a REQUEST nor a SHUTDOWN: ten seconds each. */
static void patience_is_ten_seconds(void **state)
{
	struct bench b;

	up(&b, RXBUFS);
	assert_int_equal(virtio_vsock_dial(&b.vsock, pair(&b), 5000), 0);
	expect(&b, VIRTIO_VSOCK_OP_REQUEST);
	assert_in_range(b.vsock.conn[0].deadline_ns - trace_now_ns(), 8 * NSEC_PER_SEC, 10 * NSEC_PER_SEC);
	down(&b);
	up(&b, RXBUFS);
	connected(&b);
	close(b.peer);
	b.peer = -1;
	expect(&b, VIRTIO_VSOCK_OP_SHUTDOWN);
	assert_true(b.vsock.deadlines_armed);
	assert_in_range(b.vsock.conn[0].deadline_ns - trace_now_ns(), 8 * NSEC_PER_SEC, 10 * NSEC_PER_SEC);
	down(&b);
}

static void two_with_much_to_say(struct bench *b, unsigned buffers, unsigned *from)
{
	static uint8_t block[65536];
	struct packet p;
	int peer[2];

	up(b, 0);
	for (unsigned i = 0; i < 2; i++) {
		p = (struct packet){.src_port = 1000 + i, .dst_port = 80, .op = VIRTIO_VSOCK_OP_REQUEST};
		post(b, &p, CID, 2, NULL, 0);
		peer[i] = b->peer;
		assert_true(write(peer[i], block, sizeof(block)) > 0);
	}
	vqd_run(&b->d);
	for (unsigned i = 0; i < buffers; i++)
		give_rx(b, i);
	vqd_kick(&b->d, RX);
	for (unsigned i = 0; i < 12; i++) {
		assert_true(hear(b, &p));
		from[p.dst_port - 1000]++;
	}
	close(peer[0]);
	down(b);
}

/* Two connections with much to say take turns. */
static void connections_take_turns(void **state)
{
	struct bench b;
	unsigned from[2] = {0};

	two_with_much_to_say(&b, 12, from);
	assert_in_range(from[0], 4, 8);
	assert_in_range(from[1], 4, 8);
}

/* Also where the driver gives one buffer at a time. */
static void connections_take_turns_one_buffer(void **state)
{
	struct bench b;
	unsigned from[2] = {0};

	two_with_much_to_say(&b, 1, from);
	assert_in_range(from[0], 4, 8);
	assert_in_range(from[1], 4, 8);
}

/* Refusals, of which a program in the guest can bring about any number, do not keep data waiting; nor the other way. */
static void refusals_take_turns_with_data(void **state)
{
	static uint8_t block[65536];
	struct bench b;
	struct packet p = {.dst_port = 81, .op = VIRTIO_VSOCK_OP_REQUEST};
	unsigned data = 0;

	up(&b, 0);
	say(&b, VIRTIO_VSOCK_OP_REQUEST, 0);
	assert_true(write(b.peer, block, sizeof(block)) > 0);
	b.refused = EAGAIN;
	for (p.src_port = 0; p.src_port < 40; p.src_port++)
		post(&b, &p, CID, 2, NULL, 0);
	assert_int_equal(b.vsock.nr_rsts, 40);
	give_rx(&b, 0);
	vqd_kick(&b.d, RX);
	for (unsigned i = 0; i < 20; i++) {
		assert_true(hear(&b, &p));
		data += p.op == VIRTIO_VSOCK_OP_RW;
	}
	assert_in_range(data, 8, 11);
	down(&b);
}

/* Packets in many pieces, of which each is a call of the host: a turn has a bound in pieces as well. */
static void a_turn_ends_after_many_pieces(void **state)
{
	struct vqd_buf buf[128];
	struct bench b;
	uint64_t tx;
	uint16_t head;
	uint32_t len;
	unsigned n = 0;

	up(&b, RXBUFS);
	connected(&b);
	assert_true(vqd_start(&b.d, VIRTIO_F_INDIRECT_DESC));
	vqd_run(&b.d);
	tx = vqd_alloc(&b.d, VIRTIO_VSOCK_HDR_SIZE + 128, 8);
	for (unsigned i = 0; i < 128; i++)
		buf[i] = (struct vqd_buf){tx + (i ? 43 + i : 0), i ? 1 : VIRTIO_VSOCK_HDR_SIZE, false};
	for (unsigned i = 0; i < 64; i++)
		vqd_offer(&b.d, TX, vqd_add(&b.d, TX, buf, 128, true));
	pthread_mutex_lock(&b.vsock.dev.lock);
	b.vsock.dev.ops->kick(&b.vsock.dev, TX);
	pthread_mutex_unlock(&b.vsock.dev.lock);
	while (vqd_used(&b.d, TX, &head, &len))
		n++;
	assert_in_range(n, 1, 16);
	for (unsigned i = 0; i < 64; i++)
		vqd_run(&b.d);
	while (vqd_used(&b.d, TX, &head, &len))
		n++;
	assert_int_equal(n, 64);
	down(&b);
}

static void bad_packets(void **state)
{
	struct bench b;
	struct packet p = {.src_port = 1000, .dst_port = 80, .op = VIRTIO_VSOCK_OP_RW, .len = 100};
	struct vqd_buf buf = {.len = 20};

	up(&b, RXBUFS);
	connected(&b);
	post(&b, &p, CID, 2, "short", 5);
	assert_true(vqd_get(&b.d, VQD_STATUS) & VQD_NEEDS_RESET);
	assert_int_equal(read(b.peer, &p, 1), 0);
	/* One byte less than it says. */
	assert_true(vqd_start(&b.d, 0));
	p = (struct packet){.src_port = 1000, .dst_port = 80, .op = VIRTIO_VSOCK_OP_RW, .len = 6};
	post(&b, &p, CID, 2, "short", 5);
	assert_true(vqd_get(&b.d, VQD_STATUS) & VQD_NEEDS_RESET);
	assert_true(vqd_start(&b.d, 0));
	buf.gpa = vqd_alloc(&b.d, buf.len, 1);
	vqd_offer(&b.d, TX, vqd_add(&b.d, TX, &buf, 1, false));
	vqd_kick(&b.d, TX);
	vqd_run(&b.d);
	assert_true(vqd_get(&b.d, VQD_STATUS) & VQD_NEEDS_RESET);
	/* A buffer that holds a header and nothing else. */
	assert_true(vqd_start(&b.d, 0));
	buf = (struct vqd_buf){vqd_alloc(&b.d, VIRTIO_VSOCK_HDR_SIZE, 1), VIRTIO_VSOCK_HDR_SIZE, true};
	vqd_offer(&b.d, RX, vqd_add(&b.d, RX, &buf, 1, false));
	say(&b, VIRTIO_VSOCK_OP_RW, 0);
	assert_true(vqd_get(&b.d, VQD_STATUS) & VQD_NEEDS_RESET);
	down(&b);
	virtio_vsock_destroy(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_guest_connects),
		cmocka_unit_test(half_closed_still_works),
		cmocka_unit_test(the_host_connects),
		cmocka_unit_test(refusals),
		cmocka_unit_test(the_answer_comes_later),
		cmocka_unit_test(not_waited_for),
		cmocka_unit_test(an_answer_that_is_late),
		cmocka_unit_test(no_answer),
		cmocka_unit_test(a_reset_before_the_answer),
		cmocka_unit_test(data_goes_at_once),
		cmocka_unit_test(buffers_are_not_asked_for),
		cmocka_unit_test(broken_connections),
		cmocka_unit_test(credit_for_the_guest),
		cmocka_unit_test(interrupted_calls),
		cmocka_unit_test(a_socket_takes_a_part),
		cmocka_unit_test(a_guest_that_receives_no_more),
		cmocka_unit_test(data_keeps_its_order),
		cmocka_unit_test(credit_comes_in_time),
		cmocka_unit_test(credit_of_the_guest),
		cmocka_unit_test(an_end_costs_no_buffer),
		cmocka_unit_test(data_tells_of_credit),
		cmocka_unit_test(no_buffers),
		cmocka_unit_test(many_connections),
		cmocka_unit_test(closed_but_not_forgotten),
		cmocka_unit_test(the_ports_of_an_orphan),
		cmocka_unit_test(an_answer_before_the_question),
		cmocka_unit_test(patience_ends),
		cmocka_unit_test(ports_of_the_host),
		cmocka_unit_test(patience_is_ten_seconds),
		cmocka_unit_test(connections_take_turns),
		cmocka_unit_test(connections_take_turns_one_buffer),
		cmocka_unit_test(refusals_take_turns_with_data),
		cmocka_unit_test(a_turn_ends_after_many_pieces),
		cmocka_unit_test(bad_packets),
	};

	return run_group(tests);
}
