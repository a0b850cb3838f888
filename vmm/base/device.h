/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The interface between a device and the rest of the machine: registers at offsets, an interrupt line, and events that
 * it can cause. A device knows neither its address, nor KVM, nor another device.
 */
#ifndef VMM_BASE_DEVICE_H
#define VMM_BASE_DEVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct device;

/**
 * struct device_ops - register accesses; they cannot fail, as hardware cannot
 * @read: fill @len bytes (1, 2, 4 or 8) from @offset. Accesses may have any width and alignment that a guest can
 *        produce; bytes without a register read as ones.
 * @write: write @len bytes. Unknown registers ignore the write.
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
 * enum guest_event - events of a device that concern the whole machine
 * @GUEST_POWEROFF: the guest entered S5
 * @GUEST_RESET: the guest requested a reset; value is GUEST_RESET_I8042 or GUEST_RESET_ACPI
 * @GUEST_PANIC: reported through pvpanic; value is the event byte
 * @GUEST_CRASH_LOADED: pvpanic: a crash kernel takes over; value is the event byte
 * @GUEST_DEBUG_EXIT: value is what the guest wrote
 * @GUEST_MARK: a mark for the timeline; value is what the guest wrote
 */
#define GUEST_RESET_I8042 0
#define GUEST_RESET_ACPI  1
enum guest_event { GUEST_POWEROFF, GUEST_RESET, GUEST_PANIC, GUEST_CRASH_LOADED, GUEST_DEBUG_EXIT, GUEST_MARK };

/**
 * struct guest_events - receives these events; implemented by the machine, borrowed by devices
 * @raise: records the event and returns at once; the machine stops the vCPUs afterwards, so the current instruction
 *         completes
 *
 * Context: any thread, with the device's own lock held or not: it takes no device lock.
 */
struct guest_events {
	void (*raise)(struct guest_events *ev, enum guest_event what, uint64_t value);
};

#endif
