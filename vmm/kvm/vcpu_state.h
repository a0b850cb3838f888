/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The state of a virtual CPU: only this file reads and writes its registers.
 *
 * Registers are KVM's structures, so that nothing is lost by conversion. Code that holds a guest (a crash report, a
 * debugger, a core, a snapshot) reads them as a value, struct vcpu_regs, and writes the value back.
 *
 * The functions are for the thread that steps the vCPU, or for any thread while none does. Those marked "timed" use
 * kvm_ioctl(): they are in the report, and count as KVM's share of the start. The others are for the run path, where
 * they may be called often, and make just one system call.
 */
#ifndef VMM_KVM_VCPU_STATE_H
#define VMM_KVM_VCPU_STATE_H

#include <linux/kvm.h>

#include "vmm/base/entry.h"
#include "vmm/cpuid/cpuid.h"
#include "vmm/kvm/vcpu.h"

/**
 * struct vcpu_regs - the registers of a vCPU
 * @general: general-purpose registers, RIP and RFLAGS
 * @system: segments, control registers, descriptor tables, EFER, the APIC's base
 */
struct vcpu_regs {
	struct kvm_regs general;
	struct kvm_sregs system;
};

/**
 * vcpu_get_regs() - all of them
 * @ret: untouched on failure
 * @e: may be NULL
 *
 * Return: 0 or a negative errno. Context: timed. Trust: guest (every number in @ret).
 */
int vcpu_get_regs(struct vcpu *v, struct vcpu_regs *ret, struct err *e);

/**
 * vcpu_set_regs() - all of them; the system registers first, since they determine which values of the others are valid
 *
 * Return: 0 or a negative errno; after a failure those set before it are kept. Context: timed.
 */
int vcpu_set_regs(struct vcpu *v, const struct vcpu_regs *regs, struct err *e);

/** vcpu_get_general() - only the general ones, on the run path. Return: 0 or a negative errno, with @ret unchanged */
int vcpu_get_general(struct vcpu *v, struct kvm_regs *ret);

/**
 * vcpu_peek_regs(), vcpu_poke_regs() - as vcpu_get_regs() and vcpu_set_regs(), on the run path, with two system calls
 *
 * Return: 0 or a negative errno; @ret may have changed then.
 */
int vcpu_peek_regs(struct vcpu *v, struct vcpu_regs *ret);
int vcpu_poke_regs(struct vcpu *v, const struct vcpu_regs *regs);

/** vcpu_peek_fpu(), vcpu_poke_fpu() - x87 and SSE, on the run path. Return: 0 or a negative errno */
int vcpu_peek_fpu(struct vcpu *v, struct kvm_fpu *ret);
int vcpu_poke_fpu(struct vcpu *v, const struct kvm_fpu *fpu);

/** vcpu_peek_xsave(), vcpu_poke_xsave() - struct kvm_xsave, on the run path. Return: 0 or a negative errno */
int vcpu_peek_xsave(struct vcpu *v, void *ret);
int vcpu_poke_xsave(struct vcpu *v, const void *area);

/**
 * vcpu_peek_msr(), vcpu_poke_msr() - one model-specific register, on the run path
 *
 * Return: 0, -EINVAL: KVM refused it, or a negative errno of the ioctl; @ret is untouched on failure.
 */
int vcpu_peek_msr(struct vcpu *v, uint32_t index, uint64_t *ret);
int vcpu_poke_msr(struct vcpu *v, uint32_t index, uint64_t value);

/**
 * vcpu_set_debug() - set the breakpoints and single steps that end a step with VCPU_DEBUG; on the run path
 *
 * Return: 0 or a negative errno. Spec: Linux Documentation/virt/kvm/api.rst, KVM_SET_GUEST_DEBUG.
 */
int vcpu_set_debug(struct vcpu *v, const struct kvm_guest_debug *debug);

/** vcpu_get_mp_state() - KVM_MP_STATE_, on the run path. Return: 0 or more, or a negative errno */
int vcpu_get_mp_state(struct vcpu *v);

/** vcpu_state_name() - the result of vcpu_get_mp_state() as text */
const char *vcpu_state_name(struct vcpu *v);

/**
 * struct vcpu_msr - a model-specific register
 * @refused: KVM does not support it
 */
struct vcpu_msr {
	uint32_t index;
	bool refused;
	uint64_t value;
};

#define VCPU_MSRS_MAX 16

/**
 * vcpu_get_msrs(), vcpu_set_msrs() - registers in the order given
 * @msr: @nr of them, at most VCPU_MSRS_MAX; @refused is filled, and so is @value by vcpu_get_msrs() where it is false
 *
 * If KVM refuses one, the others are still processed: KVM stops at it, and is called again for those after it.
 *
 * Return: 0, also when some are refused, or a negative errno of the ioctl. Context: timed.
 */
int vcpu_get_msrs(struct vcpu *v, struct vcpu_msr *msr, unsigned nr, struct err *e);
int vcpu_set_msrs(struct vcpu *v, struct vcpu_msr *msr, unsigned nr, struct err *e);

/**
 * vcpu_get_apic(), vcpu_set_apic() - the local APIC's page, 16 bytes a register
 *
 * Return: 0 or a negative errno. Context: timed; needs the in-kernel APIC. Spec: SDM 3, 11.4.1.
 */
int vcpu_get_apic(struct vcpu *v, struct kvm_lapic_state *ret, struct err *e);
int vcpu_set_apic(struct vcpu *v, const struct kvm_lapic_state *apic, struct err *e);

/** vcpu_set_cpuid() - @set already patched for this CPU, see cpuid_for_cpu(). Context: timed */
int vcpu_set_cpuid(struct vcpu *v, const struct cpuid_set *set, struct err *e);

/**
 * vcpu_set_xcr0() - the states that XSAVE manages; the CPUID of the CPU offers them. Context: timed. Spec: SDM 3, 2.6
 */
int vcpu_set_xcr0(struct vcpu *v, uint64_t value, struct err *e);

/** vcpu_segment() - a segment register with its hidden part; @attributes: SEG_ bits; @limit in bytes */
struct kvm_segment vcpu_segment(uint16_t selector, uint32_t attributes, uint64_t base, uint32_t limit);

/**
 * vcpu_set_platform() - set the state that firmware leaves on every CPU: MTRRs enabled and write-back, fast strings,
 * virtual wire; the boot CPU's APIC is enabled
 *
 * Spec: MP 1.4, 3.6.2.2 (virtual wire mode); SDM 3, 12.11 (MTRRs).
 * Context: timed; needs the in-kernel APIC.
 */
int vcpu_set_platform(struct vcpu *v, struct err *e);

/**
 * vcpu_entry_regs() - the registers that @entry describes
 * @regs: @system as read from a new vCPU; registers that @entry does not name are kept
 */
void vcpu_entry_regs(const struct entry *entry, struct vcpu_regs *regs);

/** vcpu_set_entry() - load the state that @entry describes; the guest's tables are already in RAM. Context: timed */
int vcpu_set_entry(struct vcpu *v, const struct entry *entry, struct err *e);

/**
 * vcpu_has_kvmclock() - whether the guest has enabled kvm-clock on this CPU
 *
 * Context: on the run path. Return: false also if KVM does not support the query.
 * Spec: Linux Documentation/virt/kvm/x86/msr.rst, MSR_KVM_SYSTEM_TIME_NEW.
 */
bool vcpu_has_kvmclock(struct vcpu *v);

/**
 * vcpu_was_paused() - tell the guest that it was paused, so that its watchdogs ignore the time
 *
 * Does nothing without kvm-clock.
 * Context: any thread, the vCPU's thread held.
 * Spec: Linux Documentation/virt/kvm/api.rst, KVM_KVMCLOCK_CTRL.
 */
void vcpu_was_paused(struct vcpu *v);

#endif
