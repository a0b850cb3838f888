// SPDX-License-Identifier: Apache-2.0
/*
 * A program without a kernel: a byte with the operator's options, two addresses, and the whole file. An accepted image
 * lies in its window, its entry is there, and nothing is written anywhere else; for a refused one there is a message,
 * and the result is unchanged.
 */
#include "boot/format_flat.h"
#include "tests/support/fuzz.h"
#include "tests/support/image_kit.h"
#include "vmm/base/le.h"

#define WINDOW   (64 * KIB)
#define LARGEST  (1 * MIB)
#define RAM_SIZE (WINDOW + LARGEST + 64 * KIB)
#define HEAD     9

/* The byte: mode in its two lowest bits, 3 for none; which addresses are given; the window's size. */
static struct flat_wish wish_of(const uint8_t *data)
{
	return (struct flat_wish){
		.mode_given = (data[0] & 3) != 3,
		.mode = (data[0] & 3) == 3 ? ENTRY_REAL : (enum entry_mode)(data[0] & 3),
		.load = data[0] & 4 ? le32_get(data + 1) : FLAT_UNSET,
		.entry = data[0] & 8 ? le32_get(data + 5) : FLAT_UNSET,
	};
}

static void must_be_zero(const uint8_t *p, uint64_t len)
{
	kit_must(!len || (!p[0] && !memcmp(p, p + 1, len - 1)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint64_t sizes[] = {64 * KIB, 68 * KIB, 640 * KIB, LARGEST};
	static struct kit_ram ram;
	struct flat_image img, untouched;
	struct err e[2] = {0};
	enum entry_mode mode = ENTRY_REAL;
	struct flat_wish wish;
	uint64_t window;
	int r, mode_r;

	if (size < HEAD)
		return 0;
	if (!ram.host)
		kit_ram_open(&ram, RAM_SIZE);
	kit_ram_clear(&ram);
	memset(&img, 0xee, sizeof(img));
	untouched = img;
	wish = wish_of(data);
	window = sizes[data[0] >> 4 & 3];
	CLEANUP_FD int fd = kit_file(data + HEAD, size - HEAD);

	mode_r = flat_image_mode(fd, &wish, &mode, &e[0]);
	r = flat_image_load(fd, &wish, &ram.mem, WINDOW, window, &img, &e[1]);
	kit_must(mode_r <= 0 && !mode_r == !e[0].text[0] && r <= 0 && !r == !e[1].text[0]);
	must_be_zero(ram.host, WINDOW);
	must_be_zero(ram.host + WINDOW + window, RAM_SIZE - WINDOW - window);
	if (mode_r)
		kit_must(r == mode_r && !strcmp(e[0].text, e[1].text));
	if (r) {
		kit_must(!memcmp(&img, &untouched, sizeof(img)));
		return 0;
	}
	kit_must(img.mode == mode && (!wish.mode_given || mode == wish.mode));
	kit_must(img.start < img.end && img.end <= window && img.entry < window);
	kit_must(wish.entry == FLAT_UNSET || img.entry == wish.entry);
	if (mode == ENTRY_REAL)
		kit_must(img.start >= FLAT_REAL_RESERVED && img.end <= FLAT_REAL_END && img.entry < FLAT_REAL_SEGMENT);
	must_be_zero(ram.host + WINDOW, img.start);
	must_be_zero(ram.host + WINDOW + img.end, window - img.end);
	/* A raw image is all there; shorter than a magic number it is one. */
	if (size - HEAD < SELFMAG || memcmp(data + HEAD, ELFMAG, SELFMAG) != 0)
		kit_must(!memcmp(ram.host + WINDOW + img.start, data + HEAD, size - HEAD));
	return 0;
}
