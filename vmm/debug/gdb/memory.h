/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A guest's memory as a debugger addresses it: by the page tables of a CPU, or by guest-physical address.
 *
 * All access is to guest RAM; what is not RAM does not answer, so that reading a device has no effect. Rights of pages
 * are not looked at, and the accessed and dirty bits stay as they are.
 */
#ifndef VMM_DEBUG_GDB_MEMORY_H
#define VMM_DEBUG_GDB_MEMORY_H

#include <stddef.h>
#include <stdint.h>

#include "vmm/base/gmem.h"
#include "vmm/kvm/vcpu_state.h"

/**
 * gdb_translate() - where the byte at @linear lies
 * @regs: whose tables; NULL: @linear is a guest-physical address
 *
 * While Linux runs a program with page-table isolation (PTI), CR3 leads to tables without most of the kernel. What is
 * not mapped there is then looked for in the kernel's, which lie in the page in front: CR3 with bit 12 clear.
 *
 * Return: 0, or a negative errno as paging_translate(), with *@ret untouched.
 * Trust: guest, and the client. Spec: Linux Documentation/arch/x86/pti.rst.
 */
int gdb_translate(const struct gmem *mem, const struct vcpu_regs *regs, uint64_t linear, uint64_t *ret);

/** gdb_memory_read() - Return: how many of @len bytes could be read, from the first on */
size_t gdb_memory_read(const struct gmem *mem, const struct vcpu_regs *regs, uint64_t address, void *buf, size_t len);

/** gdb_memory_write() - Return: 0, or a negative errno: not all of it could be written */
int gdb_memory_write(
	const struct gmem *mem, const struct vcpu_regs *regs, uint64_t address, const void *buf, size_t len);

/** gdb_kernel_base() - the lowest mapped address where Linux maps its kernel's image. Return: 0: nothing is mapped */
uint64_t gdb_kernel_base(const struct gmem *mem, const struct vcpu_regs *regs);

#endif
