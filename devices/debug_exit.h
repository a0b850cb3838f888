/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A port that ends the VM: what the guest writes becomes its exit status, 2N + 1. Writes behave like those of QEMU's
 * isa-debug-exit; reads return all ones.
 */
#ifndef DEVICES_DEBUG_EXIT_H
#define DEVICES_DEBUG_EXIT_H

#include "vmm/base/device.h"

#define DEBUG_EXIT_SIZE 4 /* ports: enough for a 32-bit write (iosize=4 in QEMU's terms) */

/**
 * struct debug_exit - has no state
 * @dev: a write of 1, 2, 4 or 8 bytes at any offset is one little-endian number N
 * @events: borrowed; gets GUEST_DEBUG_EXIT with N
 */
struct debug_exit {
	struct device dev;
	struct guest_events *events;
};

/** debug_exit_init() - @events: borrowed. Return: always 0; nothing has to be destroyed. */
int debug_exit_init(struct debug_exit *d, struct guest_events *events);

#endif
