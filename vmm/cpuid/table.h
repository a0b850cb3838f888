/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The CPUID policy as data: one row per register field, with what happens to it and why. The engine (cpuid.c), the
 * subcommand `vmm cpuid`, the manual and the tests all read these rows; none of them has knowledge of its own about
 * what a guest may see.
 *
 * The table is an allow-list: a leaf or bit that no row names reads as zero in the guest.
 *
 * The rows are written in table.c. What a program has are those that gen_cpuid.c makes of it while vmm is built: a
 * start reads the rows, which are as small as they can be, and only `vmm cpuid` and the tests read names and reasons,
 * which are compressed (words.h).
 */
#ifndef VMM_CPUID_TABLE_H
#define VMM_CPUID_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum cpuid_reg { CPUID_EAX, CPUID_EBX, CPUID_ECX, CPUID_EDX, CPUID_REGS, CPUID_ALL = CPUID_REGS };

#define CPUID_ANY_INDEX UINT8_MAX

/* A processor that calls itself neither AuthenticAMD nor HygonGenuine is described by Intel's leaves. */
#define CPUID_INTEL 1
#define CPUID_AMD   2
#define CPUID_ANY   (CPUID_INTEL | CPUID_AMD)

/**
 * enum cpuid_action - what happens to a field
 * @CPUID_KEEP: as KVM offers it
 * @CPUID_CLEAR: zero
 * @CPUID_SET: the constant @value of the row
 * @CPUID_COMPUTE: see enum cpuid_value
 */
enum cpuid_action { CPUID_KEEP, CPUID_CLEAR, CPUID_SET, CPUID_COMPUTE };

/**
 * enum cpuid_when - condition of a row: the action happens when it holds, otherwise the field is cleared
 * @CPUID_ALWAYS: holds
 * @CPUID_IF_NESTED: --nested
 * @CPUID_IF_PMU: --pmu
 * @CPUID_IF_DEADLINE: KVM has KVM_CAP_TSC_DEADLINE_TIMER
 * @CPUID_IF_APIC: the guest does not leave its local APICs alone, as far as its command line says
 * @CPUID_IF_SMP: more than one CPU
 * @CPUID_IF_XSAVE: KVM offers XSAVE (leaf 1 ECX bit 26)
 */
enum cpuid_when {
	CPUID_ALWAYS,
	CPUID_IF_NESTED,
	CPUID_IF_PMU,
	CPUID_IF_DEADLINE,
	CPUID_IF_APIC,
	CPUID_IF_SMP,
	CPUID_IF_XSAVE,
};

/**
 * enum cpuid_value - what CPUID_COMPUTE puts into a field
 * @CPUID_V_APIC_ID: the CPU's number; 0 in the template, cpuid_for_cpu() fills it in
 * @CPUID_V_CPUS: number of CPUs
 * @CPUID_V_CPUS_1: number of CPUs less one
 * @CPUID_V_ID_BITS: bits of the APIC id that count CPUs: ceil(log2(CPUs))
 * @CPUID_V_ID_MASK: 2^ID_BITS - 1, or as much of it as fits the field
 * @CPUID_V_SHARE_IDS: addressable ids that share this cache, less one: all for level 3 and up, else only its own CPU
 * @CPUID_V_SHARE_CPUS: the same as a number of CPUs less one
 * @CPUID_V_XCR0_SIZE: bytes of an XSAVE area in the standard format with every kept XCR0 state
 * @CPUID_V_XSS_SIZE: the same in the compacted format, supervisor states included; 0 without XSAVEC and XSAVES
 * @CPUID_V_MAX_BASIC, @CPUID_V_MAX_EXTENDED: the highest leaf, no higher than this table knows
 * @CPUID_V_MAX_HYPERVISOR: the highest hypervisor leaf: that of KVM's features
 * @CPUID_V_MAX_LEAF7: the highest sub-leaf of leaf 7, no higher than this table knows
 * @CPUID_V_LINEAR_BITS: linear address bits, at most 48 as LA57 is hidden
 * @CPUID_V_TSC_DENOMINATOR, @CPUID_V_TSC_NUMERATOR, @CPUID_V_TSC_CRYSTAL, @CPUID_V_TSC_MHZ: the rate of the TSC, see
 *                            cpuid_tell_tsc(), which fills them in; 0 in the template
 */
enum cpuid_value {
	CPUID_V_APIC_ID,
	CPUID_V_CPUS,
	CPUID_V_CPUS_1,
	CPUID_V_ID_BITS,
	CPUID_V_ID_MASK,
	CPUID_V_SHARE_IDS,
	CPUID_V_SHARE_CPUS,
	CPUID_V_XCR0_SIZE,
	CPUID_V_XSS_SIZE,
	CPUID_V_MAX_BASIC,
	CPUID_V_MAX_EXTENDED,
	CPUID_V_MAX_HYPERVISOR,
	CPUID_V_MAX_LEAF7,
	CPUID_V_LINEAR_BITS,
	CPUID_V_TSC_DENOMINATOR,
	CPUID_V_TSC_NUMERATOR,
	CPUID_V_TSC_CRYSTAL,
	CPUID_V_TSC_MHZ,
};

/* Highest leaves that the table knows; what lies beyond is cut off. */
#define CPUID_MAX_BASIC    0x24u
#define CPUID_MAX_EXTENDED 0x80000022u
#define CPUID_MAX_LEAF7    2u
#define CPUID_HYPERVISOR   0x40000000u
#define CPUID_EXTENDED     0x80000000u

/**
 * struct cpuid_rule - one row, of 12 bytes; the compiler rejects a value that does not fit its field
 * @leaf: EAX on input
 * @value: constant for CPUID_SET, enum cpuid_value for CPUID_COMPUTE
 * @first, @last: sub-leaves (ECX on input) the row is for; CPUID_ANY_INDEX as @last: all from @first on
 * @reg: register, or CPUID_ALL for the four of them (@lo 0, @hi 31)
 * @lo, @hi: bits, both included
 * @vendors: CPUID_INTEL, CPUID_AMD or both
 * @action, @when: what happens, and on what condition
 * @reason: its number among the reasons of words.h
 */
struct cpuid_rule {
	uint32_t leaf;
	uint32_t value : 16;
	uint32_t first : 8;
	uint32_t last : 8;
	uint32_t reg : 3;
	uint32_t lo : 5;
	uint32_t hi : 5;
	uint32_t vendors : 2;
	uint32_t action : 2;
	uint32_t when : 3;
	uint32_t reason : 8;
};

/* Sorted by leaf; for one vendor no two rows cover the same bit. The tests check both. */
extern const struct cpuid_rule cpuid_rules[];
extern const size_t cpuid_rules_nr;

/* Stands for every bit that no row names. */
extern const struct cpuid_rule cpuid_rule_unknown;

/** cpuid_rule_has_index() - is the row for this sub-leaf? */
static inline bool cpuid_rule_has_index(const struct cpuid_rule *r, uint32_t index)
{
	return index >= r->first && (r->last == CPUID_ANY_INDEX || index <= r->last);
}

/** cpuid_rule_mask() - the bits of a row */
static inline uint32_t cpuid_rule_mask(const struct cpuid_rule *r)
{
	return (UINT32_MAX >> (31 - r->hi)) & (UINT32_MAX << r->lo);
}

/** cpuid_rule_covers() - does the row speak about this register of this sub-leaf on this vendor's processors? */
static inline bool cpuid_rule_covers(
	const struct cpuid_rule *r, uint32_t leaf, uint32_t index, unsigned reg, unsigned vendor)
{
	return r->leaf == leaf && cpuid_rule_has_index(r, index) && (r->reg == CPUID_ALL || r->reg == reg) &&
		(r->vendors & vendor);
}

/**
 * cpuid_leaf_indexed() - does ECX select a sub-leaf?
 *
 * Return: true for the leaves that KVM marks KVM_CPUID_FLAG_SIGNIFCANT_INDEX, among those the table knows.
 */
static inline bool cpuid_leaf_indexed(uint32_t leaf)
{
	switch (leaf) {
	case 0x4:
	case 0x7:
	case 0xb:
	case 0xd:
	case 0xf:
	case 0x10:
	case 0x12:
	case 0x14:
	case 0x17:
	case 0x18:
	case 0x1d:
	case 0x1e:
	case 0x1f:
	case 0x24:
	case 0x8000001d: return true;
	default: return false;
	}
}

#endif
