/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a program without a kernel lies, and what guards it. Each has a slot of guest RAM: its window, then a few pages
 * that belong to us. Everything here is data in guest RAM; no code of ours runs in the guest but HLT.
 *
 *	gpa			long mode sees it at
 *	slot + 0		0			the window: --mem bytes, all that the program can reach
 *	slot + mem + 0		FLAT_MONITOR		monitor page: IDT, a HLT per vector, GDT, TSS (read-only)
 *	slot + mem + 4K		FLAT_MONITOR + 4K	stack for faults (long mode)
 *	slot + mem + 8K		-			page tables (long mode)
 *
 * Protected mode: paging is off; segments start at the window and end with it, so that addresses are the program's own.
 * Long mode: page tables map the window at 0 and nothing else of the VM. Page 0 is left out unless the program lies in
 * it, so that a null pointer is a fault.
 * Real mode: the slot is at 0, and the monitor is part of the window: the interrupt vectors at 0 point to 256 HLTs at
 * FLAT_REAL_HLTS. The program may overwrite them; it hurts only itself, since its VM is its own.
 */
#ifndef VMM_PROGRAM_FLAT_LAYOUT_H
#define VMM_PROGRAM_FLAT_LAYOUT_H

#include <stdbool.h>
#include <stdint.h>

#include "boot/format_flat.h"
#include "vmm/base/entry.h"
#include "vmm/base/gmem.h"
#include "vmm/base/util.h"

#define FLAT_MEM_MIN  (64 * KIB)
#define FLAT_MEM_MAX  GIB /* one page directory */
#define FLAT_MEM_STEP (4 * KIB)

#define FLAT_MONITOR   GIB
#define FLAT_REAL_HLTS UINT64_C(0x500)

/** flat_slot_size() - guest RAM that a program of @mem_bytes takes in all */
uint64_t flat_slot_size(uint64_t mem_bytes);

/**
 * flat_lay_out() - write what guards the program in a slot, and say how it starts
 * @slot: where the slot starts
 * @mem_bytes: the window, FLAT_MEM_MIN to FLAT_MEM_MAX, a multiple of FLAT_MEM_STEP
 * @img: the program, loaded
 * @ret: for vcpu_set_entry()
 *
 * Return: 0, or -EFAULT: the slot is not all RAM.
 */
int flat_lay_out(
	const struct gmem *mem, uint64_t slot, uint64_t mem_bytes, const struct flat_image *img, struct entry *ret);

/**
 * struct flat_state - where a program stood when its processor halted
 * @cs: selector; @cs_base, @ss_base: of the segments (in long mode 0)
 * @rip: behind the HLT
 * @cr2: the address of the last page fault
 */
struct flat_state {
	uint16_t cs;
	uint64_t cs_base;
	uint64_t ss_base;
	uint64_t rip;
	uint64_t rsp;
	uint64_t cr2;
};

/**
 * struct flat_fault - why a program ended
 * @vector: of the exception or interrupt
 * @called: by an INT instruction, as far as the bytes before RIP tell
 * @has_error, @error: the error code
 * @has_address, @address: of a page fault
 * @cs, @rip: where; @has_place: false when the stack that should tell is not RAM
 */
struct flat_fault {
	unsigned vector;
	bool called;
	bool has_error;
	uint64_t error;
	bool has_address;
	uint64_t address;
	bool has_place;
	uint16_t cs;
	uint64_t rip;
};

/**
 * flat_find_fault() - was this HLT one of the monitor's?
 * @s: state of the processor; Trust: guest
 * @ret: filled when it was
 *
 * Return: true: a fault; false: the program's own HLT.
 */
bool flat_find_fault(const struct gmem *mem, uint64_t slot, uint64_t mem_bytes, enum entry_mode mode,
	const struct flat_state *s, struct flat_fault *ret);

/** flat_fault_text() - one line: "page fault (vector 14) at address 0x0, RIP 0x1000, error code 0x2"; returns @buf */
#define FLAT_FAULT_TEXT_MAX 192
const char *flat_fault_text(const struct flat_fault *f, char *buf);

#endif
