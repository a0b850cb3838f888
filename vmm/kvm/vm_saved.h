/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All of a VM's state that KVM holds, RAM apart: the CPUs, the interrupt controllers, the interval timer, the clock.
 *
 *	vm_saved_init(&vm, &s, e);	when the CPUs have been made, and before the system handle is closed
 *	vm_save(&vm, &s, e);		as often as wanted
 *	vm_restore(&vm, &s, 0, e);	into the same VM, or another one that was made alike
 *
 * vm_saved_put() and vm_saved_get() move it to bytes and back. What is restored is guest input: KVM checks its own
 * structures, and vm_saved_get() the rest.
 */
#ifndef VMM_KVM_VM_SAVED_H
#define VMM_KVM_VM_SAVED_H

#include "vmm/base/state.h"
#include "vmm/kvm/vcpu_saved.h"
#include "vmm/kvm/vm.h"

/* As KVM orders them: the two 8259s, the I/O APIC. */
#define VM_IRQCHIPS 3

/**
 * struct vm_saved - owns what it points to; zero-initialised, then vm_saved_init()
 * @vcpu: @nr_vcpus
 * @irqchip: by chip_id, if @has_irqchip
 * @pit: if @has_pit: the guest had started it
 * @clock_ns: kvm-clock, at the reading of the host's TSC of which the TSCs of @vcpu are
 * @realtime_ns: CLOCK_REALTIME then, since 1970
 * @at_ns: CLOCK_MONOTONIC then, of this host
 * @tsc_khz: the rate of the guest's TSC
 */
struct vm_saved {
	struct vcpu_saved *vcpu;
	unsigned nr_vcpus;
	bool has_irqchip;
	struct kvm_irqchip irqchip[VM_IRQCHIPS];
	bool has_pit;
	struct kvm_pit_state2 pit;
	uint64_t clock_ns;
	uint64_t realtime_ns;
	uint64_t at_ns;
	uint32_t tsc_khz;
};

/**
 * vm_saved_init() - room for the state of such a VM; KVM is asked to include a triple fault that waits
 *
 * Return: 0; -ENOTSUP: this KVM cannot tell all of it, with what is missing in @e; a negative errno. vm_saved_destroy()
 * in any case.
 * Context: after vm_add_vcpus(), before the CPUs run.
 */
int vm_saved_init(struct vm *vm, struct vm_saved *s, struct err *e);

/** vm_saved_destroy() - takes NULL and a zeroed struct */
void vm_saved_destroy(struct vm_saved *s);

/**
 * vm_save() - read all of it
 *
 * Return: 0 or a negative errno, with the request that failed in @e; @s is then worth nothing.
 * Context: the CPUs are held with their last exit completed, from one thread. Makes the requests of KVM_GET_ in
 * vm_saved.c and vcpu_saved.c, and clock_gettime(). Timed.
 */
int vm_save(struct vm *vm, struct vm_saved *s, struct err *e);

/**
 * vm_restore() - write all of it
 * @vm: vm_saved_init() was called for it, with @s or another struct
 * @skip_ns: how much later than when it was saved the guest's TSC and kvm-clock are to be; 0: it does not see the time
 *           between
 *
 * RAM has to be in place. Interrupts that devices raise after this are delivered to the restored controllers; one that
 * was raised before may be delivered at any time, and must have been waited for.
 *
 * Return: 0; -ENOTSUP: the host's TSC has another rate; -EBUSY: the VM has an interval timer that the saved one had
 * not, and KVM cannot take it away; -EIO: KVM refuses a register that it has given; a negative errno. On failure the VM
 * has some of it and must not run.
 * Context: as of vm_save(). Trust: guest.
 */
int vm_restore(struct vm *vm, const struct vm_saved *s, uint64_t skip_ns, struct err *e);

/** vm_saved_put() - append it, after vm_save(); as many bytes each time, and after vm_saved_init() too */
void vm_saved_put(const struct vm_saved *s, struct state_writer *w);

/**
 * vm_saved_get() - read it, for vm_restore()
 * @s: vm_saved_init() of the VM that is to have it
 *
 * Return: 0; -EINVAL: it is damaged, or of a VM that was made otherwise (its CPUs, its controllers, the registers of
 * its processor), with a message in @e; @s is then worth nothing. Trust: guest.
 */
int vm_saved_get(struct vm_saved *s, struct state_reader *r, struct err *e);

#endif
