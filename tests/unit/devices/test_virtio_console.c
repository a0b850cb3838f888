// SPDX-License-Identifier: Apache-2.0
/*
 * The console device between a driver and a host end that takes as much as a test likes.
 */
#include <string.h>

#include "devices/virtio/console.h"
#include "tests/support/unit.h"
#include "tests/support/vq_driver.h"

#define RX 0
#define TX 1

struct bench {
	struct vq_driver d;
	struct virtio_console console;
	struct char_host host;
	uint8_t out[4096];
	size_t nr_out, total;
	size_t room;
	unsigned calls, rx_rooms;
};

static size_t host_tx(struct char_host *h, const uint8_t *data, size_t n)
{
	struct bench *b = container_of(h, struct bench, host);

	n = MIN(n, b->room);
	for (size_t i = 0; i < n && b->nr_out < sizeof(b->out); i++)
		b->out[b->nr_out++] = data[i];
	if (b->room != SIZE_MAX)
		b->room -= n;
	b->total += n;
	b->calls++;
	return n;
}

static void host_rx_room(struct char_host *h)
{
	container_of(h, struct bench, host)->rx_rooms++;
}

static void up(struct bench *b)
{
	memset(b, 0, sizeof(*b));
	b->room = SIZE_MAX;
	b->host = (struct char_host){.tx = host_tx, .rx_room = host_rx_room};
	vqd_init(&b->d, 4 * MIB);
	assert_int_equal(virtio_console_init(&b->console, &b->host, &b->d.mem, b->d.loop, b->d.trace), 0);
	vqd_attach(&b->d, &b->console.dev);
	assert_true(vqd_start(&b->d, VIRTIO_F_EVENT_IDX));
}

static void down(struct bench *b)
{
	vqd_detach(&b->d);
	virtio_console_destroy(&b->console);
	vqd_destroy(&b->d);
}

static void offer(struct bench *b, unsigned q, const char *text, uint32_t len)
{
	struct vqd_buf buf = {vqd_alloc(&b->d, len, 1), len, q == RX};

	if (text)
		memcpy(vqd_ptr(&b->d, buf.gpa), text, len);
	vqd_offer(&b->d, q, vqd_add(&b->d, q, &buf, 1, false));
	vqd_kick(&b->d, q);
	vqd_run(&b->d);
}

static void a_line_is_one_call(void **state)
{
	struct bench b;
	uint16_t head;
	uint32_t len;

	up(&b);
	assert_int_equal(vqd_get(&b.d, VQD_DEVICE_ID), 3);
	vqd_interrupted(&b.d);
	offer(&b, TX, "hello, world\n", 13);
	/* The driver waits for its buffer. */
	assert_true(vqd_interrupted(&b.d));
	assert_int_equal(b.calls, 1);
	assert_memory_equal(b.out, "hello, world\n", 13);
	assert_true(vqd_used(&b.d, TX, &head, &len));
	assert_int_equal(len, 0);
	down(&b);
}

/* What was left of a chain is nothing to the driver after a reset. */
static void a_reset_begins_anew(void **state)
{
	struct bench b;

	up(&b);
	b.room = 3;
	offer(&b, TX, "hello", 5);
	assert_int_equal(b.nr_out, 3);
	assert_true(vqd_start(&b.d, 0));
	b.room = 100;
	offer(&b, TX, "again", 5);
	assert_int_equal(b.nr_out, 8);
	assert_memory_equal(b.out, "helagain", 8);
	down(&b);
}

/* 5.3.6.1: the receive queue has buffers that the device writes, and no others. */
static void a_receive_buffer_to_read(void **state)
{
	struct vqd_buf buf[2];
	struct bench b;

	up(&b);
	b.console.rx_open = true;
	buf[0] = (struct vqd_buf){vqd_alloc(&b.d, 8, 1), 4, false};
	buf[1] = (struct vqd_buf){buf[0].gpa + 4, 4, true};
	vqd_offer(&b.d, RX, vqd_add(&b.d, RX, buf, 2, false));
	assert_int_equal(b.console.guest.rx(&b.console.guest, (const uint8_t *)"x", 1), 0);
	assert_true(vqd_get(&b.d, VQD_STATUS) & VQD_NEEDS_RESET);
	down(&b);
}

/* The driver gets an interrupt for typed input. */
static void input_interrupts(void **state)
{
	struct bench b;

	up(&b);
	assert_true(vqd_start(&b.d, 0));
	offer(&b, RX, NULL, 4);
	b.console.rx_open = true;
	vqd_set(&b.d, VQD_INTERRUPT_ACK, 3);
	assert_int_equal(b.console.guest.rx(&b.console.guest, (const uint8_t *)"x", 1), 1);
	assert_true(vqd_get(&b.d, VQD_INTERRUPT_STATUS) & 1);
	down(&b);
}

/* A full host end: the chain is kept and continued where it stopped; nothing is lost, duplicated or reordered. */
static void waits_for_room(void **state)
{
	struct bench b;
	uint16_t head;
	uint32_t len;

	up(&b);
	b.room = 3;
	offer(&b, TX, "hello", 5);
	offer(&b, TX, " again", 6);
	assert_int_equal(b.nr_out, 3);
	assert_false(vqd_used(&b.d, TX, &head, &len));
	b.room = 4;
	b.console.guest.tx_room(&b.console.guest);
	assert_true(vqd_used(&b.d, TX, &head, &len));
	assert_false(vqd_used(&b.d, TX, &head, &len));
	b.room = 100;
	b.console.guest.tx_room(&b.console.guest);
	assert_true(vqd_used(&b.d, TX, &head, &len));
	assert_int_equal(b.nr_out, 11);
	assert_memory_equal(b.out, "hello again", 11);
	assert_int_equal(virtio_payload(&b.console.dev).from_guest, 11);
	down(&b);
}

/* A host end that takes everything, and 64 MB to take: the loop gets its turns between. */
static void a_turn_ends(void **state)
{
	struct bench b;
	struct vqd_buf buf[32];

	up(&b);
	for (unsigned i = 0; i < 32; i++)
		buf[i] = (struct vqd_buf){VQD_RAM_START + MIB, 2 * MIB, false};
	vqd_offer(&b.d, TX, vqd_add(&b.d, TX, buf, 32, false));
	pthread_mutex_lock(&b.console.dev.lock);
	b.console.dev.ops->kick(&b.console.dev, TX);
	pthread_mutex_unlock(&b.console.dev.lock);
	assert_in_range(b.total, 1, MIB);
	for (unsigned i = 0; i < 1000 && b.total < 64 * MIB; i++)
		b.console.again.fired(&b.console.again);
	assert_int_equal(b.total, 64 * MIB);
	down(&b);
}

static size_t rx(struct bench *b, const char *text)
{
	struct char_guest *g = &b->console.guest;

	return g->rx(g, (const uint8_t *)text, strlen(text));
}

/* The driver got one buffer back, with @len bytes in it. */
static void expect_used(struct bench *b, uint32_t len)
{
	uint16_t head;
	uint32_t got;

	assert_true(vqd_used(&b->d, RX, &head, &got));
	assert_int_equal(got, len);
	assert_false(vqd_used(&b->d, RX, &head, &got));
}

static void fill_queue(struct bench *b, unsigned more)
{
	while (more--)
		offer(b, RX, NULL, 64);
}

static void input_goes_to_buffers(void **state)
{
	struct bench b;

	up(&b);
	assert_true(virtio_console_active(&b.console));
	assert_int_equal(rx(&b, "early"), 0);
	b.rx_rooms = 0;
	offer(&b, RX, NULL, 4);
	assert_int_equal(rx(&b, "early"), 0);
	/* It will not fill its queue: it is given what waits, and no buffer with nothing in it. */
	b.console.ask.fired(&b.console.ask);
	assert_false(vqd_interrupted(&b.d));
	assert_int_equal(b.rx_rooms, 1);
	assert_int_equal(rx(&b, "early"), 4);
	expect_used(&b, 4);
	assert_int_equal(b.rx_rooms, 1);
	offer(&b, RX, NULL, 64);
	assert_int_equal(b.rx_rooms, 2);
	assert_int_equal(rx(&b, "y"), 1);
	assert_int_equal(virtio_payload(&b.console.dev).to_guest, 5);
	down(&b);
}

/* A driver whose first buffer comes later than anybody waits for it. */
static void a_buffer_that_comes_late(void **state)
{
	for (unsigned event_idx = 0; event_idx < 2; event_idx++) {
		struct bench b;

		up(&b);
		vqd_set(&b.d, VQD_STATUS, 0);
		assert_true(vqd_start(&b.d, event_idx ? VIRTIO_F_EVENT_IDX : 0));
		assert_int_equal(rx(&b, "early"), 0);
		b.console.ask.fired(&b.console.ask);
		b.rx_rooms = 0;
		offer(&b, RX, NULL, 64);
		assert_int_equal(b.rx_rooms, 0);
		b.console.ask.fired(&b.console.ask);
		assert_int_equal(b.rx_rooms, 1);
		assert_int_equal(rx(&b, "early"), 5);
		expect_used(&b, 5);
		down(&b);
	}
}

/* Input that was refused may be for the serial port once the driver has gone: the host end offers it again. */
static void a_reset_lets_input_go(void **state)
{
	struct bench b;

	up(&b);
	assert_int_equal(rx(&b, "x"), 0);
	b.rx_rooms = 0;
	vqd_set(&b.d, VQD_STATUS, 0);
	assert_int_equal(b.rx_rooms, 1);
	assert_false(virtio_console_active(&b.console));
	down(&b);
}

/* Input from before there is a driver stays in the host end, which is notified when there is one. */
static void input_waits_for_a_driver(void **state)
{
	struct bench b;

	up(&b);
	vqd_set(&b.d, VQD_STATUS, 0);
	assert_false(virtio_console_active(&b.console));
	assert_int_equal(rx(&b, "x"), 0);
	b.rx_rooms = 0;
	assert_true(vqd_start(&b.d, 0));
	assert_int_equal(b.rx_rooms, 2); /* by the reset that a driver begins with, and by DRIVER_OK */
	down(&b);
	/* Also if the host end had offered it nothing: the input may have gone to another line. */
	up(&b);
	assert_int_equal(b.rx_rooms, 1);
	down(&b);
}

/*
 * A driver that fills its queue and frees what comes until its console is registered: nothing that was typed goes into
 * a buffer before it offers one again.
 */
static void input_waits_for_a_reader(void **state)
{
	for (unsigned event_idx = 0; event_idx < 2; event_idx++) {
		struct bench b;
		unsigned size;

		up(&b);
		if (!event_idx) {
			vqd_set(&b.d, VQD_STATUS, 0);
			assert_true(vqd_start(&b.d, 0));
		}
		size = b.d.queue[RX].size;
		b.rx_rooms = 0;
		fill_queue(&b, size / 2);
		assert_int_equal(rx(&b, "script"), 0);
		/* It is still filling: no question yet. */
		fill_queue(&b, size - size / 2 - 1);
		assert_false(vqd_interrupted(&b.d));
		fill_queue(&b, 1);
		assert_true(vqd_interrupted(&b.d));
		expect_used(&b, 0);
		/* That one was freed. Asked again later; not all buffers go that way. */
		for (int i = 0; i < 20; i++)
			b.console.ask.fired(&b.console.ask);
		for (int i = 0; i < 7; i++) {
			uint16_t head;
			uint32_t len;

			assert_true(vqd_used(&b.d, RX, &head, &len));
			assert_int_equal(len, 0);
		}
		assert_int_equal(rx(&b, "script"), 0);
		assert_int_equal(b.rx_rooms, 0);
		/* Somebody opens it, and takes the nothing out of the buffer. */
		fill_queue(&b, 1);
		assert_int_equal(b.rx_rooms, 1);
		assert_int_equal(rx(&b, "script"), 6);
		expect_used(&b, 6);
		/* The next driver has to show it again. */
		vqd_set(&b.d, VQD_STATUS, 0);
		assert_true(vqd_start(&b.d, event_idx ? VIRTIO_F_EVENT_IDX : 0));
		assert_int_equal(rx(&b, "more"), 0);
		b.console.ask.fired(&b.console.ask);
		offer(&b, RX, NULL, 64);
		assert_int_equal(rx(&b, "more"), 0);
		down(&b);
	}
}

static void bad_buffers(void **state)
{
	struct bench b;

	up(&b);
	offer(&b, RX, NULL, 0);
	assert_int_equal(rx(&b, "x"), 0);
	b.console.ask.fired(&b.console.ask);
	assert_int_equal(rx(&b, "x"), 0);
	assert_true(vqd_get(&b.d, VQD_STATUS) & VQD_NEEDS_RESET);
	/* An empty one to send is only odd. */
	assert_true(vqd_start(&b.d, 0));
	offer(&b, TX, NULL, 0);
	assert_true(vqd_get(&b.d, VQD_STATUS) == 15);
	down(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_line_is_one_call),
		cmocka_unit_test(waits_for_room),
		cmocka_unit_test(a_reset_begins_anew),
		cmocka_unit_test(a_receive_buffer_to_read),
		cmocka_unit_test(input_interrupts),
		cmocka_unit_test(a_turn_ends),
		cmocka_unit_test(input_goes_to_buffers),
		cmocka_unit_test(a_buffer_that_comes_late),
		cmocka_unit_test(a_reset_lets_input_go),
		cmocka_unit_test(input_waits_for_a_driver),
		cmocka_unit_test(input_waits_for_a_reader),
		cmocka_unit_test(bad_buffers),
	};

	return run_group(tests);
}
