/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside boot/: the map of RAM that a kernel gets, independent of the protocol. What is not in the map is not RAM.
 */
#ifndef BOOT_MEMMAP_H
#define BOOT_MEMMAP_H

#include <stddef.h>
#include <stdint.h>

#include "vmm/base/board.h"
#include "vmm/base/util.h"

#define MEMMAP_ROWS_MAX 5

/* The types of the BIOS's e820, which Linux, PVH and multiboot use too. ACPI 6.5, table 15.6. */
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

/** memmap_draw() - compute the map of a board */
void memmap_draw(const struct board *b, struct memmap *ret);

/** memmap_low_end() - end of the RAM below the 32-bit hole */
static inline uint64_t memmap_low_end(const struct board *b)
{
	return MIN(b->ram_size, BOARD_HOLE_START);
}

#endif
