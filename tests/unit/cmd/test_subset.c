// SPDX-License-Identifier: Apache-2.0
/*
 * The command line of a subcommand that takes a few settings: what each means, its defaults, and every refusal.
 */
#include "tests/support/unit.h"

#include <errno.h>
#include <string.h>

#include "cmd/options/subset.h"
#include "vmm/base/units.h"
#include "vmm/base/util.h"

#define WORDS 8

enum { MEM, TIMEOUT, STATS, HUGEPAGES, PIN, JSON, LEVEL };

static const struct subset_option settings[] = {
	[MEM] = {.name = "mem", .deflt = "4M", .min = 64 * KIB, .max = GIB, .multiple = 4 * KIB},
	[TIMEOUT] = {.name = "timeout"},
	[STATS] = {.name = "stats"},
	[HUGEPAGES] = {.name = "hugepages"},
	[PIN] = {.name = "pin"},
	[JSON] = {.name = "json"},
	[LEVEL] = {.name = "log-level"},
	{.name = NULL},
};

static struct subset_option subset[ARRAY_SIZE(settings)];
static const char *words[WORDS + 1];
static size_t nr;
static struct err e;

/* Two runs in one process must not affect each other: leftovers of the last one are ignored. */
static int parse(const char *const *line, const char *cmd)
{
	char *argv[WORDS + 2] = {(char *)"vmm"};
	int argc = 1;

	for (; line[argc - 1]; argc++)
		argv[argc] = (char *)line[argc - 1];
	memcpy(subset, settings, sizeof(subset));
	for (size_t i = 0; i < ARRAY_SIZE(subset); i++)
		subset[i].given = true;
	memset(words, 0, sizeof(words));
	nr = 77;
	e.text[0] = '\0';
	return subset_parse(argc, argv, cmd, subset, words, &nr, &e);
}

#define PARSE(cmd, ...) parse((const char *const[WORDS + 1]){__VA_ARGS__}, cmd)

static void nothing_given_is_the_defaults(void **state)
{
	assert_int_equal(PARSE("flat", NULL), 0);
	assert_int_equal(nr, 0);
	for (size_t i = 0; subset[i].name; i++)
		assert_false(subset[i].given);
	/* Its own in place of the table's; the table's; none at all. */
	assert_int_equal(subset[MEM].value.n, 4 * MIB);
	assert_int_equal(subset[STATS].value.n, 0);
	assert_int_equal(subset[PIN].value.n, 0);
	assert_null(subset[JSON].value.text);
	assert_string_equal(e.text, "");
}

static void settings_and_words_come_in_any_order(void **state)
{
	static const char *const line[] = {
		"a,mode=long", "--mem", "64K", "b", "--stats", "--json=x.json", "--", "--mem"};

	/* Behind "--" all are words. */
	assert_int_equal(PARSE("bench", line[0], line[1], line[2], line[3], line[4], line[5], line[6], line[7]), 0);
	assert_int_equal(nr, 3);
	assert_ptr_equal(words[0], line[0]);
	assert_ptr_equal(words[1], line[3]);
	assert_ptr_equal(words[2], line[7]);
	assert_true(subset[MEM].given);
	assert_int_equal(subset[MEM].value.n, 64 * KIB);
	assert_true(subset[STATS].given);
	assert_int_equal(subset[STATS].value.n, 1);
	assert_true(subset[JSON].given);
	assert_string_equal(subset[JSON].value.text, "x.json");
	assert_false(subset[TIMEOUT].given);
	assert_false(subset[PIN].given);
}

static void off_and_bare_count_as_given(void **state)
{
	assert_int_equal(PARSE("flat", "--no-stats", "--hugepages", "2M"), 0);
	assert_true(subset[STATS].given);
	assert_int_equal(subset[STATS].value.n, 0);
	assert_true(subset[HUGEPAGES].given);
	assert_int_equal(subset[HUGEPAGES].value.n, 1);
	/* An option that may stand bare takes no word. */
	assert_int_equal(nr, 1);
	assert_string_equal(words[0], "2M");
}

static void flags_have_been_answered(void **state)
{
	assert_int_equal(PARSE("flat", "--help", "prog", "-h"), 0);
	assert_int_equal(nr, 1);
	assert_string_equal(words[0], "prog");
}

/* Both limits are valid, and the values just outside are not. */
static void limits_of_its_own_replace_those_of_the_table(void **state)
{
	assert_int_equal(PARSE("flat", "--mem", "1G"), 0);
	assert_int_equal(subset[MEM].value.n, GIB);
	assert_int_equal(PARSE("flat", "--mem", "68K"), 0);
	assert_int_equal(PARSE("flat", "--pin", "1023"), 0);
	assert_int_equal(subset[PIN].value.n, 1023);
}

static void errors(void **state)
{
	static const struct {
		const char *line[WORDS + 1];
		const char *cmd;
		const char *words;
	} cases[] = {
		{{"--mem", "60K"}, "flat", "--mem 60K: too small; valid is 64K to 1G, a multiple of 4K"},
		{{"--mem", "1025M"}, "flat", "--mem 1025M: too large; valid is 64K to 1G"},
		{{"--mem", "65K"}, "flat", "--mem 65K: not a multiple of 4K"},
		{{"--mem", "much"}, "flat", "--mem much: not a size (" UNITS_SIZE "); valid is 64K to 1G"},
		{{"--mem="}, "flat", "--mem '': "},
		{{"--mem", ""}, "flat", "--mem '': "},
		{{"--pin", "1024"}, "bench", "--pin 1024: too large; valid is 0 to 1023"},
		{{"--hugepages=3M"}, "flat", "--hugepages=3M: not known; valid is one of off, 2M, 1G"},
		{{"--hugepages="}, "flat", "--hugepages='': empty; valid is one of off"},
		{{"--mem", "1M", "--mem", "1M"}, "flat", "--mem: given twice"},
		{{"--stats", "--no-stats"}, "flat", "--stats: given twice"},
		{{"--mem"}, "flat", "--mem: needs a value: --mem SIZE"},
		{{"--nonesuch"}, "flat", "--nonesuch: unknown option"},
		{{"-x"}, "flat", "-x: unknown option"},
		{{"--kernel", "k"}, "flat", "--kernel: `vmm flat` does not take it; this does: `vmm run`, `vmm check`"},
		{{"--kernel", "k"}, "bench", "--kernel: `vmm bench` does not take it"},
		{{"--count", "3"}, "flat", "--count: `vmm flat` does not take it; this does: `vmm bench lifecycle`"},
		/* Of its own section, and yet not taken by this part of it. */
		{{"--count", "3"}, "bench", "--count: `vmm bench` does not take it"},
		/* Settings that are not taken are refused before their value is looked at. */
		{{"--cpus", "none"}, "flat", "--cpus: `vmm flat` does not take it"},
		/* The first error is reported. */
		{{"--mem", "1", "--kernel", "k"}, "flat", "--mem 1: too small"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_int_equal(parse(cases[i].line, cases[i].cmd), -EINVAL);
		if (strncmp(e.text, cases[i].words, strlen(cases[i].words)) != 0)
			fail_msg("\"%s\" does not begin with \"%s\"", e.text, cases[i].words);
		assert_int_equal(nr, 77);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_given_is_the_defaults),
		cmocka_unit_test(settings_and_words_come_in_any_order),
		cmocka_unit_test(off_and_bare_count_as_given),
		cmocka_unit_test(flags_have_been_answered),
		cmocka_unit_test(limits_of_its_own_replace_those_of_the_table),
		cmocka_unit_test(errors),
	};

	return run_group(tests);
}
