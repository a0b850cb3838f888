// SPDX-License-Identifier: Apache-2.0
/*
 * The list of what stays and what is hidden (tests/support/cpuid_bits.c) against every recorded host and CPU count, and
 * against hosts that are made of the list: all that it names, and each row alone.
 */
#include "tests/support/cpuid_bits.h"
#include "tests/support/cpuid_hosts.h"
#include "vmm/base/board.h"

static const struct cpuid_opts grid[] = {
	{.cpus = 1},
	{.cpus = 1, .tsc_deadline = true},
	{.cpus = 4, .tsc_deadline = true},
	{.cpus = 4, .tsc_deadline = true, .nested = true},
	{.cpus = 4, .tsc_deadline = true, .pmu = true},
	{.cpus = 4, .tsc_deadline = true, .no_apic = true},
	{.cpus = BOARD_CPUS_MAX, .tsc_deadline = true},
	{.cpus = BOARD_CPUS_MAX, .nested = true, .pmu = true},
};

static void check(const char *name, const struct cpuid_set *host)
{
	for (size_t i = 0; i < ARRAY_SIZE(grid); i++) {
		const struct cpuid_bits *b;
		struct cpuid_set guest;
		struct err e = {0};

		if (cpuid_policy(host, &grid[i], &guest, &e))
			fail_msg("%s: %s", name, e.text);
		b = cpuid_bits_broken(host, &grid[i], &guest, cpuid_vendor(host));
		if (b)
			fail_msg("%s, options %zu: leaf %#x.%u register %u bits %u to %u (%s): %s", name, i, b->leaf,
				b->index, b->reg, b->lo, b->hi, b->name, b->why);
	}
}

static void recorded_hosts(void **state)
{
	cpuid_hosts_each(check);
}

static uint32_t *reg_in(struct cpuid_set *set, uint32_t leaf, uint32_t index, unsigned reg)
{
	struct kvm_cpuid_entry2 *c = set->entry;

	while (c < set->entry + set->nr && (c->function != leaf || c->index != index))
		c++;
	if (c == set->entry + set->nr) {
		assert_true(set->nr < CPUID_ENTRIES_MAX);
		set->nr++;
		*c = (struct kvm_cpuid_entry2){.function = leaf, .index = index};
	}
	return reg == CPUID_EAX ? &c->eax : reg == CPUID_EBX ? &c->ebx : reg == CPUID_ECX ? &c->ecx : &c->edx;
}

/* A processor of @vendor with every leaf that the table knows, and no bit but XSAVE. */
static void begin(struct cpuid_set *set, unsigned vendor)
{
	bool amd = vendor == CPUID_AMD;

	set->nr = 0;
	*reg_in(set, 0, 0, CPUID_EAX) = CPUID_MAX_BASIC;
	*reg_in(set, 0, 0, CPUID_EBX) = amd ? 0x68747541 : 0x756e6547;
	*reg_in(set, 0, 0, CPUID_ECX) = amd ? 0x444d4163 : 0x6c65746e;
	*reg_in(set, 0, 0, CPUID_EDX) = amd ? 0x69746e65 : 0x49656e69;
	*reg_in(set, CPUID_HYPERVISOR, 0, CPUID_EAX) = CPUID_HYPERVISOR + 1;
	*reg_in(set, CPUID_EXTENDED, 0, CPUID_EAX) = CPUID_MAX_EXTENDED;
	*reg_in(set, 1, 0, CPUID_ECX) = 1u << 26;
}

static void made_hosts(unsigned vendor)
{
	struct cpuid_set all, one;
	char name[128];

	begin(&one, vendor);
	check("a processor with nothing", &one);
	begin(&all, vendor);
	for (size_t i = 0; i < cpuid_bits_nr; i++) {
		const struct cpuid_bits *b = &cpuid_bits[i];

		if (!(b->vendors & vendor))
			continue;
		*reg_in(&all, b->leaf, b->index, b->reg) |= cpuid_bits_mask(b);
		begin(&one, vendor);
		*reg_in(&one, b->leaf, b->index, b->reg) |= cpuid_bits_mask(b);
		snprintf(name, sizeof(name), "a processor with %s alone", b->name);
		check(name, &one);
	}
	check("a processor with everything", &all);
	*reg_in(&all, 1, 0, CPUID_ECX) &= ~(1u << 26);
	check("a processor with everything but XSAVE", &all);
}

static void hosts_made_of_the_list(void **state)
{
	made_hosts(CPUID_INTEL);
	made_hosts(CPUID_AMD);
}

/* A row says something new, is within its register, and has its reason. */
static void rows_are_in_form(void **state)
{
	for (size_t i = 0; i < cpuid_bits_nr; i++) {
		const struct cpuid_bits *b = &cpuid_bits[i];

		assert_true(b->lo <= b->hi && b->hi < 32 && b->reg < CPUID_REGS && b->name[0] && b->why[0]);
		assert_true(b->vendors && !(b->vendors & ~CPUID_ANY));
		for (size_t j = 0; j < i; j++) {
			const struct cpuid_bits *a = &cpuid_bits[j];

			if (a->leaf == b->leaf && a->index == b->index && a->reg == b->reg &&
				(a->vendors & b->vendors) && (cpuid_bits_mask(a) & cpuid_bits_mask(b)))
				fail_msg("leaf %#x.%u: %s and %s have a bit in common", a->leaf, a->index, a->name,
					b->name);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_are_in_form),
		cmocka_unit_test(recorded_hosts),
		cmocka_unit_test(hosts_made_of_the_list),
	};

	return run_group(tests);
}
