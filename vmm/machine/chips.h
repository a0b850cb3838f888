/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The chips of a Linux machine: every part of the board except virtio devices. All are created; the board determines
 * which of them a guest can access, and at which addresses.
 */
#ifndef VMM_MACHINE_CHIPS_H
#define VMM_MACHINE_CHIPS_H

#include "devices/boot_marker.h"
#include "devices/debug_exit.h"
#include "devices/debugcon.h"
#include "devices/generation.h"
#include "devices/i8042.h"
#include "devices/marker.h"
#include "devices/pit.h"
#include "devices/pm1.h"
#include "devices/pmtimer.h"
#include "devices/power.h"
#include "devices/pvpanic.h"
#include "devices/rtc.h"
#include "devices/uart16550.h"
#include "vmm/base/board.h"
#include "vmm/base/err.h"

/** struct chips - owns its chips and their interrupt lines; start from CHIPS_NONE */
struct chips {
	struct irq_line uart_irq;
	struct irq_line power_irq;
	struct uart uart;
	struct i8042 i8042;
	struct pit pit;
	struct rtc rtc;
	struct debug_exit debug_exit;
	struct debugcon debugcon;
	struct pvpanic pvpanic;
	struct boot_marker boot_marker;
	struct generation generation;
	struct marker marker;
	struct pm1 pm1;
	struct pmtimer pmtimer;
	struct power power;
};

#define CHIPS_NONE ((struct chips){.uart_irq.fd = -1, .power_irq.fd = -1})

/**
 * struct chips_env - parameters of the chips; all borrowed until chips_destroy()
 * @ram_size: bytes, for the clock's memory
 * @console: host end of the serial port and of debugcon
 * @events: receives a guest's reset, power-off and similar events
 * @marker: receives its marks
 */
struct chips_env {
	uint64_t ram_size;
	struct char_host *console;
	struct guest_events *events;
	struct pit_host *pit;
	struct pmtimer_host *pmtimer;
	struct marker_host *marker;
};

/**
 * chips_init() - Return: 0 or a negative errno, with a message in @e that names the chip; call chips_destroy() in both
 * cases
 */
int chips_init(struct chips *c, const struct chips_env *env, struct err *e);

/** chips_device() - the device of a part of the board; NULL: not one of the chips */
struct device *chips_device(struct chips *c, const struct board_part *p);

/** chips_irq() - the interrupt line of such a part; NULL: it has none */
struct irq_line *chips_irq(struct chips *c, const struct board_part *p);

/**
 * chips_save(), chips_restore() - the state of all of them, a section each; vmm/base/state.h
 *
 * @at_ns: the host's time (CLOCK_MONOTONIC) that the state is of, or from which on it counts: that of the other clocks
 *
 * The chips must have been made with the same board. After a failure some may have been restored and others not: the
 * machine must not be used.
 *
 * Return: 0 or -EINVAL, with a message in @e. Context: the vCPUs are held. Trust: guest.
 */
void chips_save(struct chips *c, uint64_t at_ns, struct state_writer *w);
int chips_restore(struct chips *c, uint64_t at_ns, struct state_reader *r, struct err *e);

/** chips_destroy() - takes CHIPS_NONE and a partly built struct; no thread may use a chip any more */
void chips_destroy(struct chips *c);

#endif
