// SPDX-License-Identifier: Apache-2.0
/*
 * The frame of a signal handler, as Linux 6.1 lays it out (arch/x86/kernel/signal.c, kernel/fpu/signal.c), and the way
 * back. From high to low addresses: the FPU's state with its own description, struct frame, what the handler uses.
 * The program may change all of it, so that rt_sigreturn takes nothing on trust: exec_ops.set_regs() and set_fpu()
 * accept what ring 3 could have loaded itself.
 */
#include <errno.h>
#include <string.h>

#include "vmm/base/le.h"
#include "vmm/exec/monitor.h"
#include "vmm/exec/signals.h"

#define RED_ZONE   128
#define FPU_ALIGN  64
#define FLAGS_KEPT UINT64_C(0x50dd5) /* FIX_EFLAGS: AC, RF, OF, DF, TF, SF, ZF, AF, PF, CF */
#define RFLAGS_RF  BIT(16)

/* uc_flags: there is an XSAVE area, SS is in the frame, and it counts. */
#define UC_FP_XSTATE         1
#define UC_SIGCONTEXT_SS     2
#define UC_STRICT_RESTORE_SS 4

/* struct _fpx_sw_bytes, where the processor leaves the FXSAVE area alone: arch/x86/include/uapi/asm/sigcontext.h */
#define FX_SIZE         512
#define FX_SOFTWARE     464
#define FX_MXCSR        24
#define FP_MAGIC1       0x46505853
#define FP_MAGIC2       0x46505845
#define FP_MAGIC2_SIZE  4
#define XSAVE_HEADER    FX_SIZE
#define XSAVE_HEADER_SZ 64
#define XSAVE_LEGACY    3 /* x87 and SSE */

struct software {
	uint32_t magic;
	uint32_t extended_size;
	uint64_t features;
	uint32_t size;
	uint32_t unused[7];
};

/** struct frame - struct rt_sigframe */
struct frame {
	uint64_t restorer;
	uint64_t flags;
	uint64_t link;
	struct exec_stack stack;
	struct exec_regs regs;
	uint16_t cs, gs, fs, ss;
	uint64_t error, trap, old_mask, address, fpu;
	uint64_t reserved[8];
	uint64_t mask;
	struct {
		int32_t signal, error, code, pad;
		uint64_t word[14];
	} info;
};

_Static_assert(sizeof(struct frame) == 440 && sizeof(struct software) == FX_SIZE - FX_SOFTWARE, "as in Linux");

/* --- The alternative stack ---------------------------------------------------------------------------------- */

#define SS_AUTODISARM_ (UINT32_C(1) << 31)
#define MINSIGSTKSZ_   2048

static bool is_within(const struct exec_stack *s, uint64_t rsp)
{
	return rsp > s->base && rsp - s->base <= s->size;
}

bool exec_on_stack(const struct exec_thread *th, uint64_t rsp)
{
	return !(th->altstack.flags & SS_AUTODISARM_) && is_within(&th->altstack, rsp);
}

int exec_set_stack(struct exec_thread *th, const struct exec_stack *new, uint64_t rsp)
{
	uint32_t mode = new->flags & ~SS_AUTODISARM_;

	if (exec_on_stack(th, rsp))
		return -EPERM;
	if (mode != SS_DISABLE && mode != SS_ONSTACK && mode)
		return -EINVAL;
	if (mode == SS_DISABLE)
		th->altstack = (struct exec_stack){.flags = new->flags};
	else if (new->size < MINSIGSTKSZ_)
		return -ENOMEM;
	else
		th->altstack = *new;
	return 0;
}

/* --- To the handler ----------------------------------------------------------------------------------------- */

static uint64_t fpu_size(const struct exec_task *t)
{
	return t->xsize ? t->xsize + FP_MAGIC2_SIZE : FX_SIZE;
}

static int push_fpu(struct exec_task *t, uint64_t at)
{
	uint8_t area[EXEC_FPU_SIZE + FP_MAGIC2_SIZE];
	const struct software software = {FP_MAGIC1, (uint32_t)fpu_size(t), t->xfeatures, t->xsize, {0}};
	int r = t->ops->get_fpu(t, area);

	if (r < 0)
		return r;
	if (t->xsize) {
		memcpy(area + FX_SOFTWARE, &software, sizeof(software));
		area[XSAVE_HEADER] |= XSAVE_LEGACY;
		le32_put(area + t->xsize, FP_MAGIC2);
	}
	return space_write(&t->space, at, area, fpu_size(t));
}

/* As Linux does. @ret_fpu: where the FPU's state goes. Return: where the frame goes */
static uint64_t place(struct exec_task *t, const struct exec_action *action, uint64_t rsp, uint64_t *ret_fpu)
{
	const struct exec_thread *th = t->now;
	bool on_stack = exec_on_stack(th, rsp);
	uint64_t at = rsp - RED_ZONE;

	if (action->flags & SA_ONSTACK && th->altstack.size && !exec_on_stack(th, at)) {
		at = th->altstack.base + th->altstack.size;
		on_stack = true;
	}
	*ret_fpu = align_down(at - fpu_size(t), FPU_ALIGN);
	at = align_down(*ret_fpu - sizeof(struct frame), 16) - 8;
	/* An alternative stack that is too small: nothing outside of it is overwritten. */
	return on_stack && !is_within(&th->altstack, at) ? UINT64_MAX : at;
}

static void fill(const struct exec_task *t, const struct exec_info *info, const struct exec_regs *regs, struct frame *f)
{
	const struct exec_thread *th = t->now;

	f->flags = (t->xsize ? UC_FP_XSTATE : 0) | UC_SIGCONTEXT_SS | UC_STRICT_RESTORE_SS;
	f->stack = th->altstack;
	f->regs = *regs;
	f->cs = EXEC_USER_CS;
	f->ss = EXEC_USER_DS;
	f->error = th->error;
	f->trap = th->trap;
	f->address = th->address;
	f->mask = f->old_mask = th->masked ? th->saved : th->blocked;
	f->info.signal = info->signal;
	f->info.error = info->error;
	f->info.code = info->code;
	memcpy(f->info.word, info->word, sizeof(info->word));
}

int exec_push_frame(struct exec_task *t, const struct exec_info *info, struct exec_regs *regs)
{
	const struct exec_action *action = &t->action[info->signal];
	struct exec_thread *th = t->now;
	struct frame f = {.restorer = action->restorer};
	uint64_t at = place(t, action, regs->rsp, &f.fpu);
	int r = action->flags & EXEC_SA_RESTORER ? 0 : -EFAULT;

	fill(t, info, regs, &f);
	if (r == 0)
		r = push_fpu(t, f.fpu);
	if (r == 0)
		r = space_write(&t->space, at, &f, sizeof(f));
	if (t->space.empty)
		exec_kill_for_memory(t);
	if (r < 0)
		return r;
	if (th->altstack.flags & SS_AUTODISARM_)
		th->altstack = (struct exec_stack){.flags = SS_DISABLE};
	regs->rdi = (uint64_t)info->signal;
	regs->rsi = at + offsetof(struct frame, info);
	regs->rdx = at + offsetof(struct frame, flags);
	regs->rax = 0;
	regs->rip = action->handler;
	regs->rsp = at;
	regs->flags &= ~(RFLAGS_DF | RFLAGS_TF | RFLAGS_RF);
	return 0;
}

/* --- And back ----------------------------------------------------------------------------------------------- */

/* What XRSTOR would refuse. SDM 1, 13.8.1 */
static bool is_sane(const struct exec_task *t, const uint8_t *area)
{
	static const uint8_t zeros[XSAVE_HEADER_SZ - 8];

	return !(le64_get(area + XSAVE_HEADER) & ~t->xfeatures) &&
		!memcmp(area + XSAVE_HEADER + 8, zeros, sizeof(zeros));
}

/* With an XSAVE area, if the program has left its description as it was. Return: 0 or a negative errno */
static int read_fpu(struct exec_task *t, uint64_t at, uint8_t *area)
{
	struct software s;
	uint8_t magic[FP_MAGIC2_SIZE];
	int r = space_read(&t->space, at, area, FX_SIZE);

	if (r < 0 || !t->xsize)
		return r;
	memcpy(&s, area + FX_SOFTWARE, sizeof(s));
	memset(area + FX_SOFTWARE, 0, sizeof(s));
	if (s.magic != FP_MAGIC1 || s.size < FX_SIZE + XSAVE_HEADER_SZ || s.size > t->xsize ||
		s.size > s.extended_size || space_read(&t->space, at + s.size, magic, sizeof(magic)) < 0 ||
		le32_get(magic) != FP_MAGIC2) {
		le64_put(area + XSAVE_HEADER, XSAVE_LEGACY);
		return 0;
	}
	r = space_read(&t->space, at + FX_SIZE, area + FX_SIZE, s.size - FX_SIZE);
	if (r == 0 && !is_sane(t, area))
		r = -EINVAL;
	le64_put(area + XSAVE_HEADER, le64_get(area + XSAVE_HEADER) & s.features);
	return r;
}

static int restore_fpu(struct exec_task *t, uint64_t at)
{
	uint8_t area[EXEC_FPU_SIZE] = {0};
	int r = 0;

	/* Without a state: that after a reset. SDM 1, 13.6 */
	le16_put(area, 0x37f);
	le32_put(area + FX_MXCSR, 0x1f80);
	le64_put(area + XSAVE_HEADER, XSAVE_LEGACY);
	if (at)
		r = read_fpu(t, at, area);
	return r < 0 ? r : t->ops->set_fpu(t, area);
}

static int restore(struct exec_task *t, const struct frame *f, uint64_t flags)
{
	struct exec_regs regs = f->regs;
	int r = restore_fpu(t, f->fpu);

	if (r < 0)
		return r;
	regs.flags = (flags & ~FLAGS_KEPT) | (regs.flags & FLAGS_KEPT);
	t->now->blocked = f->mask & ~UNMASKABLE;
	exec_set_stack(t->now, &f->stack, regs.rsp);
	r = t->ops->set_regs(t, &regs);
	/* IRET would fault: the program's registers are those that it wanted. */
	if ((f->cs | SELECTOR_RPL) != EXEC_USER_CS ||
		(f->flags & UC_STRICT_RESTORE_SS && (f->ss | SELECTOR_RPL) != EXEC_USER_DS) ||
		!exec_is_canonical(regs.rip)) {
		t->now->trap = VECTOR_GP;
		t->now->error = 0;
		exec_force(t, &(const struct exec_info){SIGSEGV, 0, SI_KERNEL, {0, 0}});
	}
	return r;
}

int64_t exec_sys_rt_sigreturn(struct exec_task *t, const uint64_t *a)
{
	struct exec_regs regs;
	struct frame f;
	int r = t->ops->get_regs(t, &regs);

	if (r == 0)
		r = space_read(&t->space, regs.rsp - offsetof(struct frame, flags), &f, offsetof(struct frame, info));
	if (r == 0)
		r = restore(t, &f, regs.flags);
	if (r == 0)
		return (int64_t)f.regs.rax;
	exec_force(t, &(const struct exec_info){SIGSEGV, 0, SI_KERNEL, {0, 0}});
	return r;
}
