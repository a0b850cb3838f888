// SPDX-License-Identifier: Apache-2.0
/*
 * The policy over made-up and recorded hosts. Recorded ones are in tests/data/cpuid, and each file says what it is: two
 * KVMs that were met, and CPU models of QEMU, which are definitions that no KVM has filtered.
 */
#include "tests/support/cpuid_check.h"
#include "tests/support/cpuid_hosts.h"
#include "vmm/base/board.h"

#define INTEL_EBX 0x756e6547
#define INTEL_EDX 0x49656e69
#define INTEL_ECX 0x6c65746e
#define AMD_EBX   0x68747541
#define AMD_EDX   0x69746e65
#define AMD_ECX   0x444d4163

static const struct cpuid_opts one_cpu = {.cpus = 1, .tsc_deadline = true};

static void add(
	struct cpuid_set *set, uint32_t leaf, uint32_t index, uint32_t eax, uint32_t ebx, uint32_t ecx, uint32_t edx)
{
	assert_true(set->nr < CPUID_ENTRIES_MAX);
	set->entry[set->nr++] = (struct kvm_cpuid_entry2){.function = leaf,
		.index = index,
		.flags = cpuid_leaf_indexed(leaf) ? KVM_CPUID_FLAG_SIGNIFCANT_INDEX : 0,
		.eax = eax,
		.ebx = ebx,
		.ecx = ecx,
		.edx = edx};
}

/* Leaves that every processor has, and nothing in them. */
static void begin_host(struct cpuid_set *set, unsigned vendor, uint32_t basic, uint32_t extended)
{
	set->nr = 0;
	if (vendor == CPUID_AMD)
		add(set, 0, 0, basic, AMD_EBX, AMD_ECX, AMD_EDX);
	else
		add(set, 0, 0, basic, INTEL_EBX, INTEL_ECX, INTEL_EDX);
	add(set, 0x80000000, 0, extended, 0, 0, 0);
}

static void apply(const struct cpuid_set *host, const struct cpuid_opts *o, struct cpuid_set *ret)
{
	struct err e = {0};

	if (cpuid_policy(host, o, ret, &e))
		fail_msg("%s", e.text);
}

static uint32_t guest_reg(const struct cpuid_set *set, uint32_t leaf, uint32_t index, unsigned reg)
{
	const struct kvm_cpuid_entry2 *c = cpuid_find(set, leaf, index);

	return c ? cpuid_read(c, reg) : 0;
}

static void assert_same(const struct cpuid_set *a, const struct cpuid_set *b)
{
	assert_int_equal(a->nr, b->nr);
	assert_memory_equal(a->entry, b->entry, a->nr * sizeof(a->entry[0]));
}

/*
 * A Xeon Silver 4210R (Cascade Lake) under Linux 6.1. What its KVM offered was not published, only what another VMM
 * with the same policy gave its guest; so the host here is that plus all that the policy is to take away.
 */
static void test_cascade_lake(void **state)
{
	const uint32_t ecx = 0xf6fa3203, edx = 0x0f8bbb7f, ebx7 = 0xd19f27eb, edx7 = 0xac000400;
	/* DTES64, MONITOR, DS_CPL, VMX, SMX, EIST, TM2, PDCM; without the HYPERVISOR bit */
	const uint32_t lost_ecx = 0x81fc;
	/* MCE, MCA, ACPI, HTT */
	const uint32_t lost_edx = 0x10404080;
	/* HLE, RTM, RDT_M, MPX, RDT_A */
	const uint32_t lost_ebx7 = 0xd810;
	struct cpuid_opts o = {.cpus = 1};
	struct cpuid_set host, guest;

	begin_host(&host, CPUID_INTEL, 22, 0x80000008);
	add(&host, 1, 0, 0x50657, 0x02100800, (ecx | lost_ecx) & 0x7fffffff, edx | lost_edx);
	add(&host, 6, 0, 0x77, 2, 9, 0);
	add(&host, 7, 0, 0, ebx7 | lost_ebx7, 0x00010818 | 0x4, edx7);
	add(&host, 0xa, 0, 0x07300404, 0, 0, 0x603);
	add(&host, 0xd, 0, 0x2ff, 0xa88, 0xa88, 0);
	add(&host, 0xd, 1, 0xf, 0xa08, 0x100, 0);
	add(&host, 0xd, 2, 0x100, 0x240, 0, 0);
	add(&host, 0xd, 3, 0x40, 0x3c0, 0, 0);
	add(&host, 0xd, 4, 0x40, 0x400, 0, 0);
	add(&host, 0xd, 5, 0x40, 0x440, 0, 0);
	add(&host, 0xd, 6, 0x200, 0x480, 0, 0);
	add(&host, 0xd, 7, 0x400, 0x680, 0, 0);
	add(&host, 0xd, 9, 0x8, 0xa80, 0, 0);
	add(&host, 0x80000001, 0, 0, 0, 0x121, 0x2c100800);
	add(&host, 0x80000008, 0, 0x392e, 0x0100d000, 0, 0);

	apply(&host, &o, &guest);
	assert_int_equal(guest_reg(&guest, 0, 0, CPUID_EAX), 22);
	assert_int_equal(guest_reg(&guest, 1, 0, CPUID_ECX), ecx);
	assert_int_equal(guest_reg(&guest, 1, 0, CPUID_EDX), edx);
	assert_int_equal(guest_reg(&guest, 7, 0, CPUID_EBX), ebx7);
	assert_int_equal(guest_reg(&guest, 7, 0, CPUID_ECX), 0x804);
	assert_int_equal(guest_reg(&guest, 7, 0, CPUID_EDX), edx7);
	assert_int_equal(guest_reg(&guest, 0x80000001, 0, CPUID_ECX), 0x121);
	assert_int_equal(guest_reg(&guest, 6, 0, CPUID_EAX), 4);
	assert_int_equal(guest_reg(&guest, 6, 0, CPUID_EBX) | guest_reg(&guest, 6, 0, CPUID_ECX), 0);
	assert_int_equal(guest_reg(&guest, 0xa, 0, CPUID_EAX) | guest_reg(&guest, 0xa, 0, CPUID_EDX), 0);
	assert_int_equal(guest_reg(&guest, 0xd, 0, CPUID_EAX), 0xe7);
	assert_int_equal(guest_reg(&guest, 0xd, 0, CPUID_ECX), 0xa80);
	assert_int_equal(guest_reg(&guest, 0xd, 1, CPUID_EBX), 576 + 256 + 64 + 512 + 1024);
	assert_null(cpuid_find(&guest, 0xd, 3));
	assert_null(cpuid_find(&guest, 0xd, 9));
	assert_int_equal(guest_reg(&guest, 0x80000008, 0, CPUID_EAX), 0x302e);

	/* Beyond that source: the deadline timer, which KVM of Linux 6.1 has but does not list; and a second CPU. */
	o.tsc_deadline = true;
	apply(&host, &o, &guest);
	assert_int_equal(guest_reg(&guest, 1, 0, CPUID_ECX), ecx | 1u << 24);
	o.cpus = 2;
	apply(&host, &o, &guest);
	assert_int_equal(guest_reg(&guest, 1, 0, CPUID_EDX), edx | 1u << 28);
}

static const struct cpuid_opts grid[] = {
	{.cpus = 1},
	{.cpus = 1, .tsc_deadline = true},
	{.cpus = 2, .tsc_deadline = true},
	{.cpus = 3, .tsc_deadline = true, .nested = true},
	{.cpus = 4, .tsc_deadline = true, .pmu = true},
	{.cpus = 64, .tsc_deadline = true},
	{.cpus = 65, .tsc_deadline = true, .nested = true, .pmu = true},
	{.cpus = BOARD_CPUS_MAX, .tsc_deadline = true},
};

static void check_cpu(const struct cpuid_set *template, unsigned cpu, unsigned cpus)
{
	struct cpuid_set set = *template;
	bool amd = cpuid_vendor(template) == CPUID_AMD;

	cpuid_for_cpu(&set, cpu, cpus);
	assert_int_equal(guest_reg(&set, 1, 0, CPUID_EBX) >> 24, cpu);
	for (uint32_t i = 0; i < set.nr; i++) {
		struct kvm_cpuid_entry2 *c = &set.entry[i];

		if (c->function == 0xb || (c->function == 0x1f && !amd)) {
			assert_int_equal(c->edx, cpu);
			c->edx = 0;
		}
		if (c->function == 0x8000001e && amd) {
			assert_int_equal(c->eax, cpu);
			assert_int_equal(c->ebx, cpu);
			c->eax = c->ebx = 0;
		}
		if (c->function == 1)
			c->ebx &= 0xffffff;
	}
	/* Nothing else has changed. */
	assert_same(&set, template);
}

struct explained {
	const struct cpuid_set *host;
	struct cpuid_set rebuilt;
};

/* Applies each reported change to the host: at the end it must equal the guest, so no difference went unreported. */
static int explain(const struct cpuid_change *c, void *arg)
{
	struct explained *x = arg;
	uint32_t i;

	assert_non_null(c->rule);
	assert_true(
		cpuid_rule_name(cpuid_check_words(), c->rule)[0] && cpuid_rule_reason(cpuid_check_words(), c->rule)[0]);
	assert_true(c->mask != 0 && (c->host ^ c->guest) & c->mask);
	assert_false(c->mask & ~(c->host ^ c->guest));
	assert_ptr_equal(
		cpuid_rule_find(c->leaf, c->index, c->reg, (unsigned)__builtin_ctz(c->mask), cpuid_vendor(x->host)),
		c->rule);
	for (i = 0; i < x->rebuilt.nr; i++)
		if (x->rebuilt.entry[i].function == c->leaf && x->rebuilt.entry[i].index == c->index)
			break;
	if (i == x->rebuilt.nr)
		add(&x->rebuilt, c->leaf, c->index, 0, 0, 0, 0);
	switch (c->reg) {
	case CPUID_EAX: x->rebuilt.entry[i].eax ^= c->mask; break;
	case CPUID_EBX: x->rebuilt.entry[i].ebx ^= c->mask; break;
	case CPUID_ECX: x->rebuilt.entry[i].ecx ^= c->mask; break;
	default: x->rebuilt.entry[i].edx ^= c->mask; break;
	}
	return 0;
}

static void check_explained(const struct cpuid_set *host, const struct cpuid_set *guest)
{
	struct explained x = {.host = host, .rebuilt = {.nr = 0}};

	/* Of a duplicate the first counts, as in KVM. */
	for (uint32_t i = 0; i < host->nr; i++) {
		const struct kvm_cpuid_entry2 *c = &host->entry[i];

		if (!cpuid_find(&x.rebuilt, c->function, c->index))
			add(&x.rebuilt, c->function, cpuid_leaf_indexed(c->function) ? c->index : 0, c->eax, c->ebx,
				c->ecx, c->edx);
	}
	assert_int_equal(cpuid_diff(host, guest, explain, &x), 0);
	for (uint32_t i = 0; i < x.rebuilt.nr; i++) {
		const struct kvm_cpuid_entry2 *c = &x.rebuilt.entry[i];

		for (unsigned reg = 0; reg < CPUID_REGS; reg++)
			if (cpuid_read(c, reg) != guest_reg(guest, c->function, c->index, reg))
				fail_msg(
					"leaf %#x.%u register %u: difference not reported", c->function, c->index, reg);
	}
	for (uint32_t i = 0; i < guest->nr; i++) {
		const struct kvm_cpuid_entry2 *c = &guest->entry[i];

		for (unsigned reg = 0; reg < CPUID_REGS; reg++)
			assert_int_equal(cpuid_read(c, reg), guest_reg(&x.rebuilt, c->function, c->index, reg));
	}
}

static void check_host(const char *name, const struct cpuid_set *host)
{
	for (size_t i = 0; i < ARRAY_SIZE(grid); i++) {
		const struct cpuid_opts *o = &grid[i];
		struct cpuid_set guest, again;
		char why[CPUID_CHECK_MAX];

		apply(host, o, &guest);
		if (!cpuid_check(host, o, &guest, why))
			fail_msg("%s with %u CPUs: %s", name, o->cpus, why);
		apply(&guest, o, &again);
		assert_same(&guest, &again);
		/* In place. */
		again = *host;
		apply(&again, o, &again);
		assert_same(&guest, &again);
		check_cpu(&guest, 0, o->cpus);
		check_cpu(&guest, o->cpus / 2, o->cpus);
		check_cpu(&guest, o->cpus - 1, o->cpus);
		check_explained(host, &guest);
	}
}

static void test_recorded_hosts(void **state)
{
	cpuid_hosts_each(check_host);
}

/* What the guests of some recorded hosts get, written down; the reasons are in the table. */
static void test_recorded_values(void **state)
{
	static const struct {
		const char *host;
		uint32_t leaf, index;
		unsigned reg;
		uint32_t offered, got;
	} cases[] = {
		{"kvm-amd-lab.txt", 0x1, 0, CPUID_ECX, 0x76f83203, 0xf7f83203},
		{"kvm-amd-lab.txt", 0x1, 0, CPUID_EDX, 0x078bfbfd, 0x078bbb7d},
		{"kvm-amd-lab.txt", 0x6, 0, CPUID_EAX, 0x4, 0x4},
		{"kvm-amd-lab.txt", 0x7, 0, CPUID_EDX, 0x20000000, 0},
		{"kvm-amd-lab.txt", 0x80000001, 0, CPUID_ECX, 0x77, 0x71},
		{"kvm-amd-lab.txt", 0x80000008, 0, CPUID_ECX, 0x1001, 0},
		{"kvm-amd-lab.txt", 0x8000000a, 0, CPUID_EDX, 0x10000021, 0},
		{"kvm-amd-lab.txt", 0x8000001d, 3, CPUID_EAX, 0x4163, 0x163},
		{"kvm-amd-lab.txt", 0x40000000, 0, CPUID_EAX, 0x40000001, 0x40000001},
		{"kvm-amd-lab.txt", 0x40000000, 0, CPUID_EBX, 0x4b4d564b, 0x4b4d564b},
		{"kvm-amd-lab.txt", 0x40000001, 0, CPUID_EAX, 0x01007efb, 0x01007efb},
		{"kvm-pvm-6.18.txt", 0x1, 0, CPUID_EDX, 0x0f8bfbff, 0x0f8bbb7f},
		{"kvm-pvm-6.18.txt", 0x4, 3, CPUID_EAX, 0x04004163, 0x163},
		{"kvm-pvm-6.18.txt", 0x7, 0, CPUID_EBX, 0x01802852, 0x01802042},
		{"kvm-pvm-6.18.txt", 0xd, 0, CPUID_EAX, 0xe7, 0},
		{"kvm-pvm-6.18.txt", 0x80000008, 0, CPUID_EAX, 0x3930, 0x3030},
		{"qemu-Cascadelake-Server.txt", 0x7, 0, CPUID_EBX, 0xd19f0fb9, 0xd19f07a9},
		{"qemu-Cooperlake.txt", 0x7, 1, CPUID_EAX, 0x20, 0x20},
		{"qemu-EPYC-Milan.txt", 0x7, 0, CPUID_ECX, 0x0040000c, 0x00400004},
		{"qemu-EPYC-Milan.txt", 0xd, 0, CPUID_EAX, 0x207, 0x7},
		{"qemu-EPYC-Milan.txt", 0x80000001, 0, CPUID_ECX, 0x00c003f5, 0x004003f1},
		{"qemu-EPYC-Rome.txt", 0x80000001, 0, CPUID_EDX, 0x2fd3fbfd, 0x2fd3bb7d},
		{"qemu-Icelake-Server.txt", 0x7, 0, CPUID_ECX, 0x00015f4e, 0x00005f46},
		{"qemu-Icelake-Server.txt", 0xd, 0, CPUID_ECX, 0xa88, 0xa80},
		{"qemu-KnightsMill.txt", 0x7, 0, CPUID_EDX, 0xc, 0xc},
		{"qemu-Opteron_G3.txt", 0x1, 0, CPUID_ECX, 0x80802009, 0x81802001},
		{"qemu-Skylake-Server.txt", 0xd, 0, CPUID_EAX, 0x2e7, 0xe7},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct cpuid_set host, guest;
		uint32_t offered, got;

		cpuid_host_load(cases[i].host, &host);
		apply(&host, &one_cpu, &guest);
		offered = guest_reg(&host, cases[i].leaf, cases[i].index, cases[i].reg);
		got = guest_reg(&guest, cases[i].leaf, cases[i].index, cases[i].reg);
		if (offered != cases[i].offered || got != cases[i].got)
			fail_msg("%s leaf %#x.%u register %u: %#x -> %#x, not %#x -> %#x", cases[i].host, cases[i].leaf,
				cases[i].index, cases[i].reg, offered, got, cases[i].offered, cases[i].got);
	}
}

static void test_options(void **state)
{
	struct cpuid_opts nested = {.cpus = 1, .nested = true}, pmu = {.cpus = 1, .pmu = true}, none = {.cpus = 1},
			  no_apic = {.cpus = 1, .no_apic = true};
	struct cpuid_set host, guest;

	cpuid_host_load("kvm-amd-lab.txt", &host);
	apply(&host, &no_apic, &guest);
	assert_int_equal(guest_reg(&guest, 0x40000001, 0, CPUID_EAX) & 0x4410, 0);
	apply(&host, &nested, &guest);
	assert_int_equal(guest_reg(&guest, 0x40000001, 0, CPUID_EAX) & 0x4010, 0x4010);
	assert_int_equal(guest_reg(&guest, 0x80000001, 0, CPUID_ECX) & 4, 4);
	assert_int_equal(guest_reg(&guest, 0x8000000a, 0, CPUID_EDX), 0x10000021);

	begin_host(&host, CPUID_INTEL, 0x24, 0x80000008);
	add(&host, 1, 0, 0, 0, 0x8024, 0x200000);
	add(&host, 7, 1, 0x100, 0, 0, 0);
	add(&host, 0xa, 0, 0x07300805, 0, 0, 0x8604);
	add(&host, 0x23, 0, 3, 0, 0, 0);
	apply(&host, &none, &guest);
	assert_int_equal(guest_reg(&guest, 1, 0, CPUID_ECX), 0x80000000);
	assert_int_equal(guest_reg(&guest, 0xa, 0, CPUID_EAX), 0);
	apply(&host, &pmu, &guest);
	assert_int_equal(guest_reg(&guest, 1, 0, CPUID_ECX), 0x80008004);
	assert_int_equal(guest_reg(&guest, 1, 0, CPUID_EDX), 0x200000);
	assert_int_equal(guest_reg(&guest, 7, 1, CPUID_EAX), 0x100);
	assert_int_equal(guest_reg(&guest, 0xa, 0, CPUID_EAX), 0x07300805);
	assert_int_equal(guest_reg(&guest, 0x23, 0, CPUID_EAX), 3);
	apply(&host, &nested, &guest);
	assert_int_equal(guest_reg(&guest, 1, 0, CPUID_ECX), 0x80000020);
}

/* QEMU 7.2 knows no processor with AMX: a made-up one, as Sapphire Rapids describes it. */
static void test_amx(void **state)
{
	struct cpuid_set host, guest;

	begin_host(&host, CPUID_INTEL, 0x20, 0x80000008);
	add(&host, 1, 0, 0x806f8, 0, 0x04000000, 0);
	add(&host, 7, 0, 2, 0xf1bf07ab, 0x1b415f6e, 0xaf814410);
	add(&host, 7, 1, 0x1c30, 0, 0, 0);
	add(&host, 0xd, 0, 0x602e7, 0x2b00, 0x2b00, 0);
	add(&host, 0xd, 1, 0x1f, 0x2b00, 0x1900, 0);
	add(&host, 0xd, 2, 0x100, 0x240, 0, 0);
	add(&host, 0xd, 5, 0x40, 0x440, 0, 0);
	add(&host, 0xd, 6, 0x200, 0x480, 0, 0);
	add(&host, 0xd, 7, 0x400, 0x680, 0, 0);
	add(&host, 0xd, 9, 8, 0xa80, 0, 0);
	add(&host, 0xd, 11, 0x10, 0, 1, 0);
	add(&host, 0xd, 12, 0x18, 0, 1, 0);
	add(&host, 0xd, 17, 0x40, 0xac0, 2, 0);
	add(&host, 0xd, 18, 0x2000, 0xb00, 6, 0);
	add(&host, 0x1d, 0, 1, 0, 0, 0);
	add(&host, 0x1d, 1, 0x04002000, 0x80040, 0x10, 0);
	add(&host, 0x1e, 0, 0, 0x4010, 0, 0);
	check_host("amx", &host);
	apply(&host, &one_cpu, &guest);
	assert_int_equal(guest_reg(&guest, 7, 0, CPUID_EDX) & 0x03400000, 0);
	assert_int_equal(guest_reg(&guest, 0xd, 0, CPUID_EAX), 0xe7);
	assert_int_equal(guest_reg(&guest, 0xd, 0, CPUID_ECX), 0xa80);
	assert_int_equal(guest_reg(&guest, 0xd, 1, CPUID_EAX), 0xf);
	assert_int_equal(guest_reg(&guest, 0xd, 1, CPUID_ECX), 0x1800);
	assert_int_equal(guest_reg(&guest, 0xd, 1, CPUID_EBX), 0x980 + 0x28);
	assert_null(cpuid_find(&guest, 0xd, 17));
	assert_null(cpuid_find(&guest, 0x1d, 1));
	/* Within the highest leaf, so it is there, as zeros. */
	assert_non_null(cpuid_find(&guest, 0x1d, 0));
}

/* Duplicates, disorder, an index where none is, leaves nobody knows, leaves beyond the highest. */
static void test_untidy_host(void **state)
{
	struct cpuid_set host = {.nr = 0}, guest;

	add(&host, 0x80000008, 0, 0x3028, 0, 0, 0);
	add(&host, 7, 1, 0x10, 0, 0, 0);
	add(&host, 7, 0, 99, 1, 0, 0);
	add(&host, 7, 0, 0, 0xffffffff, 0, 0);
	add(&host, 1, 5, 0x600, 0x12345678, 1, 1);
	add(&host, 1, 0, 0x700, 0, 0xffffffff, 0);
	add(&host, 0, 0, 0x9999, INTEL_EBX, INTEL_ECX, INTEL_EDX);
	add(&host, 0x8, 0, 1, 2, 3, 4);
	add(&host, 0x30, 0, 1, 2, 3, 4);
	add(&host, 0x40000010, 0, 1, 2, 3, 4);
	add(&host, 0x80000000, 0, 0xffffffff, 0, 0, 0);
	add(&host, 0x8fffffff, 0, 1, 2, 3, 4);
	add(&host, 0xc0000000, 0, 0xc0000004, 0, 0, 0);
	host.entry[0].padding[1] = 7;
	host.entry[1].flags = 0xffffffff;
	check_host("untidy", &host);
	apply(&host, &one_cpu, &guest);
	assert_int_equal(guest_reg(&guest, 0, 0, CPUID_EAX), CPUID_MAX_BASIC);
	assert_int_equal(guest_reg(&guest, 0x80000000, 0, CPUID_EAX), CPUID_MAX_EXTENDED);
	assert_int_equal(guest_reg(&guest, 1, 0, CPUID_EAX), 0x600);
	assert_int_equal(guest_reg(&guest, 7, 0, CPUID_EAX), 2);
	assert_int_equal(guest_reg(&guest, 7, 0, CPUID_EBX), 1);
	assert_int_equal(guest_reg(&guest, 8, 0, CPUID_EAX), 0);
	assert_null(cpuid_find(&guest, 0x30, 0));
	assert_null(cpuid_find(&guest, 0x40000010, 0));
	assert_null(cpuid_find(&guest, 0xc0000000, 0));
}

/* A host without leaf 0xB gets none: a leaf beyond the highest would be read as the highest. */
static void test_old_host(void **state)
{
	struct cpuid_set host, guest;
	struct cpuid_opts o = {.cpus = 4};

	begin_host(&host, CPUID_INTEL, 4, 0x80000004);
	add(&host, 1, 0, 0x6fb, 0, 0, 0);
	check_host("old", &host);
	apply(&host, &o, &guest);
	assert_null(cpuid_find(&guest, 0xb, 0));
	assert_null(cpuid_find(&guest, 0xd, 0));
	assert_null(cpuid_find(&guest, 0x80000008, 0));
	assert_null(cpuid_find(&guest, 0x40000000, 0));
}

static void expect_refused(const struct cpuid_set *host, const struct cpuid_opts *o, int code, const char *words)
{
	struct cpuid_set ret = {.nr = 4711}, before = ret;
	struct err e = {0};

	assert_int_equal(cpuid_policy(host, o, &ret, &e), code);
	assert_non_null(strstr(e.text, words));
	assert_memory_equal(&ret, &before, sizeof(ret));
	/* Words are optional. */
	assert_int_equal(cpuid_policy(host, o, &ret, NULL), code);
}

static void test_refused(void **state)
{
	struct cpuid_opts none = {.cpus = 0}, many = {.cpus = BOARD_CPUS_MAX + 1};
	struct cpuid_set host, empty = {.nr = 0};

	cpuid_host_load("kvm-amd-lab.txt", &host);
	expect_refused(&host, &none, -EINVAL, "0 CPUs");
	expect_refused(&host, &many, -EINVAL, "255 CPUs");
	expect_refused(&empty, &one_cpu, -EINVAL, "no leaf 0 or 1");
	begin_host(&host, CPUID_INTEL, 0x24, 0x80000008);
	expect_refused(&host, &one_cpu, -EINVAL, "no leaf 0 or 1");
	host.nr = CPUID_ENTRIES_MAX + 1;
	expect_refused(&host, &one_cpu, -EINVAL, "257 entries");

	/* Full to the brim, so that the topology has no room. */
	begin_host(&host, CPUID_INTEL, 0x24, 0x80000008);
	add(&host, 1, 0, 0, 0, 0, 0);
	while (host.nr < CPUID_ENTRIES_MAX)
		add(&host, 4, host.nr, 0x163, 1, 1, 0);
	expect_refused(&host, &one_cpu, -ENOSPC, "more than 256 entries");
}

static int stop_at_third(const struct cpuid_change *c, void *arg)
{
	int *calls = arg;

	return ++*calls == 3 ? -ECANCELED : 0;
}

static void test_diff_stops(void **state)
{
	struct cpuid_set host, guest;
	int calls = 0;

	cpuid_host_load("kvm-amd-lab.txt", &host);
	apply(&host, &one_cpu, &guest);
	assert_int_equal(cpuid_diff(&host, &guest, stop_at_third, &calls), -ECANCELED);
	assert_int_equal(calls, 3);
}

/* What Linux makes of leaf 0x15, with its 32-bit product; fails when that does not fit. */
static uint32_t linux_khz(const struct cpuid_set *set)
{
	uint32_t den = guest_reg(set, 0x15, 0, CPUID_EAX), num = guest_reg(set, 0x15, 0, CPUID_EBX);
	uint32_t crystal = guest_reg(set, 0x15, 0, CPUID_ECX);

	/* KVM's APIC timer is at 1 GHz. */
	assert_in_range(crystal, 999883000, 1000117000);
	assert_true(den && num && (uint64_t)num * (crystal / 1000) <= UINT32_MAX);
	return crystal / 1000 * num / den;
}

static void test_tsc_rate(void **state)
{
	struct cpuid_set host, template, set;
	uint32_t worst = 0;

	begin_host(&host, CPUID_INTEL, 0x16, 0x80000008);
	add(&host, 1, 0, 0x50657, 0, 0, 0);
	/* The host's own crystal is not the guest's. */
	add(&host, 0x15, 0, 2, 168, 25000000, 0);
	add(&host, 0x16, 0, 2100, 3900, 100, 0);
	apply(&host, &one_cpu, &template);
	for (unsigned reg = 0; reg < CPUID_REGS; reg++)
		assert_int_equal(guest_reg(&template, 0x15, 0, reg) | guest_reg(&template, 0x16, 0, reg), 0);

	set = template;
	assert_false(cpuid_tell_tsc(&set, 0));
	assert_same(&set, &template);
	/* As odd as processors have them: within a millionth, and what Linux cuts off. */
	for (uint32_t khz = 400000; khz < 7000000; khz += 997) {
		uint32_t off, told;

		set = template;
		assert_true(cpuid_tell_tsc(&set, khz));
		told = linux_khz(&set);
		off = told > khz ? told - khz : khz - told;
		worst = MAX(worst, off);
		if (off > 1 + khz / 1000000)
			fail_msg("%u kHz: the guest is told %u", khz, told);
	}
	assert_true(worst > 0);
	set = template;
	assert_true(cpuid_tell_tsc(&set, 2100000));
	assert_int_equal(guest_reg(&set, 0x15, 0, CPUID_EAX), 10);
	assert_int_equal(guest_reg(&set, 0x15, 0, CPUID_EBX), 21);
	assert_int_equal(guest_reg(&set, 0x15, 0, CPUID_ECX), 1000000000);
	assert_int_equal(guest_reg(&set, 0x16, 0, CPUID_EAX), 2100);
	assert_int_equal(guest_reg(&set, 0x16, 0, CPUID_EBX), 2100);
	assert_int_equal(guest_reg(&set, 0x16, 0, CPUID_ECX), 0);
	set = template;
	assert_true(cpuid_tell_tsc(&set, UINT32_MAX - 1000000));
	assert_in_range(linux_khz(&set), UINT32_MAX - 1010000, UINT32_MAX - 990000);
	assert_false(cpuid_tell_tsc(&set, UINT32_MAX));
}

/* Processors without the leaves: AMD's, and Intel's before them. */
static void test_tsc_rate_without_the_leaves(void **state)
{
	static const char *const hosts[] = {"kvm-amd-lab.txt", "qemu-EPYC-Milan.txt", "qemu-Westmere.txt"};

	for (size_t i = 0; i < ARRAY_SIZE(hosts); i++) {
		struct cpuid_set host, guest, before;

		cpuid_host_load(hosts[i], &host);
		apply(&host, &one_cpu, &guest);
		before = guest;
		assert_false(cpuid_tell_tsc(&guest, 2100000));
		assert_same(&guest, &before);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cascade_lake),
		cmocka_unit_test(test_recorded_hosts),
		cmocka_unit_test(test_recorded_values),
		cmocka_unit_test(test_options),
		cmocka_unit_test(test_amx),
		cmocka_unit_test(test_untidy_host),
		cmocka_unit_test(test_old_host),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_tsc_rate),
		cmocka_unit_test(test_tsc_rate_without_the_leaves),
		cmocka_unit_test(test_diff_stops),
	};

	return run_group(tests);
}
