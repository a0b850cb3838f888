// SPDX-License-Identifier: Apache-2.0
/*
 * No request of the small devices allocates. (Of disks: test_virtio_blk_host.c; of network devices:
 * test_virtio_net.c.)
 */
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "devices/virtio/balloon.h"
#include "devices/virtio/console.h"
#include "devices/virtio/rng.h"
#include "devices/virtio/vsock.h"
#include "tests/support/alloc_watch.h"
#include "tests/support/unit.h"
#include "tests/support/vq_driver.h"
#include "tests/support/vsock_answers.h"
#include "vmm/base/le.h"

#define ROUNDS 100

/* A request that may stay unanswered for a while. */
static void offer(struct vq_driver *d, unsigned queue, const struct vqd_buf *buf, unsigned nr)
{
	vqd_offer(d, queue, vqd_add(d, queue, buf, nr, false));
	vqd_kick(d, queue);
	vqd_run(d);
}

static unsigned answered(struct vq_driver *d, unsigned queue)
{
	uint16_t head;
	uint32_t len;
	unsigned n = 0;

	while (vqd_used(d, queue, &head, &len))
		n++;
	return n;
}

static void rng(void **state)
{
	int noise = open("/dev/urandom", O_RDONLY | O_CLOEXEC);
	struct virtio_rng rng;
	struct vq_driver d;
	struct vqd_buf buf;
	unsigned before;

	assert_true(noise >= 0);
	vqd_init(&d, MIB);
	assert_int_equal(virtio_rng_init(&rng, noise, &d.mem, d.loop, d.trace), 0);
	vqd_attach(&d, &rng.dev);
	assert_true(vqd_start(&d, VIRTIO_F_EVENT_IDX));
	buf = (struct vqd_buf){vqd_alloc(&d, 16, 1), 16, true};
	before = allocations;
	assert_true(before > 0); /* the doors are watched: making RAM and the loop goes through them */
	for (unsigned i = 0; i < ROUNDS; i++)
		assert_int_equal(vqd_request(&d, 0, &buf, 1, false), 16);
	assert_int_equal(allocations, before);
	vqd_detach(&d);
	virtio_rng_destroy(&rng);
	vqd_destroy(&d);
	close(noise);
}

static size_t swallow(struct char_host *h, const uint8_t *data, size_t n)
{
	return n;
}

static void rx_room(struct char_host *h)
{
}

static void console(void **state)
{
	struct char_host host = {.tx = swallow, .rx_room = rx_room};
	struct virtio_console console;
	struct vqd_buf in, out;
	struct vq_driver d;
	unsigned before;

	vqd_init(&d, MIB);
	assert_int_equal(virtio_console_init(&console, &host, &d.mem, d.loop, d.trace), 0);
	vqd_attach(&d, &console.dev);
	assert_true(vqd_start(&d, VIRTIO_F_EVENT_IDX));
	in = (struct vqd_buf){vqd_alloc(&d, 64, 1), 64, true};
	out = (struct vqd_buf){vqd_alloc(&d, 64, 1), 64, false};
	before = allocations;
	/* What is typed waits, for a queue that is filled or for a while; then the first buffer takes it. */
	assert_int_equal(console.guest.rx(&console.guest, (const uint8_t *)"typed", 5), 0);
	offer(&d, 0, &in, 1);
	console.ask.fired(&console.ask);
	assert_int_equal(console.guest.rx(&console.guest, (const uint8_t *)"typed", 5), 5);
	assert_int_equal(answered(&d, 0), 1);
	for (unsigned i = 0; i < ROUNDS; i++) {
		assert_int_equal(vqd_request(&d, 1, &out, 1, false), 0);
		offer(&d, 0, &in, 1);
		assert_int_equal(console.guest.rx(&console.guest, (const uint8_t *)"typed", 5), 5);
		assert_int_equal(answered(&d, 0), 1);
	}
	assert_int_equal(allocations, before);
	vqd_detach(&d);
	virtio_console_destroy(&console);
	vqd_destroy(&d);
}

#define BIG_GPA  (UINT64_C(1) << 32)
#define BIG_SIZE (8 * MIB)

static void balloon(void **state)
{
	struct virtio_balloon balloon;
	struct vqd_buf pages, stats, report = {BIG_GPA + 4 * MIB, 2 * MIB, true};
	struct vq_driver d;
	unsigned before;
	uint8_t *big;

	vqd_init(&d, MIB);
	big = mmap(NULL, BIG_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(big, MAP_FAILED);
	assert_int_equal(
		gmem_add(&d.mem, &(struct gmem_region){.gpa = BIG_GPA, .size = BIG_SIZE, .host = big, .fd = -1}), 0);
	assert_int_equal(virtio_balloon_init(&balloon, VIRTIO_BALLOON_PAGE, 0, &d.mem, d.loop, d.trace), 0);
	vqd_attach(&d, &balloon.dev);
	assert_true(vqd_start(&d, VIRTIO_BALLOON_F_STATS_VQ | VIRTIO_BALLOON_F_PAGE_REPORTING | VIRTIO_F_EVENT_IDX));
	pages = (struct vqd_buf){vqd_alloc(&d, 256, 4), 256, false};
	for (unsigned i = 0; i < 64; i++)
		le32_put((uint8_t *)vqd_ptr(&d, pages.gpa) + (size_t)4 * i, (uint32_t)(BIG_GPA >> 12) + i);
	stats = (struct vqd_buf){vqd_alloc(&d, 20, 4), 20, false};
	before = allocations;
	for (unsigned i = 0; i < ROUNDS; i++) {
		memset(big, 'x', 64 * VIRTIO_BALLOON_PAGE);
		assert_int_equal(vqd_request(&d, 0, &pages, 1, false), 0);
		assert_int_equal(vqd_request(&d, 1, &pages, 1, false), 0);
		assert_int_equal(big[0], 0);
		offer(&d, 2, &stats, 1);
		balloon.poll.fired(&balloon.poll);
		assert_int_equal(answered(&d, 2), 1);
		vqd_request(&d, 4, &report, 1, false);
	}
	assert_int_equal(allocations, before);
	vqd_detach(&d);
	virtio_balloon_destroy(&balloon);
	vqd_destroy(&d);
	munmap(big, BIG_SIZE);
}

#define CID 42

static int peer = -1;
static struct vsock_answers answers;

static int host_connect(struct vsock_host *h, uint32_t ticket, uint32_t port)
{
	int fd[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fd), 0);
	peer = fd[0];
	return vsock_answers_add(&answers, ticket, fd[1]);
}

static void host_answered(struct vsock_host *h, int fd, uint32_t port)
{
}

/* A packet of guest port `port` to host port 80, with `len` bytes behind its header at `gpa`. */
static void post(struct vq_driver *d, uint64_t gpa, uint32_t port, uint16_t op, uint32_t len)
{
	struct vqd_buf buf = {gpa, VIRTIO_VSOCK_HDR_SIZE + len, false};
	uint8_t *raw = vqd_ptr(d, gpa);

	memset(raw, 0, VIRTIO_VSOCK_HDR_SIZE);
	le64_put(raw, CID);
	le64_put(raw + 8, VIRTIO_VSOCK_HOST_CID);
	le32_put(raw + 16, port);
	le32_put(raw + 20, 80);
	le32_put(raw + 24, len);
	le16_put(raw + 28, VIRTIO_VSOCK_TYPE_STREAM);
	le16_put(raw + 30, op);
	le32_put(raw + 36, 65536);
	offer(d, 1, &buf, 1);
	assert_int_equal(answered(d, 1), 1);
}

/* Connections too: their number is bounded, and all of them are part of the device. */
static void vsock(void **state)
{
	struct vsock_host host = {.connect = host_connect, .answered = host_answered};
	static struct virtio_vsock vsock;
	struct vq_driver d;
	struct vqd_buf rx;
	unsigned before;
	uint64_t tx;
	char text[8];

	vqd_init(&d, MIB);
	assert_int_equal(virtio_vsock_init(&vsock, CID, &host, &d.mem, d.loop, d.trace), 0);
	vsock_answers_init(&answers, &vsock, d.loop);
	vqd_attach(&d, &vsock.dev);
	assert_true(vqd_start(&d, VIRTIO_F_EVENT_IDX));
	rx = (struct vqd_buf){vqd_alloc(&d, 4096, 8), 4096, true};
	tx = vqd_alloc(&d, 4096, 8);
	for (unsigned i = 0; i < 16; i++)
		offer(&d, 0, &rx, 1);
	before = allocations;
	for (unsigned i = 0; i < ROUNDS; i++) {
		post(&d, tx, 1000 + i, VIRTIO_VSOCK_OP_REQUEST, 0);
		assert_true(peer >= 0);
		offer(&d, 0, &rx, 1);
		memcpy((uint8_t *)vqd_ptr(&d, tx) + VIRTIO_VSOCK_HDR_SIZE, "from us", 7);
		post(&d, tx, 1000 + i, VIRTIO_VSOCK_OP_RW, 7);
		assert_int_equal(read(peer, text, sizeof(text)), 7);
		assert_int_equal(write(peer, "to us", 5), 5);
		vqd_run(&d);
		offer(&d, 0, &rx, 1);
		/* The answer to the request, and the data, at least. */
		assert_true(answered(&d, 0) >= 2);
		post(&d, tx, 1000 + i, VIRTIO_VSOCK_OP_RST, 0);
		close(peer);
		peer = -1;
	}
	assert_int_equal(allocations, before);
	vqd_detach(&d);
	vsock_answers_destroy(&answers);
	virtio_vsock_destroy(&vsock);
	vqd_destroy(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rng),
		cmocka_unit_test(console),
		cmocka_unit_test(balloon),
		cmocka_unit_test(vsock),
	};

	return run_group(tests);
}
