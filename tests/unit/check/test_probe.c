// SPDX-License-Identifier: Apache-2.0
/* What `vmm check` makes of its probe guest: each way in which one instruction can end, and a host that gives no VM. */
#include <errno.h>
#include <string.h>

#include "tests/support/with_kvm.h"
#include "vmm/check/probe.h"
#include "vmm/kvm/vcpu_state.h"

static struct kvm kvm = {.fd = -1};
static int step_error, cpuid_error;
static enum vcpu_event how;
static uint64_t rax;

int __wrap_vcpu_step(struct vcpu *v, struct vcpu_exit *ret);
int __wrap_vcpu_get_general(struct vcpu *v, struct kvm_regs *ret);
int __real_vcpu_set_cpuid(struct vcpu *v, const struct cpuid_set *set, struct err *e);
int __wrap_vcpu_set_cpuid(struct vcpu *v, const struct cpuid_set *set, struct err *e);

int __wrap_vcpu_step(struct vcpu *v, struct vcpu_exit *ret)
{
	*ret = (struct vcpu_exit){.what = how};
	return step_error;
}

int __wrap_vcpu_get_general(struct vcpu *v, struct kvm_regs *ret)
{
	*ret = (struct kvm_regs){.rax = rax};
	return rax == 1 ? -EIO : 0;
}

int __wrap_vcpu_set_cpuid(struct vcpu *v, const struct cpuid_set *set, struct err *e)
{
	return cpuid_error ? err_sys(e, cpuid_error, "KVM_SET_CPUID2") : __real_vcpu_set_cpuid(v, set, e);
}

static void each_outcome(void **state)
{
	static const struct {
		int error;
		enum vcpu_event how;
		uint64_t rax;
		enum probe_outcome outcome;
	} cases[] = {
		{0, VCPU_HLT, 0x600d, PROBE_WORKS},
		{0, VCPU_HLT, 0x600c, PROBE_WRONG},
		{0, VCPU_HLT, 1, PROBE_BROKEN}, /* its registers cannot be read */
		{0, VCPU_KICKED, 0x600d, PROBE_HANGS},
		{0, VCPU_INTERNAL_ERROR, 0x600d, PROBE_BROKEN},
		{0, VCPU_TRIPLE_FAULT, 0x600d, PROBE_BROKEN},
		{-EINVAL, VCPU_HLT, 0x600d, PROBE_BROKEN},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct probe_result result[PROBES_MAX];
		struct err e = {0};
		size_t nr = 0, offered = 0;

		step_error = cases[i].error;
		how = cases[i].how;
		rax = cases[i].rax;
		if (probe_run(&kvm, result, &nr, &e) < 0)
			fail_msg("%s", e.text);
		assert_in_range(nr, 5, PROBES_MAX);
		for (size_t p = 0; p < nr; p++) {
			if (result[p].outcome == PROBE_NOT_OFFERED)
				continue;
			offered++;
			if (result[p].outcome != cases[i].outcome)
				fail_msg("case %zu, %s: %s", i, result[p].name, probe_outcome_text(result[p].outcome));
		}
		assert_true(offered > 3);
	}
}

static void no_vcpu_to_try_on(void **state)
{
	struct probe_result result[PROBES_MAX];
	struct err e = {0};
	size_t nr = 4711;

	cpuid_error = -EINVAL;
	assert_int_equal(probe_run(&kvm, result, &nr, &e), -EINVAL);
	cpuid_error = 0;
	assert_non_null(strstr(e.text, "KVM_SET_CPUID2"));
	assert_int_equal(nr, 4711);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_outcome),
		cmocka_unit_test(no_vcpu_to_try_on),
	};

	return run_with_kvm(&kvm, tests);
}
