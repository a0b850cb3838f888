// SPDX-License-Identifier: Apache-2.0
/*
 * Arbitrary hosts: whatever KVM is made to offer, the policy keeps every promise of tests/support/cpuid_check.h or
 * refuses, and changes nothing when it is applied again.
 *
 * Input: CPUs, option bits, then entries of 24 bytes: leaf, index, EAX, EBX, ECX, EDX.
 */
#include <errno.h>
#include <string.h>

#include "tests/support/cpuid_check.h"
#include "tests/support/fuzz.h"
#include "vmm/base/board.h"

static int count(const struct cpuid_change *c, void *arg)
{
	/* A change is of bits that differ, and has words. */
	if (!c->mask || (c->mask & ~(c->host ^ c->guest)) || !cpuid_rule_name(cpuid_check_words(), c->rule)[0] ||
		!cpuid_rule_reason(cpuid_check_words(), c->rule)[0])
		abort();
	++*(int *)arg;
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cpuid_set host = {.nr = 0}, guest, again;
	struct cpuid_opts o = {0};
	char why[CPUID_CHECK_MAX];
	int r, changes = 0;

	if (size < 2)
		return 0;
	o.cpus = data[0];
	o.nested = data[1] & 1;
	o.pmu = data[1] & 2;
	o.tsc_deadline = data[1] & 4;
	o.no_apic = data[1] & 8;
	for (data += 2, size -= 2; size >= 24 && host.nr < CPUID_ENTRIES_MAX; data += 24, size -= 24) {
		struct kvm_cpuid_entry2 *c = &host.entry[host.nr++];
		uint32_t n[6];

		memcpy(n, data, sizeof(n));
		*c = (struct kvm_cpuid_entry2){.function = n[0],
			.index = n[1],
			.flags = ~n[1],
			.eax = n[2],
			.ebx = n[3],
			.ecx = n[4],
			.edx = n[5]};
	}
	r = cpuid_policy(&host, &o, &guest, NULL);
	if (r == -EINVAL || r == -ENOSPC)
		return 0;
	if (r)
		abort();
	if (!cpuid_check(&host, &o, &guest, why)) {
		fprintf(stderr, "%s\n", why);
		abort();
	}
	if (cpuid_diff(&host, &guest, count, &changes))
		abort();
	if (cpuid_policy(&guest, &o, &again, NULL) || again.nr != guest.nr ||
		memcmp(again.entry, guest.entry, guest.nr * sizeof(guest.entry[0])))
		abort();
	cpuid_for_cpu(&guest, o.cpus - 1, o.cpus);
	if (cpuid_find(&guest, 1, 0)->ebx >> 24 != o.cpus - 1)
		abort();
	return 0;
}
