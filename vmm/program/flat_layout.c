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

#include "vmm/base/le.h"

#define PAGE (4 * KIB)

/* The monitor page */
#define MON_IDT  0x000 /* 32 gates of 8 or 16 bytes */
#define MON_HLTS 0x200
#define MON_GDT  0x800
#define MON_TSS  0x900
#define TSS_SIZE 104
#define VECTORS  32

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

/* SDM 3, 3.4.5: flags and type of a descriptor: present, ring 0, accessed; G, and D or L */
#define DESC_CODE32   UINT64_C(0x00c09b0000000000)
#define DESC_CODE64   UINT64_C(0x00a09b0000000000)
#define DESC_DATA     UINT64_C(0x00c0930000000000)
#define DESC_BUSY_TSS UINT64_C(0x00008b0000000000)

/* SDM 3, 4.5: present, writable */
#define PTE_P  BIT(0)
#define PTE_RW (BIT(0) | BIT(1))

#define PDPT_INDEX(va) ((va) >> 30) /* SDM 3, figure 4-8 */

#define GATE_INTERRUPT 0x8e /* SDM 3, 6.11 and 6.14.1: present, ring 0, 32- or 64-bit interrupt gate */

/* The exceptions that push an error code: SDM 3, table 6-1; AMD APM 2, 8.2 (21, 29, 30). */
#define HAS_ERROR_CODE                                                                                                 \
	(BIT(8) | BIT(10) | BIT(11) | BIT(12) | BIT(13) | BIT(14) | BIT(17) | BIT(21) | BIT(29) | BIT(30))
#define VECTOR_PF 14

static const char *const vector_names[VECTORS] = {
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
	return align_up(mem_bytes, 2 * MIB) / (2 * MIB);
}

uint64_t flat_slot_size(uint64_t mem_bytes)
{
	return mem_bytes + (PAGE_PT + window_tables(mem_bytes)) * PAGE;
}

/* SDM 3, 3.4.5: base and limit (in pages) in their places. */
static uint64_t descriptor(uint64_t flags, uint64_t base, uint64_t size)
{
	uint64_t limit = size / PAGE - 1;

	return flags | (limit & 0xffff) | (limit & 0xf0000) << 32 | (base & 0xffffff) << 16 | (base & 0xff000000) << 32;
}

static void put_gate(uint8_t *page, unsigned vector, uint64_t handler, bool is_long)
{
	uint8_t *gate = page + MON_IDT + (size_t)vector * (is_long ? 16 : 8);

	le16_put(gate, (uint16_t)handler);
	le16_put(gate + 2, SEL_MONITOR);
	gate[4] = is_long ? 1 : 0; /* IST 1 */
	gate[5] = GATE_INTERRUPT;
	le16_put(gate + 6, (uint16_t)(handler >> 16));
	if (is_long)
		le32_put(gate + 8, (uint32_t)(handler >> 32));
}

/* @at: where the page is for the processor's table registers: linear, which is physical without paging */
static void fill_monitor(uint8_t *page, uint64_t at, uint64_t slot, uint64_t mem_bytes, bool is_long)
{
	uint64_t *gdt = (uint64_t *)(page + MON_GDT);
	uint64_t tss = at + MON_TSS;

	memset(page + MON_HLTS, 0xf4, VECTORS);
	for (unsigned v = 0; v < VECTORS; v++)
		put_gate(page, v, at + MON_HLTS + v, is_long);
	gdt[SEL_CODE / 8] = is_long ? descriptor(DESC_CODE64, 0, 4 * GIB) : descriptor(DESC_CODE32, slot, mem_bytes);
	gdt[SEL_DATA / 8] = is_long ? descriptor(DESC_DATA, 0, 4 * GIB) : descriptor(DESC_DATA, slot, mem_bytes);
	gdt[SEL_MONITOR / 8] = is_long ? descriptor(DESC_CODE64, 0, 4 * GIB) : descriptor(DESC_CODE32, 0, 4 * GIB);
	if (!is_long)
		return;
	gdt[SEL_TSS / 8] = DESC_BUSY_TSS | (TSS_SIZE - 1) | (tss & 0xffffff) << 16 | (tss & 0xff000000) << 32;
	gdt[SEL_TSS / 8 + 1] = tss >> 32;
	/* SDM 3, 8.7: RSP0 at 4, IST1 at 36, the I/O bitmap's offset at 102 (behind the limit: none) */
	le64_put(page + MON_TSS + 4, at + 2 * PAGE);
	le64_put(page + MON_TSS + 36, at + 2 * PAGE);
	le16_put(page + MON_TSS + 102, TSS_SIZE);
}

static int put_table(const struct gmem *mem, uint64_t gpa, const uint64_t *table)
{
	return gmem_write(mem, gpa, table, PAGE);
}

static int put_page_tables(const struct gmem *mem, uint64_t slot, uint64_t mem_bytes, bool null_page)
{
	uint64_t ours = slot + mem_bytes;
	uint64_t t[512] = {0};
	int r;

	t[0] = (ours + PAGE_PDPT * PAGE) | PTE_RW;
	r = put_table(mem, ours + PAGE_PML4 * PAGE, t);
	t[0] = (ours + PAGE_PD * PAGE) | PTE_RW;
	t[PDPT_INDEX(FLAT_MONITOR)] = (ours + PAGE_MON_PD * PAGE) | PTE_RW;
	if (r == 0)
		r = put_table(mem, ours + PAGE_PDPT * PAGE, t);
	t[0] = (ours + PAGE_MON_PT * PAGE) | PTE_RW;
	t[1] = 0;
	if (r == 0)
		r = put_table(mem, ours + PAGE_MON_PD * PAGE, t);
	t[0] = (ours + PAGE_MONITOR * PAGE) | PTE_P;
	t[1] = (ours + PAGE_STACK * PAGE) | PTE_RW;
	if (r == 0)
		r = put_table(mem, ours + PAGE_MON_PT * PAGE, t);
	for (uint64_t i = 0; i < 512; i++)
		t[i] = i < window_tables(mem_bytes) ? (ours + (PAGE_PT + i) * PAGE) | PTE_RW : 0;
	if (r == 0)
		r = put_table(mem, ours + PAGE_PD * PAGE, t);
	for (uint64_t table = 0; r == 0 && table < window_tables(mem_bytes); table++) {
		for (uint64_t i = 0; i < 512; i++) {
			uint64_t at = table * 2 * MIB + i * PAGE;

			t[i] = at < mem_bytes && (at || null_page) ? (slot + at) | PTE_RW : 0;
		}
		r = put_table(mem, ours + (PAGE_PT + table) * PAGE, t);
	}
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
	uint64_t page[PAGE / 8] = {0};
	int r;

	if (img->mode == ENTRY_REAL) {
		r = lay_out_real(mem, slot, &en);
	} else {
		fill_monitor((uint8_t *)page, at, slot, mem_bytes, is_long);
		r = gmem_write(mem, slot + mem_bytes, page, sizeof(page));
		en.gdt_base = at + MON_GDT;
		en.gdt_limit = GDT_SIZE - 1;
		en.idt_base = at + MON_IDT;
		en.idt_limit = VECTORS * (is_long ? 16 : 8) - 1;
		en.cs = SEL_CODE;
		en.ds = SEL_DATA;
		en.fpu = true;
	}
	if (img->mode == ENTRY_PROTECTED) {
		en.seg_base = slot;
		en.seg_size = mem_bytes;
	}
	if (is_long) {
		en.cr3 = slot + mem_bytes + PAGE_PML4 * PAGE;
		en.tss_base = at + MON_TSS;
		en.tss = SEL_TSS;
		if (r == 0)
			r = put_page_tables(mem, slot, mem_bytes, img->start < PAGE);
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
	unsigned nr = VECTORS;

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
	f.has_error = mode != ENTRY_REAL && (HAS_ERROR_CODE & BIT(f.vector));
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
	const char *name = f->vector < VECTORS ? vector_names[f->vector] : NULL;
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
