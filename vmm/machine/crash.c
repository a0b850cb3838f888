// SPDX-License-Identifier: Apache-2.0
/*
 * Reports the state of every CPU after a run that ended badly. The threads have ended; the vCPUs still exist. They are
 * only read, so that a core or a debugger finds the same state.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/base/clock.h"
#include "vmm/base/x86.h"
#include "vmm/debug/paging.h"
#include "vmm/debug/symbols.h"
#include "vmm/kvm/vcpu_state.h"
#include "vmm/machine/hints.h"
#include "vmm/machine/internal.h"

#define CODE_BYTES 16

/* Time limit for finding symbols: the run is over, signals are not handled, and the operator waits. */
#define SYMBOLS_NS (300 * NSEC_PER_MSEC)

static const char *mode_name(const struct kvm_sregs *s, uint64_t rflags)
{
	if (!(s->cr0 & CR0_PE))
		return "real mode";
	if (rflags & RFLAGS_VM)
		return "virtual-8086 mode";
	if (s->efer & EFER_LMA)
		return s->cs.l ? "64-bit mode" : "compatibility mode";
	return s->cs.db ? "32-bit protected mode" : "16-bit protected mode";
}

/** struct stand - the registers of a CPU when the run ended; @known is false if KVM could not read them */
struct stand {
	bool known;
	struct vcpu_regs regs;
};

static void print_code(const struct gmem *mem, const struct vcpu_regs *regs, FILE *out)
{
	const struct kvm_sregs *s = &regs->system;
	const struct paging paging = {.cr0 = s->cr0, .cr3 = s->cr3, .cr4 = s->cr4, .efer = s->efer};
	/* SDM 3, 3.4: 32 bits, except in 64-bit mode, where the segment base is 0. */
	uint64_t linear = s->cs.l ? regs->general.rip : (uint32_t)(s->cs.base + regs->general.rip);
	uint8_t code[CODE_BYTES];
	uint64_t gpa;
	size_t len;

	if (paging_translate(mem, &paging, linear, &gpa) < 0) {
		fprintf(out, "  code: not mapped\n");
		return;
	}
	/* Not across a page: the next one may not be contiguous. */
	len = MIN((uint64_t)sizeof(code), PAGE_4K - gpa % PAGE_4K);
	if (gmem_read(mem, gpa, code, len) < 0) {
		fprintf(out, "  code: not in RAM (guest-physical 0x%" PRIx64 ")\n", gpa);
		return;
	}
	fprintf(out, "  code:");
	for (size_t i = 0; i < len; i++)
		fprintf(out, " %02x", code[i]);
	fprintf(out, "\n");
}

static void print_cpu(struct machine *m, struct vcpu *v, const struct stand *at, const struct symbol *sym, FILE *out)
{
	const struct kvm_sregs *s = &at->regs.system;
	const struct kvm_regs *r = &at->regs.general;

	if (!at->known) {
		fprintf(out, "CPU %u: its registers cannot be read\n", v->id);
		return;
	}
	fprintf(out, "CPU %u: %s, %s, RIP 0x%" PRIx64, v->id, vcpu_state_name(v), mode_name(s, r->rflags),
		(uint64_t)r->rip);
	if (sym->name[0])
		fprintf(out, " (%s+0x%" PRIx64 ")", sym->name, sym->offset);
	fprintf(out, ", RSP 0x%" PRIx64 ", CR3 0x%" PRIx64 ", interrupts %s\n", (uint64_t)r->rsp, (uint64_t)s->cr3,
		r->rflags & RFLAGS_IF ? "on" : "off");
	if (m->end.verdict.by == DETECTOR_TRIPLE_FAULT && r->rip == RESET_RIP && !(s->cr0 & CR0_PE))
		fprintf(out, "  KVM on AMD resets a CPU that triple-faults: where it stood is lost\n");
	else
		print_code(&m->vm.memory.gmem, &at->regs, out);
}

/* The kernel's symbols apply to its own code: in 64-bit mode, and not to programs. */
static bool in_kernel(const struct stand *at)
{
	return at->known && at->regs.system.cs.l && at->regs.system.ss.dpl == 0;
}

/*
 * Symbols are used only if addresses in the file are those in the guest: an ELF that we entered directly is not
 * relocated.
 */
static void resolve(struct machine *m, const struct stand *at, struct symbol *sym, FILE *out)
{
	int found = 0;

	for (unsigned i = 0; i < m->vm.nr_vcpus; i++)
		sym[i].address = at[i].regs.general.rip;
	if (m->image.kernel.file_addresses)
		found = symbols_resolve(m->image.kernel_fd, sym, m->vm.nr_vcpus, trace_now_ns() + SYMBOLS_NS);
	if (found == -EFBIG || found == -ETIME)
		fprintf(out, "no names of functions: the kernel's symbol table %s\n",
			found == -EFBIG ? "is too large" : "takes too long to read");
	for (unsigned i = 0; i < m->vm.nr_vcpus; i++)
		if (!in_kernel(&at[i]))
			sym[i].name[0] = 0;
}

/* Each line has a prefix, so that it cannot be mistaken for one of vmm's. */
static void print_tail(char *tail, FILE *out)
{
	char *line;

	if (!*tail)
		return;
	fputs("last console output:\n", out);
	while ((line = strsep(&tail, "\n")))
		if (*line || tail)
			fprintf(out, "| %s\n", line);
}

void machine_report(struct machine *m, FILE *out)
{
	CLEANUP_FREE struct symbol *sym = calloc(MAX(m->vm.nr_vcpus, 1u), sizeof(*sym));
	CLEANUP_FREE struct stand *at = calloc(MAX(m->vm.nr_vcpus, 1u), sizeof(*at));
	CLEANUP_FREE char *tail = malloc(CONSOLE_TAIL_TEXT);

	if (m->end.failure[0])
		fprintf(out, "%s\n", m->end.failure);
	if (m->end.verdict.by == DETECTOR_INTERNAL_ERROR) {
		for (uint64_t i = 0; i < m->end.internal_error.ndata; i++)
			fprintf(out, "%s0x%" PRIx64 "%s", i ? " " : "KVM says: ", m->end.internal_error.data[i],
				i + 1 == m->end.internal_error.ndata ? "\n" : "");
		if (!kvm_hardware())
			machine_software_kvm(out);
	}
	if (!sym || !at || !tail)
		return;
	for (unsigned i = 0; i < m->vm.nr_vcpus; i++)
		at[i].known = vcpu_get_regs(&m->vm.vcpu[i], &at[i].regs, NULL) == 0;
	resolve(m, at, sym, out);
	for (unsigned i = 0; i < m->vm.nr_vcpus; i++)
		print_cpu(m, &m->vm.vcpu[i], &at[i], &sym[i], out);
	console_tail(m->console, tail, CONSOLE_TAIL_TEXT);
	print_tail(tail, out);
}
