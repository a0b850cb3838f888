// SPDX-License-Identifier: Apache-2.0
/*
 * Theory of operation.
 *
 * Time. TSCs and kvm-clock are saved as of one reading of the host's TSC, which KVM_GET_CLOCK itself gives where it
 * can, and go on from one reading too: the clock, which is written last, is advanced by what has passed since that
 * reading. So they keep their distance, however long the rest takes. KVM could advance the clock by the wall time
 * (KVM_CLOCK_REALTIME), but not the TSCs with it; @skip_ns moves both.
 *
 * The order of a restore, with reasons, is the table `writes`.
 */
#include "vmm/kvm/vm_saved.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <x86intrin.h>

#include "vmm/base/clock.h"

/* Rates of a TSC that differ by less are one: what KVM allows itself, and what a guest's own calibration is off by. */
#define SAME_RATE_PPM 250

/* kvm_ioctl() takes what it only reads by the same pointer. */
#define GIVEN(pointer) ((void *)(uintptr_t)(pointer))

static const char *const chip_name[VM_IRQCHIPS] = {
	[KVM_IRQCHIP_PIC_MASTER] = "first 8259",
	[KVM_IRQCHIP_PIC_SLAVE] = "second 8259",
	[KVM_IRQCHIP_IOAPIC] = "I/O APIC",
};

/** struct moment - of a restore: a reading of the host's TSC, and how much is added to the guest's clocks */
struct moment {
	uint64_t host_tsc;
	uint64_t skip_ns;
};

static uint64_t cycles(uint64_t ns, uint32_t khz)
{
	return (uint64_t)((unsigned __int128)ns * khz / NSEC_PER_MSEC);
}

static uint64_t nanoseconds(uint64_t cycles, uint32_t khz)
{
	return (uint64_t)((unsigned __int128)cycles * NSEC_PER_MSEC / khz);
}

static int tsc_khz(struct vm *vm, uint32_t *ret, struct err *e)
{
	int khz = kvm_ioctl(vm->kvm, vm->vcpu[0].fd, KVM_GET_TSC_KHZ, NULL);

	if (khz <= 0)
		return err_sys(e, khz < 0 ? khz : -EIO, "KVM_GET_TSC_KHZ");
	*ret = (uint32_t)khz;
	return 0;
}

int vm_saved_init(struct vm *vm, struct vm_saved *s, struct err *e)
{
	struct kvm_enable_cap triple_fault = {.cap = KVM_CAP_X86_TRIPLE_FAULT_EVENT, .args = {1}};
	int r = tsc_khz(vm, &s->tsc_khz, e);

	if (r < 0)
		return r;
	/* Before Linux 6.0 one that waits is lost: of a guest that is stopped between the fault and its exit. */
	if (kvm_check(vm->kvm, KVM_CAP_X86_TRIPLE_FAULT_EVENT)) {
		r = kvm_ioctl(vm->kvm, vm->fd, KVM_ENABLE_CAP, &triple_fault);
		if (r < 0)
			return err_sys(e, r, "KVM_ENABLE_CAP of KVM_CAP_X86_TRIPLE_FAULT_EVENT");
	}
	s->has_irqchip = vm->has_irqchip;
	s->vcpu = calloc(vm->nr_vcpus, sizeof(*s->vcpu));
	if (!s->vcpu)
		return err_sys(e, -ENOMEM, "no memory for the state of %u CPUs", vm->nr_vcpus);
	for (; r == 0 && s->nr_vcpus < vm->nr_vcpus; s->nr_vcpus++)
		r = vcpu_saved_init(vm->kvm, vm->has_irqchip, &s->vcpu[s->nr_vcpus], e);
	return r;
}

void vm_saved_destroy(struct vm_saved *s)
{
	if (!s)
		return;
	for (unsigned i = 0; i < s->nr_vcpus; i++)
		vcpu_saved_destroy(&s->vcpu[i]);
	free(s->vcpu);
	*s = (struct vm_saved){0};
}

/* --- Reading ------------------------------------------------------------------------------------------------------ */

/*
 * Where a request that reads or writes the clock was interrupted, the clock and the TSC that was read beside it are
 * apart by as long, and Linux stops using the TSC for half a millisecond. So a request that took longer than this is
 * made again.
 */
#define CLOCK_TAKES (100 * NSEC_PER_USEC)
#define CLOCK_TRIES 8

static bool was_interrupted(uint64_t begin, uint64_t khz, unsigned try)
{
	return nanoseconds(__rdtsc() - begin, khz) > CLOCK_TAKES && try < CLOCK_TRIES;
}

static int save_clock(struct vm *vm, struct vm_saved *s, uint64_t *ret_host_tsc, struct err *e)
{
	struct kvm_clock_data clock;
	uint64_t begin;
	unsigned try = 0;
	int r;

	do {
		clock = (struct kvm_clock_data){0};
		begin = __rdtsc();
		r = kvm_ioctl(vm->kvm, vm->fd, KVM_GET_CLOCK, &clock);
		if (r < 0)
			return err_sys(e, r, "KVM_GET_CLOCK");
		*ret_host_tsc = clock.flags & KVM_CLOCK_HOST_TSC ? clock.host_tsc : __rdtsc();
	} while (!(clock.flags & KVM_CLOCK_HOST_TSC) && was_interrupted(begin, s->tsc_khz, ++try));
	s->at_ns = clock_ns(CLOCK_MONOTONIC) - nanoseconds(__rdtsc() - *ret_host_tsc, s->tsc_khz);
	s->clock_ns = clock.clock;
	s->realtime_ns = clock.flags & KVM_CLOCK_REALTIME ? clock.realtime : clock_ns(CLOCK_REALTIME);
	return 0;
}

static int save_irqchips(struct vm *vm, struct vm_saved *s, struct err *e)
{
	for (uint32_t i = 0; s->has_irqchip && i < VM_IRQCHIPS; i++) {
		int r;

		s->irqchip[i] = (struct kvm_irqchip){.chip_id = i};
		r = kvm_ioctl(vm->kvm, vm->fd, KVM_GET_IRQCHIP, &s->irqchip[i]);
		if (r < 0)
			return err_sys(e, r, "KVM_GET_IRQCHIP of the %s", chip_name[i]);
	}
	return 0;
}

static int save_pit(struct vm *vm, struct vm_saved *s, struct err *e)
{
	int r = 0;

	s->has_pit = vm->has_pit;
	if (s->has_pit)
		r = kvm_ioctl(vm->kvm, vm->fd, KVM_GET_PIT2, &s->pit);
	return r < 0 ? err_sys(e, r, "KVM_GET_PIT2") : 0;
}

/* The clock first: it has the reading of the TSC. CPUs before chips: reading a CPU's MP state may change its APIC. */
int vm_save(struct vm *vm, struct vm_saved *s, struct err *e)
{
	uint64_t host_tsc = 0;
	int r = save_clock(vm, s, &host_tsc, e);

	for (unsigned i = 0; r == 0 && i < s->nr_vcpus; i++)
		r = vcpu_save(&vm->vcpu[i], &s->vcpu[i], host_tsc, e);
	if (r == 0)
		r = save_irqchips(vm, s, e);
	return r < 0 ? r : save_pit(vm, s, e);
}

/* --- Writing ------------------------------------------------------------------------------------------------------ */

static int restore_rate(struct vm *vm, const struct vm_saved *s, const struct moment *at, struct err *e)
{
	uint32_t khz = 0;
	uint64_t apart;
	int r = tsc_khz(vm, &khz, e);

	if (r < 0)
		return r;
	apart = khz > s->tsc_khz ? khz - s->tsc_khz : s->tsc_khz - khz;
	if (apart * 1000000 > (uint64_t)SAME_RATE_PPM * s->tsc_khz)
		return err_set(e, -ENOTSUP,
			"the guest's TSC runs at %u kHz, and this host's at %u kHz: it can go on only where they are "
			"within %u ppm",
			s->tsc_khz, khz, SAME_RATE_PPM);
	return 0;
}

static int restore_vcpus(struct vm *vm, const struct vm_saved *s, const struct moment *at, struct err *e)
{
	uint64_t reading = at->host_tsc - cycles(at->skip_ns, s->tsc_khz);
	int r = 0;

	for (unsigned i = 0; r == 0 && i < s->nr_vcpus; i++)
		r = vcpu_restore(&vm->vcpu[i], &s->vcpu[i], reading, e);
	return r;
}

static int restore_irqchips(struct vm *vm, const struct vm_saved *s, const struct moment *at, struct err *e)
{
	for (uint32_t i = 0; s->has_irqchip && i < VM_IRQCHIPS; i++) {
		int r = kvm_ioctl(vm->kvm, vm->fd, KVM_SET_IRQCHIP, GIVEN(&s->irqchip[i]));

		if (r < 0)
			return err_sys(e, r, "KVM_SET_IRQCHIP of the %s", chip_name[i]);
	}
	return 0;
}

static int restore_pit(struct vm *vm, const struct vm_saved *s, const struct moment *at, struct err *e)
{
	int r = 0;

	if (vm->has_pit && !s->has_pit)
		return err_set(e, -EBUSY, "the guest has started its interval timer since, which KVM cannot undo");
	if (s->has_pit && !vm->has_pit)
		r = vm_add_pit(vm, 0, 0, e);
	if (r < 0 || !s->has_pit)
		return r;
	r = kvm_ioctl(vm->kvm, vm->fd, KVM_SET_PIT2, GIVEN(&s->pit));
	return r < 0 ? err_sys(e, r, "KVM_SET_PIT2") : 0;
}

static int restore_clock(struct vm *vm, const struct vm_saved *s, const struct moment *at, struct err *e)
{
	uint64_t begin;
	unsigned try = 0;

	do {
		begin = __rdtsc();
		uint64_t since = nanoseconds(begin - at->host_tsc, s->tsc_khz);
		struct kvm_clock_data clock = {.clock = s->clock_ns + at->skip_ns + since};
		int r = kvm_ioctl(vm->kvm, vm->fd, KVM_SET_CLOCK, &clock);

		if (r < 0)
			return err_sys(e, r, "KVM_SET_CLOCK");
	} while (was_interrupted(begin, s->tsc_khz, ++try));
	return 0;
}

/*
 * The order of a restore.
 * - rate: nothing is written to a VM whose guest cannot go on here.
 * - CPUs: each in the order of vcpu_saved.c. No interrupt of a controller may arrive before its local APIC is written,
 *   which would drop it.
 * - the 8259s and the I/O APIC: KVM delivers what is pending in them when they are written, to local APICs that are in
 *   place.
 * - the PIT: its counters begin to tick when they are written, and need a controller.
 * - the clock: KVM chooses its source (the TSC or not) by the TSCs of all CPUs; and what has passed since the reading
 *   is known best at the end.
 */
static int (*const writes[])(struct vm *vm, const struct vm_saved *s, const struct moment *at, struct err *e) = {
	restore_rate,
	restore_vcpus,
	restore_irqchips,
	restore_pit,
	restore_clock,
};

int vm_restore(struct vm *vm, const struct vm_saved *s, uint64_t skip_ns, struct err *e)
{
	const struct moment at = {.host_tsc = __rdtsc(), .skip_ns = skip_ns};
	int r = 0;

	vm->began_ns = clock_ns(CLOCK_MONOTONIC) - skip_ns;
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(writes); i++)
		r = writes[i](vm, s, &at, e);
	return r;
}

/* --- As bytes ----------------------------------------------------------------------------------------------------- */

/* A rate of 0 would be divided by. */
static const struct state_field fields[] = {
	STATE_UP_TO(struct vm_saved, nr_vcpus, 4096),
	STATE_BOOL(struct vm_saved, has_irqchip),
	STATE_BOOL(struct vm_saved, has_pit),
	STATE_FIELD(struct vm_saved, clock_ns),
	STATE_FIELD(struct vm_saved, realtime_ns),
	STATE_FIELD(struct vm_saved, tsc_khz),
};
STATE_TABLE(vm_state, "vm", fields);

#define CHIP_STATE STATE_BYTES("irqchip", sizeof(struct kvm_irqchip))
#define PIT_STATE  STATE_BYTES("pit2", sizeof(struct kvm_pit_state2))

void vm_saved_put(const struct vm_saved *s, struct state_writer *w)
{
	state_put(w, &vm_state, 0, s);
	for (unsigned i = 0; i < s->nr_vcpus; i++)
		vcpu_saved_put(&s->vcpu[i], i, w);
	for (uint32_t i = 0; s->has_irqchip && i < VM_IRQCHIPS; i++)
		state_put(w, CHIP_STATE, i, &s->irqchip[i]);
	state_put(w, PIT_STATE, 0, &s->pit);
}

static int check_vm(const struct vm_saved *s, const struct vm_saved *was, struct err *e)
{
	if (was->nr_vcpus != s->nr_vcpus)
		return state_refuse(e, &vm_state, 0, "it has another number of CPUs");
	if (was->has_irqchip != s->has_irqchip)
		return state_refuse(e, &vm_state, 0, "one has interrupt controllers, and the other has not");
	return was->tsc_khz ? 0 : state_refuse(e, &vm_state, 0, "its TSC does not run");
}

int vm_saved_get(struct vm_saved *s, struct state_reader *r, struct err *e)
{
	struct vm_saved was = {0};
	int ret = state_get(r, &vm_state, 0, &was, e);

	if (ret == 0)
		ret = check_vm(s, &was, e);
	if (ret < 0)
		return ret;
	s->has_pit = was.has_pit;
	s->clock_ns = was.clock_ns;
	s->realtime_ns = was.realtime_ns;
	s->tsc_khz = was.tsc_khz;
	for (unsigned i = 0; ret == 0 && i < s->nr_vcpus; i++)
		ret = vcpu_saved_get(&s->vcpu[i], i, r, e);
	for (uint32_t i = 0; ret == 0 && s->has_irqchip && i < VM_IRQCHIPS; i++) {
		ret = state_get(r, CHIP_STATE, i, &s->irqchip[i], e);
		/* KVM writes the chip that it names. */
		s->irqchip[i].chip_id = i;
	}
	return ret < 0 ? ret : state_get(r, PIT_STATE, 0, &s->pit, e);
}
