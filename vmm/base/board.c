// SPDX-License-Identifier: Apache-2.0
#include "vmm/base/board.h"

static const char *const names[] = {
	[BOARD_UART] = "serial port",
	[BOARD_I8042] = "8042 keyboard controller",
	[BOARD_PIT] = "PIT",
	[BOARD_RTC] = "real-time clock",
	[BOARD_DEBUG_EXIT] = "debug-exit port",
	[BOARD_DEBUGCON] = "debugcon port",
	[BOARD_PVPANIC] = "pvpanic device",
	[BOARD_PM1] = "ACPI PM1 block",
	[BOARD_PMTIMER] = "ACPI timer",
	[BOARD_POWER] = "ACPI power block",
	[BOARD_VIRTIO_MMIO] = "virtio-mmio device",
	[BOARD_GENERATION] = "VM generation id",
	[BOARD_MARKER] = "marker",
	[BOARD_BOOT_MARKER] = "boot marker",
};

const char *board_part_name(enum board_kind kind)
{
	return names[kind];
}
