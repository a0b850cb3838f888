// SPDX-License-Identifier: Apache-2.0
/*
 * Theory of operation. An entry of the lowest page tables is 0, or has the address of a page of the pool and PTE_OURS.
 * In the latter PTE_P is clear if the area has no rights. The accessed and dirty bits are always set: they are never
 * read, and so the processor does not have to write them.
 *
 * Stale translations of a page (in the TLB, and in KVM's shadow page tables) are flushed from the host, by withdrawing
 * the page from KVM: struct gather. A page that is freed is returned to the host (MADV_DONTNEED), which also clears it;
 * a page that loses a right or moves to another address is made inaccessible for the host and then accessible again.
 * docs/design/exec.md explains why, and why page tables are never freed.
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "vmm/base/assert.h"
#include "vmm/exec/space_internal.h"

#define PTE_A    BIT(5)
#define PTE_D    BIT(6)
#define PTE_OURS BIT(9) /* ignored by the processor: SDM 3, table 4-20 */
#define TABLES   4
#define NO_PAGE  UINT32_MAX

/* --- Pages ------------------------------------------------------------------------------------------------- */

uint64_t space_page_gpa(const struct space *s, uint32_t page)
{
	uint64_t at = page * PAGE_4K;
	size_t i = 0;

	for (; at >= s->mem->region[i].size; i++)
		at -= s->mem->region[i].size;
	return s->mem->region[i].gpa + at;
}

uint32_t space_page_of(const struct space *s, uint64_t gpa)
{
	uint64_t before = 0;
	size_t i = 0;

	for (; gpa - s->mem->region[i].gpa >= s->mem->region[i].size; i++)
		before += s->mem->region[i].size;
	return (uint32_t)((before + gpa - s->mem->region[i].gpa) / PAGE_4K);
}

void *space_page_host(const struct space *s, uint64_t gpa)
{
	void *p = gmem_ptr(s->mem, gpa, PAGE_4K);

	assert(p);
	return p;
}

/* Return: guest-physical address of a free page; 0: there is none (page 0 is the root). */
static uint64_t take_page(struct space *s)
{
	uint32_t page = s->free;

	if (page != NO_PAGE)
		s->free = s->next[page];
	else if (s->fresh < s->pages)
		page = s->fresh++;
	else
		s->empty = true;
	if (page == NO_PAGE)
		return 0;
	s->used++;
	s->most = MAX(s->most, s->used);
	return space_page_gpa(s, page);
}

void gather_end(struct gather *g)
{
	int r = 0;

	if (!g->len)
		return;
	if (g->free)
		r = madvise(g->host, g->len, MADV_DONTNEED);
	else if (mprotect(g->host, g->len, PROT_NONE) < 0 || mprotect(g->host, g->len, PROT_READ | PROT_WRITE) < 0)
		r = -1;
	if (r < 0 && !g->s->lost)
		g->s->lost = -errno;
	g->len = 0;
}

void gather_page(struct gather *g, uint64_t gpa)
{
	uint8_t *host = space_page_host(g->s, gpa);

	if (!g->len || host != g->host + g->len) {
		gather_end(g);
		g->host = host;
	}
	g->len += PAGE_4K;
	if (g->free) {
		uint32_t page = space_page_of(g->s, gpa);

		g->s->next[page] = g->s->free;
		g->s->free = page;
		g->s->used--;
	}
}

/* --- Page tables ------------------------------------------------------------------------------------------- */

static unsigned index_of(uint64_t at, unsigned level)
{
	return (unsigned)(at >> (12 + 9 * level)) % PTE_COUNT;
}

/*
 * The entry of @at in the lowest table; NULL: there is no table, or with @make no page for one.
 * @ret_level: set if NULL is returned: level of the table whose entry is missing
 */
static uint64_t *entry_of(struct space *s, uint64_t at, uint64_t user, bool make, unsigned *ret_level)
{
	uint64_t table = s->root;

	for (unsigned level = TABLES - 1; level; level--) {
		uint64_t *entry = (uint64_t *)space_page_host(s, table) + index_of(at, level);

		if (!*entry && make) {
			uint64_t page = take_page(s);

			if (page)
				__atomic_store_n(entry, page | PTE_P | PTE_W | user | PTE_A, __ATOMIC_RELEASE);
		}
		if (!*entry) {
			*ret_level = level;
			return NULL;
		}
		table = *entry & PTE_ADDR;
	}
	return (uint64_t *)space_page_host(s, table) + index_of(at, 0);
}

void space_set_entry(struct space *s, uint64_t *entry, uint64_t at, uint64_t value)
{
	if (unlikely(s->base.on))
		space_base_touch(s, entry, at);
	__atomic_store_n(entry, value, __ATOMIC_RELEASE);
}

uint64_t space_flags_of(unsigned rights)
{
	if (!rights)
		return PTE_OURS;
	return PTE_OURS | PTE_P | PTE_U | PTE_A | PTE_D | (rights & SPACE_W ? PTE_W : 0) |
		(rights & SPACE_X ? 0 : PTE_NX);
}

/* Calls @fn for each page of a range; ranges without page tables are skipped as a whole. */
void space_each_page(struct space *s, uint64_t at, uint64_t end,
	void (*fn)(struct gather *g, uint64_t *entry, uint64_t at, const void *arg), struct gather *g, const void *arg)
{
	while (at < end) {
		unsigned level;
		uint64_t *entry = entry_of(s, at, 0, false, &level);
		uint64_t step = UINT64_C(1) << (12 + 9 * (entry ? 1 : level));
		uint64_t stop = MIN(end, align_down(at, step) + step);

		for (; entry && at < stop; at += PAGE_4K, entry++)
			if (*entry)
				fn(g, entry, at, arg);
		at = stop;
	}
	gather_end(g);
}

static void drop_page(struct gather *g, uint64_t *entry, uint64_t at, const void *arg)
{
	uint64_t gpa = *entry & PTE_ADDR;

	space_set_entry(g->s, entry, at, 0);
	if (unlikely(space_base_keeps(g->s, gpa)))
		space_withdraw(g->s, gpa);
	else
		gather_page(g, gpa);
}

static void drop(struct space *s, uint64_t at, uint64_t end)
{
	struct gather g = {.s = s, .free = true};

	space_each_page(s, at, end, drop_page, &g, NULL);
}

bool space_loses(uint64_t old, uint64_t flags)
{
	return (old & PTE_P && !(flags & PTE_P)) || (old & PTE_W && !(flags & PTE_W)) ||
		(old & PTE_P && !(old & PTE_NX) && flags & PTE_NX);
}

static void protect_page(struct gather *g, uint64_t *entry, uint64_t at, const void *arg)
{
	uint64_t old = *entry, gpa = old & PTE_ADDR, flags = *(const uint64_t *)arg;

	space_set_entry(g->s, entry, at, gpa | flags);
	if (space_loses(old, flags))
		gather_page(g, gpa);
}

/* --- Areas ------------------------------------------------------------------------------------------------- */

/*
 * All free entries of the array are in one gap, at index @gap, so that a change near the previous one moves few
 * entries, however many areas there are.
 */
static struct area *area_at(const struct space *s, size_t i)
{
	return &s->area[i < s->gap ? i : i + (SPACE_AREAS_MAX - s->nr)];
}

static void move_gap(struct space *s, size_t to)
{
	size_t len = SPACE_AREAS_MAX - s->nr, from = s->gap;

	if (to < from)
		memmove(&s->area[to + len], &s->area[to], (from - to) * sizeof(*s->area));
	else
		memmove(&s->area[from], &s->area[from + len], (to - from) * sizeof(*s->area));
	s->gap = to;
}

const struct area *space_nth(const struct space *s, size_t i)
{
	return i < s->nr ? area_at(s, i) : NULL;
}

/* Index of the first area that ends above @at. */
static size_t find(const struct space *s, uint64_t at)
{
	size_t lo = 0, hi = s->nr;

	while (lo < hi) {
		size_t mid = (lo + hi) / 2;

		if (area_at(s, mid)->end > at)
			hi = mid;
		else
			lo = mid + 1;
	}
	return lo;
}

static void insert(struct space *s, size_t i, const struct area *a)
{
	assert(s->nr < SPACE_AREAS_MAX);
	move_gap(s, i);
	s->area[s->gap++] = *a;
	s->nr++;
}

static void take_out(struct space *s, size_t i, size_t n)
{
	move_gap(s, i);
	s->nr -= n;
}

/* Splits the area that contains @at, if any, at @at. */
static void split(struct space *s, uint64_t at)
{
	size_t i = find(s, at);
	struct area upper;

	if (i == s->nr || area_at(s, i)->start >= at)
		return;
	upper = *area_at(s, i);
	upper.start = at;
	area_at(s, i)->end = at;
	insert(s, i + 1, &upper);
}

static bool same(const struct area *a, const struct area *b)
{
	return a->end == b->start && a->rights == b->rights && a->kind == b->kind;
}

/* Merges neighbouring areas of the same kind and rights in and next to [at, end]. */
static void join(struct space *s, uint64_t at, uint64_t end)
{
	size_t i = find(s, at ? at - 1 : 0);

	while (i + 1 < s->nr && area_at(s, i)->start <= end) {
		if (same(area_at(s, i), area_at(s, i + 1))) {
			area_at(s, i)->end = area_at(s, i + 1)->end;
			take_out(s, i + 1, 1);
		} else {
			i++;
		}
	}
}

static int check_range(uint64_t at, uint64_t len)
{
	if (at % PAGE_4K || len % PAGE_4K || !len || at < SPACE_LOW || at >= SPACE_HIGH || len > SPACE_HIGH - at)
		return -EINVAL;
	return 0;
}

static bool splits(const struct space *s, uint64_t at)
{
	const struct area *a = space_area(s, at);

	return a && a->start < at;
}

/* Would @more areas, and splits at both ends of a range, exceed the limit? */
static bool is_full(const struct space *s, uint64_t at, uint64_t len, unsigned more)
{
	return s->nr + splits(s, at) + splits(s, at + len) + more > SPACE_AREAS_MAX;
}

static void remove_areas(struct space *s, uint64_t at, uint64_t end)
{
	size_t first, last;

	split(s, at);
	split(s, end);
	first = find(s, at);
	for (last = first; last < s->nr && area_at(s, last)->start < end; last++)
		;
	take_out(s, first, last - first);
	if (last > first && end > s->full_from)
		s->full_below = 0;
}

int space_map(struct space *s, uint64_t at, uint64_t len, unsigned rights, unsigned kind)
{
	const struct area a = {at, at + len, (uint8_t)rights, (uint8_t)kind};
	int r = check_range(at, len);

	if (r == 0 && is_full(s, at, len, 1))
		r = -ENOMEM;
	if (r < 0)
		return r;
	s->base.areas_changed = true;
	remove_areas(s, at, at + len);
	drop(s, at, at + len);
	insert(s, find(s, at), &a);
	join(s, at, at + len);
	return 0;
}

int space_unmap(struct space *s, uint64_t at, uint64_t len)
{
	int r = check_range(at, len);

	if (r == 0 && is_full(s, at, len, 0))
		r = -ENOMEM;
	if (r < 0)
		return r;
	s->base.areas_changed = true;
	remove_areas(s, at, at + len);
	drop(s, at, at + len);
	return 0;
}

bool space_mapped(const struct space *s, uint64_t at, uint64_t len)
{
	uint64_t end = at + len;

	for (size_t i = find(s, at); at < end; at = area_at(s, i++)->end)
		if (i == s->nr || area_at(s, i)->start > at)
			return false;
	return true;
}

int space_protect(struct space *s, uint64_t at, uint64_t len, unsigned rights)
{
	uint64_t flags = space_flags_of(rights);
	struct gather g = {.s = s};
	int r = check_range(at, len);

	if (r == 0 && (is_full(s, at, len, 0) || !space_mapped(s, at, len)))
		r = -ENOMEM;
	if (r < 0)
		return r;
	s->base.areas_changed = true;
	split(s, at);
	split(s, at + len);
	for (size_t i = find(s, at); i < s->nr && area_at(s, i)->start < at + len; i++)
		area_at(s, i)->rights = (uint8_t)rights;
	join(s, at, at + len);
	space_each_page(s, at, at + len, protect_page, &g, &flags);
	return 0;
}

int space_discard(struct space *s, uint64_t at, uint64_t len)
{
	int r = check_range(at, len);

	if (r == 0 && !space_mapped(s, at, len))
		r = -ENOMEM;
	if (r == 0)
		drop(s, at, at + len);
	return r;
}

static void move_page(struct gather *g, uint64_t *entry, uint64_t at, const void *arg)
{
	uint64_t old = *entry, to = at + *(const uint64_t *)arg;
	unsigned level;
	uint64_t *new = entry_of(g->s, to, PTE_U, false, &level);

	assert(new && !*new);
	space_set_entry(g->s, entry, at, 0);
	gather_page(g, old & PTE_ADDR);
	space_set_entry(g->s, new, to, old);
}

/* Makes page tables for pages that will move to @to, so that nothing can fail once pages are being moved. */
static int make_tables(struct space *s, uint64_t from, uint64_t len, uint64_t to)
{
	unsigned level;

	for (uint64_t at = from; at < from + len;) {
		uint64_t *entry = entry_of(s, at, 0, false, &level);
		uint64_t step = UINT64_C(1) << (12 + 9 * (entry ? 0 : level));

		if (entry && *entry && !entry_of(s, to + (at - from), PTE_U, true, &level))
			return -ENOMEM;
		at = align_down(at, step) + step;
	}
	return 0;
}

int space_move(struct space *s, uint64_t from, uint64_t len, uint64_t to, uint64_t to_len)
{
	const struct area *a = space_area(s, from);
	struct gather g = {.s = s};
	uint64_t by = to - from;
	struct area old;
	int r = check_range(from, len);

	if (r == 0)
		r = check_range(to, to_len);
	if (r == 0 && (len > to_len || ranges_overlap(from, len, to, to_len)))
		r = -EINVAL;
	if (r == 0 && (!a || a->start > from || a->end - from < len))
		r = -EFAULT;
	if (r < 0)
		return r;
	s->base.areas_changed = true;
	old = *a;
	r = make_tables(s, from, len, to);
	if (r == 0)
		r = space_map(s, to, to_len, old.rights, old.kind);
	if (r < 0)
		return r;
	space_each_page(s, from, from + len, move_page, &g, &by);
	/* Needs at most two splits; without room for them, the old range stays mapped and empty. */
	if (!is_full(s, from, len, 0))
		remove_areas(s, from, from + len);
	return 0;
}

/*
 * If a program has many areas, the next one is usually placed right below the last: the gaps above are not searched
 * again.
 */
uint64_t space_find(struct space *s, uint64_t len, uint64_t below)
{
	uint64_t hole = 0, end = MIN(below, SPACE_HIGH);
	size_t i;

	if (s->full_below == below && len > s->hole) {
		end = s->full_from;
		hole = s->hole;
	}
	i = find(s, end);
	if (i < s->nr && area_at(s, i)->start < end)
		end = area_at(s, i)->start;
	for (;;) {
		uint64_t start = i ? area_at(s, i - 1)->end : SPACE_LOW;

		if (end >= start && end - start >= len) {
			s->full_below = below;
			s->full_from = end - len;
			s->hole = hole;
			return end - len;
		}
		if (!i && s->full_below != below)
			return 0;
		if (!i) {
			s->full_below = 0;
			return space_find(s, len, below);
		}
		hole = MAX(hole, end > start ? end - start : 0);
		end = area_at(s, --i)->start;
	}
}

const struct area *space_area(const struct space *s, uint64_t at)
{
	size_t i = find(s, at);

	return i < s->nr ? area_at(s, i) : NULL;
}

/* --- Access ------------------------------------------------------------------------------------------------ */

static int page_for(struct space *s, uint64_t at, unsigned access, bool force, uint64_t *ret_gpa)
{
	const struct area *a = at < SPACE_HIGH ? space_area(s, at) : NULL;
	uint64_t *entry, gpa;
	unsigned level;

	if (!a || a->start > at)
		return -EFAULT;
	/* On x86 a page that can be written or executed can also be read. */
	if (!force &&
		((access & SPACE_W && !(a->rights & SPACE_W)) || (access & SPACE_X && !(a->rights & SPACE_X)) ||
			!a->rights))
		return -EACCES;
	entry = entry_of(s, at, PTE_U, true, &level);
	gpa = entry ? *entry & PTE_ADDR : 0;
	if (entry && !gpa) {
		gpa = take_page(s);
		if (gpa)
			space_set_entry(s, entry, at, gpa | space_flags_of(a->rights));
	}
	*ret_gpa = gpa;
	return gpa ? 0 : -ENOMEM;
}

int space_fault(struct space *s, uint64_t at, unsigned access)
{
	uint64_t gpa;

	return page_for(s, at, access, false, &gpa);
}

int space_window(struct space *s, uint64_t at, uint64_t len, unsigned access, uint8_t **ret, size_t *ret_len)
{
	uint64_t gpa, offset = at % PAGE_4K;
	int r = page_for(s, at, access, !access, &gpa);

	if (r < 0)
		return r == -EACCES ? -EFAULT : r;
	if (unlikely(s->base.on && access != SPACE_R))
		space_base_written(s, gpa);
	*ret = (uint8_t *)space_page_host(s, gpa) + offset;
	*ret_len = (size_t)MIN(len, PAGE_4K - offset);
	return 0;
}

int space_read(struct space *s, uint64_t at, void *buf, size_t len)
{
	uint8_t *to = buf, *window;

	for (size_t n; len; at += n, to += n, len -= n) {
		int r = space_window(s, at, len, SPACE_R, &window, &n);

		if (r < 0)
			return r;
		memcpy(to, window, n);
	}
	return 0;
}

int space_write(struct space *s, uint64_t at, const void *buf, size_t len)
{
	const uint8_t *from = buf;
	uint8_t *window;

	for (size_t n; len; at += n, from += n, len -= n) {
		int r = space_window(s, at, len, SPACE_W, &window, &n);

		if (r < 0)
			return r;
		memcpy(window, from, n);
	}
	return 0;
}

ptrdiff_t space_string(struct space *s, uint64_t at, char *buf, size_t size)
{
	size_t done = 0;

	while (done < size) {
		uint8_t *window;
		size_t n, len;
		int r = space_window(s, at + done, size - done, SPACE_R, &window, &n);

		if (r < 0)
			return r;
		/* The program may write to it at the same time, so the copy is checked. */
		memcpy(buf + done, window, n);
		len = strnlen(buf + done, n);
		if (len < n)
			return (ptrdiff_t)(done + len);
		done += n;
	}
	return -ENAMETOOLONG;
}

/* --- Life -------------------------------------------------------------------------------------------------- */

int space_init(struct space *s, const struct gmem *mem)
{
	uint64_t pages = gmem_size(mem) / PAGE_4K;

	assert(pages >= 16 && pages < NO_PAGE);
	*s = (struct space){.mem = mem, .pages = (uint32_t)pages, .free = NO_PAGE};
	/* Of these, only the parts in use are touched. */
	s->next = calloc(pages, sizeof(*s->next));
	s->area = calloc(SPACE_AREAS_MAX, sizeof(*s->area));
	if (!s->next || !s->area) {
		space_destroy(s);
		return -ENOMEM;
	}
	s->root = space_page_gpa(s, s->fresh++);
	s->used = s->most = 1;
	return 0;
}

void space_destroy(struct space *s)
{
	if (!s)
		return;
	space_base_destroy(s);
	free(s->next);
	free(s->area);
	*s = (struct space){0};
}

int space_monitor_page(struct space *s, uint64_t at, uint64_t flags, uint64_t *ret_gpa)
{
	unsigned level;
	uint64_t *entry = entry_of(s, at, 0, true, &level), gpa = entry ? take_page(s) : 0;

	assert(at >> 47);
	if (!gpa)
		return -ENOMEM;
	space_set_entry(s, entry, at, gpa | flags | PTE_P | PTE_A | PTE_D);
	*ret_gpa = gpa;
	return 0;
}
