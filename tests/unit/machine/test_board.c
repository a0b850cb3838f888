// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "tests/support/unit.h"
#include "vmm/machine/board.h"

static struct config base_config(void)
{
	struct config c;

	config_init(&c);
	c.cpus = 3;
	return c;
}

static void no_two_parts_share_a_register_or_an_interrupt(void **state)
{
	struct config c = base_config();
	struct board b;
	struct err e = {0};

	c.debug_exit = true;
	c.debugcon_port = 0xe9;
	assert_int_equal(board_draw(&c, &b, &e), 0);
	assert_int_equal(b.cpus, 3);
	assert_int_equal(b.ram_size, c.mem_bytes);
	for_each_part(p, &b) {
		assert_true(p->size > 0);
		assert_true(p->gsi == BOARD_GSI_NONE || p->gsi < BOARD_GSI_MAX);
		for (const struct board_part *q = p + 1; q < b.part + b.nr; q++) {
			assert_false(p->space == q->space && ranges_overlap(p->base, p->size, q->base, q->size));
			assert_false(p->gsi != BOARD_GSI_NONE && p->gsi == q->gsi);
			assert_false(p->kind == q->kind && p->index == q->index);
		}
	}
	assert_int_equal(board_find(&b, BOARD_UART, 0)->base, 0x3f8);
	assert_int_equal(board_find(&b, BOARD_I8042, 1)->base, 0x64);
	assert_int_equal(board_find(&b, BOARD_PMTIMER, 0)->base, 0x608);
	assert_non_null(board_find(&b, BOARD_DEBUG_EXIT, 0));
	config_destroy(&c);
}

static void what_is_off_is_not_there(void **state)
{
	struct config c = base_config();
	struct board b;

	c.pvpanic = false;
	assert_int_equal(board_draw(&c, &b, NULL), 0);
	assert_null(board_find(&b, BOARD_PVPANIC, 0));
	assert_null(board_find(&b, BOARD_DEBUG_EXIT, 0));
	assert_null(board_find(&b, BOARD_DEBUGCON, 0));
	config_destroy(&c);
}

static void a_port_that_is_taken_is_named(void **state)
{
	static const struct {
		uint16_t port;
		const char *owner;
	} taken[] = {
		{0x3f8, "serial port"},
		{0x3f6, "serial port"},
		{0x64, "8042"},
		{0x61, "PIT"},
		{0x40, "PIT"},
		{0x20, "PIC"},
		{0xa1, "PIC"},
		{0x70, "real-time clock"},
		{0x600, "power block"},
		{0x60b, "ACPI timer"},
		{0x505, "pvpanic"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(taken); i++) {
		struct config c = base_config();
		struct board b = {.nr = 77};
		struct err e = {0};

		c.debug_exit = true;
		c.debug_exit_port = taken[i].port;
		assert_int_equal(board_draw(&c, &b, &e), -EEXIST);
		assert_non_null(strstr(e.text, "debug-exit"));
		if (!strstr(e.text, taken[i].owner))
			fail_msg("port 0x%x: %s", taken[i].port, e.text);
		assert_int_equal(b.nr, 77);
		config_destroy(&c);
	}
}

static void a_boot_marker_is_a_port_or_an_address(void **state)
{
	static const struct {
		uint64_t at;
		int r;
		enum board_space space;
		uint64_t size;
	} cases[] = {
		{0x500, 0, BOARD_PIO, 4},
		{0xfffc, 0, BOARD_PIO, 4},
		{0xfffd, -EINVAL, BOARD_PIO, 0},
		{0x3f8, -EEXIST, BOARD_PIO, 0},
		{0x10000, -EINVAL, BOARD_PIO, 0},
		{0xbffffff8, -EINVAL, BOARD_PIO, 0},
		{0xc0000000, 0, BOARD_MMIO, 8},
		{0xc0000004, -EINVAL, BOARD_MMIO, 0},
		{0xd0000000, -EEXIST, BOARD_MMIO, 0}, /* the first virtio device */
		{BOARD_IOAPIC_ADDR - 8, 0, BOARD_MMIO, 8},
		{BOARD_IOAPIC_ADDR, -EINVAL, BOARD_MMIO, 0},
		{UINT64_MAX, -EINVAL, BOARD_MMIO, 0},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct config c = base_config();
		const struct board_part *p;
		struct err e = {0};
		struct board b;

		c.boot_marker = cases[i].at;
		if (board_draw(&c, &b, &e) != cases[i].r)
			fail_msg("0x%jx: not %d: %s", (uintmax_t)cases[i].at, cases[i].r, e.text);
		config_destroy(&c);
		if (cases[i].r) {
			assert_non_null(strstr(e.text, "boot marker"));
			continue;
		}
		p = board_find(&b, BOARD_BOOT_MARKER, 0);
		assert_int_equal(p->base, cases[i].at);
		assert_int_equal(p->space, cases[i].space);
		assert_int_equal(p->size, cases[i].size);
	}
}

static void a_port_past_the_end_is_refused(void **state)
{
	struct config c = base_config();
	struct board b;
	struct err e = {0};

	c.debug_exit = true;
	c.debug_exit_port = 0xfffe;
	assert_int_equal(board_draw(&c, &b, &e), -EINVAL);
	c.debug_exit_port = 0xfffc;
	assert_int_equal(board_draw(&c, &b, &e), 0);
	config_destroy(&c);
}

static struct config disks(size_t nr)
{
	struct config c = base_config();

	c.rng = false;
	c.disk = calloc(nr, sizeof(*c.disk));
	assert_non_null(c.disk);
	c.nr_disks = nr;
	return c;
}

static void virtio_devices_have_pages_and_interrupts_of_their_own(void **state)
{
	struct config c = disks(BOARD_VIRTIO_MAX);
	uint32_t seen = 0;
	struct board b;
	unsigned n = 0;

	assert_int_equal(board_draw(&c, &b, NULL), 0);
	for_each_part(p, &b) {
		if (p->gsi != BOARD_GSI_NONE) {
			assert_false(seen & BIT(p->gsi));
			seen |= (uint32_t)BIT(p->gsi);
		}
		if (p->kind != BOARD_VIRTIO_MMIO)
			continue;
		assert_int_equal(p->index, n++);
		assert_true(p->space == BOARD_MMIO && is_aligned(p->base, 4096) && p->size == 4096);
		assert_in_range(p->base, BOARD_HOLE_START, BOARD_IOAPIC_ADDR - 1);
	}
	assert_int_equal(n, BOARD_VIRTIO_MAX);
	/* What kernels claim unasked: timer, keyboard, cascade, clock, mouse, FPU. */
	assert_false(seen & (BIT(0) | BIT(1) | BIT(2) | BIT(8) | BIT(12) | BIT(13)));
	config_destroy(&c);
}

static void one_too_many_is_refused(void **state)
{
	struct config c = disks(BOARD_VIRTIO_MAX + 1);
	struct err e = {0};
	struct board b;

	assert_int_equal(board_draw(&c, &b, &e), -ENOSPC);
	assert_non_null(strstr(e.text, "17 virtio devices"));
	assert_non_null(strstr(e.text, "take 1 away"));
	config_destroy(&c);
}

static void the_command_line_tells_of_devices_where_acpi_does_not(void **state)
{
	static const struct {
		enum discovery discovery;
		bool acpi;
		const char *cmdline, *append;
		bool told;
	} cases[] = {
		{DISCOVERY_AUTO, true, NULL, NULL, false},
		{DISCOVERY_AUTO, false, NULL, NULL, true},
		{DISCOVERY_AUTO, true, "acpi=off", NULL, true},
		{DISCOVERY_AUTO, true, "a acpi=off b", NULL, true},
		{DISCOVERY_AUTO, true, NULL, "quiet acpi=off", true},
		{DISCOVERY_AUTO, true, "xacpi=off acpi=offer", NULL, false},
		/* As the kernel reads its line: quotes, and nothing behind "--", where --append comes to lie, too. */
		{DISCOVERY_AUTO, true, "a=\"b acpi=off\"", NULL, false},
		{DISCOVERY_AUTO, true, "a -- b", "acpi=off", false},
		{DISCOVERY_AUTO, true, "acpi=off acpi=force", NULL, false},
		{DISCOVERY_ACPI, true, "acpi=off", NULL, false},
		{DISCOVERY_CMDLINE, true, NULL, NULL, true},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct config c = disks(2);
		struct board b;
		char *line;

		c.discovery = cases[i].discovery;
		c.acpi = cases[i].acpi;
		c.cmdline = cases[i].cmdline ? strdup(cases[i].cmdline) : NULL;
		c.append = cases[i].append ? strdup(cases[i].append) : NULL;
		assert_int_equal(board_draw(&c, &b, NULL), 0);
		assert_int_equal(b.virtio_on_cmdline, cases[i].told);
		line = board_cmdline(&c, &b, 0);
		assert_non_null(line);
		if (cases[i].told)
			assert_ptr_equal(strstr(line,
						 "virtio_mmio.device=0x1000@0xd0000000:5 "
						 "virtio_mmio.device=0x1000@0xd0001000:10 "),
				line);
		else
			assert_null(strstr(line, "virtio_mmio"));
		assert_non_null(strstr(line, cases[i].cmdline ? cases[i].cmdline : CONFIG_DEFAULT_CMDLINE));
		free(line);
		config_destroy(&c);
	}
}

static void draw(struct config *c, const char *append, struct board *b)
{
	free(c->append);
	c->append = append ? strdup(append) : NULL;
	assert_int_equal(board_draw(c, b, NULL), 0);
}

/* Only pins that the 8259s have, and ACPI's full model, without which Linux drops the 8259s. */
static void a_kernel_without_io_apic_gets_a_board_for_it(void **state)
{
	struct config c = disks(8);
	struct board b;
	struct err e = {0};

	draw(&c, NULL, &b);
	assert_null(b.pic);
	assert_false(b.no_apic);
	assert_null(board_find(&b, BOARD_PM1, 0));

	draw(&c, "noapic", &b);
	assert_string_equal(b.pic, "noapic");
	assert_true(b.acpi);
	assert_false(b.no_apic || b.virtio_on_cmdline);
	assert_non_null(board_find(&b, BOARD_PM1, 0));
	for_each_part(p, &b)
		if (p->gsi != BOARD_GSI_NONE)
			assert_true(p->gsi < 16 && p->gsi != PM1_SCI_GSI);

	draw(&c, "acpi=noirq", &b);
	assert_true(b.acpi && b.no_apic);
	assert_non_null(board_find(&b, BOARD_PM1, 0));

	/* The same pins without ACPI: vmm cannot know whether that kernel reads an MP table. */
	draw(&c, "acpi=off", &b);
	assert_null(b.pic);
	assert_true(b.acpi && b.no_apic && b.virtio_on_cmdline);
	assert_int_equal(board_find(&b, BOARD_VIRTIO_MMIO, 0)->gsi, 5);
	c.acpi = false;
	draw(&c, "noapic", &b);
	assert_false(b.acpi);
	assert_true(b.no_apic);
	assert_null(board_find(&b, BOARD_PM1, 0));
	config_destroy(&c);

	c = disks(9);
	c.append = strdup("nosmp");
	assert_int_equal(board_draw(&c, &b, &e), -ENOSPC);
	assert_non_null(
		strstr(e.text, "the kernel command line says nosmp, and the 8259s have interrupts for 8 virtio"));
	assert_non_null(strstr(e.text, "leave nosmp out, or take 1 away"));
	draw(&c, NULL, &b);
	config_destroy(&c);
}

static void the_acpi_timer_is_chosen_by_a_whole_word(void **state)
{
	static const struct {
		const char *cmdline, *append;
		bool chosen;
	} cases[] = {
		{NULL, NULL, false},
		{NULL, "clocksource=acpi_pm", true},
		{"quiet clocksource=acpi_pm ro", NULL, true},
		{NULL, "clocksource=acpi_pmx xclocksource=acpi_pm", false},
		{NULL, "clocksource=acpi_pm clocksource=tsc", false},
		{NULL, "quiet -- clocksource=acpi_pm", false},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct config c = base_config();
		struct board b;

		c.cmdline = cases[i].cmdline ? strdup(cases[i].cmdline) : NULL;
		c.append = cases[i].append ? strdup(cases[i].append) : NULL;
		assert_int_equal(board_draw(&c, &b, NULL), 0);
		assert_int_equal(b.pmtimer_chosen, cases[i].chosen);
		config_destroy(&c);
	}
}

static void the_command_line_tells_the_tscs_rate(void **state)
{
	struct config c = disks(1);
	struct board b;
	char *line;

	c.discovery = DISCOVERY_CMDLINE;
	c.append = strdup("tsc_early_khz=5 -- tsc_early_khz=6");
	assert_int_equal(board_draw(&c, &b, NULL), 0);
	line = board_cmdline(&c, &b, 2445424);
	/* In front, so that the operator's own has the last word. */
	assert_ptr_equal(strstr(line, "tsc_early_khz=2445424 virtio_mmio.device="), line);
	free(line);
	line = board_cmdline(&c, &b, 0);
	assert_null(strstr(line, "2445424"));
	assert_non_null(strstr(line, "tsc_early_khz=5"));
	free(line);
	config_destroy(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_two_parts_share_a_register_or_an_interrupt),
		cmocka_unit_test(what_is_off_is_not_there),
		cmocka_unit_test(a_port_that_is_taken_is_named),
		cmocka_unit_test(a_boot_marker_is_a_port_or_an_address),
		cmocka_unit_test(a_port_past_the_end_is_refused),
		cmocka_unit_test(virtio_devices_have_pages_and_interrupts_of_their_own),
		cmocka_unit_test(one_too_many_is_refused),
		cmocka_unit_test(the_command_line_tells_of_devices_where_acpi_does_not),
		cmocka_unit_test(a_kernel_without_io_apic_gets_a_board_for_it),
		cmocka_unit_test(the_acpi_timer_is_chosen_by_a_whole_word),
		cmocka_unit_test(the_command_line_tells_the_tscs_rate),
	};

	return run_group(tests);
}
