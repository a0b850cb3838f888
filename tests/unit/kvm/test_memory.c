// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/support/unit.h"
#include "vmm/base/board.h"
#include "vmm/kvm/memory.h"

static void small_ram_is_one_region(void **state)
{
	struct memory m = {0};

	assert_int_equal(memory_create(128 * MIB, BACKING_ANON, false, &m, NULL), 0);
	assert_int_equal(m.gmem.nr, 1);
	assert_int_equal(m.gmem.region[0].gpa, 0);
	assert_int_equal(gmem_size(&m.gmem), 128 * MIB);
	memory_destroy(&m);
	assert_null(m.host);
	memory_destroy(&m);
	memory_destroy(NULL);
}

static void large_ram_goes_around_the_hole(void **state)
{
	struct memory m = {0};
	uint8_t b = 0x5a;

	assert_int_equal(memory_create(5 * GIB, BACKING_ANON, false, &m, NULL), 0);
	assert_int_equal(m.gmem.nr, 2);
	assert_int_equal(m.gmem.region[0].size, BOARD_HOLE_START);
	assert_int_equal(m.gmem.region[1].gpa, BOARD_HOLE_END);
	assert_int_equal(m.gmem.region[1].size, 5 * GIB - BOARD_HOLE_START);
	assert_int_equal(gmem_write(&m.gmem, BOARD_HOLE_END, &b, 1), 0);
	assert_int_equal(gmem_write(&m.gmem, BOARD_HOLE_END + 2 * GIB - 1, &b, 1), 0);
	assert_int_equal(gmem_write(&m.gmem, BOARD_HOLE_END + 2 * GIB, &b, 1), -EFAULT);
	assert_int_equal(gmem_write(&m.gmem, BOARD_HOLE_START, &b, 1), -EFAULT);
	memory_destroy(&m);
}

/* Or neither the host nor KVM could use huge pages. */
static void ram_lies_as_in_the_guest_modulo_a_huge_page(void **state)
{
	static const uint64_t sizes[] = {32 * MIB, 32 * MIB + 4 * KIB, 128 * MIB, 5 * GIB};

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		/* Something odd in between, so that no address is right by luck. */
		void *odd = mmap(NULL, (i + 1) * 12 * KIB, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		struct memory m = {0};

		assert_int_equal(memory_create(sizes[i], BACKING_ANON, false, &m, NULL), 0);
		for (size_t k = 0; k < m.gmem.nr; k++)
			assert_int_equal(((uintptr_t)m.gmem.region[k].host - m.gmem.region[k].gpa) % (2 * MIB), 0);
		memory_destroy(&m);
		munmap(odd, (i + 1) * 12 * KIB);
	}
}

/* Whether the mapping that begins with guest RAM has @flag among its VmFlags. */
static bool has_flag(const struct memory *m, const char *flag)
{
	char line[512], range[64];
	bool in = false, found = false;
	FILE *f = fopen("/proc/self/smaps", "re");

	assert_non_null(f);
	snprintf(range, sizeof(range), "%lx-", (unsigned long)m->host);
	while (fgets(line, sizeof(line), f)) {
		if (strchr(line, '-') && strstr(line, "-p "))
			in = false;
		if (!strncmp(line, range, strlen(range)))
			in = true;
		if (in && !strncmp(line, "VmFlags:", 8)) {
			found = strstr(line, flag) != NULL;
			break;
		}
	}
	fclose(f);
	return found;
}

static void ram_is_left_out_of_core_dumps(void **state)
{
	struct memory m = {0};

	assert_int_equal(memory_create(64 * MIB, BACKING_ANON, false, &m, NULL), 0);
	assert_true(has_flag(&m, " dd"));
	memory_destroy(&m);
}

static size_t resident(const struct memory *m)
{
	size_t pages = m->size / 4096, n = 0;
	unsigned char *vec = malloc(pages);

	assert_non_null(vec);
	assert_int_equal(mincore(m->host, m->size, vec), 0);
	for (size_t i = 0; i < pages; i++)
		n += vec[i] & 1;
	free(vec);
	return n;
}

/* The host's own choice of pages would clear 2 MiB for the first of our tables; the operator's stands. */
static void low_memory_has_small_pages(void **state)
{
	static const struct {
		uint64_t size;
		enum backing backing;
		bool prefault;
		bool small;
	} cases[] = {
		{4 * KIB, BACKING_ANON, false, true},
		{32 * MIB, BACKING_ANON, false, true},
		{32 * MIB, BACKING_ANON, true, false},
		{32 * MIB, BACKING_THP, false, false},
	};
	bool thp = access("/sys/kernel/mm/transparent_hugepage", F_OK) == 0;
	uint8_t b = 1;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct memory m = {0};

		if (cases[i].backing == BACKING_THP && !thp)
			continue;
		assert_int_equal(memory_create(cases[i].size, cases[i].backing, cases[i].prefault, &m, NULL), 0);
		assert_int_equal(has_flag(&m, " nh"), thp && cases[i].small);
		if (cases[i].small) {
			assert_int_equal(gmem_write(&m.gmem, 0, &b, 1), 0);
			assert_int_equal(resident(&m), 1);
		}
		memory_destroy(&m);
	}
}

static void prefault_takes_every_page(void **state)
{
	struct memory m = {0};

	assert_int_equal(memory_create(32 * MIB, BACKING_ANON, true, &m, NULL), 0);
	assert_int_equal(resident(&m), 32 * MIB / 4096);
	memory_destroy(&m);
	assert_int_equal(memory_create(32 * MIB, BACKING_ANON, false, &m, NULL), 0);
	assert_int_equal(resident(&m), 0);
	memory_destroy(&m);
}

static void more_than_the_host_has_is_refused_with_both_numbers(void **state)
{
	uint64_t host = (uint64_t)sysconf(_SC_PHYS_PAGES) * 4096;
	struct memory m = {0};
	struct err e = {0};

	assert_int_equal(memory_create(align_up(host, GIB) + GIB, BACKING_ANON, false, &m, &e), -ENOMEM);
	assert_non_null(strstr(e.text, "more than this host has"));
	assert_null(m.host);
}

static void missing_hugepages_name_the_remedy(void **state)
{
	struct memory m = {0};
	struct err e = {0};

	/* Half of all RAM is never reserved on a machine that runs tests. */
	uint64_t size = align_down((uint64_t)sysconf(_SC_PHYS_PAGES) * 4096 / 2, 2 * MIB);

	assert_true(memory_create(size, BACKING_HUGE_2M, false, &m, &e) < 0);
	assert_true(strstr(e.text, "vm.nr_hugepages") || strstr(e.text, "no 2M huge pages"));
	assert_true(memory_create(GIB, BACKING_HUGE_1G, false, &m, &e) < 0);
	assert_true(strstr(e.text, "hugepages-1048576kB") != NULL);
	assert_int_equal(memory_create(33 * MIB, BACKING_HUGE_2M, false, &m, &e), -EINVAL);
	assert_non_null(strstr(e.text, "multiple of 2M"));
}

/* --- Mapped from a file ------------------------------------------------------------------------------------------ */

#define FILE_AT (12 * KIB)

static const struct gmem_extent extents[] = {{2 * MIB, 2 * MIB}, {8 * MIB, 4 * KIB}};

/* A file whose bytes are not zero anywhere. */
static int make_file(void)
{
	int fd = memfd_create("ram", MFD_CLOEXEC);
	char page[4 * KIB];

	assert_true(fd >= 0);
	memset(page, 7, sizeof(page));
	for (uint64_t at = 0; at < FILE_AT + 32 * MIB; at += sizeof(page))
		assert_int_equal(pwrite(fd, page, sizeof(page), (off_t)at), sizeof(page));
	return fd;
}

static struct memory map(int fd, bool prefault)
{
	struct memory m = {0};
	struct err e = {0};

	if (memory_map(32 * MIB, fd, FILE_AT, extents, ARRAY_SIZE(extents), &m, &e) < 0 ||
		(prefault && memory_prefault(&m, &e) < 0))
		fail_msg("%s", e.text);
	return m;
}

static void what_the_file_has_is_mapped_and_the_rest_is_zero(void **state)
{
	int fd = make_file();
	struct memory m = map(fd, false);
	uint8_t b;

	for (uint64_t at = 0; at < m.size; at += 4 * KIB) {
		bool in = (at >= 2 * MIB && at < 4 * MIB) || at == 8 * MIB;

		assert_int_equal(gmem_read(&m.gmem, at + 99, &b, 1), 0);
		assert_int_equal(b, in ? 7 : 0);
	}
	assert_true(has_flag(&m, " dd"));
	assert_int_equal((uintptr_t)m.host % (2 * MIB), 0);
	memory_destroy(&m);
	close(fd);
}

static void writes_stay_in_the_machine(void **state)
{
	int fd = make_file();
	struct memory a = map(fd, false), b = map(fd, true);
	uint8_t byte = 9;

	assert_int_equal(gmem_write(&a.gmem, 2 * MIB, &byte, 1), 0);
	assert_int_equal(gmem_read(&b.gmem, 2 * MIB, &byte, 1), 0);
	assert_int_equal(byte, 7);
	assert_int_equal(pread(fd, &byte, 1, FILE_AT + 2 * MIB), 1);
	assert_int_equal(byte, 7);
	/* What was prefaulted is another one's no longer. */
	byte = 1;
	assert_int_equal(pwrite(fd, &byte, 1, FILE_AT + 2 * MIB), 1);
	assert_int_equal(gmem_read(&b.gmem, 2 * MIB, &byte, 1), 0);
	assert_int_equal(byte, 7);
	memory_destroy(&a);
	memory_destroy(&b);
	close(fd);
}

/* Pages of a working set are a machine's own from then on, and no others. */
static void parts_of_it_are_populated(void **state)
{
	const struct gmem_extent part[] = {{2 * MIB, 4 * KIB}, {3 * MIB, 8 * KIB}, {20 * MIB, 4 * KIB}};
	int fd = make_file();
	struct memory m = map(fd, false);
	struct err e = {0};
	uint8_t byte = 1;

	assert_int_equal(memory_populate(&m, part, ARRAY_SIZE(part), &e), 0);
	for (uint64_t at = 2 * MIB; at < 4 * MIB; at += 4 * KIB)
		assert_int_equal(pwrite(fd, &byte, 1, (off_t)(FILE_AT + at)), 1);
	for (uint64_t at = 2 * MIB; at < 4 * MIB; at += 4 * KIB) {
		bool own = at == 2 * MIB || at == 3 * MIB || at == 3 * MIB + 4 * KIB;

		assert_int_equal(gmem_read(&m.gmem, at, &byte, 1), 0);
		assert_int_equal(byte, own ? 7 : 1);
	}
	assert_int_equal(gmem_read(&m.gmem, 20 * MIB, &byte, 1), 0);
	assert_int_equal(byte, 0);
	memory_destroy(&m);
	close(fd);
}

static void a_file_that_is_cut_short_ends_no_process(void **state)
{
	int fd = make_file();
	struct memory m = map(fd, false);
	uint8_t byte = 5, window = 5;

	assert_int_equal(gmem_install_sigbus(), 0);
	assert_int_equal(ftruncate(fd, FILE_AT + 3 * MIB), 0);
	assert_int_equal(gmem_read(&m.gmem, 2 * MIB, &byte, 1), 0);
	assert_int_equal(byte, 7);
	assert_int_equal(gmem_read(&m.gmem, 8 * MIB, &byte, 1), -EFAULT);
	assert_int_equal(gmem_write(&m.gmem, 8 * MIB, &byte, 1), -EFAULT);
	gmem_window_read(&window, gmem_ptr(&m.gmem, 8 * MIB, 1), 1);
	assert_int_equal(window, 0);
	memory_destroy(&m);
	close(fd);
}

static void what_cannot_be_mapped_is_refused(void **state)
{
	struct memory m = {0};
	struct err e = {0};

	assert_int_equal(memory_map(32 * MIB, -1, 0, extents, 1, &m, &e), -EBADF);
	assert_non_null(strstr(e.text, "cannot map 32M of guest memory"));
	assert_int_equal(memory_map(32 * MIB + 1, -1, 0, NULL, 0, &m, &e), -EINVAL);
	assert_int_equal(memory_map(BIT(50), -1, 0, NULL, 0, &m, &e), -ENOMEM);
	assert_null(m.host);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(small_ram_is_one_region),
		cmocka_unit_test(large_ram_goes_around_the_hole),
		cmocka_unit_test(ram_lies_as_in_the_guest_modulo_a_huge_page),
		cmocka_unit_test(ram_is_left_out_of_core_dumps),
		cmocka_unit_test(low_memory_has_small_pages),
		cmocka_unit_test(prefault_takes_every_page),
		cmocka_unit_test(more_than_the_host_has_is_refused_with_both_numbers),
		cmocka_unit_test(missing_hugepages_name_the_remedy),
		cmocka_unit_test(what_the_file_has_is_mapped_and_the_rest_is_zero),
		cmocka_unit_test(writes_stay_in_the_machine),
		cmocka_unit_test(parts_of_it_are_populated),
		cmocka_unit_test(a_file_that_is_cut_short_ends_no_process),
		cmocka_unit_test(what_cannot_be_mapped_is_refused),
	};

	return run_group(tests);
}
