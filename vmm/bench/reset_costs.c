// SPDX-License-Identifier: Apache-2.0
#include "vmm/bench/reset_costs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <x86intrin.h>

#include "vmm/base/trace.h"
#include "vmm/base/x86.h"
#include "vmm/cpuid/cpuid.h"
#include "vmm/kvm/reset.h"
#include "vmm/kvm/vcpu_state.h"

#define CODE     0x1000
#define DATA     0x100000
#define RAM_SIZE (8 * MIB)

/* ECX pages from EDI on: 1: inc byte [edi]; add edi, 4096; dec ecx; jnz 1b; hlt */
static const uint8_t code[] = {0xfe, 0x07, 0x81, 0xc7, 0x00, 0x10, 0x00, 0x00, 0x49, 0x75, 0xf5, 0xf4};

enum who { OURS, FLOOR, WHOS };

/**
 * struct guest - one VM for both, so that they restore the same
 * @msrs: of the CPU, those that KVM gave; owned
 * @log: of the floor
 */
struct guest {
	struct vm vm;
	struct vm_reset reset;
	struct kvm_msrs *msrs;
	uint64_t log[RAM_SIZE / PAGE_4K / 64];
};

static void guest_destroy(struct guest **p)
{
	struct guest *g = *p;

	if (!g)
		return;
	vm_reset_destroy(&g->reset);
	vm_destroy(&g->vm);
	free(g->msrs);
	free(g);
}

static int make_vm(struct kvm *kvm, struct guest *g, struct err *e)
{
	const struct entry entry = {.mode = ENTRY_PROTECTED, .cs = 0x08, .ds = 0x10, .rip = CODE};
	const struct cpuid_opts opts = {.cpus = 1};
	CLEANUP_FREE struct cpuid_set *set = calloc(1, sizeof(*set));
	struct memory memory = {0};
	int r = set ? vm_create(kvm, &g->vm, e) : err_sys(e, -ENOMEM, "cannot set up");

	if (r == 0)
		r = cpuid_supported(kvm, set, e);
	if (r == 0)
		r = cpuid_policy(set, &opts, set, e);
	if (r == 0)
		r = memory_create(RAM_SIZE, BACKING_ANON, false, &memory, e);
	if (r == 0)
		r = vm_set_memory(&g->vm, &memory, e);
	if (r == 0)
		r = vm_add_vcpus(&g->vm, 1, e);
	if (r == 0)
		r = vcpu_set_cpuid(&g->vm.vcpu[0], set, e);
	return r == 0 ? vcpu_set_entry(&g->vm.vcpu[0], &entry, e) : r;
}

static int keep_msrs(struct guest *g, struct err *e)
{
	const struct vcpu_saved *s = &g->reset.saved.vcpu[0];

	g->msrs = calloc(1, sizeof(*g->msrs) + s->nr_msrs * sizeof(g->msrs->entries[0]));
	if (!g->msrs)
		return err_sys(e, -ENOMEM, "cannot set up");
	for (unsigned i = 0; i < s->nr_msrs; i++)
		if (!s->msr[i].refused)
			g->msrs->entries[g->msrs->nmsrs++] = (struct kvm_msr_entry){
				.index = s->msr[i].index, .data = s->msr[i].value};
	return 0;
}

static int guest_new(struct kvm *kvm, struct guest **ret, struct err *e)
{
	struct guest *g = calloc(1, sizeof(*g));
	int r;

	*ret = g;
	if (!g)
		return err_sys(e, -ENOMEM, "cannot set up");
	g->vm.fd = -1;
	r = make_vm(kvm, g, e);
	if (r < 0)
		return r;
	gmem_write(&g->vm.memory.gmem, CODE, code, sizeof(code));
	/* Not zero, so that a copy has pages of its own to read. */
	memset(gmem_ptr(&g->vm.memory.gmem, DATA, RAM_SIZE - DATA), 1, RAM_SIZE - DATA);
	r = vm_reset_init(&g->vm, &g->reset, NULL, e);
	if (r == 0)
		r = vm_reset_mark(&g->reset, e);
	return r == 0 ? keep_msrs(g, e) : r;
}

static int run_guest(struct guest *g, unsigned pages, struct err *e)
{
	struct vcpu *v = &g->vm.vcpu[0];
	struct vcpu_exit x = {.what = VCPU_KICKED};
	struct vcpu_regs regs;
	int r = vcpu_get_regs(v, &regs, e);

	regs.general.rip = CODE;
	regs.general.rcx = pages;
	regs.general.rdi = DATA;
	if (r == 0)
		r = vcpu_set_regs(v, &regs, e);
	if (r < 0 || !pages)
		return r;
	while (r == 0 && x.what == VCPU_KICKED)
		r = vcpu_step(v, &x);
	if (r < 0)
		return err_sys(e, r, "KVM_RUN%s", vcpu_step_hint(r));
	return x.what == VCPU_HLT ? 0 : err_set(e, -EIO, "the guest left for event %d", x.what);
}

/* --- The floor ---------------------------------------------------------------------------------------------------- */

static void floor_pages(const struct guest *g)
{
	const struct reset_region *r = &g->reset.region[0];

	for (size_t i = 0; i < ARRAY_SIZE(g->log); i++)
		for (uint64_t bits = g->log[i]; bits; bits &= bits - 1) {
			uint64_t at = (i * 64 + (uint64_t)__builtin_ctzll(bits)) * PAGE_4K;

			gmem_window_read((uint8_t *)r->slot.host + at, r->base + at, PAGE_4K);
		}
}

static int floor_reset(struct guest *g, struct err *e)
{
	struct vcpu_saved *s = &g->reset.saved.vcpu[0];
	struct kvm_dirty_log log = {.slot = 0, .dirty_bitmap = g->log};
	uint64_t offset = s->tsc - __rdtsc();
	struct kvm_device_attr attr = {
		.group = KVM_VCPU_TSC_CTRL, .attr = KVM_VCPU_TSC_OFFSET, .addr = (uintptr_t)&offset};
	struct kvm_clock_data clock = {.clock = g->reset.saved.clock_ns};
	int fd = g->vm.vcpu[0].fd, vm = g->vm.fd;

	if (ioctl(vm, KVM_GET_DIRTY_LOG, &log) < 0)
		return err_sys(e, -errno, "KVM_GET_DIRTY_LOG");
	floor_pages(g);
	if (ioctl(fd, KVM_GET_TSC_KHZ, 0) < 0 || ioctl(fd, KVM_SET_SREGS2, &s->system) < 0 ||
		ioctl(fd, KVM_SET_XCRS, &s->xcrs) < 0 || ioctl(fd, KVM_SET_XSAVE, s->xsave) < 0 ||
		ioctl(fd, KVM_SET_DEBUGREGS, &s->debug) < 0 || ioctl(fd, KVM_SET_REGS, &s->general) < 0 ||
		ioctl(fd, KVM_SET_DEVICE_ATTR, &attr) < 0 || ioctl(fd, KVM_SET_MSRS, g->msrs) < 0 ||
		ioctl(fd, KVM_SET_VCPU_EVENTS, &s->events) < 0 || ioctl(fd, KVM_SET_MP_STATE, &s->mp_state) < 0 ||
		ioctl(vm, KVM_SET_CLOCK, &clock) < 0)
		return err_sys(e, -errno, "a register of the floor's reset");
	return 0;
}

/* --- Both --------------------------------------------------------------------------------------------------------- */

static int check_pages(const struct guest *g, unsigned pages, struct err *e)
{
	for (unsigned i = 0; i < pages; i++)
		if (*(uint8_t *)gmem_ptr(&g->vm.memory.gmem, DATA + i * PAGE_4K, 1) != 1)
			return err_set(e, -EIO, "page %u of %u is not as it was before the reset", i, pages);
	return 0;
}

/* The guest writes, one of them resets; then, off the clock, the memory is looked at. */
static int one_round(struct guest *g, enum who who, unsigned pages, double *ret_guest_us, double *ret_us, struct err *e)
{
	uint64_t start = trace_now_ns(), middle, end, restored;
	int r = run_guest(g, pages, e);

	middle = trace_now_ns();
	if (r == 0)
		r = who == OURS ? vm_reset_return(&g->reset, &restored, e) : floor_reset(g, e);
	end = trace_now_ns();
	*ret_guest_us = (double)(middle - start) / 1e3;
	*ret_us = (double)(end - middle) / 1e3;
	return r == 0 ? check_pages(g, pages, e) : r;
}

int reset_costs(struct kvm *kvm, unsigned pages, unsigned rounds, struct reset_cost *ret, struct err *e)
{
	CLEANUP_FREE double *us = calloc((size_t)rounds * (WHOS + 1), sizeof(*us));
	CLEANUP(guest_destroy) struct guest *g = NULL;
	double *ours = us, *floor = us + rounds, *guest = us + 2 * (size_t)rounds, ignored;
	int r = us ? guest_new(kvm, &g, e) : err_sys(e, -ENOMEM, "cannot set up");

	/* The first of each is not counted: pages that nobody has touched yet are slower. */
	for (unsigned i = 0; r == 0 && i <= rounds; i++) {
		unsigned at = i ? i - 1 : 0;

		r = one_round(g, FLOOR, pages, &ignored, &floor[at], e);
		if (r == 0)
			r = one_round(g, OURS, pages, &guest[at], &ours[at], e);
	}
	if (r < 0)
		return r;
	*ret = (struct reset_cost){pages, stats_of(ours, rounds), stats_of(floor, rounds), stats_of(guest, rounds)};
	return 0;
}
