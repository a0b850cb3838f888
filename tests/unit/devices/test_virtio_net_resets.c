// SPDX-License-Identifier: Apache-2.0
/*
 * The network device when the driver resets it, when the host's side goes, and when one direction is busy.
 */
#include "tests/unit/devices/net_bench.h"

static void the_other_side_goes(void **state)
{
	struct bench *b = start_bench(ALL);
	uint32_t generation = vqd_get(&b->d, VQD_CONFIG_GENERATION);

	post(b, 8, 2048, 1);
	make_frame(b, 1000);
	for (unsigned i = 0; i < 250; i++)
		tx(b, 1000, NULL, 0, false);
	rounds(b, 8);
	assert_true(b->fake.backend.blocked);
	close(b->host);
	b->host = -1;
	rounds(b, 8);
	assert_int_equal(link_status(b), 0);
	assert_int_not_equal(vqd_get(&b->d, VQD_CONFIG_GENERATION), generation);
	assert_true(vqd_get(&b->d, VQD_INTERRUPT_STATUS) & 2);
	/* The driver's frames come back all the same, those of the future too. */
	assert_int_equal(drain_used(b, VIRTIO_NET_TX), 250);
	tx(b, 1000, NULL, 0, false);
	rounds(b, 2);
	assert_int_equal(drain_used(b, VIRTIO_NET_TX), 1);
	close_bench(b);
}

/* It ends while it holds the driver up, and its flush fails: the driver's frames come back. */
static void the_other_side_goes_while_blocked(void **state)
{
	struct bench *b = start_bench(ALL);

	b->fake.flush_fails = true;
	make_frame(b, 1000);
	for (unsigned i = 0; i < 250; i++)
		tx(b, 1000, NULL, 0, false);
	rounds(b, 8);
	assert_true(b->fake.backend.blocked);
	close(b->host);
	b->host = -1;
	rounds(b, 8);
	assert_int_equal(link_status(b), 0);
	assert_int_equal(drain_used(b, VIRTIO_NET_TX), 250);
	close_bench(b);
}

static unsigned calls;
static void (*real_ready)(struct loop_source *s, uint32_t events);

static void counted(struct loop_source *s, uint32_t events)
{
	calls++;
	real_ready(s, events);
}

/* Frames for a queue that is not there do not keep the loop busy. */
static void no_queue_no_busy_loop(void **state)
{
	struct bench *b = start_bench(ALL | VIRTIO_F_RING_RESET);
	unsigned before;

	vqd_set(&b->d, VQD_QUEUE_SEL, VIRTIO_NET_RX);
	vqd_set(&b->d, VQD_QUEUE_RESET, 1);
	rounds(b, 4);
	real_ready = b->net.frames.ready;
	b->net.frames.ready = counted;
	host_sends(b, 60);
	rounds(b, 4);
	before = calls;
	rounds(b, 20);
	assert_int_equal(calls, before);
	close_bench(b);
}

/* 250 buffers in thirteen pieces each are more windows than we hold at once. */
static void more_windows_than_are_held(void **state)
{
	struct bench *b = start_bench(ALL | VIRTIO_F_INDIRECT_DESC);

	for (unsigned i = 0; i < 250; i++) {
		uint64_t gpa = vqd_alloc(&b->d, 13, 1);
		struct vqd_buf buf[13];

		for (unsigned p = 0; p < 13; p++)
			buf[p] = (struct vqd_buf){gpa + p, 1, true};
		vqd_offer(&b->d, VIRTIO_NET_RX, vqd_add(&b->d, VIRTIO_NET_RX, buf, 13, true));
	}
	vqd_kick(&b->d, VIRTIO_NET_RX);
	host_sends(b, 60);
	rounds(b, 4);
	assert_in_range(b->net.rx.first_window + b->net.rx.nr_windows, 1, VIRTIO_NET_WINDOWS);
	assert_int_equal(b->net.stats.rx_frames, 1);
	close_bench(b);
}

/*
 * Buffers of one piece and of very many: what is held moves to the front of its array before the next one would reach
 * beyond the end.
 */
static void windows_never_reach_the_end(void **state)
{
	struct bench *b = start_bench(ALL | VIRTIO_F_INDIRECT_DESC);
	const struct virtio_net_rx *rx = &b->net.rx;

	for (unsigned round = 0; round < 200; round++) {
		unsigned pieces = 1 + (round * 37) % 250;
		uint64_t gpa = vqd_alloc(&b->d, 2048, 1);
		struct vqd_buf buf[250];

		for (unsigned p = 0; p < pieces; p++)
			buf[p] = (struct vqd_buf){gpa + p, 1, true};
		buf[pieces - 1].len = 1024;
		vqd_offer(&b->d, VIRTIO_NET_RX, vqd_add(&b->d, VIRTIO_NET_RX, buf, pieces, true));
		vqd_kick(&b->d, VIRTIO_NET_RX);
		rounds(b, 1);
		/* Some stay, so that the front moves on. */
		if (round % 8 > 3)
			host_sends(b, 200 + round);
		rounds(b, 2);
		assert_true(rx->first_window + rx->nr_windows <= VIRTIO_NET_WINDOWS);
		assert_true(rx->first_buffer + rx->nr_buffers <= VIRTIO_NET_QUEUE_MAX);
		drain_used(b, VIRTIO_NET_RX);
	}
	assert_int_equal(b->net.stats.rx_frames, 100);
	close_bench(b);
}

/* Setting offloads disturbs the host: no call if nothing changes, and few calls if much does. */
static void resets_cost_the_host_little(void **state)
{
	static const uint64_t wants[] = {0, VIRTIO_NET_F_GUEST_CSUM};
	struct bench *b = open_bench(NET_OFFLOADS);
	uint64_t gpa;

	/* The host starts without offloads, so there is nothing to set. */
	assert_true(vqd_start(&b->d, VIRTIO_NET_F_MRG_RXBUF));
	rounds(b, 2);
	assert_int_equal(b->fake.offload_calls, 0);
	for (unsigned i = 0; i < 200; i++) {
		b->d.next = VQD_RAM_START;
		assert_true(vqd_start(&b->d, ALL));
		rounds(b, 2);
	}
	assert_int_equal(b->fake.offload_calls, 1);
	assert_int_equal(b->fake.offloads_set, NET_OFFLOADS_TO_GUEST);
	assert_true(b->net.running);
	/* Something else each time: soon the driver has to wait, and no frame goes its way meanwhile. */
	b->net.offload_free_ns = trace_now_ns();
	for (unsigned i = 0; i < 200; i++) {
		b->d.next = VQD_RAM_START;
		assert_true(vqd_start(&b->d, wants[i % 2]));
		rounds(b, 2);
	}
	assert_in_range(b->fake.offload_calls, 1, 40);
	close_bench(b);

	b = open_bench(NET_OFFLOADS);
	b->net.offload_free_ns = trace_now_ns() + UINT64_C(500000000);
	assert_true(vqd_start(&b->d, ALL));
	gpa = post(b, 2, 2048, 1);
	host_sends(b, 60);
	rounds(b, 4);
	assert_int_equal(b->fake.offload_calls, 0);
	assert_int_equal(b->net.stats.rx_frames, 0);
	for (unsigned i = 0; i < 500 && !b->net.stats.rx_frames; i++) {
		nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
		rounds(b, 2);
	}
	assert_int_equal(b->fake.offloads_set, NET_OFFLOADS_TO_GUEST);
	assert_guest_has(b, gpa, 2048, 1, 60);
	close_bench(b);
}

/* The driver changes the setting while the backend is being notified: the last one is in force. */
static void a_reset_while_offloads_are_set(void **state)
{
	struct bench *b = open_bench(NET_OFFLOADS);
	uint64_t gpa;

	b->fake.reset_meanwhile = true;
	assert_true(vqd_start(&b->d, ALL));
	rounds(b, 2);
	assert_int_equal(b->fake.offload_calls, 1);
	assert_false(b->net.running);
	b->d.next = VQD_RAM_START;
	assert_true(vqd_start(&b->d, VIRTIO_NET_F_MRG_RXBUF | VIRTIO_NET_F_GUEST_CSUM));
	rounds(b, 2);
	assert_int_equal(b->fake.offload_calls, 2);
	assert_int_equal(b->fake.offloads_set, VIRTIO_NET_F_GUEST_CSUM);
	gpa = post(b, 2, 2048, 1);
	host_sends(b, 60);
	rounds(b, 2);
	assert_guest_has(b, gpa, 2048, 1, 60);
	close_bench(b);
}

/* Buffers that are there at DRIVER_OK are used without a kick, and the host gets the driver's features at once. */
static void buffers_before_driver_ok(void **state)
{
	struct bench *b = open_bench(NET_OFFLOADS);
	struct vqd_buf buf = {.len = 2048, .write = true};

	assert_true(vqd_negotiate(&b->d, ALL));
	assert_true(vqd_queue_setup(&b->d, VIRTIO_NET_RX, 16));
	assert_true(vqd_queue_setup(&b->d, VIRTIO_NET_TX, 16));
	buf.gpa = vqd_alloc(&b->d, buf.len, 16);
	vqd_offer(&b->d, VIRTIO_NET_RX, vqd_add(&b->d, VIRTIO_NET_RX, &buf, 1, false));
	rounds(b, 2);
	assert_int_equal(b->fake.offload_calls, 0);
	vqd_set(&b->d, VQD_STATUS, VQD_ACKNOWLEDGE | VQD_DRIVER | VQD_FEATURES_OK | VQD_DRIVER_OK);
	rounds(b, 2);
	assert_int_equal(b->fake.offload_calls, 1);
	host_sends(b, 60);
	rounds(b, 2);
	assert_guest_has(b, buf.gpa, buf.len, 1, 60);
	close_bench(b);
}

/* 2.6.1: the other queue continues with the buffers that it holds. */
static void a_reset_of_the_transmit_queue(void **state)
{
	struct bench *b = start_bench(ALL | VIRTIO_F_RING_RESET);
	uint64_t gpa = post(b, 8, 2048, 1);

	host_sends(b, 60); /* from here on the device holds buffers */
	rounds(b, 2);
	assert_guest_has(b, gpa, 2048, 1, 60);
	vqd_set(&b->d, VQD_QUEUE_SEL, VIRTIO_NET_TX);
	vqd_set(&b->d, VQD_QUEUE_RESET, 1);
	host_sends(b, 70);
	rounds(b, 2);
	assert_guest_has(b, gpa + 2048, 2048, 1, 70);
	close_bench(b);
}

static void resets_let_go_of_everything(void **state)
{
	struct bench *b = start_bench(ALL | VIRTIO_F_RING_RESET);
	uint64_t gpa;

	/* Held buffers, and a frame that waits for more. */
	post(b, 2, 2048, 1);
	host_sends(b, 9000);
	rounds(b, 2);
	assert_true(vqd_start(&b->d, ALL | VIRTIO_F_RING_RESET));
	rounds(b, 2);
	gpa = post(b, 64, 1024, 1);
	host_sends(b, 3000);
	rounds(b, 2);
	assert_guest_has(b, gpa, 1024, 3, 3000);

	/* The same for the queue alone (2.6.1). */
	vqd_set(&b->d, VQD_QUEUE_SEL, VIRTIO_NET_RX);
	vqd_set(&b->d, VQD_QUEUE_RESET, 1);
	assert_int_equal(vqd_get(&b->d, VQD_QUEUE_RESET), 0);
	host_sends(b, 3000);
	rounds(b, 4);
	assert_true(vqd_queue_setup(&b->d, VIRTIO_NET_RX, 256));
	gpa = post(b, 64, 1024, 1);
	rounds(b, 2);
	assert_guest_has(b, gpa, 1024, 3, 3000);
	close_bench(b);
}

/* Another source of the loop, always ready: how much happens between two turns of it. */
struct neighbour {
	struct loop_source source;
	const struct virtio_net_stats *stats;
	uint64_t last;
	uint64_t most;
};

static void on_neighbour(struct loop_source *s, uint32_t events)
{
	struct neighbour *nb = container_of(s, struct neighbour, source);
	uint64_t now = nb->stats->rx_frames + nb->stats->tx_frames;

	nb->most = MAX(nb->most, now - nb->last);
	nb->last = now;
}

static void a_busy_direction_leaves_the_loop(void **state)
{
	struct neighbour nb = {.source = {.ready = on_neighbour}};
	struct bench *b = start_bench(ALL | VIRTIO_F_EVENT_IDX);
	int size = 1 << 20;

	setsockopt(b->host, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	setsockopt(b->fake.backend.fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	post(b, 250, 256, 1);
	nb.stats = &b->net.stats;
	nb.source.fd = eventfd(1, 0);
	assert_int_equal(loop_add(b->d.loop, &nb.source, EPOLLIN), 0);
	for (unsigned i = 0; i < 150; i++)
		host_sends(b, 60);
	for (unsigned i = 0; i < 150; i++)
		tx(b, 60, NULL, 0, false);
	rounds(b, 10);
	assert_int_equal(b->net.stats.rx_frames, 150);
	assert_int_equal(b->net.stats.tx_frames, 150);
	assert_in_range(nb.most, 1, 3 * 64); /* a kick, frames and leftovers may meet */
	loop_remove(&nb.source);
	close(nb.source.fd);
	close_bench(b);
}

/* A turn is bounded in bytes as well: 64 of the largest frames would be 4 MiB. */
static void large_frames_leave_the_loop(void **state)
{
	struct neighbour nb = {.source = {.ready = on_neighbour}};
	struct bench *b = start_bench(ALL);
	uint64_t gpa = vqd_alloc(&b->d, NET_HDR_SIZE + GIFT, 16);
	const unsigned most = 3 * (MIB / GIFT + 1); /* a kick, frames and leftovers may meet */
	struct vqd_buf buf = {gpa, NET_HDR_SIZE + GIFT, false};

	b->fake.sink = true;
	nb.stats = &b->net.stats;
	nb.source.fd = eventfd(1, 0);
	assert_int_equal(loop_add(b->d.loop, &nb.source, EPOLLIN), 0);
	for (unsigned i = 0; i < 120; i++)
		vqd_offer(&b->d, VIRTIO_NET_TX, vqd_add(&b->d, VIRTIO_NET_TX, &buf, 1, false));
	vqd_kick(&b->d, VIRTIO_NET_TX);
	rounds(b, 20);
	assert_int_equal(b->net.stats.tx_frames, 120);
	assert_in_range(nb.most, 1, most);
	nb.most = 0;
	buf.write = true;
	for (unsigned i = 0; i < 120; i++)
		vqd_offer(&b->d, VIRTIO_NET_RX, vqd_add(&b->d, VIRTIO_NET_RX, &buf, 1, false));
	b->fake.gifts = 120;
	vqd_kick(&b->d, VIRTIO_NET_RX);
	rounds(b, 20);
	assert_int_equal(b->net.stats.rx_frames, 120);
	assert_in_range(nb.most, 1, most);
	loop_remove(&nb.source);
	close(nb.source.fd);
	close_bench(b);
}

/* While frames are sent the driver need not kick; afterwards it is interrupted, and has to kick again. */
static void a_driver_is_told_when_to_speak(void **state)
{
	struct bench *b = start_bench(ALL);

	make_frame(b, 100);
	b->fake.noticer = b;
	for (unsigned i = 0; i < 5; i++)
		tx(b, 100, NULL, 0, false);
	vqd_interrupted(&b->d);
	rounds(b, 2);
	assert_int_equal(b->fake.sends, 5);
	/* The first is found because of the kick; the one found after vq_listen() may be the last. */
	assert_int_equal(b->fake.noisy, 0);
	assert_true(asks_for_kicks(b, VIRTIO_NET_TX));
	assert_true(vqd_interrupted(&b->d));
	assert_true(vqd_get(&b->d, VQD_INTERRUPT_STATUS) & 1);
	/* With more buffers than any frame needs, the driver need not speak of new ones. */
	b->fake.noticer = NULL;
	post(b, 64, 2048, 1);
	b->fake.noticer = b;
	b->fake.receives = 0;
	host_sends(b, 100);
	rounds(b, 2);
	assert_true(b->fake.receives > 0);
	assert_int_equal(b->fake.noisy, 0);
	close_bench(b);
}

/* A backend that loses the framing of its stream still has a working socket: its error takes the link down. */
static void a_backend_gives_its_link_up(void **state)
{
	struct bench *b = start_bench(ALL);

	post(b, 8, 2048, 1);
	b->fake.receive_error = -ENOTCONN;
	host_sends(b, 100);
	rounds(b, 2);
	assert_int_equal(link_status(b), 0);
	b->fake.receives = 0;
	rounds(b, 10);
	assert_int_equal(b->fake.receives, 0);
	close_bench(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_other_side_goes),
		cmocka_unit_test(the_other_side_goes_while_blocked),
		cmocka_unit_test(no_queue_no_busy_loop),
		cmocka_unit_test(resets_cost_the_host_little),
		cmocka_unit_test(more_windows_than_are_held),
		cmocka_unit_test(windows_never_reach_the_end),
		cmocka_unit_test(a_reset_while_offloads_are_set),
		cmocka_unit_test(buffers_before_driver_ok),
		cmocka_unit_test(a_reset_of_the_transmit_queue),
		cmocka_unit_test(resets_let_go_of_everything),
		cmocka_unit_test(a_busy_direction_leaves_the_loop),
		cmocka_unit_test(large_frames_leave_the_loop),
		cmocka_unit_test(a_driver_is_told_when_to_speak),
		cmocka_unit_test(a_backend_gives_its_link_up),
	};

	return run_group(tests);
}
