// SPDX-License-Identifier: Apache-2.0
/*
 * Guests that move between recorded hosts (tests/data/cpuid).
 */
#include <errno.h>

#include "tests/support/cpuid_hosts.h"
#include "tests/support/unit.h"
#include "vmm/cpuid/fits.h"
#include "vmm/cpuid/words.h"

static struct cpuid_set here, there;

/* What a new guest gets on such a host. */
static void guest_of(const char *file, struct cpuid_set *ret)
{
	const struct cpuid_opts opts = {.cpus = 2, .tsc_deadline = true};
	struct err e = {};

	cpuid_host_load(file, ret);
	if (cpuid_policy(ret, &opts, ret, &e) < 0)
		fail_msg("%s", e.text);
}

static struct kvm_cpuid_entry2 *leaf(struct cpuid_set *set, uint32_t function, uint32_t index)
{
	struct kvm_cpuid_entry2 *c = (struct kvm_cpuid_entry2 *)cpuid_find(set, function, index);

	assert_non_null(c);
	return c;
}

static void expect_refusal(const char *words)
{
	struct err e = {};

	assert_int_equal(cpuid_fits(&there, &here, &e), -ENOTSUP);
	if (!strstr(e.text, words))
		fail_msg("\"%s\" has no \"%s\"", e.text, words);
}

static int set_up(void **unused)
{
	guest_of("qemu-Skylake-Server.txt", &here);
	there = here;
	return 0;
}

static void a_guest_fits_the_host_it_was_made_on(void **unused)
{
	assert_int_equal(cpuid_fits(&there, &here, NULL), 0);
	guest_of("kvm-amd-lab.txt", &here);
	assert_int_equal(cpuid_fits(&here, &here, NULL), 0);
}

static void a_later_processor_has_all_of_an_earlier_one(void **unused)
{
	guest_of("qemu-EPYC.txt", &there);
	guest_of("qemu-EPYC-Milan.txt", &here);
	assert_int_equal(cpuid_fits(&there, &here, NULL), 0);
	assert_int_equal(cpuid_fits(&here, &there, NULL), -ENOTSUP);
}

static void another_vendor_is_refused(void **unused)
{
	guest_of("kvm-amd-lab.txt", &there);
	expect_refusal("another vendor");
}

static void a_feature_that_is_missing_is_named(void **unused)
{
	/* SDM 2A, CPUID: leaf 1 ECX bit 25 is AES, leaf 7 EBX bit 5 is AVX2. */
	leaf(&here, 1, 0)->ecx &= ~(uint32_t)BIT(25);
	expect_refusal("the CPU feature AES");
	here = there;
	leaf(&here, 7, 0)->ebx &= ~(uint32_t)BIT(5);
	expect_refusal("leaf 0x7 sub-leaf 0, EBX bit 5");
	/* The other way round it is the guest that does without. */
	assert_int_equal(cpuid_fits(&here, &there, NULL), 0);
}

static void model_and_caches_may_differ(void **unused)
{
	leaf(&there, 1, 0)->eax ^= 0xf0;
	leaf(&there, 4, 0)->ebx ^= 0xfff;
	assert_int_equal(cpuid_fits(&there, &here, NULL), 0);
}

static void another_layout_of_xsave_is_refused(void **unused)
{
	leaf(&there, 0xd, 2)->ebx += 64;
	expect_refusal("XSAVE state 2");
	there = here;
	leaf(&there, 0xd, 2)->eax += 64;
	expect_refusal("XSAVE state 2");
	there = here;
	leaf(&here, 0xd, 0)->eax &= ~UINT32_C(4);
	expect_refusal("the CPU feature x87, SSE, AVX state");
	here = there;
	leaf(&there, 0xd, 2)->index = 40;
	expect_refusal("XSAVE state 40");
}

static void hostile_sets_are_refused(void **unused)
{
	there.nr = 0;
	expect_refusal("does not say what its CPUs are");
	there.nr = CPUID_ENTRIES_MAX;
	memset(there.entry, 0xff, sizeof(there.entry));
	expect_refusal("does not say what its CPUs are");
}

static void count(const char *name, void *arg)
{
	unsigned *nr = arg;

	assert_true(*name);
	*nr += !strcmp(name, "AES") + !strcmp(name, "AVX2");
}

static void features_have_names(void **unused)
{
	struct cpuid_words *words = malloc(sizeof(*words));
	unsigned nr = 0;

	assert_int_equal(cpuid_words_unpack(words), 0);
	cpuid_features(&here, words, count, &nr);
	assert_int_equal(nr, 2);
	free(words);
}

#define TEST(name) cmocka_unit_test_setup(name, set_up)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_guest_fits_the_host_it_was_made_on),
		TEST(a_later_processor_has_all_of_an_earlier_one),
		TEST(another_vendor_is_refused),
		TEST(a_feature_that_is_missing_is_named),
		TEST(model_and_caches_may_differ),
		TEST(another_layout_of_xsave_is_refused),
		TEST(hostile_sets_are_refused),
		TEST(features_have_names),
	};

	return run_group(tests);
}
