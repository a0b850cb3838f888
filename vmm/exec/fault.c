// SPDX-License-Identifier: Apache-2.0
/*
 * Exceptions: a page that is touched for the first time, or a signal.
 */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "vmm/base/le.h"
#include "vmm/exec/signals.h"

/* FXSAVE: SDM 1, table 10-2; exceptions of x87 and SSE, 8.1.3 and 10.2.3 */
#define FX_CONTROL 0
#define FX_STATUS  2
#define FX_MXCSR   24
#define FP_INVALID 0x01
#define FP_ZERO    0x04
#define FP_OVER    0x08
#define FP_UNDER   0x12 /* and denormals */
#define FP_INEXACT 0x20
#define MXCSR_MASK 7

static int signal_of(unsigned vector)
{
	switch (vector) {
	case VECTOR_DE:
	case VECTOR_MF:
	case VECTOR_XM: return SIGFPE;
	case VECTOR_DB:
	case VECTOR_BP: return SIGTRAP;
	case VECTOR_UD: return SIGILL;
	case VECTOR_AC:
	case VECTOR_SS: return SIGBUS;
	default: return SIGSEGV;
	}
}

static const char *name_of(unsigned vector)
{
	switch (vector) {
	case VECTOR_DE: return "divide error";
	case VECTOR_DB: return "debug exception";
	case VECTOR_BP: return "breakpoint";
	case VECTOR_OF: return "overflow";
	case VECTOR_UD: return "invalid opcode";
	case VECTOR_SS: return "stack fault";
	case VECTOR_GP: return "general protection fault";
	case VECTOR_MF: return "x87 floating-point error";
	case VECTOR_AC: return "alignment check";
	case VECTOR_XM: return "SIMD floating-point exception";
	default: return "exception";
	}
}

/* Return: true: the instruction can be run again. */
static bool give_page(struct exec_task *t, uint64_t error, uint64_t address, uint64_t rip)
{
	unsigned access = error & PF_ERROR_W ? SPACE_W : error & PF_ERROR_I ? SPACE_X : SPACE_R;
	const char *how = error & PF_ERROR_W ? "write to" : error & PF_ERROR_I ? "jump to" : "read of";
	int r = space_fault(&t->space, address, access);

	t->faults++;
	if (r == 0)
		return true;
	if (t->space.empty)
		exec_kill_for_memory(t);
	else
		snprintf(t->end.words, sizeof(t->end.words), "%s address 0x%" PRIx64 ", where %s; RIP 0x%" PRIx64, how,
			address, r == -EACCES ? "it may not" : "nothing is mapped", rip);
	return false;
}

/* Behind the end of a file that is mapped? */
static bool is_cut(const struct exec_task *t, uint64_t address)
{
	const struct area *a = space_area(&t->space, address);

	return a && a->start <= address && a->kind == AREA_CUT;
}

/* --- What the handler is told ------------------------------------------------------------------------------- */

/* As Linux arch/x86/kernel/fpu/core.c */
static int fp_code(struct exec_task *t, unsigned vector)
{
	uint8_t fpu[EXEC_FPU_SIZE];
	unsigned raised, mxcsr;

	if (t->ops->get_fpu(t, fpu) < 0)
		return FPE_FLTINV;
	mxcsr = le32_get(fpu + FX_MXCSR);
	raised = vector == VECTOR_MF ? le16_get(fpu + FX_STATUS) & ~(unsigned)le16_get(fpu + FX_CONTROL)
				     : ~(mxcsr >> MXCSR_MASK) & mxcsr;
	return raised & FP_INVALID  ? FPE_FLTINV
		: raised & FP_ZERO  ? FPE_FLTDIV
		: raised & FP_OVER  ? FPE_FLTOVF
		: raised & FP_UNDER ? FPE_FLTUND
				    : FPE_FLTRES;
}

static bool is_stepping(struct exec_task *t)
{
	struct exec_regs regs;

	return t->ops->get_regs(t, &regs) == 0 && regs.flags & RFLAGS_TF;
}

/* Of SIGSEGV and SIGBUS by a page fault */
static struct exec_info page_info(const struct exec_task *t, uint64_t address)
{
	const struct area *a = space_area(&t->space, address);
	bool mapped = a && a->start <= address;

	if (is_cut(t, address))
		return (struct exec_info){SIGBUS, 0, BUS_ADRERR, {address}};
	return (struct exec_info){SIGSEGV, 0, mapped ? SEGV_ACCERR : SEGV_MAPERR, {address}};
}

/* Linux arch/x86/kernel/traps.c */
static struct exec_info info_of(struct exec_task *t, unsigned vector, uint64_t address, uint64_t rip)
{
	struct exec_info info = {.signal = signal_of(vector), .code = SI_KERNEL};

	switch (vector) {
	case VECTOR_PF: return page_info(t, address);
	case VECTOR_DE: info.code = FPE_INTDIV; break;
	case VECTOR_UD: info.code = ILL_ILLOPN; break;
	case VECTOR_DB: info.code = is_stepping(t) ? TRAP_TRACE : TRAP_BRKPT; break;
	case VECTOR_MF:
	case VECTOR_XM: info.code = fp_code(t, vector); break;
	case VECTOR_AC: info.code = BUS_ADRALN; return info;
	default: return info;
	}
	info.word[0] = rip;
	return info;
}

void exec_fault(struct exec_task *t, unsigned vector, uint64_t error, uint64_t address, uint64_t rip)
{
	struct exec_thread *th = t->now;
	struct exec_info info;

	if (vector == VECTOR_PF) {
		if (give_page(t, error, address, rip) || t->end.ended)
			return;
		th->address = address;
		/* Nothing is to be learned about what is mapped above. */
		error |= address >= SPACE_HIGH ? PF_ERROR_P : 0;
	} else {
		snprintf(t->end.words, sizeof(t->end.words), "%s; RIP 0x%" PRIx64, name_of(vector), rip);
	}
	th->trap = vector;
	th->error = error;
	info = info_of(t, vector, address, rip);
	exec_force(t, &info);
}
