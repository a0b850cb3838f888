// SPDX-License-Identifier: Apache-2.0
/*
 * Theory of operation. The handler of vector n is a single HLT, the n-th of a row. A processor that halts comes back to
 * the VMM with RIP behind that HLT, which tells the vector; the frame that the exception pushed tells the rest. So no
 * handler has to be written, and none can go wrong, in any mode.
 *
 * In long mode faults have a stack of their own (IST), so that a program with a broken stack pointer is reported as
 * well. In protected mode the frame goes to the program's stack; if that is broken the processor shuts down (a triple
 * fault), which ends that program too, with fewer words.
 */
#include "vmm/program/flat_layout.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "boot/x86.h"
#include "vmm/base/le.h"

/* The monitor page */
#define MON_IDT  0x000 /* 32 gates of 8 or 16 bytes */
#define MON_HLTS 0x200
#define MON_GDT  0x800
#define MON_TSS  0x900

/* The slot's pages behind the window */
#define PAGE_MONITOR 0
#define PAGE_STACK   1
#define PAGE_PML4    2
#define PAGE_PDPT    3
#define PAGE_PD      4 /* of the window */
#define PAGE_MON_PD  5
#define PAGE_MON_PT  6
#define PAGE_PT      7 /* of the window, one per 2 MiB */

/* Selectors: the program's code and data, the monitor's code, the TSS (two entries in long mode) */
#define SEL_CODE    0x08
#define SEL_DATA    0x10
#define SEL_MONITOR 0x18
#define SEL_TSS     0x20
#define GDT_SIZE    0x30

#define PDPT_INDEX(va) ((va) >> 30) /* SDM 3, figure 4-8 */

static const char *const vector_names[VECTORS_EXCEPTIONS] = {
	"divide error",
	"debug exception",
	"non-maskable interrupt",
	"breakpoint",
	"overflow",
	"BOUND range exceeded",
	"invalid opcode",
	"device not available",
	"double fault",
	"coprocessor segment overrun",
	"invalid TSS",
	"segment not present",
	"stack fault",
	"general protection fault",
	"page fault",
	NULL,
	"x87 floating-point error",
	"alignment check",
	"machine check",
	"SIMD floating-point exception",
	"virtualization exception",
	"control protection exception",
};

static uint64_t window_tables(uint64_t mem_bytes)
{
	return align_up(mem_bytes, PAGE_2M) / PAGE_2M;
}

uint64_t flat_slot_size(uint64_t mem_bytes)
{
	return mem_bytes + (PAGE_PT + window_tables(mem_bytes)) * PAGE_4K;
}

static void put_gates(uint8_t *idt, uint64_t hlts, bool is_long)
{
	for (unsigned v = 0; v < VECTORS_EXCEPTIONS; v++)
		if (is_long)
			x86_put_gate64(idt + v * (size_t)X86_GATE64, SEL_MONITOR, hlts + v, 1);
		else
			x86_put_gate32(idt + v * (size_t)X86_GATE32, SEL_MONITOR, (uint32_t)(hlts + v));
}

/* @at: where the page is for the processor's table registers: linear, which is physical without paging */
static void fill_monitor(uint8_t *page, uint64_t at, uint64_t slot, uint64_t mem_bytes, bool is_long)
{
	uint32_t code = is_long ? SEG_CODE64 : SEG_CODE32;
	uint32_t base = is_long ? 0 : (uint32_t)slot;
	uint32_t limit = is_long ? X86_LIMIT_4G : (uint32_t)(mem_bytes / PAGE_4K - 1);
	uint8_t *gdt = page + MON_GDT;

	put_gates(page + MON_IDT, at + MON_HLTS, is_long);
	memset(page + MON_HLTS, 0xf4, VECTORS_EXCEPTIONS);
	le64_put(gdt + SEL_CODE, x86_descriptor(code, base, limit));
	le64_put(gdt + SEL_DATA, x86_descriptor(SEG_DATA, base, limit));
	le64_put(gdt + SEL_MONITOR, x86_descriptor(code, 0, X86_LIMIT_4G));
	if (!is_long)
		return;
	x86_put_system64(gdt + SEL_TSS, SEG_TSS_BUSY, at + MON_TSS, TSS_SIZE - 1);
	x86_put_tss64(page + MON_TSS, at + 2 * PAGE_4K, at + 2 * PAGE_4K);
}

static int put_page_tables(const struct gmem *mem, uint64_t slot, uint64_t mem_bytes, bool null_page)
{
	const uint64_t rw = PTE_P | PTE_W, first = null_page ? 0 : 1;
	uint64_t ours = slot + mem_bytes;
	const struct {
		uint64_t table, first, count, to, flags;
	} runs[] = {
		{PAGE_PML4, 0, 1, ours + PAGE_PDPT * PAGE_4K, rw},
		{PAGE_PDPT, 0, 1, ours + PAGE_PD * PAGE_4K, rw},
		{PAGE_PDPT, PDPT_INDEX(FLAT_MONITOR), 1, ours + PAGE_MON_PD * PAGE_4K, rw},
		{PAGE_MON_PD, 0, 1, ours + PAGE_MON_PT * PAGE_4K, rw},
		{PAGE_MON_PT, 0, 1, ours + PAGE_MONITOR * PAGE_4K, PTE_P},
		{PAGE_MON_PT, 1, 1, ours + PAGE_STACK * PAGE_4K, rw},
		{PAGE_PD, 0, window_tables(mem_bytes), ours + PAGE_PT * PAGE_4K, rw},
		{PAGE_PT, first, mem_bytes / PAGE_4K - first, slot + first * PAGE_4K, rw},
	};
	int r = gmem_zero(mem, ours + PAGE_PML4 * PAGE_4K, (PAGE_PT - PAGE_PML4 + window_tables(mem_bytes)) * PAGE_4K);

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(runs); i++)
		r = x86_put_entries(mem, ours + runs[i].table * PAGE_4K, runs[i].first, runs[i].count, runs[i].to,
			PAGE_4K, runs[i].flags);
	return r;
}

static int lay_out_real(const struct gmem *mem, uint64_t slot, struct entry *en)
{
	uint8_t vectors[256 * 4], hlts[256];
	int r;

	/* Offset and segment of each: 0x0050:n */
	for (unsigned v = 0; v < 256; v++) {
		le16_put(vectors + (size_t)v * 4, (uint16_t)v);
		le16_put(vectors + (size_t)v * 4 + 2, FLAT_REAL_HLTS >> 4);
	}
	memset(hlts, 0xf4, sizeof(hlts));
	r = gmem_write(mem, slot, vectors, sizeof(vectors));
	if (r == 0)
		r = gmem_write(mem, slot + FLAT_REAL_HLTS, hlts, sizeof(hlts));
	/* Below a boot sector, as a BIOS has it; when the program lies there, below the top of its segment. */
	en->rsp = FLAT_LOAD_REAL;
	return r;
}

int flat_lay_out(
	const struct gmem *mem, uint64_t slot, uint64_t mem_bytes, const struct flat_image *img, struct entry *ret)
{
	bool is_long = img->mode == ENTRY_LONG;
	uint64_t at = is_long ? FLAT_MONITOR : slot + mem_bytes;
	struct entry en = {.mode = img->mode, .rip = img->entry, .rsp = mem_bytes};
	uint8_t page[PAGE_4K] = {0};
	int r;

	if (img->mode == ENTRY_REAL) {
		r = lay_out_real(mem, slot, &en);
	} else {
		fill_monitor(page, at, slot, mem_bytes, is_long);
		r = gmem_write(mem, slot + mem_bytes, page, sizeof(page));
		en.gdt_base = at + MON_GDT;
		en.gdt_limit = GDT_SIZE - 1;
		en.idt_base = at + MON_IDT;
		en.idt_limit = VECTORS_EXCEPTIONS * (is_long ? X86_GATE64 : X86_GATE32) - 1;
		en.cs = SEL_CODE;
		en.ds = SEL_DATA;
		en.fpu = true;
	}
	if (img->mode == ENTRY_PROTECTED) {
		en.seg_base = slot;
		en.seg_size = mem_bytes;
	}
	if (is_long) {
		en.cr3 = slot + mem_bytes + PAGE_PML4 * PAGE_4K;
		en.tss_base = at + MON_TSS;
		en.tss = SEL_TSS;
		if (r == 0)
			r = put_page_tables(mem, slot, mem_bytes, img->start < PAGE_4K);
	}
	if (r == 0)
		*ret = en;
	return r;
}

/* The row of HLTs that this mode has; RIP behind one of them tells the vector. */
static bool vector_of(
	uint64_t slot, uint64_t mem_bytes, enum entry_mode mode, const struct flat_state *s, unsigned *ret)
{
	uint64_t hlts = mode == ENTRY_LONG ? FLAT_MONITOR + MON_HLTS : slot + mem_bytes + MON_HLTS;
	uint64_t at = s->cs_base + s->rip - 1;
	unsigned nr = VECTORS_EXCEPTIONS;

	if (mode == ENTRY_REAL) {
		hlts = FLAT_REAL_HLTS;
		nr = 256;
	} else if (s->cs != SEL_MONITOR) {
		return false;
	}
	if (at < hlts || at - hlts >= nr)
		return false;
	*ret = (unsigned)(at - hlts);
	return true;
}

/* INT n, two bytes, right before where it would return to; an exception returns to an instruction's start */
static bool was_called(
	const struct gmem *mem, uint64_t slot, uint64_t mem_bytes, enum entry_mode mode, const struct flat_fault *f)
{
	uint64_t at = f->rip + (mode == ENTRY_REAL ? (uint64_t)f->cs * 16 : 0);
	uint8_t code[2];

	return at >= 2 && at <= mem_bytes && !gmem_read(mem, slot + at - 2, code, 2) && code[0] == 0xcd &&
		code[1] == f->vector;
}

bool flat_find_fault(const struct gmem *mem, uint64_t slot, uint64_t mem_bytes, enum entry_mode mode,
	const struct flat_state *s, struct flat_fault *ret)
{
	unsigned width = mode == ENTRY_REAL ? 2 : mode == ENTRY_PROTECTED ? 4 : 8;
	uint64_t stack = s->ss_base + s->rsp;
	uint8_t frame[3 * 8];
	struct flat_fault f = {0};
	const uint8_t *p = frame;

	if (!vector_of(slot, mem_bytes, mode, s, &f.vector))
		return false;
	/* Long mode: the stack for faults, which the program cannot move. */
	if (mode == ENTRY_LONG)
		stack = s->rsp - FLAT_MONITOR + slot + mem_bytes;
	f.has_error = mode != ENTRY_REAL && (VECTORS_WITH_ERROR & BIT(f.vector));
	f.has_address = mode == ENTRY_LONG && f.vector == VECTOR_PF;
	f.address = f.has_address ? s->cr2 : 0;
	if (!gmem_read(mem, stack, frame, (size_t)width * 3)) {
		if (f.has_error) {
			f.error = width == 4 ? le32_get(p) : le64_get(p);
			p += width;
		}
		f.rip = width == 2 ? le16_get(p) : width == 4 ? le32_get(p) : le64_get(p);
		f.cs = le16_get(p + width);
		f.has_place = true;
		f.called = !f.has_error && was_called(mem, slot, mem_bytes, mode, &f);
	}
	*ret = f;
	return true;
}

const char *flat_fault_text(const struct flat_fault *f, char *buf)
{
	const char *name = f->vector < VECTORS_EXCEPTIONS ? vector_names[f->vector] : NULL;
	int n;

	if (f->called)
		n = snprintf(buf, FLAT_FAULT_TEXT_MAX, "INT 0x%x, and nothing answers it", f->vector);
	else
		n = snprintf(buf, FLAT_FAULT_TEXT_MAX, "%s (vector %u)", name ? name : "interrupt", f->vector);
	if (f->has_address)
		n += snprintf(
			buf + n, FLAT_FAULT_TEXT_MAX - (size_t)n, " at address 0x%llx", (unsigned long long)f->address);
	if (f->has_place)
		n += snprintf(buf + n, FLAT_FAULT_TEXT_MAX - (size_t)n, ", CS 0x%x, RIP 0x%llx", f->cs,
			(unsigned long long)f->rip);
	if (f->has_error)
		snprintf(buf + n, FLAT_FAULT_TEXT_MAX - (size_t)n, ", error code 0x%llx", (unsigned long long)f->error);
	return buf;
}
