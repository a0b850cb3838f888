// SPDX-License-Identifier: Apache-2.0
/*
 * Disks in snapshot files: overlays of two layers can be read back, each wrong byte of them is found, and a changed
 * image has another fingerprint.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "tests/support/unit.h"
#include "vmm/base/crc.h"
#include "vmm/base/x86.h"
#include "vmm/debug/ram.h"
#include "vmm/snapshot/disks.h"
#include "vmm/snapshot/format.h"

#define VERSION "1.0"
#define RAM     MIB
#define BLOCK   4096
#define SIZE    (700 * BLOCK + 1536) /* the last block is cut; the map has several words */
#define BLOCKS  701
#define WORDS   11

static uint8_t *ram;
static struct gmem mem;
static struct snapshot_writer *writer;
static _Atomic bool stop;
static int fd, image, upper, lower;
static uint64_t upper_map[WORDS], lower_map[WORDS];
static struct snapshot_source disk[3];
static struct cpuid_set cpuid;

static int new_file(off_t size)
{
	int f = memfd_create("file", MFD_CLOEXEC);

	assert_true(f >= 0);
	assert_int_equal(ftruncate(f, size), 0);
	return f;
}

static void put_block(int file, uint64_t at, unsigned block, uint8_t byte)
{
	uint8_t buf[BLOCK];

	memset(buf, byte, sizeof(buf));
	assert_int_equal(pwrite(file, buf, block == BLOCKS - 1 ? SIZE % BLOCK : BLOCK, (off_t)(at + block * BLOCK)),
		block == BLOCKS - 1 ? SIZE % BLOCK : BLOCK);
}

static void add(uint64_t *map, int file, uint64_t at, unsigned block, uint8_t byte)
{
	map[block / 64] |= BIT(block % 64);
	put_block(file, at, block, byte);
}

#define LOWER_AT (5 * BLOCK)

static int set_up(void **state)
{
	ram = mmap(NULL, RAM, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	mem = (struct gmem){};
	assert_int_equal(gmem_add(&mem, &(struct gmem_region){.size = RAM, .host = ram, .fd = -1}), 0);
	memset(upper_map, 0, sizeof(upper_map));
	memset(lower_map, 0, sizeof(lower_map));
	image = new_file(SIZE);
	upper = new_file(SIZE);
	lower = new_file(LOWER_AT + BLOCKS * BLOCK);
	fd = new_file(0);
	disk[0] = (struct snapshot_source){image, SIZE, true, {{upper, 0, upper_map}, {lower, LOWER_AT, lower_map}}};
	disk[1] = (struct snapshot_source){image, SIZE, false, {}};
	disk[2] = (struct snapshot_source){image, SIZE, true, {{upper, 0, upper_map}}};
	add(upper_map, upper, 0, 0, 1);
	add(upper_map, upper, 0, 63, 2);
	add(upper_map, upper, 0, 64, 0); /* zeroes that the guest wrote */
	add(lower_map, lower, LOWER_AT, 63, 99);
	add(lower_map, lower, LOWER_AT, 65, 4);
	for (unsigned b = 300; b < 690; b++) /* more than a buffer */
		add(lower_map, lower, LOWER_AT, b, (uint8_t)b | 1);
	add(upper_map, upper, 0, BLOCKS - 1, 5);
	return snapshot_writer_new(RAM, &writer);
}

static int tear_down(void **state)
{
	snapshot_writer_free(writer);
	munmap(ram, RAM);
	close(image);
	close(upper);
	close(lower);
	close(fd);
	return 0;
}

static void write_file(void)
{
	const struct snapshot_parts parts = {
		.version = VERSION,
		.facts = {.mem_bytes = RAM, .cpus = 1},
		.cpuid = &cpuid,
		.settings = "",
		.state = (const uint8_t *)"x",
		.state_bytes = 1,
		.disk = disk,
		.nr_disks = ARRAY_SIZE(disk),
	};
	uint64_t bytes = 0;

	assert_int_equal(snapshot_prepare(writer, &parts), 0);
	assert_int_equal(snapshot_write(writer, &mem, fd, &stop, &bytes), 0);
	/* Holes take nothing. */
	assert_in_range(bytes, 390 * BLOCK, 410 * BLOCK);
}

static void read_file(struct snapshot *s)
{
	struct err e = {};

	if (snapshot_read(fd, VERSION, s, &e) < 0)
		fail_msg("%s", e.text);
}

/* What the guest saw of a block that is not the image's; -1: that is. */
static int seen(unsigned block)
{
	if (block == 0 || block == 63 || block == 64 || block == BLOCKS - 1)
		return block == BLOCKS - 1 ? 5 : block == 64 ? 0 : block == 0 ? 1 : 2;
	if (block == 65)
		return 4;
	return block >= 300 && block < 690 ? (uint8_t)block | 1 : -1;
}

static void overlays_are_read_back(void **state)
{
	struct snapshot s;
	uint64_t *map = NULL;
	struct stat st;
	struct err e = {};

	write_file();
	read_file(&s);
	assert_int_equal(s.facts.nr_disks, 3);
	assert_true(s.disk[0].overlay && !s.disk[1].overlay && s.disk[2].overlay);
	assert_int_equal(s.disk[0].nr_blocks, 395);
	assert_int_equal(s.disk[1].nr_blocks, 0);
	assert_int_equal(s.disk[2].nr_blocks, 4);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(s.facts.file_bytes, st.st_size);
	assert_true((uint64_t)st.st_size <= snapshot_largest(RAM) + 2 * snapshot_overlay_bytes(SIZE));
	assert_int_equal(snapshot_disk_map(&s, 0, &map, &e), 0);
	for (unsigned b = 0; b < BLOCKS; b++) {
		uint8_t buf[BLOCK];

		assert_int_equal(map[b / 64] >> b % 64 & 1, seen(b) >= 0);
		if (seen(b) < 0)
			continue;
		assert_int_equal(pread(fd, buf, BLOCK, (off_t)(snapshot_disk_at(&s, 0) + b * BLOCK)), BLOCK);
		for (unsigned i = 0; i < (b == BLOCKS - 1 ? SIZE % BLOCK : BLOCK); i++)
			assert_int_equal(buf[i], seen(b));
	}
	assert_int_equal(snapshot_check_disks(&s, &e), 0);
	free(map);
	snapshot_destroy(&s);
}

static void expect_damage(uint64_t at, bool in_map)
{
	struct snapshot s;
	uint64_t *map = NULL;
	struct err e = {};
	uint8_t byte;

	assert_int_equal(pread(fd, &byte, 1, (off_t)at), 1);
	byte ^= 1;
	assert_int_equal(pwrite(fd, &byte, 1, (off_t)at), 1);
	read_file(&s);
	assert_int_equal(snapshot_disk_map(&s, 0, &map, &e), in_map ? -EINVAL : 0);
	assert_int_equal(snapshot_check_disks(&s, &e), -EINVAL);
	assert_non_null(strstr(e.text, "of disk 0 is wrong"));
	free(map);
	snapshot_destroy(&s);
	byte ^= 1;
	assert_int_equal(pwrite(fd, &byte, 1, (off_t)at), 1);
}

static void each_wrong_byte_is_found(void **state)
{
	struct snapshot s;
	uint64_t at;

	write_file();
	read_file(&s);
	at = snapshot_disk_at(&s, 0);
	snapshot_destroy(&s);
	expect_damage(at - BLOCK, true); /* a block less */
	expect_damage(at + 63 * BLOCK + 4095, false);
	expect_damage(at + 64 * BLOCK, false); /* of a hole */
	expect_damage(at + 689 * BLOCK, false);
}

static struct snapshot_disk print_of(int file)
{
	struct snapshot_disk p = {.size_bytes = SIZE};

	assert_int_equal(snapshot_fingerprint(file, &p), 0);
	return p;
}

static void a_changed_image_has_another_fingerprint(void **state)
{
	static const unsigned sampled[] = {0, BLOCKS - 1};
	struct snapshot s;
	struct snapshot_disk was = print_of(image), now;
	struct timespec times[2];
	struct stat st;

	write_file();
	read_file(&s);
	for (uint32_t i = 0; i < s.facts.nr_disks; i++) {
		assert_int_equal(s.disk[i].mtime_ns, was.mtime_ns);
		assert_int_equal(s.disk[i].sample_crc, was.sample_crc);
	}
	snapshot_destroy(&s);
	assert_int_equal(fstat(image, &st), 0);
	times[0] = times[1] = st.st_mtim;
	/* Its content, at the same time. */
	for (size_t i = 0; i < ARRAY_SIZE(sampled); i++) {
		put_block(image, 0, sampled[i], 77);
		assert_int_equal(futimens(image, times), 0);
		now = print_of(image);
		assert_int_equal(now.mtime_ns, was.mtime_ns);
		assert_int_not_equal(now.sample_crc, was.sample_crc);
		put_block(image, 0, sampled[i], 0);
	}
	/* Its time, with the same content. */
	times[1].tv_nsec ^= 1;
	assert_int_equal(futimens(image, times), 0);
	now = print_of(image);
	assert_int_not_equal(now.mtime_ns, was.mtime_ns);
	assert_int_equal(now.sample_crc, was.sample_crc);
}

static int open_again(int file, int flags)
{
	char path[32];
	int again;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
	again = open(path, flags | O_CLOEXEC);
	assert_true(again >= 0);
	return again;
}

static void failures_of_the_host_are_errors(void **state)
{
	struct snapshot_disk d = {.size_bytes = SIZE, .mtime_ns = 7};
	const struct snapshot_parts parts = {.version = VERSION,
		.facts = {.mem_bytes = RAM, .cpus = 1},
		.cpuid = &cpuid,
		.settings = "",
		.state = (const uint8_t *)"x",
		.disk = disk,
		.nr_disks = 1};
	const int write_only = open_again(image, O_WRONLY);
	uint64_t bytes;

	assert_int_equal(snapshot_fingerprint(-1, &d), -EBADF);
	assert_int_equal(d.mtime_ns, 7);
	assert_int_equal(snapshot_fingerprint(write_only, &d), -EBADF);
	assert_int_equal(d.mtime_ns, 7);
	close(write_only);
	assert_int_equal(snapshot_prepare(writer, &parts), 0);
	/* An overlay that is shorter than its map says. */
	assert_int_equal(ftruncate(upper, 63 * BLOCK), 0);
	assert_int_equal(snapshot_write(writer, &mem, fd, &stop, &bytes), -EIO);
}

/* The map is all that there is to write of blocks of zeroes. */
static void a_map_that_cannot_be_written_is_an_error(void **state)
{
	const struct snapshot_source zeroes = {image, SIZE, true, {{upper, 0, upper_map}}};
	struct snapshot_disk d = {.size_bytes = SIZE};
	struct ram_reader *r = malloc(sizeof(*r));
	const int read_only = open_again(fd, O_RDONLY);

	assert_non_null(r);
	ram_begin(r, &mem);
	memset(upper_map, 0, sizeof(upper_map));
	upper_map[1] = BIT(0);
	assert_int_equal(snapshot_put_overlay(r, &zeroes, fd, 0, &stop, &d), 0);
	assert_int_equal(snapshot_put_overlay(r, &zeroes, read_only, 0, &stop, &d), -EBADF);
	close(read_only);
	free(r);
}

static void a_map_that_cannot_be_read_is_an_error(void **state)
{
	struct snapshot s;
	uint64_t *map = NULL;
	struct err e = {};
	int was;

	write_file();
	read_file(&s);
	was = s.fd;
	s.fd = open_again(fd, O_WRONLY);
	assert_int_equal(snapshot_disk_map(&s, 0, &map, &e), -EBADF);
	assert_non_null(strstr(e.text, "cannot read it"));
	close(s.fd);
	s.fd = was;
	snapshot_destroy(&s);
}

/* Disks that do not fit the file's size, with correct checksums. */
static void impossible_disks_are_refused(void **state)
{
	static const struct snapshot_disk wrong[] = {
		{.size_bytes = 0},
		{.size_bytes = SIZE, .nr_blocks = 1},
		{.size_bytes = SIZE, .overlay = true, .nr_blocks = BLOCKS + 1},
		{.size_bytes = SIZE + BLOCK, .overlay = true},
		{.size_bytes = BIT(47) + 1, .overlay = true},
	};
	size_t size = state_size(&snapshot_disk_table);

	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		struct snapshot s = SNAPSHOT_NONE;
		uint8_t raw[512];
		struct state_writer w = {.data = raw, .size = sizeof(raw)};
		struct snapshot_layout l;
		struct err e = {};
		uint8_t *head;

		write_file();
		read_file(&s);
		l = snapshot_layout(&s.facts);
		state_put(&w, &snapshot_disk_table, 0, &wrong[i]);
		assert_int_equal(w.used, size);
		assert_int_equal(pwrite(fd, raw, size, (off_t)l.disks), size);
		head = malloc(l.sums - l.cpuid);
		assert_int_equal(pread(fd, head, l.sums - l.cpuid, (off_t)l.cpuid), l.sums - l.cpuid);
		s.facts.head_crc = crc32c(0, head, l.sums - l.cpuid);
		free(head);
		w = (struct state_writer){.data = calloc(1, 2048), .size = 2048};
		state_put(&w, &snapshot_facts_table, 0, &s.facts);
		assert_int_equal(pwrite(fd, w.data, w.used, SNAPSHOT_FACTS_AT), w.used);
		free(w.data);
		snapshot_destroy(&s);
		assert_int_equal(snapshot_read(fd, VERSION, &s, &e), -EINVAL);
		assert_true(strstr(e.text, "disk"));
		assert_int_equal(ftruncate(fd, 0), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(overlays_are_read_back, set_up, tear_down),
		cmocka_unit_test_setup_teardown(each_wrong_byte_is_found, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_changed_image_has_another_fingerprint, set_up, tear_down),
		cmocka_unit_test_setup_teardown(failures_of_the_host_are_errors, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_map_that_cannot_be_written_is_an_error, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_map_that_cannot_be_read_is_an_error, set_up, tear_down),
		cmocka_unit_test_setup_teardown(impossible_disks_are_refused, set_up, tear_down),
	};

	return run_group(tests);
}
