// SPDX-License-Identifier: Apache-2.0
/*
 * The processor that a program without a kernel begins with, read back from KVM, and errors of KVM on the run path.
 * Expected values are the processor's: SDM 3A, 2.4 (descriptor tables), 2.5 (control registers), 3.4.5 (segments);
 * 4, 2.1 (MSRs).
 */
#include <errno.h>
#include <string.h>

#include "tests/support/kvm_fault.h"
#include "tests/support/with_kvm.h"
#include "vmm/base/le.h"
#include "vmm/exec/cpu.h"
#include "vmm/kvm/vcpu_state.h"
#include "vmm/kvm/vm.h"

#define MONITOR UINT64_C(0xffffffff80000000)
#define RIP     UINT64_C(0x401000)
#define RSP     UINT64_C(0x7ffff000)

/* CPUID leaf 7, EBX */
#define FSGSBASE BIT(0)
#define SMEP     BIT(7)
#define SMAP     BIT(20)

static struct kvm kvm;
static struct cpuid_set host, cpuid;

struct rig {
	struct vm vm;
	struct space space;
	struct exec_cpu cpu;
};

static int set_up(void **state)
{
	const struct cpuid_opts opts = {.cpus = 1};
	struct err e = {};

	if (cpuid_supported(&kvm, &host, &e) < 0 || cpuid_policy(&host, &opts, &cpuid, &e) < 0)
		fail_msg("%s", e.text);
	cpuid_for_cpu(&cpuid, 0, 1);
	return 0;
}

static int open_rig(struct rig *r, struct err *e)
{
	struct memory memory = {0};
	int ret;

	memset(r, 0, sizeof(*r));
	ret = vm_create(&kvm, &r->vm, e);
	if (ret == 0)
		ret = memory_create(1 * MIB, BACKING_ANON, false, &memory, e);
	if (ret == 0)
		ret = vm_set_memory(&r->vm, &memory, e);
	if (ret == 0)
		ret = vm_add_vcpus(&r->vm, 1, e);
	if (ret == 0)
		ret = space_init(&r->space, &r->vm.memory.gmem);
	memory_destroy(&memory);
	return ret;
}

static void close_rig(struct rig *r)
{
	space_destroy(&r->space);
	vm_destroy(&r->vm);
}

static void must_open(struct rig *r)
{
	struct err e = {};

	if (open_rig(r, &e) < 0 || exec_cpu_init(&r->cpu, &r->vm.vcpu[0], &r->space, &cpuid, RIP, RSP, &e) < 0)
		fail_msg("%s", e.text);
}

static struct vcpu_regs registers(struct rig *r)
{
	struct vcpu_regs regs;
	struct err e = {};

	if (vcpu_get_regs(&r->vm.vcpu[0], &regs, &e) < 0)
		fail_msg("%s", e.text);
	return regs;
}

/* A code or data segment of ring 3: flat. */
static void assert_flat(const struct kvm_segment *s, unsigned selector, unsigned type, bool code)
{
	assert_int_equal(s->selector, selector);
	assert_int_equal(s->type | 1, type | 1); /* accessed or not */
	assert_int_equal(s->base, 0);
	assert_int_equal(s->limit, UINT32_MAX);
	assert_int_equal(s->dpl, 3);
	assert_int_equal(s->s, 1);
	assert_int_equal(s->present, 1);
	assert_int_equal(s->g, 1);
	assert_int_equal(s->l, code);
	assert_int_equal(s->db, !code);
	assert_int_equal(s->unusable, 0);
}

static void its_segments_and_tables(void **state)
{
	struct rig r;
	struct vcpu_regs regs;

	must_open(&r);
	regs = registers(&r);
	assert_flat(&regs.system.cs, 0x33, 0xb, true);
	assert_flat(&regs.system.ss, 0x2b, 0x3, false);
	assert_int_equal(regs.system.ds.selector, 0);
	assert_int_equal(regs.system.es.selector, 0);
	assert_int_equal(regs.system.fs.selector, 0);
	assert_int_equal(regs.system.gs.selector, 0);
	assert_int_equal(regs.system.fs.base, 0);
	assert_int_equal(regs.system.gs.base, 0);
	assert_int_equal(regs.system.ldt.unusable, 1);
	assert_int_equal(regs.system.tr.selector, 0x40);
	assert_int_equal(regs.system.tr.type, 0xb);
	assert_int_equal(regs.system.tr.limit, 103);
	assert_int_equal(regs.system.tr.s, 0);
	/* The last descriptor is the TSS's, of 16 bytes, and the limit ends behind it. */
	assert_int_equal(regs.system.gdt.limit, 0x40 + 16 - 1);
	assert_int_equal(regs.system.idt.limit, 32 * 16 - 1);
	assert_int_equal(regs.system.gdt.base & ~UINT64_C(0xfff), MONITOR);
	assert_int_equal(regs.system.cr3, r.space.root);
	close_rig(&r);
}

static void its_registers(void **state)
{
	struct rig r;
	struct vcpu_regs regs;
	struct vcpu_msr m[] = {{.index = 0xc0000081}, {.index = 0xc0000082}, {.index = 0xc0000084}};
	struct err e = {};

	must_open(&r);
	regs = registers(&r);
	assert_int_equal(regs.general.rip, RIP);
	assert_int_equal(regs.general.rsp, RSP);
	assert_int_equal(regs.general.rflags, 0x202);
	assert_int_equal(regs.general.rax | regs.general.rdx | regs.general.rbp | regs.general.r8, 0);
	/* PE, MP, ET, NE, WP, AM, PG */
	assert_int_equal(regs.system.cr0, 0x80050033);
	/* SCE, LME, LMA, NXE */
	assert_int_equal(regs.system.efer, 0xd01);
	assert_int_equal(vcpu_get_msrs(&r.vm.vcpu[0], m, ARRAY_SIZE(m), &e), 0);
	/* SYSCALL loads 0x10 and 0x18; SYSRET 0x23 + 16 and 0x23 + 8. */
	assert_int_equal(m[0].value >> 32, 0x230010);
	assert_int_equal(m[1].value, MONITOR + 0x1000);
	/* TF, IF, DF, NT, AC are off in the stub. */
	assert_int_equal(m[2].value, 0x44700);
	close_rig(&r);
}

/* CR4 has what CPUID offers, and nothing that it does not: each of these bits would be a fault of KVM_SET_SREGS. */
static void its_features(void **state)
{
	static const struct {
		uint32_t feature;
		unsigned cr4;
	} rows[] = {{FSGSBASE, 16}, {SMEP, 20}, {SMAP, 21}};
	struct kvm_cpuid_entry2 *leaf7 = (struct kvm_cpuid_entry2 *)cpuid_find(&cpuid, 7, 0);
	struct kvm_cpuid_entry2 *leaf1 = (struct kvm_cpuid_entry2 *)cpuid_find(&cpuid, 1, 0);
	uint32_t all = leaf7->ebx, xsave = leaf1->ecx;
	struct rig r;

	for (size_t i = 0; i <= ARRAY_SIZE(rows); i++) {
		uint64_t cr4;

		leaf7->ebx = i < ARRAY_SIZE(rows) ? all & ~rows[i].feature : all;
		leaf1->ecx = i == 0 ? xsave & ~(uint32_t)(BIT(26) | BIT(28)) : xsave;
		must_open(&r);
		cr4 = registers(&r).system.cr4;
		assert_int_equal(cr4 & 0x620, 0x620); /* PAE, OSFXSR, OSXMMEXCPT */
		assert_int_equal(cr4 >> 18 & 1, leaf1->ecx >> 26 & 1);
		for (size_t k = 0; k < ARRAY_SIZE(rows); k++)
			assert_int_equal(cr4 >> rows[k].cr4 & 1, !!(leaf7->ebx & rows[k].feature));
		close_rig(&r);
	}
	leaf7->ebx = all;
	leaf1->ecx = xsave;
}

static void errors_of_the_run_path(void **state)
{
	struct exec_exit x = {.what = EXEC_CALL, .error = 7, .address = 7};
	uint64_t base = 5;
	struct rig r;

	must_open(&r);
	assert_int_equal(exec_cpu_set_base(&r.cpu, false, 0x1000), 0);
	assert_int_equal(exec_cpu_set_base(&r.cpu, true, 0x2000), 0);
	for (int gs = 0; gs < 2; gs++) {
		fault_arm(1, EFAULT);
		assert_int_equal(exec_cpu_set_base(&r.cpu, gs, 0x3000), -EFAULT);
		fault_arm(1, EFAULT);
		assert_int_equal(exec_cpu_get_base(&r.cpu, gs, &base), -EFAULT);
		fault_disarm();
		assert_int_equal(base, gs ? 0x1000 : 5);
		assert_int_equal(exec_cpu_get_base(&r.cpu, gs, &base), 0);
		assert_int_equal(base, gs ? 0x2000 : 0x1000);
	}
	fault_arm(1, EFAULT);
	assert_int_equal(exec_cpu_step(&r.cpu, &x), -EFAULT);
	fault_disarm();
	/* The first instruction is in no page: a page fault at its own address, in ring 3. */
	assert_int_equal(exec_cpu_step(&r.cpu, &x), 0);
	assert_int_equal(x.what, EXEC_FAULT);
	assert_int_equal(x.vector, 14);
	assert_int_equal(x.address, RIP);
	assert_int_equal(x.rip, RIP);
	assert_int_equal(x.rsp, RSP);
	assert_int_equal(x.error & 0x15, 0x14); /* user, instruction fetch, not present */
	close_rig(&r);
}

/* Maps the first page of the program: writable, and it can be run. */
static void must_map(struct rig *r, const uint8_t *code, size_t size)
{
	must_open(r);
	assert_int_equal(space_map(&r->space, RIP, PAGE_4K, SPACE_R | SPACE_W | SPACE_X, AREA_MAPPED), 0);
	assert_int_equal(space_write(&r->space, RIP, code, size), 0);
}

/* A step returns 0 whatever the program did: a call, and a jump to the stub that is no call. */
static void steps_return_zero(void **state)
{
	/* getpid(); mov EXEC_STUB, %rax; mov -1, %rcx; jmp *%rax */
	static const uint8_t code[] = {0xb8, 39, 0, 0, 0, 0x0f, 0x05, 0x48, 0xc7, 0xc0, 0x00, 0x10, 0x00, 0x80, 0x48,
		0xc7, 0xc1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xe0};
	struct exec_exit x;
	struct rig r;

	must_map(&r, code, sizeof(code));
	assert_int_equal(exec_cpu_step(&r.cpu, &x), 0);
	assert_int_equal(x.what, EXEC_CALL);
	assert_int_equal(x.nr, 39);
	assert_int_equal(x.rip, RIP + 7);
	exec_cpu_return(&r.cpu, 1);
	assert_int_equal(exec_cpu_step(&r.cpu, &x), 0);
	assert_int_equal(x.what, EXEC_FAULT);
	assert_int_not_equal(x.vector, 0);
	close_rig(&r);
}

/* What is no fault of the program is described, with the place. */
static void what_is_broken(void **state)
{
	static const uint8_t int3[] = {0xcc};
	struct exec_exit x = {.what = EXEC_CALL};
	struct vcpu_regs regs;
	struct rig r;

	/* Without a table of handlers an exception is a triple fault. */
	must_map(&r, int3, sizeof(int3));
	assert_int_equal(vcpu_peek_regs(&r.vm.vcpu[0], &regs), 0);
	regs.system.idt.limit = 0;
	assert_int_equal(vcpu_poke_regs(&r.vm.vcpu[0], &regs), 0);
	assert_int_equal(exec_cpu_step(&r.cpu, &x), 0);
	assert_int_equal(x.what, EXEC_BROKEN);
	assert_memory_equal(x.words, "triple fault, RIP 0x", 20);
	close_rig(&r);
}

static int init_only(struct err *e)
{
	struct rig r;
	int ret = open_rig(&r, e);

	if (ret == 0)
		ret = exec_cpu_init(&r.cpu, &r.vm.vcpu[0], &r.space, &cpuid, RIP, RSP, e);
	close_rig(&r);
	return ret;
}

/* Which KVM lacks what the engine needs is said before anything else. */
static void a_kvm_without_shared_registers(void **state)
{
	struct err e = {};
	struct rig r;

	assert_int_equal(open_rig(&r, &e), 0);
	fault_arm(1, EINVAL); /* KVM_CHECK_EXTENSION */
	assert_int_equal(exec_cpu_init(&r.cpu, &r.vm.vcpu[0], &r.space, &cpuid, RIP, RSP, &e), -ENOTSUP);
	assert_string_equal(fault_hit(), "ioctl KVM_CHECK_EXTENSION");
	fault_disarm();
	assert_non_null(strstr(e.text, "KVM_CAP_SYNC_REGS"));
	close_rig(&r);
	e = (struct err){};
	assert_int_equal(init_only(&e), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(its_segments_and_tables, set_up),
		cmocka_unit_test_setup(its_registers, set_up),
		cmocka_unit_test_setup(its_features, set_up),
		cmocka_unit_test_setup(errors_of_the_run_path, set_up),
		cmocka_unit_test_setup(steps_return_zero, set_up),
		cmocka_unit_test_setup(what_is_broken, set_up),
		cmocka_unit_test_setup(a_kvm_without_shared_registers, set_up),
	};

	return run_with_kvm(&kvm, tests);
}
