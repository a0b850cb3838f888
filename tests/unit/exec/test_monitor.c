// SPDX-License-Identifier: Apache-2.0
/*
 * The tables that a processor has without a kernel, as it reads them: SDM 3A, 3.4.5 and 7.2.3 (descriptors), 6.14
 * (gates and stacks of 64-bit mode), 7.7 (TSS).
 */
#include "tests/support/unit.h"

#include "tests/support/exec_kit.h"
#include "vmm/base/le.h"
#include "vmm/exec/monitor.h"

#define ADDRESS UINT64_C(0x000ffffffffff000)
#define NX      BIT(63)
#define P       BIT(0)
#define W       BIT(1)
#define U       BIT(2)

static struct kit_task k;
static struct monitor monitor;
static uint8_t page[PAGE_4K];

static int set_up(void **state)
{
	uint64_t entry;

	kit_task_open(&k, 8 * MIB, (const int[]){-1, -1, -1}, NULL);
	assert_int_equal(monitor_write(&k.t.space, &monitor), 0);
	entry = kit_walk(&k.t.space, EXEC_MONITOR);
	return gmem_read(k.t.space.mem, entry & ADDRESS, page, sizeof(page));
}

static int tear_down(void **state)
{
	kit_task_close(&k);
	return 0;
}

static void pages_have_the_least_rights(void **state)
{
	const uint64_t all = P | W | U | NX;

	assert_int_equal(kit_walk(&k.t.space, EXEC_MONITOR) & all, P | NX);
	assert_int_equal(kit_walk(&k.t.space, EXEC_STUB) & all, P);
	assert_int_equal(kit_walk(&k.t.space, EXEC_STACKS) & all, P | W | NX);
	assert_int_equal(kit_walk(&k.t.space, EXEC_STACKS) & ADDRESS, monitor.stacks_gpa);
	assert_int_equal(kit_walk(&k.t.space, EXEC_STACKS + PAGE_4K), 0);
	assert_int_equal(kit_walk(&k.t.space, EXEC_MONITOR - PAGE_4K), 0);
}

static void descriptors(void **state)
{
	static const struct {
		unsigned at;
		uint8_t access; /* P, DPL, S, type; without "accessed" */
		uint8_t flags;  /* G, D, L */
	} rows[] = {
		{0x10, 0x9a, 0xa},
		{0x18, 0x92, 0xc},
		{0x28, 0xf2, 0xc},
		{0x30, 0xfa, 0xa},
	};
	uint64_t tss = le64_get(page + EXEC_GDT + 0x40);

	assert_int_equal(le64_get(page), 0);
	/* There is no 32-bit code. */
	assert_int_equal(le64_get(page + EXEC_GDT + 0x20), 0);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		uint64_t d = le64_get(page + EXEC_GDT + rows[i].at);

		assert_int_equal(d >> 40 & 0xfe, rows[i].access);
		assert_int_equal(d >> 52 & 0xf, rows[i].flags);
		assert_int_equal((d & 0xffff) | (d >> 32 & 0xf0000), 0xfffff);
		assert_int_equal((d >> 16 & 0xffffff) | (d >> 56), 0);
	}
	assert_int_equal(tss >> 40 & 0xff, 0x8b);
	assert_int_equal(tss & 0xffff, 103);
	assert_int_equal((tss >> 16 & 0xffffff) | (tss >> 32 & 0xff000000), (EXEC_MONITOR + EXEC_TSS) & UINT32_MAX);
	assert_int_equal(le32_get(page + EXEC_GDT + 0x48), (EXEC_MONITOR + EXEC_TSS) >> 32);
}

static void stacks(void **state)
{
	assert_int_equal(le64_get(page + EXEC_TSS + 4), EXEC_STACKS + 1024);
	for (unsigned ist = 1; ist <= 7; ist++)
		assert_int_equal(le64_get(page + EXEC_TSS + 36 + 8 * (ist - 1)),
			ist <= 4 ? EXEC_STACKS + 1024 * (uint64_t)ist : 0);
}

static void gates(void **state)
{
	for (unsigned v = 0; v < 32; v++) {
		const uint8_t *gate = page + EXEC_IDT + 16 * v;
		uint64_t offset = le16_get(gate) | (uint64_t)le16_get(gate + 6) << 16 |
			(uint64_t)le32_get(gate + 8) << 32;

		assert_int_equal(offset, EXEC_STUB + 0x40 + 32 * (uint64_t)v);
		assert_int_equal(le16_get(gate + 2), 0x10);
		/* #DB, NMI and #DF may come in the middle of another exception. */
		assert_int_equal(gate[4], v == 1 ? 2 : v == 2 ? 3 : v == 8 ? 4 : 1);
		assert_int_equal(gate[5], v == 3 || v == 4 ? 0xee : 0x8e);
		assert_int_equal(le32_get(gate + 12), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pages_have_the_least_rights),
		cmocka_unit_test(descriptors),
		cmocka_unit_test(stacks),
		cmocka_unit_test(gates),
	};

	return run_group_with(tests, set_up, tear_down);
}
