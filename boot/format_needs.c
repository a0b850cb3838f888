// SPDX-License-Identifier: Apache-2.0
/*
 * The dynamic section of a program or library: the names of the libraries that it needs, and where to look for them.
 * Entries and names are copied out once, with bounds; nothing in the file is trusted to agree with anything else in it.
 */
#include <elf.h>
#include <errno.h>
#include <string.h>

#include "boot/format_program.h"

#define ENTRIES_MAX 4096u
#define ENTRIES_NR  64u /* read at once */

/* Where the file has the byte for an address; @ret_len: how many follow it. Return: 0, -ENOEXEC: none. */
static int offset_of(const struct program_image *img, uint64_t at, uint64_t *ret, uint64_t *ret_len)
{
	for (unsigned i = 0; i < img->nr; i++) {
		const struct program_segment *s = &img->segment[i];

		if (at < s->start || at >= s->file_end)
			continue;
		*ret = s->offset + (at - s->start);
		*ret_len = s->file_end - at;
		return 0;
	}
	return -ENOEXEC;
}

/**
 * struct strings - the string table: @at in the file, @size bytes; 0: not found yet
 */
struct strings {
	uint64_t at;
	uint64_t size;
};

static int read_name(
	struct program_image *img, const struct strings *s, uint64_t index, char *buf, size_t size, struct err *e)
{
	uint64_t len;
	int r;

	if (index >= s->size)
		return err_set(e, -ENOEXEC, "a name in its dynamic section is outside of the string table");
	len = MIN(s->size - index, size);
	r = source_read(&img->source, s->at + index, buf, len, e);
	if (r == 0 && !memchr(buf, 0, len))
		r = err_set(e, -ENOEXEC, "a name in its dynamic section is longer than %zu bytes", size - 1);
	return r;
}

typedef int entry_fn(struct program_image *img, const Elf64_Dyn *d, void *arg, struct err *e);

static int each_entry(struct program_image *img, entry_fn *fn, void *arg, struct err *e)
{
	uint64_t nr = MIN(img->dynamic_size / sizeof(Elf64_Dyn), ENTRIES_MAX);
	Elf64_Dyn d[ENTRIES_NR];

	for (uint64_t i = 0; i < nr; i += ENTRIES_NR) {
		uint64_t n = MIN(nr - i, ENTRIES_NR);
		int r = source_read(&img->source, img->dynamic + i * sizeof(*d), d, n * sizeof(*d), e);

		for (uint64_t j = 0; r == 0 && j < n; j++) {
			if (d[j].d_tag == DT_NULL)
				return 0;
			r = fn(img, &d[j], arg, e);
		}
		if (r < 0)
			return r;
	}
	return 0;
}

static int find_strings(struct program_image *img, const Elf64_Dyn *d, void *arg, struct err *e)
{
	struct strings *s = arg;
	uint64_t len;

	if (d->d_tag != DT_STRTAB)
		return 0;
	if (offset_of(img, d->d_un.d_ptr, &s->at, &len) < 0)
		return err_set(e, -ENOEXEC, "the string table of its dynamic section is in no segment of the file");
	s->size = len;
	return 0;
}

/**
 * struct reading - argument of take_entry()
 */
struct reading {
	struct strings strings;
	struct program_needs *needs;
};

static int take_entry(struct program_image *img, const Elf64_Dyn *d, void *arg, struct err *e)
{
	struct reading *x = arg;
	struct program_needs *n = x->needs;

	switch (d->d_tag) {
	case DT_NEEDED:
		if (n->nr == PROGRAM_NEEDS_MAX)
			return err_set(e, -ENOEXEC, "it needs more than %u libraries", PROGRAM_NEEDS_MAX);
		return read_name(img, &x->strings, d->d_un.d_val, n->name[n->nr++], PROGRAM_NAME_MAX, e);
	case DT_RPATH: return read_name(img, &x->strings, d->d_un.d_val, n->rpath, PROGRAM_PATHS_MAX, e);
	case DT_RUNPATH: return read_name(img, &x->strings, d->d_un.d_val, n->runpath, PROGRAM_PATHS_MAX, e);
	default: return 0;
	}
}

int program_needs_read(struct program_image *img, struct program_needs *ret, struct err *e)
{
	struct program_needs needs = {.nr = 0};
	struct reading x = {.needs = &needs};
	int r = 0;

	if (img->dynamic_size &&
		(img->dynamic > img->source.size || img->dynamic_size > img->source.size - img->dynamic))
		return err_set(e, -ENOEXEC, "truncated: its dynamic section is not in the file");
	r = each_entry(img, find_strings, &x.strings, e);
	if (r == 0)
		r = each_entry(img, take_entry, &x, e);
	if (r == 0)
		*ret = needs;
	return r;
}
