// SPDX-License-Identifier: Apache-2.0
#include "vmm/debug/mappings.h"

#include "vmm/base/le.h"
#include "vmm/base/x86.h"

#define PAGE_BITS    12
#define INDEX_BITS   9
#define ADDRESS_MASK (BIT(52) - PAGE_4K)

/* The one before it is complete when this one does not continue it. */
static bool add(struct mappings *w, uint64_t linear, uint64_t gpa, uint64_t size)
{
	struct mapping whole = w->last;

	if (whole.size && whole.linear + whole.size == linear && whole.gpa + whole.size == gpa) {
		w->last.size += size;
		return true;
	}
	w->last = (struct mapping){linear, gpa, size};
	return !whole.size || w->each(w, &whole);
}

/* Recursion is as deep as there are levels. */
static bool walk(struct mappings *w, uint64_t table, unsigned level, uint64_t base, uint64_t from, uint64_t last)
{
	const unsigned bits = PAGE_BITS + (level - 1) * INDEX_BITS;
	uint8_t raw[PAGE_4K];

	if (!w->tables)
		return false;
	w->tables--;
	if (gmem_read(w->mem, table, raw, sizeof(raw)) < 0)
		return true;
	for (uint64_t i = 0; i < PTE_COUNT; i++) {
		uint64_t linear = base + (i << bits), entry = le64_get(raw + 8 * i), gpa = entry & ADDRESS_MASK;
		bool page = level == 1 || (level <= 3 && entry & PTE_PS), more;

		if (linear > last)
			break;
		if (!(entry & PTE_P) || linear + (BIT(bits) - 1) < from)
			continue;
		/* Bit 12 of a large page is PAT. */
		more = page ? add(w, linear, align_down(gpa, BIT(bits)), BIT(bits))
			    : walk(w, gpa, level - 1, linear, from, last);
		if (!more)
			return false;
	}
	return true;
}

bool mappings_walk(struct mappings *w, const struct paging *regs, uint64_t from, uint64_t last)
{
	unsigned levels = regs->cr4 & CR4_LA57 ? 5 : 4, top = PAGE_BITS + levels * INDEX_BITS;
	bool whole;

	w->last = (struct mapping){};
	if (!(regs->cr0 & CR0_PG) || !(regs->efer & EFER_LMA))
		return true;
	/* A canonical address repeats its highest translated bit. */
	whole = walk(w, regs->cr3 & ADDRESS_MASK, levels, from >> 63 ? -BIT(top) : 0, from, last);
	return (!w->last.size || w->each(w, &w->last)) && whole;
}
