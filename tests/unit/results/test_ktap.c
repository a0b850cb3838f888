// SPDX-License-Identifier: Apache-2.0
#include <errno.h>

#include "tests/support/ktap_print.h"
#include "tests/support/unit.h"
#include "vmm/base/util.h"

/* --- The host: memory runs out ----------------------------------------------------------------------------------- */

static int memory_left = -1; /* allocations until one fails; -1: none does */

void *__real_calloc(size_t nr, size_t size);
void *__wrap_calloc(size_t nr, size_t size);
char *__real_strdup(const char *s);
char *__wrap_strdup(const char *s);
char *__real_strndup(const char *s, size_t n);
char *__wrap_strndup(const char *s, size_t n);

static bool no_memory(void)
{
	return memory_left >= 0 && memory_left-- == 0;
}

void *__wrap_calloc(size_t nr, size_t size)
{
	return no_memory() ? NULL : __real_calloc(nr, size);
}

char *__wrap_strdup(const char *s)
{
	return no_memory() ? NULL : __real_strdup(s);
}

char *__wrap_strndup(const char *s, size_t n)
{
	return no_memory() ? NULL : __real_strndup(s, n);
}

/* --- Tests ------------------------------------------------------------------------------------------------------- */

/* The results parsed from @log, as one line; "(none)": there are no results. */
static void expect_text(const char *log, size_t size, const char *want)
{
	char got[4096] = "";
	struct ktap k;
	FILE *out = fmemopen(got, sizeof(got), "w");

	assert_non_null(out);
	assert_int_equal(ktap_read(log, size, &k), 0);
	if (k.found)
		ktap_print(out, &k);
	else
		fputs("(none)", out);
	fclose(out);
	ktap_destroy(&k);
	assert_string_equal(got, want);
}

struct example {
	const char *log;
	const char *want;
};

static void expect_all(const struct example *e, size_t nr)
{
	for (size_t i = 0; i < nr; i++)
		expect_text(e[i].log, strlen(e[i].log), e[i].want);
}

#define EXPECT(...)                                                                                                    \
	do {                                                                                                           \
		static const struct example examples[] = {__VA_ARGS__};                                                \
		expect_all(examples, ARRAY_SIZE(examples));                                                            \
	} while (0)

static void results_are_read_with_their_names_and_directives(void **state)
{
	EXPECT({"TAP version 13\n1..3\nok 1 - a\nnot ok 2 b\nok 3\n", "a=pass b=fail =pass"},
		{"1..2\nok 1 a # SKIP no such device\nnot ok 2 b # skip: root only\n", "a=skip b=skip"},
		{"1..3\nnot ok 1 a # XFAIL\nok 2 b # XFAIL known\nnot ok 3 c # TODO later\n",
			"a=xfail b=xfail c=xfail"},
		{"1..2\nnot ok 1 a # TIMEOUT 45 seconds\nnot ok 2 b # ERROR setup\n", "a=timeout b=error"},
		{"1..1\nok 1 a # TODO works already\n", "a=pass"});
}

static void kselftests_names_behind_the_directive_are_names(void **state)
{
	EXPECT({"1..2\nok 1 # SKIP needs root\nok 2 # XFAIL later\n", "needs root=skip later=xfail"});
}

static void what_only_looks_like_a_directive_is_part_of_the_name(void **state)
{
	EXPECT({"1..4\nok 1 issue #12\nok 2 a#skip\nok 3 b # error -22\nok 4 c # SKIPPING\n",
		"issue #12=pass a#skip=pass b # error -22=pass c # SKIPPING=pass"});
}

static void plans_are_optional_and_may_come_last(void **state)
{
	EXPECT({"ok 1 - a\nok 2 - b\n", "a=pass b=pass"}, {"ok - a\nnot ok - b\n", "a=pass b=fail"},
		{"ok 1 a\nok 2 b\n1..2\n", "a=pass b=pass"}, {"1..0 # SKIP no hardware\n", ""}, {"1..0\n", ""});
}

static void other_lines_are_output(void **state)
{
	EXPECT({"hello\nok, this is no result\nok computer\nnot okay\nokay 1\n", "(none)"}, {"", "(none)"},
		{"ok\nnot ok\n", "(none)"}, {"1..2\nok 1 a\nbooting...\n# ok 2 it is said\nok 2 b\n", "a=pass b=pass"},
		{"1..1x\n2..3\nTAP version x\nok 3rd\n", "(none)"}, {"Bail out!\n", "(none)"},
		{"ok1 a\nok- b\nok# c\nnot ok2 d\nok-\n", "(none)"});
}

static void the_kernels_prefixes_are_not_part_of_a_line(void **state)
{
	EXPECT({"[    0.123456] KTAP version 1\n[    0.123457] 1..1\n[    0.2] ok 1 a\n", "a=pass"},
		{"<6>[    1.000000][    T1] 1..1\r\n<6>[    1.1][   C0]   KTAP version 1\n<6>[    1.1][    T1]   1..1\n"
		 "<6>[    1.1][    T1]   ok 1 b\n<6>[    1.100000][    T1] ok 1 a\r\n",
			"a=pass{b=pass}"},
		{"[ok] ok 1 a\n", "(none)"});
}

static void tests_nest_by_any_indentation(void **state)
{
	EXPECT({"KTAP version 1\n1..2\n  KTAP version 1\n  1..2\n    KTAP version 1\n    1..1\n    # t: begins\n"
		"    ok 1 t\n  ok 1 s\n  ok 2 u\nok 1 a\nok 2 b\n",
		       "a=pass{s=pass{t=pass} u=pass} b=pass"},
		{"KTAP version 1\n1..1\n    # Subtest: example\n    1..2\n    ok 1 - x\n    not ok 2 - y\n"
		 "not ok 1 - example\n",
			"example=fail{x=pass y=fail}"},
		{"TAP version 14\n1..1\n# Subtest: s\n    ok 1 - x\n    1..1\nok 1 - s\n", "s=pass{x=pass}"});
}

static void kselftests_runner_nests_by_hashes(void **state)
{
	EXPECT({"TAP version 13\n1..2\n# selftests: size: get_size\n# TAP version 13\n# 1..1\n# # Testing\n"
		"# ok 1 get_size # SKIP why\n# # Totals: pass:0\nok 1 selftests: size: get_size\n"
		"# selftests: x: y\n# ok 1 a remark\nok 2 selftests: x: y\n",
		"selftests: size: get_size=pass{get_size=skip} selftests: x: y=pass"});
}

static void yaml_is_skipped_and_swallows_no_result(void **state)
{
	EXPECT({"TAP version 13\n1..2\nnot ok 1 a\n  ---\n  ok 1 not a result\n  ...\nok 2 b\n", "a=fail b=pass"},
		{"TAP version 13\n1..2\nok 1 a\n  ---\n  message: no end\nnot ok 2 b\n", "a=pass b=fail"},
		{"1..2\nok 1 a\n---\nok 2 b\n", "a=pass b=pass"});
}

static void missing_results_are_cases_that_failed(void **state)
{
	EXPECT({"1..3\nok 1 a\n", "a=pass =missing =missing!MISSING"},
		{"1..1\n  1..2\n  ok 1 b\nok 1 a\n", "a=pass!MISSING!PARENT{b=pass =missing}"},
		{"KTAP version 1\n", "!EMPTY"}, {"1..1\n  KTAP version 1\nok 1 a\n", "a=pass!EMPTY"});
}

static void wrong_numbers_and_plans_are_faults(void **state)
{
	EXPECT({"1..2\nok 1 a\nok 3 b\n", "a=pass b=pass!NUMBER"}, {"1..1\nok 1 a\nok 2 b\n", "a=pass b=pass!BEYOND"},
		{"ok 1 a\n1..1\nok 2 b\n", "a=pass b=pass!BEYOND"}, {"1..1\n1..2\nok 1 a\n", "a=pass!PLAN"},
		{"ok 1 a\nok 2 b\n1..1\n", "a=pass b=pass!PLAN"});
}

static void a_parent_that_is_ok_over_a_failed_child_is_a_fault(void **state)
{
	EXPECT({"1..1\n  1..1\n  not ok 1 b\nok 1 a\n", "a=pass!PARENT{b=fail}"},
		{"1..1\n  1..1\n  not ok 1 b # SKIP\nok 1 a\n", "a=pass{b=skip}"},
		{"1..1\n  1..1\n  ok 2 b\nok 1 a\n", "a=pass!PARENT{b=pass!NUMBER}"});
}

static void output_that_ends_early_is_a_fault_of_the_innermost(void **state)
{
	EXPECT({"1..2\n  KTAP version 1\n  1..3\n  ok 1 x\n",
		"=missing!MISSING!ENDS{x=pass =missing =missing} =missing!MISSING"});
}

static void a_test_that_gives_up_fails(void **state)
{
	EXPECT({"1..1\nok 1 a\nBail out! no memory\n", "a=pass!BAIL"});
}

static void a_version_begins_again(void **state)
{
	EXPECT({"TAP version 13\n1..1\nok 1 a\nTAP version 13\n1..2\nok 1 b\nok 2 c\n", "a=pass b=pass c=pass"},
		{"TAP version 13\n1..2\nok 1 a\nTAP version 13\n1..1\nok 1 b\n", "a=pass =missing b=pass!MISSING"});
}

static void results_without_a_level_around_them_are_at_the_top(void **state)
{
	EXPECT({"    KTAP version 1\n    1..1\n    ok 1 a\n", "a=pass"});
}

static void any_bytes_are_names(void **state)
{
	static const char log[] = "1..2\nok 1 a\0b\nok 2 \xff\x1b[31m\n";

	expect_text(log, sizeof(log) - 1, "a=pass \xff\x1b[31m=pass");
}

static void a_plan_of_a_billion_is_bounded(void **state)
{
	static const char log[] = "1..4294967295\nok 1 a\n";
	struct ktap_totals t;
	struct ktap k;

	assert_int_equal(ktap_read(log, sizeof(log) - 1, &k), 0);
	ktap_count(&k, &t);
	assert_int_equal(t.total, 1001);
	assert_int_equal(t.of[KTAP_MISSING], 1000);
	assert_int_equal(k.root.faults, BIT(KTAP_FAULT_MISSING));
	assert_false(ktap_passed(&k.root));
	ktap_destroy(&k);
}

static void more_results_than_are_read_are_a_fault(void **state)
{
	char *log = malloc(5 * (KTAP_CASES_MAX + 1) + 1);
	struct ktap k;

	assert_non_null(log);
	for (int i = 0; i <= KTAP_CASES_MAX; i++)
		memcpy(log + 5 * i, "ok -\n", 5);
	assert_int_equal(ktap_read(log, 5 * KTAP_CASES_MAX, &k), 0);
	assert_int_equal(k.nr, KTAP_CASES_MAX);
	assert_true(ktap_passed(&k.root));
	ktap_destroy(&k);
	assert_int_equal(ktap_read(log, 5 * (KTAP_CASES_MAX + 1), &k), 0);
	assert_int_equal(k.root.faults, BIT(KTAP_FAULT_MANY));
	ktap_destroy(&k);
	free(log);
}

static void deeper_levels_than_are_read_are_output(void **state)
{
	char log[KTAP_DEPTH_MAX * 256] = "";
	struct ktap_totals t;
	struct ktap k;

	for (int i = 0; i < KTAP_DEPTH_MAX + 4; i++)
		sprintf(log + strlen(log), "%*s1..1\n", 2 * i, "");
	for (int i = KTAP_DEPTH_MAX + 3; i >= 0; i--)
		sprintf(log + strlen(log), "%*sok 1 at %d\n", 2 * i, "", i);
	assert_int_equal(ktap_read(log, strlen(log), &k), 0);
	ktap_count(&k, &t);
	assert_int_equal(k.nr, KTAP_DEPTH_MAX);
	assert_int_equal(t.total, 1);
	assert_true(ktap_passed(&k.root));
	ktap_destroy(&k);
}

static void a_case_knows_its_part_of_the_log(void **state)
{
	static const char log[] = "boot\n1..2\nof a\nok 1 a\nof b\nnot ok 2 b\nend\n";
	const struct ktap_case *c;
	struct ktap k;

	assert_int_equal(ktap_read(log, sizeof(log) - 1, &k), 0);
	c = k.root.child->next;
	assert_int_equal(c->log_end - c->log, strlen("of b\nnot ok 2 b\n"));
	assert_memory_equal(log + c->log, "of b\nnot ok 2 b\n", c->log_end - c->log);
	assert_int_equal(k.root.log_end, sizeof(log) - 1);
	ktap_destroy(&k);
}

static void lines_that_say_nothing(void **state)
{
	EXPECT({"1..2\nok 1 a\n\n# a comment\n#\n  \nok 2 b\n", "a=pass b=pass"}, {"1..\nok 1 a\n", "a=pass"},
		{"1..x\nok 1 a\n1..1 2\n", "a=pass"}, {"1..1 # nothing\nok 1 a\n", "a=pass"});
}

/* It announces results, as a version does. */
static void a_subtest_without_a_result_is_a_fault(void **state)
{
	EXPECT({"KTAP version 1\n1..1\n    # Subtest: s\nok 1 s\n", "s=pass!EMPTY"},
		{"KTAP version 1\n1..1\n    # Subtest: s\n    1..1\n    ok 1 a\nok 1 s\n", "s=pass{a=pass}"});
}

static void totals_are_of_leaf_cases(void **state)
{
	static const struct {
		const char *log;
		struct ktap_totals want;
	} rows[] = {
		{"1..4\nok 1 a\nnot ok 2 b\nok 3 c # SKIP\nnot ok 5 d # TODO\n",
			{{[KTAP_PASS] = 1, [KTAP_FAIL] = 1, [KTAP_SKIP] = 1, [KTAP_XFAIL] = 1}, 4, 1}},
		{"1..2\nok 1 a\n", {{[KTAP_PASS] = 1, [KTAP_MISSING] = 1}, 2, 1}},
		{"1..1\n  1..2\n  ok 1 a\n  not ok 2 b # TIMEOUT\nnot ok 1 c\n",
			{{[KTAP_PASS] = 1, [KTAP_TIMEOUT] = 1}, 2, 0}},
		{"1..1\n  1..1\n  not ok 1 a # ERROR\nok 1 c\n", {{[KTAP_ERROR] = 1}, 1, 1}},
		{"nothing\n", {{0}, 0, 0}},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct ktap_totals t;
		struct ktap k;

		memset(&t, 0xff, sizeof(t));
		assert_int_equal(ktap_read(rows[i].log, strlen(rows[i].log), &k), 0);
		ktap_count(&k, &t);
		if (memcmp(&t, &rows[i].want, sizeof(t)))
			fail_msg("row %zu: %u in all, %u faults", i, t.total, t.faults);
		ktap_destroy(&k);
	}
}

static void no_memory_is_an_error(void **state)
{
	static const char log[] = "1..3\n  1..2\n  ok 1 a # SKIP why\n  not ok 2 b\nok 1 c\n  ok 1 d\n";
	struct ktap k;
	int failed = 0;

	do {
		memory_left = failed;
		if (ktap_read(log, sizeof(log) - 1, &k) == 0)
			break;
		memory_left = -1;
		ktap_destroy(&k);
	} while (++failed < 1000);
	memory_left = -1;
	/* A case, its name and its reason for each of six results, and the log's own name and reason */
	assert_int_equal(failed, 2 + 3 * 6);
	ktap_destroy(&k);
	ktap_destroy(&k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(results_are_read_with_their_names_and_directives),
		cmocka_unit_test(kselftests_names_behind_the_directive_are_names),
		cmocka_unit_test(what_only_looks_like_a_directive_is_part_of_the_name),
		cmocka_unit_test(plans_are_optional_and_may_come_last),
		cmocka_unit_test(other_lines_are_output),
		cmocka_unit_test(the_kernels_prefixes_are_not_part_of_a_line),
		cmocka_unit_test(tests_nest_by_any_indentation),
		cmocka_unit_test(kselftests_runner_nests_by_hashes),
		cmocka_unit_test(yaml_is_skipped_and_swallows_no_result),
		cmocka_unit_test(missing_results_are_cases_that_failed),
		cmocka_unit_test(wrong_numbers_and_plans_are_faults),
		cmocka_unit_test(a_parent_that_is_ok_over_a_failed_child_is_a_fault),
		cmocka_unit_test(output_that_ends_early_is_a_fault_of_the_innermost),
		cmocka_unit_test(a_test_that_gives_up_fails),
		cmocka_unit_test(a_version_begins_again),
		cmocka_unit_test(results_without_a_level_around_them_are_at_the_top),
		cmocka_unit_test(any_bytes_are_names),
		cmocka_unit_test(a_plan_of_a_billion_is_bounded),
		cmocka_unit_test(more_results_than_are_read_are_a_fault),
		cmocka_unit_test(deeper_levels_than_are_read_are_output),
		cmocka_unit_test(a_case_knows_its_part_of_the_log),
		cmocka_unit_test(lines_that_say_nothing),
		cmocka_unit_test(a_subtest_without_a_result_is_a_fault),
		cmocka_unit_test(totals_are_of_leaf_cases),
		cmocka_unit_test(no_memory_is_an_error),
	};

	return run_group(tests);
}
