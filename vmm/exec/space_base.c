// SPDX-License-Identifier: Apache-2.0
/*
 * Theory of operation. At space_mark() each page of the program, and each of its lowest page tables, is copied. Until
 * the return the pages that were in use are not given to anybody else, whatever the program unmaps, so that only two
 * things have to be put back: entries of tables that vmm has changed, by comparison with the copy, and contents of
 * pages that were written, by the program (KVM's log) or by vmm for it.
 *
 * A page that the program touched for the first time stays where it is, if its area is still what it was, and becomes
 * zeroes: what nobody has touched reads as that, too, and the next run needs no exit for it. There is a limit to these.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "vmm/exec/space_internal.h"

#define ADDED_MAX(s) MIN((s)->pages / 8, 4096)

static void set_bit(uint64_t *map, uint32_t i)
{
	map[i / 64] |= BIT(i % 64);
}

static uint8_t *copy_of(const struct space *s, uint32_t page)
{
	return s->base.copy + page * PAGE_4K;
}

/* Number of the page that has a host address. */
static uint32_t page_at(const struct space *s, const void *host)
{
	uint64_t before = 0;
	size_t i = 0;

	for (; (uintptr_t)host - (uintptr_t)s->mem->region[i].host >= s->mem->region[i].size; i++)
		before += s->mem->region[i].size;
	return (uint32_t)((before + ((uintptr_t)host - (uintptr_t)s->mem->region[i].host)) / PAGE_4K);
}

size_t space_base_words(const struct space *s)
{
	/* A region of memory begins at a word of its own in KVM's log. */
	return s->pages / 64 + 1;
}

int space_base_init(struct space *s)
{
	struct space_base *b = &s->base;
	size_t words = space_base_words(s);
	void *copy = mmap(
		NULL, s->pages * PAGE_4K, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (copy == MAP_FAILED)
		return -ENOMEM;
	b->copy = copy;
	b->kept = calloc(words, sizeof(*b->kept));
	b->written = calloc(words, sizeof(*b->written));
	b->touched = calloc(words, sizeof(*b->touched));
	/* Of these, only the parts in use are touched. */
	b->table_at = calloc(s->pages, sizeof(*b->table_at));
	b->area = calloc(SPACE_AREAS_MAX, sizeof(*b->area));
	return b->kept && b->written && b->touched && b->table_at && b->area ? 0 : -ENOMEM;
}

void space_base_destroy(struct space *s)
{
	struct space_base *b = &s->base;

	if (b->copy)
		munmap(b->copy, s->pages * PAGE_4K);
	free(b->kept);
	free(b->written);
	free(b->touched);
	free(b->table_at);
	free(b->area);
}

void space_base_touch(struct space *s, const uint64_t *entry, uint64_t at)
{
	uint32_t table = page_at(s, entry);

	set_bit(s->base.touched, table);
	s->base.table_at[table] = align_down(at, PAGE_4K * PTE_COUNT);
}

void space_base_written(struct space *s, uint64_t gpa)
{
	set_bit(s->base.written, space_page_of(s, gpa));
}

/* --- The moment -------------------------------------------------------------------------------------------- */

static void mark_page(struct gather *g, uint64_t *entry, uint64_t at, const void *arg)
{
	struct space *s = g->s;
	uint64_t gpa = *entry & PTE_ADDR;
	uint32_t page = space_page_of(s, gpa), table = page_at(s, entry);

	set_bit(s->base.kept, page);
	s->base.pages++;
	memcpy(copy_of(s, page), space_page_host(s, gpa), PAGE_4K);
	memcpy(copy_of(s, table) + (uintptr_t)entry % PAGE_4K, entry, sizeof(*entry));
}

uint64_t space_mark(struct space *s)
{
	struct space_base *b = &s->base;
	struct gather g = {.s = s};

	space_each_page(s, SPACE_LOW, SPACE_HIGH, mark_page, &g, NULL);
	b->nr = s->nr;
	for (size_t i = 0; i < s->nr; i++)
		b->area[i] = *space_nth(s, i);
	b->areas_changed = false;
	b->on = true;
	return b->pages;
}

/* --- The way back ------------------------------------------------------------------------------------------ */

static void return_areas(struct space *s)
{
	struct space_base *b = &s->base;

	if (!b->areas_changed)
		return;
	memcpy(s->area, b->area, b->nr * sizeof(*b->area));
	s->nr = s->gap = b->nr;
	s->full_below = 0;
	b->areas_changed = false;
}

/* A new page at @at. Does it stay, for the next time? */
static bool is_added(struct space *s, uint64_t entry, uint64_t at)
{
	const struct area *a = space_area(s, at);
	uint32_t page = space_page_of(s, entry & PTE_ADDR);

	if (!a || a->start > at || a->kind == AREA_CUT || s->base.added >= ADDED_MAX(s) ||
		(entry & ~PTE_ADDR) != space_flags_of(a->rights))
		return false;
	s->base.added++;
	set_bit(s->base.kept, page);
	set_bit(s->base.written, page);
	memset(copy_of(s, page), 0, PAGE_4K);
	return true;
}

static void return_entry(struct gather *g, uint64_t *entry, uint64_t *was, uint64_t at)
{
	struct space *s = g->s;
	uint64_t now = *entry, gpa = now & PTE_ADDR;

	if (now == *was)
		return;
	if (!*was && !space_base_keeps(s, gpa) && is_added(s, now, at)) {
		*was = now;
		return;
	}
	__atomic_store_n(entry, *was, __ATOMIC_RELEASE);
	if (!gpa)
		return;
	if (!space_base_keeps(s, gpa))
		gather_page(g, gpa);
	else if (gpa != (*was & PTE_ADDR) || space_loses(now, *was & ~PTE_ADDR))
		space_withdraw(s, gpa);
}

static void return_table(struct space *s, uint32_t table)
{
	uint64_t *entry = space_page_host(s, space_page_gpa(s, table)), at = s->base.table_at[table];
	uint64_t *was = (uint64_t *)(void *)copy_of(s, table);
	struct gather g = {.s = s, .free = true};

	for (unsigned i = 0; i < PTE_COUNT; i++, at += PAGE_4K)
		return_entry(&g, &entry[i], &was[i], at);
	gather_end(&g);
}

static uint64_t return_page(struct space *s, uint32_t page)
{
	memcpy(space_page_host(s, space_page_gpa(s, page)), copy_of(s, page), PAGE_4K);
	return 1;
}

static uint64_t each_bit(struct space *s, uint32_t word, uint64_t bits, uint64_t (*fn)(struct space *, uint32_t))
{
	uint64_t n = 0;

	for (; bits; bits &= bits - 1)
		n += fn(s, word * 64 + (uint32_t)__builtin_ctzll(bits));
	return n;
}

static uint64_t return_entries(struct space *s, uint32_t table)
{
	return_table(s, table);
	return 1;
}

uint64_t space_return(struct space *s, const uint64_t *log)
{
	struct space_base *b = &s->base;
	uint32_t words = s->fresh / 64 + 1;
	uint64_t pages = 0;

	return_areas(s);
	for (uint32_t i = 0; i < words; i++) {
		if (b->touched[i])
			each_bit(s, i, b->touched[i], return_entries);
		b->touched[i] = 0;
	}
	for (uint32_t i = 0; i < words; i++) {
		pages += each_bit(s, i, (log[i] | b->written[i]) & b->kept[i], return_page);
		b->written[i] = 0;
	}
	s->empty = false;
	return pages;
}
