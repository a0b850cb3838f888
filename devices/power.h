/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The power block of a hardware-reduced ACPI machine: sleep control, sleep status, reset, and the event register of the
 * generic event device (GED): the power button, and a new VM generation id. Offsets and values are POWER_* in
 * vmm/base/board.h, since the ACPI tables name them too.
 *
 * Spec: ACPI 6.5, 4.8.3.7 (sleep control and status), 4.8.3.6 (reset).
 */
#ifndef DEVICES_POWER_H
#define DEVICES_POWER_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "vmm/base/board.h"
#include "vmm/base/device.h"
#include "vmm/base/irq.h"
#include "vmm/base/state.h"

#define POWER_WAK_STS 0x80

/**
 * struct power_regs - plain data, copied as it is to save or restore it
 * @sleep_type: SLP_TYPx as last written, at its position in the register; SLP_EN always reads as 0
 * @sleep_status: POWER_WAK_STS or 0. S5 is the only sleep state; from any other one the guest wakes at once.
 * @event: POWER_EVENT_* that the guest has not read yet
 * @driven: POWER_EVENT_GENERATION or 0: a driver has asked where the id is
 */
struct power_regs {
	uint8_t sleep_type;
	uint8_t sleep_status;
	uint8_t event;
	uint8_t driven;
};

/**
 * struct power - @irq, @events: borrowed
 */
struct power {
	struct device dev;
	struct irq_line *irq;
	struct guest_events *events;
	pthread_mutex_t lock;
	struct power_regs regs;
};

/**
 * power_init()
 * @irq: borrowed; the GED's interrupt
 * @events: borrowed; gets GUEST_POWEROFF and GUEST_RESET
 *
 * Return: 0 or a negative errno.
 */
int power_init(struct power *p, struct irq_line *irq, struct guest_events *events);

/** power_destroy() - takes NULL */
void power_destroy(struct power *p);

/**
 * power_press_button() - press the power button
 *
 * A press that the guest has not read yet merges with the next, but each one interrupts. The interrupt is an edge: a
 * guest that has no driver for the GED yet loses it, and programs that are started later never see the press.
 * Context: any thread, not a signal handler.
 */
void power_press_button(struct power *p);

/**
 * power_new_generation() - the VM generation id is another one
 *
 * Without a driver in the guest it does nothing: its ACPI interpreter would be woken for nobody, at the first moment
 * of a restored guest. A driver that comes later reads the id of that time.
 * Context: as power_press_button().
 */
void power_new_generation(struct power *p);

/**
 * power_button_waits() - true when the guest has not read the event of the last press
 *
 * Context: any thread.
 */
bool power_button_waits(struct power *p);

/**
 * power_save(), power_restore() - the state that a guest can observe; vmm/base/state.h
 *
 * An event that the guest has not read interrupts it again, since the pulse may have been lost.
 *
 * Return: 0 or -EINVAL, with a message in @e; then the device is as it was. Context: no vCPU runs. Trust: guest.
 */
void power_save(struct power *p, struct state_writer *w);
int power_restore(struct power *p, struct state_reader *r, struct err *e);

#endif
