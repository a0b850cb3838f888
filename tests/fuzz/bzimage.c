// SPDX-License-Identifier: Apache-2.0
/*
 * A bzImage: the input is the file from the setup header (0x1f1) on, so that mutations hit the header. Its magic number
 * is put right, since an image without it never reaches the parser.
 */
#include <string.h>

#include "boot/boot.h"
#include "boot/layout.h"
#include "tests/support/fuzz.h"
#include "tests/support/image_kit.h"

#define RAM_SIZE (8 * MIB)
#define MAGIC_AT 0x202
#define FILE_MAX (64 * KIB)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct kit_ram ram[2];
	static uint8_t file[FILE_MAX];
	struct loaded k[2];
	struct err e[2] = {0};
	int r[2];
	size_t len = MIN(KIT_BZ_HEADER + size, FILE_MAX);

	memset(file, 0, KIT_BZ_HEADER);
	memcpy(file + KIT_BZ_HEADER, data, len - KIT_BZ_HEADER);
	if (len >= MAGIC_AT + 4)
		memcpy(file + MAGIC_AT, "HdrS", 4);
	CLEANUP_FD int fd = kit_file(file, len);

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
	kit_must(!strcmp(k[0].format, k[1].format) && boot_offer(&k[0])->entry == boot_offer(&k[1])->entry &&
		k[0].offer[BOOT_LINUX64].header_size);
	kit_must(k[0].start >= BOOT_HIGH_START && k[0].end <= RAM_SIZE);
	kit_must(boot_offer(&k[0])->entry >= k[0].start && boot_offer(&k[0])->entry < k[0].end);
	kit_must(!memcmp(ram[0].host + k[0].start, ram[1].host + k[0].start, MIN(k[0].end - k[0].start, 2 * FILE_MAX)));
	return 0;
}
