/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The registers of a CPU as gdb numbers, names and types them.
 *
 * Spec: Debugging with GDB, G.4 (target description format), G.5.5 (i386 features); SDM 1, 8.1 (x87).
 */
#ifndef VMM_DEBUG_GDB_REGS_H
#define VMM_DEBUG_GDB_REGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vmm/kvm/vcpu_state.h"

/**
 * struct gdb_regs - what gdb sees of a CPU
 * @kernel_gs_base: what SWAPGS changes GS.base for
 */
struct gdb_regs {
	struct vcpu_regs v;
	struct kvm_fpu fpu;
	uint64_t kernel_gs_base;
};

/* Of one register, in bytes */
#define GDB_REG_BYTES_MAX 16

/** gdb_regs_nr() - how many there are; their numbers are 0 and up, and all of them are in the packets g and G */
unsigned gdb_regs_nr(void);

/** gdb_reg_bytes() - of register @n, in a packet */
unsigned gdb_reg_bytes(unsigned n);

/** gdb_reg_get() - register @n, little-endian. @buf: GDB_REG_BYTES_MAX bytes. Return: how many of them it has */
unsigned gdb_reg_get(const struct gdb_regs *regs, unsigned n, uint8_t *buf);

/** gdb_reg_set() - @buf has gdb_reg_bytes() bytes; what the processor has no room for is dropped */
void gdb_reg_set(struct gdb_regs *regs, unsigned n, const uint8_t *buf);

#define GDB_DESCRIPTION_MAX 12288

/**
 * gdb_describe() - the target description
 * @buf: GDB_DESCRIPTION_MAX bytes; a NUL stands behind the text
 *
 * Return: its length.
 */
size_t gdb_describe(char *buf);

#endif
