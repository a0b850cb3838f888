/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The guest's CPUID. KVM_GET_SUPPORTED_CPUID reports what the host supports; the policy, driven by the table in
 * table.c, converts that to the guest's CPUID: one socket of `cpus` cores, one thread each, APIC id = number of the
 * CPU, and only features that this VMM supports.
 *
 *	cpuid_supported(&kvm, &host, e);		once a process or a VM
 *	cpuid_policy(&host, &opts, &template, e);	once a VM
 *	set = template; cpuid_for_cpu(&set, n, cpus);	once a vCPU
 *	vcpu_set_cpuid(vcpu, &set, e);
 */
#ifndef VMM_CPUID_CPUID_H
#define VMM_CPUID_CPUID_H

#include <stdbool.h>
#include <stdint.h>

#include <linux/kvm.h>

#include "vmm/base/err.h"
#include "vmm/cpuid/table.h"

struct kvm;

/* The maximum that KVM accepts: KVM_MAX_CPUID_ENTRIES of arch/x86/include/asm/kvm_host.h since Linux 5.11. */
#define CPUID_ENTRIES_MAX 256

/**
 * struct cpuid_set - leaves, plain data (10 KiB)
 * @nr: entries in use, at most CPUID_ENTRIES_MAX
 * @entry: what cpuid_policy() returns is sorted by function and index, without duplicates
 */
struct cpuid_set {
	uint32_t nr;
	struct kvm_cpuid_entry2 entry[CPUID_ENTRIES_MAX];
};

/**
 * struct cpuid_opts - settings of the operator and properties of the host
 * @cpus: 1 to BOARD_CPUS_MAX
 * @nested: the guest sees VMX or SVM
 * @pmu: the guest sees performance counters
 * @tsc_deadline: the host has KVM_CAP_TSC_DEADLINE_TIMER
 * @no_apic: the guest may not use its local APICs
 */
struct cpuid_opts {
	unsigned cpus;
	bool nested;
	bool pmu;
	bool tsc_deadline;
	bool no_apic;
};

/**
 * cpuid_supported() - read the CPUID that the host's KVM supports
 * @ret: filled on success only
 *
 * One ioctl with a buffer for the maximum: each leaf costs an exit on a host that is a guest itself, so a second call
 * to learn the number would be expensive.
 *
 * Errors: a negative errno of ioctl; -E2BIG when KVM offers more than CPUID_ENTRIES_MAX entries.
 */
int cpuid_supported(struct kvm *kvm, struct cpuid_set *ret, struct err *e);

/**
 * cpuid_policy() - compute the template for all CPUs of a VM
 * @host: what KVM offers; may be hostile: duplicates, any order, any leaf
 * @o: options
 * @ret: filled on success only; may be @host
 *
 * A pure function. Applied to its own result with the same options it changes nothing.
 *
 * Errors: -EINVAL for options out of range or a @host without leaves 0 and 1, -ENOSPC when the result has too many
 * entries.
 */
int cpuid_policy(const struct cpuid_set *host, const struct cpuid_opts *o, struct cpuid_set *ret, struct err *e);

/**
 * cpuid_for_cpu() - put the APIC id of one CPU into the template (leaves 1, 0xB, 0x1F, 0x8000001E)
 * @set: the result of cpuid_policy() @cpu: number of the CPU, below @cpus; equals its APIC id
 * @cpus: as in the options of the template
 */
void cpuid_for_cpu(struct cpuid_set *set, unsigned cpu, unsigned cpus);

/**
 * cpuid_tell_tsc() - put the rate of the VM's TSC into the template (leaves 0x15 and 0x16, Intel's)
 * @set: what cpuid_policy() returned
 * @khz: as KVM_GET_TSC_KHZ says, 0: unknown, and nothing is done
 *
 * Return: true when a guest can read it there; false: this processor has no such leaves.
 * Spec: SDM 2A, CPUID leaves 15H and 16H.
 */
bool cpuid_tell_tsc(struct cpuid_set *set, uint32_t khz);

/** cpuid_find() - the entry of a sub-leaf or NULL; @index is ignored for a leaf without sub-leaves */
const struct kvm_cpuid_entry2 *cpuid_find(const struct cpuid_set *set, uint32_t leaf, uint32_t index);

/** cpuid_vendor() - CPUID_INTEL or CPUID_AMD, from leaf 0 */
unsigned cpuid_vendor(const struct cpuid_set *set);

/** cpuid_read() - a register of an entry by number, enum cpuid_reg below CPUID_REGS */
uint32_t cpuid_read(const struct kvm_cpuid_entry2 *entry, unsigned reg);

/**
 * cpuid_rule_find() - the row that covers one bit
 * @vendor: CPUID_INTEL or CPUID_AMD
 *
 * Return: never NULL; cpuid_rule_unknown when no row does.
 */
const struct cpuid_rule *cpuid_rule_find(uint32_t leaf, uint32_t index, unsigned reg, unsigned bit, unsigned vendor);

/**
 * struct cpuid_change - a field in which host and guest differ
 * @leaf, @index, @reg: where
 * @mask: the bits of @rule that differ
 * @host, @guest: the whole register, 0 if there is no entry
 * @rule: the row that causes it, never NULL
 */
struct cpuid_change {
	uint32_t leaf;
	uint32_t index;
	unsigned reg;
	uint32_t mask;
	uint32_t host;
	uint32_t guest;
	const struct cpuid_rule *rule;
};

/**
 * cpuid_diff() - call @fn for each field that differs, sorted by leaf, index, register and bit
 * @host: the input of cpuid_policy()
 * @guest: its result
 *
 * Return: 0, or the first non-zero value of @fn, which ends the walk.
 */
int cpuid_diff(const struct cpuid_set *host, const struct cpuid_set *guest,
	int (*fn)(const struct cpuid_change *c, void *arg), void *arg);

#endif
