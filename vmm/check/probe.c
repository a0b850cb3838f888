// SPDX-License-Identifier: Apache-2.0
/*
 * Each probe starts with a full register state, so that a failure of one does not affect the next.
 */
#include "vmm/check/probe.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "boot/x86.h"
#include "vmm/base/clock.h"
#include "vmm/base/kick.h"
#include "vmm/base/le.h"
#include "vmm/cpuid/cpuid.h"
#include "vmm/kvm/vcpu_state.h"
#include "vmm/kvm/vm.h"

#define PROBE_RAM      (2 * MIB)
#define PROBE_GDT      0x1000
#define PROBE_IDT      0x2000
#define PROBE_PML4     0x3000
#define PROBE_PDPT     0x4000
#define PROBE_PD       0x5000
#define PROBE_CODE     0x10000
#define PROBE_STACK    0x20000
#define PROBE_GOOD     0x600d
#define PROBE_LIMIT_NS (2 * NSEC_PER_SEC)

#define SEL_CODE 0x10
#define SEL_DATA 0x18

extern const uint8_t probe_guest_start[], probe_guest_end[], probe_int3_handler[];
extern const uint8_t probe_baseline[], probe_int3[], probe_cmpxchg16b[], probe_popcnt[], probe_rdtscp[], probe_sse[],
	probe_xsave[], probe_smap[], probe_lar[], probe_fwait[];

/* reg: 0 EAX, 1 EBX, 2 ECX, 3 EDX; bit -1: every x86-64 processor has it */
static const struct probe {
	const char *name;
	const uint8_t *code;
	uint32_t leaf;
	int reg;
	int bit;
} probes[] = {
	{"64-bit mode in ring 0", probe_baseline, 0, 0, -1},
	{"INT3 and IRETQ", probe_int3, 0, 0, -1},
	{"FWAIT", probe_fwait, 0, 0, -1},
	{"LAR", probe_lar, 0, 0, -1},
	{"SSE2 arithmetic", probe_sse, 0, 0, -1},
	{"CMPXCHG16B", probe_cmpxchg16b, 1, 2, 13},
	{"POPCNT", probe_popcnt, 1, 2, 23},
	{"XSAVE and XRSTOR", probe_xsave, 1, 2, 26},
	{"STAC and CLAC", probe_smap, 7, 1, 20},
	{"RDTSCP", probe_rdtscp, 0x80000001, 3, 27},
};

static const char *const outcome_texts[] = {
	[PROBE_WORKS] = "works",
	[PROBE_NOT_OFFERED] = "not offered to guests",
	[PROBE_BROKEN] = "KVM cannot run it",
	[PROBE_HANGS] = "hangs",
	[PROBE_WRONG] = "gives a wrong result",
};

const char *probe_outcome_text(enum probe_outcome o)
{
	return outcome_texts[o];
}

static uint64_t guest_address(const uint8_t *label)
{
	return PROBE_CODE + (uint64_t)(label - probe_guest_start);
}

/* All addresses are inside PROBE_RAM, so that no write can fail. */
static void write_tables(const struct gmem *g)
{
	uint8_t gdt[SEL_DATA + 8] = {0}, gate[X86_GATE64];

	le64_put(gdt + SEL_CODE, x86_descriptor(SEG_CODE64, 0, X86_LIMIT_4G));
	le64_put(gdt + SEL_DATA, x86_descriptor(SEG_DATA, 0, X86_LIMIT_4G));
	gmem_write(g, PROBE_GDT, gdt, sizeof(gdt));
	x86_put_gate64(gate, SEL_CODE, guest_address(probe_int3_handler), 0);
	gmem_write(g, PROBE_IDT + VECTOR_BP * sizeof(gate), gate, sizeof(gate));
	x86_put_entries(g, PROBE_PML4, 0, 1, PROBE_PDPT, 0, PTE_P | PTE_W);
	x86_put_entries(g, PROBE_PDPT, 0, 1, PROBE_PD, 0, PTE_P | PTE_W);
	x86_put_entries(g, PROBE_PD, 0, 1, 0, 0, PTE_P | PTE_W | PTE_PS);
	gmem_write(g, PROBE_CODE, probe_guest_start, (size_t)(probe_guest_end - probe_guest_start));
}

static int enter_at(struct vcpu *v, uint64_t rip, struct err *e)
{
	const struct entry entry = {
		.mode = ENTRY_LONG,
		.rip = rip,
		.rsp = PROBE_STACK,
		.cr3 = PROBE_PML4,
		.gdt_base = PROBE_GDT,
		.gdt_limit = SEL_DATA + 7,
		.idt_base = PROBE_IDT,
		.idt_limit = (VECTOR_BP + 1) * X86_GATE64 - 1,
		.cs = SEL_CODE,
		.ds = SEL_DATA,
		.fpu = true,
	};

	return vcpu_set_entry(v, &entry, e);
}

static enum probe_outcome step_probe(struct vcpu *v)
{
	struct vcpu_exit x;
	struct kvm_regs regs;
	int r;

	kick_alarm_set(PROBE_LIMIT_NS, 0);
	r = vcpu_step(v, &x);
	kick_alarm_set(0, 0);
	if (r < 0)
		return PROBE_BROKEN;
	if (x.what == VCPU_KICKED)
		return PROBE_HANGS;
	if (x.what != VCPU_HLT || vcpu_get_general(v, &regs) < 0)
		return PROBE_BROKEN;
	return regs.rax == PROBE_GOOD ? PROBE_WORKS : PROBE_WRONG;
}

static bool offered(const struct cpuid_set *set, const struct probe *p)
{
	if (p->bit < 0)
		return true;
	for (uint32_t i = 0; i < set->nr; i++) {
		const struct kvm_cpuid_entry2 *c = &set->entry[i];
		const uint32_t reg[] = {c->eax, c->ebx, c->ecx, c->edx};

		if (c->function == p->leaf && c->index == 0)
			return reg[p->reg] & BIT(p->bit);
	}
	return false;
}

static int run_all(struct vm *vm, const struct cpuid_set *set, struct probe_result *ret, struct err *e)
{
	struct kick_alarm alarm;
	int r = kick_alarm_begin(&alarm);

	if (r < 0)
		return err_sys(e, r, "cannot set up the probe's time limit");
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(probes); i++) {
		ret[i] = (struct probe_result){.name = probes[i].name, .outcome = PROBE_NOT_OFFERED};
		if (!offered(set, &probes[i]))
			continue;
		r = enter_at(&vm->vcpu[0], guest_address(probes[i].code), e);
		if (r == 0)
			ret[i].outcome = step_probe(&vm->vcpu[0]);
	}
	kick_alarm_end(&alarm);
	return r;
}

int probe_run(struct kvm *kvm, struct probe_result *ret, size_t *ret_nr, struct err *e)
{
	const struct cpuid_opts opts = {.cpus = 1};
	CLEANUP_FREE struct cpuid_set *host = malloc(sizeof(*host)), *set = malloc(sizeof(*set));
	CLEANUP(vm_destroy) struct vm vm = {.fd = -1};
	CLEANUP(memory_destroy) struct memory memory = {0};
	int r;

	_Static_assert(ARRAY_SIZE(probes) <= PROBES_MAX, "PROBES_MAX is too small");
	if (!host || !set)
		return err_sys(e, -ENOMEM, "cannot allocate a CPUID table");
	r = cpuid_supported(kvm, host, e);
	if (r == 0)
		r = cpuid_policy(host, &opts, set, e);
	if (r == 0)
		r = vm_create(kvm, &vm, e);
	if (r == 0)
		r = memory_create(PROBE_RAM, BACKING_ANON, false, &memory, e);
	if (r == 0)
		r = vm_set_memory(&vm, &memory, e);
	if (r == 0)
		r = vm_add_vcpus(&vm, 1, e);
	if (r == 0)
		r = vcpu_set_cpuid(&vm.vcpu[0], set, e);
	if (r < 0)
		return err_wrap(e, r, "the probe guest");
	write_tables(&vm.memory.gmem);
	r = run_all(&vm, set, ret, e);
	if (r == 0)
		*ret_nr = ARRAY_SIZE(probes);
	return r;
}
