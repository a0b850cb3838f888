/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where and how a guest starts: plain data that boot/ returns and vmm/kvm/vcpu loads into a vCPU.
 */
#ifndef VMM_BASE_ENTRY_H
#define VMM_BASE_ENTRY_H

#include <stdbool.h>
#include <stdint.h>

/**
 * enum entry_mode - processor mode at the first instruction
 * @ENTRY_REAL: 16-bit, flat segments at 0, interrupts off
 * @ENTRY_PROTECTED: 32-bit, paging off, segments from the GDT
 * @ENTRY_LONG: 64-bit, paging on with @cr3, flat segments from the GDT
 */
enum entry_mode { ENTRY_REAL, ENTRY_PROTECTED, ENTRY_LONG };

/**
 * struct entry - state of the boot processor at its first instruction; all other registers are 0
 * @mode: see above
 * @rip, @rsp, @rbp, @rsi, @rbx, @rdi: registers
 * @cr3: page tables, ENTRY_LONG only
 * @gdt_base, @gdt_limit: descriptor table, not for ENTRY_REAL
 * @cs, @ds: selectors (@ds serves DS, ES, FS, GS and SS), not for ENTRY_REAL
 * @seg_base, @seg_size: base and size of the segments, a multiple of 4 KiB; size 0: flat, 4 GiB. ENTRY_PROTECTED only
 * @idt_base, @idt_limit: interrupt table; limit 0: its state after a reset
 * @tss_base, @tss: a task state segment of 104 bytes and its selector, which is marked busy in the GDT; 0: none.
 *                  ENTRY_LONG only
 * @fpu: x87 and SSE are enabled, as by an operating system
 */
struct entry {
	enum entry_mode mode;
	uint64_t rip;
	uint64_t rsp;
	uint64_t rbp;
	uint64_t rsi;
	uint64_t rbx;
	uint64_t rdi;
	uint64_t cr3;
	uint64_t gdt_base;
	uint16_t gdt_limit;
	uint16_t cs;
	uint16_t ds;
	uint64_t seg_base;
	uint64_t seg_size;
	uint64_t idt_base;
	uint16_t idt_limit;
	uint64_t tss_base;
	uint16_t tss;
	bool fpu;
};

#endif
