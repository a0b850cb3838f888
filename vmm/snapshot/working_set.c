// SPDX-License-Identifier: Apache-2.0
#include "vmm/snapshot/working_set.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vmm/base/crc.h"
#include "vmm/base/le.h"
#include "vmm/base/state.h"
#include "vmm/base/x86.h"

#define RANGE_SIZE 16

/* Of an entry of pagemap. Spec: Linux Documentation/admin-guide/mm/pagemap.rst. */
#define PAGE_PRESENT BIT(63)
#define PAGE_SWAPPED BIT(62)
#define PAGE_OF_FILE BIT(61)

/**
 * struct working_set_facts - @ranges_crc: of the @nr ranges
 * @created_ns, @mem_bytes, @head_crc, @sums_crc: of the snapshot
 */
struct working_set_facts {
	uint64_t created_ns;
	uint64_t mem_bytes;
	uint32_t head_crc;
	uint32_t sums_crc;
	uint32_t nr;
	uint32_t ranges_crc;
};

static const struct state_field rows[] = {
	STATE_FIELD(struct working_set_facts, created_ns),
	STATE_FIELD(struct working_set_facts, mem_bytes),
	STATE_FIELD(struct working_set_facts, head_crc),
	STATE_FIELD(struct working_set_facts, sums_crc),
	STATE_UP_TO(struct working_set_facts, nr, WORKING_SET_RANGES_MAX),
	STATE_FIELD(struct working_set_facts, ranges_crc),
};
STATE_TABLE(facts_table, "working set", rows);

uint64_t working_set_bytes(const struct working_set *w)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < w->nr; i++)
		sum += w->range[i].size;
	return sum;
}

void working_set_destroy(struct working_set *w)
{
	if (!w)
		return;
	free(w->range);
	*w = (struct working_set){0};
}

/* --- Finding it --------------------------------------------------------------------------------------------------- */

/* Joins ranges that are at most @gap bytes apart. */
static void join(struct working_set *w, uint64_t gap)
{
	size_t n = 0;

	for (size_t i = 1; i < w->nr; i++) {
		struct gmem_extent *last = &w->range[n];

		if (w->range[i].at - (last->at + last->size) <= gap)
			last->size = w->range[i].at + w->range[i].size - last->at;
		else
			w->range[++n] = w->range[i];
	}
	w->nr = w->nr ? n + 1 : 0;
}

/* Pages come in the order of their addresses. */
static void add_page(struct working_set *w, uint64_t at, uint64_t *gap)
{
	struct gmem_extent *last = w->nr ? &w->range[w->nr - 1] : NULL;

	if (last && at - (last->at + last->size) <= *gap) {
		last->size = at + PAGE_4K - last->at;
		return;
	}
	while (w->nr == WORKING_SET_RANGES_MAX) {
		*gap = *gap ? *gap * 2 : PAGE_4K;
		join(w, *gap);
	}
	w->range[w->nr++] = (struct gmem_extent){at, PAGE_4K};
}

static bool is_own(uint64_t entry)
{
	return entry & (PAGE_PRESENT | PAGE_SWAPPED) && !(entry & PAGE_OF_FILE);
}

int working_set_find(int pagemap, const void *host, uint64_t size, struct working_set *ret)
{
	CLEANUP(working_set_destroy)
	struct working_set w = {.range = malloc(WORKING_SET_RANGES_MAX * sizeof(*w.range))};
	const uint64_t first = (uintptr_t)host / PAGE_4K, pages = size / PAGE_4K;
	uint64_t entry[512], gap = 0;

	if (!w.range)
		return -ENOMEM;
	for (uint64_t i = 0; i < pages; i += ARRAY_SIZE(entry)) {
		size_t want = MIN(pages - i, ARRAY_SIZE(entry)) * sizeof(entry[0]);
		ssize_t n = pread(pagemap, entry, want, (off_t)((first + i) * sizeof(entry[0])));

		if (n != (ssize_t)want)
			return n < 0 ? -errno : -EIO;
		for (size_t k = 0; k < want / sizeof(entry[0]); k++)
			if (is_own(entry[k]))
				add_page(&w, (i + k) * PAGE_4K, &gap);
	}
	*ret = w;
	w = (struct working_set){0};
	return 0;
}

/* --- The file ----------------------------------------------------------------------------------------------------- */

static void put_range(uint8_t to[static RANGE_SIZE], const struct gmem_extent *x)
{
	le64_put(to, x->at);
	le64_put(to + 8, x->size);
}

static uint32_t ranges_crc(const struct working_set *w)
{
	uint8_t raw[RANGE_SIZE];
	uint32_t crc = 0;

	for (size_t i = 0; i < w->nr; i++) {
		put_range(raw, &w->range[i]);
		crc = crc32c(crc, raw, sizeof(raw));
	}
	return crc;
}

int working_set_write(const struct working_set *w, const struct snapshot *s, FILE *out)
{
	const struct working_set_facts f = {
		.created_ns = s->facts.created_ns,
		.mem_bytes = s->facts.mem_bytes,
		.head_crc = s->facts.head_crc,
		.sums_crc = s->facts.sums_crc,
		.nr = (uint32_t)w->nr,
		.ranges_crc = ranges_crc(w),
	};
	uint8_t buf[256] = {0};
	struct state_writer to = {.data = buf, .size = sizeof(buf)};

	state_put(&to, &facts_table, 0, &f);
	fwrite(WORKING_SET_MAGIC, WORKING_SET_MAGIC_SIZE, 1, out);
	fwrite(buf, to.used, 1, out);
	for (size_t i = 0; i < w->nr; i++) {
		put_range(buf, &w->range[i]);
		fwrite(buf, RANGE_SIZE, 1, out);
	}
	return ferror(out) ? -EIO : 0;
}

static int check_facts(
	const struct working_set_facts *f, const uint8_t *ranges, size_t size, const struct snapshot *s, struct err *e)
{
	if (f->created_ns != s->facts.created_ns || f->mem_bytes != s->facts.mem_bytes ||
		f->head_crc != s->facts.head_crc || f->sums_crc != s->facts.sums_crc)
		return err_set(e, -EINVAL,
			"it is the working set of another snapshot: remove it, and the next run records this one's");
	if (size != (size_t)f->nr * RANGE_SIZE || crc32c(0, ranges, size) != f->ranges_crc)
		return err_set(e, -EINVAL, "the working set is damaged: its size or checksum is wrong");
	return 0;
}

int working_set_read(const uint8_t *data, size_t size, const struct snapshot *s, struct working_set *ret, struct err *e)
{
	struct state_reader r = {.data = data, .size = size, .at = WORKING_SET_MAGIC_SIZE};
	CLEANUP(working_set_destroy) struct working_set w = {0};
	struct working_set_facts f = {0};
	uint64_t end = 0;
	int code;

	if (size < WORKING_SET_MAGIC_SIZE || memcmp(data, WORKING_SET_MAGIC, WORKING_SET_MAGIC_SIZE) != 0)
		return err_set(e, -EINVAL, "it is no working set, which `vmm restore --working-set` writes");
	code = state_get(&r, &facts_table, 0, &f, e);
	if (code == 0)
		code = check_facts(&f, data + r.at, size - r.at, s, e);
	if (code < 0)
		return code;
	w.range = calloc(f.nr + 1, sizeof(*w.range));
	if (!w.range)
		return err_sys(e, -ENOMEM, "cannot read it");
	for (const uint8_t *from = data + r.at; w.nr < f.nr; from += RANGE_SIZE) {
		struct gmem_extent x = {le64_get(from), le64_get(from + 8)};

		if (!gmem_extent_fits(&x, end, f.mem_bytes))
			return err_set(e, -EINVAL, "the working set's range %zu is impossible", w.nr);
		end = x.at + x.size;
		w.range[w.nr++] = x;
	}
	*ret = w;
	w = (struct working_set){0};
	return 0;
}
