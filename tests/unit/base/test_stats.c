// SPDX-License-Identifier: Apache-2.0
#include "vmm/base/stats.h"

#include <string.h>

#include "tests/support/unit.h"
#include "vmm/base/util.h"

static void test_none_and_one(void **state)
{
	double one = 7;
	struct stats s = stats_of(NULL, 0);

	assert_int_equal(s.nr, 0);
	assert_true(s.median == 0 && s.max == 0);
	s = stats_of(&one, 1);
	assert_true(s.min == 7 && s.median == 7 && s.p999 == 7 && s.max == 7 && s.mean == 7);
	assert_true(s.spread == 0);
}

static void test_thousand(void **state)
{
	double v[1000];
	struct stats s;

	/* 1 to 1000 in an order of no kind: 7 and 1000 have no common divisor. */
	for (size_t i = 0; i < 1000; i++)
		v[i] = (double)((i * 7) % 1000 + 1);
	s = stats_of(v, 1000);
	assert_true(v[0] == 1 && v[999] == 1000);
	assert_true(s.min == 1 && s.max == 1000 && s.median == 500.5 && s.mean == 500.5);
	assert_true(s.p25 == 250 && s.p75 == 750 && s.spread == 500);
	assert_true(s.p90 == 900 && s.p99 == 990 && s.p999 == 999);
	assert_true(stats_percentile(v, 1000, 0) == 1 && stats_percentile(v, 1000, 100) == 1000);
	assert_true(stats_percentile(v, 1000, 99.95) == 1000);
}

static void test_round_step(void **state)
{
	static const double rows[][2] = {{1, 1}, {1.1, 2}, {2, 2}, {2.1, 5}, {5, 5}, {5.01, 10}, {10, 10}, {1000, 1000},
		{0.3, 0.5}, {0.1, 0.1}, {0.001, 0.001}, {123456, 200000}, {999999, 1000000}};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		assert_float_equal(stats_round_step(rows[i][0]), rows[i][1], rows[i][1] * 1e-6);
}

static void test_decimals(void **state)
{
	static const struct {
		double step;
		int digits;
	} rows[] = {{1, 0}, {5, 0}, {1000, 0}, {0.5, 1}, {0.1, 1}, {0.02, 2}, {0.001, 3}, {1e-9, 9}, {1e-12, 9}};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		assert_int_equal(stats_decimals(rows[i].step), rows[i].digits);
	/* Also where the step has been divided for, and is not exact. */
	assert_int_equal(stats_decimals(stats_round_step(0.00015)), 4);
}

static void test_histogram(void **state)
{
	double v[200];
	struct histogram h;
	size_t sum;

	for (size_t i = 0; i < 199; i++)
		v[i] = 100 + (double)i;
	v[199] = 1e9;
	for (unsigned bars = 1; bars <= HISTOGRAM_BARS_MAX; bars++) {
		h = histogram_of(v, 200, bars);
		assert_in_range(h.nr, 1, bars);
		assert_true(h.lo <= 100);
		sum = h.above;
		for (unsigned i = 0; i < h.nr; i++)
			sum += h.count[i];
		assert_int_equal(sum, 200);
		/* Only what lies past the 99th percentile may be beyond. */
		assert_in_range(h.above, 1, 2);
	}
	h = histogram_of(v, 200, 10);
	assert_true(h.lo == 100 && h.width == 20);
	assert_int_equal(h.count[0], 20);
}

static void test_histogram_of_one_value(void **state)
{
	const double v[] = {5, 5, 5};
	struct histogram h = histogram_of(v, 3, 20);

	assert_int_equal(h.nr, 1);
	assert_int_equal(h.count[0], 3);
	assert_int_equal(h.above, 0);
}

static void test_histogram_print(void **state)
{
	const struct histogram h = {.lo = 10, .width = 5, .nr = 3, .count = {100, 0, 1}, .above = 2};
	char *text;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	histogram_print(&h, f, 2);
	fclose(f);
	assert_string_equal(text,
		"            10       100 ##################################################\n"
		"            15         0 \n"
		"            20         1 #\n"
		"        beyond         2\n");
	free(text);
}

static void test_json(void **state)
{
	double v[] = {1, 2, 3};
	struct stats s = stats_of(v, 3);
	struct histogram h = histogram_of(v, 3, 5);
	char *text;
	size_t size;
	FILE *f = open_memstream(&text, &size);
	struct json j;

	json_begin(&j, f);
	json_object(&j, NULL);
	stats_json(&j, "cycles", &s);
	histogram_json(&j, "histogram", &h);
	json_end(&j);
	assert_int_equal(json_finish(&j), 0);
	fclose(f);
	assert_non_null(strstr(text, "\"cycles\": {"));
	assert_non_null(strstr(text, "\"histogram\": {"));
	assert_non_null(strstr(text, "\"median\": 2,"));
	assert_non_null(strstr(text, "\"p99.9\": 3,"));
	assert_non_null(strstr(text, "\"above\": 0"));
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_none_and_one),
		cmocka_unit_test(test_thousand),
		cmocka_unit_test(test_round_step),
		cmocka_unit_test(test_decimals),
		cmocka_unit_test(test_histogram),
		cmocka_unit_test(test_histogram_of_one_value),
		cmocka_unit_test(test_histogram_print),
		cmocka_unit_test(test_json),
	};

	return run_group(tests);
}
