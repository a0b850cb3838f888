/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes the structures that a processor reads by itself: descriptors, gates, task state segments and page tables. They
 * are plain bytes for a guest's memory; the names of their bits are in vmm/base/x86.h.
 */
#ifndef BOOT_X86_H
#define BOOT_X86_H

#include <stdint.h>

#include "vmm/base/gmem.h"
#include "vmm/base/x86.h"

#define X86_LIMIT_4G 0xfffffu /* with SEG_G */
#define X86_GATE32   8        /* bytes */
#define X86_GATE64   16
#define X86_SYSTEM64 16

/**
 * x86_descriptor() - a segment descriptor
 * @attributes: SEG_ bits
 * @limit: 20 bits: the last byte, or with SEG_G the last page of 4 KiB
 *
 * Spec: SDM 3, 3.4.5.
 */
uint64_t x86_descriptor(uint32_t attributes, uint32_t base, uint32_t limit);

/**
 * x86_put_system64() - the descriptor of a task state segment in 64-bit mode
 * @at: X86_SYSTEM64 bytes: two entries of the table
 *
 * Spec: SDM 3, 8.2.3.
 */
void x86_put_system64(uint8_t *at, uint32_t attributes, uint64_t base, uint32_t limit);

/**
 * x86_put_gate32(), x86_put_gate64() - an interrupt gate for ring 0
 * @at: X86_GATE32 or X86_GATE64 bytes of the interrupt table
 * @selector: of the handler's code
 * @ist: 1 to 7: the stack of the task state segment that it runs on; 0: the one in use
 *
 * Spec: SDM 3, 6.11 and 6.14.1.
 */
void x86_put_gate32(uint8_t *at, uint16_t selector, uint32_t handler);
void x86_put_gate64(uint8_t *at, uint16_t selector, uint64_t handler, unsigned ist);

/**
 * x86_put_tss64() - a 64-bit task state segment
 * @at: TSS_SIZE bytes
 * @rsp0: the stack on entry to ring 0; @ist1: the stack of gates with @ist 1
 *
 * The I/O bitmap offset points past it: with a limit of TSS_SIZE - 1 there is no bitmap.
 *
 * Spec: SDM 3, 8.7.
 */
void x86_put_tss64(uint8_t *at, uint64_t rsp0, uint64_t ist1);

/**
 * x86_put_entries() - write consecutive entries of a page table of any level, 8 bytes each
 * @table: guest-physical address; consecutive tables count as one
 * @first, @count: which entries
 * @to: address in the first entry; it grows by @step bytes per entry
 * @flags: PTE_ bits of each
 *
 * Return: 0, or -EFAULT when the entries are not in RAM.
 * Spec: SDM 3, 4.5.
 */
int x86_put_entries(const struct gmem *mem, uint64_t table, uint64_t first, uint64_t count, uint64_t to, uint64_t step,
	uint64_t flags);

#endif
