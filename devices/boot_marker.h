/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A register whose writes are marks on the timeline: the guest sets one with a single instruction and a number of its
 * choice. Like Firecracker's boot timer, at a port or an address that the operator chooses.
 */
#ifndef DEVICES_BOOT_MARKER_H
#define DEVICES_BOOT_MARKER_H

#include "vmm/base/device.h"

#define BOOT_MARKER_PORT_SIZE 4
#define BOOT_MARKER_MMIO_SIZE 8

/**
 * struct boot_marker - has no state
 * @dev: a write of 1, 2, 4 or 8 bytes is one little-endian number; reads return all ones
 * @events: borrowed; gets GUEST_MARK with the number
 */
struct boot_marker {
	struct device dev;
	struct guest_events *events;
};

/** boot_marker_init() - @events: borrowed. Return: always 0; nothing has to be destroyed. */
int boot_marker_init(struct boot_marker *b, struct guest_events *events);

#endif
