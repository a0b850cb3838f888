/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The layout of guest-physical memory at the first instruction; all of boot/ takes its addresses from here. Data that
 * is written for each boot is packed into as few pages as possible, since every page touched costs a fault.
 *
 *   0x00000  page 0: free; top of the first stack. The kernel looks for BIOS data at 0x400 and finds zeroes.
 *   0x01000  page tables: PML4, PDPT, one page directory for each GiB below 4 GiB
 *   0x07000  zero page: struct boot_params
 *   0x08000  GDT, then the command line
 *   0x20000  free
 *   0x9fc00  extended BIOS data area: MP floating pointer (kernels search its first KiB), setup_data
 *   0xa0000  VGA hole, free
 *   0xe0000  ACPI tables, RSDP first (kernels that do not get its address search from here)
 *   0xf0000  MP configuration table, in the BIOS ROM's place
 *   0xffff0  the BIOS reset entry: code that resets (resetvec.h)
 *  0x100000  high memory: the kernel at the address it asks for, the initrd at the top
 *
 * Data that the kernel uses after it has started is in ranges that e820 reserves, never in RAM: Linux before 6.16
 * removes setup_data from the RAM that it lists in /proc/iomem, and kexec gives a crash kernel low memory only up to
 * the first gap. With too little of it, that kernel panics because it cannot allocate its real mode trampoline.
 *
 * Spec: Linux Documentation/arch/x86/boot.rst (64-bit boot protocol); ACPI 6.5, 5.2.5.1 (finding the RSDP);
 * MultiProcessor Specification 1.4, section 4 (finding the floating pointer).
 */
#ifndef BOOT_LAYOUT_H
#define BOOT_LAYOUT_H

#include <stdint.h>

#include "vmm/base/err.h"
#include "vmm/base/gmem.h"

#define BOOT_STACK_TOP UINT64_C(0x1000)

#define BOOT_PML4     UINT64_C(0x1000)
#define BOOT_PDPT     UINT64_C(0x2000)
#define BOOT_PD       UINT64_C(0x3000)
#define BOOT_PD_PAGES 4

#define BOOT_ZERO_PAGE UINT64_C(0x7000)

#define BOOT_GDT          UINT64_C(0x8000)
#define BOOT_GDT_SIZE     UINT64_C(0x100)
#define BOOT_CMDLINE      UINT64_C(0x8100)
#define BOOT_CMDLINE_SIZE UINT64_C(0x17f00) /* with the NUL */

#define BOOT_LOW_RAM_END UINT64_C(0x9fc00) /* conventional memory; the EBDA follows */

#define BOOT_EBDA_START      UINT64_C(0x9fc00) /* reserved; contains the two below */
#define BOOT_EBDA_SIZE       UINT64_C(0x400)
#define BOOT_MPTABLE_START   UINT64_C(0x9fc00)
#define BOOT_MPTABLE_SIZE    UINT64_C(0x10)
#define BOOT_SETUP_DATA      UINT64_C(0x9fc40)
#define BOOT_SETUP_DATA_SIZE UINT64_C(0xc0)

#define BOOT_BIOS_START UINT64_C(0xe0000) /* reserved up to high memory; contains the two areas below */

#define BOOT_ACPI_START     UINT64_C(0xe0000)
#define BOOT_ACPI_SIZE      UINT64_C(0x10000)
#define BOOT_MPCONFIG_START UINT64_C(0xf0000)
#define BOOT_MPCONFIG_SIZE  UINT64_C(0xfff0)
#define BOOT_RESET_VECTOR   UINT64_C(0xffff0) /* f000:fff0, in real mode */

#define BOOT_HIGH_START UINT64_C(0x100000)

#define BOOT_DYN_KERNEL UINT64_C(0x1000000) /* load address of a position-independent kernel */

/**
 * layout_check_kernel() - check that a kernel may be loaded to [@gpa, @gpa + @len)
 * @what: its name in the message
 *
 * Return: 0, -EINVAL (wraps, below 1 MiB), -E2BIG (past low RAM, or into the 32-bit hole).
 */
int layout_check_kernel(const struct gmem *mem, uint64_t gpa, uint64_t len, const char *what, struct err *e);

#endif
