// SPDX-License-Identifier: Apache-2.0
/*
 * All that a guest's page tables map, on tables that are written here entry by entry.
 */
#include <string.h>

#include "tests/support/unit.h"
#include "vmm/base/x86.h"
#include "vmm/debug/mappings.h"

#define RAM_PAGES 8
#define AT(page)  ((page)*PAGE_4K)
#define TABLE     (PTE_P | PTE_W | PTE_U)
#define FOUND_MAX 8

static uint64_t ram[RAM_PAGES][PTE_COUNT];
static struct gmem mem;
static struct mapping found[FOUND_MAX];
static unsigned nr;

static const struct paging four_levels = {
	.cr0 = CR0_PE | CR0_PG, .cr3 = AT(1), .cr4 = CR4_PAE, .efer = EFER_LMA | EFER_LME | EFER_NXE};

/* Tables for one half of the addresses: the first page of each table is the next one's. */
static int set_up(void **state)
{
	memset(ram, 0, sizeof(ram));
	ram[1][0] = AT(2) | TABLE;
	ram[2][0] = AT(3) | TABLE;
	ram[3][0] = AT(4) | TABLE;
	mem = (struct gmem){0};
	return gmem_add(&mem, &(struct gmem_region){.size = sizeof(ram), .host = ram, .fd = -1});
}

static bool keep(struct mappings *w, const struct mapping *m)
{
	assert_true(nr < FOUND_MAX);
	found[nr++] = *m;
	return true;
}

static unsigned walk(uint64_t from, uint64_t last)
{
	struct mappings w = {.mem = &mem, .tables = RAM_PAGES, .each = keep};

	nr = 0;
	assert_true(mappings_walk(&w, &four_levels, from, last));
	return nr;
}

static void is(unsigned i, uint64_t linear, uint64_t gpa, uint64_t size)
{
	assert_true(i < nr);
	assert_true(found[i].linear == linear && found[i].gpa == gpa && found[i].size == size);
}

/* SDM 3, 4.5.4: an address has up to 52 bits, and those above are the software's or say what may be done. */
static void an_address_has_52_bits(void **state)
{
	ram[4][0] = (BIT(52) - PAGE_4K) | PTE_P | PTE_NX | UINT64_C(0x7ff) << 52;
	ram[4][1] = BIT(51) | PTE_P;
	ram[4][2] = PTE_P;
	assert_int_equal(walk(0, UINT64_C(0x7fffffffffff)), 3);
	is(0, 0, BIT(52) - PAGE_4K, PAGE_4K);
	is(1, PAGE_4K, BIT(51), PAGE_4K);
	is(2, 2 * PAGE_4K, 0, PAGE_4K);
}

static void pages_that_follow_each_other_are_one(void **state)
{
	ram[4][510] = 0x6000 | PTE_P;
	ram[4][511] = 0x7000 | PTE_P;
	ram[3][1] = 0x200000 | PTE_P | PTE_PS;
	ram[3][2] = 0x400000 | PTE_P | PTE_PS | BIT(12);
	assert_int_equal(walk(0, UINT64_C(0x7fffffffffff)), 2);
	is(0, 510 * PAGE_4K, 0x6000, 2 * PAGE_4K);
	is(1, PAGE_2M, 0x200000, 2 * PAGE_2M);
}

/* What is asked for is met from its first to its last byte, which may be the first of a page. */
static void both_ends_belong_to_it(void **state)
{
	for (unsigned i = 0; i < 4; i++)
		ram[4][i] = AT(7 - i) | PTE_P;
	assert_int_equal(walk(PAGE_4K, 2 * PAGE_4K), 2);
	is(0, PAGE_4K, AT(6), PAGE_4K);
	is(1, 2 * PAGE_4K, AT(5), PAGE_4K);
	assert_int_equal(walk(2 * PAGE_4K - 1, 2 * PAGE_4K - 1), 1);
	is(0, PAGE_4K, AT(6), PAGE_4K);
	assert_int_equal(walk(3 * PAGE_4K, 3 * PAGE_4K), 1);
	is(0, 3 * PAGE_4K, AT(4), PAGE_4K);
	assert_int_equal(walk(4 * PAGE_4K, 4 * PAGE_4K), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(an_address_has_52_bits, set_up),
		cmocka_unit_test_setup(pages_that_follow_each_other_are_one, set_up),
		cmocka_unit_test_setup(both_ends_belong_to_it, set_up),
	};

	return run_group(tests);
}
