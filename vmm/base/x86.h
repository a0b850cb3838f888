/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names of the processor's bits, registers and numbers as in the manuals, defined once for all of vmm.
 * SDM: Intel 64 and IA-32 Architectures Software Developer's Manual; APM: AMD64 Architecture Programmer's Manual.
 */
#ifndef VMM_BASE_X86_H
#define VMM_BASE_X86_H

#include "vmm/base/util.h"

/* Control registers: SDM 3, 2.5 */
#define CR0_PE         BIT(0)
#define CR0_MP         BIT(1)
#define CR0_ET         BIT(4)
#define CR0_NE         BIT(5)
#define CR0_WP         BIT(16)
#define CR0_AM         BIT(18)
#define CR0_PG         BIT(31)
#define CR4_PSE        BIT(4)
#define CR4_PAE        BIT(5)
#define CR4_OSFXSR     BIT(9)
#define CR4_OSXMMEXCPT BIT(10)
#define CR4_LA57       BIT(12)
#define CR4_FSGSBASE   BIT(16)
#define CR4_OSXSAVE    BIT(18)
#define CR4_SMEP       BIT(20)
#define CR4_SMAP       BIT(21)

/* SDM 1, 3.4.3 */
#define RFLAGS_FIXED BIT(1) /* always 1 */
#define RFLAGS_TF    BIT(8)
#define RFLAGS_IF    BIT(9)
#define RFLAGS_DF    BIT(10)
#define RFLAGS_NT    BIT(14)
#define RFLAGS_VM    BIT(17)
#define RFLAGS_AC    BIT(18)

/* SDM 3, 2.2.1 */
#define EFER_SCE BIT(0)
#define EFER_LME BIT(8)
#define EFER_LMA BIT(10)
#define EFER_NXE BIT(11)

/* Model-specific registers: SDM 4, table 2-2; HWCR: AMD PPR for family 17h, MSRC001_0015 */
#define MSR_TSC                  0x10
#define MSR_MISC_ENABLE          0x1a0
#define MISC_ENABLE_FAST_STRING  BIT(0)
#define MSR_MTRR_DEF_TYPE        0x2ff
#define MTRR_DEF_TYPE_ENABLE     BIT(11)
#define MTRR_DEF_TYPE_WRITE_BACK 6
#define MSR_TSC_DEADLINE         0x6e0
#define MSR_STAR                 0xc0000081
#define MSR_LSTAR                0xc0000082
#define MSR_SFMASK               0xc0000084
#define MSR_FS_BASE              0xc0000100
#define MSR_GS_BASE              0xc0000101
#define MSR_KERNEL_GS_BASE       0xc0000102
#define MSR_HWCR                 0xc0010015
#define HWCR_TSC_FREQ_SEL        BIT(24)

/* The local APIC's page: SDM 3, 11.4.1 (registers), 11.5.1 (delivery modes), 11.9 (spurious vector) */
#define APIC_BASE        UINT64_C(0xfee00000)
#define APIC_EOI         0xb0
#define APIC_SPIV        0xf0
#define APIC_SPIV_ENABLE BIT(8)
#define APIC_SPIV_RESET  0xff /* the vector after a reset */
#define APIC_LVT_LINT0   0x350
#define APIC_LVT_LINT1   0x360
#define APIC_MODE_NMI    (4u << 8)
#define APIC_MODE_EXTINT (7u << 8)

/*
 * Segments: SDM 3, 3.4.5 and 3.5. The attributes are bits 40 to 55 of a descriptor, the format that VMX and KVM use for
 * a loaded segment, too: type, S, DPL, P, then AVL, L, D/B and G from bit 12 on.
 */
#define SEG_TYPE(attributes) ((attributes)&0xfu)
#define SEG_S                BIT(4)
#define SEG_DPL(ring)        ((unsigned)(ring) << 5)
#define SEG_RING(attributes) ((attributes) >> 5 & 3)
#define SEG_P                BIT(7)
#define SEG_L                BIT(13)
#define SEG_DB               BIT(14)
#define SEG_G                BIT(15)
#define SEG_CODE64           0xa09bu /* present, ring 0, execute and read, accessed; 64-bit, limit in pages */
#define SEG_CODE32           0xc09bu /* as above; 32-bit */
#define SEG_DATA             0xc093u /* present, ring 0, read and write, accessed; 32-bit, limit in pages */
#define SEG_TSS              0x0089u /* available */
#define SEG_TSS_BUSY         0x008bu
#define SELECTOR_RPL         3u

/* The 64-bit task state segment: SDM 3, 8.7; the I/O bitmap: SDM 1, 19.5.2 */
#define TSS_SIZE 104
#define TSS_RSP0 4
#define TSS_IST1 36
#define TSS_IOPB 102

/* Exceptions and their vectors: SDM 3, table 6-1; APM 2, 8.2 */
#define VECTOR_DE          0
#define VECTOR_DB          1
#define VECTOR_NMI         2
#define VECTOR_BP          3
#define VECTOR_OF          4
#define VECTOR_BR          5
#define VECTOR_UD          6
#define VECTOR_DF          8
#define VECTOR_SS          12
#define VECTOR_GP          13
#define VECTOR_PF          14
#define VECTOR_MF          16
#define VECTOR_AC          17
#define VECTOR_XM          19
#define VECTORS_EXCEPTIONS 32
/* Those that push an error code; 21, 29 and 30 by AMD. */
#define VECTORS_WITH_ERROR                                                                                             \
	(BIT(8) | BIT(10) | BIT(11) | BIT(12) | BIT(VECTOR_GP) | BIT(VECTOR_PF) | BIT(17) | BIT(21) | BIT(29) | BIT(30))

/* Paging: SDM 3, 4.3 to 4.5 */
#define PTE_P  BIT(0)
#define PTE_W  BIT(1)
#define PTE_U  BIT(2)
#define PTE_PS BIT(7)
#define PTE_NX BIT(63)
/* The error code of a page fault: SDM 3, 4.7 */
#define PF_ERROR_P BIT(0)
#define PF_ERROR_W BIT(1)
#define PF_ERROR_U BIT(2)
#define PF_ERROR_I BIT(4)
#define PTE_COUNT  512 /* entries of 8 bytes in a table */
#define PAGE_4K    (4 * KIB)
#define PAGE_2M    (2 * MIB)
#define PAGE_4M    (4 * MIB)
#define PAGE_1G    GIB

/* Where a processor starts: the offset from the base of CS, APM 2, 14.1.3 */
#define RESET_RIP 0xfff0

#endif
