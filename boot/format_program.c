// SPDX-License-Identifier: Apache-2.0
#include "boot/format_program.h"

#include <errno.h>
#include <string.h>

#include "boot/elf64.h"
#include "boot/format.h"
#include "vmm/base/x86.h"

#define INTERPRETER_MAX 256
#define ALIGN_MAX       GIB

_Static_assert(PROGRAM_X == PF_X && PROGRAM_W == PF_W && PROGRAM_R == PF_R, "rights as in the file");

/* "#!", blanks, the interpreter up to a blank or the end of the line: Linux fs/binfmt_script.c. */
static int is_script(const char *head, struct err *e)
{
	const char *name = head + 2 + strspn(head + 2, " \t");
	int len = (int)strcspn(name, " \t\n");

	if (!len)
		return err_set(e, -ENOEXEC, "a script, and its first line names no interpreter");
	return err_set(e, -ENOEXEC,
		"a script for the interpreter %.*s, not an ELF: no file but the program can be opened in the guest so "
		"far",
		len, name);
}

static int check_kind(struct source *src, struct err *e)
{
	char head[INTERPRETER_MAX + 1] = {0};
	int r = source_read(src, 0, head, MIN(src->any_order, (uint64_t)INTERPRETER_MAX), e);

	if (r < 0)
		return r;
	if (!strncmp(head, "#!", 2))
		return is_script(head, e);
	if (!elf_probe((const uint8_t *)head, src->any_order))
		return err_set(e, -ENOEXEC, "not an ELF: a Linux program for x86-64 is needed");
	return 0;
}

static int read_interpreter(struct program_image *img, const Elf64_Phdr *ph, struct err *e)
{
	uint64_t size = img->source.size;
	int r;

	if (!ph->p_filesz || ph->p_filesz > sizeof(img->interpreter) || ph->p_offset > size ||
		ph->p_filesz > size - ph->p_offset)
		return err_set(e, -ENOEXEC, "the name of its loader (PT_INTERP) is not in the file, or is too long");
	r = source_read(&img->source, ph->p_offset, img->interpreter, ph->p_filesz, e);
	if (r == 0 && (img->interpreter[ph->p_filesz - 1] || img->interpreter[0] != '/'))
		r = err_set(e, -ENOEXEC, "the name of its loader (PT_INTERP) is not an absolute path");
	return r;
}

/* In memory the file's bytes are whole pages, as mmap() has them. */
static int add_segment(struct program_image *img, unsigned index, const Elf64_Phdr *ph, struct err *e)
{
	struct program_segment *s = &img->segment[img->nr];
	uint64_t slack = ph->p_vaddr % PAGE_4K;
	int r = elf_check_segment(&img->source, index, ph, ph->p_vaddr, e);

	if (r < 0)
		return r;
	if (!ph->p_memsz)
		return 0;
	if (ph->p_offset % PAGE_4K != slack)
		return err_set(e, -ENOEXEC,
			"ELF segment %u: byte 0x%llx of the file cannot be mapped at 0x%llx: they differ within a page",
			index, (unsigned long long)ph->p_offset, (unsigned long long)ph->p_vaddr);
	if (ph->p_align & (ph->p_align - 1) || ph->p_align > ALIGN_MAX)
		return err_set(e, -ENOEXEC, "ELF segment %u: an alignment of 0x%llx cannot be met", index,
			(unsigned long long)ph->p_align);
	if (img->nr == PROGRAM_SEGMENTS_MAX)
		return err_set(e, -ENOEXEC, "more than %u PT_LOAD segments", PROGRAM_SEGMENTS_MAX);
	*s = (struct program_segment){
		.start = ph->p_vaddr - slack,
		.end = ph->p_vaddr + ph->p_memsz,
		.offset = ph->p_offset - slack,
		.file_end = ph->p_filesz ? ph->p_vaddr + ph->p_filesz : ph->p_vaddr - slack,
		.rights = ph->p_flags & (PF_R | PF_W | PF_X),
	};
	img->align = MAX(img->align, ph->p_align);
	img->nr++;
	return 0;
}

static int check_place(struct program_image *img, uint64_t lowest, uint64_t highest, struct err *e)
{
	uint64_t lo = img->movable ? 0 : lowest, hi = img->movable ? highest - lowest : highest, before = 0;

	for (unsigned i = 0; i < img->nr; i++) {
		struct program_segment *s = &img->segment[i];

		if (s->start < lo || s->end > hi)
			return err_set(e, -ENOEXEC, "a segment at 0x%llx to 0x%llx: a program lies in 0x%llx to 0x%llx",
				(unsigned long long)s->start, (unsigned long long)s->end, (unsigned long long)lo,
				(unsigned long long)hi);
		s->end = align_up(s->end, PAGE_4K);
		/* Linux would map the later one over the earlier; no linker means that. */
		if (i && s->start < before)
			return err_set(e, -ENOEXEC,
				"ELF segments overlap, or are not in the order of their addresses: 0x%llx comes behind "
				"0x%llx",
				(unsigned long long)s->start, (unsigned long long)before);
		before = s->end;
	}
	return 0;
}

static int check_entry(const struct program_image *img, struct err *e)
{
	/* A library has none. */
	if (img->movable && !img->entry && img->dynamic_size)
		return 0;
	for (unsigned i = 0; i < img->nr; i++) {
		const struct program_segment *s = &img->segment[i];

		if (img->entry >= s->start && img->entry < s->file_end && s->rights & PROGRAM_X)
			return 0;
	}
	return err_set(e, -ENOEXEC, "ELF entry 0x%llx lies in no segment that may be executed",
		(unsigned long long)img->entry);
}

/* Where the program headers are in memory: AT_PHDR. */
static uint64_t headers_at(const struct program_image *img, const Elf64_Ehdr *h)
{
	uint64_t size = h->e_phnum * sizeof(Elf64_Phdr);

	for (unsigned i = 0; i < img->nr; i++) {
		const struct program_segment *s = &img->segment[i];

		if (h->e_phoff >= s->offset && h->e_phoff - s->offset + size <= s->file_end - s->start)
			return s->start + (h->e_phoff - s->offset);
	}
	return 0;
}

static int collect(struct program_image *img, const Elf64_Ehdr *h, struct err *e)
{
	Elf64_Phdr ph[ELF_PHDRS_MAX];
	int r = elf_read_program_headers(&img->source, h, ph, e);

	img->align = PAGE_4K;
	for (unsigned i = 0; r == 0 && i < h->e_phnum; i++) {
		if (ph[i].p_type == PT_INTERP)
			r = read_interpreter(img, &ph[i], e);
		if (ph[i].p_type == PT_DYNAMIC) {
			img->dynamic = ph[i].p_offset;
			img->dynamic_size = ph[i].p_filesz;
		}
		if (ph[i].p_type == PT_GNU_STACK)
			img->exec_stack = ph[i].p_flags & PF_X;
		if (r == 0 && ph[i].p_type == PT_LOAD)
			r = add_segment(img, i, &ph[i], e);
	}
	if (r == 0 && !img->nr)
		r = err_set(e, -ENOEXEC, "no PT_LOAD segment in this ELF: there is nothing to load");
	return r;
}

int program_image_read(int fd, uint64_t lowest, uint64_t highest, struct program_image *ret, struct err *e)
{
	struct program_image img = {0};
	Elf64_Ehdr h;
	int r = source_open(fd, LOAD_READ, &img.source, e);

	if (r == 0)
		r = check_kind(&img.source, e);
	if (r == 0)
		r = elf_read_header(&img.source, "program", &h, e);
	if (r < 0)
		return r;
	img.movable = h.e_type == ET_DYN;
	img.entry = h.e_entry;
	r = collect(&img, &h, e);
	if (r == 0)
		r = check_place(&img, lowest, highest, e);
	if (r == 0)
		r = check_entry(&img, e);
	if (r < 0)
		return r;
	img.headers = headers_at(&img, &h);
	img.nr_headers = h.e_phnum;
	img.header_size = h.e_phentsize;
	*ret = img;
	return 0;
}
