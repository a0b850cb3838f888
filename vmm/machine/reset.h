/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A machine that goes back, again and again, to the moment at which it began to run: RAM, CPUs, chips, virtio devices,
 * overlays of disks.
 *
 *	machine_reset_init(m, base, e);	in BUILD, when the CPUs have been made
 *	machine_reset_mark(m, e);	the moment, before machine_run()
 *	machine_reset(m, &pages, e);	back, as often as wanted, while the machine is held
 *
 * What is on the host's side of its devices stays: a writable disk without an overlay, networks, connections.
 */
#ifndef VMM_MACHINE_RESET_H
#define VMM_MACHINE_RESET_H

#include "vmm/base/err.h"
#include "vmm/kvm/memory.h"
#include "vmm/machine/machine.h"

struct machine_reset;

/**
 * machine_reset_init() - note writes to RAM from now on
 * @base: as of vm_reset_init(); taken, and empty afterwards. NULL: RAM is copied by machine_reset_mark().
 *
 * Return: 0 or a negative errno, as of machine_saved_init(), with a message in @e. Interrupt lines are to be attached
 * after vm_deliver_directly().
 */
int machine_reset_init(struct machine *m, struct memory *base, struct err *e);

/** machine_reset_mark() - the moment to return to is now; once. Return: 0 or a negative errno, with a message in @e. */
int machine_reset_mark(struct machine *m, struct err *e);

/**
 * machine_reset() - go back to it
 * @ret_pages: pages of 4 KiB that were copied
 *
 * The guest's clocks go on from where they were, or are right, as config->clock says. What the devices had not passed
 * on to the host is passed on again.
 * Interrupts that are raised within are dropped: KVM's state has those of the moment.
 *
 * Return: 0; or a negative errno, with a message in @e: KVM refuses a part, and the machine must not run on.
 * Context: the loop; the machine is held (machine_hold(), and @held has been called).
 */
int machine_reset(struct machine *m, uint64_t *ret_pages, struct err *e);

/** machine_reset_destroy() - takes NULL; before vm_destroy() */
void machine_reset_destroy(struct machine_reset *t);

#endif
