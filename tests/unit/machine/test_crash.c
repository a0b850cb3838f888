// SPDX-License-Identifier: Apache-2.0
/*
 * The crash report: what it prints about CPUs in each mode, and that it does not change the guest. The registers
 * are set here, so that no instruction of a guest runs; ioctl() is wrapped, so that a request that writes is seen.
 */
#include <cpuid.h>
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "tests/support/image_kit.h"
#include "tests/support/with_kvm.h"
#include "vmm/base/x86.h"
#include "vmm/kvm/vcpu_state.h"
#include "vmm/machine/internal.h"

#define CPUS    4
#define TABLES  UINT64_C(0x10000) /* four pages */
#define CODE    UINT64_C(0x20000)
#define PROGRAM UINT64_C(0x00007f0012345000)

static bool looking; /* ioctl() may read and not write */

int __real_ioctl(int fd, unsigned long request, void *arg);
int __wrap_ioctl(int fd, unsigned long request, void *arg);
int __wrap_ioctl(int fd, unsigned long request, void *arg)
{
	if (looking && request != KVM_GET_REGS && request != KVM_GET_SREGS && request != KVM_GET_MP_STATE)
		fail_msg("request 0x%lx", request);
	return __real_ioctl(fd, request, arg);
}

/** struct everything - the state of a vCPU that KVM returns without a list of its MSRs */
struct everything {
	struct vcpu_regs regs;
	struct kvm_debugregs debug;
	struct kvm_vcpu_events events;
	struct kvm_lapic_state apic;
	struct kvm_fpu fpu;
	int mp_state;
};

static void read_everything(struct vcpu *v, struct everything *ret)
{
	memset(ret, 0, sizeof(*ret));
	assert_int_equal(vcpu_get_regs(v, &ret->regs, NULL), 0);
	assert_int_equal(vcpu_get_apic(v, &ret->apic, NULL), 0);
	assert_int_equal(ioctl(v->fd, KVM_GET_DEBUGREGS, &ret->debug), 0);
	assert_int_equal(ioctl(v->fd, KVM_GET_VCPU_EVENTS, &ret->events), 0);
	assert_int_equal(ioctl(v->fd, KVM_GET_FPU, &ret->fpu), 0);
	ret->mp_state = vcpu_get_mp_state(v);
}

static void put64(struct machine *m, uint64_t gpa, uint64_t value)
{
	assert_int_equal(gmem_write(&m->vm.memory.gmem, gpa, &value, sizeof(value)), 0);
}

/* A page of a program: U on every level, so that SMAP keeps the kernel from it. */
static void map_program(struct machine *m)
{
	static const uint8_t code[] = {0xde, 0xad, 0xbe, 0xef};

	for (unsigned level = 4; level; level--)
		put64(m, TABLES + (4 - level) * PAGE_4K + (PROGRAM >> (3 + 9 * level) & 511) * 8,
			(level > 1 ? TABLES + (5 - level) * PAGE_4K : CODE) | PTE_P | PTE_W | PTE_U);
	assert_int_equal(gmem_write(&m->vm.memory.gmem, CODE + 0xffc, code, sizeof(code)), 0);
}

/* CR4_SMAP, where this processor has it: CPUID 7, EBX, bit 20 */
static uint64_t host_smap(void)
{
	unsigned a, b, c, d;

	return __get_cpuid_count(7, 0, &a, &b, &c, &d) && b & BIT(20) ? CR4_SMAP : 0;
}

static void in_program(struct vcpu *v)
{
	struct vcpu_regs regs;
	struct err e = {0};

	assert_int_equal(vcpu_get_regs(v, &regs, &e), 0);
	regs.system.cr3 = TABLES;
	regs.system.cr4 |= host_smap();
	regs.system.cs.dpl = regs.system.ss.dpl = 3;
	regs.system.cs.selector |= SELECTOR_RPL;
	regs.system.ss.selector |= SELECTOR_RPL;
	regs.general.rip = PROGRAM + 0xffc;
	regs.general.rflags |= RFLAGS_IF;
	if (vcpu_set_regs(v, &regs, &e) < 0)
		fail_msg("%s", e.text);
}

/* Without paging, in a segment that does not start at 0 and wraps at 4 GiB. */
static void in_segment(struct vcpu *v)
{
	const struct entry entry = {.mode = ENTRY_PROTECTED,
		.rip = 0xfffffffc,
		.cs = 0x08,
		.ds = 0x10,
		.seg_base = CODE + PAGE_4K,
		.seg_size = GIB};
	struct err e = {0};

	assert_int_equal(vcpu_set_entry(v, &entry, &e), 0);
}

/* Where nothing is mapped. */
static void in_nothing(struct vcpu *v)
{
	struct vcpu_regs regs;

	in_program(v);
	assert_int_equal(vcpu_get_regs(v, &regs, NULL), 0);
	regs.general.rip = 0x1000;
	assert_int_equal(vcpu_set_regs(v, &regs, NULL), 0);
}

static void open_machine(struct config *config, struct loop **loop, struct machine **m)
{
	static const struct machine_stdio io = {.in_fd = -1, .out_fd = -1};
	static char path[64];
	static struct kit_elf elf;
	struct err e = {0};

	kit_elf(&elf);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", kit_file(&elf, sizeof(elf)));
	config_init(config);
	config->kernel = path;
	config->console = CONSOLE_NULL;
	config->mem_bytes = CONFIG_MEM_MIN;
	config->cpus = CPUS;
	assert_int_equal(loop_new(loop), 0);
	if (machine_open(config, &io, NULL, *loop, m, &e) < 0 || machine_build(*m, &e) < 0)
		fail_msg("%s", e.text);
}

static void where_every_cpu_stood_and_nothing_else(void **state)
{
	static const char *const lines[] = {
		"CPU 0: running, 64-bit mode, RIP 0x7f0012345ffc, RSP ",
		", CR3 0x10000, interrupts on\n  code: de ad be ef\nCPU 1: ",
		", 32-bit protected mode, RIP 0xfffffffc, RSP ",
		", CR3 0x0, interrupts off\n  code: de ad be ef",
		"CPU 2: ",
		", CR3 0x10000, interrupts on\n  code: not mapped\nCPU 3: ",
		/* As a reset leaves it: below 4 GiB. */
		", real mode, RIP 0xfff0, RSP 0x0, CR3 0x0, interrupts off\n",
		"  code: not in RAM (guest-physical 0xfffffff0)\n",
	};
	struct everything before[CPUS], after;
	struct config config;
	struct machine *m;
	struct loop *loop;
	size_t size;
	char *text;
	const char *at;
	FILE *out = open_memstream(&text, &size);

	open_machine(&config, &loop, &m);
	map_program(m);
	in_program(&m->vm.vcpu[0]);
	in_segment(&m->vm.vcpu[1]);
	/* The others' CPUs wait for their SIPI as after a reset: long mode is the boot CPU's. */
	assert_int_equal(vcpu_get_regs(&m->vm.vcpu[0], &before[0].regs, NULL), 0);
	assert_int_equal(vcpu_set_regs(&m->vm.vcpu[2], &before[0].regs, NULL), 0);
	in_nothing(&m->vm.vcpu[2]);
	for (unsigned i = 0; i < CPUS; i++)
		read_everything(&m->vm.vcpu[i], &before[i]);
	assert_int_equal(before[0].regs.system.cr4 & CR4_SMAP, host_smap());

	looking = true;
	machine_report(m, out);
	looking = false;
	assert_int_equal(fclose(out), 0);
	at = text;
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		const char *found = strstr(at, lines[i]);

		if (!found)
			fail_msg("\"%s\" is not in\n%s", lines[i], at);
		at = found + strlen(lines[i]);
	}
	free(text);
	for (unsigned i = 0; i < CPUS; i++) {
		read_everything(&m->vm.vcpu[i], &after);
		assert_memory_equal(&before[i], &after, sizeof(after));
	}
	machine_destroy(m);
	loop_free(loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(where_every_cpu_stood_and_nothing_else)};
	struct kvm kvm = {.fd = -1};

	return run_with_kvm(&kvm, tests);
}
