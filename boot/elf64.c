// SPDX-License-Identifier: Apache-2.0
#include "boot/elf64.h"

#include <errno.h>

#include "vmm/base/util.h"

_Static_assert(sizeof(Elf64_Ehdr) + ELF_PHDRS_MAX * sizeof(Elf64_Phdr) <= SOURCE_HEAD_SIZE, "headers fit the head");

static int check_header(const Elf64_Ehdr *h, const char *what, struct err *e)
{
	if (h->e_ident[EI_CLASS] == ELFCLASS32)
		return err_set(e, -ENOEXEC, "a 32-bit ELF: a 64-bit x86-64 %s is needed", what);
	if (h->e_ident[EI_CLASS] != ELFCLASS64)
		return err_set(
			e, -ENOEXEC, "broken ELF header: class %u is neither 32 nor 64 bits", h->e_ident[EI_CLASS]);
	if (h->e_ident[EI_DATA] == ELFDATA2MSB)
		return err_set(e, -ENOEXEC, "a big-endian ELF: a %s for x86-64 is little-endian", what);
	if (h->e_ident[EI_DATA] != ELFDATA2LSB)
		return err_set(e, -ENOEXEC, "broken ELF header: byte order %u", h->e_ident[EI_DATA]);
	if (h->e_machine != EM_X86_64)
		return err_set(e, -ENOEXEC, "an ELF for machine %u: x86-64 (%u) is needed", h->e_machine, EM_X86_64);
	if (h->e_type != ET_EXEC && h->e_type != ET_DYN)
		return err_set(e, -ENOEXEC,
			"an ELF of type %u: a linked %s (%u or %u) is needed, not an object or core", h->e_type, what,
			ET_EXEC, ET_DYN);
	if (!h->e_phnum)
		return err_set(e, -ENOEXEC, "no program headers in this ELF: it cannot be loaded");
	if (h->e_phentsize != sizeof(Elf64_Phdr))
		return err_set(e, -ENOEXEC, "broken ELF header: program headers of %u bytes, not %zu", h->e_phentsize,
			sizeof(Elf64_Phdr));
	if (h->e_phnum > ELF_PHDRS_MAX)
		return err_set(e, -ENOEXEC, "%u program headers in this ELF: more than %u is no %s", h->e_phnum,
			ELF_PHDRS_MAX, what);
	return 0;
}

int elf_read_header(struct source *src, const char *what, Elf64_Ehdr *ret, struct err *e)
{
	int r;

	if (src->any_order < sizeof(*ret))
		return err_set(e, -ENOEXEC, "truncated: an ELF header takes %zu bytes and there are %llu", sizeof(*ret),
			(unsigned long long)src->any_order);
	r = source_read(src, 0, ret, sizeof(*ret), e);
	return r < 0 ? r : check_header(ret, what, e);
}

int elf_read_program_headers(struct source *src, const Elf64_Ehdr *h, Elf64_Phdr *ret, struct err *e)
{
	uint64_t len = h->e_phnum * sizeof(*ret);
	uint64_t have = src->any_order;

	if (h->e_phoff > have || len > have - h->e_phoff)
		return err_set(e, -ENOEXEC,
			"truncated or broken: the ELF's %u program headers at byte %llu lie outside the "
			"first %llu bytes, which are all there %s",
			h->e_phnum, (unsigned long long)h->e_phoff, (unsigned long long)have,
			have < src->size ? "may be in a compressed one" : "are");
	return source_read(src, h->e_phoff, ret, len, e);
}

int elf_check_segment(const struct source *src, unsigned index, const Elf64_Phdr *ph, uint64_t addr, struct err *e)
{
	if (ph->p_filesz > ph->p_memsz)
		return err_set(e, -ENOEXEC,
			"ELF segment %u: 0x%llx bytes in the file are more than its 0x%llx in memory", index,
			(unsigned long long)ph->p_filesz, (unsigned long long)ph->p_memsz);
	if (range_wraps(ph->p_offset, ph->p_filesz))
		return err_set(e, -ENOEXEC,
			"ELF segment %u: its bytes in the file wrap around (0x%llx and 0x%llx more)", index,
			(unsigned long long)ph->p_offset, (unsigned long long)ph->p_filesz);
	if (ph->p_filesz && ph->p_offset + ph->p_filesz > src->size)
		return err_set(e, -ENOEXEC, "truncated: ELF segment %u ends at byte %llu and the file at %llu", index,
			(unsigned long long)(ph->p_offset + ph->p_filesz), (unsigned long long)src->size);
	if (range_wraps(addr, ph->p_memsz))
		return err_set(e, -ENOEXEC,
			"ELF segment %u at 0x%llx wraps around the address space: it is 0x%llx bytes long", index,
			(unsigned long long)addr, (unsigned long long)ph->p_memsz);
	return 0;
}
