// SPDX-License-Identifier: Apache-2.0
#include <errno.h>

#include "cmd/test/known.h"
#include "cmd/test/list.h"
#include "tests/support/unit.h"
#include "vmm/base/clock.h"
#include "vmm/base/util.h"

static struct test_list list;
static struct err error;

static int add(const char *text)
{
	test_list_destroy(&list);
	return test_list_add_text(&list, "dir/a.ini", text, strlen(text), &error);
}

static void a_section_is_a_test_with_its_settings(void **state)
{
	assert_int_equal(
		add("# tests\n[one]\nmem = 64M\n timeout = 2s\ncpus=2\r\n\n[ two ]\nprogram = p,mode=long\nmem = 1M\n"),
		0);
	assert_int_equal(list.nr, 2);
	assert_string_equal(list.test[0]->name, "a.ini:one");
	assert_string_equal(list.test[0]->dir, "dir/");
	assert_true(list.test[0]->machine);
	assert_int_equal(list.test[0]->nr_args, 4);
	assert_string_equal(list.test[0]->arg[0], "run");
	assert_string_equal(list.test[0]->arg[1], "--mem=64M");
	assert_int_equal(list.test[0]->mem_bytes, 64 * MIB);
	assert_int_equal(list.test[0]->timeout_ns, 2 * NSEC_PER_SEC);
	assert_int_equal(list.test[0]->cpus, 2);
	assert_string_equal(list.test[1]->name, "a.ini:two");
	assert_false(list.test[1]->machine);
	assert_string_equal(list.test[1]->arg[0], "flat");
	assert_string_equal(list.test[1]->arg[1], "p,mode=long");
	assert_string_equal(list.test[1]->arg[2], "--mem=1M");
}

static void keys_of_a_test_are_not_settings(void **state)
{
	assert_int_equal(add("[a]\nexpect = panic\ntags = x yz\nallow-splat = ^BUG\nkernel = k\n"), 0);
	assert_int_equal(list.test[0]->expect, RESULT_PANIC);
	assert_true(list.test[0]->has_allow);
	assert_true(list.test[0]->has_kernel);
	assert_int_equal(list.test[0]->nr_args, 2);
	assert_true(test_case_matches(list.test[0], "yz"));
	assert_true(test_case_matches(list.test[0], "a.ini:*"));
	assert_false(test_case_matches(list.test[0], "y"));
}

/* A warning of the kernel must be printed to be noticed. */
static void quiet_is_noticed_where_nothing_else_sets_what_is_printed(void **state)
{
	static const struct {
		const char *words;
		bool quiet;
	} rows[] = {
		{"append = quiet", true},
		{"append = a=b quiet\nappend = c", true},
		{"cmdline = console=ttyS0 quiet x", true},
		{"append = quietly", false},
		{"append = a=quiet", false},
		{"append = quiet loglevel=3", false},
		{"append = loglevel=7\nappend = quiet", false},
		{"append = quiet ignore_loglevel", false},
		{"append = debug quiet", false},
		{"append = quiet debugfs=off", true},
		{"initrd = quiet", false},
	};
	char text[128];

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		snprintf(text, sizeof(text), "[a]\n%s\n", rows[i].words);
		assert_int_equal(add(text), 0);
		assert_int_equal(test_case_is_quiet(list.test[0]), rows[i].quiet);
	}
}

static void what_is_wrong_is_said_with_its_line(void **state)
{
	static const struct {
		const char *text;
		const char *words;
	} wrong[] = {
		{"mem = 1M\n", "dir/a.ini:1: mem = 1M: stands before the first [NAME]"},
		{"[a\n", "dir/a.ini:1: [a: a section is [NAME]"},
		{"[]\n", "dir/a.ini:1: []: a section is [NAME]"},
		{"[a]\n[a]\n", "dir/a.ini:2: [a]: there is a test of this name already"},
		{"[a]\nword\n", "dir/a.ini:2: word: neither [NAME] nor KEY = VALUE"},
		{"[a]\nfoo = 1\n", "dir/a.ini:2: foo: neither a key of a test nor a setting of vmm"},
		{"[a]\nhelp = 1\n", "dir/a.ini:2: help: neither a key of a test nor a setting of vmm"},
		{"[a]\nmem = x\n", "dir/a.ini:2: mem = x: "},
		{"[a]\nexpect = error\n", "dir/a.ini:2: expect = error: not an outcome"},
		{"[a]\nallow-splat = (\n", "dir/a.ini:2: allow-splat = (: not a regular expression"},
		{"[a]\nallow-splat = a\nallow-splat = b\n", "dir/a.ini:3: allow-splat: already set"},
		{"[a]\nmem = 64M\nprogram = p\n", "dir/a.ini:3: program: stands in front"},
		{"[a]\nprogram = p\ncpus = 2\n", "dir/a.ini:3: cpus: has no effect on a program without a kernel"},
		{"[a]\n\x01\n", "dir/a.ini:2: not a text file: byte 0x01"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		assert_true(add(wrong[i].text) < 0);
		assert_memory_equal(error.text, wrong[i].words, strlen(wrong[i].words));
	}
}

static void more_settings_than_fit_are_refused(void **state)
{
	char text[20 + 12 * (TEST_ARGS_MAX + 2)] = "[a]\n";

	for (int i = 0; i < TEST_ARGS_MAX; i++)
		strcat(text, "append = a\n");
	assert_int_equal(add(text), 0);
	strcat(text, "append = a\n");
	assert_int_equal(add(text), -EINVAL);
}

static void known_failures_are_patterns_of_test_and_kernel(void **state)
{
	static const char text[] = "# all\nflaky-*\nnet* 6.1*  # later\n\n";
	struct known k = {0};

	assert_int_equal(known_add_text(&k, "known", text, strlen(text), &error), 0);
	assert_true(known_has(&k, "flaky-1", "any"));
	assert_true(known_has(&k, "flaky-1", ""));
	assert_true(known_has(&k, "net.ini:a", "6.1.2"));
	assert_false(known_has(&k, "net.ini:a", "6.2"));
	assert_false(known_has(&k, "steady", "6.1"));
	known_destroy(&k);
	assert_int_equal(known_add_text(&k, "known", "a b c\n", 6, &error), -EINVAL);
	assert_non_null(strstr(error.text, "known:1: "));
	known_destroy(&k);
}

static int tear_down(void **state)
{
	test_list_destroy(&list);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_section_is_a_test_with_its_settings),
		cmocka_unit_test(keys_of_a_test_are_not_settings),
		cmocka_unit_test(quiet_is_noticed_where_nothing_else_sets_what_is_printed),
		cmocka_unit_test(what_is_wrong_is_said_with_its_line),
		cmocka_unit_test(more_settings_than_fit_are_refused),
		cmocka_unit_test(known_failures_are_patterns_of_test_and_kernel),
	};

	return run_group_with(tests, NULL, tear_down);
}
