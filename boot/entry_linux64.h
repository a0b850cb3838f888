/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside boot/: the 64-bit Linux boot protocol: the data that a loaded kernel expects in RAM, and the state of the boot
 * processor. The header in its offer is a struct setup_header of asm/bootparam.h, which a bzImage contains and a
 * vmlinux does not.
 */
#ifndef BOOT_ENTRY_LINUX64_H
#define BOOT_ENTRY_LINUX64_H

#include "boot/boot.h"

/**
 * entry_linux64() - write boot_params, e820, command line, initrd, seed, page tables and GDT
 *
 * Parameters and result are those of boot_enter(). Kernels before 6.0 ignore the seed.
 * Spec: Linux Documentation/arch/x86/boot.rst, "64-bit boot protocol", and zero-page.rst.
 */
int entry_linux64(struct gmem *mem, const struct boot_env *env, struct entry *ret_entry, struct boot_placed *ret_placed,
	struct err *e);

#endif
