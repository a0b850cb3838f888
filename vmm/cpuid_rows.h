/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The vocabulary of cpuid_table.c, which alone includes this: short forms of a row, and the reasons that many rows
 * share.
 */
#ifndef VMM_CPUID_ROWS_H
#define VMM_CPUID_ROWS_H

#include "vmm/cpuid_table.h"

#define S(n)      n, n               /* one sub-leaf, or a leaf that has none */
#define FROM(n)   n, CPUID_ANY_INDEX /* this one and all behind it */
#define TO(a, b)  a, b
#define B(n)      n, n /* one bit */
#define R(lo, hi) lo, hi

/* Fields in the order of struct cpuid_rule; `sub` and `bits` are pairs. */
#define KEEP(leaf, sub, reg, bits, who, name, why)                                                                     \
	{                                                                                                              \
		leaf, sub, CPUID_##reg, bits, CPUID_##who, CPUID_KEEP, CPUID_ALWAYS, 0, name, why                      \
	}
#define KEEP_IF(cond, leaf, sub, reg, bits, who, name, why)                                                            \
	{                                                                                                              \
		leaf, sub, CPUID_##reg, bits, CPUID_##who, CPUID_KEEP, CPUID_IF_##cond, 0, name, why                   \
	}
#define CLEAR(leaf, sub, reg, bits, who, name, why)                                                                    \
	{                                                                                                              \
		leaf, sub, CPUID_##reg, bits, CPUID_##who, CPUID_CLEAR, CPUID_ALWAYS, 0, name, why                     \
	}
#define SET(leaf, sub, reg, bits, who, value, name, why)                                                               \
	{                                                                                                              \
		leaf, sub, CPUID_##reg, bits, CPUID_##who, CPUID_SET, CPUID_ALWAYS, value, name, why                   \
	}
#define SET_IF(cond, leaf, sub, reg, bits, who, name, why)                                                             \
	{                                                                                                              \
		leaf, sub, CPUID_##reg, bits, CPUID_##who, CPUID_SET, CPUID_IF_##cond, 1, name, why                    \
	}
#define COMPUTE(leaf, sub, reg, bits, who, value, name, why)                                                           \
	{                                                                                                              \
		leaf, sub, CPUID_##reg, bits, CPUID_##who, CPUID_COMPUTE, CPUID_ALWAYS, CPUID_V_##value, name, why     \
	}
#define KEEP_LEAF(leaf, sub, who, name, why)                                                                           \
	{                                                                                                              \
		leaf, sub, CPUID_ALL, 0, 31, CPUID_##who, CPUID_KEEP, CPUID_ALWAYS, 0, name, why                       \
	}
#define CLEAR_LEAF(leaf, sub, who, name, why)                                                                          \
	{                                                                                                              \
		leaf, sub, CPUID_ALL, 0, 31, CPUID_##who, CPUID_CLEAR, CPUID_ALWAYS, 0, name, why                      \
	}

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
