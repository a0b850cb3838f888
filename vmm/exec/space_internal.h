/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shared by space.c and space_base.c.
 */
#ifndef VMM_EXEC_SPACE_INTERNAL_H
#define VMM_EXEC_SPACE_INTERNAL_H

#include "vmm/base/util.h"
#include "vmm/exec/space.h"

#define PTE_ADDR UINT64_C(0x000ffffffffff000)

/**
 * struct gather - pages to withdraw from KVM, consecutive ones together
 * @free: they return to the pool
 */
struct gather {
	struct space *s;
	bool free;
	uint8_t *host;
	size_t len;
};

/** gather_page(), gather_end() - withdraw a page, perhaps with those after it; withdraw what was collected */
void gather_page(struct gather *g, uint64_t gpa);
void gather_end(struct gather *g);

/** space_withdraw() - a single page, which stays in use */
static inline void space_withdraw(struct space *s, uint64_t gpa)
{
	struct gather g = {.s = s};

	gather_page(&g, gpa);
	gather_end(&g);
}

/** space_page_gpa(), space_page_of() - of the pool's pages, by number, and back; space_page_host(): of an address */
uint64_t space_page_gpa(const struct space *s, uint32_t page);
uint32_t space_page_of(const struct space *s, uint64_t gpa);
void *space_page_host(const struct space *s, uint64_t gpa);

/** space_flags_of() - bits of an entry for a page of an area with these rights */
uint64_t space_flags_of(unsigned rights);

/** space_loses() - does an entry that becomes @flags lose a right? */
bool space_loses(uint64_t old, uint64_t flags);

/** space_set_entry() - write the entry of @at in a lowest table */
void space_set_entry(struct space *s, uint64_t *entry, uint64_t at, uint64_t value);

/** space_each_page() - call @fn for each page of a range, and gather_end() */
void space_each_page(struct space *s, uint64_t at, uint64_t end,
	void (*fn)(struct gather *g, uint64_t *entry, uint64_t at, const void *arg), struct gather *g, const void *arg);

/** space_base_touch() - the entry of @at changes */
void space_base_touch(struct space *s, const uint64_t *entry, uint64_t at);

/** space_base_written() - vmm writes to a page */
void space_base_written(struct space *s, uint64_t gpa);

/** space_base_destroy() - takes a zeroed one */
void space_base_destroy(struct space *s);

static inline bool space_base_keeps(const struct space *s, uint64_t gpa)
{
	uint32_t page;

	if (!s->base.on)
		return false;
	page = space_page_of(s, gpa);
	return s->base.kept[page / 64] & BIT(page % 64);
}

#endif
