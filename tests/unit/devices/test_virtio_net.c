// SPDX-License-Identifier: Apache-2.0
/*
 * The network device's frames: lengths, headers, offloads, buffers that a driver cut in any way.
 */
#include "tests/unit/devices/net_bench.h"

/* What the linker puts in front of the C library: work on frames must not get here. */
static unsigned allocations;
void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);

void *__wrap_malloc(size_t n)
{
	allocations++;
	return __real_malloc(n);
}

void *__wrap_calloc(size_t n, size_t size)
{
	allocations++;
	return __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t n)
{
	allocations++;
	return __real_realloc(p, n);
}

static void what_it_offers(void **state)
{
	struct bench *b = open_bench(VIRTIO_NET_F_CSUM | VIRTIO_NET_F_STATUS << 20);
	uint64_t f = vqd_features(&b->d);

	/* Bits of 5.1.3, by number. */
	assert_int_equal(f & 0xfffff, 1 << 0 | 1 << 5 | 1 << 15 | 1 << 16);
	assert_int_equal(vqd_get(&b->d, VQD_DEVICE_ID), 1);
	for (unsigned i = 0; i < VIRTIO_NET_MAC_SIZE; i++)
		assert_int_equal(vqd_in(&b->d, VQD_CONFIG + i, 1), mac[i]);
	assert_int_equal(link_status(b), 1);
	close_bench(b);
	b = open_bench(NET_OFFLOADS);
	assert_int_equal(vqd_features(&b->d) & 0xfffff, 0x1bba3);
	close_bench(b);
}

static void sends_whatever_the_cuts(void **state)
{
	static const uint32_t header[] = {12}, split[] = {5, 3, 1, 9}, bytes[] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1};
	struct bench *b = start_bench(ALL | VIRTIO_F_INDIRECT_DESC);

	make_frame(b, 1514);
	for (unsigned indirect = 0; indirect < 2; indirect++) {
		tx(b, 1514, NULL, 0, indirect);
		rounds(b, 2);
		assert_host_gets(b, 1514);
		tx(b, 1514, header, 1, indirect);
		tx(b, 1514, split, 4, indirect);
		tx(b, 1514, bytes, 12, indirect);
		rounds(b, 2);
		for (int i = 0; i < 3; i++)
			assert_host_gets(b, 1514);
	}
	make_frame(b, NET_FRAME_MAX);
	tx(b, NET_FRAME_MAX, split, 4, false);
	make_frame(b, NET_FRAME_MIN);
	tx(b, NET_FRAME_MIN, NULL, 0, false);
	rounds(b, 2);
	make_frame(b, NET_FRAME_MAX);
	assert_host_gets(b, NET_FRAME_MAX);
	make_frame(b, NET_FRAME_MIN);
	assert_host_gets(b, NET_FRAME_MIN);
	assert_int_equal(drain_used(b, VIRTIO_NET_TX), 10);
	assert_int_equal(b->net.stats.tx_frames, 10);
	assert_int_equal(virtio_payload(&b->net.dev).from_guest, 8 * 1514 + NET_FRAME_MAX + NET_FRAME_MIN);
	assert_int_equal(b->net.stats.tx_dropped, 0);
	close_bench(b);
}

static void the_header_reaches_the_host_checked(void **state)
{
	static const struct {
		struct net_hdr h;
		bool sent;
	} row[] = {
		{{.flags = NET_HDR_F_NEEDS_CSUM, .csum_start = 34, .csum_offset = 16}, true},
		{{.flags = NET_HDR_F_NEEDS_CSUM, .csum_start = 98, .csum_offset = 0}, true},
		{{.flags = NET_HDR_F_NEEDS_CSUM, .csum_start = 98, .csum_offset = 1}, false},
		{{.flags = NET_HDR_F_NEEDS_CSUM, .csum_start = 0xffff, .csum_offset = 0xffff}, false},
		{{.flags = 1, .gso_type = NET_HDR_GSO_TCPV4, .gso_size = 1448, .csum_start = 34, .csum_offset = 16},
			true},
		{{.flags = 1, .gso_type = NET_HDR_GSO_TCPV6 | NET_HDR_GSO_ECN, .gso_size = 9, .csum_start = 34}, true},
		{{.flags = 1, .gso_type = NET_HDR_GSO_TCPV4, .gso_size = 0, .csum_start = 34}, false},
		{{.flags = 0, .gso_type = NET_HDR_GSO_TCPV4, .gso_size = 1448}, false},
		{{.flags = 1, .gso_type = 3 /* UDP */, .gso_size = 1448}, false},
		{{.flags = 1, .gso_type = NET_HDR_GSO_ECN, .gso_size = 1448}, false},
		{{.flags = 1, .gso_type = 0x7f, .gso_size = 1448}, false},
	};
	struct bench *b = start_bench(ALL);
	unsigned dropped = 0;

	make_frame(b, 100);
	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		memcpy(b->sent, &row[i].h, NET_HDR_SIZE);
		tx(b, 100, NULL, 0, false);
		rounds(b, 2);
		if (row[i].sent)
			assert_host_gets(b, 100);
		else
			assert_host_gets_nothing(b);
		dropped += !row[i].sent;
		assert_int_equal(drain_used(b, VIRTIO_NET_TX), 1);
	}
	assert_int_equal(b->net.stats.tx_dropped, dropped);
	/* Bits that mean nothing to us, and the count of buffers, which is the driver's to ignore. */
	memset(b->sent, 0, NET_HDR_SIZE);
	b->sent[0] = 0xfe;
	b->sent[10] = 0x55;
	tx(b, 100, NULL, 0, false);
	rounds(b, 2);
	memset(b->sent, 0, NET_HDR_SIZE);
	assert_host_gets(b, 100);
	close_bench(b);

	/* Nothing negotiated: nothing may be asked for. */
	b = start_bench(0);
	make_frame(b, 100);
	b->sent[0] = NET_HDR_F_NEEDS_CSUM;
	tx(b, 100, NULL, 0, false);
	rounds(b, 2);
	assert_host_gets_nothing(b);
	assert_int_equal(drain_used(b, VIRTIO_NET_TX), 1);
	close_bench(b);
}

/* How long the headers of a frame are is a hint of the driver's: a TAP device refuses one that is beyond the frame. */
static void a_wrong_hint_costs_no_frame(void **state)
{
	static const struct {
		struct net_hdr h;
		uint16_t kept;
	} row[] = {
		{{.hdr_len = 0xffff}, 0},
		{{.hdr_len = 54}, 0},
		{{.flags = 1, .gso_type = NET_HDR_GSO_TCPV4, .gso_size = 20, .csum_start = 34, .hdr_len = 101}, 0},
		{{.flags = 1, .gso_type = NET_HDR_GSO_TCPV4, .gso_size = 20, .csum_start = 34, .hdr_len = 100}, 100},
	};
	struct bench *b = start_bench(ALL);

	make_frame(b, 100);
	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		struct net_hdr h = row[i].h;

		memcpy(b->sent, &h, NET_HDR_SIZE);
		tx(b, 100, NULL, 0, false);
		rounds(b, 2);
		h.hdr_len = row[i].kept;
		memcpy(b->sent, &h, NET_HDR_SIZE);
		assert_host_gets(b, 100);
		assert_int_equal(drain_used(b, VIRTIO_NET_TX), 1);
	}
	close_bench(b);
}

/* What was negotiated for one protocol is not for the other. */
static void each_segmentation_is_negotiated(void **state)
{
	static const uint64_t feature[] = {VIRTIO_NET_F_HOST_TSO4, VIRTIO_NET_F_HOST_TSO6};
	static const uint8_t type[] = {NET_HDR_GSO_TCPV4, NET_HDR_GSO_TCPV6};

	for (unsigned taken = 0; taken < 2; taken++) {
		struct bench *b = start_bench(VIRTIO_NET_F_CSUM | feature[taken]);

		for (unsigned asked = 0; asked < 2; asked++) {
			struct net_hdr h = {.flags = 1, .gso_type = type[asked], .gso_size = 1448, .csum_start = 34};

			make_frame(b, 100);
			memcpy(b->sent, &h, NET_HDR_SIZE);
			tx(b, 100, NULL, 0, false);
			/* ECN was not negotiated for either. */
			b->sent[1] |= NET_HDR_GSO_ECN;
			tx(b, 100, NULL, 0, false);
			b->sent[1] = type[asked];
			rounds(b, 2);
			if (asked == taken)
				assert_host_gets(b, 100);
			assert_host_gets_nothing(b);
		}
		close_bench(b);
	}
}

/* A frame that the host refuses is lost, and counts as that; the next one is sent. */
static void a_send_that_fails(void **state)
{
	struct bench *b = start_bench(ALL);

	make_frame(b, 100);
	b->fake.send_error = -EIO;
	tx(b, 100, NULL, 0, false);
	rounds(b, 2);
	assert_int_equal(drain_used(b, VIRTIO_NET_TX), 1);
	assert_int_equal(b->net.stats.tx_dropped, 1);
	assert_int_equal(b->net.stats.tx_frames, 0);
	assert_int_equal(virtio_payload(&b->net.dev).from_guest, 0);
	assert_int_equal(link_status(b), 1);
	b->fake.send_error = 0;
	tx(b, 100, NULL, 0, false);
	rounds(b, 2);
	assert_host_gets(b, 100);
	assert_int_equal(b->net.stats.tx_frames, 1);
	assert_int_equal(b->net.stats.tx_dropped, 1);
	/* With the other side gone nothing is tried any more. */
	b->fake.send_error = -ENOTCONN;
	tx(b, 100, NULL, 0, false);
	rounds(b, 2);
	assert_int_equal(link_status(b), 0);
	assert_int_equal(b->fake.sends, 3);
	tx(b, 100, NULL, 0, false);
	rounds(b, 2);
	assert_int_equal(b->fake.sends, 3);
	assert_int_equal(b->net.stats.tx_dropped, 3);
	assert_int_equal(drain_used(b, VIRTIO_NET_TX), 3);
	close_bench(b);
}

static void frames_of_no_size(void **state)
{
	struct bench *b = start_bench(ALL);

	make_frame(b, NET_FRAME_MAX);
	tx(b, 0, NULL, 0, false);
	tx(b, NET_FRAME_MIN - 1, NULL, 0, false);
	rounds(b, 2);
	assert_int_equal(drain_used(b, VIRTIO_NET_TX), 2);
	/* One byte more than the largest: the same memory twice. */
	{
		uint64_t gpa = vqd_alloc(&b->d, NET_FRAME_MAX, 16);
		struct vqd_buf buf[2] = {{gpa, NET_FRAME_MAX, false}, {gpa, NET_HDR_SIZE + 1, false}};

		assert_int_equal(vqd_request(&b->d, VIRTIO_NET_TX, buf, 2, false), 0);
	}
	assert_int_equal(b->net.stats.tx_dropped, 3);
	assert_host_gets_nothing(b);
	assert_int_equal(vqd_get(&b->d, VQD_STATUS) & VQD_NEEDS_RESET, 0);
	close_bench(b);
}

static void rules_of_the_device(void **state)
{
	struct bench *b = start_bench(ALL);
	struct vqd_buf buf = {vqd_alloc(&b->d, 64, 16), NET_HDR_SIZE - 1, false};

	vqd_offer(&b->d, VIRTIO_NET_TX, vqd_add(&b->d, VIRTIO_NET_TX, &buf, 1, false));
	vqd_kick(&b->d, VIRTIO_NET_TX);
	rounds(b, 2);
	assert_true(vqd_get(&b->d, VQD_STATUS) & VQD_NEEDS_RESET);
	/* A reset heals it. */
	assert_true(vqd_start(&b->d, ALL));
	rounds(b, 2);
	make_frame(b, 60);
	tx(b, 60, NULL, 0, false);
	rounds(b, 2);
	assert_host_gets(b, 60);
	buf.write = true;
	vqd_offer(&b->d, VIRTIO_NET_RX, vqd_add(&b->d, VIRTIO_NET_RX, &buf, 1, false));
	vqd_kick(&b->d, VIRTIO_NET_RX);
	rounds(b, 2);
	assert_true(vqd_get(&b->d, VQD_STATUS) & VQD_NEEDS_RESET);
	close_bench(b);
}

static void a_slow_host_holds_the_driver_up(void **state)
{
	struct bench *b = start_bench(ALL | VIRTIO_F_EVENT_IDX);
	unsigned at_host = 0, sends;

	make_frame(b, 1000);
	for (unsigned i = 0; i < 250; i++)
		tx(b, 1000, NULL, 0, false);
	rounds(b, 8);
	assert_true(b->fake.backend.blocked);
	sends = b->fake.sends;
	rounds(b, 20);
	assert_int_equal(b->fake.sends, sends); /* it waits, and does not try again and again */
	for (unsigned i = 0; i < 2000 && at_host < 250; i++) {
		while (read(b->host, b->got, sizeof(b->got)) == NET_HDR_SIZE + 1000)
			at_host++;
		rounds(b, 1);
	}
	assert_int_equal(at_host, 250);
	assert_int_equal(drain_used(b, VIRTIO_NET_TX), 250);
	assert_int_equal(b->net.stats.tx_dropped, 0);
	close_bench(b);
}

static void receives_into_one_buffer_or_many(void **state)
{
	struct bench *b = start_bench(ALL);
	uint64_t gpa = post(b, 64, 2048, 1);

	host_sends(b, 60);
	rounds(b, 2);
	assert_guest_has(b, gpa, 2048, 1, 60);
	assert_true(vqd_interrupted(&b->d));
	gpa += 2048;
	/* Ten times what was offered to the backend at once, and then what it is offered after a large frame. */
	for (unsigned i = 0; i < 2; i++) {
		host_sends(b, 40000);
		rounds(b, 2);
		assert_guest_has(b, gpa, 2048, 20, 40000);
		gpa += (uint64_t)20 * 2048;
	}
	/* To the last byte of a buffer, and one more. */
	host_sends(b, 2048 - NET_HDR_SIZE);
	host_sends(b, 2048 - NET_HDR_SIZE + 1);
	rounds(b, 2);
	make_frame(b, 2048 - NET_HDR_SIZE);
	assert_guest_has(b, gpa, 2048, 1, 2048 - NET_HDR_SIZE);
	make_frame(b, 2048 - NET_HDR_SIZE + 1);
	assert_guest_has(b, gpa + 2048, 2048, 2, 2048 - NET_HDR_SIZE + 1);
	assert_int_equal(b->net.stats.rx_frames, 5);
	assert_int_equal(virtio_payload(&b->net.dev).to_guest, 60 + 2 * 40000 + 2 * (2048 - NET_HDR_SIZE) + 1);
	assert_int_equal(b->net.stats.rx_dropped, 0);
	close_bench(b);
}

static void tiny_pieces(void **state)
{
	/* Down to what holds a header and nothing else. */
	for (uint32_t size = NET_HDR_SIZE; size < NET_HDR_SIZE + 2; size++) {
		struct bench *b = start_bench(ALL);
		uint64_t gpa = post(b, 18, size, size); /* each buffer so many descriptors of one byte */

		host_sends(b, 100);
		rounds(b, 2);
		assert_guest_has(b, gpa, size, (NET_HDR_SIZE + 100 + size - 1) / size, 100);
		close_bench(b);
	}
}

static void a_frame_waits_for_buffers(void **state)
{
	struct bench *b = start_bench(ALL | VIRTIO_F_EVENT_IDX);
	uint64_t gpa = vqd_alloc(&b->d, 0, 16);
	uint16_t head;
	uint32_t len;
	unsigned receives;

	/* Nothing at all, then too few, then enough; the addresses follow each other. */
	host_sends(b, 9000);
	rounds(b, 2);
	receives = b->fake.receives;
	rounds(b, 20);
	assert_int_equal(b->fake.receives, receives); /* no busy loop */
	gpa = post(b, 2, 2048, 1);
	assert_false(vqd_used(&b->d, VIRTIO_NET_RX, &head, &len));
	receives = b->fake.receives;
	rounds(b, 20);
	assert_int_equal(b->fake.receives, receives);
	post(b, 2, 2048, 1);
	assert_false(vqd_used(&b->d, VIRTIO_NET_RX, &head, &len));
	post(b, 1, 2048, 1);
	assert_guest_has(b, gpa, 2048, 5, 9000);
	assert_int_equal(b->net.stats.rx_dropped, 0);
	close_bench(b);
}

static void what_never_fits_is_dropped(void **state)
{
	struct bench *b = open_bench(NET_OFFLOADS);
	uint64_t gpa;

	/* A queue of four small buffers: mergeable, and still not enough. */
	assert_true(vqd_negotiate(&b->d, ALL));
	assert_true(vqd_queue_setup(&b->d, VIRTIO_NET_RX, 4) && vqd_queue_setup(&b->d, VIRTIO_NET_TX, 4));
	vqd_set(&b->d, VQD_STATUS, vqd_get(&b->d, VQD_STATUS) | VQD_DRIVER_OK);
	rounds(b, 2);
	gpa = post(b, 4, 100, 1);
	host_sends(b, 5000);
	host_sends(b, 150);
	rounds(b, 3);
	assert_int_equal(b->net.stats.rx_dropped, 1);
	assert_guest_has(b, gpa, 100, 2, 150);
	close_bench(b);

	/* Not mergeable: one buffer has to do. */
	b = start_bench(ALL & ~VIRTIO_NET_F_MRG_RXBUF);
	gpa = post(b, 4, 1526, 2);
	host_sends(b, 1515);
	host_sends(b, 1514);
	rounds(b, 3);
	assert_int_equal(b->net.stats.rx_dropped, 1);
	assert_guest_has(b, gpa, 1526, 1, 1514);
	close_bench(b);
}

/* 5.1.4.1: the MTU is the link's, and a larger frame is not passed on unless it will be segmented. */
static void mtu_of_the_link(void **state)
{
	struct bench *b = open_bench_of(NET_OFFLOADS, 1400);
	uint64_t gpa;

	assert_int_equal(vqd_features(&b->d) & 0xfffff, 0x1bba3 | 1 << 3);
	assert_int_equal(vqd_in(&b->d, VQD_CONFIG + 10, 2), 1400);
	assert_true(vqd_start(&b->d, ALL | VIRTIO_NET_F_MTU));
	rounds(b, 2);
	gpa = post(b, 4, 16384, 1);
	/* An Ethernet header and a VLAN tag are on top. */
	host_sends(b, 1400 + 18);
	rounds(b, 2);
	assert_guest_has(b, gpa, 16384, 1, 1400 + 18);
	host_sends(b, 1400 + 19);
	rounds(b, 2);
	assert_int_equal(drain_used(b, VIRTIO_NET_RX), 0);
	assert_int_equal(b->net.stats.rx_dropped, 1);
	make_frame(b, 9000);
	memcpy(b->sent,
		&(struct net_hdr){.flags = NET_HDR_F_NEEDS_CSUM,
			.gso_type = NET_HDR_GSO_TCPV4,
			.hdr_len = 54,
			.gso_size = 1300,
			.csum_start = 34,
			.csum_offset = 16},
		NET_HDR_SIZE);
	assert_int_equal(write(b->host, b->sent, NET_HDR_SIZE + 9000), NET_HDR_SIZE + 9000);
	rounds(b, 2);
	assert_guest_has(b, gpa + 16384, 16384, 1, 9000);
	close_bench(b);
}

/* What the other side says is no frame, whatever it is. */
static void lengths_that_no_frame_has(void **state)
{
	static const uint8_t much[NET_HDR_SIZE + NET_FRAME_MAX + 100];
	static const size_t bad[] = {
		1, NET_HDR_SIZE, NET_HDR_SIZE + NET_FRAME_MIN - 1, NET_HDR_SIZE + NET_FRAME_MAX + 1};
	struct bench *b = start_bench(ALL);
	int size = 1 << 20;
	uint64_t gpa = post(b, 40, 2048, 1);

	setsockopt(b->host, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_int_equal(write(b->host, much, bad[i]), bad[i]);
		rounds(b, 2);
		assert_int_equal(b->net.stats.rx_dropped, i + 1);
	}
	assert_int_equal(b->net.stats.rx_frames, 0);
	host_sends(b, NET_FRAME_MIN);
	rounds(b, 2);
	assert_guest_has(b, gpa, 2048, 1, NET_FRAME_MIN);
	host_sends(b, NET_FRAME_MAX);
	rounds(b, 2);
	assert_guest_has(b, gpa + 2048, 2048, (NET_HDR_SIZE + NET_FRAME_MAX + 2047) / 2048, NET_FRAME_MAX);
	close_bench(b);
}

static void offloads_that_were_not_taken(void **state)
{
	struct net_hdr h = {
		.flags = 1, .gso_type = NET_HDR_GSO_TCPV4, .gso_size = 1448, .csum_start = 34, .csum_offset = 16};
	struct bench *b = start_bench(ALL & ~VIRTIO_NET_F_GUEST_TSO4);
	uint64_t gpa = post(b, 8, 2048, 1);

	assert_int_equal(b->fake.offloads_set, NET_OFFLOADS_TO_GUEST & ~VIRTIO_NET_F_GUEST_TSO4);
	make_frame(b, 200);
	memcpy(b->sent, &h, sizeof(h));
	assert_int_equal(write(b->host, b->sent, NET_HDR_SIZE + 200), NET_HDR_SIZE + 200);
	rounds(b, 2);
	assert_int_equal(b->net.stats.rx_dropped, 1);
	h.gso_type = NET_HDR_GSO_TCPV6;
	memcpy(b->sent, &h, sizeof(h));
	assert_int_equal(write(b->host, b->sent, NET_HDR_SIZE + 200), NET_HDR_SIZE + 200);
	rounds(b, 2);
	assert_guest_has(b, gpa, 2048, 1, 200);
	assert_memory_equal(vqd_ptr(&b->d, gpa), &h, 10);
	close_bench(b);

	/* "Data valid" is only for a driver that has negotiated checksums. */
	b = start_bench(VIRTIO_NET_F_MRG_RXBUF);
	gpa = post(b, 8, 2048, 1);
	make_frame(b, 200);
	b->sent[0] = NET_HDR_F_DATA_VALID;
	assert_int_equal(write(b->host, b->sent, NET_HDR_SIZE + 200), NET_HDR_SIZE + 200);
	rounds(b, 2);
	assert_guest_has(b, gpa, 2048, 1, 200);
	assert_int_equal(*(uint8_t *)vqd_ptr(&b->d, gpa), 0);
	close_bench(b);
}

static void no_allocation_on_the_way(void **state)
{
	struct bench *b = start_bench(ALL);
	unsigned before;

	post(b, 200, 2048, 1);
	make_frame(b, 1514);
	before = allocations;
	for (unsigned i = 0; i < 50; i++) {
		tx(b, 1514, NULL, 0, false);
		rounds(b, 2);
		assert_host_gets(b, 1514);
		host_sends(b, 1514);
		rounds(b, 2);
	}
	assert_int_equal(b->net.stats.rx_frames, 50);
	assert_int_equal(b->net.stats.tx_frames, 50);
	assert_int_equal(allocations, before);
	close_bench(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_it_offers),
		cmocka_unit_test(sends_whatever_the_cuts),
		cmocka_unit_test(the_header_reaches_the_host_checked),
		cmocka_unit_test(a_wrong_hint_costs_no_frame),
		cmocka_unit_test(each_segmentation_is_negotiated),
		cmocka_unit_test(a_send_that_fails),
		cmocka_unit_test(frames_of_no_size),
		cmocka_unit_test(rules_of_the_device),
		cmocka_unit_test(a_slow_host_holds_the_driver_up),
		cmocka_unit_test(receives_into_one_buffer_or_many),
		cmocka_unit_test(tiny_pieces),
		cmocka_unit_test(a_frame_waits_for_buffers),
		cmocka_unit_test(what_never_fits_is_dropped),
		cmocka_unit_test(mtu_of_the_link),
		cmocka_unit_test(lengths_that_no_frame_has),
		cmocka_unit_test(offloads_that_were_not_taken),
		cmocka_unit_test(no_allocation_on_the_way),
	};

	return run_group(tests);
}
