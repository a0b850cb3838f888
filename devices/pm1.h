/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fixed registers of an ACPI machine that is not hardware-reduced: PM1 status, enable and control. They are for a
 * kernel that does not use the I/O APIC (noapic, nolapic): Linux ignores the 8259s on a hardware-reduced machine, and
 * would have no interrupts. There are no fixed events (the power button belongs to the GED), so the device only
 * implements S5, and bits that read as written.
 *
 * Offsets are PM1_* in vmm/base/board.h, since the ACPI tables name them too.
 *
 * Spec: ACPI 6.5, 4.8.3.1 (PM1 event), 4.8.3.2 (PM1 control).
 */
#ifndef DEVICES_PM1_H
#define DEVICES_PM1_H

#include <pthread.h>
#include <stdint.h>

#include "vmm/base/board.h"
#include "vmm/base/device.h"
#include "vmm/base/state.h"

#define PM1_SCI_EN        0x0001 /* always set: ACPI mode is the only one */
#define PM1_SLP_TYP_SHIFT 10     /* devices/sleep.h, in the high byte */
#define PM1_SLP_EN        0x2000
#define PM1_WAK_STS       0x8000

/**
 * struct pm1_regs - plain data
 * @status: PM1_WAK_STS or 0; other bits are events, which never occur
 * @enable: as last written
 * @control: as last written; PM1_SLP_EN always reads as 0, PM1_SCI_EN as 1
 */
struct pm1_regs {
	uint16_t status;
	uint16_t enable;
	uint16_t control;
};

/**
 * struct pm1
 * @dev: PM1_SIZE registers
 * @events: borrowed; gets GUEST_POWEROFF
 */
struct pm1 {
	struct device dev;
	struct guest_events *events;
	pthread_mutex_t lock;
	struct pm1_regs regs;
};

/** pm1_init() - Return: 0 or a negative errno. */
int pm1_init(struct pm1 *p, struct guest_events *events);

/** pm1_destroy() - takes NULL */
void pm1_destroy(struct pm1 *p);

/**
 * pm1_save(), pm1_restore() - the state that a guest can observe; vmm/base/state.h
 *
 * Bits that always read the same are not taken from it.
 *
 * Return: 0 or -EINVAL, with a message in @e; then the device is as it was. Context: no vCPU runs. Trust: guest.
 */
void pm1_save(struct pm1 *p, struct state_writer *w);
int pm1_restore(struct pm1 *p, struct state_reader *r, struct err *e);

#endif
