// SPDX-License-Identifier: Apache-2.0
/*
 * A vCPU on a real KVM: its registers, what firmware leaves behind in its MSRs, and an entry that is refused.
 */
#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ioctl.h>

#include "tests/support/with_kvm.h"
#include "vmm/base/le.h"
#include "vmm/base/util.h"
#include "vmm/base/x86.h"
#include "vmm/kvm/vcpu_state.h"
#include "vmm/kvm/vm.h"

static struct kvm kvm = {.fd = -1};

/* The register that KVM is made to refuse; 0: none. */
static uint32_t refused_msr;

/* What KVM answers about KVM_CAP_USER_MEMORY2 (231), which came with Linux 6.7; -1: what is true. */
static int user_memory2 = -1;

int __real_ioctl(int fd, unsigned long request, ...);
int __wrap_ioctl(int fd, unsigned long request, ...);

/* KVM sets the registers of a list up to the one that it refuses, and says how many that were. */
int __wrap_ioctl(int fd, unsigned long request, ...)
{
	struct kvm_msrs *msrs;
	va_list ap;
	void *arg;

	va_start(ap, request);
	arg = va_arg(ap, void *);
	va_end(ap);
	msrs = arg;
	if (request == KVM_CHECK_EXTENSION && arg == (void *)231 && user_memory2 >= 0)
		return user_memory2;
	for (uint32_t i = 0; request == KVM_SET_MSRS && i < msrs->nmsrs; i++)
		if (msrs->entries[i].index == refused_msr)
			msrs->nmsrs = i;
	return __real_ioctl(fd, request, arg);
}

/* KVM of Linux 6.7 and later has the register; what an older one said of it would be a line in the host's log. */
static void hwcr_is_asked_for_where_it_is(void **state)
{
	for (user_memory2 = 1; user_memory2 >= 0; user_memory2--) {
		struct kvm k = {.fd = -1};
		struct err e = {};

		assert_int_equal(kvm_open(NULL, &k, &e), 0);
		assert_int_equal(k.hwcr, user_memory2);
		kvm_close(&k);
	}
}

static void open_cpu(struct vm *vm, bool irqchip)
{
	struct err e = {};

	assert_int_equal(vm_create(&kvm, vm, &e), 0);
	if (irqchip)
		assert_int_equal(vm_add_irqchip(vm, &e), 0);
	assert_int_equal(vm_add_vcpus(vm, 1, &e), 0);
}

/* What KVM says there of the counters that it has not (bits 11 and 12) stays; fast strings (bit 0) come. */
static void misc_enable_keeps_what_is_kvms(void **state)
{
	static const uint64_t kvms[] = {0, 3 << 11};
	struct vm vm = {.fd = -1};
	struct err e = {};

	open_cpu(&vm, true);
	for (size_t i = 0; i < ARRAY_SIZE(kvms); i++) {
		struct vcpu_msr m = {.index = MSR_MISC_ENABLE, .value = kvms[i]};

		assert_int_equal(vcpu_set_msrs(&vm.vcpu[0], &m, 1, &e), 0);
		assert_false(m.refused);
		assert_int_equal(vcpu_set_platform(&vm.vcpu[0], &e), 0);
		m.value = 0;
		assert_int_equal(vcpu_get_msrs(&vm.vcpu[0], &m, 1, &e), 0);
		assert_int_equal(m.value, kvms[i] | 1);
	}
	vm_destroy(&vm);
}

/*
 * SDM 3, 11.11.2.1: MTRRs on (bit 11), fixed ones off, and all memory write-back (6), on every CPU; SDM 3, 11.12 and
 * Linux (arch/x86/kernel/cpu/mtrr): without them a guest takes no PAT either.
 */
static void firmware_left_the_mtrrs_on(void **state)
{
	struct vm vm = {.fd = -1};
	struct err e = {};

	assert_int_equal(vm_create(&kvm, &vm, &e), 0);
	assert_int_equal(vm_add_irqchip(&vm, &e), 0);
	assert_int_equal(vm_add_vcpus(&vm, 2, &e), 0);
	for (unsigned i = 0; i < 2; i++) {
		struct vcpu_msr m = {.index = 0x2ff};

		assert_int_equal(vcpu_get_msrs(&vm.vcpu[i], &m, 1, &e), 0);
		assert_int_equal(m.value, 0);
		assert_int_equal(vcpu_set_platform(&vm.vcpu[i], &e), 0);
		assert_int_equal(vcpu_get_msrs(&vm.vcpu[i], &m, 1, &e), 0);
		assert_false(m.refused);
		assert_int_equal(m.value, 0x806);
	}
	vm_destroy(&vm);
}

/*
 * Interrupts of the PIC come by LINT0, NMIs by LINT1: MP specification 1.4, 3.6.2.2; SDM 3A, figure 11-8, for the bits.
 */
static void firmware_left_the_apic_wired(void **state)
{
	struct vm vm = {.fd = -1};
	struct err e = {};

	assert_int_equal(vm_create(&kvm, &vm, &e), 0);
	assert_int_equal(vm_add_irqchip(&vm, &e), 0);
	assert_int_equal(vm_add_vcpus(&vm, 2, &e), 0);
	for (unsigned i = 0; i < 2; i++) {
		struct kvm_lapic_state apic;

		assert_int_equal(vcpu_set_platform(&vm.vcpu[i], &e), 0);
		assert_int_equal(vcpu_get_apic(&vm.vcpu[i], &apic, &e), 0);
		assert_int_equal(le32_get(apic.regs + 0x350), 0x700);
		assert_int_equal(le32_get(apic.regs + 0x360), 0x400);
		/* The first CPU's is enabled, with vector 0xff for what is spurious. */
		assert_int_equal(le32_get(apic.regs + 0xf0), i ? 0xff : 0x1ff);
	}
	vm_destroy(&vm);
}

/* No guest starts on a CPU that is not as firmware leaves it; HWCR alone is for a message of the guest. */
static void a_refused_register_of_the_platform(void **state)
{
	static const struct {
		uint32_t msr;
		int code;
		const char *words;
	} cases[] = {
		{0x1a0, -EIO, "KVM_SET_MSRS of CPU 0: KVM refused MSR 0x1a0"},
		{0x2ff, -EIO, "KVM_SET_MSRS of CPU 0: KVM refused MSR 0x2ff"},
		{0xc0010015, 0, ""},
	};
	struct vm vm = {.fd = -1};
	bool hwcr = kvm.hwcr;

	kvm.hwcr = true;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct err e = {};

		open_cpu(&vm, true);
		refused_msr = cases[i].msr;
		assert_int_equal(vcpu_set_platform(&vm.vcpu[0], &e), cases[i].code);
		refused_msr = 0;
		assert_string_equal(e.text, cases[i].words);
		vm_destroy(&vm);
	}
	kvm.hwcr = hwcr;
}

/* MSR_KVM_SYSTEM_TIME_NEW: an address, and bit 0 once the guest uses it (Linux, virt/kvm/x86/msr.rst). */
static void a_guest_has_kvmclock(void **state)
{
	struct vcpu_msr m = {.index = 0x4b564d01, .value = 0x1000};
	struct vm vm = {.fd = -1};
	struct err e = {};

	open_cpu(&vm, true);
	assert_false(vcpu_has_kvmclock(&vm.vcpu[0]));
	assert_int_equal(vcpu_set_msrs(&vm.vcpu[0], &m, 1, &e), 0);
	assert_false(m.refused || vcpu_has_kvmclock(&vm.vcpu[0]));
	m.value |= 1;
	assert_int_equal(vcpu_set_msrs(&vm.vcpu[0], &m, 1, &e), 0);
	assert_true(vcpu_has_kvmclock(&vm.vcpu[0]));
	vm_destroy(&vm);
}

/* The registers that KVM does not know are marked; those before, between and behind them are set and read. */
static void msrs_that_kvm_refuses(void **state)
{
	static const bool refused[] = {true, false, true, true, false, true};
	const struct vcpu_msr set[] = {
		{.index = 0x12345},
		{.index = MSR_STAR, .value = 0x1122334400000000},
		{.index = 0x12346},
		{.index = 0x12347},
		{.index = MSR_LSTAR, .value = 0x5566},
		{.index = 0x12348},
	};
	struct vcpu_msr got[ARRAY_SIZE(set)];
	struct vm vm = {.fd = -1};
	struct err e = {};

	open_cpu(&vm, false);
	memcpy(got, set, sizeof(set));
	assert_int_equal(vcpu_set_msrs(&vm.vcpu[0], got, ARRAY_SIZE(got), &e), 0);
	for (size_t i = 0; i < ARRAY_SIZE(got); i++) {
		assert_int_equal(got[i].refused, refused[i]);
		got[i] = (struct vcpu_msr){.index = set[i].index, .refused = !refused[i], .value = 0x77};
	}
	assert_int_equal(vcpu_get_msrs(&vm.vcpu[0], got, ARRAY_SIZE(got), &e), 0);
	for (size_t i = 0; i < ARRAY_SIZE(got); i++) {
		assert_int_equal(got[i].refused, refused[i]);
		assert_int_equal(got[i].value, refused[i] ? 0x77 : set[i].value);
	}
	assert_int_equal(vcpu_get_msrs(&vm.vcpu[0], NULL, 0, &e), 0);
	vm_destroy(&vm);
}

/* What was read and is written elsewhere is read there: registers are a value. */
static void registers_move_to_another_cpu(void **state)
{
	const struct entry entry = {.mode = ENTRY_LONG,
		.rip = 0x1000,
		.rsp = 0x2000,
		.rsi = 0x33,
		.cr3 = 0x4000,
		.gdt_base = 0x5000,
		.gdt_limit = 0x1f,
		.cs = 0x10,
		.ds = 0x18,
		.tss_base = 0x6000,
		.tss = 0x20,
		.fpu = true};
	struct vcpu_regs there, here, before;
	struct vm a = {.fd = -1}, b = {.fd = -1};
	struct kvm_regs general;
	struct err e = {};

	memset(&there, 0, sizeof(there));
	memset(&here, 0xff, sizeof(here));
	open_cpu(&a, false);
	open_cpu(&b, false);
	assert_int_equal(vcpu_set_entry(&a.vcpu[0], &entry, &e), 0);
	assert_int_equal(vcpu_get_regs(&a.vcpu[0], &there, &e), 0);
	assert_int_equal(there.general.rip, 0x1000);
	assert_int_equal(there.system.cr3, 0x4000);
	assert_int_equal(there.system.cs.l, 1);
	assert_int_equal(there.system.tr.type, 11);
	there.general.r15 = 0x1515;
	assert_int_equal(vcpu_set_regs(&b.vcpu[0], &there, &e), 0);
	assert_int_equal(vcpu_get_regs(&b.vcpu[0], &here, &e), 0);
	assert_memory_equal(&here, &there, sizeof(here));
	assert_int_equal(vcpu_get_general(&b.vcpu[0], &general), 0);
	assert_memory_equal(&general, &there.general, sizeof(general));
	assert_int_equal(vcpu_get_mp_state(&b.vcpu[0]), KVM_MP_STATE_RUNNABLE);

	/* A reserved bit of CR4: refused with a message, and the old value is kept. */
	before = here;
	here.system.cr4 |= BIT(63);
	here.general.rip = 0x9999;
	assert_int_equal(vcpu_set_regs(&b.vcpu[0], &here, &e), -EINVAL);
	assert_non_null(strstr(e.text, "KVM_SET_SREGS of CPU 0"));
	assert_int_equal(vcpu_get_regs(&b.vcpu[0], &here, &e), 0);
	assert_memory_equal(&here, &before, sizeof(here));
	vm_destroy(&a);
	vm_destroy(&b);
}

static void a_cpu_that_is_not_there(void **state)
{
	struct vcpu v = {.kvm = &kvm, .fd = -1};
	struct vcpu_regs regs = {.general.rax = 7};
	struct vcpu_msr m = {.index = MSR_STAR};
	struct err e = {};

	assert_int_equal(vcpu_get_regs(&v, &regs, &e), -EBADF);
	assert_int_equal(regs.general.rax, 7);
	assert_int_equal(vcpu_set_regs(&v, &regs, NULL), -EBADF);
	assert_int_equal(vcpu_get_general(&v, &regs.general), -EBADF);
	assert_int_equal(vcpu_get_mp_state(&v), -EBADF);
	assert_int_equal(vcpu_get_msrs(&v, &m, 1, &e), -EBADF);
	assert_int_equal(vcpu_set_msrs(&v, &m, 1, &e), -EBADF);
}

/*
 * 64-bit code whose segment has the D bit as well: invalid to VMX (SDM 3, 26.3.1.2) and SVM (APM 2, 15.5.1), and not
 * looked at by KVM_SET_SREGS.
 */
static void an_entry_that_is_refused(void **state)
{
	const struct entry entry = {.mode = ENTRY_LONG, .rip = 0x1000, .cs = 0x08, .ds = 0x10};
	CLEANUP(memory_destroy) struct memory memory = {0};
	char text[VCPU_EXIT_TEXT_MAX];
	struct vm vm = {.fd = -1};
	struct vcpu_regs regs;
	struct vcpu_exit x;
	struct err e = {};

	if (!kvm_hardware()) {
		print_message("a software KVM: it enters no guest that could be refused\n");
		return;
	}
	assert_int_equal(vm_create(&kvm, &vm, &e), 0);
	assert_int_equal(memory_create(MIB, BACKING_ANON, false, &memory, &e), 0);
	assert_int_equal(vm_set_memory(&vm, &memory, &e), 0);
	assert_int_equal(vm_add_vcpus(&vm, 1, &e), 0);
	assert_int_equal(vcpu_set_entry(&vm.vcpu[0], &entry, &e), 0);
	assert_int_equal(vcpu_get_regs(&vm.vcpu[0], &regs, &e), 0);
	regs.system.cs.db = 1;
	assert_int_equal(vcpu_set_regs(&vm.vcpu[0], &regs, &e), 0);
	assert_int_equal(vcpu_step(&vm.vcpu[0], &x), 0);
	assert_int_equal(x.what, VCPU_ENTRY_FAILED);
	vcpu_exit_text(&x, text);
	print_message("%s\n", text);
	assert_non_null(
		strstr(text, x.error == 0x80000021 ? "(VMX: invalid guest state" : "(SVM: invalid guest state"));
	vm_destroy(&vm);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(misc_enable_keeps_what_is_kvms),
		cmocka_unit_test(hwcr_is_asked_for_where_it_is),
		cmocka_unit_test(firmware_left_the_mtrrs_on),
		cmocka_unit_test(firmware_left_the_apic_wired),
		cmocka_unit_test(a_refused_register_of_the_platform),
		cmocka_unit_test(a_guest_has_kvmclock),
		cmocka_unit_test(msrs_that_kvm_refuses),
		cmocka_unit_test(registers_move_to_another_cpu),
		cmocka_unit_test(a_cpu_that_is_not_there),
		cmocka_unit_test(an_entry_that_is_refused),
	};

	return run_with_kvm(&kvm, tests);
}
