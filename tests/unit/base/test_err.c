// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <string.h>

#include "tests/support/unit.h"
#include "vmm/base/err.h"
#include "vmm/base/outcome.h"
#include "vmm/base/util.h"

static void set_sys_and_wrap(void **state)
{
	struct err e = {0};

	assert_int_equal(err_set(&e, -EINVAL, "%s: %d is odd", "x", 3), -EINVAL);
	assert_string_equal(e.text, "x: 3 is odd");
	assert_int_equal(err_wrap(&e, -EIO, "reading %s", "y"), -EIO);
	assert_string_equal(e.text, "reading y: x: 3 is odd");
	assert_int_equal(err_sys(&e, -ENOENT, "cannot open %s", "z"), -ENOENT);
	assert_string_equal(e.text, "cannot open z: No such file or directory");
}

static void null_is_a_sink(void **state)
{
	assert_int_equal(err_set(NULL, -EINVAL, "%s", "x"), -EINVAL);
	assert_int_equal(err_sys(NULL, -EIO, "%s", "x"), -EIO);
	assert_int_equal(err_wrap(NULL, -EPERM, "%s", "x"), -EPERM);
}

static void wrapping_nothing_leaves_no_separator(void **state)
{
	struct err e = {0};

	err_wrap(&e, -EIO, "loading %s", "k");
	assert_string_equal(e.text, "loading k");
}

/* The reason stands at the end: a name of any length must not push it out. */
static void too_long_is_cut_in_the_middle(void **state)
{
	struct err e = {0};
	char name[5000];

	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = 0;

	err_set(&e, -EINVAL, "kernel %s: not an ELF", name);
	assert_int_equal(strlen(e.text), ERR_TEXT_MAX - 1);
	assert_memory_equal(e.text, "kernel nnn", 10);
	assert_non_null(strstr(e.text, "n...n"));
	assert_non_null(strstr(e.text, "n: not an ELF"));

	err_sys(&e, -EACCES, "cannot open %s", name);
	assert_int_equal(strlen(e.text), ERR_TEXT_MAX - 1);
	assert_memory_equal(e.text, "cannot open n", 13);
	assert_non_null(strstr(e.text, "n: Permission denied"));

	for (int i = 0; i < 100; i++)
		err_wrap(&e, -EACCES, "step %d of a very long chain of callers", i);
	assert_memory_equal(e.text, "step 99 of", 10);
	assert_non_null(strstr(e.text, "n: Permission denied"));
	assert_true(strlen(e.text) < ERR_TEXT_MAX);
}

static void exactly_full_is_not_cut(void **state)
{
	struct err e = {0};
	char name[ERR_TEXT_MAX];

	memset(name, 'a', sizeof(name) - 1);
	name[sizeof(name) - 1] = 0;
	err_set(&e, -EINVAL, "%s", name);
	assert_string_equal(e.text, name);
}

static void stays_one_line(void **state)
{
	struct err e = {0};

	err_set(&e, -EINVAL, "cannot open %s", "a\nb\033[2Jc\177d\xc3\xa4");
	assert_string_equal(e.text, "cannot open a?b?[2Jc?d\xc3\xa4");
}

static void own_text_as_argument(void **state)
{
	struct err e = {0};

	err_set(&e, -EINVAL, "inner");
	err_set(&e, -EINVAL, "outer (%s) again (%s)", e.text, e.text);
	assert_string_equal(e.text, "outer (inner) again (inner)");
}

/* The kind of error (operator or host) is kept when text is prepended, but not when the message is replaced. */
static void knows_whose_fault_it_is(void **state)
{
	static const int host[] = {-ENOMEM, -ENOBUFS, -EMFILE, -ENFILE, -ENOSPC, -EDQUOT, -EIO};
	struct err e = {};

	assert_int_equal(err_exit_status(&e), EXIT_FAILED);
	assert_int_equal(err_operator(&e, 0), 0);
	assert_false(e.by_operator);
	assert_int_equal(err_operator(&e, err_set(&e, -ENOENT, "no such kernel")), -ENOENT);
	assert_int_equal(err_wrap(&e, -ENOENT, "--kernel"), -ENOENT);
	assert_true(e.by_operator);
	assert_int_equal(err_exit_status(&e), EXIT_USAGE);
	err_set(&e, -EINVAL, "something else");
	assert_false(e.by_operator);
	err_operator(&e, -EACCES);
	err_sys(&e, -EACCES, "something else");
	assert_false(e.by_operator);
	for (size_t i = 0; i < ARRAY_SIZE(host); i++) {
		assert_int_equal(err_operator(&e, host[i]), host[i]);
		assert_false(e.by_operator);
	}
	assert_int_equal(err_operator(NULL, -ENOENT), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(set_sys_and_wrap),
		cmocka_unit_test(null_is_a_sink),
		cmocka_unit_test(wrapping_nothing_leaves_no_separator),
		cmocka_unit_test(too_long_is_cut_in_the_middle),
		cmocka_unit_test(exactly_full_is_not_cut),
		cmocka_unit_test(stays_one_line),
		cmocka_unit_test(own_text_as_argument),
		cmocka_unit_test(knows_whose_fault_it_is),
	};

	return run_group(tests);
}
