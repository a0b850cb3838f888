/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The network device between the driver mock and a backend whose other side is a datagram socket of the test: one
 * datagram is a frame with its header. Its queue is short, so that a slow host blocks for real. For the tests of frames
 * (test_virtio_net.c) and of resets, links and turns (test_virtio_net_resets.c).
 */
#ifndef TESTS_UNIT_DEVICES_NET_BENCH_H
#define TESTS_UNIT_DEVICES_NET_BENCH_H

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

#define GIFT 60000

struct bench;
static inline bool asks_for_kicks(const struct bench *b, unsigned queue);
static inline void reset_by_driver(struct bench *b);

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

static inline int fake_send(struct net_backend *b, struct iovec *iov, size_t nr, size_t bytes)
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

static inline ssize_t fake_receive(struct net_backend *b, const struct iovec *iov, size_t nr)
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

static inline int fake_flush(struct net_backend *b)
{
	if (container_of(b, struct fake, backend)->flush_fails)
		return -ENOTCONN; /* as passt's: it says so and changes nothing */
	b->blocked = false;
	return 0;
}

static inline void fake_set_offload(struct net_backend *b, uint64_t features);

static inline void fake_destroy(struct net_backend *b)
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

static inline void fake_set_offload(struct net_backend *b, uint64_t features)
{
	struct fake *f = container_of(b, struct fake, backend);

	f->offloads_set = features;
	f->offload_calls++;
	if (f->reset_meanwhile)
		reset_by_driver(container_of(f, struct bench, fake));
	f->reset_meanwhile = false;
}

/* From a vCPU's thread, which only waits for the device's lock. */
static inline void reset_by_driver(struct bench *b)
{
	vqd_set(&b->d, VQD_STATUS, 0);
}

static const uint8_t mac[VIRTIO_NET_MAC_SIZE] = {2, 1, 2, 3, 4, 5};

/* In the flags of the used ring, which count where EVENT_IDX was not negotiated (2.7.10). */
static inline bool asks_for_kicks(const struct bench *b, unsigned queue)
{
	return !le16_get(b->d.ram + (b->d.queue[queue].used - VQD_RAM_START));
}

static inline struct bench *open_bench_of(uint64_t offload, uint16_t mtu)
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

static inline struct bench *open_bench(uint64_t offload)
{
	return open_bench_of(offload, 0);
}

static inline void rounds(struct bench *b, unsigned n)
{
	while (n--)
		vqd_run(&b->d);
}

static inline struct bench *start_bench(uint64_t features)
{
	struct bench *b = open_bench(NET_OFFLOADS);

	assert_true(vqd_start(&b->d, features));
	rounds(b, 2);
	return b;
}

static inline void close_bench(struct bench *b)
{
	vqd_detach(&b->d);
	virtio_net_destroy(&b->net);
	vqd_destroy(&b->d);
	if (b->host >= 0)
		close(b->host);
	free(b);
}

/* A frame of `size` bytes with a header of zeroes in front, in b->sent. */
static inline void make_frame(struct bench *b, size_t size)
{
	memset(b->sent, 0, NET_HDR_SIZE);
	for (size_t i = 0; i < size; i++)
		b->sent[NET_HDR_SIZE + i] = (uint8_t)(i * 7 + size);
}

/* Offers b->sent to the transmit queue, in descriptors of these sizes, the last with the rest; kicks. */
static inline void tx(struct bench *b, size_t size, const uint32_t *cut, unsigned cuts, bool indirect)
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

static inline unsigned drain_used(struct bench *b, unsigned queue)
{
	uint16_t head;
	uint32_t len;
	unsigned n = 0;

	for (; vqd_used(&b->d, queue, &head, &len); n++)
		;
	return n;
}

static inline void assert_host_gets(struct bench *b, size_t size)
{
	assert_int_equal(read(b->host, b->got, sizeof(b->got)), NET_HDR_SIZE + size);
	assert_memory_equal(b->got, b->sent, NET_HDR_SIZE + size);
}

static inline void assert_host_gets_nothing(struct bench *b)
{
	assert_int_equal(read(b->host, b->got, sizeof(b->got)), -1);
	assert_int_equal(errno, EAGAIN);
}

/*
 * Gives the driver's receive queue `nr` buffers of `size` bytes, in `pieces` descriptors each. Return: the first's
 * address.
 */
static inline uint64_t post(struct bench *b, unsigned nr, uint32_t size, unsigned pieces)
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

static inline void host_sends(struct bench *b, size_t size)
{
	make_frame(b, size);
	assert_int_equal(write(b->host, b->sent, NET_HDR_SIZE + size), NET_HDR_SIZE + size);
}

/* The next `k` used buffers, which follow each other in RAM from `gpa`, hold b->sent. */
static inline void assert_guest_has(struct bench *b, uint64_t gpa, uint32_t buffer, unsigned k, size_t size)
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

static inline uint16_t link_status(struct bench *b)
{
	return (uint16_t)vqd_in(&b->d, VQD_CONFIG + 6, 2);
}

#endif
