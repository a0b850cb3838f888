/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Handles a write to either of ACPI's sleep registers: the sleep control register of a hardware-reduced machine, and
 * the high byte of PM1 control, which has the same bits.
 *
 * Spec: ACPI 6.5, 4.8.3.7 (sleep control), 4.8.3.2 (PM1 control).
 */
#ifndef DEVICES_SLEEP_H
#define DEVICES_SLEEP_H

#include <stdbool.h>
#include <stdint.h>

#include "vmm/base/board.h"
#include "vmm/base/device.h"

#define SLEEP_TYP_SHIFT 2
#define SLEEP_TYP_MASK  (7U << SLEEP_TYP_SHIFT)
#define SLEEP_EN        0x20

/**
 * sleep_written() - a guest has written @value
 * @events: gets GUEST_POWEROFF for S5, the only sleep state
 *
 * Return: true when the guest requested another sleep state, from which it wakes at once: WAK_STS must be set.
 */
static inline bool sleep_written(struct guest_events *events, uint8_t value)
{
	if (!(value & SLEEP_EN))
		return false;
	if ((value & SLEEP_TYP_MASK) != POWER_SLP_TYP_S5 << SLEEP_TYP_SHIFT)
		return true;
	events->raise(events, GUEST_POWEROFF, 0);
	return false;
}

#endif
