/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Example boards for tests of everything that is derived from a board.
 */
#ifndef TESTS_SUPPORT_BOARDS_H
#define TESTS_SUPPORT_BOARDS_H

#include <stdbool.h>
#include <string.h>

#include "vmm/base/board.h"
#include "vmm/base/util.h"

#define BOARDS_POWER_PORT   0x600
#define BOARDS_PM1_PORT     0x610
#define BOARDS_TIMER_PORT   0x608
#define BOARDS_PANIC_PORT   0x505
#define BOARDS_VIRTIO_START UINT64_C(0xd0000000)
#define BOARDS_GENERATION   UINT64_C(0xcffff000)

/* The parts of a board, except those that no table describes. */
static const struct boards_example {
	const char *name;
	unsigned cpus;
	bool uart, rtc, pvpanic, power, button;
	unsigned virtio;
	bool generation;
} boards[] = {
	{"bare", 1, false, false, false, false, false, 0, false},
	{"one", 1, true, true, false, true, true, 0, false},
	{"no-rtc", 1, true, false, true, true, true, 1, false},
	{"no-button", 2, true, true, true, true, false, 2, true},
	{"four", 4, true, true, true, true, true, 4, true},
	{"many", 254, true, true, true, true, true, 4, false},
	{"full", 254, true, true, true, true, true, 20, true},
	{"pic", 2, true, true, true, true, true, 4, true},
};

static inline void boards_add(
	struct board *b, enum board_kind kind, unsigned index, uint64_t base, uint64_t size, uint32_t gsi)
{
	b->part[b->nr++] = (struct board_part){
		.kind = kind,
		.space = kind == BOARD_VIRTIO_MMIO || kind == BOARD_GENERATION ? BOARD_MMIO : BOARD_PIO,
		.index = index,
		.base = base,
		.size = size,
		.gsi = gsi,
	};
}

static inline bool boards_make(const char *name, struct board *ret)
{
	/* GSIs that are left: not the timer's, the cascade's and the serial port's. */
	static const uint8_t free_gsi[] = {5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 3};

	for (size_t i = 0; i < ARRAY_SIZE(boards); i++) {
		const struct boards_example *x = &boards[i];

		if (strcmp(x->name, name))
			continue;
		*ret = (struct board){.cpus = x->cpus, .ram_size = 128 * MIB};
		if (x->uart)
			boards_add(ret, BOARD_UART, 0, 0x3f8, 8, 4);
		boards_add(ret, BOARD_I8042, 0, 0x60, 1, BOARD_GSI_NONE);
		boards_add(ret, BOARD_I8042, 1, 0x64, 1, BOARD_GSI_NONE);
		boards_add(ret, BOARD_DEBUG_EXIT, 0, 0xf4, 4, BOARD_GSI_NONE);
		if (x->rtc)
			boards_add(ret, BOARD_RTC, 0, 0x70, 2, BOARD_GSI_NONE);
		if (x->pvpanic)
			boards_add(ret, BOARD_PVPANIC, 0, BOARDS_PANIC_PORT, 1, BOARD_GSI_NONE);
		if (x->power)
			boards_add(ret, BOARD_PMTIMER, 0, BOARDS_TIMER_PORT, PMTIMER_SIZE, BOARD_GSI_NONE);
		if (x->power)
			boards_add(ret, BOARD_POWER, 0, BOARDS_POWER_PORT, POWER_SIZE, x->button ? 1 : BOARD_GSI_NONE);
		for (unsigned v = 0; v < x->virtio; v++)
			boards_add(ret, BOARD_VIRTIO_MMIO, v, BOARDS_VIRTIO_START + v * 0x1000, 0x1000, free_gsi[v]);
		if (x->generation)
			boards_add(ret, BOARD_GENERATION, 0, BOARDS_GENERATION, 0x1000, BOARD_GSI_NONE);
		if (!strcmp(name, "pic"))
			boards_add(ret, BOARD_PM1, 0, BOARDS_PM1_PORT, PM1_SIZE, BOARD_GSI_NONE);
		return true;
	}
	return false;
}

#endif
