// SPDX-License-Identifier: Apache-2.0
#include "vmm/kvm/vcpu_state.h"

#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>

#include "vmm/base/assert.h"
#include "vmm/base/le.h"
#include "vmm/base/x86.h"

/* Linux Documentation/virt/kvm/x86/msr.rst */
#define MSR_KVM_SYSTEM_TIME_NEW    0x4b564d01
#define KVM_SYSTEM_TIME_NEW_ENABLE BIT(0)

/* kvm_ioctl() takes a pointer that is not const, also for input. */
#define GIVEN(pointer) ((void *)(uintptr_t)(pointer))

static int get_system(struct vcpu *v, struct kvm_sregs *ret, struct err *e)
{
	int r = kvm_ioctl(v->kvm, v->fd, KVM_GET_SREGS, ret);

	return r < 0 ? err_sys(e, r, "KVM_GET_SREGS of CPU %u", v->id) : 0;
}

int vcpu_get_regs(struct vcpu *v, struct vcpu_regs *ret, struct err *e)
{
	struct vcpu_regs regs;
	int r = get_system(v, &regs.system, e);

	if (r < 0)
		return r;
	r = kvm_ioctl(v->kvm, v->fd, KVM_GET_REGS, &regs.general);
	if (r < 0)
		return err_sys(e, r, "KVM_GET_REGS of CPU %u", v->id);
	*ret = regs;
	return 0;
}

int vcpu_set_regs(struct vcpu *v, const struct vcpu_regs *regs, struct err *e)
{
	int r = kvm_ioctl(v->kvm, v->fd, KVM_SET_SREGS, GIVEN(&regs->system));

	if (r < 0)
		return err_sys(e, r, "KVM_SET_SREGS of CPU %u", v->id);
	r = kvm_ioctl(v->kvm, v->fd, KVM_SET_REGS, GIVEN(&regs->general));
	return r < 0 ? err_sys(e, r, "KVM_SET_REGS of CPU %u", v->id) : 0;
}

int vcpu_get_general(struct vcpu *v, struct kvm_regs *ret)
{
	return ioctl(v->fd, KVM_GET_REGS, ret) < 0 ? -errno : 0;
}

int vcpu_get_mp_state(struct vcpu *v)
{
	struct kvm_mp_state mp;

	return ioctl(v->fd, KVM_GET_MP_STATE, &mp) < 0 ? -errno : (int)mp.mp_state;
}

const char *vcpu_state_name(struct vcpu *v)
{
	switch (vcpu_get_mp_state(v)) {
	case KVM_MP_STATE_RUNNABLE: return "running";
	case KVM_MP_STATE_UNINITIALIZED: return "never started";
	case KVM_MP_STATE_INIT_RECEIVED: return "waits for SIPI";
	case KVM_MP_STATE_SIPI_RECEIVED: return "got SIPI";
	case KVM_MP_STATE_HALTED: return "halted";
	default: return "unknown state";
	}
}

/* --- For a guest that is held --------------------------------------------------------------------------- */

static int request(struct vcpu *v, unsigned long what, const void *arg)
{
	return ioctl(v->fd, what, GIVEN(arg)) < 0 ? -errno : 0;
}

int vcpu_peek_regs(struct vcpu *v, struct vcpu_regs *ret)
{
	int r = request(v, KVM_GET_SREGS, &ret->system);

	return r < 0 ? r : vcpu_get_general(v, &ret->general);
}

int vcpu_poke_regs(struct vcpu *v, const struct vcpu_regs *regs)
{
	int r = request(v, KVM_SET_SREGS, &regs->system);

	return r < 0 ? r : request(v, KVM_SET_REGS, &regs->general);
}

int vcpu_peek_fpu(struct vcpu *v, struct kvm_fpu *ret)
{
	return request(v, KVM_GET_FPU, ret);
}

int vcpu_poke_fpu(struct vcpu *v, const struct kvm_fpu *fpu)
{
	return request(v, KVM_SET_FPU, fpu);
}

int vcpu_peek_xsave(struct vcpu *v, void *ret)
{
	return request(v, KVM_GET_XSAVE, ret);
}

int vcpu_poke_xsave(struct vcpu *v, const void *area)
{
	return request(v, KVM_SET_XSAVE, area);
}

struct one_msr {
	struct kvm_msrs head;
	struct kvm_msr_entry entry;
};

/* Both return the number processed. */
static int one_msr(struct vcpu *v, unsigned long what, struct one_msr *m)
{
	int r = ioctl(v->fd, what, m);

	return r < 0 ? -errno : r == 1 ? 0 : -EINVAL;
}

int vcpu_peek_msr(struct vcpu *v, uint32_t index, uint64_t *ret)
{
	struct one_msr m = {.head.nmsrs = 1, .entry.index = index};
	int r = one_msr(v, KVM_GET_MSRS, &m);

	if (r == 0)
		*ret = m.entry.data;
	return r;
}

int vcpu_poke_msr(struct vcpu *v, uint32_t index, uint64_t value)
{
	struct one_msr m = {.head.nmsrs = 1, .entry = {.index = index, .data = value}};

	return one_msr(v, KVM_SET_MSRS, &m);
}

int vcpu_set_debug(struct vcpu *v, const struct kvm_guest_debug *debug)
{
	return request(v, KVM_SET_GUEST_DEBUG, debug);
}

struct msrs {
	struct kvm_msrs head;
	struct kvm_msr_entry entry[VCPU_MSRS_MAX];
};

/* KVM_GET_MSRS and KVM_SET_MSRS return the number processed; the next one was refused. */
static int msrs(
	struct vcpu *v, unsigned long request, const char *name, struct vcpu_msr *msr, unsigned nr, struct err *e)
{
	struct msrs m;

	assert(nr <= VCPU_MSRS_MAX);
	for (unsigned done = 0; done < nr;) {
		int r;

		m.head = (struct kvm_msrs){.nmsrs = nr - done};
		for (unsigned i = done; i < nr; i++)
			m.entry[i - done] = (struct kvm_msr_entry){.index = msr[i].index, .data = msr[i].value};
		r = kvm_ioctl_named(v->kvm, v->fd, request, name, &m);
		if (r < 0)
			return err_sys(e, r, "%s of CPU %u", name, v->id);
		for (unsigned i = 0; i < (unsigned)r; i++) {
			msr[done + i].value = m.entry[i].data;
			msr[done + i].refused = false;
		}
		done += (unsigned)r;
		if (done < nr)
			msr[done++].refused = true;
	}
	return 0;
}

int vcpu_get_msrs(struct vcpu *v, struct vcpu_msr *msr, unsigned nr, struct err *e)
{
	return msrs(v, KVM_GET_MSRS, "KVM_GET_MSRS", msr, nr, e);
}

int vcpu_set_msrs(struct vcpu *v, struct vcpu_msr *msr, unsigned nr, struct err *e)
{
	return msrs(v, KVM_SET_MSRS, "KVM_SET_MSRS", msr, nr, e);
}

bool vcpu_has_kvmclock(struct vcpu *v)
{
	uint64_t value;

	return vcpu_peek_msr(v, MSR_KVM_SYSTEM_TIME_NEW, &value) == 0 && (value & KVM_SYSTEM_TIME_NEW_ENABLE);
}

void vcpu_was_paused(struct vcpu *v)
{
	ioctl(v->fd, KVM_KVMCLOCK_CTRL);
}

int vcpu_get_apic(struct vcpu *v, struct kvm_lapic_state *ret, struct err *e)
{
	int r = kvm_ioctl(v->kvm, v->fd, KVM_GET_LAPIC, ret);

	return r < 0 ? err_sys(e, r, "KVM_GET_LAPIC of CPU %u", v->id) : 0;
}

int vcpu_set_apic(struct vcpu *v, const struct kvm_lapic_state *apic, struct err *e)
{
	int r = kvm_ioctl(v->kvm, v->fd, KVM_SET_LAPIC, GIVEN(apic));

	return r < 0 ? err_sys(e, r, "KVM_SET_LAPIC of CPU %u", v->id) : 0;
}

int vcpu_set_xcr0(struct vcpu *v, uint64_t value, struct err *e)
{
	struct kvm_xcrs xcrs = {.nr_xcrs = 1, .xcrs[0].value = value};
	int r = kvm_ioctl(v->kvm, v->fd, KVM_SET_XCRS, &xcrs);

	return r < 0 ? err_sys(e, r, "KVM_SET_XCRS of CPU %u", v->id) : 0;
}

int vcpu_set_cpuid(struct vcpu *v, const struct cpuid_set *set, struct err *e)
{
	struct {
		struct kvm_cpuid2 head;
		struct kvm_cpuid_entry2 entry[CPUID_ENTRIES_MAX];
	} c;
	int r;

	memset(&c.head, 0, sizeof(c.head));
	c.head.nent = set->nr;
	memcpy(c.entry, set->entry, set->nr * sizeof(set->entry[0]));
	r = kvm_ioctl(v->kvm, v->fd, KVM_SET_CPUID2, &c);
	return r < 0 ? err_sys(e, r, "KVM_SET_CPUID2 of CPU %u", v->id) : 0;
}

/* --- What firmware leaves ------------------------------------------------------------------------------------ */

static int set_platform_msrs(struct vcpu *v, struct err *e)
{
	/* KVM sets bits in it: BTS and PEBS are unavailable. */
	struct vcpu_msr enable = {.index = MSR_MISC_ENABLE};
	struct vcpu_msr m[] = {
		/* Linux does not use fast string copies on Intel if firmware left this disabled. */
		{.index = MSR_MISC_ENABLE, .value = MISC_ENABLE_FAST_STRING},
		/* Linux uses PAT only if MTRRs are enabled; everything is RAM or a trapped device, so write-back. */
		{.index = MSR_MTRR_DEF_TYPE, .value = MTRR_DEF_TYPE_ENABLE | MTRR_DEF_TYPE_WRITE_BACK},
		/* The TSC counts at the rate of P0: otherwise Linux reports a firmware bug on AMD. */
		{.index = MSR_HWCR, .value = HWCR_TSC_FREQ_SEL},
	};
	const unsigned required = ARRAY_SIZE(m) - 1; /* the last one is for a message only */
	int r = vcpu_get_msrs(v, &enable, 1, e);

	if (r < 0)
		return r;
	if (!enable.refused)
		m[0].value |= enable.value;
	r = vcpu_set_msrs(v, m, required + v->kvm->hwcr, e);
	for (unsigned i = 0; r == 0 && i < required; i++)
		if (m[i].refused)
			r = err_set(e, -EIO, "KVM_SET_MSRS of CPU %u: KVM refused MSR 0x%x", v->id, m[i].index);
	return r;
}

int vcpu_set_platform(struct vcpu *v, struct err *e)
{
	struct kvm_lapic_state lapic;
	int r;

	r = set_platform_msrs(v, e);
	if (r == 0)
		r = vcpu_get_apic(v, &lapic, e);
	if (r < 0)
		return r;
	/*
	 * MultiProcessor Specification 1.4, 3.6.2.2: firmware leaves the boot CPU's APIC enabled, as a wire from the
	 * 8259 to the CPU. So KVM can deliver interrupts to a guest that does not program it: KVM sends one when a page
	 * has arrived, and until it is delivered every HLT returns at once. The APICs of the other CPUs are in the
	 * state after INIT.
	 */
	if (v->id == 0)
		le32_put(lapic.regs + APIC_SPIV, APIC_SPIV_ENABLE | APIC_SPIV_RESET);
	le32_put(lapic.regs + APIC_LVT_LINT0, APIC_MODE_EXTINT);
	le32_put(lapic.regs + APIC_LVT_LINT1, APIC_MODE_NMI);
	return vcpu_set_apic(v, &lapic, e);
}

/* --- How a guest starts -------------------------------------------------------------------------------------- */

struct kvm_segment vcpu_segment(uint16_t selector, uint32_t attributes, uint64_t base, uint32_t limit)
{
	return (struct kvm_segment){
		.base = base,
		.limit = limit,
		.selector = selector,
		.type = SEG_TYPE(attributes),
		.dpl = SEG_RING(attributes),
		.s = !!(attributes & SEG_S),
		.present = !!(attributes & SEG_P),
		.l = !!(attributes & SEG_L),
		.db = !!(attributes & SEG_DB),
		.g = !!(attributes & SEG_G),
	};
}

static void set_segments(struct kvm_sregs *s, const struct entry *en)
{
	uint32_t limit = en->seg_size ? (uint32_t)(en->seg_size - 1) : UINT32_MAX;
	uint64_t base = en->seg_size ? en->seg_base : 0;
	bool is_long = en->mode == ENTRY_LONG;

	if (en->mode == ENTRY_REAL) {
		/*
		 * Real mode: the reset values are correct except for the code segment, which starts at the reset
		 * vector.
		 */
		s->cs.base = 0;
		s->cs.selector = 0;
		return;
	}
	s->cs = vcpu_segment(en->cs, is_long ? SEG_CODE64 : SEG_CODE32, base, limit);
	s->ds = s->es = s->fs = s->gs = s->ss = vcpu_segment(en->ds, SEG_DATA, base, limit);
	s->gdt.base = en->gdt_base;
	s->gdt.limit = en->gdt_limit;
	s->cr0 = CR0_PE | CR0_ET;
	if (is_long) {
		s->cr0 |= CR0_PG;
		s->cr3 = en->cr3;
		s->cr4 = CR4_PAE;
		s->efer = EFER_LME | EFER_LMA;
	}
	if (en->tss)
		s->tr = vcpu_segment(en->tss, SEG_TSS_BUSY, en->tss_base, TSS_SIZE - 1);
}

static void set_system(struct kvm_sregs *s, const struct entry *en)
{
	if (en->idt_limit) {
		s->idt.base = en->idt_base;
		s->idt.limit = en->idt_limit;
	}
	if (en->fpu) {
		/* SDM 3, 2.5: x87 without EM and with MP; SSE needs both bits of CR4. */
		s->cr0 |= CR0_MP | CR0_NE;
		s->cr4 |= CR4_OSFXSR | CR4_OSXMMEXCPT;
	}
}

void vcpu_entry_regs(const struct entry *en, struct vcpu_regs *regs)
{
	regs->general = (struct kvm_regs){
		.rip = en->rip,
		.rsp = en->rsp,
		.rbp = en->rbp,
		.rsi = en->rsi,
		.rbx = en->rbx,
		.rdi = en->rdi,
		.rflags = RFLAGS_FIXED,
	};
	set_segments(&regs->system, en);
	set_system(&regs->system, en);
}

int vcpu_set_entry(struct vcpu *v, const struct entry *en, struct err *e)
{
	struct vcpu_regs regs;
	int r = get_system(v, &regs.system, e);

	if (r < 0)
		return r;
	vcpu_entry_regs(en, &regs);
	return vcpu_set_regs(v, &regs, e);
}
