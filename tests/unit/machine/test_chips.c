// SPDX-License-Identifier: Apache-2.0
#include <string.h>

#include "tests/support/chip.h"
#include "tests/support/unit.h"
#include "vmm/machine/board.h"
#include "vmm/machine/chips.h"

/* A board with every part that is not a virtio device: there are two that the kernel's command line asks for. */
static void full_board(struct board *b)
{
	struct config c;

	config_init(&c);
	c.rng = false;
	c.debug_exit = true;
	c.debug_exit_port = 0xf4;
	c.debugcon_port = 0xe9;
	c.boot_marker = 0x500;
	c.append = strdup("noapic");
	assert_int_equal(board_draw(&c, b, NULL), 0);
	config_destroy(&c);
}

static void each_part_has_a_chip_of_its_own(void **state)
{
	struct chips c = CHIPS_NONE;
	struct board b;

	full_board(&b);
	for_each_part(p, &b) {
		assert_non_null(chips_device(&c, p));
		/* What has an interrupt has a line. */
		assert_int_equal(chips_irq(&c, p) != NULL, p->gsi != BOARD_GSI_NONE);
		for (const struct board_part *q = p + 1; q < b.part + b.nr; q++) {
			assert_ptr_not_equal(chips_device(&c, p), chips_device(&c, q));
			assert_true(!chips_irq(&c, p) || chips_irq(&c, p) != chips_irq(&c, q));
		}
	}
	/* Each kind but virtio devices is on that board. */
	for (int kind = 0; kind <= BOARD_BOOT_MARKER; kind++)
		assert_int_equal(board_find(&b, (enum board_kind)kind, 0) != NULL, kind != BOARD_VIRTIO_MMIO);
}

static void what_is_no_chip_is_none(void **state)
{
	struct chips c = CHIPS_NONE;

	assert_null(chips_device(&c, &(struct board_part){.kind = BOARD_VIRTIO_MMIO}));
	assert_null(chips_irq(&c, &(struct board_part){.kind = BOARD_VIRTIO_MMIO}));
	assert_null(chips_device(&c, &(struct board_part){.kind = BOARD_UART, .index = 1}));
}

static int no_pit(struct pit_host *host, uint8_t control, uint8_t speaker)
{
	return -1;
}

/* Which device answers shows by its name. */
static void each_chip_is_where_its_part_says(void **state)
{
	static const struct {
		enum board_kind kind;
		unsigned index;
		const char *name;
	} wanted[] = {
		{BOARD_UART, 0, "uart16550"},
		{BOARD_I8042, 0, "i8042-data"},
		{BOARD_I8042, 1, "i8042-cmd"},
		{BOARD_PIT, 0, "pit"},
		{BOARD_PIT, 1, "port61"},
		{BOARD_RTC, 0, "rtc"},
		{BOARD_DEBUG_EXIT, 0, "debug-exit"},
		{BOARD_DEBUGCON, 0, "debugcon"},
		{BOARD_PVPANIC, 0, "pvpanic"},
		{BOARD_BOOT_MARKER, 0, "boot-marker"},
		{BOARD_GENERATION, 0, "generation"},
		{BOARD_MARKER, 0, "marker"},
		{BOARD_MARKER, 1, "marker-window"},
		{BOARD_PM1, 0, "pm1"},
		{BOARD_PMTIMER, 0, "pmtimer"},
		{BOARD_POWER, 0, "power"},
	};
	struct pit_host pit = {.start = no_pit};
	struct pmtimer_host pmtimer = {0};
	struct guest_events events = {0};
	struct chips_env env = {.ram_size = 128 * MIB, .events = &events, .pit = &pit, .pmtimer = &pmtimer};
	struct chips c = CHIPS_NONE;
	struct board b;

	full_board(&b);
	assert_int_equal(chips_init(&c, &env, NULL), 0);
	assert_int_equal(b.nr, ARRAY_SIZE(wanted));
	for (size_t i = 0; i < ARRAY_SIZE(wanted); i++)
		assert_string_equal(
			chips_device(&c, board_find(&b, wanted[i].kind, wanted[i].index))->name, wanted[i].name);
	assert_int_equal(chips_irq(&c, board_find(&b, BOARD_UART, 0))->fd, c.uart_irq.fd);
	assert_int_equal(chips_irq(&c, board_find(&b, BOARD_POWER, 0))->fd, c.power_irq.fd);
	assert_true(c.uart_irq.fd >= 0 && c.power_irq.fd >= 0);
	chips_destroy(&c);
}

/* Each has its section, in one order, and all are read. */
static void all_chips_are_saved_and_restored(void **state)
{
	static uint8_t bytes[65536];
	struct pit_host pit = {.start = no_pit};
	struct pmtimer_host pmtimer = {0};
	struct guest_events events = {0};
	struct chips_env env = {.ram_size = 128 * MIB, .events = &events, .pit = &pit, .pmtimer = &pmtimer};
	struct chips from = CHIPS_NONE, to = CHIPS_NONE;
	struct state_writer w = {.data = bytes, .size = sizeof(bytes)};
	struct state_reader r = {.data = bytes};
	struct err e = {0};

	assert_int_equal(chips_init(&from, &env, NULL), 0);
	assert_int_equal(chips_init(&to, &env, NULL), 0);
	out8(chips_device(&from, &(struct board_part){.kind = BOARD_UART}), 7, 0x5d);
	out8(chips_device(&from, &(struct board_part){.kind = BOARD_RTC}), 0, 0x40);
	out8(chips_device(&from, &(struct board_part){.kind = BOARD_RTC}), 1, 0x77);
	out_wide(chips_device(&from, &(struct board_part){.kind = BOARD_PM1}), 2, 0x4321, 2);
	chips_save(&from, 0, &w);
	r.size = w.used;
	if (chips_restore(&to, 0, &r, &e) < 0)
		fail_msg("%s", e.text);
	assert_int_equal(r.at, w.used);
	assert_int_equal(in8(chips_device(&to, &(struct board_part){.kind = BOARD_UART}), 7), 0x5d);
	assert_int_equal(in8(chips_device(&to, &(struct board_part){.kind = BOARD_RTC}), 1), 0x77);
	assert_int_equal(in_wide(chips_device(&to, &(struct board_part){.kind = BOARD_PM1}), 2, 2), 0x4321);
	chips_destroy(&from);
	chips_destroy(&to);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_part_has_a_chip_of_its_own),
		cmocka_unit_test(what_is_no_chip_is_none),
		cmocka_unit_test(each_chip_is_where_its_part_says),
		cmocka_unit_test(all_chips_are_saved_and_restored),
	};

	return run_group(tests);
}
