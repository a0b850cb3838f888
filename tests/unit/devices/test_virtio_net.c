// SPDX-License-Identifier: Apache-2.0
/*
 * The network device between the driver mock and a backend whose other side is a datagram socket of the test: one
 * datagram is a frame with its header. Its queue is short, so that a slow host blocks for real.
 */
#include "tests/support/unit.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>

#include "devices/virtio/net.h"
#include "tests/support/vq_driver.h"
#include "vmm/base/le.h"

#define ALL (NET_OFFLOADS | VIRTIO_NET_F_MAC | VIRTIO_NET_F_STATUS | VIRTIO_NET_F_MRG_RXBUF)

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

#define GIFT 60000

struct bench;
static bool asks_for_kicks(const struct bench *b, unsigned queue);
static void reset_by_driver(struct bench *b);

struct fake {
	struct net_backend backend;
	uint64_t offloads_set;
	unsigned offload_calls;
	unsigned sends, receives;
	bool flush_fails;
	int send_error;       /* what a send ends with, below zero */
	int receive_error;    /* and what a receive does */
	bool reset_meanwhile; /* the driver resets the device while offloads are set */
	bool sink;            /* what is sent is gone */
	unsigned gifts;       /* frames of GIFT bytes that come from nowhere */
	unsigned noisy;       /* sends while the driver was asked to kick */
	struct bench *noticer;
};

static int fake_send(struct net_backend *b, struct iovec *iov, size_t nr, size_t bytes)
{
	struct fake *f = container_of(b, struct fake, backend);

	f->sends++;
	f->noisy += f->noticer && asks_for_kicks(f->noticer, VIRTIO_NET_TX);
	if (f->send_error || f->sink)
		return f->send_error;
	if (writev(b->fd, iov, (int)nr) >= 0)
		return 0;
	b->blocked = errno == EAGAIN;
	return errno == EPIPE || errno == ECONNRESET ? -ENOTCONN : -errno;
}

static ssize_t fake_receive(struct net_backend *b, const struct iovec *iov, size_t nr)
{
	struct fake *f = container_of(b, struct fake, backend);
	ssize_t r;

	f->receives++;
	f->noisy += f->noticer && asks_for_kicks(f->noticer, VIRTIO_NET_RX);
	if (f->receive_error)
		return f->receive_error;
	if (f->gifts) {
		f->gifts--;
		vq_write(iov, nr, 0, (const uint8_t[NET_HDR_SIZE]){0}, NET_HDR_SIZE);
		return NET_HDR_SIZE + GIFT;
	}
	r = readv(b->fd, iov, (int)nr);
	return r > 0 ? r : r == 0 ? -ENOTCONN : -errno;
}

static int fake_flush(struct net_backend *b)
{
	if (container_of(b, struct fake, backend)->flush_fails)
		return -ENOTCONN; /* as passt's: it says so and changes nothing */
	b->blocked = false;
	return 0;
}

static void fake_set_offload(struct net_backend *b, uint64_t features);

static void fake_destroy(struct net_backend *b)
{
	close(b->fd);
}

static const struct net_backend_ops fake_ops = {
	.send = fake_send,
	.receive = fake_receive,
	.flush = fake_flush,
	.set_offload = fake_set_offload,
	.destroy = fake_destroy,
};

struct bench {
	struct vq_driver d;
	struct fake fake;
	struct virtio_net net;
	int host; /* the other side */
	uint8_t sent[NET_HDR_SIZE + NET_FRAME_MAX];
	uint8_t got[NET_HDR_SIZE + NET_FRAME_MAX];
};

static void fake_set_offload(struct net_backend *b, uint64_t features)
{
	struct fake *f = container_of(b, struct fake, backend);

	f->offloads_set = features;
	f->offload_calls++;
	if (f->reset_meanwhile)
		reset_by_driver(container_of(f, struct bench, fake));
	f->reset_meanwhile = false;
}

/* From a vCPU's thread, which only waits for the device's lock. */
static void reset_by_driver(struct bench *b)
{
	vqd_set(&b->d, VQD_STATUS, 0);
}

static const uint8_t mac[VIRTIO_NET_MAC_SIZE] = {2, 1, 2, 3, 4, 5};

/* In the flags of the used ring, which count where EVENT_IDX was not negotiated (2.7.10). */
static bool asks_for_kicks(const struct bench *b, unsigned queue)
{
	return !le16_get(b->d.ram + (b->d.queue[queue].used - VQD_RAM_START));
}

static struct bench *open_bench_of(uint64_t offload, uint16_t mtu)
{
	struct bench *b = calloc(1, sizeof(*b));
	int pair[2];

	assert_non_null(b);
	vqd_init(&b->d, 4 * MIB);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, pair), 0);
	b->fake.backend = (struct net_backend){
		.ops = &fake_ops, .peer = "the test", .fd = pair[0], .offload = offload, .mtu = mtu};
	b->host = pair[1];
	assert_int_equal(virtio_net_init(&b->net, 3, mac, &b->fake.backend, &b->d.mem, b->d.loop, b->d.trace), 0);
	vqd_attach(&b->d, &b->net.dev);
	return b;
}

static struct bench *open_bench(uint64_t offload)
{
	return open_bench_of(offload, 0);
}

static void rounds(struct bench *b, unsigned n)
{
	while (n--)
		vqd_run(&b->d);
}

static struct bench *start_bench(uint64_t features)
{
	struct bench *b = open_bench(NET_OFFLOADS);

	assert_true(vqd_start(&b->d, features));
	rounds(b, 2);
	return b;
}

static void close_bench(struct bench *b)
{
	vqd_detach(&b->d);
	virtio_net_destroy(&b->net);
	vqd_destroy(&b->d);
	if (b->host >= 0)
		close(b->host);
	free(b);
}

/* A frame of `size` bytes with a header of zeroes in front, in b->sent. */
static void make_frame(struct bench *b, size_t size)
{
	memset(b->sent, 0, NET_HDR_SIZE);
	for (size_t i = 0; i < size; i++)
		b->sent[NET_HDR_SIZE + i] = (uint8_t)(i * 7 + size);
}

/* Offers b->sent to the transmit queue, in descriptors of these sizes, the last with the rest; kicks. */
static void tx(struct bench *b, size_t size, const uint32_t *cut, unsigned cuts, bool indirect)
{
	uint64_t gpa = vqd_alloc(&b->d, NET_HDR_SIZE + size, 16);
	struct vqd_buf buf[16];
	uint32_t at = 0;

	memcpy(vqd_ptr(&b->d, gpa), b->sent, NET_HDR_SIZE + size);
	for (unsigned i = 0; i < cuts; at += cut[i++])
		buf[i] = (struct vqd_buf){gpa + at, cut[i], false};
	buf[cuts] = (struct vqd_buf){gpa + at, (uint32_t)(NET_HDR_SIZE + size) - at, false};
	vqd_offer(&b->d, VIRTIO_NET_TX, vqd_add(&b->d, VIRTIO_NET_TX, buf, cuts + 1, indirect));
	vqd_kick(&b->d, VIRTIO_NET_TX);
}

static unsigned drain_used(struct bench *b, unsigned queue)
{
	uint16_t head;
	uint32_t len;
	unsigned n = 0;

	for (; vqd_used(&b->d, queue, &head, &len); n++)
		;
	return n;
}

static void assert_host_gets(struct bench *b, size_t size)
{
	assert_int_equal(read(b->host, b->got, sizeof(b->got)), NET_HDR_SIZE + size);
	assert_memory_equal(b->got, b->sent, NET_HDR_SIZE + size);
}

static void assert_host_gets_nothing(struct bench *b)
{
	assert_int_equal(read(b->host, b->got, sizeof(b->got)), -1);
	assert_int_equal(errno, EAGAIN);
}

/*
 * Gives the driver's receive queue `nr` buffers of `size` bytes, in `pieces` descriptors each. Return: the first's
 * address.
 */
static uint64_t post(struct bench *b, unsigned nr, uint32_t size, unsigned pieces)
{
	uint64_t first = vqd_alloc(&b->d, (uint64_t)nr * size, 16);

	for (unsigned i = 0; i < nr; i++) {
		struct vqd_buf buf[16];
		uint32_t part = size / pieces;

		for (unsigned p = 0; p < pieces; p++)
			buf[p] = (struct vqd_buf){
				first + i * size + p * part, p + 1 < pieces ? part : size - p * part, true};
		vqd_offer(&b->d, VIRTIO_NET_RX, vqd_add(&b->d, VIRTIO_NET_RX, buf, pieces, false));
	}
	vqd_kick(&b->d, VIRTIO_NET_RX);
	rounds(b, 2);
	return first;
}

static void host_sends(struct bench *b, size_t size)
{
	make_frame(b, size);
	assert_int_equal(write(b->host, b->sent, NET_HDR_SIZE + size), NET_HDR_SIZE + size);
}

/* The next `k` used buffers, which follow each other in RAM from `gpa`, hold b->sent. */
static void assert_guest_has(struct bench *b, uint64_t gpa, uint32_t buffer, unsigned k, size_t size)
{
	const uint8_t *at = vqd_ptr(&b->d, gpa);
	uint32_t left = NET_HDR_SIZE + (uint32_t)size, len;
	uint16_t head;

	for (unsigned i = 0; i < k; i++) {
		assert_true(vqd_used(&b->d, VIRTIO_NET_RX, &head, &len));
		assert_int_equal(len, MIN(left, buffer));
		left -= len;
	}
	assert_int_equal(left, 0);
	assert_int_equal(le16_get(at + 10), k);
	assert_memory_equal(at + NET_HDR_SIZE, b->sent + NET_HDR_SIZE, size);
}

static uint16_t link_status(struct bench *b)
{
	return (uint16_t)vqd_in(&b->d, VQD_CONFIG + 6, 2);
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

/* 5.1.4.1: the MTU is the link's, and a frame beyond it is not passed on unless it is to be segmented. */
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

	/* "Data valid" is for who took the checksum only. */
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

/* Offloads disturb the host: nothing is asked of it when nothing changes, and few things when much does. */
static void resets_cost_the_host_little(void **state)
{
	static const uint64_t wants[] = {0, VIRTIO_NET_F_GUEST_CSUM};
	struct bench *b = open_bench(NET_OFFLOADS);
	uint64_t gpa;

	/* Nothing is what it has from the start. */
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

/* The driver has changed its mind while the backend was told: what counts is the last that it wants. */
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

/* What is there at DRIVER_OK is looked at without a kick, and the host learns at once what the driver can do. */
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

/* 2.6.1: the other queue goes on with what it holds. */
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
	/* The first is found by the kick; what is found behind vq_listen() may be the last. */
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

/* A backend that finds its stream out of step has a socket that is well: the link goes down for what it says. */
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
		cmocka_unit_test(no_allocation_on_the_way),
	};

	return run_group(tests);
}
