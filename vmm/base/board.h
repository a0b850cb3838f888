/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The board: the list of a machine's parts. vmm/machine/board.c makes it from the configuration; the ACPI and MP tables
 * (boot/tables), the wiring (vmm/machine/build.c) and the guest's command line are all derived from it, so that they
 * agree.
 */
#ifndef VMM_BASE_BOARD_H
#define VMM_BASE_BOARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vmm/base/x86.h"

#define BOARD_PARTS_MAX   48
#define BOARD_CPUS_MAX    254 /* 8-bit APIC ids: 0 to 253, 254 is the I/O APIC, 255 is broadcast */
#define BOARD_GSI_MAX     24  /* pins of KVM's in-kernel I/O APIC */
#define BOARD_GSI_NONE    UINT32_MAX
#define BOARD_VIRTIO_MAX  16 /* virtio devices: limited by the pins of the I/O APIC, see vmm/machine/board.c */
#define BOARD_IOAPIC_ADDR UINT64_C(0xfec00000)
#define BOARD_LAPIC_ADDR  APIC_BASE /* its address after a reset */

/* The 32-bit hole: no RAM in [BOARD_HOLE_START, 4 GiB). */
#define BOARD_HOLE_START UINT64_C(0xc0000000)
#define BOARD_HOLE_END   UINT64_C(0x100000000)

enum board_kind {
	BOARD_UART,        /* 16550A; 8 ports */
	BOARD_I8042,       /* ports 0x60 and 0x64, one part each: 0x61 belongs to the PIT */
	BOARD_PIT,         /* 8254: ports 0x40 to 0x43, and 0x61 */
	BOARD_RTC,         /* MC146818: ports 0x70, 0x71 */
	BOARD_DEBUG_EXIT,  /* QEMU's isa-debug-exit */
	BOARD_DEBUGCON,    /* Bochs/QEMU debug console, 0xe9 */
	BOARD_PVPANIC,     /* one port */
	BOARD_PM1,         /* ACPI's fixed registers, unless it is hardware-reduced: PM1_* */
	BOARD_PMTIMER,     /* ACPI power management timer; 4 ports, one register */
	BOARD_POWER,       /* ACPI sleep control, sleep status, reset, and the event register of the GED: POWER_* */
	BOARD_VIRTIO_MMIO, /* one register page */
	BOARD_GENERATION,  /* a page with the VM generation id at its start */
	BOARD_MARKER,      /* ports, and the same registers in memory: devices/marker_regs.h */
	BOARD_BOOT_MARKER, /* ports, or a register in the 32-bit hole */
};

/*
 * Registers of BOARD_POWER, one byte each, as offsets into its range. ACPI 6.5, 4.8.3.7 and 4.8.3.6; the event register
 * is ours.
 */
#define POWER_SLEEP_CONTROL    0 /* SLP_TYPx in bits 2 to 4, SLP_EN in bit 5 */
#define POWER_SLEEP_STATUS     1
#define POWER_RESET            2 /* write POWER_RESET_VALUE */
#define POWER_EVENT            3 /* read: pending events of the GED, cleared by the read; write: what has a driver */
#define POWER_SIZE             4
#define POWER_RESET_VALUE      0x01
#define POWER_SLP_TYP_S5       5
#define POWER_EVENT_BUTTON     0x01
#define POWER_EVENT_GENERATION 0x02 /* the VM generation id is another one */

/* Registers of BOARD_PM1, two bytes each, as offsets into its range. ACPI 6.5, 4.8.3.1 and 4.8.3.2. */
#define PM1_STATUS     0
#define PM1_ENABLE     2
#define PM1_CONTROL    4
#define PM1_EVENT_SIZE 4 /* status and enable, which are one block in ACPI */
#define PM1_SIZE       6
#define PM1_SCI_GSI    12 /* its interrupt, which it never raises; that of a PC's mouse */

#define PMTIMER_SIZE 4 /* of BOARD_PMTIMER: one register of 32 bits */

enum board_space { BOARD_PIO, BOARD_MMIO };

/**
 * struct board_part - one device on the board
 * @kind: which chip
 * @space: where its registers are
 * @index: which of its kind, from 0
 * @base, @size: its registers, ports or guest-physical bytes
 * @gsi: its interrupt (edge-triggered, active high), or BOARD_GSI_NONE
 */
struct board_part {
	enum board_kind kind;
	enum board_space space;
	unsigned index;
	uint64_t base;
	uint64_t size;
	uint32_t gsi;
};

/**
 * struct board - all parts and properties of a machine
 * @cpus: 1 to BOARD_CPUS_MAX; APIC id n is CPU n (SMP topology is flat: one thread a core, one socket)
 * @ram_size: total bytes of guest RAM; the part above BOARD_HOLE_START is at 4 GiB
 * @acpi: the guest gets ACPI tables, which its kernel may ignore
 * @virtio_on_cmdline: virtio-mmio devices are listed on the guest's command line and therefore not in ACPI: a guest
 *                     that finds a device in both probes it twice
 * @pic: the argument of the kernel's command line that makes devices interrupt through the 8259s only; NULL: through
 *       the I/O APIC. Borrowed, static.
 * @no_apic: the kernel may not use its local APIC either
 * @pmtimer_chosen: the operator wants the guest to use the ACPI timer as its clock, even if it has another
 */
struct board {
	unsigned cpus;
	uint64_t ram_size;
	bool acpi;
	bool virtio_on_cmdline;
	const char *pic;
	bool no_apic;
	bool pmtimer_chosen;
	struct board_part part[BOARD_PARTS_MAX];
	size_t nr;
};

#define for_each_part(p, board) for (const struct board_part *p = (board)->part; p < (board)->part + (board)->nr; p++)

/** board_part_name() - for logs, errors and the report */
const char *board_part_name(enum board_kind kind);

/** board_find() - the @index-th part of a kind, or NULL */
static inline const struct board_part *board_find(const struct board *b, enum board_kind kind, unsigned index)
{
	for_each_part(p, b)
		if (p->kind == kind && p->index == index)
			return p;
	return NULL;
}

#endif
