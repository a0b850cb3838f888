// SPDX-License-Identifier: Apache-2.0
/*
 * What a device writes to RAM is marked (gmem_mark()), each way alone, in pages of its own: the used ring, a buffer
 * that preadv() or readv() fills, a status byte, a page that a balloon gives back. A reset restores what is marked, and
 * no hypervisor sees these stores.
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "devices/virtio/balloon.h"
#include "devices/virtio/blk.h"
#include "devices/virtio/net.h"
#include "devices/virtio/rng.h"
#include "tests/support/unit.h"
#include "tests/support/vq_driver.h"
#include "vmm/base/le.h"
#include "vmm/base/x86.h"

#define RAM   MIB
#define PAGES (RAM / PAGE_4K)

/** struct watched - a driver whose device's writes are compared with what is marked; @was: RAM before them */
struct watched {
	struct vq_driver d;
	uint64_t marks[PAGES / 64];
	uint8_t was[RAM];
};

static struct watched w;

static uint64_t own_page(void)
{
	return vqd_alloc(&w.d, PAGE_4K, PAGE_4K);
}

/* A used ring whose flags and index are the last bytes of a page, and its entries in the next one. */
static uint64_t two_pages(void)
{
	return vqd_alloc(&w.d, 2 * PAGE_4K, PAGE_4K) + PAGE_4K - 4;
}

/* Up to DRIVER_OK, with pages of its own for each ring. No head is 0, so that each used entry is a change. */
static void start(void)
{
	assert_true(vqd_negotiate(&w.d, 0));
	for (unsigned i = 0; i < w.d.dev->nr_queues; i++) {
		w.d.queue[i] = (struct vqd_queue){
			.size = 16, .desc = own_page(), .avail = own_page(), .used = two_pages(), .next_desc = 1};
		assert_true(vqd_queue_enable(&w.d, i));
	}
	vqd_set(&w.d, VQD_STATUS, VQD_ACKNOWLEDGE | VQD_DRIVER | VQD_FEATURES_OK | VQD_DRIVER_OK);
	vqd_run(&w.d);
}

static uint64_t page_of(uint64_t gpa)
{
	return (gpa - VQD_RAM_START) / PAGE_4K;
}

static bool is_marked(uint64_t gpa)
{
	return w.marks[page_of(gpa) / 64] & BIT(page_of(gpa) % 64);
}

static bool is_changed(uint64_t gpa)
{
	uint64_t at = page_of(gpa) * PAGE_4K;

	return memcmp(w.d.ram + at, w.was + at, PAGE_4K) != 0;
}

/* A request; from now on only the device writes. */
static void offer(unsigned queue, const struct vqd_buf *buf, unsigned nr)
{
	vqd_offer(&w.d, queue, vqd_add(&w.d, queue, buf, nr, false));
	memcpy(w.was, w.d.ram, RAM);
	memset(w.marks, 0, sizeof(w.marks));
	w.d.mem.region[0].written = w.marks;
	w.d.mem.tracked = true;
	vqd_kick(&w.d, queue);
}

/* These pages were written, and nothing that was written is not marked. */
static void assert_marked(const uint64_t *gpa, size_t nr)
{
	for (size_t i = 0; i < nr; i++) {
		assert_true(is_changed(gpa[i]));
		assert_true(is_marked(gpa[i]));
	}
	for (uint64_t at = VQD_RAM_START; at < VQD_RAM_START + RAM; at += PAGE_4K)
		if (is_changed(at) && !is_marked(at))
			fail_msg("the page at 0x%llx was written and is not marked", (unsigned long long)at);
}

static void a_disk(void **state)
{
	struct virtio_blk_params p = {.queues = 1};
	static struct disk disk;
	static struct virtio_blk blk;
	struct vqd_buf buf[3];
	uint8_t sector[2 * PAGE_4K];
	char path[32];
	int file = memfd_create("image", MFD_CLOEXEC);
	struct err e = {0};

	memset(sector, 0x5a, sizeof(sector));
	assert_int_equal(write(file, sector, sizeof(sector)), sizeof(sector));
	snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
	vqd_init(&w.d, RAM);
	assert_int_equal(disk_open(&(struct disk_params){.path = path, .logical = 512}, &disk, &e), 0);
	p.disk = &disk;
	p.mem = &w.d.mem;
	p.trace = w.d.trace;
	p.loop[0] = w.d.loop;
	assert_int_equal(virtio_blk_init(&blk, &p), 0);
	vqd_attach(&w.d, &blk.dev);
	start();
	/* Header: a read of sector 0; data over two pages; status. */
	buf[0] = (struct vqd_buf){own_page(), 16, false};
	buf[1] = (struct vqd_buf){own_page(), 2 * PAGE_4K, true};
	own_page();
	buf[2] = (struct vqd_buf){own_page(), 1, true};
	*(uint8_t *)vqd_ptr(&w.d, buf[2].gpa) = 0xee;
	offer(0, buf, 3);
	vqd_run(&w.d);
	assert_int_equal(*(uint8_t *)vqd_ptr(&w.d, buf[1].gpa), 0x5a);
	assert_marked(
		(uint64_t[]){w.d.queue[0].used, w.d.queue[0].used + 4, buf[1].gpa, buf[1].gpa + PAGE_4K, buf[2].gpa},
		5);
	vqd_detach(&w.d);
	virtio_blk_destroy(&blk);
	disk_close(&disk);
	close(file);
	vqd_destroy(&w.d);
}

static int send_nothing(struct net_backend *b, struct iovec *iov, size_t nr, size_t bytes)
{
	return 0;
}

static ssize_t receive(struct net_backend *b, const struct iovec *iov, size_t nr)
{
	ssize_t r = readv(b->fd, iov, (int)nr);

	return r > 0 ? r : -errno;
}

static int flush_nothing(struct net_backend *b)
{
	return 0;
}

static void set_nothing(struct net_backend *b, uint64_t features)
{
}

static void destroy_nothing(struct net_backend *b)
{
}

static void a_network_device(void **state)
{
	static const struct net_backend_ops ops = {.send = send_nothing,
		.receive = receive,
		.flush = flush_nothing,
		.set_offload = set_nothing,
		.destroy = destroy_nothing};
	static const uint8_t mac[VIRTIO_NET_MAC_SIZE] = {2};
	static struct virtio_net net;
	struct net_backend backend = {.ops = &ops, .peer = "the test"};
	uint8_t frame[NET_HDR_SIZE + 60] = {0};
	struct vqd_buf buf;
	int pair[2];

	memset(frame + NET_HDR_SIZE, 0x77, 60);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, pair), 0);
	backend.fd = pair[0];
	vqd_init(&w.d, RAM);
	assert_int_equal(virtio_net_init(&net, 3, mac, &backend, &w.d.mem, w.d.loop, w.d.trace), 0);
	vqd_attach(&w.d, &net.dev);
	start();
	buf = (struct vqd_buf){own_page(), 2048, true};
	offer(VIRTIO_NET_RX, &buf, 1);
	/* The buffer is taken, and may be filled at any time after that: it is marked when it is taken. */
	vqd_run(&w.d);
	assert_true(is_marked(buf.gpa));
	assert_int_equal(write(pair[1], frame, sizeof(frame)), sizeof(frame));
	vqd_run(&w.d);
	vqd_run(&w.d);
	assert_int_equal(*((uint8_t *)vqd_ptr(&w.d, buf.gpa) + NET_HDR_SIZE), 0x77);
	assert_marked((uint64_t[]){w.d.queue[VIRTIO_NET_RX].used, w.d.queue[VIRTIO_NET_RX].used + 4, buf.gpa}, 3);
	vqd_detach(&w.d);
	virtio_net_destroy(&net);
	vqd_destroy(&w.d);
	close(pair[0]);
	close(pair[1]);
}

static void an_entropy_device(void **state)
{
	static struct virtio_rng rng;
	int image = memfd_create("noise", MFD_CLOEXEC);
	struct vqd_buf buf;

	assert_int_equal(write(image, "noise", 5), 5);
	assert_int_equal(lseek(image, 0, SEEK_SET), 0);
	vqd_init(&w.d, RAM);
	assert_int_equal(virtio_rng_init(&rng, image, &w.d.mem, w.d.loop, w.d.trace), 0);
	vqd_attach(&w.d, &rng.dev);
	start();
	buf = (struct vqd_buf){own_page(), 5, true};
	offer(0, &buf, 1);
	vqd_run(&w.d);
	assert_marked((uint64_t[]){w.d.queue[0].used, w.d.queue[0].used + 4, buf.gpa}, 3);
	vqd_detach(&w.d);
	virtio_rng_destroy(&rng);
	vqd_destroy(&w.d);
	close(image);
}

static void a_balloon(void **state)
{
	static struct virtio_balloon balloon;
	struct vqd_buf buf;
	uint64_t given;
	uint8_t *heap;

	vqd_init(&w.d, RAM);
	/* What is given back has to be mapped as a machine's RAM is. */
	heap = w.d.ram;
	w.d.ram = mmap(NULL, RAM, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(w.d.ram, MAP_FAILED);
	w.d.mem.region[0].host = w.d.ram;
	assert_int_equal(virtio_balloon_init(&balloon, PAGE_4K, 0, &w.d.mem, w.d.loop, w.d.trace), 0);
	vqd_attach(&w.d, &balloon.dev);
	start();
	given = own_page();
	memset(vqd_ptr(&w.d, given), 0x33, PAGE_4K);
	buf = (struct vqd_buf){own_page(), 4, false};
	le32_put(vqd_ptr(&w.d, buf.gpa), (uint32_t)(given / PAGE_4K));
	offer(0, &buf, 1);
	vqd_run(&w.d);
	assert_int_equal(*(uint8_t *)vqd_ptr(&w.d, given), 0);
	assert_marked((uint64_t[]){w.d.queue[0].used, w.d.queue[0].used + 4, given}, 3);
	vqd_detach(&w.d);
	virtio_balloon_destroy(&balloon);
	munmap(w.d.ram, RAM);
	w.d.ram = heap;
	vqd_destroy(&w.d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_disk),
		cmocka_unit_test(a_network_device),
		cmocka_unit_test(an_entropy_device),
		cmocka_unit_test(a_balloon),
	};

	return run_group(tests);
}
