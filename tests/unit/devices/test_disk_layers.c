// SPDX-License-Identifier: Apache-2.0
/*
 * The overlay of a restored guest: what it writes, above what it had written before its snapshot, above the image.
 * Reads, writes, discards and zeroes at random are compared with a copy of the disk in memory.
 */
#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include "devices/virtio/disk.h"
#include "tests/support/unit.h"

#define SECTOR  512
#define BLOCK   4096
#define SIZE    (40 * BLOCK + 3 * SECTOR) /* the last block is cut */
#define BLOCKS  41
#define BASE_AT (3 * BLOCK)

static uint8_t want[SIZE];
static struct disk d;
static struct disk_io io;
static int image, base;

static void fill(int fd, uint64_t at, uint8_t byte, size_t len)
{
	uint8_t buf[BLOCK];

	memset(buf, byte, sizeof(buf));
	assert_int_equal(pwrite(fd, buf, len, (off_t)at), len);
}

static size_t block_size(unsigned block)
{
	return block == BLOCKS - 1 ? SIZE - (BLOCKS - 1) * BLOCK : BLOCK;
}

static bool is_in_base(unsigned block)
{
	return block % 3 == 1 || block == BLOCKS - 1 || (block >= 20 && block < 24);
}

static int set_up(void **state)
{
	struct disk_params p = {.overlay = true, .logical = SECTOR, .raw = true};
	char path[32];
	struct err e = {};

	image = memfd_create("image", MFD_CLOEXEC);
	base = memfd_create("snapshot", MFD_CLOEXEC);
	assert_true(image >= 0 && base >= 0);
	for (unsigned b = 0; b < BLOCKS; b++) {
		fill(image, (uint64_t)b * BLOCK, (uint8_t)(b + 1), block_size(b));
		memset(want + (size_t)b * BLOCK, (int)b + 1, block_size(b));
	}
	snprintf(path, sizeof(path), "/proc/self/fd/%d", image);
	p.path = path;
	if (disk_open(&p, &d, &e) < 0)
		fail_msg("%s", e.text);
	assert_int_equal(disk_blocks(&d), BLOCKS);
	d.base = (struct disk_base){.fd = base, .at = BASE_AT, .map = calloc(1, sizeof(uint64_t))};
	for (unsigned b = 0; b < BLOCKS; b++) {
		if (!is_in_base(b))
			continue;
		d.base.map[0] |= BIT(b);
		fill(base, BASE_AT + (uint64_t)b * BLOCK, (uint8_t)(b + 101), BLOCK);
		memset(want + (size_t)b * BLOCK, (int)b + 101, block_size(b));
	}
	return disk_io_init(&io);
}

static int tear_down(void **state)
{
	disk_io_destroy(&io);
	disk_close(&d);
	assert_null(d.base.map);
	close(image);
	close(base);
	return 0;
}

static void transfer(bool write, void *buf, uint64_t at, size_t len)
{
	struct iovec two[] = {{buf, len / 2}, {(uint8_t *)buf + len / 2, len - len / 2}};

	if (write)
		assert_int_equal(disk_write(&d, &io, two, 2, at, len, false), 0);
	else
		assert_int_equal(disk_read(&d, &io, two, 2, at, len), 0);
}

static void expect_all(void)
{
	static uint8_t buf[SIZE];

	transfer(false, buf, 0, SIZE);
	assert_memory_equal(buf, want, SIZE);
}

/* The lower layers are never written. */
static void expect_lower(void)
{
	uint8_t buf[BLOCK], byte;

	for (unsigned b = 0; b < BLOCKS; b++) {
		assert_int_equal(pread(image, buf, block_size(b), (off_t)b * BLOCK), block_size(b));
		for (size_t i = 0; i < block_size(b); i++)
			assert_int_equal(buf[i], b + 1);
		if (!is_in_base(b))
			continue;
		assert_int_equal(pread(base, &byte, 1, BASE_AT + (off_t)b * BLOCK), 1);
		assert_int_equal(byte, b + 101);
	}
}

static void the_base_is_in_front_of_the_image(void **state)
{
	expect_all();
}

static void a_part_of_a_block_is_written_above_the_rest_of_it(void **state)
{
	uint8_t sector[SECTOR];

	for (unsigned b = 0; b < BLOCKS; b++) {
		uint64_t at = (uint64_t)b * BLOCK + SECTOR;

		memset(sector, 0xf0, sizeof(sector));
		memset(want + at, 0xf0, sizeof(sector));
		transfer(true, sector, at, sizeof(sector));
	}
	expect_all();
	expect_lower();
}

/* A discard is a hint: below the overlay there is nothing to be given back. */
static void a_discard_changes_no_lower_layer(void **state)
{
	assert_int_equal(disk_discard(&d, 0, SIZE), 0);
	expect_all();
	expect_lower();
}

static void anything_in_any_order(void **state)
{
	static uint8_t buf[SIZE];
	unsigned seed = 7;

	for (unsigned round = 0; round < 3000; round++) {
		uint64_t first, sectors;

		seed = seed * 1103515245 + 12345;
		first = (seed >> 8) % (SIZE / SECTOR);
		seed = seed * 1103515245 + 12345;
		sectors = 1 + (seed >> 8) % MIN(SIZE / SECTOR - first, 30);
		if (round % 4 == 0) {
			memset(want + first * SECTOR, 0, sectors * SECTOR);
			assert_int_equal(
				disk_zero(&d, &io, first * SECTOR, sectors * SECTOR, round % 8 == 0, false), 0);
		} else if (round % 4 == 1) {
			memset(buf, (int)round, sectors * SECTOR);
			memset(want + first * SECTOR, (int)round, sectors * SECTOR);
			transfer(true, buf, first * SECTOR, sectors * SECTOR);
		} else {
			transfer(false, buf, first * SECTOR, sectors * SECTOR);
			assert_memory_equal(buf, want + first * SECTOR, sectors * SECTOR);
		}
		/* All blocks would soon be in the overlay. */
		if (round % 200 == 0) {
			expect_all();
			tear_down(NULL);
			set_up(NULL);
		}
	}
	expect_lower();
}

static void a_base_that_is_cut_is_an_error(void **state)
{
	uint8_t buf[BLOCK];
	struct iovec one = {buf, BLOCK};

	assert_int_equal(ftruncate(base, BASE_AT + BLOCK + 100), 0);
	assert_int_equal(disk_read(&d, &io, &one, 1, BLOCK, BLOCK), -EIO);
	one.iov_len = SECTOR;
	assert_int_equal(disk_write(&d, &io, &one, 1, BLOCK, SECTOR, false), -EIO);
	/* Other layers work. */
	assert_int_equal(disk_read(&d, &io, &one, 1, 0, SECTOR), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_base_is_in_front_of_the_image, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_part_of_a_block_is_written_above_the_rest_of_it, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_discard_changes_no_lower_layer, set_up, tear_down),
		cmocka_unit_test_setup_teardown(anything_in_any_order, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_base_that_is_cut_is_an_error, set_up, tear_down),
	};

	return run_group(tests);
}
