/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The 64-bit Linux boot protocol: everything a loaded kernel finds in RAM, and the state of the boot processor.
 */
#ifndef BOOT_ENTRY_LINUX64_H
#define BOOT_ENTRY_LINUX64_H

#include <stdint.h>

#include "boot/kernel.h"
#include "vmm/base/board.h"
#include "vmm/base/entry.h"
#include "vmm/base/err.h"
#include "vmm/base/gmem.h"

#define LINUX_RNG_SEED_BYTES 32

/**
 * struct linux_boot - what to start the kernel with; all pointers are borrowed for the call
 * @board: for ram_size, which guest RAM agrees with
 * @kernel: as kernel_load() left it
 * @cmdline: the whole command line, NUL-terminated
 * @initrd_fd: a regular file, or -1 for none; borrowed
 * @initrd_name: how messages name it (its path), or NULL
 * @acpi_rsdp: guest-physical address of the RSDP, 0 for none
 * @rng_seed: fresh random bytes; kernels before 6.0 ignore them
 */
struct linux_boot {
	const struct board *board;
	const struct kernel *kernel;
	const char *cmdline;
	int initrd_fd;
	const char *initrd_name;
	uint64_t acpi_rsdp;
	uint8_t rng_seed[LINUX_RNG_SEED_BYTES];
};

/**
 * struct linux_placed - where the initrd went
 * @initrd_gpa, @initrd_size: guest-physical address and bytes; both 0 when there is none
 */
struct linux_placed {
	uint64_t initrd_gpa;
	uint64_t initrd_size;
};

/**
 * linux_boot_setup() - write boot_params, e820, command line, initrd, seed, page tables and GDT
 * @mem: guest RAM that reads as zero below 1 MiB
 * @b: see above
 * @ret_entry: state of the boot processor
 * @ret_placed: where the initrd went
 * @e: which of the operator's values is wrong, and the room there is
 *
 * Return: 0 or a negative errno.
 * Errors: -E2BIG (command line), -EFBIG (initrd), -EINVAL, those of fstat and pread.
 * Context: before the guest runs, after kernel_load(); blocks on the initrd's file.
 * Trust: operator.
 * Spec: Linux Documentation/arch/x86/boot.rst, "64-bit boot protocol", and zero-page.rst.
 */
int linux_boot_setup(struct gmem *mem, const struct linux_boot *b, struct entry *ret_entry,
	struct linux_placed *ret_placed, struct err *e);

#endif
