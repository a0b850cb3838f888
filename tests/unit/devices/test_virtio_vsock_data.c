// SPDX-License-Identifier: Apache-2.0
/*
 * The socket device's data: its order, credit (virtio 1.2, 5.10.6.3), and turns between connections.
 */
#include <errno.h>
#include <sys/epoll.h>

#include "tests/unit/devices/vsock_bench.h"

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
	/* The program reads no more, but may still write: the guest is notified at its next data, which is lost. */
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

/* A program that does not read: the guest may send as much as its credit, and not a byte more. */
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
	/* All of it arrives, in order, and the guest gets new credit. */
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

/* When half of the guest's credit has been forwarded, it gets an update before it has to stop. */
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
	/* A peer that claims to have forwarded more than it has received. */
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

/* 5.10.6.3: each packet has the forwarded count, so no separate credit update is needed after one with data. */
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

/* A guest without buffers: packets for it wait, and once there are many, so do the guest's own packets. */
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(data_goes_at_once),
		cmocka_unit_test(buffers_are_not_asked_for),
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
		cmocka_unit_test(connections_take_turns),
		cmocka_unit_test(connections_take_turns_one_buffer),
		cmocka_unit_test(refusals_take_turns_with_data),
		cmocka_unit_test(a_turn_ends_after_many_pieces),
	};

	return run_group(tests);
}
