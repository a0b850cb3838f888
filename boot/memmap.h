/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside boot/: the map of RAM as a kernel is given it, whatever the protocol. What is not in it is no RAM.
 */
#ifndef BOOT_MEMMAP_H
#define BOOT_MEMMAP_H

#include <stddef.h>
#include <stdint.h>

#include "vmm/base/board.h"
#include "vmm/base/util.h"

#define MEMMAP_ROWS_MAX 5

/* As BIOS's e820 has them, and so Linux, PVH and multiboot. ACPI 6.5, table 15.6. */
enum memmap_type { MEMMAP_RAM = 1, MEMMAP_RESERVED = 2 };

/**
 * struct memmap - rows of a map, in ascending order and disjoint; no row is empty
 */
struct memmap {
	struct memmap_row {
		uint64_t start;
		uint64_t end;
		enum memmap_type type;
	} row[MEMMAP_ROWS_MAX];
	size_t nr;
};

/** memmap_draw() - the map of a board */
void memmap_draw(const struct board *b, struct memmap *ret);

/** memmap_low_end() - where RAM below the 32-bit hole ends */
static inline uint64_t memmap_low_end(const struct board *b)
{
	return MIN(b->ram_size, BOARD_HOLE_START);
}

#endif
