// SPDX-License-Identifier: Apache-2.0
/*
 * Theory of operation. The offset of RAM is known before RAM is read, since space is reserved for the maximum number of
 * extents. So RAM is read only once; everything before it in the file is written last, with its checksums.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/base/assert.h"
#include "vmm/base/crc.h"
#include "vmm/base/le.h"
#include "vmm/debug/ram.h"
#include "vmm/snapshot/format.h"

/**
 * struct snapshot_writer - @ram_reader has the buffer for a chunk of RAM
 * @head: the part of the file before RAM, @layout.ram bytes
 * @touched: for each granule, whether it has a non-zero page
 * @source: the machine's disks; @disk: as the file has them
 */
struct snapshot_writer {
	uint64_t mem_bytes;
	struct snapshot_facts facts;
	struct snapshot_layout layout;
	uint8_t *head;
	uint8_t *touched;
	const struct snapshot_source *source;
	struct snapshot_disk disk[SNAPSHOT_DISKS_MAX];
	struct ram_reader ram_reader;
};

int snapshot_writer_new(uint64_t mem_bytes, struct snapshot_writer **ret)
{
	struct snapshot_writer *w = calloc(1, sizeof(*w));

	if (w)
		w->touched = calloc(snapshot_granules(mem_bytes), 1);
	if (!w || !w->touched) {
		free(w);
		return -ENOMEM;
	}
	w->mem_bytes = mem_bytes;
	*ret = w;
	return 0;
}

void snapshot_writer_free(struct snapshot_writer *w)
{
	if (!w)
		return;
	free(w->head);
	free(w->touched);
	free(w);
}

uint64_t snapshot_largest(uint64_t mem_bytes)
{
	const struct snapshot_facts f = {
		.nr_cpuid = CPUID_ENTRIES_MAX,
		.settings_bytes = SNAPSHOT_SETTINGS_MAX,
		.state_bytes = SNAPSHOT_STATE_MAX,
		.mem_bytes = mem_bytes,
	};

	return snapshot_layout(&f).end;
}

static void put_cpuid(uint8_t *to, const struct kvm_cpuid_entry2 *c)
{
	const uint32_t value[] = {c->function, c->index, c->flags, c->eax, c->ebx, c->ecx, c->edx};

	static_assert(sizeof(value) == CPUID_ENTRY_SIZE, "as many numbers as it has");
	for (size_t i = 0; i < ARRAY_SIZE(value); i++)
		le32_put(to + 4 * i, value[i]);
}

static void plan_disks(struct snapshot_writer *w, const struct snapshot_parts *parts)
{
	w->source = parts->disk;
	w->facts.nr_disks = parts->nr_disks;
	w->facts.disk_bytes = 0;
	for (uint32_t i = 0; i < parts->nr_disks; i++) {
		const struct snapshot_source *from = &parts->disk[i];

		w->disk[i] = (struct snapshot_disk){.size_bytes = from->size_bytes, .overlay = from->overlay};
		w->facts.disk_bytes += snapshot_disk_area(&w->disk[i]);
	}
}

int snapshot_prepare(struct snapshot_writer *w, const struct snapshot_parts *parts)
{
	size_t settings = strlen(parts->settings);
	struct snapshot_facts *f = &w->facts;
	const struct snapshot_layout *l = &w->layout;
	uint8_t *head;

	assert(strlen(parts->version) < SNAPSHOT_VERSION_SIZE && parts->facts.mem_bytes == w->mem_bytes);
	assert(parts->nr_disks <= SNAPSHOT_DISKS_MAX);
	if (settings > SNAPSHOT_SETTINGS_MAX || parts->state_bytes > SNAPSHOT_STATE_MAX ||
		parts->cpuid->nr > CPUID_ENTRIES_MAX)
		return -E2BIG;
	*f = parts->facts;
	f->nr_cpuid = parts->cpuid->nr;
	f->settings_bytes = (uint32_t)settings;
	f->state_bytes = (uint32_t)parts->state_bytes;
	plan_disks(w, parts);
	w->layout = snapshot_layout(f);
	f->file_bytes = l->end;
	head = realloc(w->head, l->ram);
	if (!head)
		return -ENOMEM;
	w->head = head;
	memset(head, 0, l->ram);
	memcpy(head, SNAPSHOT_MAGIC, SNAPSHOT_MAGIC_SIZE);
	memcpy(head + SNAPSHOT_MAGIC_SIZE, parts->version, strlen(parts->version));
	for (uint32_t i = 0; i < parts->cpuid->nr; i++)
		put_cpuid(head + l->cpuid + (uint64_t)i * CPUID_ENTRY_SIZE, &parts->cpuid->entry[i]);
	memcpy(head + l->settings, parts->settings, settings);
	memcpy(head + l->state, parts->state, parts->state_bytes);
	return 0;
}

/* A chunk never crosses granules: both begin at multiples of their size, counted from the beginning of RAM. */
static void add_sum(struct snapshot_writer *w, uint64_t at, uint64_t len)
{
	uint64_t granule = at / SNAPSHOT_GRANULE;
	uint8_t *raw = w->head + w->layout.sums + 4 * granule;
	uint32_t sum = le32_get(raw);

	for (uint64_t in = 0; in < len; in += PAGE_4K) {
		if (!(w->ram_reader.has[in / PAGE_4K] & 1))
			continue;
		sum = snapshot_page_sum(
			sum, (uint32_t)((at + in) % SNAPSHOT_GRANULE / PAGE_4K), w->ram_reader.data + in);
		w->facts.ram_bytes += PAGE_4K;
	}
	le32_put(raw, sum);
	w->touched[granule] = true;
}

static int write_ram(struct snapshot_writer *w, const struct gmem *mem, int fd, const _Atomic bool *stop)
{
	uint64_t before = 0;
	int r = 0;

	for (size_t i = 0; i < mem->nr && r == 0; i++) {
		const struct gmem_region *region = &mem->region[i];

		for (uint64_t at = 0, len; at < region->size && r == 0; at += len) {
			uint64_t whole = before + at;

			len = MIN(RAM_CHUNK - whole % RAM_CHUNK, region->size - at);
			if (atomic_load_explicit(stop, memory_order_relaxed))
				return -ECANCELED;
			if (!ram_read(&w->ram_reader, region->gpa + at, len))
				continue;
			add_sum(w, whole, len);
			r = ram_write(&w->ram_reader, fd, w->layout.ram + whole, len);
		}
		before += region->size;
	}
	return r;
}

/* Finds the runs of touched pieces of @granules each. Return: their number; the first @max of them are in @ret. */
static uint32_t find_extents(const struct snapshot_writer *w, uint64_t granules, struct gmem_extent *ret, uint32_t max)
{
	uint64_t nr = snapshot_granules(w->mem_bytes), end = 0;
	uint32_t n = 0;

	for (uint64_t i = 0; i < nr; i++) {
		uint64_t from = align_down(i, granules) * SNAPSHOT_GRANULE;
		uint64_t to = MIN(from + granules * SNAPSHOT_GRANULE, w->mem_bytes);

		if (!w->touched[i] || (n && to == end))
			continue;
		if (n && from == end) {
			if (n <= max)
				ret[n - 1].size += to - from;
		} else if (n++ < max) {
			ret[n - 1] = (struct gmem_extent){from, to - from};
		}
		end = to;
	}
	return n;
}

static void put_extents(struct snapshot_writer *w)
{
	struct gmem_extent extent[SNAPSHOT_EXTENTS_MAX];
	uint8_t *to = w->head + w->layout.extents;
	uint64_t granules = 1;
	uint32_t nr;

	while ((nr = find_extents(w, granules, extent, SNAPSHOT_EXTENTS_MAX)) > SNAPSHOT_EXTENTS_MAX)
		granules *= 2;
	for (uint32_t i = 0; i < nr; i++, to += EXTENT_ENTRY_SIZE) {
		le64_put(to, extent[i].at);
		le64_put(to + 8, extent[i].size);
	}
	w->facts.nr_extents = nr;
}

static int write_disks(struct snapshot_writer *w, int fd, const _Atomic bool *stop)
{
	struct state_writer to = {.data = w->head + w->layout.disks, .size = w->layout.sums - w->layout.disks};
	uint64_t at = w->layout.overlays;

	for (uint32_t i = 0; i < w->facts.nr_disks; i++) {
		struct snapshot_disk *d = &w->disk[i];
		int r = snapshot_fingerprint(w->source[i].image_fd, d);

		if (r == 0 && d->overlay)
			r = snapshot_put_overlay(&w->ram_reader, &w->source[i], fd, at, stop, d);
		if (r < 0)
			return r;
		state_put(&to, &snapshot_disk_table, i, d);
		at += snapshot_disk_area(d);
	}
	return 0;
}

int snapshot_write(
	struct snapshot_writer *w, const struct gmem *mem, int fd, const _Atomic bool *stop, uint64_t *ret_bytes)
{
	static const uint8_t zero;
	const struct snapshot_layout *l = &w->layout;
	struct state_writer facts = {.data = w->head + SNAPSHOT_FACTS_AT, .size = l->cpuid - SNAPSHOT_FACTS_AT};
	int r;

	assert(gmem_size(mem) == w->mem_bytes);
	ram_begin(&w->ram_reader, mem);
	w->facts.ram_bytes = 0;
	memset(w->touched, 0, snapshot_granules(w->mem_bytes));
	memset(w->head + l->sums, 0, l->ram - l->sums);
	/* First, so that the file has its full length even if it ends in a hole. */
	r = ram_write_at(&w->ram_reader, fd, l->end - 1, &zero, 1);
	if (r == 0)
		r = write_ram(w, mem, fd, stop);
	if (r == 0)
		r = write_disks(w, fd, stop);
	if (r < 0)
		return r;
	put_extents(w);
	w->facts.head_crc = crc32c(0, w->head + l->cpuid, l->sums - l->cpuid);
	w->facts.sums_crc = crc32c(0, w->head + l->sums, 4 * snapshot_granules(w->mem_bytes));
	state_put(&facts, &snapshot_facts_table, 0, &w->facts);
	assert(facts.used <= facts.size);
	r = ram_write_at(&w->ram_reader, fd, 0, w->head, l->ram);
	if (r == 0)
		*ret_bytes = w->ram_reader.written;
	return r;
}
