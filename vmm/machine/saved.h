/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The state of a whole machine as bytes, RAM apart: CPUs, interrupt controllers, clock, chips, virtio devices
 * (vmm/base/state.h says in which form). RAM is the caller's: a snapshot's file has it, a reset copies it.
 *
 *	machine_saved_init(m, e);		after machine_build(), for both directions
 *	size = machine_saved_size(m);		room for a state_writer
 *	machine_save(m, &writer, e);		while the machine is held (machine_hold(), and @held has been called)
 *	machine_restore(m, &reader, clock, e);	after machine_build() and before machine_run()
 */
#ifndef VMM_MACHINE_SAVED_H
#define VMM_MACHINE_SAVED_H

#include "vmm/base/err.h"
#include "vmm/base/state.h"
#include "vmm/kvm/vm_saved.h"
#include "vmm/machine/machine.h"

/**
 * machine_saved_init() - what machine_save() and machine_restore() need; owned by the machine. A second call does
 * nothing.
 *
 * Return: 0; -ENOTSUP: such a machine cannot be saved (--nested), or this KVM cannot tell all of a CPU; a negative
 * errno. With a message in @e; the machine can run all the same.
 * Context: stage BUILD, after machine_build(): KVM's system handle is closed when the machine runs.
 */
int machine_saved_init(struct machine *m, struct err *e);

/** machine_saved_size() - bytes that machine_save() writes at most */
size_t machine_saved_size(const struct machine *m);

/**
 * machine_save() - append the state of all but RAM
 * @w: with room for machine_saved_size() bytes
 *
 * The machine is as it was: it may go on afterwards.
 *
 * Return: 0, -ENOTSUP if a device cannot be saved now, or a negative errno, with the reason in @e; the bytes are then
 * worth nothing.
 * Context: the machine is held; the loop. Makes no allocation, but many requests of KVM_GET_ on the VM and its CPUs.
 */
int machine_save(struct machine *m, struct state_writer *w, struct err *e);

/**
 * machine_restore() - take it over
 * @r: it is left behind the last section
 * @clock: whether TSC and kvm-clock are advanced, together, by the wall time that has passed; the guest's watchdogs
 *	forgive that time
 *
 * RAM has to be in place: rings are looked at, and each queue that is ready is kicked once. Each device with a reason
 * for an interrupt raises it again; timers are armed.
 *
 * Return: 0; -EINVAL: damaged, another version's, or of another machine; -ENOTSUP: the host's TSC has another rate;
 * -EBUSY: see vm_restore(); -EIO and other negative errnos: KVM refused it. With a message in @e; the machine must not
 * run then.
 * Context: after machine_build() and before machine_run(): no driver has touched a device.
 * Trust: guest.
 */
int machine_restore(struct machine *m, struct state_reader *r, enum clock clock, struct err *e);

/**
 * machine_skipped_ns() - by how much the clocks of what was saved are advanced now: 0 unless CLOCK_IS_RIGHT
 *
 * A wall clock that was set back meanwhile does not take them back.
 */
uint64_t machine_skipped_ns(const struct vm_saved *s, enum clock clock);

#endif
