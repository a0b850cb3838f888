// SPDX-License-Identifier: Apache-2.0
/*
 * Sources, as the rows name them:
 *	SDM	Intel Software Developer's Manual, volume 2A, CPUID, and volume 1, 13.1 to 13.6 (XSAVE)
 *	APM	AMD Architecture Programmer's Manual, volume 3, appendix E
 *	KVM	Linux, Documentation/virt/kvm/api.rst, KVM_GET_SUPPORTED_CPUID, and x86/cpuid.rst, x86/msr.rst
 *	psABI	x86-64 psABI, "Micro-Architecture Levels": what a distribution's programs may be built for
 *	hw-vuln	Linux, Documentation/admin-guide/hw-vuln: spectre, mds, l1tf, srso and others, with the vendors' papers
 */
#include "tests/support/cpuid_bits.h"

/* clang-format off */
#define ROW(rule, leaf, index, reg, lo, hi, vendors, name, why) \
	{leaf, index, CPUID_##reg, lo, hi, CPUID_##vendors, BITS_##rule, name, why}

#define LEVEL  "psABI: programs of a distribution may need it"
#define BARE   "psABI: no 64-bit system starts without it"
#define CURE   "hw-vuln: without it the guest's kernel cannot protect its programs from each other"
#define SAFE   "hw-vuln: without it the guest pays for a cure that this processor does not need"
#define METER  "SDM, APM: counters of the host's hardware, which show what neighbours do"
#define HEAT   "SDM, APM: MSRs for power and heat, which belong to the host"
#define SLEEP  "SDM, APM: a guest that waits in MWAIT keeps its host CPU"
#define ERRORS "SDM, APM: nobody delivers machine checks to the guest"
#define KEYS   "SDM: protection keys have a register (PKRU) that the VMM does not look after"
#define TSX    "hw-vuln (tsx_async_abort): TSX leaks, and microcode takes it away on some hosts and not on others"
#define MPX    "SDM: withdrawn; KVM and compilers have dropped it"
#define AMX    "KVM: needs ARCH_REQ_XCOMP_GUEST_PERM before any vCPU exists"
#define SGX    "SDM: enclaves need EPC memory, which the VMM does not hand out"
#define TRACE  "SDM: buffers that the processor writes by physical address, and no VMM support"
#define RDT    "SDM, APM: cache and bandwidth are the host's to hand out"
#define SERIAL "SDM, APM: a number of this one processor tells who the host is"
#define NEST   "KVM: a guest that runs guests is --nested only"
#define PV     "KVM: x86/cpuid.rst, x86/msr.rst: served by every VM here"
#define PAGEIN "KVM: x86/msr.rst: the completion is an interrupt of the local APIC"
#define NOTKVM "SDM, APM: KVM has no support, so an older or later one that lets it through must not matter"

const struct cpuid_bits cpuid_bits[] = {
	/* Leaf 1: SDM table 3-10 and 3-11, APM E.3.2. */
	ROW(STAY, 0x1, 0, ECX, 0, 0, ANY, "SSE3", LEVEL),
	ROW(STAY, 0x1, 0, ECX, 1, 1, ANY, "PCLMULQDQ", LEVEL),
	ROW(PMU, 0x1, 0, ECX, 2, 2, ANY, "DTES64", METER),
	ROW(HIDE, 0x1, 0, ECX, 3, 3, ANY, "MONITOR", SLEEP),
	ROW(HIDE, 0x1, 0, ECX, 4, 4, ANY, "DS-CPL", METER),
	ROW(NESTED, 0x1, 0, ECX, 5, 5, ANY, "VMX", NEST),
	ROW(HIDE, 0x1, 0, ECX, 6, 6, ANY, "SMX", NOTKVM),
	ROW(HIDE, 0x1, 0, ECX, 7, 8, ANY, "EIST, TM2", HEAT),
	ROW(STAY, 0x1, 0, ECX, 9, 9, ANY, "SSSE3", LEVEL),
	ROW(HIDE, 0x1, 0, ECX, 10, 11, ANY, "CNXT-ID, SDBG", NOTKVM),
	ROW(STAY, 0x1, 0, ECX, 12, 12, ANY, "FMA", LEVEL),
	ROW(STAY, 0x1, 0, ECX, 13, 13, ANY, "CMPXCHG16B", LEVEL),
	ROW(HIDE, 0x1, 0, ECX, 14, 14, ANY, "xTPR", NOTKVM),
	ROW(PMU, 0x1, 0, ECX, 15, 15, ANY, "PDCM", METER),
	ROW(STAY, 0x1, 0, ECX, 17, 17, ANY, "PCID", "hw-vuln (Meltdown): page table isolation is slow without"),
	ROW(HIDE, 0x1, 0, ECX, 18, 18, ANY, "DCA", NOTKVM),
	ROW(STAY, 0x1, 0, ECX, 19, 20, ANY, "SSE4.1, SSE4.2", LEVEL),
	ROW(STAY, 0x1, 0, ECX, 21, 21, ANY, "x2APIC",
		"KVM: the APIC in the kernel has it, and IPIs are cheaper by MSR"),
	ROW(STAY, 0x1, 0, ECX, 22, 23, ANY, "MOVBE, POPCNT", LEVEL),
	ROW(DEADLINE, 0x1, 0, ECX, 24, 24, ANY, "TSC-Deadline",
		"KVM: always false in KVM_GET_SUPPORTED_CPUID of older kernels; the capability tells"),
	ROW(STAY, 0x1, 0, ECX, 25, 25, ANY, "AES", LEVEL),
	ROW(STAY, 0x1, 0, ECX, 26, 26, ANY, "XSAVE", LEVEL),
	ROW(HIDE, 0x1, 0, ECX, 27, 27, ANY, "OSXSAVE", "SDM: mirrors CR4.OSXSAVE, which is clear at reset"),
	ROW(STAY, 0x1, 0, ECX, 28, 29, ANY, "AVX, F16C", LEVEL),
	ROW(STAY, 0x1, 0, ECX, 30, 30, ANY, "RDRAND", "SDM: a guest's first entropy"),
	ROW(SET, 0x1, 0, ECX, 31, 31, ANY, "hypervisor", "APM E.3.2, KVM: says that leaf 0x40000000 is there"),
	ROW(STAY, 0x1, 0, EDX, 0, 0, ANY, "FPU", BARE),
	ROW(STAY, 0x1, 0, EDX, 3, 6, ANY, "PSE, TSC, MSR, PAE", BARE),
	ROW(HIDE, 0x1, 0, EDX, 7, 7, ANY, "MCE", ERRORS),
	ROW(STAY, 0x1, 0, EDX, 8, 8, ANY, "CMPXCHG8B", BARE),
	ROW(STAY, 0x1, 0, EDX, 9, 9, ANY, "APIC", "KVM: the local APIC is in the kernel"),
	ROW(STAY, 0x1, 0, EDX, 11, 11, ANY, "SEP", "SDM: 32-bit programs enter the kernel by it"),
	ROW(STAY, 0x1, 0, EDX, 12, 12, ANY, "MTRR", "SDM 3A, 11.12: Linux takes PAT where MTRRs are on"),
	ROW(STAY, 0x1, 0, EDX, 13, 13, ANY, "PGE", BARE),
	ROW(HIDE, 0x1, 0, EDX, 14, 14, ANY, "MCA", ERRORS),
	ROW(STAY, 0x1, 0, EDX, 15, 16, ANY, "CMOV, PAT", BARE),
	ROW(HIDE, 0x1, 0, EDX, 18, 18, ANY, "PSN", SERIAL),
	ROW(STAY, 0x1, 0, EDX, 19, 19, ANY, "CLFSH", BARE),
	ROW(PMU, 0x1, 0, EDX, 21, 21, ANY, "DS", METER),
	ROW(HIDE, 0x1, 0, EDX, 22, 22, ANY, "ACPI (thermal)", HEAT),
	ROW(STAY, 0x1, 0, EDX, 23, 26, ANY, "MMX, FXSR, SSE, SSE2", BARE),
	ROW(HIDE, 0x1, 0, EDX, 29, 31, ANY, "TM, IA-64, PBE", HEAT),
	ROW(HIDE, 0x3, 0, ECX, 0, 31, ANY, "serial number", SERIAL),
	ROW(HIDE, 0x3, 0, EDX, 0, 31, ANY, "serial number", SERIAL),

	/* Caches: type, level and geometry are the processor's; who shares them is checked with the topology. */
	ROW(STAY, 0x4, 0, EAX, 0, 8, INTEL, "cache type and level", "SDM: C libraries size their copies by it"),
	ROW(STAY, 0x4, 0, EBX, 0, 31, INTEL, "line, partitions, ways", "SDM: with the sets, the size of a cache"),
	ROW(STAY, 0x4, 0, ECX, 0, 31, INTEL, "sets", "SDM: with the ways, the size of a cache"),
	ROW(HIDE, 0x4, 0, EAX, 0, 31, AMD, "leaf 4", "APM: reserved"),
	ROW(STAY, 0x8000001d, 0, EAX, 0, 8, AMD, "cache type and level", "APM E.4.15: as leaf 4 on Intel"),
	ROW(STAY, 0x8000001d, 0, EBX, 0, 31, AMD, "line, partitions, ways", "APM E.4.15"),
	ROW(STAY, 0x8000001d, 0, ECX, 0, 31, AMD, "sets", "APM E.4.15"),

	ROW(HIDE, 0x5, 0, EAX, 0, 31, ANY, "MONITOR line", SLEEP),
	ROW(HIDE, 0x5, 0, ECX, 0, 31, ANY, "MWAIT extensions", SLEEP),
	ROW(HIDE, 0x5, 0, EDX, 0, 31, ANY, "MWAIT C-states", SLEEP),
	ROW(HIDE, 0x6, 0, EAX, 0, 1, ANY, "thermal sensor, turbo", HEAT),
	ROW(STAY, 0x6, 0, EAX, 2, 2, ANY, "ARAT",
		"SDM: Linux has no high-resolution timers with an APIC timer that stops"),
	ROW(HIDE, 0x6, 0, EAX, 3, 31, ANY, "power limits, HWP, HFI", HEAT),
	ROW(HIDE, 0x6, 0, EBX, 0, 31, ANY, "thermal thresholds", HEAT),
	ROW(HIDE, 0x6, 0, ECX, 0, 31, ANY, "APERF/MPERF, energy bias", METER),
	ROW(HIDE, 0x6, 0, EDX, 0, 31, ANY, "hardware feedback", HEAT),

	/* Leaf 7: SDM table 3-8, APM E.3.6. */
	ROW(STAY, 0x7, 0, EBX, 0, 0, ANY, "FSGSBASE", "SDM: Linux enters and leaves faster with it"),
	ROW(STAY, 0x7, 0, EBX, 1, 1, ANY, "IA32_TSC_ADJUST", "SDM: Linux repairs TSCs that are apart by it"),
	ROW(HIDE, 0x7, 0, EBX, 2, 2, ANY, "SGX", SGX),
	ROW(STAY, 0x7, 0, EBX, 3, 3, ANY, "BMI1", LEVEL),
	ROW(HIDE, 0x7, 0, EBX, 4, 4, ANY, "HLE", TSX),
	ROW(STAY, 0x7, 0, EBX, 5, 5, ANY, "AVX2", LEVEL),
	ROW(STAY, 0x7, 0, EBX, 7, 7, ANY, "SMEP", "SDM 3A, 4.6: the guest's kernel does not run what a program wrote"),
	ROW(STAY, 0x7, 0, EBX, 8, 8, ANY, "BMI2", LEVEL),
	ROW(STAY, 0x7, 0, EBX, 9, 9, ANY, "ERMS", "SDM: Linux copies by REP MOVSB with it"),
	ROW(STAY, 0x7, 0, EBX, 10, 10, ANY, "INVPCID", "hw-vuln (Meltdown): flushes of page table isolation"),
	ROW(HIDE, 0x7, 0, EBX, 11, 11, ANY, "RTM", TSX),
	ROW(HIDE, 0x7, 0, EBX, 12, 12, ANY, "RDT-M", RDT),
	ROW(HIDE, 0x7, 0, EBX, 14, 14, ANY, "MPX", MPX),
	ROW(HIDE, 0x7, 0, EBX, 15, 15, ANY, "RDT-A", RDT),
	ROW(STAY, 0x7, 0, EBX, 16, 17, ANY, "AVX512F, AVX512DQ", LEVEL),
	ROW(STAY, 0x7, 0, EBX, 18, 18, ANY, "RDSEED", "SDM: entropy"),
	ROW(STAY, 0x7, 0, EBX, 20, 20, ANY, "SMAP",
		"SDM 3A, 4.6: the guest's kernel does not read what a program planted"),
	ROW(STAY, 0x7, 0, EBX, 23, 24, ANY, "CLFLUSHOPT, CLWB", "SDM: instructions without state"),
	ROW(HIDE, 0x7, 0, EBX, 25, 25, ANY, "Processor Trace", TRACE),
	ROW(STAY, 0x7, 0, EBX, 28, 28, ANY, "AVX512CD", LEVEL),
	ROW(STAY, 0x7, 0, EBX, 29, 29, ANY, "SHA", "SDM: instructions without state"),
	ROW(STAY, 0x7, 0, EBX, 30, 31, ANY, "AVX512BW, AVX512VL", LEVEL),
	ROW(STAY, 0x7, 0, ECX, 2, 2, ANY, "UMIP", "SDM: programs do not learn the kernel's addresses by SGDT"),
	ROW(HIDE, 0x7, 0, ECX, 3, 4, ANY, "PKU, OSPKE", KEYS),
	ROW(STAY, 0x7, 0, ECX, 8, 11, ANY, "GFNI, VAES, VPCLMULQDQ, AVX512_VNNI", "SDM: instructions without state"),
	ROW(HIDE, 0x7, 0, ECX, 13, 13, ANY, "TME_EN", NOTKVM),
	ROW(HIDE, 0x7, 0, ECX, 16, 16, ANY, "LA57", "SDM 3A, 4.5: one more level to walk, for no guest of this size"),
	ROW(HIDE, 0x7, 0, ECX, 17, 21, ANY, "MAWAU", MPX),
	ROW(STAY, 0x7, 0, ECX, 22, 22, ANY, "RDPID", "SDM: the vDSO's getcpu"),
	ROW(HIDE, 0x7, 0, ECX, 23, 23, ANY, "KL", NOTKVM),
	ROW(HIDE, 0x7, 0, ECX, 29, 29, ANY, "ENQCMD", NOTKVM),
	ROW(HIDE, 0x7, 0, ECX, 30, 30, ANY, "SGX_LC", SGX),
	ROW(HIDE, 0x7, 0, ECX, 31, 31, ANY, "PKS", KEYS),
	ROW(STAY, 0x7, 0, EDX, 4, 4, ANY, "FSRM", "SDM: short copies by REP MOVSB"),
	ROW(HIDE, 0x7, 0, EDX, 5, 5, ANY, "UINTR", NOTKVM),
	ROW(HIDE, 0x7, 0, EDX, 9, 9, ANY, "SRBDS_CTRL", NOTKVM),
	ROW(STAY, 0x7, 0, EDX, 10, 10, ANY, "MD_CLEAR", CURE),
	ROW(HIDE, 0x7, 0, EDX, 11, 11, ANY, "RTM_ALWAYS_ABORT", TSX),
	ROW(HIDE, 0x7, 0, EDX, 13, 13, ANY, "RTM_FORCE_ABORT", TSX),
	ROW(STAY, 0x7, 0, EDX, 14, 14, ANY, "SERIALIZE", "SDM: instruction without state"),
	ROW(HIDE, 0x7, 0, EDX, 15, 15, ANY, "Hybrid", "SDM: a vCPU moves between kinds of cores"),
	ROW(HIDE, 0x7, 0, EDX, 16, 16, ANY, "TSXLDTRK", TSX),
	ROW(HIDE, 0x7, 0, EDX, 18, 18, ANY, "PCONFIG", NOTKVM),
	ROW(HIDE, 0x7, 0, EDX, 19, 19, ANY, "Architectural LBRs", TRACE),
	ROW(HIDE, 0x7, 0, EDX, 22, 22, ANY, "AMX-BF16", AMX),
	ROW(HIDE, 0x7, 0, EDX, 24, 25, ANY, "AMX-TILE, AMX-INT8", AMX),
	ROW(STAY, 0x7, 0, EDX, 26, 26, ANY, "IBRS and IBPB", CURE),
	ROW(STAY, 0x7, 0, EDX, 27, 27, ANY, "STIBP", CURE),
	ROW(STAY, 0x7, 0, EDX, 28, 28, ANY, "L1D_FLUSH", CURE),
	ROW(STAY, 0x7, 0, EDX, 29, 29, INTEL, "IA32_ARCH_CAPABILITIES", SAFE),
	ROW(HIDE, 0x7, 0, EDX, 29, 29, AMD, "IA32_ARCH_CAPABILITIES", "APM: reserved; older KVMs make it up"),
	ROW(HIDE, 0x7, 0, EDX, 30, 30, ANY, "IA32_CORE_CAPABILITIES", NOTKVM),
	ROW(STAY, 0x7, 0, EDX, 31, 31, ANY, "SSBD", CURE),
	ROW(STAY, 0x7, 1, EAX, 4, 5, ANY, "AVX-VNNI, AVX512_BF16", "SDM: instructions without state"),
	ROW(PMU, 0x7, 1, EAX, 8, 8, ANY, "ArchPerfMonExt", METER),
	ROW(HIDE, 0x7, 1, EAX, 21, 21, ANY, "AMX-FP16", AMX),
	ROW(HIDE, 0x7, 1, EAX, 22, 22, ANY, "HRESET", NOTKVM),
	ROW(HIDE, 0x7, 1, EDX, 8, 8, ANY, "AMX-COMPLEX", AMX),
	ROW(STAY, 0x7, 2, EDX, 0, 4, ANY, "PSFD, IPRED_CTRL, RRSBA_CTRL, DDPD_U, BHI_CTRL", CURE),
	ROW(STAY, 0x7, 2, EDX, 5, 5, ANY, "MCDT_NO", SAFE),

	ROW(PMU, 0xa, 0, EAX, 0, 31, ANY, "architectural counters", METER),
	ROW(PMU, 0xa, 0, EBX, 0, 31, ANY, "architectural events", METER),
	ROW(PMU, 0xa, 0, EDX, 0, 31, ANY, "fixed counters", METER),

	/* Leaf 0xD: SDM volume 1, 13.2. The sizes are checked against the components: check_xsave(). */
	ROW(XSAVE, 0xd, 0, EAX, 0, 2, ANY, "x87, SSE, AVX state", LEVEL),
	ROW(HIDE, 0xd, 0, EAX, 3, 4, ANY, "MPX state", MPX),
	ROW(XSAVE, 0xd, 0, EAX, 5, 7, ANY, "AVX-512 state", LEVEL),
	ROW(HIDE, 0xd, 0, EAX, 9, 9, ANY, "PKRU state", KEYS),
	ROW(HIDE, 0xd, 0, EAX, 17, 18, ANY, "AMX state", AMX),
	ROW(XSAVE, 0xd, 1, EAX, 0, 3, ANY, "XSAVEOPT, XSAVEC, XGETBV1, XSAVES",
		"SDM 1, 13.2: less to write at a switch"),
	ROW(HIDE, 0xd, 1, EAX, 4, 4, ANY, "XFD", AMX),
	ROW(HIDE, 0xd, 1, ECX, 8, 8, ANY, "PT state", TRACE),
	ROW(HIDE, 0xd, 1, ECX, 10, 10, ANY, "PASID state", NOTKVM),
	ROW(HIDE, 0xd, 1, ECX, 13, 16, ANY, "HDC, UINTR, LBR, HWP state", NOTKVM),
	ROW(XSAVE, 0xd, 2, EAX, 0, 31, ANY, "size of the AVX state", "SDM 1, 13.5"),
	ROW(XSAVE, 0xd, 2, EBX, 0, 31, ANY, "place of the AVX state", "SDM 1, 13.5"),
	ROW(HIDE, 0xd, 3, EAX, 0, 31, ANY, "MPX state", MPX),
	ROW(XSAVE, 0xd, 5, EAX, 0, 31, ANY, "size of the opmask state", "SDM 1, 13.5"),
	ROW(XSAVE, 0xd, 7, EBX, 0, 31, ANY, "place of the Hi16_ZMM state", "SDM 1, 13.5"),
	ROW(HIDE, 0xd, 9, EAX, 0, 31, ANY, "PKRU state", KEYS),
	ROW(HIDE, 0xd, 18, EAX, 0, 31, ANY, "AMX tiles", AMX),

	ROW(HIDE, 0xf, 0, EDX, 0, 31, ANY, "RDT monitoring", RDT),
	ROW(HIDE, 0x10, 0, EBX, 0, 31, ANY, "RDT allocation", RDT),
	ROW(HIDE, 0x12, 0, EAX, 0, 31, ANY, "SGX", SGX),
	ROW(HIDE, 0x14, 0, EBX, 0, 31, ANY, "Processor Trace", TRACE),

	/* The rate of the guest's TSC is told when there is a VM, over the crystal that KVM's APIC timer has. */
	ROW(HIDE, 0x15, 0, EAX, 0, 31, ANY, "TSC/crystal, denominator",
		"SDM 3B, 18.7.3: the host's crystal is not the guest's"),
	ROW(HIDE, 0x15, 0, EBX, 0, 31, ANY, "TSC/crystal, numerator", "SDM 3B, 18.7.3: KVM may scale the TSC"),
	ROW(HIDE, 0x15, 0, ECX, 0, 31, ANY, "crystal, Hz", "SDM 3B, 18.7.3: Linux takes it for the APIC timer's rate"),
	ROW(HIDE, 0x16, 0, EAX, 0, 31, ANY, "base frequency",
		"SDM: Linux takes it for the TSC's rate without leaf 0x15"),
	ROW(HIDE, 0x16, 0, EBX, 0, 31, ANY, "maximum frequency", HEAT),
	ROW(HIDE, 0x16, 0, ECX, 0, 31, ANY, "bus frequency", HEAT),
	ROW(HIDE, 0x19, 0, EBX, 0, 31, ANY, "key locker", NOTKVM),
	ROW(HIDE, 0x1a, 0, EAX, 0, 31, ANY, "kind of core", "SDM: a vCPU moves between kinds of cores"),
	ROW(HIDE, 0x1c, 0, EAX, 0, 31, ANY, "last branch records", TRACE),
	ROW(HIDE, 0x1d, 0, EAX, 0, 31, ANY, "AMX palettes", AMX),
	ROW(HIDE, 0x1e, 0, EBX, 0, 31, ANY, "AMX TMUL", AMX),
	ROW(HIDE, 0x21, 0, EBX, 0, 31, ANY, "TDX", "SDM: this is no trust domain"),
	ROW(PMU, 0x23, 0, EAX, 0, 31, ANY, "counters, extended", METER),

	/* KVM's own: x86/cpuid.rst. */
	ROW(STAY, 0x40000000, 0, EBX, 0, 31, ANY, "KVMKVMKVM", PV),
	ROW(STAY, 0x40000000, 0, ECX, 0, 31, ANY, "KVMKVMKVM", PV),
	ROW(STAY, 0x40000000, 0, EDX, 0, 31, ANY, "KVMKVMKVM", PV),
	ROW(STAY, 0x40000001, 0, EAX, 0, 0, ANY, "CLOCKSOURCE", PV),
	ROW(STAY, 0x40000001, 0, EAX, 3, 3, ANY, "CLOCKSOURCE2", PV),
	ROW(APIC, 0x40000001, 0, EAX, 4, 4, ANY, "ASYNC_PF", PAGEIN),
	ROW(STAY, 0x40000001, 0, EAX, 5, 7, ANY, "STEAL_TIME, PV_EOI, PV_UNHALT", PV),
	ROW(STAY, 0x40000001, 0, EAX, 9, 9, ANY, "PV_TLB_FLUSH", PV),
	ROW(APIC, 0x40000001, 0, EAX, 10, 10, ANY, "ASYNC_PF_VMEXIT", PAGEIN),
	ROW(STAY, 0x40000001, 0, EAX, 11, 13, ANY, "PV_SEND_IPI, POLL_CONTROL, PV_SCHED_YIELD", PV),
	ROW(APIC, 0x40000001, 0, EAX, 14, 14, ANY, "ASYNC_PF_INT", PAGEIN),
	ROW(HIDE, 0x40000001, 0, EAX, 16, 17, ANY, "HC_MAP_GPA_RANGE, MIGRATION_CONTROL",
		"KVM: the VMM would have to serve them"),
	ROW(STAY, 0x40000001, 0, EAX, 24, 24, ANY, "CLOCKSOURCE_STABLE_BIT", PV),
	ROW(HIDE, 0x40000001, 0, EDX, 0, 0, ANY, "REALTIME", "KVM: promises that no vCPU is ever preempted"),

	/* Extended leaves: APM E.4. */
	ROW(STAY, 0x80000001, 0, ECX, 0, 0, ANY, "LAHF/SAHF", LEVEL),
	ROW(NESTED, 0x80000001, 0, ECX, 2, 2, AMD, "SVM", NEST),
	ROW(HIDE, 0x80000001, 0, ECX, 3, 3, ANY, "ExtApicSpace", NOTKVM),
	ROW(STAY, 0x80000001, 0, ECX, 5, 5, ANY, "ABM (LZCNT)", LEVEL),
	ROW(HIDE, 0x80000001, 0, ECX, 10, 10, ANY, "IBS", METER),
	ROW(HIDE, 0x80000001, 0, ECX, 12, 13, ANY, "SKINIT, WDT", NOTKVM),
	ROW(HIDE, 0x80000001, 0, ECX, 15, 15, ANY, "LWP", NOTKVM),
	ROW(HIDE, 0x80000001, 0, ECX, 19, 19, ANY, "NodeId MSR", NOTKVM),
	ROW(STAY, 0x80000001, 0, ECX, 22, 22, AMD, "TopologyExtensions",
		"APM: leaves 0x8000001D and 0x8000001E are read with it"),
	ROW(PMU, 0x80000001, 0, ECX, 23, 24, AMD, "PerfCtrExtCore, PerfCtrExtNB", METER),
	ROW(HIDE, 0x80000001, 0, ECX, 27, 27, ANY, "PerfTsc", METER),
	ROW(PMU, 0x80000001, 0, ECX, 28, 28, AMD, "PerfCtrExtLLC", METER),
	ROW(HIDE, 0x80000001, 0, ECX, 29, 29, ANY, "MONITORX", SLEEP),
	ROW(HIDE, 0x80000001, 0, EDX, 7, 7, AMD, "MCE", ERRORS),
	ROW(STAY, 0x80000001, 0, EDX, 11, 11, ANY, "SYSCALL", BARE),
	ROW(HIDE, 0x80000001, 0, EDX, 14, 14, AMD, "MCA", ERRORS),
	ROW(STAY, 0x80000001, 0, EDX, 20, 20, ANY, "NX", "SDM, APM: data is not executed"),
	ROW(STAY, 0x80000001, 0, EDX, 26, 27, ANY, "Page1GB, RDTSCP", "SDM, APM: the direct map; the vDSO's clock"),
	ROW(STAY, 0x80000001, 0, EDX, 29, 29, ANY, "LM", BARE),
	ROW(HIDE, 0x80000007, 0, EDX, 0, 7, ANY, "thermal, P-states", HEAT),
	ROW(STAY, 0x80000007, 0, EDX, 8, 8, ANY, "Invariant TSC",
		"SDM 3B, 17.17.1: without it Linux watches the TSC and may drop it"),
	ROW(HIDE, 0x80000007, 0, EDX, 9, 31, ANY, "boost, energy counters", HEAT),
	ROW(STAY, 0x80000008, 0, EAX, 0, 7, ANY, "physical address bits", "SDM, APM: of the guest's page tables"),
	ROW(HIDE, 0x80000008, 0, EBX, 1, 1, ANY, "InstRetCntMsr", METER),
	ROW(STAY, 0x80000008, 0, EBX, 2, 2, ANY, "RstrFpErrPtrs", "APM: Linux saves FPU pointers itself without it"),
	ROW(HIDE, 0x80000008, 0, EBX, 3, 3, ANY, "INVLPGB", NOTKVM),
	ROW(HIDE, 0x80000008, 0, EBX, 4, 4, ANY, "RDPRU", METER),
	ROW(STAY, 0x80000008, 0, EBX, 12, 12, ANY, "IBPB", CURE),
	ROW(STAY, 0x80000008, 0, EBX, 14, 14, ANY, "IBRS", CURE),
	ROW(STAY, 0x80000008, 0, EBX, 15, 15, ANY, "STIBP", CURE),
	ROW(HIDE, 0x80000008, 0, EBX, 23, 23, ANY, "PPIN", SERIAL),
	ROW(STAY, 0x80000008, 0, EBX, 24, 24, ANY, "SSBD", CURE),
	ROW(STAY, 0x80000008, 0, EBX, 25, 25, ANY, "SsbdVirtSpecCtrl", CURE),
	ROW(STAY, 0x80000008, 0, EBX, 26, 26, ANY, "SsbdNotRequired", SAFE),
	ROW(HIDE, 0x80000008, 0, EBX, 27, 27, ANY, "CPPC", HEAT),
	ROW(STAY, 0x80000008, 0, EBX, 28, 28, ANY, "PSFD", CURE),
	ROW(STAY, 0x80000008, 0, EBX, 29, 29, ANY, "BTC_NO", SAFE),
	ROW(STAY, 0x80000008, 0, EBX, 30, 30, ANY, "IBPB_RET", CURE),
	ROW(HIDE, 0x80000008, 0, EDX, 0, 31, ANY, "INVLPGB and RDPRU limits", NOTKVM),
	ROW(NESTED, 0x8000000a, 0, EDX, 0, 31, AMD, "SVM features", NEST),
	ROW(HIDE, 0x8000001b, 0, EAX, 0, 31, AMD, "IBS", METER),
	ROW(HIDE, 0x8000001f, 0, EAX, 0, 31, AMD, "SME, SEV",
		"APM: this is no encrypted guest, and C-bits would be address bits"),
	ROW(HIDE, 0x80000020, 0, EBX, 0, 31, AMD, "QoS", RDT),
	ROW(STAY, 0x80000021, 0, EAX, 0, 0, AMD, "NoNestedDataBp", "APM E.4.18: a property, nothing to do for it"),
	ROW(STAY, 0x80000021, 0, EAX, 2, 2, AMD, "LFenceAlwaysSerializing", CURE),
	ROW(STAY, 0x80000021, 0, EAX, 5, 5, AMD, "VERW_CLEAR",
		"hw-vuln (attack vector TSA): VERW clears buffers; " CURE),
	ROW(STAY, 0x80000021, 0, EAX, 6, 6, AMD, "NullSelectorClearsBase", "APM: Linux checks by hand without it"),
	ROW(STAY, 0x80000021, 0, EAX, 8, 8, AMD, "AutomaticIBRS", CURE),
	ROW(STAY, 0x80000021, 0, EAX, 27, 27, AMD, "SBPB", CURE),
	ROW(STAY, 0x80000021, 0, EAX, 28, 28, AMD, "IBPB_BRTYPE", CURE),
	ROW(STAY, 0x80000021, 0, EAX, 29, 29, AMD, "SRSO_NO", SAFE),
	ROW(STAY, 0x80000021, 0, EAX, 30, 30, AMD, "SRSO_USER_KERNEL_NO", SAFE),
	ROW(STAY, 0x80000021, 0, ECX, 1, 2, AMD, "TSA_SQ_NO, TSA_L1_NO", SAFE),
	ROW(PMU, 0x80000022, 0, EAX, 0, 31, AMD, "PerfMonV2", METER),
};
/* clang-format on */

const size_t cpuid_bits_nr = ARRAY_SIZE(cpuid_bits);

static uint32_t reg_of(const struct cpuid_set *set, uint32_t leaf, uint32_t index, unsigned reg)
{
	for (uint32_t i = 0; i < set->nr; i++) {
		const struct kvm_cpuid_entry2 *c = &set->entry[i];

		if (c->function == leaf && (c->index == index || !cpuid_leaf_indexed(leaf)))
			return cpuid_read(c, reg);
	}
	return 0;
}

static bool stays(const struct cpuid_bits *b, const struct cpuid_set *host, const struct cpuid_opts *o)
{
	return b->rule == BITS_STAY || (b->rule == BITS_NESTED && o->nested) || (b->rule == BITS_PMU && o->pmu) ||
		(b->rule == BITS_APIC && !o->no_apic) ||
		(b->rule == BITS_XSAVE && reg_of(host, 1, 0, CPUID_ECX) >> 26 & 1);
}

static bool holds(const struct cpuid_bits *b, const struct cpuid_set *host, const struct cpuid_opts *o,
	const struct cpuid_set *guest)
{
	uint32_t mask = cpuid_bits_mask(b), want = 0;

	if (stays(b, host, o))
		want = reg_of(host, b->leaf, b->index, b->reg) & mask;
	else if (b->rule == BITS_SET || (b->rule == BITS_DEADLINE && o->tsc_deadline))
		want = mask;
	return (reg_of(guest, b->leaf, b->index, b->reg) & mask) == want;
}

const struct cpuid_bits *cpuid_bits_broken(
	const struct cpuid_set *host, const struct cpuid_opts *o, const struct cpuid_set *guest, unsigned vendor)
{
	for (size_t i = 0; i < cpuid_bits_nr; i++) {
		const struct cpuid_bits *b = &cpuid_bits[i];
		uint32_t range = b->leaf & 0xc0000000;

		if (!(b->vendors & vendor) || b->leaf > reg_of(guest, range, 0, CPUID_EAX))
			continue;
		if (!holds(b, host, o, guest))
			return b;
	}
	return NULL;
}
