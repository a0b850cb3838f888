/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The port through which a guest kernel says that it panicked. One byte: reading it gives the events the host
 * understands, writing it reports some.
 *
 * Spec: QEMU documentation, "PVPANIC DEVICE" (docs/specs/pvpanic).
 */
#ifndef DEVICES_PVPANIC_H
#define DEVICES_PVPANIC_H

#include "vmm/base/device.h"

#define PVPANIC_SIZE         1
#define PVPANIC_PANICKED     0x01 /* the guest panicked, and that was that */
#define PVPANIC_CRASH_LOADED 0x02 /* it panicked, and its crash kernel takes over */
#define PVPANIC_EVENTS       (PVPANIC_PANICKED | PVPANIC_CRASH_LOADED)

/**
 * struct pvpanic - no state of its own
 * @events: borrowed; gets GUEST_PANIC or GUEST_CRASH_LOADED with the byte written. PANICKED wins when both bits are
 *          set; a byte with neither is ignored.
 */
struct pvpanic {
	struct device dev;
	struct guest_events *events;
};

/** pvpanic_init() - @events: borrowed. Return: 0; there is nothing to fail, and nothing to destroy. */
int pvpanic_init(struct pvpanic *p, struct guest_events *events);

#endif
