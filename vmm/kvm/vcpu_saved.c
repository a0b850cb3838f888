// SPDX-License-Identifier: Apache-2.0
#include "vmm/kvm/vcpu_saved.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/base/x86.h"

/* kvm_ioctl() takes what it only reads by the same pointer. */
#define GIVEN(pointer) ((void *)(uintptr_t)(pointer))

/**
 * struct part - a part of the state that one request reads and one writes
 * @at: where it is in struct vcpu_saved
 * @behind: it holds a pointer to the part
 */
struct part {
	const char *get_name, *set_name;
	unsigned long get, set;
	size_t at;
	bool behind;
};

#define PART(get, set, member, behind)                                                                                 \
	{                                                                                                              \
#get, #set, get, set, offsetof(struct vcpu_saved, member), behind                                      \
	}

enum { MP_STATE, EVENTS, GENERAL, SYSTEM, DEBUG, XCRS, XSAVE, LAPIC };

static const struct part parts[] = {
	[MP_STATE] = PART(KVM_GET_MP_STATE, KVM_SET_MP_STATE, mp_state, false),
	[EVENTS] = PART(KVM_GET_VCPU_EVENTS, KVM_SET_VCPU_EVENTS, events, false),
	[GENERAL] = PART(KVM_GET_REGS, KVM_SET_REGS, general, false),
	[SYSTEM] = PART(KVM_GET_SREGS2, KVM_SET_SREGS2, system, false),
	[DEBUG] = PART(KVM_GET_DEBUGREGS, KVM_SET_DEBUGREGS, debug, false),
	[XCRS] = PART(KVM_GET_XCRS, KVM_SET_XCRS, xcrs, false),
	[XSAVE] = PART(KVM_GET_XSAVE2, KVM_SET_XSAVE, xsave, true),
	[LAPIC] = PART(KVM_GET_LAPIC, KVM_SET_LAPIC, lapic, false),
};

/*
 * Reading. The MP state is the first, since KVM takes an INIT or a SIPI that waits when it is asked for that, and these
 * change all the others. The rest is in any order.
 */
static const uint8_t read_order[] = {MP_STATE, EVENTS, GENERAL, SYSTEM, DEBUG, XCRS, XSAVE, LAPIC};

/*
 * Writing, up to the registers that are model-specific, and after them.
 * - SYSTEM has the APIC's mode (xAPIC or x2APIC), by which KVM reads LAPIC, and EFER and CR4, by which it checks
 *   others.
 * - XCRS before XSAVE: of the components that are on.
 * - The TSC and then LAPIC before TSC_DEADLINE: it is armed against the one, and dropped unless the other's timer is in
 *   that mode.
 * - GENERAL drops an exception that waits, so EVENTS comes after it.
 * - MP_STATE is the last: a CPU that runs is set up.
 */
static const uint8_t before_msrs[] = {SYSTEM, XCRS, XSAVE, DEBUG, GENERAL};
static const uint8_t after_msrs[] = {EVENTS, MP_STATE};

/*
 * Registers that KVM has and does not list: those of memory types. Linux compares them between CPUs.
 * Spec: SDM 3, 12.11.2.
 */
static const uint32_t unlisted[] = {0x2ff, 0x250, 0x258, 0x259, 0x268, 0x269, 0x26a, 0x26b, 0x26c, 0x26d, 0x26e, 0x26f,
	0x200, 0x201, 0x202, 0x203, 0x204, 0x205, 0x206, 0x207, 0x208, 0x209, 0x20a, 0x20b, 0x20c, 0x20d, 0x20e, 0x20f};

static void *part_of(const struct vcpu_saved *s, const struct part *p)
{
	uint8_t *at = (uint8_t *)GIVEN(s) + p->at;

	return p->behind ? *(uint8_t **)at : at;
}

static int write_parts(struct vcpu *v, const struct vcpu_saved *s, const uint8_t *order, size_t nr, struct err *e)
{
	for (size_t i = 0; i < nr; i++) {
		const struct part *p = &parts[order[i]];
		int r = kvm_ioctl_named(v->kvm, v->fd, p->set, p->set_name, part_of(s, p));

		if (r < 0)
			return err_sys(e, r, "%s of CPU %u", p->set_name, v->id);
	}
	return 0;
}

/* --- Model-specific registers ------------------------------------------------------------------------------------- */

static int save_msrs(struct vcpu *v, struct vcpu_saved *s, struct err *e)
{
	int r = 0;

	for (unsigned done = 0; r == 0 && done < s->nr_msrs; done += VCPU_MSRS_MAX)
		r = vcpu_get_msrs(v, s->msr + done, MIN(s->nr_msrs - done, (unsigned)VCPU_MSRS_MAX), e);
	return r;
}

static int set_batch(struct vcpu *v, struct vcpu_msr *batch, unsigned nr, struct err *e)
{
	int r = vcpu_set_msrs(v, batch, nr, e);

	for (unsigned i = 0; r == 0 && i < nr; i++)
		if (batch[i].refused)
			r = err_set(e, -EIO, "KVM_SET_MSRS of CPU %u: KVM refused MSR 0x%x = %#llx", v->id,
				batch[i].index, (unsigned long long)batch[i].value);
	return r;
}

static int restore_msrs(struct vcpu *v, const struct vcpu_msr *msr, unsigned nr, struct err *e)
{
	struct vcpu_msr batch[VCPU_MSRS_MAX];
	unsigned n = 0;
	int r = 0;

	for (unsigned i = 0; r == 0 && i < nr; i++) {
		if (!msr[i].refused)
			batch[n++] = msr[i];
		if (n == VCPU_MSRS_MAX || (n && i + 1 == nr)) {
			r = set_batch(v, batch, n, e);
			n = 0;
		}
	}
	return r;
}

/* What is written when the APIC is in place: at the end of the list. */
static unsigned late_msrs(const struct vcpu_saved *s)
{
	return s->nr_msrs && s->msr[s->nr_msrs - 1].index == MSR_TSC_DEADLINE;
}

/* --- Time --------------------------------------------------------------------------------------------------------- */

static int tsc_offset(struct vcpu *v, unsigned long request, const char *name, uint64_t *offset, struct err *e)
{
	struct kvm_device_attr attr = {
		.group = KVM_VCPU_TSC_CTRL, .attr = KVM_VCPU_TSC_OFFSET, .addr = (uint64_t)(uintptr_t)offset};
	int r = kvm_ioctl_named(v->kvm, v->fd, request, name, &attr);

	return r < 0 ? err_sys(e, r, "%s of CPU %u, TSC offset", name, v->id) : 0;
}

/* --- All of it ---------------------------------------------------------------------------------------------------- */

int vcpu_save(struct vcpu *v, struct vcpu_saved *s, uint64_t host_tsc, struct err *e)
{
	uint64_t offset;
	int r;

	for (size_t i = 0; i < ARRAY_SIZE(read_order); i++) {
		const struct part *p = &parts[read_order[i]];

		r = kvm_ioctl_named(v->kvm, v->fd, p->get, p->get_name, part_of(s, p));
		if (r < 0)
			return err_sys(e, r, "%s of CPU %u", p->get_name, v->id);
	}
	r = tsc_offset(v, KVM_GET_DEVICE_ATTR, "KVM_GET_DEVICE_ATTR", &offset, e);
	if (r < 0)
		return r;
	s->tsc = host_tsc + offset;
	return save_msrs(v, s, e);
}

int vcpu_restore(struct vcpu *v, const struct vcpu_saved *s, uint64_t host_tsc, struct err *e)
{
	const unsigned late = late_msrs(s), early = s->nr_msrs - late;
	uint64_t offset = s->tsc - host_tsc;
	const uint8_t lapic = LAPIC;
	int r = write_parts(v, s, before_msrs, ARRAY_SIZE(before_msrs), e);

	if (r == 0)
		r = tsc_offset(v, KVM_SET_DEVICE_ATTR, "KVM_SET_DEVICE_ATTR", &offset, e);
	if (r == 0)
		r = restore_msrs(v, s->msr, early, e);
	if (r == 0)
		r = write_parts(v, s, &lapic, 1, e);
	if (r == 0)
		r = restore_msrs(v, s->msr + early, late, e);
	return r < 0 ? r : write_parts(v, s, after_msrs, ARRAY_SIZE(after_msrs), e);
}

/* The list that KVM gives, and what it does not list, in the order in which they are written. */
static int list_msrs(struct kvm *kvm, struct vcpu_saved *s, struct err *e)
{
	CLEANUP_FREE struct kvm_msr_list *list = NULL;
	struct kvm_msr_list ask = {0};
	bool deadline = false;
	int r = kvm_ioctl(kvm, kvm->fd, KVM_GET_MSR_INDEX_LIST, &ask);

	/* It does not fit, and the number is known. */
	if (r < 0 && r != -E2BIG)
		return err_sys(e, r, "KVM_GET_MSR_INDEX_LIST");
	list = calloc(1, sizeof(*list) + ask.nmsrs * sizeof(list->indices[0]));
	s->msr = calloc(ask.nmsrs + ARRAY_SIZE(unlisted), sizeof(s->msr[0]));
	if (!list || !s->msr)
		return err_sys(e, -ENOMEM, "no memory for a CPU's state");
	list->nmsrs = ask.nmsrs;
	r = kvm_ioctl(kvm, kvm->fd, KVM_GET_MSR_INDEX_LIST, list);
	if (r < 0)
		return err_sys(e, r, "KVM_GET_MSR_INDEX_LIST");
	for (unsigned i = 0; i < list->nmsrs; i++) {
		bool elsewhere = list->indices[i] == MSR_TSC; /* it is an offset */

		if (list->indices[i] == MSR_TSC_DEADLINE)
			deadline = true;
		else if (!elsewhere)
			s->msr[s->nr_msrs++].index = list->indices[i];
	}
	for (size_t i = 0; i < ARRAY_SIZE(unlisted); i++)
		s->msr[s->nr_msrs++].index = unlisted[i];
	if (deadline)
		s->msr[s->nr_msrs++].index = MSR_TSC_DEADLINE;
	return 0;
}

int vcpu_saved_init(struct kvm *kvm, struct vcpu_saved *s, struct err *e)
{
	static const struct {
		int capability;
		const char *name;
	} needed[] = {
		{KVM_CAP_SREGS2, "KVM_CAP_SREGS2"}, {KVM_CAP_XCRS, "KVM_CAP_XCRS"},
		{KVM_CAP_DEBUGREGS, "KVM_CAP_DEBUGREGS"}, {KVM_CAP_VCPU_EVENTS, "KVM_CAP_VCPU_EVENTS"},
		{KVM_CAP_XSAVE2, "KVM_CAP_XSAVE2"}, /* the last: it answers with a size */
	};
	int size = 0;

	for (size_t i = 0; i < ARRAY_SIZE(needed); i++) {
		size = kvm_check(kvm, needed[i].capability);
		if (size <= 0)
			return err_set(e, -ENOTSUP, "this KVM cannot save a CPU: it has no %s", needed[i].name);
	}
	s->xsave_size = (size_t)size;
	s->xsave = calloc(1, s->xsave_size);
	if (!s->xsave)
		return err_sys(e, -ENOMEM, "no memory for a CPU's state");
	return list_msrs(kvm, s, e);
}

void vcpu_saved_destroy(struct vcpu_saved *s)
{
	if (!s)
		return;
	free(s->xsave);
	free(s->msr);
	*s = (struct vcpu_saved){0};
}
