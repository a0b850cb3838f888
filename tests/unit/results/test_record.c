// SPDX-License-Identifier: Apache-2.0
/*
 * Records: what is written is read as the same, byte for byte, also of hostile text; what is cut off loses no result in
 * front of it; what does not belong together is refused.
 */
#include <errno.h>
#include <string.h>

#include "tests/support/unit.h"
#include "vmm/base/util.h"
#include "vmm/results/record.h"

static struct record_test tests[] = {
	{(char *)"a", (char *)"6.1", 1}, {(char *)"b\xff\x01", (char *)"6.1", 2}, {(char *)"c", (char *)"", 1}};
static const struct record_plan plan = {.of = 2, .kernels = (char *)"6.1 (1)", .test = tests, .nr = ARRAY_SIZE(tests)};

static const char log_text[] = "1..2\n\0\xff\"\\\x1b[31m\nok 1 x # SKIP no\n  1..1\n  not ok 7 y\xc3\xa9\nok 2 z\n";

static struct ktap ktap;
static char *text;
static size_t size;

static int set_up(void **state)
{
	return ktap_read(log_text, sizeof(log_text) - 1, &ktap);
}

static int tear_down(void **state)
{
	ktap_destroy(&ktap);
	return 0;
}

static struct result_test failed(unsigned attempts)
{
	return (struct result_test){.name = "a",
		.kernel = "6.1",
		.outcome = RESULT_FAIL,
		.attempts = attempts,
		.took_ns = 1234567890123,
		.status = 255,
		.why = "z\x7f\n",
		.log_path = "logs/a.log",
		.log = log_text,
		.log_size = sizeof(log_text) - 1,
		.ktap = &ktap};
}

static struct result_test passed(void)
{
	return (struct result_test){
		.name = "c", .kernel = "", .outcome = RESULT_PASS, .expected = true, .attempts = 1, .why = ""};
}

/* A record of shard @shard: @n of its parts, which are the plan, two results and the end. */
static void write_record(unsigned shard, int n)
{
	FILE *out = open_memstream(&text, &size);
	struct result_test t = failed(1);

	assert_int_equal(record_write_plan(out, &plan, shard, 1700000000), 0);
	if (n > 1)
		assert_int_equal(record_write_result(out, 0, &t), 0);
	t = passed();
	if (n > 2)
		assert_int_equal(record_write_result(out, 2, &t), 0);
	if (n > 3)
		assert_int_equal(record_write_end(out, 2, true, 5000), 0);
	fclose(out);
}

/* Return: of the first line that is not read; its number is in *@ret_line. */
static int read_text(struct record *r, const char *s, size_t n, unsigned *ret_line, struct err *e)
{
	int code = 0;

	*ret_line = 0;
	for (const char *end = s + n, *nl; code == 0 && (nl = memchr(s, '\n', (size_t)(end - s))); s = nl + 1) {
		char *line = strndup(s, (size_t)(nl - s));

		++*ret_line;
		code = record_read_line(r, line, (size_t)(nl - s), e);
		free(line);
	}
	return code;
}

static void compare_cases(const struct ktap_case *a, const struct ktap_case *b)
{
	for (; a && b; a = a->next, b = b->next) {
		assert_string_equal(a->name, b->name);
		assert_string_equal(a->reason, b->reason);
		assert_int_equal(a->outcome, b->outcome);
		assert_int_equal(a->faults, b->faults);
		assert_int_equal(a->number, b->number);
		assert_int_equal(a->said_ok, b->said_ok);
		assert_int_equal(a->log, b->log);
		assert_int_equal(a->log_end, b->log_end);
		compare_cases(a->child, b->child);
	}
	assert_true(!a && !b);
}

static void it_is_read_as_it_was_written(void **state)
{
	struct record_plan p = {0};
	struct result_test want = failed(1);
	struct record r;
	struct err e = {};
	unsigned line;

	write_record(1, 4);
	record_begin(&r, &p);
	assert_int_equal(read_text(&r, text, size, &line, &e), 0);
	assert_true(record_has_plan(&r) && r.ended && r.complete);
	assert_int_equal(r.shard, 1);
	assert_int_equal(r.when, 1700000000);
	assert_int_equal(r.took_ns, 5000);
	assert_int_equal(r.mine, 2);
	assert_int_equal(r.nr, 2);
	assert_int_equal(p.of, 2);
	assert_string_equal(p.kernels, "6.1 (1)");
	assert_string_equal(p.test[1].name, "b\xff\x01");
	assert_int_equal(p.test[1].shard, 2);
	assert_string_equal(r.result[0]->t.name, "a");
	assert_string_equal(r.result[0]->t.kernel, "6.1");
	assert_int_equal(r.result[0]->t.outcome, RESULT_FAIL);
	assert_false(r.result[0]->t.expected);
	assert_int_equal(r.result[0]->t.status, 255);
	assert_int_equal(r.result[0]->t.took_ns, want.took_ns);
	assert_string_equal(r.result[0]->t.why, want.why);
	assert_string_equal(r.result[0]->t.log_path, want.log_path);
	assert_int_equal(r.result[0]->t.log_size, want.log_size);
	assert_memory_equal(r.result[0]->t.log, want.log, want.log_size);
	assert_int_equal(r.result[0]->ktap.root.faults, ktap.root.faults);
	assert_int_equal(r.result[0]->ktap.root.outcome, ktap.root.outcome);
	assert_int_equal(r.result[0]->ktap.nr, ktap.nr);
	assert_true(r.result[0]->ktap.found);
	compare_cases(r.result[0]->ktap.root.child, ktap.root.child);
	assert_null(r.result[1]);
	assert_true(r.result[2]->t.expected && !r.result[2]->t.log && !r.result[2]->t.log_path);
	assert_false(r.result[2]->ktap.found);
	record_destroy(&r);
	record_plan_destroy(&p);
	free(text);
}

/* Wherever it is cut, the whole lines in front of it are read, and it does not look complete. */
static void a_cut_loses_nothing_before_it(void **state)
{
	size_t whole = 0;

	for (int parts = 1; parts <= 4; parts++) {
		size_t before = whole;

		write_record(1, parts);
		whole = size;
		for (size_t n = before; n < size; n++) {
			struct record_plan p = {0};
			struct record r;
			struct err e = {};
			unsigned line;

			record_begin(&r, &p);
			assert_int_equal(read_text(&r, text, n, &line, &e), 0);
			assert_false(r.ended);
			assert_int_equal(record_has_plan(&r), parts > 1);
			assert_int_equal(r.nr, MAX(parts - 2, 0));
			record_destroy(&r);
			record_plan_destroy(&p);
		}
		free(text);
	}
}

static void later_attempts_take_the_place_of_earlier_ones(void **state)
{
	struct record_plan p = {0};
	struct result_test t = failed(2);
	struct record r;
	struct err e = {};
	unsigned line;
	FILE *out;

	write_record(1, 2);
	record_begin(&r, &p);
	assert_int_equal(read_text(&r, text, size, &line, &e), 0);
	free(text);
	out = open_memstream(&text, &size);
	t.outcome = RESULT_PASS;
	record_write_result(out, 0, &t);
	record_write_result(out, 0, &t);
	fclose(out);
	/* The second is refused: it is the same attempt once more. */
	assert_int_equal(read_text(&r, text, size, &line, &e), -EINVAL);
	assert_string_equal(e.text, "attempt 2 of test 0 stands here");
	assert_int_equal(r.nr, 1);
	assert_int_equal(r.result[0]->t.attempts, 2);
	assert_int_equal(r.result[0]->t.outcome, RESULT_PASS);
	record_destroy(&r);
	record_plan_destroy(&p);
	free(text);
}

#define HEAD(shard, of, tests)                                                                                         \
	"{\"format\": \"vmm test record 1\", \"shard\": " #shard ", \"of\": " #of                                      \
	", \"when\": 1, \"kernels\": \"k\", \"tests\": " #tests "}\n"
#define PLAN(name, shard) "{\"name\": \"" name "\", \"kernel\": \"\", \"shard\": " #shard "}\n"
#define CASE(test, depth)                                                                                              \
	"{\"case\": " #test ", \"depth\": " #depth                                                                     \
	", \"number\": 1, \"name\": \"n\", \"outcome\": \"pass\", \"ok\": true, \"from\": 0, \"to\": 0}\n"
#define RESULT(test, more)                                                                                             \
	"{\"result\": " #test                                                                                          \
	", \"attempt\": 1, \"outcome\": \"pass\", \"expected\": true, \"ns\": 1, \"status\": 0, "                      \
	"\"why\": \"\"" more "}\n"
#define END(results, complete) "{\"end\": true, \"complete\": " #complete ", \"results\": " #results ", \"ns\": 1}\n"
#define BEGIN                  HEAD(1, 2, 2) PLAN("a", 1) PLAN("b", 2)

static const struct {
	const char *text;
	unsigned line; /* that is refused; 0: none */
	const char *says;
} cases[] = {
	{BEGIN RESULT(0, "") END(1, true), 0, ""},
	{BEGIN CASE(0, 1) CASE(0, 2) CASE(0, 2) CASE(0, 1) RESULT(0, ", \"cases\": \"pass\""), 0, ""},
	{HEAD(1, 1, 0) END(0, true), 0, ""},
	{"no JSON\n", 1, "no JSON: line 1: no value"},
	{"{}\n", 1, "not what --record of vmm test writes"},
	{"[]\n", 1, "not what --record of vmm test writes"},
	{HEAD(0, 2, 1), 1, "not a line of a record: shard"},
	{HEAD(3, 2, 1), 1, "not a line of a record: shard"},
	{HEAD(1, 10001, 1), 1, "not a line of a record: of"},
	{HEAD(1, 1, 1) PLAN("a", 2), 2, "not a line of a record: shard"},
	{HEAD(1, 1, 1) "{\"name\": \"\\u0100\", \"kernel\": \"\", \"shard\": 1}\n", 2, "not a line of a record: name"},
	{HEAD(1, 1, 1) "{\"name\": \"\\u0101\", \"kernel\": \"\", \"shard\": 1}\n", 2, "not a line of a record: name"},
	{HEAD(1, 1, 1) RESULT(0, ""), 2, "not a line of a record: shard"},
	{BEGIN RESULT(1, ""), 4, "test 1 is not of shard 1"},
	{BEGIN RESULT(2, ""), 4, "test 2 is not of shard 1"},
	{BEGIN RESULT(0, "") RESULT(0, ""), 5, "attempt 1 of test 0 stands here"},
	{BEGIN "{\"result\": 0}\n", 4, "not a line of a record: outcome"},
	{BEGIN CASE(0, 2), 4, "not a line of a record: depth"},
	{BEGIN CASE(0, 0), 4, "not a line of a record: depth"},
	{BEGIN CASE(0, 17), 4, "not a line of a record: depth"},
	{BEGIN CASE(0, 1) CASE(0, 3), 5, "not a line of a record: depth"},
	{BEGIN CASE(1, 1), 4, "test 1 is not of shard 1"},
	{BEGIN CASE(0, 1) RESULT(0, ""), 5, "not a line of a record: cases"},
	{BEGIN END(1, true), 4, "it ended with 1 results, and has 0"},
	{BEGIN END(0, true), 4, "its shard has 1 tests, and it has results of 0"},
	{BEGIN END(0, false), 0, ""},
	{BEGIN END(0, false) RESULT(0, ""), 5, "not a line of a record: it stands behind the end"},
	{BEGIN HEAD(1, 2, 2), 4, "not a line of a record: it is of no kind"},
};

static void what_is_wrong_is_refused(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct record_plan p = {0};
		struct record r;
		struct err e = {};
		unsigned line;
		int code;

		record_begin(&r, &p);
		code = read_text(&r, cases[i].text, strlen(cases[i].text), &line, &e);
		assert_int_equal(code, cases[i].line ? -EINVAL : 0);
		assert_string_equal(e.text, cases[i].says);
		if (cases[i].line)
			assert_int_equal(line, cases[i].line);
		record_destroy(&r);
		record_plan_destroy(&p);
	}
}

static const struct {
	const char *text;
	const char *says;
} others[] = {
	{HEAD(2, 2, 2) PLAN("a", 1) PLAN("b", 2) RESULT(1, ""), ""},
	{HEAD(2, 4, 2), "it is a shard of 4, not of 2"},
	{HEAD(2, 2, 3), "its run has 3 tests, not 2"},
	{HEAD(2, 2, 2) PLAN("a", 1) PLAN("x", 2), "its test 1 is x, not b"},
	{HEAD(2, 2, 2) PLAN("a", 2), "its test a is in shard 2, not 1"},
	{"{\"format\": \"vmm test record 1\", \"shard\": 1, \"of\": 2, \"when\": 1, \"kernels\": \"o\", \"tests\": "
	 "2}\n",
		"its kernels are o, not k"},
};

static void records_of_another_run_are_refused(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
		struct record_plan p = {0};
		struct record r;
		struct err e = {};
		unsigned line;

		record_begin(&r, &p);
		assert_int_equal(read_text(&r, BEGIN, strlen(BEGIN), &line, &e), 0);
		record_destroy(&r);
		record_begin(&r, &p);
		assert_int_equal(
			read_text(&r, others[i].text, strlen(others[i].text), &line, &e), *others[i].says ? -EXDEV : 0);
		assert_string_equal(e.text, others[i].says);
		assert_int_equal(p.nr, 2);
		record_destroy(&r);
		record_plan_destroy(&p);
	}
}

/* The places of cases end where the log does, which may be left out. */
static void places_are_in_the_log(void **state)
{
	static const char line[] = "{\"case\": 0, \"depth\": 1, \"number\": 1, \"name\": \"n\", \"outcome\": \"fail\", "
				   "\"ok\": true, \"from\": 2, \"to\": 9}\n" RESULT(
					   0, ", \"cases\": \"fail\", \"log\": \"abcd\"");
	struct record_plan p = {0};
	struct record r;
	struct err e = {};
	unsigned n;

	record_begin(&r, &p);
	assert_int_equal(read_text(&r, BEGIN, strlen(BEGIN), &n, &e), 0);
	assert_int_equal(read_text(&r, line, strlen(line), &n, &e), 0);
	assert_string_equal(r.result[0]->t.log, "abcd");
	assert_int_equal(r.result[0]->ktap.root.child->log, 2);
	assert_int_equal(r.result[0]->ktap.root.child->log_end, 4);
	record_destroy(&r);
	record_plan_destroy(&p);
}

static void a_disk_that_is_full_is_an_error(void **state)
{
	FILE *full = fopen("/dev/full", "w");
	struct result_test t = failed(1);

	assert_non_null(full);
	assert_int_equal(record_write_plan(full, &plan, 1, 0), -ENOSPC);
	assert_int_equal(record_write_result(full, 0, &t), -ENOSPC);
	assert_int_equal(record_write_end(full, 0, true, 0), -ENOSPC);
	fclose(full);
}

int main(void)
{
	const struct CMUnitTest all[] = {
		cmocka_unit_test(it_is_read_as_it_was_written),
		cmocka_unit_test(a_cut_loses_nothing_before_it),
		cmocka_unit_test(later_attempts_take_the_place_of_earlier_ones),
		cmocka_unit_test(what_is_wrong_is_refused),
		cmocka_unit_test(records_of_another_run_are_refused),
		cmocka_unit_test(places_are_in_the_log),
		cmocka_unit_test(a_disk_that_is_full_is_an_error),
	};

	return run_group_with(all, set_up, tear_down);
}
