/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The whole state of a virtual CPU, to be given to another one, or to itself later: what a snapshot holds of a CPU and
 * what a reset restores.
 *
 * The parts are KVM's own structures. The order in which they are read and written is a table with a reason a row, in
 * the .c file. The CPUID is not among them: the other CPU has the same one already.
 *
 * Time. A TSC is saved as the guest's value at one reading of the host's TSC, and goes on from that value: the guest
 * does not see the time between. All CPUs of a machine are saved with one reading and restored with one, so that they
 * keep their distance.
 */
#ifndef VMM_KVM_VCPU_SAVED_H
#define VMM_KVM_VCPU_SAVED_H

#include <linux/kvm.h>

#include "vmm/base/state.h"
#include "vmm/kvm/vcpu_state.h"

/**
 * struct vcpu_saved - owns what it points to; zero-initialised, then vcpu_saved_init()
 * @has_apic: it has an in-kernel APIC, and @lapic is its
 * @mp_state: running, halted, or waiting to be started
 * @xsave: @xsave_size bytes, in the format of the XSAVE instruction, uncompacted
 * @tsc: the guest's, at the reading that vcpu_save() was given
 * @msr: @nr_msrs, in the order in which they are written; @refused: KVM did not give it, and is not given it
 * @batch: room for those of one request
 */
struct vcpu_saved {
	bool has_apic;
	struct kvm_mp_state mp_state;
	struct kvm_regs general;
	struct kvm_sregs2 system;
	struct kvm_debugregs debug;
	struct kvm_xcrs xcrs;
	struct kvm_vcpu_events events;
	struct kvm_lapic_state lapic;
	uint8_t *xsave;
	size_t xsave_size;
	uint64_t tsc;
	struct vcpu_msr *msr;
	unsigned nr_msrs;
	struct kvm_msrs *batch;
};

/**
 * vcpu_saved_init() - room for what this host's KVM has of a CPU
 * @has_apic: there is an in-kernel APIC
 *
 * Return: 0; -ENOTSUP: this KVM cannot tell all of it (before Linux 5.17), with what is missing in @e; a negative
 * errno.
 */
int vcpu_saved_init(struct kvm *kvm, bool has_apic, struct vcpu_saved *s, struct err *e);

/** vcpu_saved_destroy() - takes NULL and a zeroed struct */
void vcpu_saved_destroy(struct vcpu_saved *s);

/**
 * vcpu_save() - read it
 * @host_tsc: a reading of the host's TSC; the same for all CPUs of a machine
 *
 * Return: 0 or a negative errno, with a message in @e.
 * Context: the CPU is held, and its last exit is completed (vcpu_thread.h). Timed.
 */
int vcpu_save(struct vcpu *v, struct vcpu_saved *s, uint64_t host_tsc, struct err *e);

/**
 * vcpu_restore() - write it to a CPU with the same CPUID
 * @host_tsc: as of vcpu_save(): the guest's TSC has the saved value at this reading
 *
 * Return: 0; -EIO: KVM refuses a register that it has given, which is named in @e; a negative errno. On failure the CPU
 * has some of it and must not run.
 * Context: as of vcpu_save(). Trust: guest.
 */
int vcpu_restore(struct vcpu *v, const struct vcpu_saved *s, uint64_t host_tsc, struct err *e);

/**
 * vcpu_share_tsc() - let the CPU's TSC be the host's
 *
 * Return: 0; a negative errno: this KVM cannot (before Linux 5.16), or the request failed, with a message in @e.
 */
int vcpu_share_tsc(struct vcpu *v, struct err *e);

/** vcpu_saved_put() - append it as the state of CPU @index */
void vcpu_saved_put(const struct vcpu_saved *s, uint32_t index, struct state_writer *w);

/**
 * vcpu_saved_get() - read what vcpu_saved_put() has written
 * @s: of vcpu_saved_init(); the registers and their order are this host's
 *
 * Return: 0; -EINVAL: it is damaged, or this CPU has not the registers that it has, with a message in @e; @s is then
 * worth nothing. Trust: guest; what KVM checks is left to it.
 */
int vcpu_saved_get(struct vcpu_saved *s, uint32_t index, struct state_reader *r, struct err *e);

#endif
