/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a device is to the rest of the machine: registers at offsets, an interrupt line, events it can cause.
 * A device never sees an address, KVM, or another device.
 */
#ifndef VMM_BASE_DEVICE_H
#define VMM_BASE_DEVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct device;

/**
 * struct device_ops - register accesses; they cannot fail, as hardware cannot
 * @read: fill @len bytes (1, 2, 4 or 8) from @offset. Every width and misalignment the guest can make gets here;
 *        bytes with no register behind them read as ones.
 * @write: take @len bytes. Unknown registers ignore the write.
 *
 * Context: vCPU threads, several at once: the device locks itself, and never blocks.
 * Trust: guest.
 */
struct device_ops {
	void (*read)(struct device *dev, uint64_t offset, void *data, unsigned len);
	void (*write)(struct device *dev, uint64_t offset, const void *data, unsigned len);
};

/**
 * struct device - embedded as a member by every device
 * @ops: borrowed, static
 * @name: for traces; borrowed, static
 */
struct device {
	const struct device_ops *ops;
	const char *name;
};

/**
 * enum guest_event - what a device can do to the whole machine
 * @GUEST_POWEROFF: the guest entered S5
 * @GUEST_RESET: the guest asked for a reset; value is GUEST_RESET_I8042 or GUEST_RESET_ACPI
 * @GUEST_PANIC: pvpanic said so; value is the event byte
 * @GUEST_CRASH_LOADED: pvpanic: a crash kernel takes over; value is the event byte
 * @GUEST_DEBUG_EXIT: value is what the guest wrote
 * @GUEST_MARK: a moment for the timeline; value is what the guest wrote
 */
#define GUEST_RESET_I8042 0
#define GUEST_RESET_ACPI  1
enum guest_event { GUEST_POWEROFF, GUEST_RESET, GUEST_PANIC, GUEST_CRASH_LOADED, GUEST_DEBUG_EXIT, GUEST_MARK };

/**
 * struct guest_events - where a device reports such an event; implemented by the machine, borrowed by devices
 * @raise: records it and returns at once; the machine stops the vCPUs afterwards, the caller's instruction completes
 *
 * Context: any thread, with the device's own lock held or not: it takes no device lock.
 */
struct guest_events {
	void (*raise)(struct guest_events *ev, enum guest_event what, uint64_t value);
};

#endif
