// SPDX-License-Identifier: Apache-2.0
/*
 * Working sets: which pages of a private mapping are the process's own, and the file that says so, with each wrong byte
 * of it.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>

#include "tests/support/unit.h"
#include "vmm/base/le.h"
#include "vmm/base/x86.h"
#include "vmm/snapshot/working_set.h"

#define PAGES 64

static const struct snapshot of = {
	.facts = {.mem_bytes = PAGES * PAGE_4K, .created_ns = 17, .head_crc = 18, .sums_crc = 19}};

/* --- Finding it --------------------------------------------------------------------------------------------------- */

static struct working_set find(const void *host, uint64_t size)
{
	int pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	struct working_set w = {0};

	assert_true(pagemap >= 0);
	assert_int_equal(working_set_find(pagemap, host, size, &w), 0);
	close(pagemap);
	return w;
}

static void assert_range(const struct working_set *w, size_t i, unsigned page, unsigned pages)
{
	assert_true(i < w->nr);
	assert_int_equal(w->range[i].at, page * PAGE_4K);
	assert_int_equal(w->range[i].size, pages * PAGE_4K);
}

static uint8_t *map(void)
{
	int fd = memfd_create("ram", MFD_CLOEXEC);
	uint8_t *p;

	assert_int_equal(ftruncate(fd, PAGES * PAGE_4K), 0);
	p = mmap(NULL, PAGES * PAGE_4K, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	assert_ptr_not_equal(p, MAP_FAILED);
	close(fd);
	return p;
}

/* What was read is the file's still. */
static void pages_that_were_written(void **state)
{
	volatile uint8_t *p = map();
	struct working_set w;

	for (unsigned i = 0; i < PAGES; i++)
		(void)p[i * PAGE_4K];
	w = find((void *)p, PAGES * PAGE_4K);
	assert_int_equal(w.nr, 0);
	assert_int_equal(working_set_bytes(&w), 0);
	working_set_destroy(&w);

	p[0] = p[5 * PAGE_4K] = p[6 * PAGE_4K + 9] = p[(PAGES - 1) * PAGE_4K] = 1;
	w = find((void *)p, PAGES * PAGE_4K);
	assert_int_equal(w.nr, 3);
	assert_range(&w, 0, 0, 1);
	assert_range(&w, 1, 5, 2);
	assert_range(&w, 2, PAGES - 1, 1);
	assert_int_equal(working_set_bytes(&w), 4 * PAGE_4K);
	working_set_destroy(&w);
	working_set_destroy(NULL);
	munmap((void *)p, PAGES * PAGE_4K);
}

/* More ranges than a file has are joined: every page is in one of them, and their number is bounded. */
static void many_ranges_are_joined(void **state)
{
	const uint64_t pages = 3 * WORKING_SET_RANGES_MAX, size = pages * PAGE_4K;
	int pagemap = memfd_create("pagemap", MFD_CLOEXEC);
	struct working_set w = {0};
	uint64_t entry = BIT(63), page = 0;

	/* Of an address space that begins with it: every second page, one that is swapped out, one of a file. */
	for (uint64_t i = 0; i < pages; i += 2)
		assert_int_equal(pwrite(pagemap, &entry, 8, (off_t)(8 * i)), 8);
	entry = BIT(62);
	assert_int_equal(pwrite(pagemap, &entry, 8, (off_t)(8 * (pages - 1))), 8);
	entry = BIT(63) | BIT(61);
	assert_int_equal(pwrite(pagemap, &entry, 8, (off_t)(8 * (pages - 3))), 8);
	assert_int_equal(working_set_find(pagemap, NULL, size, &w), 0);
	assert_true(w.nr > 0 && w.nr <= WORKING_SET_RANGES_MAX);
	for (size_t i = 0; i < w.nr; i++) {
		assert_true(gmem_extent_fits(&w.range[i], page * PAGE_4K, size));
		assert_true(w.range[i].at <= align_up(page, 2) * PAGE_4K);
		page = (w.range[i].at + w.range[i].size) / PAGE_4K;
	}
	assert_int_equal(page, pages);
	working_set_destroy(&w);

	/* It ends too early, or cannot be read. */
	assert_int_equal(working_set_find(pagemap, NULL, size + PAGE_4K, &w), -EIO);
	close(pagemap);
	assert_int_equal(working_set_find(pagemap, NULL, size, &w), -EBADF);
	assert_null(w.range);
}

/* --- The file ----------------------------------------------------------------------------------------------------- */

static size_t write_set(const struct working_set *w, uint8_t *buf, size_t size)
{
	FILE *out = fmemopen(buf, size, "w");
	size_t used;

	assert_int_equal(working_set_write(w, &of, out), 0);
	assert_int_equal(fflush(out), 0);
	used = (size_t)ftell(out);
	fclose(out);
	return used;
}

static struct gmem_extent some[] = {{0, PAGE_4K}, {3 * PAGE_4K, 2 * PAGE_4K}, {5 * PAGE_4K, 59 * PAGE_4K}};
static const struct working_set three = {some, ARRAY_SIZE(some)};

static void what_is_written_is_read(void **state)
{
	uint8_t buf[512];
	size_t size = write_set(&three, buf, sizeof(buf));
	struct working_set w = {0};
	struct err e = {};

	assert_int_equal(working_set_read(buf, size, &of, &w, &e), 0);
	assert_int_equal(w.nr, 3);
	assert_memory_equal(w.range, some, sizeof(some));
	working_set_destroy(&w);
	size = write_set(&(struct working_set){0}, buf, sizeof(buf));
	assert_int_equal(working_set_read(buf, size, &of, &w, &e), 0);
	assert_int_equal(w.nr, 0);
	working_set_destroy(&w);
}

static void assert_refused(const uint8_t *buf, size_t size, const struct snapshot *s, const char *why)
{
	struct working_set w = {0};
	struct err e = {};

	assert_int_equal(working_set_read(buf, size, s, &w, &e), -EINVAL);
	if (!strstr(e.text, why))
		fail_msg("%s, and not %s", e.text, why);
	assert_null(w.range);
}

static void each_damage_is_refused(void **state)
{
	uint8_t buf[512];
	size_t size = write_set(&three, buf, sizeof(buf));

	for (size_t i = 0; i < size; i++) {
		buf[i] ^= 0x40;
		assert_refused(buf, size, &of, "");
		buf[i] ^= 0x40;
		assert_refused(buf, i, &of, "");
	}
	assert_refused(buf, 4, &of, "no working set");
	assert_refused(buf, size - 1, &of, "its size or checksum");
	assert_refused(buf, size + 1, &of, "its size or checksum");
}

static void another_snapshots_is_refused(void **state)
{
	struct snapshot other[] = {of, of, of, of};
	uint8_t buf[512];
	size_t size = write_set(&three, buf, sizeof(buf));

	other[0].facts.created_ns++;
	other[1].facts.head_crc++;
	other[2].facts.sums_crc++;
	other[3].facts.mem_bytes *= 2;
	for (size_t i = 0; i < ARRAY_SIZE(other); i++)
		assert_refused(buf, size, &other[i], "another snapshot");
}

/* With right checksums. */
static void impossible_ranges_are_refused(void **state)
{
	static const struct gmem_extent wrong[] = {
		{0, 0},
		{1, PAGE_4K},
		{0, PAGE_4K + 1},
		{PAGES * PAGE_4K, PAGE_4K},
		{PAGE_4K, PAGES * PAGE_4K},
		{PAGE_4K, -PAGE_4K},
		{-PAGE_4K, 2 * PAGE_4K},
	};
	struct gmem_extent twice[] = {{PAGE_4K, 2 * PAGE_4K}, {2 * PAGE_4K, PAGE_4K}};
	uint8_t buf[512];

	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		struct gmem_extent x = wrong[i];
		size_t size = write_set(&(struct working_set){&x, 1}, buf, sizeof(buf));

		assert_refused(buf, size, &of, "range 0 is impossible");
	}
	assert_refused(buf, write_set(&(struct working_set){twice, 2}, buf, sizeof(buf)), &of, "range 1 is impossible");
}

static void a_full_disk_is_told(void **state)
{
	FILE *out = fopen("/dev/full", "we");

	setvbuf(out, NULL, _IONBF, 0);
	assert_int_equal(working_set_write(&three, &of, out), -EIO);
	fclose(out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pages_that_were_written),
		cmocka_unit_test(many_ranges_are_joined),
		cmocka_unit_test(what_is_written_is_read),
		cmocka_unit_test(each_damage_is_refused),
		cmocka_unit_test(another_snapshots_is_refused),
		cmocka_unit_test(impossible_ranges_are_refused),
		cmocka_unit_test(a_full_disk_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
