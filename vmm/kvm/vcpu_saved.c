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
 * @name: of its section
 * @at: where it is in struct vcpu_saved
 * @size: bytes; 0: it is where a pointer at @at says, as large as this host's KVM has it
 */
struct part {
	const char *get_name, *set_name;
	unsigned long get, set;
	char name[STATE_NAME_MAX];
	uint16_t at, size;
};

#define PART(get, set, name, member, size)                                                                             \
	{                                                                                                              \
#get, #set, get, set, name, offsetof(struct vcpu_saved, member), size                                  \
	}

enum { MP_STATE, EVENTS, GENERAL, SYSTEM, DEBUG, XCRS, XSAVE, LAPIC };

static const struct part parts[] = {
	[MP_STATE] = PART(KVM_GET_MP_STATE, KVM_SET_MP_STATE, "mp-state", mp_state, sizeof(struct kvm_mp_state)),
	[EVENTS] = PART(KVM_GET_VCPU_EVENTS, KVM_SET_VCPU_EVENTS, "events", events, sizeof(struct kvm_vcpu_events)),
	[GENERAL] = PART(KVM_GET_REGS, KVM_SET_REGS, "regs", general, sizeof(struct kvm_regs)),
	[SYSTEM] = PART(KVM_GET_SREGS2, KVM_SET_SREGS2, "sregs2", system, sizeof(struct kvm_sregs2)),
	[DEBUG] = PART(KVM_GET_DEBUGREGS, KVM_SET_DEBUGREGS, "debugregs", debug, sizeof(struct kvm_debugregs)),
	[XCRS] = PART(KVM_GET_XCRS, KVM_SET_XCRS, "xcrs", xcrs, sizeof(struct kvm_xcrs)),
	[XSAVE] = PART(KVM_GET_XSAVE2, KVM_SET_XSAVE, "xsave", xsave, 0),
	[LAPIC] = PART(KVM_GET_LAPIC, KVM_SET_LAPIC, "lapic", lapic, sizeof(struct kvm_lapic_state)),
};

/* KVM takes fewer than 256 registers in a request. */
#define BATCH_MAX 240

/* More than any KVM lists. */
#define MSRS_MAX 1024

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

/*
 * Registers by which KVM sends interrupts to its own APICs: asynchronous page faults, their vector and acknowledgement,
 * paravirtual EOI. Without one it gives them and does not take them.
 * Spec: Linux Documentation/virt/kvm/x86/msr.rst.
 */
static const uint32_t of_apic[] = {0x4b564d02, 0x4b564d04, 0x4b564d06, 0x4b564d07};

static void *part_of(const struct vcpu_saved *s, const struct part *p)
{
	uint8_t *at = (uint8_t *)GIVEN(s) + p->at;

	return p->size ? at : *(uint8_t **)at;
}

static bool has_part(const struct vcpu_saved *s, unsigned part)
{
	return part != LAPIC || s->has_apic;
}

static int write_parts(struct vcpu *v, const struct vcpu_saved *s, const uint8_t *order, size_t nr, struct err *e)
{
	for (size_t i = 0; i < nr; i++) {
		const struct part *p = &parts[order[i]];
		int r = has_part(s, order[i]) ? kvm_ioctl_named(v->kvm, v->fd, p->set, p->set_name, part_of(s, p)) : 0;

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

/* KVM stops at a register that it refuses, and says how many it has taken. */
static int set_batch(struct vcpu *v, struct kvm_msrs *batch, unsigned nr, struct err *e)
{
	int r;

	batch->nmsrs = nr;
	r = kvm_ioctl(v->kvm, v->fd, KVM_SET_MSRS, batch);
	if (r < 0)
		return err_sys(e, r, "KVM_SET_MSRS of CPU %u", v->id);
	if ((unsigned)r < nr)
		return err_set(e, -EIO, "KVM_SET_MSRS of CPU %u: KVM refused MSR 0x%x = %#llx", v->id,
			batch->entries[r].index, (unsigned long long)batch->entries[r].data);
	return 0;
}

static int restore_msrs(struct vcpu *v, const struct vcpu_saved *s, unsigned first, unsigned end, struct err *e)
{
	unsigned n = 0;
	int r = 0;

	for (unsigned i = first; r == 0 && i < end; i++) {
		const struct vcpu_msr *m = &s->msr[i];

		if (!m->refused)
			s->batch->entries[n++] = (struct kvm_msr_entry){.index = m->index, .data = m->value};
		if (n == BATCH_MAX || (n && i + 1 == end)) {
			r = set_batch(v, s->batch, n, e);
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

int vcpu_share_tsc(struct vcpu *v, struct err *e)
{
	uint64_t none = 0;

	return tsc_offset(v, KVM_SET_DEVICE_ATTR, "KVM_SET_DEVICE_ATTR", &none, e);
}

/* --- All of it ---------------------------------------------------------------------------------------------------- */

int vcpu_save(struct vcpu *v, struct vcpu_saved *s, uint64_t host_tsc, struct err *e)
{
	uint64_t offset;
	int r;

	for (size_t i = 0; i < ARRAY_SIZE(read_order); i++) {
		const struct part *p = &parts[read_order[i]];

		r = has_part(s, read_order[i]) ? kvm_ioctl_named(v->kvm, v->fd, p->get, p->get_name, part_of(s, p)) : 0;
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
	const unsigned early = s->nr_msrs - late_msrs(s);
	uint64_t offset = s->tsc - host_tsc;
	const uint8_t lapic = LAPIC;
	int r = write_parts(v, s, before_msrs, ARRAY_SIZE(before_msrs), e);

	if (r == 0)
		r = tsc_offset(v, KVM_SET_DEVICE_ATTR, "KVM_SET_DEVICE_ATTR", &offset, e);
	if (r == 0)
		r = restore_msrs(v, s, 0, early, e);
	if (r == 0)
		r = write_parts(v, s, &lapic, 1, e);
	if (r == 0)
		r = restore_msrs(v, s, early, s->nr_msrs, e);
	/* Without an in-kernel APIC each KVM_RUN takes CR8 from there (KVM API, 5, struct kvm_run). */
	v->run->cr8 = s->system.cr8;
	return r < 0 ? r : write_parts(v, s, after_msrs, ARRAY_SIZE(after_msrs), e);
}

static bool is_of_apic(uint32_t index)
{
	for (size_t i = 0; i < ARRAY_SIZE(of_apic); i++)
		if (of_apic[i] == index)
			return true;
	return false;
}

/* The list that KVM gives, and what it does not list, in the order in which they are written. */
static int list_msrs(struct kvm *kvm, struct vcpu_saved *s, struct err *e)
{
	CLEANUP_FREE struct kvm_msr_list *list = calloc(1, sizeof(*list) + MSRS_MAX * sizeof(list->indices[0]));
	bool deadline = false;
	int r;

	if (!list)
		return err_sys(e, -ENOMEM, "no memory for a CPU's state");
	list->nmsrs = MSRS_MAX;
	r = kvm_ioctl(kvm, kvm->fd, KVM_GET_MSR_INDEX_LIST, list);
	if (r < 0)
		return err_sys(e, r, "KVM_GET_MSR_INDEX_LIST");
	s->msr = calloc(list->nmsrs + ARRAY_SIZE(unlisted), sizeof(s->msr[0]));
	s->batch = calloc(1, sizeof(*s->batch) + BATCH_MAX * sizeof(s->batch->entries[0]));
	if (!s->msr || !s->batch)
		return err_sys(e, -ENOMEM, "no memory for a CPU's state");
	for (unsigned i = 0; i < list->nmsrs; i++) {
		/* The TSC is an offset. */
		bool elsewhere = list->indices[i] == MSR_TSC || (!s->has_apic && is_of_apic(list->indices[i]));

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

int vcpu_saved_init(struct kvm *kvm, bool has_apic, struct vcpu_saved *s, struct err *e)
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
	s->has_apic = has_apic;
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
	free(s->batch);
	*s = (struct vcpu_saved){0};
}

/* --- As bytes ----------------------------------------------------------------------------------------------------- */

/** struct head - of a CPU's sections */
struct head {
	uint64_t tsc;
	uint32_t nr_msrs;
	bool has_apic;
};

static const struct state_field head_fields[] = {
	STATE_FIELD(struct head, tsc),
	STATE_UP_TO(struct head, nr_msrs, MSRS_MAX),
	STATE_BOOL(struct head, has_apic),
};
STATE_TABLE(head_state, "cpu", head_fields);

#define SECTION_MSRS 64

/** struct msrs - so many registers, or what is left of them: a section for each would take longer to check */
struct msrs {
	uint32_t index[SECTION_MSRS];
	uint8_t refused[SECTION_MSRS];
	uint64_t value[SECTION_MSRS];
};

static const struct state_field msrs_fields[] = {
	STATE_ARRAY(struct msrs, index),
	{"refused", offsetof(struct msrs, refused), 1, SECTION_MSRS, 1},
	STATE_ARRAY(struct msrs, value),
};
STATE_TABLE(msrs_state, "msrs", msrs_fields);

static struct state_table section_of(const struct vcpu_saved *s, const struct part *p)
{
	struct state_table t = {.nr = p->size ? p->size : s->xsave_size};

	memcpy(t.name, p->name, sizeof(t.name));
	return t;
}

static void put_msrs(const struct vcpu_saved *s, struct state_writer *w)
{
	for (unsigned first = 0; first < s->nr_msrs; first += SECTION_MSRS) {
		struct msrs m = {0};

		for (unsigned i = 0; i < MIN(s->nr_msrs - first, (unsigned)SECTION_MSRS); i++) {
			m.index[i] = s->msr[first + i].index;
			m.refused[i] = s->msr[first + i].refused;
			m.value[i] = s->msr[first + i].value;
		}
		state_put(w, &msrs_state, first / SECTION_MSRS, &m);
	}
}

void vcpu_saved_put(const struct vcpu_saved *s, uint32_t index, struct state_writer *w)
{
	const struct head head = {.tsc = s->tsc, .nr_msrs = s->nr_msrs, .has_apic = s->has_apic};

	state_put(w, &head_state, index, &head);
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
		struct state_table t = section_of(s, &parts[i]);

		if (has_part(s, (unsigned)i))
			state_put(w, &t, index, part_of(s, &parts[i]));
	}
	put_msrs(s, w);
}

/*
 * Registers that the other KVM had go to their places in our list, which has the order. One that it had not keeps what
 * a new CPU has, and one that this KVM has not is refused, since nobody can say whether the guest needs it.
 */
static int get_msr(struct vcpu_saved *s, uint32_t cpu, uint32_t i, const struct vcpu_msr *was, struct err *e)
{
	if (was->refused)
		return 0;
	/* On the same host, its place is the same. */
	for (unsigned k = 0; k < s->nr_msrs; k++) {
		struct vcpu_msr *m = &s->msr[(i + k) % s->nr_msrs];

		if (m->index == was->index) {
			*m = *was;
			return 0;
		}
	}
	return err_set(
		e, -EINVAL, "the saved state of CPU %u has MSR 0x%x, which this host's KVM has not", cpu, was->index);
}

static int get_msrs(struct vcpu_saved *s, uint32_t cpu, uint32_t nr, struct state_reader *r, struct err *e)
{
	for (uint32_t first = 0; first < nr; first += SECTION_MSRS) {
		struct msrs m;
		int ret = state_get(r, &msrs_state, first / SECTION_MSRS, &m, e);

		for (uint32_t i = 0; ret == 0 && i < MIN(nr - first, (uint32_t)SECTION_MSRS); i++) {
			const struct vcpu_msr was = {.index = m.index[i], .refused = m.refused[i], .value = m.value[i]};

			ret = get_msr(s, cpu, first + i, &was, e);
		}
		if (ret < 0)
			return ret;
	}
	return 0;
}

int vcpu_saved_get(struct vcpu_saved *s, uint32_t index, struct state_reader *r, struct err *e)
{
	struct head head = {0};
	int ret = state_get(r, &head_state, index, &head, e);

	if (ret == 0 && head.has_apic != s->has_apic)
		ret = state_refuse(e, &head_state, index, "one has an in-kernel APIC, and the other has not");
	for (size_t i = 0; ret == 0 && i < ARRAY_SIZE(parts); i++) {
		struct state_table t = section_of(s, &parts[i]);

		if (has_part(s, (unsigned)i))
			ret = state_get(r, &t, index, part_of(s, &parts[i]), e);
	}
	if (ret < 0)
		return ret;
	s->tsc = head.tsc;
	for (unsigned i = 0; i < s->nr_msrs; i++)
		s->msr[i].refused = true;
	return get_msrs(s, index, head.nr_msrs, r, e);
}
