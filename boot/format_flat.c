// SPDX-License-Identifier: Apache-2.0
#include "boot/format_flat.h"

#include <elf.h>
#include <errno.h>
#include <string.h>

#include "boot/format.h"
#include "vmm/base/units.h"

#define PHDRS_MAX 32

/**
 * struct header - the fields used of an ELF header of either class
 */
struct header {
	bool is_elf;
	uint64_t entry;
	uint64_t phoff;
	unsigned phnum;
	bool is64;
};

struct load {
	uint64_t offset;
	uint64_t addr;
	uint64_t file_size;
	uint64_t mem_size;
};

const char *flat_mode_name(enum entry_mode mode)
{
	static const char *const names[] = {
		[ENTRY_REAL] = "real", [ENTRY_PROTECTED] = "protected", [ENTRY_LONG] = "long"};

	return names[mode];
}

static int check_ident(const uint8_t *ident, uint16_t type, uint16_t machine, struct err *e)
{
	bool is64 = ident[EI_CLASS] == ELFCLASS64;

	if ((!is64 && ident[EI_CLASS] != ELFCLASS32) || ident[EI_DATA] != ELFDATA2LSB)
		return err_set(
			e, -ENOEXEC, "broken ELF header: class %u, byte order %u", ident[EI_CLASS], ident[EI_DATA]);
	if (machine != (is64 ? EM_X86_64 : EM_386))
		return err_set(e, -ENOEXEC, "an ELF of %d bits for machine %u: i386 (%d) or x86-64 (%d) is needed",
			is64 ? 64 : 32, machine, EM_386, EM_X86_64);
	if (type != ET_EXEC)
		return err_set(e, -ENOEXEC,
			"an ELF of type %u: a static program at fixed addresses (%d) is needed; link it with -static "
			"-no-pie",
			type, ET_EXEC);
	return 0;
}

static int read_header(struct source *src, struct header *h, struct err *e)
{
	union {
		uint8_t ident[EI_NIDENT];
		Elf32_Ehdr e32;
		Elf64_Ehdr e64;
	} u;
	uint64_t have = MIN(src->size, sizeof(u));
	unsigned phentsize;
	int r;

	memset(&u, 0, sizeof(u));
	*h = (struct header){0};
	r = source_read(src, 0, &u, have, e);
	if (r < 0 || !elf_probe(u.ident, have))
		return r;
	h->is_elf = true;
	h->is64 = u.ident[EI_CLASS] == ELFCLASS64;
	if (have < (h->is64 ? sizeof(u.e64) : sizeof(u.e32)))
		return err_set(e, -ENOEXEC, "truncated: an ELF header takes more than its %llu bytes",
			(unsigned long long)have);
	r = check_ident(u.ident, u.e32.e_type, u.e32.e_machine, e);
	if (r < 0)
		return r;
	h->entry = h->is64 ? u.e64.e_entry : u.e32.e_entry;
	h->phoff = h->is64 ? u.e64.e_phoff : u.e32.e_phoff;
	h->phnum = h->is64 ? u.e64.e_phnum : u.e32.e_phnum;
	phentsize = h->is64 ? u.e64.e_phentsize : u.e32.e_phentsize;
	if (!h->phnum || h->phnum > PHDRS_MAX || phentsize != (h->is64 ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr)))
		return err_set(e, -ENOEXEC, "broken ELF header: %u program headers of %u bytes", h->phnum, phentsize);
	return 0;
}

static int mode_of(const struct header *h, const struct flat_wish *wish, enum entry_mode *ret, struct err *e)
{
	enum entry_mode mode = wish->mode_given ? wish->mode : ENTRY_REAL;

	if (h->is_elf && !wish->mode_given)
		mode = h->is64 ? ENTRY_LONG : ENTRY_PROTECTED;
	if (h->is_elf && h->is64 != (mode == ENTRY_LONG))
		return err_set(e, -EINVAL, "mode=%s: this is an ELF of %d bits, which runs in %s mode",
			flat_mode_name(mode), h->is64 ? 64 : 32, h->is64 ? "long" : "protected (or real)");
	*ret = mode;
	return 0;
}

int flat_image_mode(int fd, const struct flat_wish *wish, enum entry_mode *ret, struct err *e)
{
	struct header h = {0};
	struct source src;
	int r;

	r = source_open(fd, LOAD_READ, &src, e);
	if (r == 0)
		r = read_header(&src, &h, e);
	return r < 0 ? r : mode_of(&h, wish, ret, e);
}

static int check_place(const char *what, uint64_t addr, uint64_t len, uint64_t lo, uint64_t hi, struct err *e)
{
	char text[UNITS_TEXT_MAX], room[UNITS_TEXT_MAX];

	if (addr >= lo && addr < hi && len <= hi - addr)
		return 0;
	if (addr < lo || addr >= hi)
		return err_set(e, -EINVAL, "%s 0x%llx is outside its window, 0x%llx to 0x%llx", what,
			(unsigned long long)addr, (unsigned long long)lo, (unsigned long long)hi - 1);
	return err_set(e, -EFBIG, "%s 0x%llx: %s do not fit the %s that are left in its window", what,
		(unsigned long long)addr, format_size(len, text), format_size(hi - addr, room));
}

static int read_segment(
	struct source *src, const struct header *h, unsigned i, struct load *ret, bool *ret_load, struct err *e)
{
	Elf64_Phdr p64;
	Elf32_Phdr p32;
	uint32_t type;
	int r;

	r = h->is64 ? source_read(src, h->phoff + i * sizeof(p64), &p64, sizeof(p64), e)
		    : source_read(src, h->phoff + i * sizeof(p32), &p32, sizeof(p32), e);
	if (r < 0)
		return r;
	if (h->is64) {
		type = p64.p_type;
		*ret = (struct load){p64.p_offset, p64.p_vaddr, p64.p_filesz, p64.p_memsz};
	} else {
		type = p32.p_type;
		*ret = (struct load){p32.p_offset, p32.p_vaddr, p32.p_filesz, p32.p_memsz};
	}
	if (type == PT_INTERP)
		return err_set(e, -ENOEXEC, "a dynamically linked program: nothing here could load its libraries");
	*ret_load = type == PT_LOAD && ret->mem_size;
	return 0;
}

static int load_elf(struct source *src, const struct header *h, struct gmem *mem, uint64_t gpa, uint64_t lo,
	uint64_t hi, struct flat_image *img, struct err *e)
{
	char what[32];
	int r;

	if (h->phoff > src->size ||
		h->phnum * (h->is64 ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr)) > src->size - h->phoff)
		return err_set(e, -ENOEXEC, "truncated or broken: its program headers lie past its end");
	img->start = UINT64_MAX;
	img->end = 0;
	for (unsigned i = 0; i < h->phnum; i++) {
		struct load s;
		bool is_load = false;

		r = read_segment(src, h, i, &s, &is_load, e);
		if (r < 0)
			return err_wrap(e, r, "ELF segment %u", i);
		if (!is_load)
			continue;
		snprintf(what, sizeof(what), "ELF segment %u at", i);
		if (s.file_size > s.mem_size || s.offset > src->size || s.file_size > src->size - s.offset)
			return err_set(e, -ENOEXEC,
				"truncated or broken: ELF segment %u has bytes past the end of the file", i);
		r = check_place(what, s.addr, s.mem_size, lo, hi, e);
		if (r == 0)
			r = source_place(src, s.offset, s.file_size, mem, gpa + s.addr, e);
		if (r < 0)
			return r;
		img->start = MIN(img->start, s.addr);
		img->end = MAX(img->end, s.addr + s.mem_size);
	}
	if (!img->end)
		return err_set(e, -ENOEXEC, "no PT_LOAD segment in this ELF: there is nothing to load");
	img->entry = h->entry;
	return 0;
}

static int load_raw(struct source *src, struct gmem *mem, uint64_t gpa, uint64_t load, uint64_t lo, uint64_t hi,
	struct flat_image *img, struct err *e)
{
	int r = check_place("load address", load, src->size, lo, hi, e);

	if (r == 0)
		r = source_place(src, 0, src->size, mem, gpa + load, e);
	if (r < 0)
		return r;
	img->start = img->entry = load;
	img->end = load + src->size;
	return 0;
}

int flat_image_load(int fd, const struct flat_wish *wish, struct gmem *mem, uint64_t gpa, uint64_t size,
	struct flat_image *ret, struct err *e)
{
	struct flat_image img = {0};
	struct header h = {0};
	uint64_t lo, hi, load;
	struct source src;
	int r;

	r = source_open(fd, LOAD_READ, &src, e);
	if (r == 0)
		r = read_header(&src, &h, e);
	if (r == 0)
		r = mode_of(&h, wish, &img.mode, e);
	if (r < 0)
		return r;
	lo = img.mode == ENTRY_REAL ? FLAT_REAL_RESERVED : 0;
	hi = img.mode == ENTRY_REAL ? MIN(size, FLAT_REAL_END) : size;
	load = img.mode == ENTRY_REAL ? FLAT_LOAD_REAL : FLAT_LOAD;
	if (wish->load != FLAT_UNSET) {
		if (h.is_elf)
			return err_set(e, -EINVAL, "load=0x%llx: an ELF says itself where it goes",
				(unsigned long long)wish->load);
		load = wish->load;
	}
	r = h.is_elf ? load_elf(&src, &h, mem, gpa, lo, hi, &img, e) : load_raw(&src, mem, gpa, load, lo, hi, &img, e);
	if (r < 0)
		return r;
	if (wish->entry != FLAT_UNSET)
		img.entry = wish->entry;
	if (img.mode == ENTRY_REAL)
		hi = MIN(hi, FLAT_REAL_SEGMENT);
	r = check_place("entry", img.entry, 1, lo, hi, e);
	if (r < 0)
		return r;
	*ret = img;
	return 0;
}
