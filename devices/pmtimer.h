/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ACPI power management timer: one register that counts up at 3.579545 MHz and cannot be written. 32 bits, without
 * the interrupt that other machines have when the top bit changes.
 *
 * It is for guests without a paravirtual clock. For others it only costs time: at start Linux tests such a timer for
 * 4.5 ms, during which it does nothing else, and by 20 reads, each an exit. So the first read asks the host whether the
 * guest has a better clock, and if so that one read returns all ones, like a port without a device. Linux gives the
 * timer up at the next read, whose value is smaller. All later reads return the correct value.
 *
 * Spec: ACPI 6.5, 4.8.3.3 (Power Management Timer).
 */
#ifndef DEVICES_PMTIMER_H
#define DEVICES_PMTIMER_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "vmm/base/board.h"
#include "vmm/base/device.h"
#include "vmm/base/state.h"

#define PMTIMER_HZ    3579545
#define PMTIMER_FIRST 0x100000 /* the first value; not all ones even in 24 bits, which many guests use */

/**
 * struct pmtimer_host - borrowed by the timer
 * @has_clock: true when the guest, on the CPU that reads the timer, has enabled a paravirtual clock
 *
 * Context: the vCPU thread that reads, with the timer's lock held: takes no lock, never blocks.
 */
struct pmtimer_host {
	bool (*has_clock)(struct pmtimer_host *host);
};

/**
 * struct pmtimer_regs - plain data, copied as it is to save or restore it
 * @counting: it has been read
 * @origin_ns: host time (CLOCK_MONOTONIC) at which it read PMTIMER_FIRST
 */
struct pmtimer_regs {
	bool counting;
	uint64_t origin_ns;
};

/**
 * struct pmtimer
 * @now: returns the host's time in ns, which never goes back; a test replaces it
 */
struct pmtimer {
	struct device dev;
	struct pmtimer_host *host;
	uint64_t (*now)(const struct pmtimer *t);
	pthread_mutex_t lock;
	struct pmtimer_regs regs;
};

/**
 * pmtimer_init()
 * @host: borrowed
 *
 * Return: 0 or a negative errno.
 */
int pmtimer_init(struct pmtimer *t, struct pmtimer_host *host);

/** pmtimer_destroy() - takes NULL */
void pmtimer_destroy(struct pmtimer *t);

/**
 * pmtimer_save(), pmtimer_restore() - the state that a guest can observe; vmm/base/state.h
 *
 * The count goes on where it was: the time between the two is not part of it.
 *
 * Return: 0 or -EINVAL, with a message in @e; then the device is as it was. Context: no vCPU runs. Trust: guest.
 */
void pmtimer_save(struct pmtimer *t, struct state_writer *w);
int pmtimer_restore(struct pmtimer *t, struct state_reader *r, struct err *e);

/**
 * pmtimer_save_at(), pmtimer_restore_at() - the same as of a moment that the machine's other clocks are saved as of, or
 * begin again at
 * @at_ns: CLOCK_MONOTONIC
 */
void pmtimer_save_at(struct pmtimer *t, uint64_t at_ns, struct state_writer *w);
int pmtimer_restore_at(struct pmtimer *t, uint64_t at_ns, struct state_reader *r, struct err *e);

#endif
