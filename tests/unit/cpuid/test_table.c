// SPDX-License-Identifier: Apache-2.0
/*
 * The table itself: its form, and that each row does what it says when a host offers everything. Then the text form of
 * a CPUID set.
 */
#include <errno.h>
#include <string.h>

#include "tests/support/cpuid_check.h"
#include "tests/support/unit.h"
#include "vmm/cpuid/text.h"

/* `vmm cpuid` prints "    edx 31:24 ~ NAME REASON" in 120 columns. */
#define NAME_MAX_CHARS   21
#define REASON_MAX_CHARS 80

static void test_form(void **state)
{
	for (size_t i = 0; i < cpuid_rules_nr; i++) {
		const struct cpuid_rule *r = &cpuid_rules[i];
		bool good = r->first <= r->last && r->lo <= r->hi && r->reg <= CPUID_ALL && r->when <= CPUID_IF_XSAVE &&
			r->vendors;

		good &= r->reg != CPUID_ALL || (r->lo == 0 && r->hi == 31);
		good &= cpuid_leaf_indexed(r->leaf) || (!r->first && !r->last);
		good &= !i || cpuid_rules[i - 1].leaf <= r->leaf;
		good &= r->action != CPUID_SET || r->hi - r->lo == 31 || !(r->value >> (r->hi - r->lo + 1));
		/* An entry is made for what is set, so the sub-leaf has to be known. */
		good &= r->action != CPUID_SET || (r->first == r->last && r->reg != CPUID_ALL);
		good &= r->action != CPUID_COMPUTE || (r->value <= CPUID_V_TSC_MHZ && r->reg != CPUID_ALL);
		good &= r->value != CPUID_V_APIC_ID || r->action != CPUID_COMPUTE || r->first == r->last;
		good &= r->action != CPUID_CLEAR || r->when == CPUID_ALWAYS;
		good &= strlen(cpuid_rule_name(cpuid_check_words(), r)) > 0 &&
			strlen(cpuid_rule_name(cpuid_check_words(), r)) <= NAME_MAX_CHARS;
		good &= strlen(cpuid_rule_reason(cpuid_check_words(), r)) > 0 &&
			strlen(cpuid_rule_reason(cpuid_check_words(), r)) <= REASON_MAX_CHARS;
		good &= cpuid_rule_reason(
				cpuid_check_words(), r)[strlen(cpuid_rule_reason(cpuid_check_words(), r)) - 1] != '.';
		if (!good)
			fail_msg("row %zu is not well formed: leaf %#x %s: %s", i, r->leaf,
				cpuid_rule_name(cpuid_check_words(), r), cpuid_rule_reason(cpuid_check_words(), r));
	}
}

static bool overlap(const struct cpuid_rule *a, const struct cpuid_rule *b)
{
	return a->leaf == b->leaf && a->first <= b->last && b->first <= a->last && a->lo <= b->hi && b->lo <= a->hi &&
		(a->reg == b->reg || a->reg == CPUID_ALL || b->reg == CPUID_ALL) && (a->vendors & b->vendors);
}

static void test_no_bit_twice(void **state)
{
	for (size_t i = 0; i < cpuid_rules_nr; i++)
		for (size_t j = i + 1; j < cpuid_rules_nr; j++)
			if (overlap(&cpuid_rules[i], &cpuid_rules[j]))
				fail_msg("leaf %#x: %s and %s cover the same bit", cpuid_rules[i].leaf,
					cpuid_rule_name(cpuid_check_words(), &cpuid_rules[i]),
					cpuid_rule_name(cpuid_check_words(), &cpuid_rules[j]));
}

static void add(struct cpuid_set *set, uint32_t leaf, uint32_t index, uint32_t value)
{
	if (cpuid_find(set, leaf, index))
		return;
	assert_true(set->nr < CPUID_ENTRIES_MAX);
	set->entry[set->nr++] = (struct kvm_cpuid_entry2){
		.function = leaf, .index = index, .eax = value, .ebx = value, .ecx = value, .edx = value};
}

/* A host that has every bit, and every sub-leaf that a row is about, with @value in all registers. */
static void make_host(struct cpuid_set *set, unsigned vendor, uint32_t value)
{
	set->nr = 0;
	add(set, 0, 0, UINT32_MAX);
	if (vendor == CPUID_AMD) {
		set->entry[0].ebx = 0x68747541;
		set->entry[0].edx = 0x69746e65;
		set->entry[0].ecx = 0x444d4163;
	}
	add(set, CPUID_EXTENDED, 0, UINT32_MAX);
	for (size_t i = 0; i < cpuid_rules_nr; i++)
		add(set, cpuid_rules[i].leaf, cpuid_rules[i].first, value);
}

struct hits {
	bool *hit;
	bool unknown;
};

static int note(const struct cpuid_change *c, void *arg)
{
	struct hits *h = arg;

	if (c->rule == &cpuid_rule_unknown)
		h->unknown = true;
	else
		h->hit[c->rule - cpuid_rules] = true;
	return 0;
}

/* The guest's value of a row's field, from the first register that it is about. */
static uint32_t field(const struct cpuid_set *set, const struct cpuid_rule *r)
{
	const struct kvm_cpuid_entry2 *c = cpuid_find(set, r->leaf, r->first);

	return c ? (cpuid_read(c, r->reg == CPUID_ALL ? CPUID_EAX : r->reg) & cpuid_rule_mask(r)) >> r->lo : 0;
}

/*
 * Over hosts with all bits and with none, small and large, with and without options: each row has to show itself. A
 * kept row by letting all bits through, any other by a difference that cpuid_diff() puts down to it.
 */
static void test_every_row(void **state)
{
	static const struct cpuid_opts opts[] = {
		{.cpus = 1},
		{.cpus = 5, .tsc_deadline = true, .nested = true, .pmu = true},
		{.cpus = 2, .no_apic = true},
	};
	/* No bit, all, and XSAVE with states whose sizes do not add up to the host's. */
	static const uint32_t values[] = {0, UINT32_MAX, 0x0c0008e7};
	CLEANUP_FREE bool *hit = calloc(cpuid_rules_nr, sizeof(*hit));
	struct hits h = {.hit = hit};

	assert_non_null(hit);
	for (size_t i = 0; i < ARRAY_SIZE(opts) * ARRAY_SIZE(values) * 2; i++) {
		const struct cpuid_opts *o = &opts[i / 2 / ARRAY_SIZE(values)];
		uint32_t value = values[i / 2 % ARRAY_SIZE(values)];
		unsigned vendor = i & 1 ? CPUID_AMD : CPUID_INTEL;
		struct cpuid_set host, guest;
		char why[CPUID_CHECK_MAX];
		struct err e = {0};

		make_host(&host, vendor, value);
		if (cpuid_policy(&host, o, &guest, &e))
			fail_msg("%s", e.text);
		if (!cpuid_check(&host, o, &guest, why))
			fail_msg("%s", why);
		cpuid_diff(&host, &guest, note, &h);
		for (size_t j = 0; j < cpuid_rules_nr; j++) {
			const struct cpuid_rule *r = &cpuid_rules[j];

			if ((r->vendors & vendor) && r->action == CPUID_KEEP && value == UINT32_MAX &&
				field(&guest, r) == cpuid_rule_mask(r) >> r->lo)
				hit[j] = true;
		}
	}
	/* A row that sets a field to 0 shows only against a host with ones; which it has had. */
	for (size_t j = 0; j < cpuid_rules_nr; j++)
		if (!hit[j])
			fail_msg("leaf %#x.%u %s never had an effect", cpuid_rules[j].leaf, cpuid_rules[j].first,
				cpuid_rule_name(cpuid_check_words(), &cpuid_rules[j]));
	assert_true(h.unknown);
}

static void test_unknown(void **state)
{
	assert_ptr_equal(cpuid_rule_find(0x8, 0, CPUID_EAX, 0, CPUID_INTEL), &cpuid_rule_unknown);
	assert_ptr_equal(cpuid_rule_find(0x1, 0, CPUID_EDX, 10, CPUID_INTEL), &cpuid_rule_unknown);
	assert_ptr_equal(cpuid_rule_find(0xffffffff, 0, CPUID_EAX, 0, CPUID_AMD), &cpuid_rule_unknown);
	assert_string_equal(
		cpuid_rule_name(cpuid_check_words(), cpuid_rule_find(0x1, 0, CPUID_ECX, 31, CPUID_AMD)), "HYPERVISOR");
	assert_string_equal(
		cpuid_rule_name(cpuid_check_words(), cpuid_rule_find(0x80000001, 0, CPUID_ECX, 2, CPUID_AMD)), "SVM");
	assert_ptr_equal(cpuid_rule_find(0x80000001, 0, CPUID_ECX, 2, CPUID_INTEL), &cpuid_rule_unknown);
	assert_string_equal(cpuid_rule_name(cpuid_check_words(), &cpuid_rule_unknown), "(no row)");
	assert_true(cpuid_rule_reason(cpuid_check_words(), &cpuid_rule_unknown)[0] != '\0');
	assert_true(strlen(cpuid_rule_reason(cpuid_check_words(), &cpuid_rule_unknown)) <= REASON_MAX_CHARS);
}

static int read_text(const char *text, size_t len, struct cpuid_set *ret, struct err *e)
{
	FILE *in = fmemopen((void *)(uintptr_t)text, len, "r");
	int r;

	assert_non_null(in);
	r = cpuid_text_read(in, "file", ret, e);
	fclose(in);
	return r;
}

static void test_text_round_trip(void **state)
{
	struct cpuid_set host, back;
	struct err e = {0};
	size_t len;
	char *text;
	FILE *out;

	make_host(&host, CPUID_AMD, 0x89abcdef);
	host.entry[3].flags = 5;
	out = open_memstream(&text, &len);
	assert_non_null(out);
	assert_int_equal(cpuid_text_write(out, &host), 0);
	fclose(out);
	assert_int_equal(read_text(text, len, &back, &e), 0);
	assert_int_equal(back.nr, host.nr);
	assert_memory_equal(back.entry, host.entry, host.nr * sizeof(host.entry[0]));
	free(text);

	out = fopen("/dev/full", "w");
	assert_non_null(out);
	setvbuf(out, NULL, _IONBF, 0);
	assert_int_equal(cpuid_text_write(out, &host), -EIO);
	fclose(out);
}

static void test_text_forms(void **state)
{
	static const struct {
		const char *text;
		int code;
		unsigned nr;
		const char *words;
	} cases[] = {
		{"# only a comment\n\n \t\n", 0, 0, NULL},
		{"0 0 0 d 68747541 444d4163 69746e65\n", 0, 1, NULL},
		{"0x0 0 0 0xD 0X68747541 444d4163 69746e65 # words\r\n1 0 0 1 2 3 4", 0, 2, NULL},
		{"0 0 0 1 2 3\n", -EINVAL, 0, "file:1"},
		{"0 0 0 1 2 3 4\n\n0 0 0 1 2 3 4 5\n", -EINVAL, 0, "file:3"},
		{"0 0 0 1 2 3 100000000\n", -EINVAL, 0, "file:1"},
		{"0 0 0 1 2 3 00000000000000000000000000000001\n", 0, 1, NULL},
		{"0 0 0 1 2 3 -1\n", -EINVAL, 0, "file:1"},
		{"0 0 0 1 2 3 0x\n", -EINVAL, 0, "file:1"},
		{"0 0 0 1 2 3 4g\n", -EINVAL, 0, "seven hexadecimal numbers"},
		{"MZ\177ELF\n", -EINVAL, 0, "file:1"},
	};
	struct cpuid_set set;
	struct err e = {0};
	char big[1024];

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		set.nr = 4711;
		e.text[0] = '\0';
		assert_int_equal(read_text(cases[i].text, strlen(cases[i].text), &set, &e), cases[i].code);
		assert_int_equal(set.nr, cases[i].code ? 4711 : cases[i].nr);
		if (cases[i].words)
			assert_non_null(strstr(e.text, cases[i].words));
	}

	assert_int_equal(read_text("0 0 0 1 2 3 4\0 5\n", 17, &set, &e), -EINVAL);
	memset(big, '0', sizeof(big));
	assert_int_equal(read_text(big, sizeof(big), &set, &e), -EINVAL);
	big[0] = '#';
	assert_int_equal(read_text(big, sizeof(big), &set, &e), 0);
	assert_int_equal(set.nr, 0);
}

static void test_text_limits(void **state)
{
	static const char line[] = "0 0 0 0 0 0 0\n";
	struct cpuid_set set;
	struct err e = {0};
	char *text = malloc((CPUID_ENTRIES_MAX + 1) * (sizeof(line) - 1));
	FILE *in;

	assert_non_null(text);
	for (size_t i = 0; i <= CPUID_ENTRIES_MAX; i++)
		memcpy(text + i * (sizeof(line) - 1), line, sizeof(line) - 1);
	assert_int_equal(read_text(text, CPUID_ENTRIES_MAX * (sizeof(line) - 1), &set, &e), 0);
	assert_int_equal(set.nr, CPUID_ENTRIES_MAX);
	assert_int_equal(read_text(text, (CPUID_ENTRIES_MAX + 1) * (sizeof(line) - 1), &set, &e), -E2BIG);
	assert_non_null(strstr(e.text, "file:257"));
	free(text);

	/* A directory opens, and reads as an error. */
	in = fopen("/", "r");
	assert_non_null(in);
	assert_int_equal(cpuid_text_read(in, "/", &set, &e), -EISDIR);
	fclose(in);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_form),
		cmocka_unit_test(test_no_bit_twice),
		cmocka_unit_test(test_every_row),
		cmocka_unit_test(test_unknown),
		cmocka_unit_test(test_text_round_trip),
		cmocka_unit_test(test_text_forms),
		cmocka_unit_test(test_text_limits),
	};

	return run_group(tests);
}
