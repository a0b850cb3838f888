/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ACPI tables for a board: RSDP, XSDT, FADT, MADT and DSDT of the hardware-reduced model, in one block of memory; with
 * a BOARD_PM1 on the board those of the full model, and a FACS.
 *
 * Guest behaviour that the rest of the machine has to take into account:
 *  - A hardware-reduced Linux uses neither 8259 nor PIT and does not touch them. KVM's 8259s come out of reset unmasked
 *    with vector base 0, and the boot CPU's LINT0 takes their interrupts: the first edge on GSI 4 can arrive as
 *    exception vector 4 as well. Linux from 5.3 masks LINT0 during its setup; older and other kernels do not. So the
 *    code that creates the irqchip must mask both 8259s, as firmware does, or route GSIs to the I/O APIC alone.
 *  - Without reboot= on its command line it restarts by a jump to the BIOS, not by the reset register: resetvec.h.
 *  - Under ACPI, Linux numbers interrupts by itself: only a device that the DSDT describes gets its GSI. A
 *    virtio_mmio.device= on the command line works only with acpi=off (mptable.h), and must be left out otherwise.
 */
#ifndef BOOT_TABLES_ACPI_H
#define BOOT_TABLES_ACPI_H

#include <stddef.h>
#include <stdint.h>

#include "vmm/base/board.h"
#include "vmm/base/err.h"

#define ACPI_TABLES_MAX 8

/**
 * struct acpi_blob - the tables as they are copied to guest memory
 * @data: owned
 * @gpa: address to which @data must be copied
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
 * @gpa: guest address of the tables: BOOT_ACPI_START; a multiple of 16, the block ends below 4 GiB
 * @max: space available there in bytes
 * @ret: owned by the caller, for acpi_blob_destroy()
 *
 * Return: 0. Errors: -EINVAL (a board that the tables cannot describe: too many CPUs or parts, a GSI that does not
 * exist or belongs to two parts, register addresses that the tables cannot express), -ENOSPC (@max is too small),
 * -ENOMEM.
 * Trust: operator (the board follows the configuration).
 * Spec: ACPI 6.5.
 */
int acpi_build(const struct board *board, uint64_t gpa, size_t max, struct acpi_blob *ret, struct err *e);

/** acpi_blob_destroy() - takes NULL and a zeroed one */
void acpi_blob_destroy(struct acpi_blob *b);

#endif
