// SPDX-License-Identifier: Apache-2.0
/*
 * The bytes of descriptors, gates, task state and page tables, against the figures of the SDM.
 */
#include <errno.h>
#include <string.h>

#include "boot/x86.h"
#include "tests/support/unit.h"

static void descriptors_of_segments(void **state)
{
	/* What kernels have had for __KERNEL_CS, __KERNEL_DS, __USER_CS and __USER_DS ever since, accessed. */
	assert_int_equal(x86_descriptor(SEG_CODE64, 0, X86_LIMIT_4G), UINT64_C(0x00af9b000000ffff));
	assert_int_equal(x86_descriptor(SEG_CODE32, 0, X86_LIMIT_4G), UINT64_C(0x00cf9b000000ffff));
	assert_int_equal(x86_descriptor(SEG_DATA, 0, X86_LIMIT_4G), UINT64_C(0x00cf93000000ffff));
	assert_int_equal(x86_descriptor(SEG_CODE64 | SEG_DPL(3), 0, X86_LIMIT_4G), UINT64_C(0x00affb000000ffff));
	assert_int_equal(x86_descriptor(SEG_DATA | SEG_DPL(3), 0, X86_LIMIT_4G), UINT64_C(0x00cff3000000ffff));
	/* Base and limit lie in pieces. */
	assert_int_equal(x86_descriptor(0, 0x12345678, 0xabcde), UINT64_C(0x120a00345678bcde));
	assert_int_equal(x86_descriptor(0xf0ff, 0, 0), UINT64_C(0x00f0ff0000000000));
}

static void the_descriptor_of_a_task_state(void **state)
{
	static const uint8_t bytes[X86_SYSTEM64] = {
		0x67, 0x00, 0x33, 0x22, 0x11, 0x8b, 0x00, 0x44, 0x88, 0x77, 0x66, 0x55, 0, 0, 0, 0};
	uint8_t at[X86_SYSTEM64];

	memset(at, 0xee, sizeof(at));
	x86_put_system64(at, SEG_TSS_BUSY, UINT64_C(0x5566778844112233), TSS_SIZE - 1);
	assert_memory_equal(at, bytes, sizeof(at));
}

static void gates(void **state)
{
	static const uint8_t gate32[X86_GATE32] = {0x78, 0x56, 0x10, 0x00, 0, 0x8e, 0x34, 0x12};
	static const uint8_t gate64[X86_GATE64] = {
		0x78, 0x56, 0x18, 0x00, 2, 0x8e, 0x34, 0x12, 0xf0, 0xde, 0xbc, 0x9a, 0, 0, 0, 0};
	uint8_t at[X86_GATE64 + 1];

	memset(at, 0xee, sizeof(at));
	x86_put_gate32(at, 0x10, 0x12345678);
	assert_memory_equal(at, gate32, sizeof(gate32));
	assert_int_equal(at[X86_GATE32], 0xee);
	memset(at, 0xee, sizeof(at));
	x86_put_gate64(at, 0x18, UINT64_C(0x9abcdef012345678), 2);
	assert_memory_equal(at, gate64, sizeof(gate64));
	assert_int_equal(at[X86_GATE64], 0xee);
}

static void task_state(void **state)
{
	uint8_t at[TSS_SIZE + 1], want[TSS_SIZE + 1] = {0};

	memset(at, 0xee, sizeof(at));
	memcpy(want + 4, "\1\2\3\4\5\6\7\10", 8);
	memcpy(want + 36, "\21\22\23\24\25\26\27\30", 8);
	want[102] = 104;
	want[TSS_SIZE] = 0xee;
	x86_put_tss64(at, UINT64_C(0x0807060504030201), UINT64_C(0x1817161514131211));
	assert_memory_equal(at, want, sizeof(at));
}

static void entries_of_page_tables(void **state)
{
	enum { TABLES = 3, ALL = TABLES * PTE_COUNT };
	static uint64_t ram[ALL];
	struct gmem mem = {0};

	assert_int_equal(
		gmem_add(&mem, &(struct gmem_region){.gpa = PAGE_4K, .size = sizeof(ram), .host = ram, .fd = -1}), 0);
	/* Through the end of one table and all of the next. */
	assert_int_equal(x86_put_entries(&mem, PAGE_4K, 500, 600, PAGE_1G, PAGE_2M, PTE_P | PTE_W | PTE_PS), 0);
	for (uint64_t i = 0; i < ALL; i++)
		assert_int_equal(ram[i], i < 500 || i >= 1100 ? 0 : (PAGE_1G + (i - 500) * PAGE_2M) | 0x83);
	assert_int_equal(x86_put_entries(&mem, PAGE_4K, 0, 1, 0x5000, 0, PTE_P | PTE_U | PTE_NX), 0);
	assert_int_equal(ram[0], UINT64_C(0x8000000000005005));
	assert_int_equal(x86_put_entries(&mem, PAGE_4K, 1, 0, 0x5000, 0, PTE_P), 0);
	assert_int_equal(ram[1], 0);
	assert_int_equal(x86_put_entries(&mem, 0, 0, 1, 0x5000, 0, PTE_P), -EFAULT);
	assert_int_equal(x86_put_entries(&mem, PAGE_4K, ALL - 1, 2, 0x5000, 0, PTE_P), -EFAULT);
	assert_int_equal(ram[ALL - 1], 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(descriptors_of_segments),
		cmocka_unit_test(the_descriptor_of_a_task_state),
		cmocka_unit_test(gates),
		cmocka_unit_test(task_state),
		cmocka_unit_test(entries_of_page_tables),
	};

	return run_group(tests);
}
