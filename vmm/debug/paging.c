// SPDX-License-Identifier: Apache-2.0
/*
 * Theory of operation. Every mode is the same walk: a table's address, an index from the linear address, an entry that
 * holds the next table or a page. struct mode says how wide entries and indices are and how many levels there are; what
 * the modes reserve is reserved_bits(). The number of levels bounds the walk, so tables that lead to themselves, as
 * recursive page tables do on purpose, end it like any other.
 */
#include "vmm/debug/paging.h"

#include <errno.h>

#include "vmm/base/le.h"
#include "vmm/base/x86.h"

#define PAGE_BITS    12
#define ADDRESS_BITS 52 /* the most that an entry holds */

#define PAE_PDPTE   3 /* levels count from the bottom: 1 is the page table */
#define PSE36_BITS  8 /* of a 4 MiB page: bits 13 to 20 are bits 32 to 39 of its address (SDM 3, table 4-4) */
#define PSE36_SHIFT 13

/** struct mode - @levels of tables, whose entries have @width bytes and are numbered by @index_bits of the address */
struct mode {
	unsigned levels;
	unsigned width;
	unsigned index_bits;
	bool is_long;
	bool pse;
	bool nx;
};

static uint64_t bits(unsigned from, unsigned to)
{
	return BIT(to) - BIT(from);
}

static struct mode mode_of(const struct paging *regs)
{
	struct mode m = {.levels = 2, .width = 4, .index_bits = 10, .pse = regs->cr4 & CR4_PSE};

	if (regs->efer & EFER_LMA)
		m = (struct mode){.levels = regs->cr4 & CR4_LA57 ? 5 : 4, .width = 8, .index_bits = 9, .is_long = true};
	else if (regs->cr4 & CR4_PAE)
		m = (struct mode){.levels = 3, .width = 8, .index_bits = 9};
	m.nx = regs->efer & EFER_NXE;
	return m;
}

/* The upper bits repeat the highest one that is translated. */
static bool is_canonical(const struct mode *m, uint64_t linear)
{
	unsigned spare = 64 - (PAGE_BITS + m->levels * m->index_bits);

	return (uint64_t)((int64_t)(linear << spare) >> spare) == linear;
}

static uint64_t first_table(const struct mode *m, uint64_t cr3)
{
	if (m->is_long)
		return cr3 & bits(PAGE_BITS, ADDRESS_BITS);
	return cr3 & (m->width == 8 ? bits(5, 32) : bits(PAGE_BITS, 32));
}

static bool is_page(const struct mode *m, unsigned level, uint64_t entry)
{
	if (level == 1)
		return true;
	if (!(entry & PTE_PS))
		return false;
	return level == 2 ? m->width == 8 || m->pse : level == 3 && m->is_long;
}

/* SDM 3, figures 4-4, 4-7 and 4-11 */
static uint64_t reserved_bits(const struct mode *m, unsigned level, bool page, unsigned page_bits)
{
	uint64_t reserved = 0;

	if (m->width == 4)
		return page && level == 2 ? BIT(21) : 0;
	if (!m->nx)
		reserved |= PTE_NX;
	if (!m->is_long)
		reserved |= bits(ADDRESS_BITS, 63);
	if (!m->is_long && level == PAE_PDPTE)
		return reserved | PTE_NX | bits(1, 3) | bits(5, 9);
	if (level > 3)
		reserved |= PTE_PS;
	/* Bit 12 of a large page is PAT. */
	if (page && level > 1)
		reserved |= bits(PAGE_BITS + 1, page_bits);
	return reserved;
}

static int read_entry(const struct gmem *mem, uint64_t gpa, unsigned width, uint64_t *ret)
{
	uint8_t raw[8];
	int r = gmem_read(mem, gpa, raw, width);

	if (r == 0)
		*ret = width == 8 ? le64_get(raw) : le32_get(raw);
	return r;
}

static uint64_t page_address(const struct mode *m, unsigned page_bits, uint64_t entry, uint64_t linear)
{
	uint64_t base = entry & bits(page_bits, m->width == 8 ? ADDRESS_BITS : 32);

	if (m->width == 4 && page_bits > PAGE_BITS)
		base |= (entry >> PSE36_SHIFT & (BIT(PSE36_BITS) - 1)) << 32;
	return base | (linear & (BIT(page_bits) - 1));
}

int paging_translate(const struct gmem *mem, const struct paging *regs, uint64_t linear, uint64_t *ret)
{
	struct mode m = mode_of(regs);
	uint64_t table = first_table(&m, regs->cr3);

	if (!(regs->cr0 & CR0_PG)) {
		*ret = (uint32_t)linear;
		return 0;
	}
	if (!m.is_long)
		linear = (uint32_t)linear;
	else if (!is_canonical(&m, linear))
		return -EINVAL;
	for (unsigned level = m.levels;; level--) {
		unsigned page_bits = PAGE_BITS + (level - 1) * m.index_bits;
		uint64_t index = linear >> page_bits & (BIT(m.index_bits) - 1);
		uint64_t entry = 0;
		bool page;
		int r = read_entry(mem, table + index * m.width, m.width, &entry);

		if (r < 0)
			return r;
		if (!(entry & PTE_P))
			return -ENOENT;
		page = is_page(&m, level, entry);
		if (entry & reserved_bits(&m, level, page, page_bits))
			return -EINVAL;
		if (page) {
			*ret = page_address(&m, page_bits, entry, linear);
			return 0;
		}
		table = entry & bits(PAGE_BITS, m.width == 8 ? ADDRESS_BITS : 32);
	}
}
