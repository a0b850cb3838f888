// SPDX-License-Identifier: Apache-2.0
/*
 * Does not use the math library, which would be one more shared object to load at every start.
 */
#include "vmm/base/stats.h"

#include <stdlib.h>

#include "vmm/base/assert.h"
#include "vmm/base/util.h"

#define MARKS_MAX 50

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

double stats_percentile(const double *sorted, size_t nr, double percent)
{
	double exact = percent * (double)nr / 100;
	size_t rank;

	assert(nr && percent >= 0 && percent <= 100);
	/*
	 * Rounded up. Decimal fractions such as 99.9 are not exact: a rank within that error of a whole number is that
	 * number.
	 */
	rank = (size_t)exact;
	rank += exact - (double)rank > 1e-9;
	return sorted[rank < 1 ? 0 : rank - 1];
}

/* A percentile that is not just the largest; @one_in: the share above it, as 10 for p90. */
static double percentile(const double *sorted, size_t nr, double percent, size_t one_in)
{
	return nr < one_in ? __builtin_nan("") : stats_percentile(sorted, nr, percent);
}

/* Tukey's outer fences. Where the middle half is all the same there is no measure of what is far. */
static void count_outliers(struct stats *s, const double *samples)
{
	s->below = s->p25 - 3 * s->spread;
	s->above = s->p75 + 3 * s->spread;
	for (size_t i = 0; i < s->nr && s->spread > 0; i++) {
		s->low += samples[i] < s->below;
		s->high += samples[i] > s->above;
	}
}

struct stats stats_of(double *samples, size_t nr)
{
	struct stats s = {.nr = nr};

	if (!nr)
		return s;
	qsort(samples, nr, sizeof(*samples), compare);
	s.min = samples[0];
	s.max = samples[nr - 1];
	s.p25 = percentile(samples, nr, 25, 4);
	s.median = nr % 2 ? samples[nr / 2] : samples[nr / 2 - 1] / 2 + samples[nr / 2] / 2;
	s.p75 = percentile(samples, nr, 75, 4);
	s.p90 = percentile(samples, nr, 90, 10);
	s.p99 = percentile(samples, nr, 99, 100);
	s.p999 = percentile(samples, nr, 99.9, 1000);
	s.spread = s.p75 - s.p25;
	for (size_t i = 0; i < nr; i++)
		s.mean += (samples[i] - s.mean) / (double)(i + 1);
	count_outliers(&s, samples);
	return s;
}

int stats_width_places(double width, int most)
{
	int places = 0;

	for (; width > 0 && width < 10 && places < most; places++)
		width *= 10;
	return places;
}

int stats_places(const struct stats *s, int most)
{
	double width = s->spread > 0 ? s->spread : s->max - s->min;

	return stats_width_places(width > 0 ? width : s->median / 10, most);
}

void stats_json(struct json *j, const char *key, const struct stats *s, const char *unit)
{
	json_object(j, key);
	json_string(j, "unit", unit);
	json_u64(j, "count", s->nr);
	json_double(j, "min", s->min);
	json_double(j, "p25", s->p25);
	json_double(j, "median", s->median);
	json_double(j, "p75", s->p75);
	json_double(j, "p90", s->p90);
	json_double(j, "p99", s->p99);
	json_double(j, "p99.9", s->p999);
	json_double(j, "max", s->max);
	json_double(j, "mean", s->mean);
	json_double(j, "spread", s->spread);
	json_u64(j, "outliers_low", s->low);
	json_double(j, "outliers_below", s->below);
	json_u64(j, "outliers_high", s->high);
	json_double(j, "outliers_above", s->above);
	json_end(j);
}

double stats_round_step(double x)
{
	double power = 1;

	assert(x > 0 && x <= 1e300);
	while (power > x)
		power /= 10;
	/* Powers below 1 are not exact. */
	x /= 1 + 1e-9;
	for (;; power *= 10) {
		if (x <= power)
			return power;
		if (x <= 2 * power)
			return 2 * power;
		if (x <= 5 * power)
			return 5 * power;
	}
}

int stats_decimals(double step)
{
	int digits = 0;

	for (; digits < 9 && step < 1 - 1e-9; digits++)
		step *= 10;
	return digits;
}

double stats_multiple_below(double x, double step)
{
	double n = (double)(int64_t)(x / step);

	return (n * step > x ? n - 1 : n) * step;
}

struct histogram histogram_again(const struct histogram *shape, const double *samples, size_t nr)
{
	struct histogram h = {.lo = shape->lo, .width = shape->width, .nr = shape->nr};

	for (size_t i = 0; i < nr; i++) {
		double bar = (samples[i] - h.lo) / h.width;

		if (bar < h.nr)
			h.count[bar < 0 ? 0 : (size_t)bar]++;
		else
			h.above++;
	}
	return h;
}

struct histogram histogram_of(const double *sorted, size_t nr, unsigned bars)
{
	double hi = stats_percentile(sorted, nr, 99);
	struct histogram h = {0};

	assert(bars && bars <= HISTOGRAM_BARS_MAX);
	h.width = hi > sorted[0] ? stats_round_step((hi - sorted[0]) / bars) : 1;
	/* Bars start at multiples of their width, which may need one more bar. */
	for (;; h.width = stats_round_step(h.width * 1.5)) {
		h.lo = stats_multiple_below(sorted[0], h.width);
		h.nr = (unsigned)((hi - h.lo) / h.width) + 1;
		if (h.nr <= bars)
			break;
	}
	return histogram_again(&h, sorted, nr);
}

void histogram_print(const struct histogram *h, FILE *out, int indent)
{
	int digits = stats_decimals(h->width);
	size_t most = 1;

	for (unsigned i = 0; i < h->nr; i++)
		most = MAX(most, h->count[i]);
	for (unsigned i = 0; i < h->nr; i++) {
		/* A bar that is not empty is visible. */
		int marks = (int)((h->count[i] * MARKS_MAX + most - 1) / most);

		fprintf(out, "%*s%12.*f %9zu ", indent, "", digits, h->lo + i * h->width, h->count[i]);
		for (int m = 0; m < marks; m++)
			fputc('#', out);
		fputc('\n', out);
	}
	if (h->above)
		fprintf(out, "%*s%12s %9zu\n", indent, "", "beyond", h->above);
}

void histogram_json(struct json *j, const char *key, const struct histogram *h)
{
	json_object(j, key);
	json_double(j, "lo", h->lo);
	json_double(j, "width", h->width);
	json_array(j, "count");
	for (unsigned i = 0; i < h->nr; i++)
		json_u64(j, NULL, h->count[i]);
	json_end(j);
	json_u64(j, "above", h->above);
	json_end(j);
}
