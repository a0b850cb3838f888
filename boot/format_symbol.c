// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <string.h>

#include "boot/elf64.h"
#include "boot/format_program.h"
#include "vmm/base/util.h"

#define AT_ONCE 64

/**
 * struct table - of symbols, and of their names
 * @at, @nr: in the file; @names, @size: the section of the names
 */
struct table {
	uint64_t at, nr;
	uint64_t names, size;
};

static int broken(struct err *e)
{
	return err_set(e, -ENOEXEC, "broken: its sections or symbols are not within the file");
}

static bool is_outside(const struct source *src, uint64_t at, uint64_t len)
{
	return at > src->size || len > src->size - at;
}

static int read_section(struct source *src, const Elf64_Ehdr *h, uint32_t i, Elf64_Shdr *ret, struct err *e)
{
	uint64_t at = h->e_shoff + i * sizeof(*ret);

	if (i >= h->e_shnum || h->e_shoff > src->size || is_outside(src, at, sizeof(*ret)))
		return broken(e);
	return source_read(src, at, ret, sizeof(*ret), e);
}

static int open_table(struct source *src, const Elf64_Ehdr *h, const Elf64_Shdr *s, struct table *ret, struct err *e)
{
	Elf64_Shdr names;
	int r = read_section(src, h, s->sh_link, &names, e);

	if (r < 0)
		return r;
	if (is_outside(src, s->sh_offset, s->sh_size) || is_outside(src, names.sh_offset, names.sh_size))
		return broken(e);
	*ret = (struct table){s->sh_offset, s->sh_size / sizeof(Elf64_Sym), names.sh_offset, names.sh_size};
	return 0;
}

/* Return: 1: it is this one; 0: it is not */
static int is_wanted(struct source *src, const struct table *t, const Elf64_Sym *s, const char *name, struct err *e)
{
	size_t len = strlen(name) + 1;
	char have[PROGRAM_NAME_MAX];
	unsigned type = ELF64_ST_TYPE(s->st_info);
	int r;

	if (s->st_shndx == SHN_UNDEF || ELF64_ST_BIND(s->st_info) == STB_LOCAL ||
		(type != STT_FUNC && type != STT_NOTYPE) || !s->st_value || s->st_name >= t->size ||
		len > t->size - s->st_name)
		return 0;
	r = source_read(src, t->names + s->st_name, have, len, e);
	return r < 0 ? r : !memcmp(have, name, len);
}

/* Return: 1: found; 0: it is not in this table */
static int search(struct source *src, const struct table *t, const char *name, uint64_t *ret, struct err *e)
{
	Elf64_Sym s[AT_ONCE];

	for (uint64_t i = 0; i < t->nr; i += AT_ONCE) {
		uint64_t n = MIN(t->nr - i, AT_ONCE);
		int r = source_read(src, t->at + i * sizeof(s[0]), s, n * sizeof(s[0]), e);

		for (uint64_t k = 0; r == 0 && k < n; k++) {
			r = is_wanted(src, t, &s[k], name, e);
			if (r > 0)
				*ret = s[k].st_value;
		}
		if (r)
			return r;
	}
	return 0;
}

int program_symbol_find(struct program_image *img, const char *name, uint64_t *ret, struct err *e)
{
	struct table t;
	Elf64_Shdr s;
	Elf64_Ehdr h;
	int r = strlen(name) >= PROGRAM_NAME_MAX ? -ENOENT : elf_read_header(&img->source, "program", &h, e);

	if (r == 0 && h.e_shnum && h.e_shentsize != sizeof(s))
		r = broken(e);
	for (uint32_t i = 0; r == 0 && i < h.e_shnum; i++) {
		r = read_section(&img->source, &h, i, &s, e);
		if (r < 0 || (s.sh_type != SHT_SYMTAB && s.sh_type != SHT_DYNSYM))
			continue;
		r = open_table(&img->source, &h, &s, &t, e);
		if (r == 0)
			r = search(&img->source, &t, name, ret, e);
	}
	if (r == 0 || r == -ENOENT)
		return err_set(e, -ENOENT, "it has no function %.200s, or no symbols", name);
	return r < 0 ? r : 0;
}
