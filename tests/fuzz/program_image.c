// SPDX-License-Identifier: Apache-2.0
/*
 * The file of a Linux program. The segments of an accepted one are at allowed addresses, in order, of whole pages, with
 * their bytes in the file; for a refused one there is a message, and the result is unchanged. What it needs has names
 * that end.
 */
#include <string.h>

#include "boot/format_program.h"
#include "tests/support/fuzz.h"
#include "tests/support/image_kit.h"

#define LOWEST  UINT64_C(0x10000)
#define HIGHEST UINT64_C(0x555555554000)

static void read_needs(struct program_image *img)
{
	struct program_needs needs, untouched;
	struct err e = {0};
	int r;

	memset(&needs, 0xee, sizeof(needs));
	untouched = needs;
	r = program_needs_read(img, &needs, &e);
	kit_must(r <= 0 && !r == !e.text[0]);
	if (r) {
		kit_must(!memcmp(&needs, &untouched, sizeof(needs)));
		return;
	}
	kit_must(needs.nr <= PROGRAM_NEEDS_MAX && memchr(needs.rpath, 0, sizeof(needs.rpath)) &&
		memchr(needs.runpath, 0, sizeof(needs.runpath)));
	for (unsigned i = 0; i < needs.nr; i++)
		kit_must(memchr(needs.name[i], 0, sizeof(needs.name[i])) != NULL);
}

static void find_symbol(struct program_image *img)
{
	uint64_t at = UINT64_MAX;
	struct err e = {0};
	int r = program_symbol_find(img, "main", &at, &e);

	kit_must(r <= 0 && !r == !e.text[0] && (!r || at == UINT64_MAX));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct program_image img, untouched;
	struct err e = {0};
	uint64_t before;
	CLEANUP_FD int fd = kit_file(data, size);
	int r;

	memset(&img, 0xee, sizeof(img));
	untouched = img;
	r = program_image_read(fd, LOWEST, HIGHEST, &img, &e);
	kit_must(r <= 0 && !r == !e.text[0]);
	if (r) {
		kit_must(!memcmp(&img, &untouched, sizeof(img)));
		return 0;
	}
	before = img.movable ? 0 : LOWEST;
	kit_must(img.nr && img.nr <= PROGRAM_SEGMENTS_MAX && !(img.align & (img.align - 1)) && img.align >= 4096);
	for (unsigned i = 0; i < img.nr; i++) {
		const struct program_segment *s = &img.segment[i];

		kit_must(s->start % 4096 == 0 && s->end % 4096 == 0 && s->start >= before && s->start < s->end);
		kit_must(s->end <= HIGHEST && s->file_end >= s->start && s->file_end <= s->end);
		kit_must(s->file_end == s->start || s->offset + (s->file_end - s->start) <= size);
		before = s->end;
	}
	kit_must(strnlen(img.interpreter, sizeof(img.interpreter)) < sizeof(img.interpreter));
	read_needs(&img);
	find_symbol(&img);
	return 0;
}
