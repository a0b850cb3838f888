// SPDX-License-Identifier: Apache-2.0
/*
 * boot_enter() with any kernel that boot_load() may return, any RAM, initrd and command line. The input is a
 * `struct choice`, then the command line.
 */
#include <string.h>
#include <sys/mman.h>

#include "boot/boot.h"
#include "boot/layout.h"
#include "tests/support/fuzz.h"
#include "tests/support/image_kit.h"

#define PAGE       UINT64_C(4096)
#define RAM_MIN    (32 * MIB)
#define RAM_PAGES  ((6 * GIB - RAM_MIN) / PAGE)
#define INITRD_MAX (16 * MIB)

struct choice {
	uint32_t ram_pages;
	uint32_t load_start; /* within low RAM */
	uint32_t load_size;
	uint32_t entry;
	uint32_t cmdline_max;
	uint32_t initrd_max;
	uint32_t initrd_size;
	uint8_t has_initrd;
	uint8_t has_header;
	uint8_t header[sizeof(struct setup_header)];
} __attribute__((packed));

static void open_ram(struct kit_ram *ram, uint64_t size)
{
	uint64_t low = MIN(size, BOARD_HOLE_START);

	kit_ram_open(ram, size);
	ram->mem.region[0].size = low;
	if (size > low)
		kit_must(!gmem_add(&ram->mem,
			&(struct gmem_region){
				.gpa = BOARD_HOLE_END, .size = size - low, .host = ram->host + low, .fd = -1}));
}

static void check_e820(const struct kit_ram *ram, const struct boot_params *bp, const struct boot_placed *placed)
{
	uint64_t end = 0;
	bool initrd_in_ram = !placed->initrd_size;

	kit_must(bp->e820_entries && bp->e820_entries <= E820_MAX_ENTRIES_ZEROPAGE);
	for (size_t i = 0; i < bp->e820_entries; i++) {
		struct boot_e820_entry r = bp->e820_table[i];

		kit_must(r.addr >= end && r.size && gmem_contains(&ram->mem, r.addr, r.size));
		end = r.addr + r.size;
		if (r.type == 1 && placed->initrd_gpa >= r.addr && placed->initrd_gpa + placed->initrd_size <= end)
			initrd_in_ram = true;
	}
	kit_must(initrd_in_ram);
}

static void check(const struct kit_ram *ram, const struct boot_env *b, const struct entry *entry,
	const struct boot_placed *placed, uint64_t initrd_size)
{
	const struct loaded *k = b->image;
	struct boot_params bp;
	char *line = malloc(strlen(b->cmdline) + 1);
	uint8_t byte;

	kit_must(line && !gmem_read(&ram->mem, entry->rsi, &bp, sizeof(bp)));
	kit_must(entry->rip == boot_offer(k)->entry && entry->mode == ENTRY_LONG);
	kit_must(strlen(b->cmdline) <= bp.hdr.cmdline_size);
	kit_must(!gmem_read(&ram->mem, bp.hdr.cmd_line_ptr, line, strlen(b->cmdline) + 1));
	kit_must(!strcmp(line, b->cmdline));
	free(line);
	kit_must(placed->initrd_size == initrd_size && bp.hdr.ramdisk_size == initrd_size);
	kit_must(bp.hdr.ramdisk_image == placed->initrd_gpa);
	check_e820(ram, &bp, placed);
	if (!initrd_size)
		return;
	kit_must(is_aligned(placed->initrd_gpa, PAGE) && placed->initrd_gpa >= BOOT_HIGH_START);
	kit_must(placed->initrd_gpa + initrd_size - 1 <= bp.hdr.initrd_addr_max);
	kit_must(!ranges_overlap(placed->initrd_gpa, initrd_size, k->start, k->end - k->start));
	kit_must(!gmem_read(&ram->mem, placed->initrd_gpa + initrd_size - 1, &byte, 1) && byte == 0x5a);
}

static int make_initrd(uint64_t size)
{
	int fd = memfd_create("initrd", MFD_CLOEXEC);

	kit_must(fd >= 0 && !ftruncate(fd, (off_t)size));
	kit_must(!size || pwrite(fd, "\x5a", 1, (off_t)size - 1) == 1);
	return fd;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct choice c;
	struct kit_ram ram;
	struct entry entry;
	struct boot_placed placed;
	struct err e = {0};
	CLEANUP_FD int initrd_fd = -1;

	if (size < sizeof(c))
		return 0;
	memcpy(&c, data, sizeof(c));
	CLEANUP_FREE char *cmdline = strndup((const char *)data + sizeof(c), size - sizeof(c));
	kit_must(cmdline);
	struct board board = {.cpus = 1, .ram_size = RAM_MIN + c.ram_pages % RAM_PAGES * PAGE};
	uint64_t low = MIN(board.ram_size, BOARD_HOLE_START);
	struct loaded k = {.start = BOOT_HIGH_START + c.load_start % (low - BOOT_HIGH_START)};
	struct offer *offer = &k.offer[BOOT_LINUX64];
	struct setup_header h;

	k.end = k.start + 1 + c.load_size % (low - k.start);
	offer->offered = true;
	offer->entry = k.start + c.entry % (k.end - k.start);
	if (c.has_header & 1) {
		memcpy(&h, c.header, sizeof(h));
		h.cmdline_size = c.cmdline_max;
		h.initrd_addr_max = c.initrd_max;
		memcpy(offer->header, &h, sizeof(h));
		offer->header_size = sizeof(h);
	}
	/* Mostly small ones: large ones take their time to read. */
	c.initrd_size = c.has_initrd & 2 ? c.initrd_size % INITRD_MAX : c.initrd_size % (64 * KIB);
	if (c.has_initrd & 1)
		initrd_fd = make_initrd(c.initrd_size);
	struct boot_env b = {.board = &board, .image = &k, .cmdline = cmdline, .initrd_fd = initrd_fd};

	open_ram(&ram, board.ram_size);
	if (!boot_enter(&ram.mem, &b, &entry, &placed, &e))
		check(&ram, &b, &entry, &placed, initrd_fd >= 0 ? c.initrd_size : 0);
	else
		kit_must(e.text[0]);
	kit_ram_close(&ram);
	return 0;
}
