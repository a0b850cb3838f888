/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rows of table.c for the generator, and the vocabulary of that file, which alone needs it: short forms of a
 * row, and the reasons that many rows share.
 */
#ifndef VMM_CPUID_ROWS_H
#define VMM_CPUID_ROWS_H

#include "vmm/cpuid/table.h"

#define S(n)      n, n               /* one sub-leaf, or a leaf that has none */
#define FROM(n)   n, CPUID_ANY_INDEX /* this one and all behind it */
#define TO(a, b)  a, b
#define B(n)      n, n /* one bit */
#define R(lo, hi) lo, hi

/**
 * struct cpuid_row - a rule as it is written
 * @rule: all but @reason, which gen_cpuid.c fills in
 */
struct cpuid_row {
	struct cpuid_rule rule;
	const char *name;
	const char *reason;
};

extern const struct cpuid_row cpuid_rows[];
extern const size_t cpuid_rows_nr;
extern const struct cpuid_row cpuid_row_unknown;

#define ROW(leaf, value, first, last, reg, lo, hi, who, action, when, name, why)                                       \
	{                                                                                                              \
		{leaf, value, first, last, CPUID_##reg, lo, hi, CPUID_##who, CPUID_##action, CPUID_##when, 0}, name,   \
			why                                                                                            \
	}

/* `sub` and `bits` are pairs. */
#define KEEP(leaf, sub, reg, bits, who, name, why) ROW(leaf, 0, sub, reg, bits, who, KEEP, ALWAYS, name, why)
#define KEEP_IF(cond, leaf, sub, reg, bits, who, name, why)                                                            \
	ROW(leaf, 0, sub, reg, bits, who, KEEP, IF_##cond, name, why)
#define CLEAR(leaf, sub, reg, bits, who, name, why)        ROW(leaf, 0, sub, reg, bits, who, CLEAR, ALWAYS, name, why)
#define SET(leaf, sub, reg, bits, who, value, name, why)   ROW(leaf, value, sub, reg, bits, who, SET, ALWAYS, name, why)
#define SET_IF(cond, leaf, sub, reg, bits, who, name, why) ROW(leaf, 1, sub, reg, bits, who, SET, IF_##cond, name, why)
#define COMPUTE(leaf, sub, reg, bits, who, value, name, why)                                                           \
	ROW(leaf, CPUID_V_##value, sub, reg, bits, who, COMPUTE, ALWAYS, name, why)
#define KEEP_LEAF(leaf, sub, who, name, why)  ROW(leaf, 0, sub, ALL, 0, 31, who, KEEP, ALWAYS, name, why)
#define CLEAR_LEAF(leaf, sub, who, name, why) ROW(leaf, 0, sub, ALL, 0, 31, who, CLEAR, ALWAYS, name, why)

/* Reasons that many rows share. */
#define INSN    "works in a guest as on the host, nothing for the VMM to do"
#define MODE    "paging or processor mode that KVM runs for the guest"
#define MSRS    "KVM keeps the register behind it"
#define MITIG   "lets the guest protect itself from speculation attacks"
#define IMMUNE  "tells the guest which attacks it need not fear"
#define ID      "tells which processor this is"
#define CACHES  "describes caches or TLBs, true in the guest too"
#define XSTATE  "agrees with the features that the guest has; nothing without XSAVE"
#define PVKVM   "served by KVM and its in-kernel APIC, which every VM here has"
#define PAGEIN  "comes by the local APIC: hidden when the command line takes that from the guest"
#define NOMCE   "no machine checks are delivered: hardware errors are the host's to handle"
#define NOTSX   "TSX is hidden: side channels, and off by microcode on many hosts"
#define NOMPX   "MPX is hidden: no kernel or compiler uses it any more"
#define NOPKU   "protection keys are hidden: one more state to carry, and few programs use them"
#define NOAMX   "AMX is hidden: it wants ARCH_REQ_XCOMP_GUEST_PERM and 8 KiB more for each vCPU"
#define NOPMU   "hidden unless --pmu: counters cost MSR switches and show what neighbours do"
#define NOHOST  "measures or steers the host's hardware"
#define NOPOWER "power, heat and clock speed are the host's to manage"
#define NOVMX   "a guest may run guests only with --nested"
#define NOTRACE "tracing needs buffers that the processor writes by physical address"
#define NOSGX   "enclaves need memory that this VMM does not hand out"
#define NOMWAIT "MWAIT would let a waiting guest hold on to its host CPU"
#define NORDT   "cache and bandwidth allocation belong to the host"
#define NOSEV   "memory encryption is not set up by this VMM"
#define NOKVM   "KVM does not run it for guests"
#define FLAT    "one socket, one thread per core, APIC id = number of the CPU"

#endif
