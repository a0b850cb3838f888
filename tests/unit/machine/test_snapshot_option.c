// SPDX-License-Identifier: Apache-2.0
/* What --snapshot's words mean, and which of them are refused. */
#include <errno.h>
#include <string.h>

#include "tests/support/unit.h"
#include "vmm/base/util.h"
#include "vmm/machine/snapshot_option.h"

static void words_and_what_they_mean(void **state)
{
	static const struct {
		const char *words;
		struct {
			const char *path;
			enum snapshot_on on;
			const char *text;
			bool every, exit;
		} want;
	} rows[] = {
		{"a.snap", {.path = "a.snap"}},
		{"dir/a.%n", {.path = "dir/a.%n"}},
		{"a%%b,then=continue", {.path = "a%%b"}},
		{"a,,b,,,on=mark", {.path = "a,b,", .on = SNAPSHOT_ON_MARK}},
		{"a,on=signal", {.path = "a"}},
		{"a,then=exit", {.path = "a", .exit = true}},
		{"a,on=mark", {.path = "a", .on = SNAPSHOT_ON_MARK}},
		{"a,on=mark:ready", {.path = "a", .on = SNAPSHOT_ON_MARK, .text = "ready"}},
		{"a,on=mark:x,every", {.path = "a", .on = SNAPSHOT_ON_MARK, .text = "x", .every = true}},
		{"a,every,on=console:login: ,,:",
			{.path = "a", .on = SNAPSHOT_ON_CONSOLE, .text = "login: ,:", .every = true}},
		{"a,on=console:x,then=exit", {.path = "a", .on = SNAPSHOT_ON_CONSOLE, .text = "x", .exit = true}},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct snapshot_option o = {0};
		struct err e = {0};

		if (snapshot_option_parse(rows[i].words, &o, &e) < 0)
			fail_msg("%s: %s", rows[i].words, e.text);
		assert_string_equal(o.path, rows[i].want.path);
		assert_int_equal(o.on, rows[i].want.on);
		assert_string_equal(o.text ? o.text : "-", rows[i].want.text ? rows[i].want.text : "-");
		assert_int_equal(o.every, rows[i].want.every);
		assert_int_equal(o.exit, rows[i].want.exit);
		snapshot_option_destroy(&o);
		assert_true(!o.path && !o.text && !o.on);
		snapshot_option_destroy(&o);
	}
}

static void expect_refusal(const char *words, const char *part)
{
	struct snapshot_option o = {.path = (char *)"untouched"};
	struct err e = {0};

	assert_int_equal(snapshot_option_parse(words, &o, &e), -EINVAL);
	if (!strstr(e.text, part))
		fail_msg("%s: \"%s\" has no \"%s\"", words, e.text, part);
	assert_string_equal(o.path, "untouched");
}

static void words_that_are_refused(void **state)
{
	static const struct {
		const char *words;
		const char *part;
	} rows[] = {
		{"", "the name of a file is missing"},
		{"dir/", "the name of a file is missing"},
		{",on=mark", "the name of a file is missing"},
		{"a%x", "%x"},
		{"a%", "%"},
		{"a,", "then=continue and then=exit"},
		{"a,never", "never: on=, every"},
		{"a,on=", "on=: one of"},
		{"a,on=markx", "on=markx: one of"},
		{"a,on=mar", "on=mar: one of"},
		{"a,on=console", "on=console: one of"},
		{"a,on=signal:x", "on=signal:x: one of"},
		{"a,on=mark:", "1 to "},
		{"a,on=console:", "1 to "},
		{"a,on=mark,on=mark", "on: given twice"},
		{"a,on=signal,on=mark", "on: given twice"},
		{"a,on=mark,on=signal", "on: given twice"},
		{"a,on=mark,every,every", "every: given twice"},
		{"a,then=exit,then=continue", "then: given twice"},
		{"a,then=continue,then=exit", "then: given twice"},
		{"a,every=1,on=mark", "every=1: on=, every"},
		{"a,on=mark,every,then=exit", "exclude each other"},
		{"a,every", "every needs on=mark or on=console"},
		{"a,on=signal,every", "every needs on=mark or on=console"},
	};
	char words[SNAPSHOT_TEXT_MAX + 32] = "a,on=mark:";
	struct snapshot_option o;
	struct err e = {0};
	size_t n = strlen(words);

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		expect_refusal(rows[i].words, rows[i].part);
	/* As long as it may be, and a byte longer. */
	memset(words + n, 'x', SNAPSHOT_TEXT_MAX);
	assert_int_equal(snapshot_option_parse(words, &o, &e), 0);
	assert_int_equal(strlen(o.text), SNAPSHOT_TEXT_MAX);
	snapshot_option_destroy(&o);
	words[n + SNAPSHOT_TEXT_MAX] = 'x';
	expect_refusal(words, "1 to ");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words_and_what_they_mean),
		cmocka_unit_test(words_that_are_refused),
	};

	return run_group(tests);
}
