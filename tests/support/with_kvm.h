/* SPDX-License-Identifier: Apache-2.0 */
/* The main() of a test program that needs /dev/kvm. */
#ifndef TESTS_SUPPORT_WITH_KVM_H
#define TESTS_SUPPORT_WITH_KVM_H

#include "tests/support/unit.h"
#include "vmm/kvm/kvm.h"

static inline int timed_with_kvm(struct kvm *kvm, const struct CMUnitTest *tests, size_t nr)
{
	struct err e = {};
	int r;

	if (kvm_open(NULL, kvm, &e) < 0)
		return skip_program(e.text);
	r = run_timed(tests, nr, NULL, NULL);
	kvm_close(kvm);
	return r;
}

/**
 * run_with_kvm() - run_group() with KVM open, or skip_program() where it cannot be opened
 * @kvm: open while the tests run
 */
#define run_with_kvm(kvm, tests) timed_with_kvm(kvm, tests, sizeof(tests) / sizeof((tests)[0]))

#endif
