// SPDX-License-Identifier: Apache-2.0
#include "vmm/exec/cpu.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "vmm/base/le.h"
#include "vmm/kvm/vcpu_state.h"

/* x87, SSE, AVX and AVX-512: what Linux enables for every program. SDM 1, 13.3 */
#define XCR0_STATES UINT64_C(0xe7)

/* Flags that a program may set: SDM 1, 3.4.3 */
#define RFLAGS_USER UINT64_C(0x244dd5)

/* All exceptions and modes of SSE: SDM 1, 10.2.3 */
#define MXCSR_MAX 0xffff

#define CPUID_1_ECX_XSAVE    BIT(26)
#define CPUID_7_EBX_FSGSBASE BIT(0)
#define CPUID_7_EBX_SMEP     BIT(7)
#define CPUID_7_EBX_SMAP     BIT(20)

/* A frame as the processor pushes it, in 8-byte words: SDM 3, figure 6-9 */
enum { FRAME_RIP, FRAME_CS, FRAME_RFLAGS, FRAME_RSP, FRAME_SS, FRAME_WORDS };

/* --- How it starts ----------------------------------------------------------------------------------------- */

static void set_system(struct kvm_sregs *s, uint64_t root, uint32_t features, bool xsave)
{
	const uint32_t ring3 = SEG_DPL(3);

	s->cs = vcpu_segment(EXEC_USER_CS, SEG_CODE64 | ring3, 0, UINT32_MAX);
	s->ss = vcpu_segment(EXEC_USER_DS, SEG_DATA | ring3, 0, UINT32_MAX);
	/* Linux starts programs with null selectors here. */
	s->ds = s->es = s->fs = s->gs = (struct kvm_segment){.unusable = 1};
	s->tr = vcpu_segment(EXEC_TSS_SEL, SEG_TSS_BUSY, EXEC_MONITOR + EXEC_TSS, TSS_SIZE - 1);
	s->ldt = (struct kvm_segment){.unusable = 1};
	s->gdt.base = EXEC_MONITOR + EXEC_GDT;
	s->gdt.limit = EXEC_GDT_SIZE - 1;
	s->idt.base = EXEC_MONITOR + EXEC_IDT;
	s->idt.limit = EXEC_VECTORS * 16 - 1;
	s->cr0 = CR0_PE | CR0_MP | CR0_ET | CR0_NE | CR0_WP | CR0_AM | CR0_PG;
	s->cr3 = root;
	s->cr4 = CR4_PAE | CR4_OSFXSR | CR4_OSXMMEXCPT | (xsave ? CR4_OSXSAVE : 0) |
		(features & CPUID_7_EBX_FSGSBASE ? CR4_FSGSBASE : 0) | (features & CPUID_7_EBX_SMEP ? CR4_SMEP : 0) |
		(features & CPUID_7_EBX_SMAP ? CR4_SMAP : 0);
	s->efer = EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE;
}

static int set_msrs(struct vcpu *v, struct err *e)
{
	struct vcpu_msr m[] = {
		/* SYSRET adds 8 for SS and 16 for CS. SDM 3, 5.8.8 */
		{.index = MSR_STAR, .value = (uint64_t)EXEC_USER_CS32 << 48 | (uint64_t)EXEC_KERNEL_CS << 32},
		{.index = MSR_LSTAR, .value = EXEC_STUB},
		{.index = MSR_SFMASK, .value = RFLAGS_TF | RFLAGS_IF | RFLAGS_DF | RFLAGS_NT | RFLAGS_AC},
	};
	int r = vcpu_set_msrs(v, m, ARRAY_SIZE(m), e);

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(m); i++)
		if (m[i].refused)
			r = err_set(e, -ENOTSUP, "KVM_SET_MSRS: KVM refused MSR 0x%x", m[i].index);
	return r;
}

uint64_t exec_cpu_states(const struct cpuid_set *cpuid, uint32_t *ret_size)
{
	const struct kvm_cpuid_entry2 *leaf1 = cpuid_find(cpuid, 1, 0), *leafd = cpuid_find(cpuid, 0xd, 0);
	uint64_t states = leaf1 && leafd && leaf1->ecx & CPUID_1_ECX_XSAVE ? leafd->eax & XCR0_STATES : 0;

	/* x87 and SSE, and the header: SDM 1, 13.4 */
	*ret_size = states ? 512 + 64 : 0;
	for (unsigned i = 2; i < 64; i++) {
		const struct kvm_cpuid_entry2 *leaf = states & BIT(i) ? cpuid_find(cpuid, 0xd, i) : NULL;

		if (leaf)
			*ret_size = MAX(*ret_size, leaf->ebx + leaf->eax);
	}
	return states;
}

int exec_cpu_init(struct exec_cpu *c, struct vcpu *vcpu, struct space *space, const struct cpuid_set *cpuid,
	uint64_t rip, uint64_t rsp, struct err *e)
{
	const struct kvm_cpuid_entry2 *leaf7 = cpuid_find(cpuid, 7, 0);
	struct vcpu_regs regs;
	uint32_t size;
	uint64_t states = exec_cpu_states(cpuid, &size);
	int r;

	*c = (struct exec_cpu){.vcpu = vcpu, .space = space};
	if (!(kvm_check(vcpu->kvm, KVM_CAP_SYNC_REGS) & KVM_SYNC_X86_REGS))
		return err_set(e, -ENOTSUP, "this KVM cannot share registers (KVM_CAP_SYNC_REGS, Linux 4.17)");
	r = monitor_write(space, &c->monitor);
	if (r < 0)
		return err_sys(e, r, "cannot write the guest's tables");
	r = vcpu_set_cpuid(vcpu, cpuid, e);
	if (r == 0)
		r = vcpu_get_regs(vcpu, &regs, e);
	if (r < 0)
		return r;
	set_system(&regs.system, space->root, leaf7 ? leaf7->ebx : 0, states);
	regs.general = (struct kvm_regs){.rip = rip, .rsp = rsp, .rflags = RFLAGS_FIXED | RFLAGS_IF};
	r = vcpu_set_regs(vcpu, &regs, e);
	if (r == 0 && states)
		r = vcpu_set_xcr0(vcpu, states, e);
	if (r == 0)
		r = set_msrs(vcpu, e);
	vcpu->run->kvm_valid_regs = KVM_SYNC_X86_REGS;
	return r;
}

/* --- Why it left ------------------------------------------------------------------------------------------- */

static struct kvm_regs *regs_of(const struct exec_cpu *c)
{
	return &c->vcpu->run->s.regs.regs;
}

static int PRINTF(2, 3) broken(struct exec_exit *x, const char *fmt, ...)
{
	va_list ap;

	x->what = EXEC_BROKEN;
	va_start(ap, fmt);
	vsnprintf(x->words, sizeof(x->words), fmt, ap);
	va_end(ap);
	return 0;
}

static void set_call(struct exec_exit *x, const struct kvm_regs *regs)
{
	x->what = EXEC_CALL;
	x->nr = regs->rax;
	x->arg[0] = regs->rdi;
	x->arg[1] = regs->rsi;
	x->arg[2] = regs->rdx;
	x->arg[3] = regs->r10;
	x->arg[4] = regs->r8;
	x->arg[5] = regs->r9;
}

/* A SYSCALL that faulted at the stub, or a jump there: IRET returns to where SYSRET would. */
static int call_by_fault(struct exec_cpu *c, struct exec_exit *x, uint64_t *frame)
{
	const struct kvm_regs *regs = regs_of(c);

	frame[FRAME_RIP] = x->rip = regs->rcx;
	frame[FRAME_RFLAGS] = (regs->r11 & RFLAGS_USER) | RFLAGS_FIXED | RFLAGS_IF;
	c->by_frame = true;
	if (x->rip >= SPACE_HIGH) {
		/* A program that jumped to the stub itself has no valid return address. */
		frame[FRAME_RIP] = x->rip = EXEC_STUB;
		x->vector = VECTOR_GP;
		return 0;
	}
	set_call(x, regs);
	return gmem_write(c->space->mem, c->frame, frame, FRAME_WORDS * sizeof(*frame));
}

static int fault(struct exec_cpu *c, struct exec_exit *x)
{
	const struct kvm_regs *regs = regs_of(c);
	uint64_t vector = (regs->rip - EXEC_STUB - EXEC_STUB_VECTORS) / EXEC_STUB_SPACING;
	uint64_t at = regs->rsp - EXEC_STACKS, words[2 + FRAME_WORDS], *frame = words;
	size_t before;

	if (vector >= EXEC_VECTORS || at >= PAGE_4K)
		return broken(x, "an exception without a frame, RIP 0x%llx, RSP 0x%llx", regs->rip, regs->rsp);
	before = (vector == VECTOR_PF) + !!(EXEC_WITH_ERROR & BIT(vector));
	if (gmem_read(c->space->mem, c->monitor.stacks_gpa + at, words, (before + FRAME_WORDS) * 8) < 0)
		return broken(x, "an exception without a frame, RSP 0x%llx", regs->rsp);
	x->what = EXEC_FAULT;
	x->vector = (unsigned)vector;
	x->address = vector == VECTOR_PF ? words[0] : 0;
	x->error = before ? words[before - 1] : 0;
	frame += before;
	c->frame = c->monitor.stacks_gpa + at + before * 8;
	x->rip = frame[FRAME_RIP];
	x->rsp = frame[FRAME_RSP];
	if (!(frame[FRAME_CS] & SELECTOR_RPL))
		return broken(x, "exception %u in ring 0, RIP 0x%" PRIx64, x->vector, x->rip);
	if (vector == VECTOR_PF && x->rip == EXEC_STUB && x->address == EXEC_STUB)
		return call_by_fault(c, x, frame);
	return 0;
}

/* Has the vCPU not reached the OUT of the stub yet, after which the program's state is the one of the last exit? */
static bool is_between(uint64_t rip)
{
	uint64_t at = rip - EXEC_STUB, vector = (at - EXEC_STUB_VECTORS) / EXEC_STUB_SPACING;

	if (at < EXEC_STUB_VECTORS)
		return at == 0;
	at = (at - EXEC_STUB_VECTORS) % EXEC_STUB_SPACING;
	return at <= (vector == VECTOR_PF ? EXEC_STUB_PF_OUT : 0);
}

static void kicked(struct exec_cpu *c, struct exec_exit *x, uint64_t frame)
{
	x->what = EXEC_KICKED;
	c->user = x->rip < EXEC_MONITOR;
	x->between = !c->user && is_between(x->rip);
	c->frame = frame;
}

static int left(struct exec_cpu *c, struct exec_exit *x, const struct vcpu_exit *v)
{
	char text[VCPU_EXIT_TEXT_MAX];
	const struct kvm_regs *regs = regs_of(c);
	uint64_t frame = c->frame;

	x->rip = regs->rip;
	x->rsp = regs->rsp;
	c->frame = 0;
	c->user = x->between = false;
	switch (v->what) {
	case VCPU_PIO:
		if (v->pio.port == EXEC_PORT_FAULT)
			return fault(c, x);
		/* OUT faults in ring 3, so this one was executed by the stub. */
		set_call(x, regs);
		x->rip = regs->rcx;
		return 0;
	case VCPU_KICKED: kicked(c, x, frame); return 0;
	case VCPU_TRIPLE_FAULT: return broken(x, "triple fault, RIP 0x%" PRIx64, x->rip);
	case VCPU_INTERNAL_ERROR:
		return broken(x, "KVM internal error, suberror %" PRIu64 ", RIP 0x%" PRIx64, v->error, x->rip);
	default: return broken(x, "KVM left the guest: %s", vcpu_exit_text(v, text));
	}
}

int exec_cpu_step(struct exec_cpu *c, struct exec_exit *ret)
{
	struct vcpu_exit v;
	int r = vcpu_step(c->vcpu, &v);

	ret->error = ret->address = 0;
	return r < 0 ? r : left(c, ret, &v);
}

void exec_cpu_return(struct exec_cpu *c, uint64_t result)
{
	regs_of(c)->rax = result;
	c->vcpu->run->kvm_dirty_regs = KVM_SYNC_X86_REGS;
}

int exec_cpu_set_base(struct exec_cpu *c, bool gs, uint64_t base)
{
	return vcpu_poke_msr(c->vcpu, gs ? MSR_GS_BASE : MSR_FS_BASE, base);
}

int exec_cpu_get_base(struct exec_cpu *c, bool gs, uint64_t *ret)
{
	return vcpu_peek_msr(c->vcpu, gs ? MSR_GS_BASE : MSR_FS_BASE, ret);
}

/* --- Its registers ----------------------------------------------------------------------------------------- */

static void to_program(const struct kvm_regs *k, struct exec_regs *r)
{
	*r = (struct exec_regs){k->r8, k->r9, k->r10, k->r11, k->r12, k->r13, k->r14, k->r15, k->rdi, k->rsi, k->rbp,
		k->rbx, k->rdx, k->rax, k->rcx, k->rsp, k->rip, k->rflags};
}

static void from_program(const struct exec_regs *r, struct kvm_regs *k)
{
	*k = (struct kvm_regs){.rax = r->rax,
		.rbx = r->rbx,
		.rcx = r->rcx,
		.rdx = r->rdx,
		.rsi = r->rsi,
		.rdi = r->rdi,
		.rsp = k->rsp,
		.rbp = r->rbp,
		.r8 = r->r8,
		.r9 = r->r9,
		.r10 = r->r10,
		.r11 = r->r11,
		.r12 = r->r12,
		.r13 = r->r13,
		.r14 = r->r14,
		.r15 = r->r15,
		.rip = k->rip,
		.rflags = k->rflags};
}

int exec_cpu_get_regs(const struct exec_cpu *c, struct exec_regs *ret)
{
	uint64_t frame[FRAME_WORDS];
	int r;

	to_program(regs_of(c), ret);
	if (c->user)
		return 0;
	if (!c->frame) {
		ret->rip = ret->rcx;
		ret->flags = ret->r11;
		return 0;
	}
	r = gmem_read(c->space->mem, c->frame, frame, sizeof(frame));
	if (r < 0)
		return r;
	ret->rip = frame[FRAME_RIP];
	ret->rsp = frame[FRAME_RSP];
	ret->flags = frame[FRAME_RFLAGS];
	return 0;
}

/*
 * In the stub, whichever way it was entered, the vCPU continues at the IRET of a handler, with a frame of ours: SYSRET
 * could not restore RCX and R11. RIP is not where the OUT was, so that KVM does not step over an instruction.
 */
int exec_cpu_set_regs(struct exec_cpu *c, const struct exec_regs *regs)
{
	const uint64_t offset = EXEC_STACK_SIZE - FRAME_WORDS * sizeof(uint64_t);
	uint64_t flags = (regs->flags & RFLAGS_USER) | RFLAGS_FIXED | RFLAGS_IF;
	const uint64_t frame[FRAME_WORDS] = {regs->rip, EXEC_USER_CS, flags, regs->rsp, EXEC_USER_DS};
	struct kvm_regs *k = regs_of(c);

	from_program(regs, k);
	c->vcpu->run->kvm_dirty_regs = KVM_SYNC_X86_REGS;
	if (c->user) {
		k->rip = regs->rip;
		k->rsp = regs->rsp;
		k->rflags = flags;
		return 0;
	}
	k->rip = EXEC_STUB + EXEC_STUB_IRET;
	k->rsp = EXEC_STACKS + offset;
	c->frame = c->monitor.stacks_gpa + offset;
	return gmem_write(c->space->mem, c->frame, frame, sizeof(frame));
}

int exec_cpu_get_fpu(struct exec_cpu *c, void *ret)
{
	return vcpu_peek_xsave(c->vcpu, ret);
}

int exec_cpu_set_fpu(struct exec_cpu *c, const void *area)
{
	/* KVM checks the rest. */
	return le32_get((const uint8_t *)area + 24) > MXCSR_MAX ? -EINVAL : vcpu_poke_xsave(c->vcpu, area);
}
