/* SPDX-License-Identifier: Apache-2.0 */
/*
 * MultiProcessor tables for a board: for kernels built without ACPI, or started with acpi=off.
 *
 * Facts about Linux under these tables:
 *  - It keeps the 8259s and the PIT (GSI 0), and finds the timer on I/O APIC pin 0.
 *  - IRQ n is GSI n, also above 15: an entry that routes ISA interrupt n to pin n makes virtio_mmio.device=4K@ADDR:n
 *    work for that n. Its flags must specify an edge trigger.
 *  - It refuses IRQ 2, the cascade, so no part of the board may have it.
 */
#ifndef BOOT_TABLES_MPTABLE_H
#define BOOT_TABLES_MPTABLE_H

#include <stddef.h>
#include <stdint.h>

#include "vmm/base/board.h"
#include "vmm/base/err.h"

#define MPTABLE_FLOATING_SIZE 16

/**
 * struct mptable_blob - the two structures as they are copied to guest memory
 * @floating: the floating pointer structure; belongs at a multiple of 16 in the first KiB of the EBDA
 * @config: the configuration table; owned
 * @size: of @config, in bytes
 */
struct mptable_blob {
	uint8_t floating[MPTABLE_FLOATING_SIZE];
	uint8_t *config;
	size_t size;
};

/**
 * mptable_build() - derive the tables from the board
 * @board: borrowed during the call
 * @config_gpa: guest address of @ret->config: BOOT_MPCONFIG_START
 * @max: space available there in bytes
 * @ret: owned by the caller, for mptable_blob_destroy()
 *
 * Return: 0. Errors: -EINVAL (too many CPUs or parts, a GSI that does not exist or is the PIT's or the cascade's),
 * -ENOSPC (@max is too small), -ENOMEM.
 * Trust: operator (the board follows the configuration).
 * Spec: MultiProcessor Specification 1.4, chapter 4.
 */
int mptable_build(const struct board *board, uint64_t config_gpa, size_t max, struct mptable_blob *ret, struct err *e);

/** mptable_blob_destroy() - takes NULL and a zeroed one */
void mptable_blob_destroy(struct mptable_blob *b);

#endif
