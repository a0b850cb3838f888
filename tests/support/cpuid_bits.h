/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bits that every guest must keep and those that none may see, written by hand from the manuals and not derived
 * from the policy's table: a wrong row there (another bit, a bit of another register, KEEP for CLEAR) cannot hide
 * behind itself.
 *
 * A bit that the policy is changed on purpose for is changed here as well, with its reason. Bits that are neither
 * dangerous nor missed have no row; tests/data/cpuid/golden shows a change of any of them.
 */
#ifndef TESTS_SUPPORT_CPUID_BITS_H
#define TESTS_SUPPORT_CPUID_BITS_H

#include "vmm/cpuid/cpuid.h"

/**
 * enum bits_rule - what must be true of the bits of a row
 * @BITS_STAY: as KVM offers them
 * @BITS_HIDE: zero
 * @BITS_SET: ones, whatever KVM offers
 * @BITS_NESTED, @BITS_PMU: as KVM offers them with that option, else zero
 * @BITS_APIC: as KVM offers them, but zero for a guest that leaves its local APICs alone
 * @BITS_XSAVE: as KVM offers them, but zero where it offers no XSAVE
 * @BITS_DEADLINE: ones where KVM has KVM_CAP_TSC_DEADLINE_TIMER, else zero
 */
enum bits_rule {
	BITS_STAY,
	BITS_HIDE,
	BITS_SET,
	BITS_NESTED,
	BITS_PMU,
	BITS_APIC,
	BITS_XSAVE,
	BITS_DEADLINE,
};

/**
 * struct cpuid_bits - one row
 * @leaf, @index: EAX and ECX on input
 * @reg: enum cpuid_reg
 * @lo, @hi: bits, both included
 * @vendors: CPUID_INTEL, CPUID_AMD or both
 * @name: as in the manual
 * @why: the reason, and where it can be looked up
 */
struct cpuid_bits {
	uint32_t leaf;
	uint32_t index;
	unsigned reg;
	unsigned lo;
	unsigned hi;
	unsigned vendors;
	enum bits_rule rule;
	const char *name;
	const char *why;
};

extern const struct cpuid_bits cpuid_bits[];
extern const size_t cpuid_bits_nr;

/** cpuid_bits_mask() - the bits of a row in their register */
static inline uint32_t cpuid_bits_mask(const struct cpuid_bits *b)
{
	return UINT32_MAX >> (31 - b->hi) & UINT32_MAX << b->lo;
}

/**
 * cpuid_bits_broken() - the first row that does not hold
 * @vendor: CPUID_INTEL or CPUID_AMD
 *
 * A row about a leaf beyond the guest's highest says nothing, nor does one of another vendor.
 *
 * Return: NULL when all rows hold.
 */
const struct cpuid_bits *cpuid_bits_broken(
	const struct cpuid_set *host, const struct cpuid_opts *o, const struct cpuid_set *guest, unsigned vendor);

#endif
