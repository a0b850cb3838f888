// SPDX-License-Identifier: Apache-2.0
/*
 * What vmm takes for a host that is itself a guest, with CPUID as this file answers it.
 */
#include <cpuid.h>
#include <string.h>

#include "tests/support/unit.h"

static unsigned leaf_1_ecx;

static void fake_cpuid(unsigned leaf, unsigned *a, unsigned *b, unsigned *c, unsigned *d)
{
	static const char text[] = "SomeMonitor ";

	*a = *b = *c = *d = 0;
	if (leaf == 1)
		*c = leaf_1_ecx;
	if (leaf == 0x40000000) {
		memcpy(b, text, 4);
		memcpy(c, text + 4, 4);
		memcpy(d, text + 8, 4);
	}
}

static int fake_get_cpuid(unsigned leaf, unsigned *a, unsigned *b, unsigned *c, unsigned *d)
{
	fake_cpuid(leaf, a, b, c, d);
	return 1;
}

#undef __cpuid
#define __cpuid(leaf, a, b, c, d) fake_cpuid(leaf, &(a), &(b), &(c), &(d))
#define __get_cpuid               fake_get_cpuid
#include "vmm/check/facts.c"

/* SDM 2, CPUID: bit 31 of ECX of leaf 1 is 0 on every processor. Hypervisors set it, and have leaf 0x40000000. */
static void a_guest_is_told_by_one_bit(void **state)
{
	char name[13];

	leaf_1_ecx = 0x7fffffff;
	assert_null(hypervisor(name));
	leaf_1_ecx = 0x80000000;
	assert_string_equal(hypervisor(name), "SomeMonitor ");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_guest_is_told_by_one_bit),
	};

	return run_group(tests);
}
