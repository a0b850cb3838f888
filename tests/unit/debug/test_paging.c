// SPDX-License-Identifier: Apache-2.0
/*
 * The walk of a guest's page tables, on tables that are written here entry by entry.
 */
#include <errno.h>
#include <string.h>

#include "tests/support/unit.h"
#include "vmm/base/x86.h"
#include "vmm/debug/paging.h"

#define RAM_PAGES 64
#define AT(page)  ((page)*PAGE_4K)
#define TABLE     (PTE_P | PTE_W | PTE_U)

static union {
	uint64_t entry[RAM_PAGES][PTE_COUNT];
	uint32_t entry32[RAM_PAGES][2 * PTE_COUNT];
} ram;
static struct gmem mem;

static const struct paging four_levels = {
	.cr0 = CR0_PE | CR0_PG, .cr3 = AT(1), .cr4 = CR4_PAE, .efer = EFER_LMA | EFER_LME | EFER_NXE};
static const struct paging five_levels = {
	.cr0 = CR0_PE | CR0_PG, .cr3 = AT(1), .cr4 = CR4_PAE | CR4_LA57, .efer = EFER_LMA | EFER_LME | EFER_NXE};
static const struct paging pae = {.cr0 = CR0_PE | CR0_PG, .cr3 = AT(1) + 0x20, .cr4 = CR4_PAE};
static const struct paging two_levels = {.cr0 = CR0_PE | CR0_PG, .cr3 = AT(1), .cr4 = CR4_PSE};

static int clear_ram(void **state)
{
	memset(&ram, 0, sizeof(ram));
	mem = (struct gmem){0};
	return gmem_add(&mem, &(struct gmem_region){.size = sizeof(ram), .host = &ram, .fd = -1});
}

static void leads_to(const struct paging *p, uint64_t linear, uint64_t gpa)
{
	uint64_t got = 1;
	int r = paging_translate(&mem, p, linear, &got);

	if (r < 0 || got != gpa)
		fail_msg("0x%llx: %d, 0x%llx and not 0x%llx", (unsigned long long)linear, r, (unsigned long long)got,
			(unsigned long long)gpa);
}

static void fails(const struct paging *p, uint64_t linear, int code)
{
	uint64_t got = 0x77;

	assert_int_equal(paging_translate(&mem, p, linear, &got), code);
	assert_int_equal(got, 0x77);
}

static void without_paging(void **state)
{
	struct paging p = four_levels;

	p.cr0 = CR0_PE;
	p.efer = 0;
	leads_to(&p, 0x1234, 0x1234);
	leads_to(&p, 0x1fffffff0, 0xfffffff0);
	p.cr0 = 0;
	leads_to(&p, 0xfffffff0, 0xfffffff0);
}

static void four_levels_and_each_size(void **state)
{
	const uint64_t linear = UINT64_C(0xffff8123456789ab);
	const unsigned top = linear >> 39 & 511, third = linear >> 30 & 511, second = linear >> 21 & 511,
		       first = linear >> 12 & 511;

	fails(&four_levels, linear, -ENOENT);
	ram.entry[1][top] = AT(2) | TABLE | PTE_NX;
	ram.entry[2][third] = AT(3) | TABLE;
	ram.entry[3][second] = AT(4) | TABLE;
	fails(&four_levels, linear, -ENOENT);
	/* For the supervisor alone, never to be executed, with a protection key and what software keeps there. */
	ram.entry[4][first] = UINT64_C(0x0000abcdef123000) | PTE_P | PTE_NX | UINT64_C(0x7ff) << 52 | 0xe60;
	leads_to(&four_levels, linear, UINT64_C(0x0000abcdef123000) | (linear & 0xfff));

	ram.entry[3][second] = UINT64_C(0x12345600000) | PTE_P | PTE_U | PTE_PS | BIT(12);
	leads_to(&four_levels, linear, UINT64_C(0x12345600000) | (linear & (PAGE_2M - 1)));
	ram.entry[2][third] = UINT64_C(0x5540000000) | PTE_P | PTE_PS | BIT(12);
	leads_to(&four_levels, linear, UINT64_C(0x5540000000) | (linear & (PAGE_1G - 1)));
	/* A present bit that goes on any level takes the page away. */
	ram.entry[2][third] &= ~PTE_P;
	fails(&four_levels, linear, -ENOENT);
	ram.entry[1][top] &= ~PTE_P;
	fails(&four_levels, linear, -ENOENT);
}

static void cr3_has_more_than_an_address(void **state)
{
	struct paging p = four_levels;

	ram.entry[1][0] = AT(2) | TABLE;
	ram.entry[2][0] = 0 | TABLE | PTE_PS;
	/* PCID, no-flush, and linear address masking */
	p.cr3 |= 0xfff | BIT(61) | BIT(62) | BIT(63);
	leads_to(&p, 0x3000, 0x3000);
	/* 32 bits outside 64-bit mode */
	p = two_levels;
	p.cr3 |= 0xfff | UINT64_C(7) << 32;
	ram.entry32[1][0] = 0 | TABLE | PTE_PS;
	leads_to(&p, 0x3000, 0x3000);
}

static void five_levels_have_57_bits(void **state)
{
	const uint64_t linear = UINT64_C(0xff12345678901234);

	ram.entry[1][linear >> 48 & 511] = AT(2) | TABLE;
	ram.entry[2][linear >> 39 & 511] = AT(3) | TABLE;
	ram.entry[3][linear >> 30 & 511] = AT(4) | TABLE;
	ram.entry[4][linear >> 21 & 511] = AT(5) | TABLE;
	ram.entry[5][linear >> 12 & 511] = 0x8000 | PTE_P;
	leads_to(&five_levels, linear, 0x8234);
	fails(&four_levels, linear, -EINVAL);
	fails(&five_levels, UINT64_C(0x0100000000000000), -EINVAL);
	fails(&five_levels, UINT64_C(0xfeffffffffffffff), -EINVAL);
	fails(&five_levels, UINT64_C(0x00ffffffffffffff), -ENOENT);
}

static void addresses_are_canonical(void **state)
{
	fails(&four_levels, UINT64_C(0x0000800000000000), -EINVAL);
	fails(&four_levels, UINT64_C(0xffff7fffffffffff), -EINVAL);
	fails(&four_levels, UINT64_C(0x1000000000000000), -EINVAL);
	fails(&four_levels, UINT64_C(0x00007fffffffffff), -ENOENT);
	fails(&four_levels, UINT64_C(0xffff800000000000), -ENOENT);
}

static void pae_has_four_entries_on_top(void **state)
{
	uint64_t *top = &ram.entry[1][4]; /* CR3 is aligned to 32 bytes */
	struct paging nx = pae;

	top[3] = AT(2) | PTE_P;
	ram.entry[2][511] = AT(3) | TABLE;
	ram.entry[3][511] = UINT64_C(0x3456789000) | PTE_P;
	leads_to(&pae, 0xffffffff, UINT64_C(0x3456789fff));
	/* No more than 32 bits are looked at. */
	leads_to(&pae, UINT64_C(0x77ffffffff), UINT64_C(0x3456789fff));
	/* 2 MiB with or without CR4.PSE, never 1 GiB. */
	ram.entry[2][1] = UINT64_C(0xf00600000) | PTE_P | PTE_PS;
	leads_to(&pae, 0xc0234567, UINT64_C(0xf00634567));
	ram.entry[3][511] |= PTE_NX;
	fails(&pae, 0xffffffff, -EINVAL);
	nx.efer = EFER_NXE;
	leads_to(&nx, 0xffffffff, UINT64_C(0x3456789fff));
	/* Software has bits 52 to 62 in 64-bit mode only. */
	ram.entry[3][511] = UINT64_C(0x1000) | PTE_P | BIT(52);
	fails(&nx, 0xffffffff, -EINVAL);
	for (unsigned bit = 1; bit <= 63; bit++) {
		bool reserved = bit == 1 || bit == 2 || (bit >= 5 && bit <= 8) || bit >= 52;

		top[0] = AT(4) | PTE_P | BIT(bit);
		/* The table is empty, or outside RAM. */
		fails(&nx, 0, reserved ? -EINVAL : bit < 18 ? -ENOENT : -EFAULT);
	}
}

static void two_levels_of_32_bits(void **state)
{
	struct paging no_pse = two_levels;

	ram.entry32[1][0x300] = AT(2) | TABLE;
	ram.entry32[2][0x3ff] = 0xfedcb000 | PTE_P | 0xe00 | PTE_PS; /* PAT */
	leads_to(&two_levels, 0xc03ffabc, 0xfedcbabc);
	leads_to(&two_levels, UINT64_C(0xffffffffc03ffabc), 0xfedcbabc);
	/* 4 MiB; bits 13 to 20 are bits 32 to 39 of the address. */
	ram.entry32[1][0x301] = 0x80c00000 | (0xa5 << 13) | PTE_P | PTE_PS | BIT(12);
	leads_to(&two_levels, 0xc0512345, UINT64_C(0xa580d12345));
	ram.entry32[1][0x301] |= BIT(21);
	fails(&two_levels, 0xc0512345, -EINVAL);
	/* Without CR4.PSE bit 7 says nothing. */
	no_pse.cr4 = 0;
	ram.entry32[1][0x301] = AT(2) | TABLE | PTE_PS;
	ram.entry32[2][0x112] = 0x5000 | PTE_P;
	leads_to(&no_pse, 0xc0512345, 0x5345);
	fails(&no_pse, 0xc0513345, -ENOENT);
}

/* Each bit of an entry on each level: a fault where it is reserved, and else none by itself. */
static void reserved_bits_of_64_bit_mode(void **state)
{
	struct paging p = four_levels;

	for (unsigned level = 4; level; level--)
		ram.entry[5 - level][0] = AT(6 - level) | TABLE;
	leads_to(&p, 0x10, AT(5) + 0x10);
	ram.entry[1][0] |= PTE_PS;
	fails(&p, 0, -EINVAL);
	ram.entry[1][0] &= ~PTE_PS;
	for (unsigned bit = 13; bit < 30; bit++) {
		ram.entry[2][0] = TABLE | PTE_PS | BIT(bit);
		fails(&p, 0, -EINVAL);
	}
	ram.entry[2][0] = TABLE | PTE_PS | BIT(30);
	leads_to(&p, 0, PAGE_1G);
	ram.entry[2][0] = AT(3) | TABLE;
	for (unsigned bit = 13; bit < 21; bit++) {
		ram.entry[3][0] = TABLE | PTE_PS | BIT(bit);
		fails(&p, 0, -EINVAL);
	}
	ram.entry[3][0] = AT(4) | TABLE;
	for (unsigned level = 4; level; level--) {
		ram.entry[5 - level][0] |= PTE_NX;
		leads_to(&p, 0, AT(5));
		p.efer &= ~EFER_NXE;
		fails(&p, 0, -EINVAL);
		p.efer |= EFER_NXE;
		ram.entry[5 - level][0] &= ~PTE_NX;
	}
	p.cr4 |= CR4_LA57;
	p.cr3 = AT(6);
	ram.entry[6][0] = AT(1) | TABLE;
	leads_to(&p, 0, AT(5));
	ram.entry[6][0] |= PTE_PS;
	fails(&p, 0, -EINVAL);
}

/* A table that is its own on every level, as some kernels have on purpose: a walk ends all the same. */
static void tables_that_lead_to_themselves(void **state)
{
	ram.entry[1][511] = AT(1) | TABLE;
	leads_to(&four_levels, UINT64_C(0xfffffffffffff123), AT(1) + 0x123);
	leads_to(&five_levels, UINT64_C(0xfffffffffffff123), AT(1) + 0x123);
	ram.entry32[7][1023] = AT(7) | TABLE;
	leads_to(&(struct paging){.cr0 = CR0_PG, .cr3 = AT(7)}, 0xfffff123, AT(7) + 0x123);
}

static void tables_outside_ram(void **state)
{
	struct paging p = four_levels;

	for (unsigned level = 4; level > 1; level--) {
		memset(&ram, 0, sizeof(ram));
		for (unsigned i = 4; i > level; i--)
			ram.entry[5 - i][0] = AT(6 - i) | TABLE;
		ram.entry[5 - level][0] = AT(RAM_PAGES) | TABLE;
		fails(&p, 0, -EFAULT);
		ram.entry[5 - level][0] = (BIT(52) - PAGE_4K) | TABLE;
		fails(&p, 0, -EFAULT);
	}
	p.cr3 = AT(RAM_PAGES);
	fails(&p, 0, -EFAULT);
	p.cr3 = BIT(52) - PAGE_4K;
	fails(&p, 0, -EFAULT);
	/* The page itself may lie where no RAM is: that is for who reads it. */
	memset(&ram, 0, sizeof(ram));
	ram.entry[1][0] = AT(2) | TABLE;
	ram.entry[2][3] = 3 * PAGE_1G | TABLE | PTE_PS;
	leads_to(&four_levels, 0xfee00020, 0xfee00020);
}

/* Nothing is written: accessed and dirty bits stay as they are. */
static void tables_stay_as_they_are(void **state)
{
	static uint8_t before[sizeof(ram)];

	four_levels_and_each_size(state);
	pae_has_four_entries_on_top(state);
	memcpy(before, &ram, sizeof(ram));
	for (uint64_t linear = 0; linear < 4 * PAGE_1G; linear += PAGE_2M - PAGE_4K) {
		uint64_t gpa;

		paging_translate(&mem, &pae, linear, &gpa);
		paging_translate(&mem, &four_levels, linear, &gpa);
	}
	assert_memory_equal(before, &ram, sizeof(ram));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(without_paging, clear_ram),
		cmocka_unit_test_setup(four_levels_and_each_size, clear_ram),
		cmocka_unit_test_setup(cr3_has_more_than_an_address, clear_ram),
		cmocka_unit_test_setup(five_levels_have_57_bits, clear_ram),
		cmocka_unit_test_setup(addresses_are_canonical, clear_ram),
		cmocka_unit_test_setup(pae_has_four_entries_on_top, clear_ram),
		cmocka_unit_test_setup(two_levels_of_32_bits, clear_ram),
		cmocka_unit_test_setup(reserved_bits_of_64_bit_mode, clear_ram),
		cmocka_unit_test_setup(tables_that_lead_to_themselves, clear_ram),
		cmocka_unit_test_setup(tables_outside_ram, clear_ram),
		cmocka_unit_test_setup(tables_stay_as_they_are, clear_ram),
	};

	return run_group(tests);
}
