// SPDX-License-Identifier: Apache-2.0
/*
 * The table is streamed in chunks: a vmlinux with debug information has hundreds of thousands of symbols and this runs
 * in a process that is about to end.
 */
#include "vmm/debug/symbols.h"

#include <ctype.h>
#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/base/trace.h"
#include "vmm/base/util.h"

#define CHUNK 1024

static int read_at(int fd, void *buf, size_t len, uint64_t offset)
{
	uint8_t *p = buf;

	if (offset > INT64_MAX)
		return -EINVAL;
	while (len) {
		ssize_t n = pread(fd, p, len, (off_t)offset);

		if (n < 0) {
			if (errno == EINTR)
				continue;
			return -errno;
		}
		if (n == 0)
			return -ENODATA;
		p += n;
		offset += (uint64_t)n;
		len -= (size_t)n;
	}
	return 0;
}

static int find_table(int fd, Elf64_Shdr *symtab, Elf64_Shdr *strtab)
{
	CLEANUP_FREE Elf64_Shdr *sh = NULL;
	Elf64_Ehdr eh;
	int r;

	r = read_at(fd, &eh, sizeof(eh), 0);
	if (r < 0)
		return r;
	if (memcmp(eh.e_ident, ELFMAG, SELFMAG) || eh.e_ident[EI_CLASS] != ELFCLASS64 || eh.e_shentsize != sizeof(*sh))
		return -ENOEXEC;
	sh = calloc(MAX(eh.e_shnum, 1), sizeof(*sh));
	if (!sh)
		return -ENOMEM;
	r = read_at(fd, sh, eh.e_shnum * sizeof(*sh), eh.e_shoff);
	if (r < 0)
		return r;
	for (unsigned i = 0; i < eh.e_shnum; i++) {
		if (sh[i].sh_type != SHT_SYMTAB || sh[i].sh_link >= eh.e_shnum)
			continue;
		*symtab = sh[i];
		*strtab = sh[sh[i].sh_link];
		return 0;
	}
	return -ENOENT;
}

/* The best match so far of one address. */
struct best {
	uint64_t value;
	uint32_t name;
	bool found;
};

static void match(const Elf64_Sym *s, const struct symbol *sym, struct best *best, size_t n)
{
	unsigned type = ELF64_ST_TYPE(s->st_info);

	if (s->st_shndx == SHN_UNDEF || s->st_shndx == SHN_ABS || (type != STT_FUNC && type != STT_NOTYPE))
		return;
	for (size_t i = 0; i < n; i++) {
		if (s->st_value > sym[i].address || (best[i].found && s->st_value < best[i].value))
			continue;
		/* Of two at one place, the function beats the label. */
		if (best[i].found && s->st_value == best[i].value && type != STT_FUNC)
			continue;
		best[i] = (struct best){.value = s->st_value, .name = s->st_name, .found = true};
	}
}

static void take_name(int fd, const Elf64_Shdr *strtab, const struct best *best, struct symbol *sym)
{
	char name[SYMBOL_NAME_MAX];
	size_t len;

	if (!best->found || best->name >= strtab->sh_size || range_wraps(strtab->sh_offset, strtab->sh_size))
		return;
	len = MIN(sizeof(name) - 1, strtab->sh_size - best->name);
	if (read_at(fd, name, len, strtab->sh_offset + best->name) < 0)
		return;
	name[len] = 0;
	for (char *p = name; *p; p++)
		if (!isgraph((unsigned char)*p))
			*p = '?';
	memcpy(sym->name, name, strlen(name) + 1);
	sym->offset = sym->address - best->value;
}

/* A table that runs past the end of the file still names what lies before it. */
static int match_all(
	int fd, const Elf64_Shdr *symtab, const struct symbol *sym, struct best *best, size_t n, uint64_t deadline_ns)
{
	CLEANUP_FREE Elf64_Sym *chunk = calloc(CHUNK, sizeof(*chunk));
	uint64_t count = symtab->sh_size / sizeof(*chunk);

	if (!chunk)
		return -ENOMEM;
	if (symtab->sh_size > SYMBOLS_TABLE_MAX)
		return -EFBIG;
	for (uint64_t at = 0; at < count; at += CHUNK) {
		size_t here = (size_t)MIN((uint64_t)CHUNK, count - at);

		if (trace_now_ns() >= deadline_ns)
			return -ETIME;
		if (read_at(fd, chunk, here * sizeof(*chunk), symtab->sh_offset + at * sizeof(*chunk)) < 0)
			break;
		for (size_t i = 0; i < here; i++)
			match(&chunk[i], sym, best, n);
	}
	return 0;
}

int symbols_resolve(int fd, struct symbol *sym, size_t n, uint64_t deadline_ns)
{
	CLEANUP_FREE struct best *best = calloc(MAX(n, (size_t)1), sizeof(*best));
	Elf64_Shdr symtab = {0}, strtab = {0};
	int r;

	for (size_t i = 0; i < n; i++)
		sym[i].name[0] = 0;
	if (!best)
		return -ENOMEM;
	r = find_table(fd, &symtab, &strtab);
	if (r == 0)
		r = match_all(fd, &symtab, sym, best, n, deadline_ns);
	if (r < 0)
		return r;
	for (size_t i = 0; i < n; i++)
		take_name(fd, &strtab, &best[i], &sym[i]);
	return 0;
}
