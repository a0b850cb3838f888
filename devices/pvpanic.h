/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The port through which a guest kernel reports a panic. One byte: reading it returns the events that the host
 * understands, writing it reports some.
 *
 * Spec: QEMU documentation, "PVPANIC DEVICE" (docs/specs/pvpanic).
 */
#ifndef DEVICES_PVPANIC_H
#define DEVICES_PVPANIC_H

#include "vmm/base/device.h"

#define PVPANIC_SIZE         1
#define PVPANIC_PANICKED     0x01 /* the guest panicked and has stopped */
#define PVPANIC_CRASH_LOADED 0x02 /* it panicked, and starts its crash kernel */
#define PVPANIC_EVENTS       (PVPANIC_PANICKED | PVPANIC_CRASH_LOADED)

/**
 * struct pvpanic - has no state
 * @events: borrowed; gets GUEST_PANIC or GUEST_CRASH_LOADED with the byte written. PANICKED wins when both bits are
 *          set; a byte with neither is ignored.
 */
struct pvpanic {
	struct device dev;
	struct guest_events *events;
};

/** pvpanic_init() - @events: borrowed. Return: always 0; nothing has to be destroyed. */
int pvpanic_init(struct pvpanic *p, struct guest_events *events);

#endif
