// SPDX-License-Identifier: Apache-2.0
/*
 * The first byte chooses. Even: the rest is a file behind gzip's magic number, broken in any way. Odd: the rest is an
 * image, which is packed here; packed and plain must get the same verdict and the same RAM.
 */
#include <string.h>

#include "boot/boot.h"
#include "boot/source.h"
#include "tests/support/fuzz.h"
#include "tests/support/image_kit.h"

#define RAM_SIZE    (4 * MIB)
#define COMPARE_MAX (256 * KIB)

static struct kit_ram plain_ram, packed_ram;

static int load(struct kit_ram *ram, const void *data, size_t size, struct loaded *k)
{
	struct err e = {0};
	CLEANUP_FD int fd = kit_file(data, size);
	int r;

	kit_ram_clear(ram);
	r = boot_load(&ram->mem, fd, LOAD_READ, k, &e);
	kit_must(r <= 0 && !r == !e.text[0]);
	return r;
}

static void load_broken(const uint8_t *data, size_t size)
{
	uint8_t *file = malloc(size + 2);
	struct loaded k;

	kit_must(file);
	memcpy(file, "\x1f\x8b", 2);
	memcpy(file + 2, data, size);
	if (!load(&packed_ram, file, size + 2, &k))
		kit_must(!strcmp(k.format, "ELF, gzip") && k.end <= RAM_SIZE);
	free(file);
}

static void load_packed(const uint8_t *data, size_t size, int level)
{
	struct loaded plain, packed;
	size_t packed_len;
	uint8_t *file = kit_gzip(data, size, level, &packed_len);
	int r = load(&packed_ram, file, packed_len, &packed);
	uint64_t n;

	free(file);
	/* The rest is for other formats, which are not looked for inside gzip. */
	if (size < SELFMAG || memcmp(data, ELFMAG, SELFMAG)) {
		kit_must(r < 0);
		return;
	}
	if (load(&plain_ram, data, size, &plain)) {
		kit_must(r < 0);
		return;
	}
	/* The bytes of the head can be read in any order, so such a read must not fail. */
	kit_must(!r || size > SOURCE_HEAD_SIZE);
	if (r)
		return;
	kit_must(plain.start == packed.start && plain.end == packed.end);
	kit_must(boot_offer(&plain)->entry == boot_offer(&packed)->entry && plain.copied_bytes == packed.copied_bytes);
	n = MIN(plain.end - plain.start, COMPARE_MAX);
	kit_must(!memcmp(plain_ram.host + plain.start, packed_ram.host + plain.start, n));
	kit_must(!memcmp(plain_ram.host + plain.end - n, packed_ram.host + plain.end - n, n));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!plain_ram.host) {
		kit_ram_open(&plain_ram, RAM_SIZE);
		kit_ram_open(&packed_ram, RAM_SIZE);
	}
	if (!size)
		return 0;
	if (data[0] & 1)
		load_packed(data + 1, size - 1, data[0] & 2 ? 6 : 0);
	else
		load_broken(data + 1, size - 1);
	return 0;
}
