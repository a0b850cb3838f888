// SPDX-License-Identifier: Apache-2.0
/*
 * Theory of operation. The headers are read once, checked as a whole, and turned into a list of segments in
 * guest-physical terms; only then is RAM written, in the order of the file, so that the same code works for a plain
 * file and for an inflated one. Bss is not written: guest RAM reads as zero. Nor are holes of a sparse file: a third of
 * a vmlinux is zeroes, since the segment with its bss has other data after it.
 */
#include <errno.h>
#include <string.h>

#include "boot/elf64.h"
#include "boot/format.h"
#include "boot/layout.h"
#include "vmm/base/util.h"

#define ELF_ALIGN_MAX GIB

struct segment {
	unsigned index; /* in the program headers */
	uint64_t offset;
	uint64_t gpa;
	uint64_t file_size;
	uint64_t mem_size;
	uint64_t align;
};

struct segments {
	struct segment seg[ELF_PHDRS_MAX];
	size_t nr;
};

#define SEGMENT_NAME_MAX 32

static const char *segment_name(const struct segment *s, char *buf)
{
	snprintf(buf, SEGMENT_NAME_MAX, "ELF segment %u", s->index);
	return buf;
}

bool elf_probe(const uint8_t *head, uint64_t len)
{
	return len >= SELFMAG && !memcmp(head, ELFMAG, SELFMAG);
}

/* One PT_LOAD as in its header: addresses are not yet biased or compared with RAM. */
static int add_segment(
	const struct source *src, unsigned index, const Elf64_Phdr *ph, struct segments *list, struct err *e)
{
	struct segment *s = &list->seg[list->nr];

	int r = elf_check_segment(src, index, ph, ph->p_paddr, e);

	if (r < 0)
		return r;
	if (!ph->p_memsz)
		return 0;
	*s = (struct segment){
		.index = index,
		.offset = ph->p_offset,
		.gpa = ph->p_paddr,
		.file_size = ph->p_filesz,
		.mem_size = ph->p_memsz,
		.align = ph->p_align,
	};
	list->nr++;
	return 0;
}

static int collect_segments(struct source *src, const Elf64_Ehdr *h, struct segments *list, struct err *e)
{
	Elf64_Phdr ph[ELF_PHDRS_MAX];
	int r;

	r = elf_read_program_headers(src, h, ph, e);
	if (r < 0)
		return r;
	list->nr = 0;
	for (unsigned i = 0; i < h->e_phnum; i++) {
		if (ph[i].p_type == PT_INTERP)
			return err_set(e, -ENOEXEC, "a dynamically linked program, not a kernel");
		if (ph[i].p_type != PT_LOAD)
			continue;
		r = add_segment(src, i, &ph[i], list, e);
		if (r < 0)
			return r;
	}
	if (!list->nr)
		return err_set(e, -ENOEXEC, "no PT_LOAD segment in this ELF: there is nothing to load");
	return 0;
}

/* A position-independent kernel is linked at or near 0: move it, as a whole, to the usual load address. */
static int bias_segments(struct segments *list, uint64_t *entry, struct err *e)
{
	uint64_t lowest = UINT64_MAX, align = 1, bias;

	for (size_t i = 0; i < list->nr; i++) {
		const struct segment *s = &list->seg[i];

		if ((s->align & (s->align - 1)) || s->align > ELF_ALIGN_MAX)
			return err_set(e, -ENOEXEC, "ELF segment %u: an alignment of 0x%llx cannot be met", s->index,
				(unsigned long long)s->align);
		lowest = MIN(lowest, s->gpa);
		align = MAX(align, s->align);
	}
	if (lowest >= BOOT_HIGH_START)
		return 0;
	bias = align_up(BOOT_DYN_KERNEL, align) - align_down(lowest, align);
	for (size_t i = 0; i < list->nr; i++) {
		struct segment *s = &list->seg[i];

		if (range_wraps(s->gpa + s->mem_size, bias))
			return err_set(e, -ENOEXEC,
				"ELF segment %u at 0x%llx wraps around the address space when moved up "
				"by 0x%llx",
				s->index, (unsigned long long)s->gpa, (unsigned long long)bias);
		s->gpa += bias;
	}
	/* A wrapped entry is in no segment, since none wraps. */
	*entry += bias;
	return 0;
}

static int check_segments(const struct gmem *mem, const struct segments *list, struct err *e)
{
	char name[SEGMENT_NAME_MAX];

	for (size_t i = 0; i < list->nr; i++) {
		const struct segment *a = &list->seg[i];
		int r = layout_check_kernel(mem, a->gpa, a->mem_size, segment_name(a, name), e);

		if (r < 0)
			return r;
		for (size_t j = 0; j < i; j++) {
			const struct segment *b = &list->seg[j];

			if (ranges_overlap(a->gpa, a->mem_size, b->gpa, b->mem_size))
				return err_set(e, -ENOEXEC, "ELF segments %u and %u overlap in memory at 0x%llx",
					b->index, a->index, (unsigned long long)MAX(a->gpa, b->gpa));
		}
	}
	return 0;
}

/*
 * Any byte that comes from the file may be the first instruction. Segment flags are not checked, since the kernel sets
 * up its own paging: from Linux 6.18 on startup_64 is in .init.text, which is part of a segment without PF_X.
 */
static int check_entry(const struct segments *list, uint64_t entry, struct err *e)
{
	for (size_t i = 0; i < list->nr; i++) {
		const struct segment *s = &list->seg[i];

		/* Not in bss, which contains no instructions. */
		if (entry >= s->gpa && entry - s->gpa < s->file_size)
			return 0;
	}
	return err_set(e, -ENOEXEC, "ELF entry 0x%llx lies outside the file's bytes of every segment",
		(unsigned long long)entry);
}

static void sort_by_offset(struct segments *list)
{
	for (size_t i = 1; i < list->nr; i++) {
		struct segment s = list->seg[i];
		size_t j = i;

		for (; j && list->seg[j - 1].offset > s.offset; j--)
			list->seg[j] = list->seg[j - 1];
		list->seg[j] = s;
	}
}

static int place_segment(struct source *src, const struct segment *s, struct gmem *mem, struct err *e)
{
	uint64_t end = s->offset + s->file_size, data, stop;
	int r = 0;

	for (uint64_t at = s->offset; at < end && r == 0; at = stop) {
		source_extent(src, at, end, &data, &stop);
		if (data < stop)
			r = source_place(src, data, stop - data, mem, s->gpa + (data - s->offset), e);
	}
	return r;
}

int elf_load(struct source *src, struct gmem *mem, struct loaded *l, struct err *e)
{
	struct segments list;
	Elf64_Ehdr h;
	uint64_t entry;
	int r;

	r = elf_read_header(src, "kernel", &h, e);
	if (r < 0)
		return r;
	r = collect_segments(src, &h, &list, e);
	if (r < 0)
		return r;
	entry = h.e_entry;
	if (h.e_type == ET_DYN) {
		r = bias_segments(&list, &entry, e);
		if (r < 0)
			return r;
	}
	r = check_segments(mem, &list, e);
	if (r < 0)
		return r;
	r = check_entry(&list, entry, e);
	if (r < 0)
		return r;
	sort_by_offset(&list);
	l->start = UINT64_MAX;
	l->end = 0;
	for (size_t i = 0; i < list.nr; i++) {
		const struct segment *s = &list.seg[i];
		char name[SEGMENT_NAME_MAX];

		l->start = MIN(l->start, s->gpa);
		l->end = MAX(l->end, s->gpa + s->mem_size);
		r = place_segment(src, s, mem, e);
		if (r < 0)
			return err_wrap(e, r, "%s", segment_name(s, name));
	}
	l->format = "ELF";
	l->file_addresses = entry == h.e_entry;
	l->offer[BOOT_LINUX64] = (struct offer){.offered = true, .entry = entry};
	return 0;
}
