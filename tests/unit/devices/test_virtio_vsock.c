// SPDX-License-Identifier: Apache-2.0
/*
 * The socket device's connections: how they come about, what refuses or breaks them, and how they end.
 */
#include <errno.h>

#include "tests/unit/devices/vsock_bench.h"
#include "vmm/base/clock.h"

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
	assert_int_equal(p.alloc, VIRTIO_VSOCK_BUFFER);
	assert_int_equal(p.flags, 0);
	assert_int_equal(p.src_port, 80);
	assert_int_equal(p.dst_port, 1000);
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
	/* And one without a listener. */
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

/* Requests a connection whose answer is pending. Return: the other end of the socket that the answer will bring. */
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

/* The guest does not wait for the answer: it sends forbidden packets or gives up. The socket is closed. */
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

/* The driver resets the device meanwhile: the answer is dropped. */
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
	/* All connections are in use: a further one does not reach the host's program. */
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

/* The guest can use its ports again, while the host still reads the data sent before. */
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

#define EVENT 2

/* Offers @size bytes for events. Return: their address. */
static uint64_t give_event(struct bench *b, uint32_t size)
{
	struct vqd_buf buf = {vqd_alloc(&b->d, 8, 8), size, true};

	memset(vqd_ptr(&b->d, buf.gpa), 0xee, 8);
	vqd_offer(&b->d, EVENT, vqd_add(&b->d, EVENT, &buf, 1, false));
	return buf.gpa;
}

/* 5.10.6.7: after a restore the driver hears once, by an interrupt, that its connections are gone. */
static void a_restored_driver_hears_of_the_reset(void **state)
{
	static const uint8_t reset[8] = {0, 0, 0, 0, 0xee, 0xee, 0xee, 0xee};
	const struct packet p = {.src_port = 1000, .dst_port = 5, .op = VIRTIO_VSOCK_OP_REQUEST};
	struct bench b;
	uint16_t head;
	uint32_t used;
	uint64_t at;

	for (int late = 0; late < 2; late++) {
		up(&b, 8);
		at = late ? 0 : give_event(&b, 8);
		vqd_kick(&b.d, EVENT);
		vqd_run(&b.d);
		assert_false(vqd_used(&b.d, EVENT, &head, &used));
		vqd_interrupted(&b.d);
		b.vsock.dev.ops->restored(&b.vsock.dev);
		vqd_kick(&b.d, EVENT);
		vqd_run(&b.d);
		if (late) {
			assert_false(vqd_used(&b.d, EVENT, &head, &used));
			assert_false(vqd_interrupted(&b.d));
			/* Too short for an event: it is used up, and the next one is waited for. */
			give_event(&b, 2);
			vqd_kick(&b.d, EVENT);
			vqd_run(&b.d);
			assert_true(vqd_used(&b.d, EVENT, &head, &used));
			assert_int_equal(used, 2);
			assert_true(vqd_interrupted(&b.d));
			at = give_event(&b, 8);
			vqd_kick(&b.d, EVENT);
			vqd_run(&b.d);
		} else {
			assert_true(vqd_interrupted(&b.d));
		}
		assert_true(vqd_used(&b.d, EVENT, &head, &used));
		assert_int_equal(used, 4);
		assert_memory_equal(vqd_ptr(&b.d, at), reset, 8);
		/* Once. */
		give_event(&b, 8);
		vqd_kick(&b.d, EVENT);
		vqd_run(&b.d);
		assert_false(vqd_used(&b.d, EVENT, &head, &used));
		/* And it goes on. */
		post(&b, &p, CID, 2, NULL, 0);
		assert_int_equal(b.asked, 5);
		down(&b);
	}
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
		cmocka_unit_test(broken_connections),
		cmocka_unit_test(many_connections),
		cmocka_unit_test(closed_but_not_forgotten),
		cmocka_unit_test(the_ports_of_an_orphan),
		cmocka_unit_test(an_answer_before_the_question),
		cmocka_unit_test(patience_ends),
		cmocka_unit_test(ports_of_the_host),
		cmocka_unit_test(patience_is_ten_seconds),
		cmocka_unit_test(a_restored_driver_hears_of_the_reset),
		cmocka_unit_test(bad_packets),
	};

	return run_group(tests);
}
