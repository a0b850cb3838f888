// SPDX-License-Identifier: Apache-2.0
/*
 * A whole ELF file. Reading and mapping must agree on the result, the message, and what is loaded where; an accepted
 * image is within the range allowed for kernels.
 */
#include <string.h>

#include "boot/boot.h"
#include "boot/layout.h"
#include "tests/support/fuzz.h"
#include "tests/support/image_kit.h"

/* Position-independent images go to 16 MiB. */
#define RAM_SIZE    (18 * MIB)
#define COMPARE_MAX (256 * KIB)

static void compare(const struct kit_ram *a, const struct kit_ram *b, uint64_t start, uint64_t end)
{
	/* Both ends of a large one: touching all of its bss takes longer than loading it. */
	uint64_t n = MIN(end - start, COMPARE_MAX);

	kit_must(!memcmp(a->host + start, b->host + start, n));
	kit_must(!memcmp(a->host + end - n, b->host + end - n, n));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct kit_ram ram[2];
	struct loaded k[2];
	struct err e[2] = {0};
	int r[2];
	CLEANUP_FD int fd = kit_file(data, size);

	for (int how = LOAD_READ; how <= LOAD_MAP; how++) {
		if (!ram[how].host)
			kit_ram_open(&ram[how], RAM_SIZE);
		kit_ram_clear(&ram[how]);
		r[how] = boot_load(&ram[how].mem, fd, how, &k[how], &e[how]);
		kit_must(r[how] <= 0 && !r[how] == !e[how].text[0]);
	}
	kit_must(r[LOAD_READ] == r[LOAD_MAP] && !strcmp(e[0].text, e[1].text));
	if (r[0])
		return 0;
	kit_must(k[0].start == k[1].start && k[0].end == k[1].end &&
		boot_offer(&k[0])->entry == boot_offer(&k[1])->entry);
	kit_must(k[0].copied_bytes == k[1].copied_bytes + k[1].mapped_bytes && !k[0].mapped_bytes);
	kit_must(k[0].start >= BOOT_HIGH_START && k[0].end <= RAM_SIZE);
	kit_must(boot_offer(&k[0])->entry >= k[0].start && boot_offer(&k[0])->entry < k[0].end);
	compare(&ram[0], &ram[1], k[0].start, k[0].end);
	return 0;
}
