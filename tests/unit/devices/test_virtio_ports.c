// SPDX-License-Identifier: Apache-2.0
/*
 * The ports between a driver and host ends that take as much as a test likes.
 */
#include <string.h>

#include "devices/virtio/ports.h"
#include "tests/support/unit.h"
#include "tests/support/vq_driver.h"

#define NR 3

/* 5.3.2 and 5.3.6.2, written independently of the device */
#define CONTROL_RX 2
#define CONTROL_TX 3
enum { READY, ADD, REMOVE, PORT_READY, CONSOLE, RESIZE, OPEN, NAME };
static const unsigned rx_of[NR] = {0, 4, 6}, tx_of[NR] = {1, 5, 7};

struct message {
	uint32_t id;
	uint16_t event, value;
	char name[24];
};

struct end {
	struct char_host host;
	uint8_t out[4096];
	size_t nr_out, room;
	unsigned rx_rooms;
};

struct bench {
	struct vq_driver d;
	struct virtio_ports ports;
	struct end end[NR];
	uint64_t control[128]; /* buffers for messages, by descriptor */
};

static size_t host_tx(struct char_host *h, const uint8_t *data, size_t n)
{
	struct end *e = container_of(h, struct end, host);

	n = MIN(n, e->room);
	memcpy(e->out + e->nr_out, data, n);
	e->nr_out += n;
	e->room -= n;
	return n;
}

static void host_rx_room(struct char_host *h)
{
	container_of(h, struct end, host)->rx_rooms++;
}

static void up(struct bench *b)
{
	static const char *const names[NR] = {"one", "another", "the last of them"};
	struct virtio_port_params p[NR];

	memset(b, 0, sizeof(*b));
	for (unsigned i = 0; i < NR; i++) {
		b->end[i] = (struct end){
			.host = {.tx = host_tx, .rx_room = host_rx_room}, .room = sizeof(b->end[i].out)};
		p[i] = (struct virtio_port_params){names[i], &b->end[i].host};
	}
	vqd_init(&b->d, 4 * MIB);
	assert_int_equal(virtio_ports_init(&b->ports, p, NR, &b->d.mem, b->d.loop, b->d.trace), 0);
	vqd_attach(&b->d, &b->ports.dev);
	assert_true(vqd_start(&b->d, UINT64_C(1) << 1));
}

static void down(struct bench *b)
{
	vqd_detach(&b->d);
	virtio_ports_destroy(&b->ports);
	vqd_destroy(&b->d);
}

static uint64_t offer(struct bench *b, unsigned q, const void *data, uint32_t len, bool write)
{
	struct vqd_buf buf = {vqd_alloc(&b->d, len, 1), len, write};
	uint16_t head;

	if (data)
		memcpy(vqd_ptr(&b->d, buf.gpa), data, len);
	head = vqd_add(&b->d, q, &buf, 1, false);
	if (q == CONTROL_RX)
		b->control[head] = buf.gpa;
	vqd_offer(&b->d, q, head);
	vqd_kick(&b->d, q);
	vqd_run(&b->d);
	return buf.gpa;
}

static void say(struct bench *b, uint32_t id, uint16_t event, uint16_t value)
{
	const struct message m = {id, event, value, ""};

	offer(b, CONTROL_TX, &m, 8, false);
}

/* The next message of the device, if need be in a buffer of @size bytes. Return: its length, 0: none. */
static uint32_t hear(struct bench *b, struct message *ret, uint32_t size)
{
	uint16_t head;
	uint32_t len;

	memset(ret, 0, sizeof(*ret));
	if (!vqd_used(&b->d, CONTROL_RX, &head, &len)) {
		offer(b, CONTROL_RX, NULL, size, true);
		if (!vqd_used(&b->d, CONTROL_RX, &head, &len))
			return 0;
	}
	memcpy(ret, vqd_ptr(&b->d, b->control[head]), MIN(len, (uint32_t)sizeof(*ret)));
	return len;
}

static size_t input(struct bench *b, unsigned port, const char *text)
{
	struct char_guest *g = &b->ports.port[port].guest;

	return g->rx(g, (const uint8_t *)text, strlen(text));
}

/* 5.3.5: the driver is ready, is told of each port, and of each that it is ready for: its name, and that it is open. */
static void a_driver_finds_the_ports(void **state)
{
	static const char *const names[NR] = {"one", "another", "the last of them"};
	struct message m;
	struct bench b;

	up(&b);
	assert_int_equal(vqd_get(&b.d, VQD_DEVICE_ID), 3);
	/* max_nr_ports behind two 16-bit fields */
	assert_int_equal(vqd_get(&b.d, VQD_CONFIG + 4), NR);
	assert_int_equal(hear(&b, &m, 64), 0);
	say(&b, 0, READY, 1);
	for (unsigned i = 0; i < NR; i++) {
		assert_int_equal(hear(&b, &m, 64), 8);
		assert_int_equal(m.id, i);
		assert_int_equal(m.event, ADD);
	}
	assert_int_equal(hear(&b, &m, 64), 0);
	for (unsigned i = 0; i < NR; i++) {
		say(&b, i, PORT_READY, 1);
		assert_int_equal(hear(&b, &m, 64), 8 + strlen(names[i]));
		assert_int_equal(m.id, i);
		assert_int_equal(m.event, NAME);
		assert_memory_equal(m.name, names[i], strlen(names[i]));
		assert_int_equal(hear(&b, &m, 64), 8);
		assert_int_equal(m.id, i);
		assert_int_equal(m.event, OPEN);
		assert_int_equal(m.value, 1);
		assert_int_equal(hear(&b, &m, 64), 0);
	}
	down(&b);
}

/* Input is for a program that has the port open; before that it waits with the host end, which is told when. */
static void input_waits_for_a_program(void **state)
{
	uint64_t at;
	struct bench b;
	uint16_t head;
	uint32_t len;

	up(&b);
	at = offer(&b, rx_of[1], NULL, 4, true);
	assert_int_equal(input(&b, 1, "abcdef"), 0);
	say(&b, 0, OPEN, 1);
	assert_int_equal(b.end[1].rx_rooms, 0);
	assert_int_equal(input(&b, 1, "abcdef"), 0);
	say(&b, 1, OPEN, 1);
	assert_int_equal(b.end[1].rx_rooms, 1);
	vqd_set(&b.d, VQD_INTERRUPT_ACK, 3);
	vqd_interrupted(&b.d);
	assert_int_equal(input(&b, 1, "abcdef"), 4);
	assert_true(vqd_interrupted(&b.d));
	assert_true(vqd_used(&b.d, rx_of[1], &head, &len));
	assert_int_equal(len, 4);
	assert_memory_equal(vqd_ptr(&b.d, at), "abcd", 4);
	/* The rest, when there is another buffer. */
	assert_int_equal(b.end[1].rx_rooms, 1);
	offer(&b, rx_of[1], NULL, 4, true);
	assert_int_equal(b.end[1].rx_rooms, 2);
	assert_int_equal(input(&b, 1, "ef"), 2);
	say(&b, 1, OPEN, 0);
	offer(&b, rx_of[1], NULL, 4, true);
	assert_int_equal(input(&b, 1, "x"), 0);
	down(&b);
}

/* What a port's host end does not take stays in its ring, and holds up no other port. */
static void a_full_port_is_alone(void **state)
{
	struct bench b;
	uint16_t head;
	uint32_t len;

	up(&b);
	b.end[1].room = 2;
	offer(&b, tx_of[1], "hello", 5, false);
	offer(&b, tx_of[2], "other", 5, false);
	offer(&b, tx_of[0], "first", 5, false);
	assert_int_equal(b.end[1].nr_out, 2);
	assert_int_equal(b.end[2].nr_out, 5);
	assert_int_equal(b.end[0].nr_out, 5);
	assert_false(virtio_port_is_empty(&b.ports.port[1]));
	assert_true(virtio_port_is_empty(&b.ports.port[2]));
	assert_false(vqd_used(&b.d, tx_of[1], &head, &len));
	b.end[1].room = 100;
	b.ports.port[1].guest.tx_room(&b.ports.port[1].guest);
	assert_true(vqd_used(&b.d, tx_of[1], &head, &len));
	assert_int_equal(b.end[1].nr_out, 5);
	assert_memory_equal(b.end[1].out, "hello", 5);
	assert_true(virtio_port_is_empty(&b.ports.port[1]));
	down(&b);
}

/* More than a turn's worth: the loop has other things to do in between, and all of it arrives. */
static void a_long_chain_takes_turns(void **state)
{
	enum { PIECE = 4096, NR_CHAINS = 120 };
	struct bench b;
	struct vqd_buf buf;
	size_t total = 0;

	up(&b);
	buf = (struct vqd_buf){vqd_alloc(&b.d, PIECE, 1), PIECE, false};
	for (unsigned i = 0; i < NR_CHAINS; i++)
		vqd_offer(&b.d, tx_of[2], vqd_add(&b.d, tx_of[2], &buf, 1, false));
	for (unsigned round = 0; round < NR_CHAINS; round++) {
		b.end[2].nr_out = 0;
		b.end[2].room = PIECE;
		if (round == 0)
			vqd_kick(&b.d, tx_of[2]);
		else
			b.ports.port[2].guest.tx_room(&b.ports.port[2].guest);
		vqd_run(&b.d);
		total += b.end[2].nr_out;
	}
	assert_int_equal(total, PIECE * NR_CHAINS);
	down(&b);
}

/* A driver that resets the device begins anew: nothing is open, nothing is owed. */
static void a_reset_forgets(void **state)
{
	struct message m;
	struct bench b;

	up(&b);
	say(&b, 0, READY, 1);
	say(&b, 2, OPEN, 1);
	b.end[2].room = 1;
	offer(&b, tx_of[2], "xy", 2, false);
	assert_true(vqd_start(&b.d, UINT64_C(1) << 1));
	assert_int_equal(hear(&b, &m, 64), 0);
	offer(&b, rx_of[2], NULL, 4, true);
	assert_int_equal(input(&b, 2, "z"), 0);
	b.end[2].room = 10;
	offer(&b, tx_of[2], "again", 5, false);
	assert_memory_equal(b.end[2].out, "xagain", 6);
	down(&b);
}

/* What means nothing is taken and means nothing: other ports, other events, too few bytes. */
static void odd_messages(void **state)
{
	struct message m;
	struct bench b;
	uint16_t head;
	uint32_t len;

	up(&b);
	say(&b, 3, PORT_READY, 1);
	say(&b, UINT32_MAX, OPEN, 1);
	say(&b, 0, 999, 1);
	say(&b, 0, PORT_READY, 0);
	say(&b, 0, READY, 0);
	offer(&b, CONTROL_TX, "\0\0\0\0\0\0", 7, false);
	for (unsigned i = 0; i < 6; i++)
		assert_true(vqd_used(&b.d, CONTROL_TX, &head, &len));
	assert_int_equal(hear(&b, &m, 64), 0);
	assert_false(vqd_get(&b.d, VQD_STATUS) & VQD_NEEDS_RESET);
	down(&b);
}

static void a_buffer_that_is_too_small(void **state)
{
	struct message m;
	struct bench b;

	up(&b);
	say(&b, 1, PORT_READY, 1);
	hear(&b, &m, 8);
	assert_true(vqd_get(&b.d, VQD_STATUS) & VQD_NEEDS_RESET);
	down(&b);
}

static void a_buffer_that_cannot_be_written(void **state)
{
	struct bench b;

	up(&b);
	say(&b, 1, OPEN, 1);
	offer(&b, rx_of[1], "abcd", 4, false);
	assert_int_equal(input(&b, 1, "x"), 0);
	assert_true(vqd_get(&b.d, VQD_STATUS) & VQD_NEEDS_RESET);
	down(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_driver_finds_the_ports),
		cmocka_unit_test(input_waits_for_a_program),
		cmocka_unit_test(a_full_port_is_alone),
		cmocka_unit_test(a_long_chain_takes_turns),
		cmocka_unit_test(a_reset_forgets),
		cmocka_unit_test(odd_messages),
		cmocka_unit_test(a_buffer_that_is_too_small),
		cmocka_unit_test(a_buffer_that_cannot_be_written),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
