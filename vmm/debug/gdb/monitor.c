// SPDX-License-Identifier: Apache-2.0
/*
 * What a person at gdb says behind `monitor`: one table of commands.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "vmm/base/units.h"
#include "vmm/debug/gdb/internal.h"
#include "vmm/debug/gdb/memory.h"

#define XP_LINE 16u
#define XP_MOST 1024u

/* Where a kernel that is not moved begins: CONFIG_PHYSICAL_START, as every distribution has it. */
#define KERNEL_LINKED_AT UINT64_C(0xffffffff81000000)

/* Text goes to gdb in hexadecimal digits. */
static void PRINTF(2, 3) say(struct gdb_session *s, const char *fmt, ...)
{
	char line[256];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	gdb_put_hex(&s->out, line, MIN((size_t)n, sizeof(line) - 1));
}

static void on_reset(struct gdb_session *s, char *rest)
{
	say(s, "the run ends, as a reset of the guest\n");
	s->kills = s->left = true;
	s->target->ops->end(s->target, GDB_END_RESET);
}

static void say_segment(struct gdb_session *s, const char *name, const struct kvm_segment *seg)
{
	say(s, "%s %04x base %016" PRIx64 " limit %08x type %x%s dpl %u%s%s%s\n", name, seg->selector,
		(uint64_t)seg->base, seg->limit, seg->type, seg->s ? "" : " system", seg->dpl,
		seg->present ? "" : " not present", seg->l ? " 64-bit" : "", seg->db ? " 32-bit" : "");
}

static void on_regs(struct gdb_session *s, char *rest)
{
	const struct kvm_sregs *r = &s->regs.v.system;
	uint64_t cpu = s->reg_cpu;
	const struct {
		const char *name;
		const struct kvm_segment *segment;
	} segments[] = {
		{"cs", &r->cs},
		{"ss", &r->ss},
		{"ds", &r->ds},
		{"es", &r->es},
		{"fs", &r->fs},
		{"gs", &r->gs},
		{"tr", &r->tr},
		{"ldt", &r->ldt},
	};

	if (rest && (parse_u64(rest, &cpu) < 0 || cpu >= s->target->nr_cpus)) {
		say(s, "usage: regs [CPU], which is less than %u\n", s->target->nr_cpus);
		return;
	}
	if (s->target->ops->read(s->target, (unsigned)cpu, &s->regs) < 0) {
		say(s, "the registers cannot be read\n");
		return;
	}
	say(s, "CPU %u, %s\n", (unsigned)cpu, s->target->ops->state(s->target, (unsigned)cpu));
	say(s, "cr0 %016" PRIx64 " cr2 %016" PRIx64 " cr3 %016" PRIx64 "\n", (uint64_t)r->cr0, (uint64_t)r->cr2,
		(uint64_t)r->cr3);
	say(s, "cr4 %016" PRIx64 " cr8 %016" PRIx64 " efer %016" PRIx64 "\n", (uint64_t)r->cr4, (uint64_t)r->cr8,
		(uint64_t)r->efer);
	for (size_t i = 0; i < ARRAY_SIZE(segments); i++)
		say_segment(s, segments[i].name, segments[i].segment);
	say(s, "gdt base %016" PRIx64 " limit %04x\nidt base %016" PRIx64 " limit %04x\n", (uint64_t)r->gdt.base,
		r->gdt.limit, (uint64_t)r->idt.base, r->idt.limit);
	say(s, "kernel gs base %016" PRIx64 "\n", s->regs.kernel_gs_base);
}

/* Of the first CPU whose page tables have it; one that has not started has none. */
static uint64_t find_kernel(struct gdb_session *s)
{
	uint64_t base = 0;

	for (unsigned i = 0; !base && i < s->target->nr_cpus; i++)
		if (s->target->ops->read(s->target, i, &s->regs) == 0)
			base = gdb_kernel_base(s->target->ops->memory(s->target, i), &s->regs.v);
	return base;
}

static void on_kaslr(struct gdb_session *s, char *rest)
{
	uint64_t base = find_kernel(s);

	if (!base) {
		say(s, "no CPU maps a kernel where Linux has it: it has not got so far yet\n");
		return;
	}
	say(s, "kernel at 0x%" PRIx64 ", moved by 0x%" PRIx64 "\n", base, base - KERNEL_LINKED_AT);
	say(s, "symbol-file vmlinux -o 0x%" PRIx64 "\n", base - KERNEL_LINKED_AT);
}

static void say_line(struct gdb_session *s, uint64_t address, const uint8_t *b, size_t n)
{
	char text[XP_LINE * 3 + 1];

	for (size_t i = 0; i < n; i++)
		snprintf(text + 3 * i, sizeof(text) - 3 * i, " %02x", b[i]);
	say(s, "%016" PRIx64 ":%s\n", address, text);
}

/* [/BYTES] ADDRESS */
static void on_xp(struct gdb_session *s, char *rest)
{
	uint64_t nr = 4 * XP_LINE, address;
	char *word = strsep(&rest, " ");
	size_t done;

	if (word && *word == '/') {
		if (parse_u64(word + 1, &nr) < 0 || !nr || nr > XP_MOST)
			word = NULL;
		else
			word = strsep(&rest, " ");
	}
	if (!word || rest || parse_u64(word, &address) < 0) {
		say(s, "usage: xp [/BYTES] ADDRESS, at most %u bytes\n", XP_MOST);
		return;
	}
	done = gdb_memory_read(gdb_memory(s), NULL, address, s->bytes, nr);
	for (size_t at = 0; at < done; at += XP_LINE)
		say_line(s, address + at, s->bytes + at, MIN(XP_LINE, done - at));
	if (done < nr)
		say(s, "%016" PRIx64 ": no RAM is there\n", address + done);
}

/* The answer comes when it is written. */
static void on_core(struct gdb_session *s, char *rest)
{
	s->wants_core = true;
	s->target->ops->core(s->target);
}

static void on_help(struct gdb_session *s, char *rest);

static const struct {
	const char *name;
	void (*fn)(struct gdb_session *s, char *rest);
	const char *help;
} commands[] = {
	{"core", on_core, "write a core to the file of --core"},
	{"help", on_help, "this list"},
	{"kaslr", on_kaslr, "where the kernel is, and how far from where it was linked"},
	{"regs", on_regs, "[CPU]: segments, tables and control registers"},
	{"reset", on_reset, "end the run with the exit status of a reset"},
	{"xp", on_xp, "[/BYTES] ADDRESS: bytes at a guest-physical address"},
};

static void on_help(struct gdb_session *s, char *rest)
{
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		say(s, "%-6s %s\n", commands[i].name, commands[i].help);
}

void gdb_monitor(struct gdb_session *s, char *line)
{
	char *name = strsep(&line, " ");

	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		if (strcmp(name, commands[i].name))
			continue;
		if (commands[i].fn == on_core) {
			on_core(s, line);
			return;
		}
		gdb_begin(&s->out);
		commands[i].fn(s, line);
		gdb_end(&s->out);
		return;
	}
	gdb_begin(&s->out);
	say(s, "monitor: no such command; `monitor help` lists them\n");
	gdb_end(&s->out);
}
