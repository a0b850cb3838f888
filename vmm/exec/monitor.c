// SPDX-License-Identifier: Apache-2.0
#include "vmm/exec/monitor.h"

#include <string.h>

#include "boot/x86.h"
#include "vmm/base/assert.h"
#include "vmm/base/le.h"

extern const uint8_t exec_stub[], exec_stub_end[];

_Static_assert(EXEC_WITH_ERROR == VECTORS_WITH_ERROR, "one list of vectors");
_Static_assert(EXEC_IDT + EXEC_VECTORS * X86_GATE64 <= PAGE_4K && EXEC_TSS + TSS_SIZE <= EXEC_IDT, "one page");

/* Numbers of stacks in the TSS (IST), 1 to 7. */
enum { STACK_FAULT = 1, STACK_DB, STACK_NMI, STACK_DF };

static uint64_t top_of(unsigned stack)
{
	return EXEC_STACKS + stack * EXEC_STACK_SIZE;
}

static void put_gdt(uint8_t *gdt)
{
	const uint32_t ring3 = SEG_DPL(3);
	const struct {
		unsigned selector;
		uint32_t attributes;
	} rows[] = {
		{EXEC_KERNEL_CS, SEG_CODE64},
		{EXEC_KERNEL_DS, SEG_DATA},
		{EXEC_USER_DS, SEG_DATA | ring3},
		{EXEC_USER_CS, SEG_CODE64 | ring3},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		le64_put(gdt + (rows[i].selector & ~SELECTOR_RPL), x86_descriptor(rows[i].attributes, 0, X86_LIMIT_4G));
	x86_put_system64(gdt + EXEC_TSS_SEL, SEG_TSS_BUSY, EXEC_MONITOR + EXEC_TSS, TSS_SIZE - 1);
}

static void put_idt(uint8_t *idt)
{
	for (unsigned v = 0; v < EXEC_VECTORS; v++) {
		uint8_t *gate = idt + v * (size_t)X86_GATE64;
		unsigned stack = v == VECTOR_DB ? STACK_DB
			: v == VECTOR_NMI       ? STACK_NMI
			: v == VECTOR_DF        ? STACK_DF
						: STACK_FAULT;

		x86_put_gate64(gate, EXEC_KERNEL_CS, EXEC_STUB + EXEC_STUB_VECTORS + v * EXEC_STUB_SPACING, stack);
		/* Programs may execute INT3 and INTO. */
		if (v == VECTOR_BP || v == VECTOR_OF)
			gate[5] |= SEG_DPL(3);
	}
}

int monitor_write(struct space *s, struct monitor *ret)
{
	size_t size = (size_t)(exec_stub_end - exec_stub);
	uint8_t page[PAGE_4K] = {0};
	uint64_t tables, code, stacks;
	int r;

	assert(size <= PAGE_4K);
	r = space_monitor_page(s, EXEC_MONITOR, PTE_NX, &tables);
	if (r == 0)
		r = space_monitor_page(s, EXEC_STUB, 0, &code);
	if (r == 0)
		r = space_monitor_page(s, EXEC_STACKS, PTE_W | PTE_NX, &stacks);
	if (r < 0)
		return r;
	put_gdt(page + EXEC_GDT);
	put_idt(page + EXEC_IDT);
	x86_put_tss64(page + EXEC_TSS, top_of(STACK_FAULT), top_of(STACK_FAULT));
	for (unsigned stack = STACK_FAULT; stack <= STACK_DF; stack++)
		le64_put(page + EXEC_TSS + TSS_IST1 + (stack - 1) * 8, top_of(stack));
	r = gmem_write(s->mem, tables, page, sizeof(page));
	if (r == 0)
		r = gmem_write(s->mem, code, exec_stub, size);
	if (r == 0)
		ret->stacks_gpa = stacks;
	return r;
}
