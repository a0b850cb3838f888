/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ACPI tables for a board: RSDP, XSDT, FADT, MADT and DSDT of the hardware-reduced model, in one block of memory; with
 * a BOARD_PM1 on the board those of the full model, and a FACS.
 *
 * Facts about guests that the rest of the machine has to live up to:
 *  - A hardware-reduced Linux uses neither 8259 nor PIT and does not touch them. KVM's 8259s come out of reset
 *    unmasked with vector base 0, and the boot CPU's LINT0 takes their interrupts: the first edge on GSI 4 can arrive
 *    as exception vector 4 as well. Linux from 5.3 masks LINT0 in passing; older and other kernels do not. So whoever
 *    makes the irqchip masks both 8259s, as firmware does, or routes GSIs to the I/O APIC alone.
 *  - Without reboot= on its command line it restarts by a jump to the BIOS, not by the reset register: resetvec.h.
 *  - Under ACPI, Linux numbers interrupts as it likes: only a device that the DSDT describes gets its GSI. A
 *    virtio_mmio.device= on the command line works with acpi=off only (mptable.h), and is to be left out otherwise.
 */
#ifndef BOOT_TABLES_ACPI_H
#define BOOT_TABLES_ACPI_H

#include <stddef.h>
#include <stdint.h>

#include "vmm/base/board.h"
#include "vmm/base/err.h"

#define ACPI_TABLES_MAX 8

/**
 * struct acpi_blob - the tables as they go into guest memory
 * @data: owned
 * @gpa: where @data has to go
 * @rsdp_gpa: of the RSDP, 16-byte aligned; boot_params.acpi_rsdp_addr
 * @table: XSDT, FACP, APIC and DSDT, as offsets into @data
 */
struct acpi_blob {
	uint8_t *data;
	size_t size;
	uint64_t gpa;
	uint64_t rsdp_gpa;
	struct {
		char signature[4];
		uint32_t offset, size;
	} table[ACPI_TABLES_MAX];
	size_t nr;
};

/**
 * acpi_build() - derive the tables from the board
 * @board: borrowed during the call
 * @gpa: where the tables will lie: BOOT_ACPI_START; a multiple of 16, the block ends below 4 GiB
 * @max: room there in bytes
 * @ret: owned by the caller, for acpi_blob_destroy()
 *
 * Return: 0. Errors: -EINVAL (a board that the tables cannot describe: too many CPUs or parts, a GSI that does not
 * exist or belongs to two parts, registers out of reach), -ENOSPC (@max is too small), -ENOMEM.
 * Trust: operator (the board follows the configuration).
 * Spec: ACPI 6.5.
 */
int acpi_build(const struct board *board, uint64_t gpa, size_t max, struct acpi_blob *ret, struct err *e);

/** acpi_blob_destroy() - takes NULL and a zeroed one */
void acpi_blob_destroy(struct acpi_blob *b);

#endif
