// SPDX-License-Identifier: Apache-2.0
#include "boot/memmap.h"

#include "boot/layout.h"

static void add(struct memmap *m, uint64_t start, uint64_t end, enum memmap_type type)
{
	if (start < end)
		m->row[m->nr++] = (struct memmap_row){.start = start, .end = end, .type = type};
}

void memmap_draw(const struct board *b, struct memmap *ret)
{
	ret->nr = 0;
	add(ret, 0, BOOT_LOW_RAM_END, MEMMAP_RAM);
	add(ret, BOOT_EBDA_START, BOOT_EBDA_START + BOOT_EBDA_SIZE, MEMMAP_RESERVED);
	/*
	 * Reserved, not "ACPI data": a kernel may reuse that type as RAM once it has read the tables, and a kernel
	 * started by kexec would no longer find them. The BIOS area of a PC is reserved as well.
	 */
	add(ret, BOOT_BIOS_START, BOOT_HIGH_START, MEMMAP_RESERVED);
	add(ret, BOOT_HIGH_START, memmap_low_end(b), MEMMAP_RAM);
	if (b->ram_size > BOARD_HOLE_START)
		add(ret, BOARD_HOLE_END, BOARD_HOLE_END + (b->ram_size - BOARD_HOLE_START), MEMMAP_RAM);
}
