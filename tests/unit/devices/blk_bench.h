/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A virtio-blk device on an image in memory, and its driver: for the tests of what a driver may ask
 * (test_virtio_blk.c) and of what the host does (test_virtio_blk_host.c).
 */
#ifndef TESTS_UNIT_DEVICES_BLK_BENCH_H
#define TESTS_UNIT_DEVICES_BLK_BENCH_H

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "devices/virtio/blk.h"
#include "tests/support/unit.h"
#include "tests/support/vq_driver.h"
#include "vmm/base/le.h"

#define DISK_SIZE (256 * KIB)
#define SECTOR    512

enum { IN = 0, OUT = 1, FLUSH = 4, GET_ID = 8, DISCARD = 11, WRITE_ZEROES = 13 };
enum { OK, IOERR, UNSUPP, NOT_WRITTEN = 0xee };

#define F_RO         BIT(5)
#define F_FLUSH      BIT(9)
#define F_CONFIG_WCE BIT(11)
#define F_MQ         BIT(12)

struct bench {
	struct vq_driver d;
	struct disk disk;
	struct virtio_blk blk;
	int file;            /* the image, for the test */
	struct loop *second; /* with two loops: of the odd queues */
	uint64_t header, data, status;
};

struct setup {
	bool ro, overlay;
	unsigned logical, queues, loops;
	uint64_t rate;
	const char *id;
};

/* The image: sector n is full of the byte n. */
static inline int make_image(void)
{
	int fd = memfd_create("image", MFD_CLOEXEC);
	uint8_t sector[SECTOR];

	assert_true(fd >= 0);
	for (unsigned n = 0; n < DISK_SIZE / SECTOR; n++) {
		memset(sector, (int)n, sizeof(sector));
		assert_int_equal(pwrite(fd, sector, SECTOR, (off_t)n * SECTOR), SECTOR);
	}
	return fd;
}

static inline struct bench *make(const struct setup *s)
{
	struct bench *b = calloc(1, sizeof(*b));
	char path[32];
	struct disk_params dp = {
		.path = path,
		.ro = s->ro,
		.overlay = s->overlay,
		.logical = s->logical ? s->logical : SECTOR,
	};
	struct virtio_blk_params p = {
		.disk = &b->disk, .queues = s->queues ? s->queues : 1, .rate_bytes = s->rate, .id = s->id};
	struct err e = {0};

	assert_non_null(b);
	vqd_init(&b->d, 1 << 20);
	b->file = make_image();
	snprintf(path, sizeof(path), "/proc/self/fd/%d", b->file);
	if (disk_open(&dp, &b->disk, &e) < 0)
		fail_msg("%s", e.text);
	if (s->loops == 2)
		assert_int_equal(loop_new(&b->second), 0);
	p.mem = &b->d.mem;
	p.trace = b->d.trace;
	for (unsigned i = 0; i < p.queues; i++)
		p.loop[i] = i % 2 && b->second ? b->second : b->d.loop;
	assert_int_equal(virtio_blk_init(&b->blk, &p), 0);
	vqd_attach(&b->d, &b->blk.dev);
	return b;
}

static inline void alive(struct bench *b, uint64_t features)
{
	b->d.next = VQD_RAM_START;
	assert_true(vqd_start(&b->d, features));
	b->header = vqd_alloc(&b->d, 16, 1);
	b->status = vqd_alloc(&b->d, 1, 1);
	b->data = vqd_alloc(&b->d, 128 * KIB, 4096);
}

static inline struct bench *started(void)
{
	struct bench *b = make(&(struct setup){0});

	alive(b, UINT64_MAX);
	return b;
}

static inline void drop(struct bench *b)
{
	vqd_detach(&b->d);
	virtio_blk_destroy(&b->blk);
	disk_close(&b->disk);
	close(b->file);
	loop_free(b->second);
	vqd_destroy(&b->d);
	free(b);
}

static inline void put_header(struct bench *b, uint32_t type, uint64_t sector)
{
	uint8_t *h = vqd_ptr(&b->d, b->header);

	le32_put(h, type);
	le32_put(h + 4, 0);
	le64_put(h + 8, sector);
	*(uint8_t *)vqd_ptr(&b->d, b->status) = NOT_WRITTEN;
}

/* A request in the usual three parts. Return: the status; *used: the used length. */
static inline uint8_t request_on(
	struct bench *b, unsigned q, uint32_t type, uint64_t sector, uint32_t len, uint32_t *used)
{
	bool in = type == IN || type == GET_ID;
	struct vqd_buf buf[3] = {{b->header, 16, false}};
	unsigned n = 1;
	uint32_t written;

	put_header(b, type, sector);
	if (len)
		buf[n++] = (struct vqd_buf){b->data, len, in};
	buf[n++] = (struct vqd_buf){b->status, 1, true};
	written = vqd_request(&b->d, q, buf, n, false);
	if (used)
		*used = written;
	return *(uint8_t *)vqd_ptr(&b->d, b->status);
}

static inline uint8_t request(struct bench *b, uint32_t type, uint64_t sector, uint32_t len)
{
	return request_on(b, 0, type, sector, len, NULL);
}

static inline void data_is(struct bench *b, size_t offset, size_t len, uint8_t byte)
{
	const uint8_t *p = (uint8_t *)vqd_ptr(&b->d, b->data) + offset;

	for (size_t i = 0; i < len; i++)
		if (p[i] != byte)
			fail_msg("byte %zu is 0x%02x, not 0x%02x", offset + i, p[i], byte);
}

static inline void image_is(struct bench *b, uint64_t sector, uint8_t byte)
{
	uint8_t buf[SECTOR];

	assert_int_equal(pread(b->file, buf, SECTOR, (off_t)(sector * SECTOR)), SECTOR);
	for (size_t i = 0; i < SECTOR; i++)
		if (buf[i] != byte)
			fail_msg("byte %zu of sector %d is 0x%02x, not 0x%02x", i, (int)sector, buf[i], byte);
}

static inline void put_segment(struct bench *b, unsigned n, uint64_t sector, uint32_t sectors, uint32_t flags)
{
	uint8_t *p = (uint8_t *)vqd_ptr(&b->d, b->data) + (size_t)16 * n;

	le64_put(p, sector);
	le32_put(p + 8, sectors);
	le32_put(p + 12, flags);
}

#endif
