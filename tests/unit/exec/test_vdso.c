// SPDX-License-Identifier: Apache-2.0
/*
 * The vDSO of a program: what a C library finds in the image, what its functions make of the page of the time (they are
 * called here, beside a copy of it), and when that page is written.
 */
#include "tests/support/unit.h"

#include <elf.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <x86intrin.h>

#include "tests/support/exec_kit.h"
#include "vmm/base/clock.h"
#include "vmm/exec/vdso.h"

static struct kit_task k;
static uint8_t *pages; /* of this process: that of the time, and the image */

static int set_up(void **state)
{
	kit_task_open(&k, 8 * MIB, (const int[]){-1, -1, -1}, NULL);
	kit_must(exec_vdso_map(&k.t) == k.t.vdso.at + VVAR_SIZE);
	pages = mmap(NULL, 2 * PAGE_4K, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	kit_must(pages != MAP_FAILED);
	kit_must(space_read(&k.t.space, k.t.vdso.at + VVAR_SIZE, pages + VVAR_SIZE, PAGE_4K) == 0);
	return 0;
}

static int tear_down(void **state)
{
	munmap(pages, 2 * PAGE_4K);
	kit_task_close(&k);
	return 0;
}

static uint64_t dynamic(const uint8_t *image, int64_t tag)
{
	const Elf64_Ehdr *h = (const void *)image;
	const Elf64_Phdr *p = (const void *)(image + h->e_phoff);
	const Elf64_Dyn *d = NULL;

	for (int i = 0; i < h->e_phnum; i++)
		if (p[i].p_type == PT_DYNAMIC)
			d = (const void *)(image + p[i].p_offset);
	for (; d && d->d_tag != DT_NULL; d++)
		if (d->d_tag == tag)
			return d->d_un.d_val;
	return 0;
}

/* By the hash table, as loaders do. */
static void *function(const char *name)
{
	const uint8_t *image = pages + VVAR_SIZE;
	const uint32_t *hash = (const void *)(image + dynamic(image, DT_HASH));
	const Elf64_Sym *symbols = (const void *)(image + dynamic(image, DT_SYMTAB));
	const char *strings = (const char *)image + dynamic(image, DT_STRTAB);

	for (uint32_t i = hash[2]; i; i = hash[2 + hash[0] + i]) {
		assert_true(i < hash[1] && symbols[i].st_name < dynamic(image, DT_STRSZ));
		if (strcmp(strings + symbols[i].st_name, name) == 0)
			return (void *)(uintptr_t)(image + symbols[i].st_value);
	}
	return NULL;
}

typedef int gettime_fn(clockid_t clock, struct timespec *ret);
typedef int timeofday_fn(struct timeval *tv, void *zone);
typedef time_t time_fn(time_t *ret);

static struct exec_vvar *page(void)
{
	return (struct exec_vvar *)(void *)pages;
}

static struct exec_vvar in_guest(void)
{
	struct exec_vvar v;

	kit_must(space_read(&k.t.space, k.t.vdso.at, &v, sizeof(v)) == 0);
	return v;
}

/* Until the length of a tick is known */
static struct exec_vvar refreshed(void)
{
	struct exec_vvar v;

	do {
		exec_vdso_refresh(&k.t, __rdtsc());
		v = in_guest();
	} while (!v.span);
	return v;
}

static uint64_t value(clockid_t clock)
{
	gettime_fn *fn = (gettime_fn *)function("__vdso_clock_gettime");
	struct timespec t = {0};

	assert_int_equal(fn(clock, &t), 0);
	assert_true(t.tv_nsec < (long)NSEC_PER_SEC);
	return timespec_to_ns(t);
}

/* A page that says something else than the host shows what was read: the second is a million ticks. */
static void the_page_is_what_counts(void **state)
{
	const uint64_t hour = 3600 * NSEC_PER_SEC;
	uint64_t mono;
	struct timeval tv;
	time_t seconds;

	*page() = (struct exec_vvar){1, __rdtsc(), UINT64_C(1) << 40, 1, 5 * hour, 7 * hour};
	mono = value(CLOCK_MONOTONIC);
	assert_true(mono >= 5 * hour && mono < 5 * hour + NSEC_PER_SEC);
	assert_true(value(CLOCK_MONOTONIC_COARSE) >= 5 * hour && value(CLOCK_MONOTONIC_COARSE) < 6 * hour);
	assert_true(value(CLOCK_REALTIME) >= 12 * hour && value(CLOCK_REALTIME) < 13 * hour);
	assert_true(value(CLOCK_REALTIME_COARSE) >= 12 * hour && value(CLOCK_REALTIME_COARSE) < 13 * hour);
	assert_int_equal(((timeofday_fn *)function("__vdso_gettimeofday"))(&tv, NULL), 0);
	assert_int_equal(tv.tv_sec, 12 * 3600);
	assert_int_equal(((time_fn *)function("__vdso_time"))(&seconds), 12 * 3600);
	assert_int_equal(seconds, 12 * 3600);
	assert_int_equal(((time_fn *)function("__vdso_time"))(NULL), 12 * 3600);
	/* Ticks of 2 ns and a half, 10^9 of them ago */
	*page() = (struct exec_vvar){2, __rdtsc() - 1000000000, UINT64_C(1) << 40, UINT64_C(5) << 31, 0, 0};
	mono = value(CLOCK_MONOTONIC);
	assert_true(mono >= 2500000000 && mono < 2600000000);
	/* Other clocks, and a page that no longer holds: the host's. */
	assert_true(value(CLOCK_BOOTTIME) >= clock_ns(CLOCK_BOOTTIME) - NSEC_PER_SEC);
	*page() = (struct exec_vvar){3, __rdtsc() - 100, 50, 1, 5 * hour, 7 * hour};
	mono = clock_ns(CLOCK_REALTIME);
	assert_true(value(CLOCK_REALTIME) >= mono);
	*page() = (struct exec_vvar){4, __rdtsc() + UINT32_MAX, UINT64_C(1) << 31, 1, 5 * hour, 7 * hour};
	assert_true(value(CLOCK_REALTIME) >= mono);
	assert_null(function("clock_gettime"));
}

static void it_is_the_host_s_time(void **state)
{
	const struct exec_vvar first = refreshed();
	uint64_t end = first.mono + NSEC_PER_MSEC;

	for (int i = 0; i < 20; i++) {
		struct exec_vvar v;
		uint64_t before, now, wall, after;

		/* As long as it holds, nobody asks for another one. */
		while (clock_ns(CLOCK_MONOTONIC) < end)
			;
		k.t.vdso.span = 0;
		before = clock_ns(CLOCK_MONOTONIC);
		wall = clock_ns(CLOCK_REALTIME);
		v = refreshed();
		now = clock_ns(CLOCK_MONOTONIC);
		after = clock_ns(CLOCK_REALTIME);
		assert_true(v.seq > first.seq && v.mono >= end);
		assert_true(v.mono >= before && v.mono <= now);
		assert_true(v.mono + v.wall + 2000 >= wall && v.mono + v.wall <= after + NSEC_PER_MSEC);
		end = v.mono + NSEC_PER_MSEC;
		/* A millisecond of ticks, to a thousandth */
		assert_true((v.span * v.mult >> 32) - 999000 < 2000);
	}
}

static void only_when_it_is_old(void **state)
{
	struct exec_vvar v = refreshed();

	k.t.vdso.span = UINT64_C(1) << 50;
	exec_vdso_refresh(&k.t, __rdtsc());
	assert_int_equal(in_guest().seq, v.seq);
	/* Not by another counter than ours, or by what the program makes up. */
	k.t.vdso.span = 0;
	exec_vdso_refresh(&k.t, 0);
	exec_vdso_refresh(&k.t, __rdtsc() + UINT32_MAX);
	exec_vdso_refresh(&k.t, __rdtsc() - (UINT64_C(1) << 34));
	assert_int_equal(in_guest().seq, v.seq);
	exec_vdso_refresh(&k.t, __rdtsc());
	assert_int_equal(in_guest().seq, v.seq + 1);
}

/* What the program maps there is its own. */
static void another_page_is_left_alone(void **state)
{
	const uint64_t at = k.t.vdso.at;
	struct exec_vvar v;

	refreshed();
	assert_int_equal(exec_call(&k.t, SYS_munmap, (const uint64_t[6]){at, 2 * PAGE_4K}), 0);
	k.t.vdso.span = 0;
	exec_vdso_refresh(&k.t, __rdtsc());
	assert_int_equal(exec_call(&k.t, SYS_mmap, (const uint64_t[6]){at, PAGE_4K, 3, 0x32, UINT64_MAX, 0}), at);
	for (int i = 0; i < 3; i++)
		exec_vdso_refresh(&k.t, __rdtsc());
	v = in_guest();
	assert_true(!v.seq && !v.base && !v.span && !v.mult);
	kit_task_close(&k);
	/* A program that has none */
	kit_task_open(&k, 8 * MIB, (const int[]){-1, -1, -1}, NULL);
	exec_vdso_refresh(&k.t, __rdtsc());
	assert_int_equal(k.t.vdso.tsc0, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_page_is_what_counts, set_up, tear_down),
		cmocka_unit_test_setup_teardown(it_is_the_host_s_time, set_up, tear_down),
		cmocka_unit_test_setup_teardown(only_when_it_is_old, set_up, tear_down),
		cmocka_unit_test_setup_teardown(another_page_is_left_alone, set_up, tear_down),
	};

	alarm(20);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
