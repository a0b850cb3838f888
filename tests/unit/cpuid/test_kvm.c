// SPDX-License-Identifier: Apache-2.0
/*
 * The policy against the KVM of this machine: what it offers keeps all promises, KVM_SET_CPUID2 takes the result for
 * any number of CPUs and option, and KVM_GET_CPUID2 gives it back, but for the few bits that KVM keeps up to date
 * itself.
 *
 * A software KVM takes it and then shows the guest what it likes: there, what comes back is not compared. The lab
 * runs this test on real virtualization.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>

#include "tests/support/cpuid_check.h"
#include "tests/support/unit.h"
#include "vmm/base/board.h"
#include "vmm/kvm/kvm.h"

static int kvm_fd = -1;

/* Bits that follow the guest's CR4, XCR0, XSS and APIC base. */
static void mask_live_bits(struct kvm_cpuid_entry2 *c)
{
	if (c->function == 0x1) {
		c->ecx &= ~(uint32_t)BIT(27); /* OSXSAVE */
		c->edx &= ~(uint32_t)BIT(9);  /* APIC */
	} else if (c->function == 0x7 && c->index == 0) {
		c->ecx &= ~(uint32_t)BIT(4); /* OSPKE */
	} else if (c->function == 0xd && c->index < 2) {
		c->ebx = 0;
	}
}

static void check_vcpu(int vcpu, const struct cpuid_set *set, unsigned cpus, unsigned cpu)
{
	CLEANUP_FREE struct kvm_cpuid2 *c = calloc(1, sizeof(*c) + CPUID_ENTRIES_MAX * sizeof(c->entries[0]));

	assert_non_null(c);
	c->nent = set->nr;
	memcpy(c->entries, set->entry, set->nr * sizeof(set->entry[0]));
	if (ioctl(vcpu, KVM_SET_CPUID2, c) < 0)
		fail_msg("KVM_SET_CPUID2, CPU %u of %u: %s", cpu, cpus, strerror(errno));

	if (!kvm_hardware())
		return;
	memset(c->entries, 0, CPUID_ENTRIES_MAX * sizeof(c->entries[0]));
	c->nent = CPUID_ENTRIES_MAX;
	assert_int_equal(ioctl(vcpu, KVM_GET_CPUID2, c), 0);
	/* Linux 6.1 leaves the number as it was asked for. */
	assert_true(c->nent == set->nr || c->nent == CPUID_ENTRIES_MAX);
	for (uint32_t i = 0; i < set->nr; i++) {
		struct kvm_cpuid_entry2 got = c->entries[i], want = set->entry[i];

		mask_live_bits(&got);
		mask_live_bits(&want);
		if (memcmp(&got, &want, sizeof(got)))
			fail_msg("leaf %#x.%u: %08x %08x %08x %08x came back as %08x %08x %08x %08x", want.function,
				want.index, want.eax, want.ebx, want.ecx, want.edx, got.eax, got.ebx, got.ecx, got.edx);
	}
}

static void check_vm(const struct cpuid_set *host, const struct cpuid_opts *o)
{
	const unsigned cpu[] = {0, o->cpus / 2, o->cpus - 1};
	int vm = ioctl(kvm_fd, KVM_CREATE_VM, 0);
	char why[CPUID_CHECK_MAX];
	struct cpuid_set guest;
	struct err e = {0};

	assert_true(vm >= 0);
	assert_int_equal(ioctl(vm, KVM_CREATE_IRQCHIP, 0), 0);
	if (cpuid_policy(host, o, &guest, &e))
		fail_msg("%s", e.text);
	if (!cpuid_check(host, o, &guest, why))
		fail_msg("%s", why);
	for (size_t i = 0; i < ARRAY_SIZE(cpu); i++) {
		struct cpuid_set set = guest;
		int vcpu;

		if (i && cpu[i] == cpu[i - 1])
			continue;
		vcpu = ioctl(vm, KVM_CREATE_VCPU, (unsigned long)cpu[i]);
		if (vcpu < 0)
			fail_msg("KVM_CREATE_VCPU %u: %s", cpu[i], strerror(errno));
		cpuid_for_cpu(&set, cpu[i], o->cpus);
		check_vcpu(vcpu, &set, o->cpus, cpu[i]);
		close(vcpu);
	}
	close(vm);
}

static void test_accepted(void **state)
{
	static const unsigned cpus[] = {1, 2, 3, 8, 64, 65, BOARD_CPUS_MAX};
	bool deadline = ioctl(kvm_fd, KVM_CHECK_EXTENSION, KVM_CAP_TSC_DEADLINE_TIMER) > 0;
	struct cpuid_set host;
	struct err e = {0};

	if (cpuid_supported(&(struct kvm){.fd = kvm_fd}, &host, &e))
		fail_msg("%s", e.text);
	assert_true(host.nr > 10);
	print_message("%u entries; %s\n", host.nr, kvm_hardware() ? "what is set has to come back" : "a software KVM");
	for (size_t i = 0; i < ARRAY_SIZE(cpus); i++)
		check_vm(&host, &(struct cpuid_opts){.cpus = cpus[i], .tsc_deadline = deadline});
	check_vm(&host, &(struct cpuid_opts){.cpus = 1, .tsc_deadline = deadline, .nested = true});
	check_vm(&host, &(struct cpuid_opts){.cpus = 1, .tsc_deadline = deadline, .pmu = true});
}

static void test_offer_fails(void **state)
{
	struct cpuid_set set = {.nr = 4711};
	struct err e = {0};
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	assert_true(null >= 0);
	assert_int_equal(cpuid_supported(&(struct kvm){.fd = null}, &set, &e), -ENOTTY);
	assert_non_null(strstr(e.text, "KVM_GET_SUPPORTED_CPUID"));
	assert_int_equal(cpuid_supported(&(struct kvm){.fd = -1}, &set, &e), -EBADF);
	assert_int_equal(set.nr, 4711);
	close(null);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_accepted),
		cmocka_unit_test(test_offer_fails),
	};
	int r;

	kvm_fd = open(KVM_DEVICE, O_RDWR | O_CLOEXEC);
	if (kvm_fd < 0)
		return skip_program(KVM_DEVICE " cannot be opened");
	r = run_group(tests);
	close(kvm_fd);
	return r;
}
