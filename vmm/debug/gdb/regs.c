// SPDX-License-Identifier: Apache-2.0
/*
 * One table: a register's name, its type for gdb, and where KVM keeps it. Three features are gdb's own, whose names and
 * order it prescribes: core, sse and segments. The fourth has what only a system shows, by the names of the manuals.
 */
#include "vmm/debug/gdb/regs.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "vmm/base/le.h"
#include "vmm/base/util.h"

enum type { INT, DATA, CODE, FLOAT, VECTOR, CONTROL, EFLAGS, CR0, CR4, EFER, MXCSR };

static const char *const type_names[] = {
	[INT] = "int",
	[DATA] = "data_ptr",
	[CODE] = "code_ptr",
	[FLOAT] = "i387_ext",
	[VECTOR] = "vec128",
	[CONTROL] = "int\" group=\"float",
	[EFLAGS] = "i386_eflags",
	[CR0] = "cr0_bits",
	[CR4] = "cr4_bits",
	[EFER] = "efer_bits",
	[MXCSR] = "i386_mxcsr",
};

/**
 * struct reg - a register
 * @bits: as gdb has it
 * @stored: bytes of it in struct gdb_regs, from @offset on; 0: the x87 tag word, which KVM keeps as FXSAVE does
 */
struct reg {
	char name[11];
	uint8_t bits;
	uint8_t type;
	uint8_t stored;
	uint16_t offset;
};

#define AT(name_, bits_, type_, stored_, offset_)                                                                      \
	{                                                                                                              \
		.name = (name_), .bits = (bits_), .type = (type_), .stored = (stored_), .offset = (uint16_t)(offset_)  \
	}
#define FIELD(name, bits, type, member)                                                                                \
	AT(name, bits, type, sizeof(((struct gdb_regs *)0)->member), offsetof(struct gdb_regs, member))
#define GENERAL(id)             FIELD(#id, 64, INT, v.general.id)
#define SELECTOR(id)            FIELD(#id, 32, INT, v.system.id.selector)
#define BASE(id)                FIELD(#id "_base", 64, INT, v.system.id.base)
#define ST(n)                   AT("st" #n, 80, FLOAT, 10, offsetof(struct gdb_regs, fpu.fpr[n]))
#define XMM(n)                  AT("xmm" #n, 128, VECTOR, 16, offsetof(struct gdb_regs, fpu.xmm[n]))
#define X87(name, stored, at)   AT(name, 32, CONTROL, stored, offsetof(struct gdb_regs, fpu) + (at))
#define X87_FIELD(name, member) FIELD(name, 32, CONTROL, fpu.member)
#define IN_FPU(member)          offsetof(struct kvm_fpu, member)

/* gdb's features: core is numbered from 0, sse and segments follow it. */
static const struct reg regs_core[] = {
	GENERAL(rax),
	GENERAL(rbx),
	GENERAL(rcx),
	GENERAL(rdx),
	GENERAL(rsi),
	GENERAL(rdi),
	FIELD("rbp", 64, DATA, v.general.rbp),
	FIELD("rsp", 64, DATA, v.general.rsp),
	GENERAL(r8),
	GENERAL(r9),
	GENERAL(r10),
	GENERAL(r11),
	GENERAL(r12),
	GENERAL(r13),
	GENERAL(r14),
	GENERAL(r15),
	FIELD("rip", 64, CODE, v.general.rip),
	AT("eflags", 32, EFLAGS, 4, offsetof(struct gdb_regs, v.general.rflags)),
	SELECTOR(cs),
	SELECTOR(ss),
	SELECTOR(ds),
	SELECTOR(es),
	SELECTOR(fs),
	SELECTOR(gs),
	ST(0),
	ST(1),
	ST(2),
	ST(3),
	ST(4),
	ST(5),
	ST(6),
	ST(7),
	X87_FIELD("fctrl", fcw),
	X87_FIELD("fstat", fsw),
	X87("ftag", 0, 0),
	X87("fiseg", 2, IN_FPU(last_ip) + 4),
	X87("fioff", 4, IN_FPU(last_ip)),
	X87("foseg", 2, IN_FPU(last_dp) + 4),
	X87("fooff", 4, IN_FPU(last_dp)),
	X87_FIELD("fop", last_opcode),
};

static const struct reg regs_sse[] = {
	XMM(0),
	XMM(1),
	XMM(2),
	XMM(3),
	XMM(4),
	XMM(5),
	XMM(6),
	XMM(7),
	XMM(8),
	XMM(9),
	XMM(10),
	XMM(11),
	XMM(12),
	XMM(13),
	XMM(14),
	XMM(15),
	FIELD("mxcsr", 32, MXCSR, fpu.mxcsr),
};

static const struct reg regs_segments[] = {
	BASE(fs),
	BASE(gs),
};

static const struct reg regs_system[] = {
	FIELD("k_gs_base", 64, INT, kernel_gs_base),
	FIELD("cr0", 64, CR0, v.system.cr0),
	FIELD("cr2", 64, INT, v.system.cr2),
	FIELD("cr3", 64, INT, v.system.cr3),
	FIELD("cr4", 64, CR4, v.system.cr4),
	FIELD("cr8", 64, INT, v.system.cr8),
	FIELD("efer", 64, EFER, v.system.efer),
	BASE(cs),
	BASE(ss),
	BASE(ds),
	BASE(es),
	BASE(gdt),
	BASE(idt),
	BASE(ldt),
	BASE(tr),
	FIELD("apic_base", 64, INT, v.system.apic_base),
};

static const struct feature {
	const char *name;
	const struct reg *reg;
	unsigned nr;
} features[] = {
	{"org.gnu.gdb.i386.core", regs_core, ARRAY_SIZE(regs_core)},
	{"org.gnu.gdb.i386.sse", regs_sse, ARRAY_SIZE(regs_sse)},
	{"org.gnu.gdb.i386.segments", regs_segments, ARRAY_SIZE(regs_segments)},
	{"vmm.i386.system", regs_system, ARRAY_SIZE(regs_system)},
};

/*
 * Types: of which feature, and how wide. The bits are written "NAME bit", 0 ends them. SDM 1, 3.4.3 (EFLAGS), 10.2.3
 * (MXCSR); SDM 3, 2.5 (CR0, CR4), 2.2.1 (EFER); APM 2, 3.1.7 (bits of EFER that only AMD has).
 */
static const struct bits {
	uint8_t feature;
	uint8_t type;
	uint8_t bytes;
	const char *names;
} bit_types[] = {
	{0, EFLAGS, 4, "CF 0 PF 2 AF 4 ZF 6 SF 7 TF 8 IF 9 DF 10 OF 11 NT 14 RF 16 VM 17 AC 18 VIF 19 VIP 20 ID 21"},
	{1, MXCSR, 4, "IE 0 DE 1 ZE 2 OE 3 UE 4 PE 5 DAZ 6 IM 7 DM 8 ZM 9 OM 10 UM 11 PM 12 FZ 15"},
	{3, CR0, 8, "PE 0 MP 1 EM 2 TS 3 ET 4 NE 5 WP 16 AM 18 NW 29 CD 30 PG 31"},
	{3, CR4, 8,
		"VME 0 PVI 1 TSD 2 DE 3 PSE 4 PAE 5 MCE 6 PGE 7 PCE 8 OSFXSR 9 OSXMMEXCPT 10 UMIP 11 LA57 12 VMXE 13 "
		"SMXE 14 FSGSBASE 16 PCIDE 17 OSXSAVE 18 SMEP 20 SMAP 21 PKE 22 CET 23 PKS 24"},
	{3, EFER, 8, "SCE 0 LME 8 LMA 10 NXE 11 SVME 12 FFXSR 14"},
};

static const char vectors[] =
	"<vector id=\"v4f\" type=\"ieee_single\" count=\"4\"/><vector id=\"v2d\" type=\"ieee_double\" count=\"2\"/>"
	"<vector id=\"v16i8\" type=\"int8\" count=\"16\"/><vector id=\"v8i16\" type=\"int16\" count=\"8\"/>"
	"<vector id=\"v4i32\" type=\"int32\" count=\"4\"/><vector id=\"v2i64\" type=\"int64\" count=\"2\"/>"
	"<union id=\"vec128\"><field name=\"v4_float\" type=\"v4f\"/><field name=\"v2_double\" type=\"v2d\"/>"
	"<field name=\"v16_int8\" type=\"v16i8\"/><field name=\"v8_int16\" type=\"v8i16\"/>"
	"<field name=\"v4_int32\" type=\"v4i32\"/><field name=\"v2_int64\" type=\"v2i64\"/>"
	"<field name=\"uint128\" type=\"uint128\"/></union>";

static const struct reg *find(unsigned n)
{
	for (size_t i = 0; i < ARRAY_SIZE(features); i++) {
		if (n < features[i].nr)
			return &features[i].reg[n];
		n -= features[i].nr;
	}
	return NULL;
}

unsigned gdb_regs_nr(void)
{
	unsigned nr = 0;

	for (size_t i = 0; i < ARRAY_SIZE(features); i++)
		nr += features[i].nr;
	return nr;
}

unsigned gdb_reg_bytes(unsigned n)
{
	return find(n)->bits / 8u;
}

/* FXSAVE has a bit per register: in use. The word has two, of which 3 is empty; the rest follows from the value. */
static uint16_t tag_word(uint8_t used)
{
	uint16_t tag = 0;

	for (unsigned i = 0; i < 8; i++)
		if (!(used >> i & 1))
			tag = (uint16_t)(tag | 3u << 2 * i);
	return tag;
}

static uint8_t tags_used(uint16_t tag)
{
	uint8_t used = 0;

	for (unsigned i = 0; i < 8; i++)
		if ((tag >> 2 * i & 3) != 3)
			used = (uint8_t)(used | 1u << i);
	return used;
}

unsigned gdb_reg_get(const struct gdb_regs *regs, unsigned n, uint8_t *buf)
{
	const struct reg *r = find(n);

	memset(buf, 0, GDB_REG_BYTES_MAX);
	if (r->stored)
		memcpy(buf, (const uint8_t *)regs + r->offset, r->stored);
	else
		le16_put(buf, tag_word(regs->fpu.ftwx));
	return r->bits / 8u;
}

void gdb_reg_set(struct gdb_regs *regs, unsigned n, const uint8_t *buf)
{
	const struct reg *r = find(n);

	if (r->stored)
		memcpy((uint8_t *)regs + r->offset, buf, MIN(r->stored, r->bits / 8u));
	else
		regs->fpu.ftwx = tags_used(le16_get(buf));
}

/* --- The description ----------------------------------------------------------------------------------------- */

static size_t PRINTF(3, 4) add(char *buf, size_t at, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(buf + at, GDB_DESCRIPTION_MAX - at, fmt, ap);
	va_end(ap);
	return MIN(at + (size_t)n, GDB_DESCRIPTION_MAX - 1);
}

static size_t add_bits(char *buf, size_t at, const struct bits *b)
{
	char name[16];
	unsigned bit;
	int used;

	at = add(buf, at, "<flags id=\"%s\" size=\"%u\">", type_names[b->type], b->bytes);
	for (const char *p = b->names; sscanf(p, "%15s %u%n", name, &bit, &used) == 2; p += used)
		at = add(buf, at, "<field name=\"%s\" start=\"%u\" end=\"%u\"/>", name, bit, bit);
	return add(buf, at, "</flags>");
}

static size_t add_feature(char *buf, size_t at, unsigned index)
{
	const struct feature *f = &features[index];

	at = add(buf, at, "<feature name=\"%s\">%s", f->name, f->reg == regs_sse ? vectors : "");
	for (size_t i = 0; i < ARRAY_SIZE(bit_types); i++)
		if (bit_types[i].feature == index)
			at = add_bits(buf, at, &bit_types[i]);
	for (unsigned i = 0; i < f->nr; i++)
		at = add(buf, at, "<reg name=\"%s\" bitsize=\"%u\" type=\"%s\"/>", f->reg[i].name, f->reg[i].bits,
			type_names[f->reg[i].type]);
	return add(buf, at, "</feature>");
}

size_t gdb_describe(char *buf)
{
	size_t at = add(buf, 0,
		"<?xml version=\"1.0\"?><!DOCTYPE target SYSTEM \"gdb-target.dtd\"><target>"
		"<architecture>i386:x86-64</architecture>");

	for (unsigned i = 0; i < ARRAY_SIZE(features); i++)
		at = add_feature(buf, at, i);
	return add(buf, at, "</target>");
}
