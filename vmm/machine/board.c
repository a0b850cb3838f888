// SPDX-License-Identifier: Apache-2.0
#include "vmm/machine/board.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "devices/boot_marker.h"
#include "devices/generation.h"
#include "devices/marker_regs.h"
#include "devices/pit.h"
#include "vmm/machine/kernel_args.h"
#include "vmm/machine/virtio/kinds.h"

/* As on a PC. */
#define PORT_PIT           0x40
#define PORT_I8042_DATA    0x60
#define PORT_PIT_SPEAKER   0x61
#define PORT_I8042_COMMAND 0x64
#define PORT_RTC           0x70
#define PORT_COM1          0x3f8
#define PORT_PVPANIC       0x505
#define PORT_POWER         0x600
#define PORT_PMTIMER       0x608
#define PORT_PM1           0x610

/* One page each, from the middle of the 32-bit hole. */
#define VIRTIO_MMIO_BASE UINT64_C(0xd0000000)
#define VIRTIO_MMIO_STEP UINT64_C(0x1000)

/* In front of the pages of virtio devices: what a guest reads without an exit is one range. */
#define GENERATION_BASE (VIRTIO_MMIO_BASE - GENERATION_PAGE_SIZE)

#define CMDLINE_WORD_MAX 80 /* maximum bytes of an argument that the board adds to the kernel's command line */

#define GSI_COM1  4
#define GSI_POWER 9 /* the ACPI interrupt of a PC */

/*
 * Interrupts of virtio devices, in the order of assignment. First the pins that ISA does not have, then those of ISA
 * cards. Not used: timer 0, keyboard 1, cascade 2, RTC 8, mouse 12 and FPU 13, which kernels without ACPI claim in any
 * case. A kernel that may not use the I/O APIC gets those of ISA first.
 */
static const uint8_t virtio_gsis[] = {16, 17, 18, 19, 20, 21, 22, 23, 5, 10, 11, 6, 7, 3, 14, 15};

#define VIRTIO_GSIS_ISA 8 /* index of the first ISA interrupt in the list, and their number */

_Static_assert(ARRAY_SIZE(virtio_gsis) == BOARD_VIRTIO_MAX, "an interrupt for each");

/* Ports of KVM's in-kernel chips: accesses to them never reach a part of the board. */
static const struct {
	uint16_t port, size;
	const char *chip;
} kernel_ports[] = {
	{0x20, 2, "PIC"},
	{0xa0, 2, "PIC"},
	{0x4d0, 2, "PIC"},
};

static int add(struct board *b, struct board_part part, struct err *e)
{
	for_each_part(p, b) {
		if (p->space == part.space && ranges_overlap(p->base, p->size, part.base, part.size))
			return err_set(e, -EEXIST, "the %s at 0x%" PRIx64 " collides with the %s at 0x%" PRIx64,
				board_part_name(part.kind), part.base, board_part_name(p->kind), p->base);
		part.index += p->kind == part.kind;
	}
	if (b->nr == BOARD_PARTS_MAX)
		return err_set(e, -ENOSPC, "the board has places for %d parts; the %s is one too many", BOARD_PARTS_MAX,
			board_part_name(part.kind));
	b->part[b->nr++] = part;
	return 0;
}

static int add_port(struct board *b, enum board_kind kind, uint16_t port, unsigned size, uint32_t gsi, struct err *e)
{
	for (size_t i = 0; i < ARRAY_SIZE(kernel_ports); i++)
		if (ranges_overlap(kernel_ports[i].port, kernel_ports[i].size, port, size))
			return err_set(e, -EEXIST, "the %s at 0x%x collides with KVM's %s at 0x%x",
				board_part_name(kind), port, kernel_ports[i].chip, kernel_ports[i].port);
	if (port + size > 0x10000)
		return err_set(
			e, -EINVAL, "the %s at 0x%x runs past the last I/O port 0xffff", board_part_name(kind), port);
	return add(b, (struct board_part){.kind = kind, .space = BOARD_PIO, .base = port, .size = size, .gsi = gsi}, e);
}

static int add_virtio(struct board *b, const struct config *c, struct err *e)
{
	size_t first = b->pic || b->virtio_on_cmdline ? VIRTIO_GSIS_ISA : 0, n = virtio_kinds_count(c);
	int r = 0;

	if (b->pic && n > VIRTIO_GSIS_ISA)
		return err_set(e, -ENOSPC,
			"the kernel command line says %s, and the 8259s have interrupts for %d virtio devices, not for "
			"%zu (%zu disks, %zu networks): leave %s out, or take %zu away",
			b->pic, VIRTIO_GSIS_ISA, n, c->nr_disks, c->nr_nets, b->pic, n - VIRTIO_GSIS_ISA);
	if (n > BOARD_VIRTIO_MAX)
		return err_set(e, -ENOSPC,
			"%zu virtio devices (%zu disks, %zu networks): the board has interrupts for %d; take %zu away",
			n, c->nr_disks, c->nr_nets, BOARD_VIRTIO_MAX, n - BOARD_VIRTIO_MAX);
	for (size_t i = 0; i < n && r == 0; i++)
		r = add(b,
			(struct board_part){
				.kind = BOARD_VIRTIO_MMIO,
				.space = BOARD_MMIO,
				.base = VIRTIO_MMIO_BASE + i * VIRTIO_MMIO_STEP,
				.size = VIRTIO_MMIO_STEP,
				.gsi = virtio_gsis[(first + i) % BOARD_VIRTIO_MAX],
			},
			e);
	return r;
}

static int add_memory(struct board *b, enum board_kind kind, uint64_t base, uint64_t size, struct err *e)
{
	return add(b,
		(struct board_part){
			.kind = kind, .space = BOARD_MMIO, .base = base, .size = size, .gsi = BOARD_GSI_NONE},
		e);
}

/* Port numbers are smaller than any memory address in the hole, so the number determines the address space. */
static int add_boot_marker(struct board *b, uint64_t addr, struct err *e)
{
	struct board_part part = {
		.kind = BOARD_BOOT_MARKER,
		.space = BOARD_MMIO,
		.base = addr,
		.size = BOOT_MARKER_MMIO_SIZE,
		.gsi = BOARD_GSI_NONE,
	};

	if (addr <= UINT16_MAX)
		return add_port(b, BOARD_BOOT_MARKER, (uint16_t)addr, BOOT_MARKER_PORT_SIZE, BOARD_GSI_NONE, e);
	if (addr < BOARD_HOLE_START || addr > BOARD_IOAPIC_ADDR - part.size || !is_aligned(addr, part.size))
		return err_set(e, -EINVAL,
			"the boot marker at 0x%" PRIx64 ": no port, and no multiple of %" PRIu64 " from 0x%" PRIx64
			" to below 0x%" PRIx64 ", where addresses of devices are",
			addr, part.size, BOARD_HOLE_START, BOARD_IOAPIC_ADDR);
	return add(b, part, e);
}

char *board_cmdline(const struct config *config, const struct board *board, uint32_t tsc_khz)
{
	const char *base = config_cmdline(config);
	const char *append = config->append ? config->append : "";
	size_t max = (board->nr + 1) * CMDLINE_WORD_MAX + strlen(base) + 1 + strlen(append) + 1, at = 0;
	char *line = malloc(max);

	if (!line)
		return NULL;
	/* Prepended: arguments after "--" are for init, and the later of two equal arguments takes effect. */
	if (tsc_khz)
		at += (size_t)snprintf(line, max, "tsc_early_khz=%" PRIu32 " ", tsc_khz);
	for_each_part(p, board)
		if (p->kind == BOARD_VIRTIO_MMIO && board->virtio_on_cmdline)
			at += (size_t)snprintf(line + at, max - at,
				"virtio_mmio.device=0x%" PRIx64 "@0x%" PRIx64 ":%u ", p->size, p->base, p->gsi);
	snprintf(line + at, max - at, "%s%s%s", base, *append && *base ? " " : "", append);
	return line;
}

/* Linux uses the last of several. */
static bool chooses_pmtimer(const char *line)
{
	struct kernel_arg a;
	bool chosen = false;

	while (kernel_arg_next(&line, &a))
		if (kernel_arg_is(&a, "clocksource", NULL))
			chosen = kernel_arg_is(&a, "clocksource", "acpi_pm");
	return chosen;
}

/* Evaluates the guest's command line as far as the board depends on it. */
static int heed_cmdline(const struct config *c, struct board *b, struct err *e)
{
	CLEANUP_FREE char *line = board_cmdline(c, b, 0); /* there are no virtio devices on the board yet */
	struct kernel_irqs irqs;

	if (!line)
		return err_sys(e, -ENOMEM, "cannot allocate the command line");
	irqs = kernel_irqs(line);
	b->pmtimer_chosen = chooses_pmtimer(line);
	/*
	 * Devices on the command line name their interrupts by number, which a hardware-reduced Linux does not support:
	 * it would find the devices, but not get them to work.
	 */
	b->acpi = c->acpi && c->discovery != DISCOVERY_CMDLINE;
	b->virtio_on_cmdline = !b->acpi || (c->discovery == DISCOVERY_AUTO && irqs.acpi_off);
	b->pic = irqs.pic;
	b->no_apic = irqs.no_apic || irqs.acpi_off || !b->acpi;
	/* A hardware-reduced Linux ignores the 8259s. */
	if (b->pic && b->acpi)
		return add_port(b, BOARD_PM1, PORT_PM1, PM1_SIZE, BOARD_GSI_NONE, e);
	return 0;
}

int board_draw(const struct config *config, struct board *ret, struct err *e)
{
	struct board b = {.cpus = config->cpus, .ram_size = config->mem_bytes};
	int r;

	r = add_port(&b, BOARD_UART, PORT_COM1, 8, GSI_COM1, e);
	if (r == 0)
		r = add_port(&b, BOARD_PIT, PORT_PIT, PIT_TIMER_SIZE, BOARD_GSI_NONE, e);
	if (r == 0)
		r = add_port(&b, BOARD_PIT, PORT_PIT_SPEAKER, PIT_SPEAKER_SIZE, BOARD_GSI_NONE, e);
	if (r == 0)
		r = add_port(&b, BOARD_I8042, PORT_I8042_DATA, 1, BOARD_GSI_NONE, e);
	if (r == 0)
		r = add_port(&b, BOARD_I8042, PORT_I8042_COMMAND, 1, BOARD_GSI_NONE, e);
	if (r == 0)
		r = add_port(&b, BOARD_RTC, PORT_RTC, 2, BOARD_GSI_NONE, e);
	if (r == 0)
		r = add_port(&b, BOARD_POWER, PORT_POWER, POWER_SIZE, GSI_POWER, e);
	if (r == 0)
		r = add_port(&b, BOARD_PMTIMER, PORT_PMTIMER, PMTIMER_SIZE, BOARD_GSI_NONE, e);
	if (r == 0)
		r = add_port(&b, BOARD_MARKER, MARKER_PORT, MARKER_SIZE, BOARD_GSI_NONE, e);
	if (r == 0)
		r = heed_cmdline(config, &b, e);
	if (r == 0 && config->pvpanic)
		r = add_port(&b, BOARD_PVPANIC, PORT_PVPANIC, 1, BOARD_GSI_NONE, e);
	/* Last, so that an error names the port that the operator chose. */
	if (r == 0 && config->debug_exit)
		r = add_port(&b, BOARD_DEBUG_EXIT, config->debug_exit_port, 4, BOARD_GSI_NONE, e);
	if (r == 0 && config->debugcon_port)
		r = add_port(&b, BOARD_DEBUGCON, config->debugcon_port, 1, BOARD_GSI_NONE, e);
	if (r == 0)
		r = add_memory(&b, BOARD_MARKER, MARKER_ADDRESS, MARKER_SIZE, e);
	if (r == 0)
		r = add_memory(&b, BOARD_GENERATION, GENERATION_BASE, GENERATION_PAGE_SIZE, e);
	if (r == 0)
		r = add_virtio(&b, config, e);
	if (r == 0 && config->boot_marker)
		r = add_boot_marker(&b, config->boot_marker, e);
	if (r == 0)
		*ret = b;
	return r;
}
