// SPDX-License-Identifier: Apache-2.0
/*
 * usage: reset-cost [ROUNDS]
 *
 * What a reset in memory of a flat guest costs, and its floor: the same requests of KVM with the same structures, bare,
 * and the same pages copied. Both in turns, for several numbers of pages; prints the median of each in ns, and the
 * ratio. The guest writes the pages, so that KVM's log has them.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <x86intrin.h>

#include "vmm/base/clock.h"
#include "vmm/base/x86.h"
#include "vmm/cpuid/cpuid.h"
#include "vmm/kvm/reset.h"

#define RAM_SIZE (4 * MIB)
#define CODE     0x1000
#define DATA     0x100000
#define RUNS_MAX 10000

/* ECX pages from EDI on: 1: inc byte [edi]; add edi, 4096; dec ecx; jnz 1b; hlt */
static const uint8_t code[] = {0xfe, 0x07, 0x81, 0xc7, 0x00, 0x10, 0x00, 0x00, 0x49, 0x75, 0xf5, 0xf4};

static struct kvm kvm = {.fd = -1};
static struct vm vm = {.fd = -1};
static struct vm_reset reset;
static struct err e;

static void must(int r, const char *what)
{
	if (r >= 0)
		return;
	fprintf(stderr, "%s: %s\n", what, e.text[0] ? e.text : strerror(-r));
	exit(1);
}

static void make(void)
{
	const struct entry entry = {.mode = ENTRY_PROTECTED, .cs = 0x08, .ds = 0x10, .rip = CODE};
	const struct cpuid_opts opts = {.cpus = 1};
	static struct memory memory;
	static struct cpuid_set set;

	must(kvm_open(NULL, &kvm, &e), "KVM");
	must(cpuid_supported(&kvm, &set, &e), "CPUID");
	must(cpuid_policy(&set, &opts, &set, &e), "CPUID");
	must(vm_create(&kvm, &vm, &e), "VM");
	must(memory_create(RAM_SIZE, BACKING_ANON, false, &memory, &e), "RAM");
	must(vm_set_memory(&vm, &memory, &e), "RAM");
	must(vm_add_vcpus(&vm, 1, &e), "CPU");
	must(vcpu_set_cpuid(&vm.vcpu[0], &set, &e), "CPU");
	must(vcpu_set_entry(&vm.vcpu[0], &entry, &e), "CPU");
	must(gmem_write(&vm.memory.gmem, CODE, code, sizeof(code)), "code");
	memset(gmem_ptr(&vm.memory.gmem, DATA, MIB), 1, MIB);
	must(vm_reset_init(&vm, &reset, NULL, &e), "reset");
	must(vm_reset_mark(&reset, &e), "reset");
}

static void run_guest(unsigned pages)
{
	struct vcpu_regs regs;
	struct vcpu_exit x;

	if (!pages)
		return;
	must(vcpu_get_regs(&vm.vcpu[0], &regs, &e), "registers");
	regs.general.rip = CODE;
	regs.general.rcx = pages;
	regs.general.rdi = DATA;
	must(vcpu_set_regs(&vm.vcpu[0], &regs, &e), "registers");
	must(vcpu_step(&vm.vcpu[0], &x), "KVM_RUN");
	must(x.what == VCPU_HLT ? 0 : -1, "the guest's end");
}

/* --- The floor ---------------------------------------------------------------------------------------------------- */

static struct kvm_msrs *msrs;
static uint64_t log_words[RAM_SIZE / PAGE_4K / 64];

static void prepare_floor(void)
{
	const struct vcpu_saved *s = &reset.saved.vcpu[0];

	msrs = calloc(1, sizeof(*msrs) + s->nr_msrs * sizeof(msrs->entries[0]));
	for (unsigned i = 0; i < s->nr_msrs; i++)
		if (!s->msr[i].refused)
			msrs->entries[msrs->nmsrs++] = (struct kvm_msr_entry){
				.index = s->msr[i].index, .data = s->msr[i].value};
}

static void floor_pages(void)
{
	const struct reset_region *r = &reset.region[0];

	for (size_t i = 0; i < ARRAY_SIZE(log_words); i++)
		for (uint64_t bits = log_words[i]; bits; bits &= bits - 1) {
			uint64_t at = (i * 64 + (uint64_t)__builtin_ctzll(bits)) * PAGE_4K;

			memcpy((uint8_t *)r->slot.host + at, r->base + at, PAGE_4K);
		}
}

static void floor_reset(void)
{
	struct vcpu_saved *s = &reset.saved.vcpu[0];
	struct kvm_dirty_log log = {.slot = 0, .dirty_bitmap = log_words};
	uint64_t offset = s->tsc - __rdtsc();
	struct kvm_device_attr attr = {
		.group = KVM_VCPU_TSC_CTRL, .attr = KVM_VCPU_TSC_OFFSET, .addr = (uintptr_t)&offset};
	struct kvm_clock_data clock = {.clock = reset.saved.clock_ns};
	int fd = vm.vcpu[0].fd;

	must(ioctl(vm.fd, KVM_GET_DIRTY_LOG, &log), "KVM_GET_DIRTY_LOG");
	floor_pages();
	must(ioctl(fd, KVM_GET_TSC_KHZ, 0), "KVM_GET_TSC_KHZ");
	must(ioctl(fd, KVM_SET_SREGS2, &s->system), "KVM_SET_SREGS2");
	must(ioctl(fd, KVM_SET_XCRS, &s->xcrs), "KVM_SET_XCRS");
	must(ioctl(fd, KVM_SET_XSAVE, s->xsave), "KVM_SET_XSAVE");
	must(ioctl(fd, KVM_SET_DEBUGREGS, &s->debug), "KVM_SET_DEBUGREGS");
	must(ioctl(fd, KVM_SET_REGS, &s->general), "KVM_SET_REGS");
	must(ioctl(fd, KVM_SET_DEVICE_ATTR, &attr), "KVM_SET_DEVICE_ATTR");
	must(ioctl(fd, KVM_SET_MSRS, msrs), "KVM_SET_MSRS");
	must(ioctl(fd, KVM_SET_VCPU_EVENTS, &s->events), "KVM_SET_VCPU_EVENTS");
	must(ioctl(fd, KVM_SET_MP_STATE, &s->mp_state), "KVM_SET_MP_STATE");
	must(ioctl(vm.fd, KVM_SET_CLOCK, &clock), "KVM_SET_CLOCK");
}

static void our_reset(void)
{
	uint64_t pages;

	must(vm_reset_return(&reset, &pages, &e), "reset");
}

/* --- Both --------------------------------------------------------------------------------------------------------- */

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static uint64_t timed(void (*what)(void), unsigned pages)
{
	uint64_t since;

	run_guest(pages);
	since = clock_ns(CLOCK_MONOTONIC);
	what();
	return clock_ns(CLOCK_MONOTONIC) - since;
}

static void compare(unsigned pages, unsigned rounds)
{
	static uint64_t ours[RUNS_MAX], least[RUNS_MAX];

	for (unsigned i = 0; i < rounds; i++) {
		ours[i] = timed(our_reset, pages);
		least[i] = timed(floor_reset, pages);
	}
	qsort(ours, rounds, sizeof(ours[0]), by_value);
	qsort(least, rounds, sizeof(least[0]), by_value);
	printf("%u pages: %llu ns, floor %llu ns, ratio %.2f; 10th percentile %llu and %llu ns\n", pages,
		(unsigned long long)ours[rounds / 2], (unsigned long long)least[rounds / 2],
		(double)ours[rounds / 2] / (double)least[rounds / 2], (unsigned long long)ours[rounds / 10],
		(unsigned long long)least[rounds / 10]);
}

int main(int argc, char **argv)
{
	static const unsigned pages[] = {0, 1, 10, 100};
	unsigned rounds = argc > 1 ? (unsigned)atoi(argv[1]) : 1000;

	if (!rounds || rounds > RUNS_MAX)
		return 2;
	make();
	prepare_floor();
	for (size_t i = 0; i < ARRAY_SIZE(pages); i++)
		compare(pages[i], rounds);
	free(msrs);
	vm_reset_destroy(&reset);
	vm_destroy(&vm);
	kvm_close(&kvm);
	return 0;
}
