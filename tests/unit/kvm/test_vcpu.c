// SPDX-License-Identifier: Apache-2.0
/*
 * A vCPU on a real KVM: what firmware leaves behind in its MSRs, and an entry that the processor refuses.
 */
#include <errno.h>
#include <string.h>

#include "tests/support/unit.h"
#include "vmm/base/util.h"
#include "vmm/kvm/vm.h"

#define MSR_MISC_ENABLE 0x1a0

static struct kvm kvm = {.fd = -1};

static uint64_t misc_enable(const struct vcpu *v)
{
	struct {
		struct kvm_msrs head;
		struct kvm_msr_entry entry[1];
	} m = {.head.nmsrs = 1, .entry = {{.index = MSR_MISC_ENABLE}}};

	assert_int_equal(kvm_ioctl(v->kvm, v->fd, KVM_GET_MSRS, &m), 1);
	return m.entry[0].data;
}

/* What KVM says there of the counters that it has not (bits 11 and 12) stays; fast strings (bit 0) come. */
static void misc_enable_keeps_what_is_kvms(void **state)
{
	static const uint64_t kvms[] = {0, 3 << 11};
	struct {
		struct kvm_msrs head;
		struct kvm_msr_entry entry[1];
	} m = {.head.nmsrs = 1, .entry = {{.index = MSR_MISC_ENABLE}}};
	struct vm vm = {.fd = -1};
	struct err e = {};

	assert_int_equal(vm_create(&kvm, &vm, &e), 0);
	assert_int_equal(vm_add_irqchip(&vm, &e), 0);
	assert_int_equal(vm_add_vcpus(&vm, 1, &e), 0);
	for (size_t i = 0; i < ARRAY_SIZE(kvms); i++) {
		m.entry[0].data = kvms[i];
		assert_int_equal(kvm_ioctl(&kvm, vm.vcpu[0].fd, KVM_SET_MSRS, &m), 1);
		assert_int_equal(vcpu_set_platform(&vm.vcpu[0], &e), 0);
		assert_int_equal(misc_enable(&vm.vcpu[0]), kvms[i] | 1);
	}
	vm_destroy(&vm);
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
	struct kvm_sregs s;
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
	assert_int_equal(kvm_ioctl(&kvm, vm.vcpu[0].fd, KVM_GET_SREGS, &s), 0);
	s.cs.db = 1;
	assert_int_equal(kvm_ioctl(&kvm, vm.vcpu[0].fd, KVM_SET_SREGS, &s), 0);
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
		cmocka_unit_test(an_entry_that_is_refused),
	};
	struct err e = {};
	int r;

	if (kvm_open(NULL, &kvm, &e) < 0)
		return skip_program(e.text);
	r = run_group(tests);
	kvm_close(&kvm);
	return r;
}
