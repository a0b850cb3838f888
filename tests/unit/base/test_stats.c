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
	assert_true(s.min == 7 && s.median == 7 && s.max == 7 && s.mean == 7);
	assert_false(stats_known(s.spread) || stats_known(s.p90));
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

/* What so few samples cannot tell from the largest is not known: 4, 10, 100 and 1,000 are the first that can. */
static void test_percentiles_that_few_cannot_give(void **state)
{
	static const size_t counts[] = {1, 3, 4, 9, 10, 99, 100, 999, 1000};
	double v[1000];

	for (size_t i = 0; i < ARRAY_SIZE(counts); i++) {
		struct stats s;

		for (size_t k = 0; k < counts[i]; k++)
			v[k] = (double)k;
		s = stats_of(v, counts[i]);
		assert_int_equal(stats_known(s.p25), counts[i] >= 4);
		assert_int_equal(stats_known(s.p75), counts[i] >= 4);
		assert_int_equal(stats_known(s.spread), counts[i] >= 4);
		assert_int_equal(stats_known(s.p90), counts[i] >= 10);
		assert_int_equal(stats_known(s.p99), counts[i] >= 100);
		assert_int_equal(stats_known(s.p999), counts[i] >= 1000);
		assert_true(!stats_known(s.p90) || s.p90 < s.max);
		assert_true(!stats_known(s.p99) || s.p99 < s.max);
		assert_true(!stats_known(s.p999) || s.p999 < s.max);
	}
}

static void test_outliers(void **state)
{
	/* Quartiles 3 and 7: the fences are 4 * 3 away. */
	double v[] = {1, 2, 3, 4, 5, 7, 7, 8, 19}, w[] = {1, 2, 3, 4, 5, 7, 7, 8, 19.5},
	       low[] = {-9.5, 2, 3, 4, 5, 7, 7, 8, 9};
	double same[] = {5, 5, 5, 5, 5, 9};
	struct stats s = stats_of(v, 9);

	assert_true(s.below == -9 && s.above == 19);
	assert_int_equal(s.low + s.high, 0);
	s = stats_of(w, 9);
	assert_int_equal(s.high, 1);
	assert_int_equal(s.low, 0);
	s = stats_of(low, 9);
	assert_int_equal(s.high, 0);
	assert_int_equal(s.low, 1);
	/* No spread, no measure. */
	s = stats_of(same, 6);
	assert_int_equal(s.low + s.high, 0);
}

/* Two digits of the spread; else of the range; else three of the value. */
static void test_places(void **state)
{
	static const struct {
		struct stats s;
		int most, places;
	} rows[] = {
		{{.spread = 120}, 3, 0},
		{{.spread = 12}, 3, 0},
		{{.spread = 10}, 3, 0},
		{{.spread = 9.9}, 3, 1},
		{{.spread = 1}, 3, 1},
		{{.spread = 0.99}, 3, 2},
		{{.spread = 0.0001}, 3, 3},
		{{.spread = 0.0001}, 6, 5},
		{{.spread = 0, .min = 5, .max = 5.5, .median = 5}, 3, 2},
		{{.spread = __builtin_nan(""), .min = 100, .max = 130, .median = 110}, 3, 0},
		{{.spread = __builtin_nan(""), .min = 152, .max = 152, .median = 152}, 3, 0},
		{{.spread = __builtin_nan(""), .min = 15.2, .max = 15.2, .median = 15.2}, 3, 1},
		{{.spread = 0, .min = 0, .max = 0, .median = 0}, 3, 0},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		assert_int_equal(stats_places(&rows[i].s, rows[i].most), rows[i].places);
}

static void test_histogram_again(void **state)
{
	const struct histogram shape = {.lo = 10, .width = 5, .nr = 3, .count = {9, 9, 9}, .above = 9};
	const double v[] = {3, 10, 14.9, 15, 24.9, 25};
	struct histogram h = histogram_again(&shape, v, ARRAY_SIZE(v));

	assert_true(h.lo == 10 && h.width == 5 && h.nr == 3);
	assert_int_equal(h.count[0], 3);
	assert_int_equal(h.count[1], 1);
	assert_int_equal(h.count[2], 1);
	assert_int_equal(h.above, 1);
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
		/* Only samples above the 99th percentile may be outside. */
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
	stats_json(&j, "cycles", &s, "furlongs");
	histogram_json(&j, "histogram", &h);
	json_end(&j);
	assert_int_equal(json_finish(&j), 0);
	fclose(f);
	assert_non_null(strstr(text, "\"cycles\": {"));
	assert_non_null(strstr(text, "\"histogram\": {"));
	assert_non_null(strstr(text, "\"median\": 2,"));
	assert_non_null(strstr(text, "\"unit\": \"furlongs\""));
	assert_non_null(strstr(text, "\"p99.9\": null,"));
	assert_non_null(strstr(text, "\"above\": 0"));
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_none_and_one),
		cmocka_unit_test(test_thousand),
		cmocka_unit_test(test_percentiles_that_few_cannot_give),
		cmocka_unit_test(test_outliers),
		cmocka_unit_test(test_places),
		cmocka_unit_test(test_histogram_again),
		cmocka_unit_test(test_round_step),
		cmocka_unit_test(test_decimals),
		cmocka_unit_test(test_histogram),
		cmocka_unit_test(test_histogram_of_one_value),
		cmocka_unit_test(test_histogram_print),
		cmocka_unit_test(test_json),
	};

	return run_group(tests);
}
