/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Statistics of measurements. Percentiles, not means: disturbances only ever make a measurement longer.
 */
#ifndef VMM_BASE_STATS_H
#define VMM_BASE_STATS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "vmm/base/json.h"

/**
 * struct stats - a summary; the unit is that of the samples
 * @nr: number of samples; all else is 0 when there are none
 * @p25 and so on: by nearest rank: the smallest measured value that this share of the samples does not exceed; NaN
 *                 where too few samples tell it from the largest: quartiles need 4, p90 10, p99 100, p99.9 1,000
 * @median: the middle one, or half way between the two
 * @spread: between the first and third quartile: the width of the middle half; NaN as they are
 * @low, @high: number of outliers: samples below @below and above @above, three spreads outside of the quartiles; none
 *              where there is no spread
 */
struct stats {
	size_t nr;
	double min;
	double p25;
	double median;
	double p75;
	double p90;
	double p99;
	double p999;
	double max;
	double mean;
	double spread;
	size_t low;
	size_t high;
	double below;
	double above;
};

/**
 * stats_of() - summarise
 * @samples: @nr finite numbers; sorted on return
 */
struct stats stats_of(double *samples, size_t nr);

/**
 * stats_percentile() - nearest rank
 * @sorted: as stats_of() leaves it, @nr of them, at least 1
 * @percent: 0 to 100; 0 gives the smallest
 */
double stats_percentile(const double *sorted, size_t nr, double percent);

/**
 * stats_width_places() - digits behind the point for figures that are known to within @width: two digits of it
 * @most: what the clock resolves
 */
int stats_width_places(double width, int most);

/**
 * stats_places() - the same for a table of these: by the spread, by the range where no spread is known, and three
 * digits of the value where nothing else is
 */
int stats_places(const struct stats *s, int most);

/** stats_known() - false for what too few samples could not tell */
static inline bool stats_known(double x)
{
	return !__builtin_isnan(x);
}

/**
 * stats_json() - all of it as an object named @key; what is not known is null
 * @unit: of the samples
 */
void stats_json(struct json *j, const char *key, const struct stats *s, const char *unit);

#define HISTOGRAM_BARS_MAX 64

/**
 * struct histogram - counts in bars of equal width
 * @lo: where the first bar starts
 * @width: of a bar; bar i holds lo + i * width <= x < lo + (i + 1) * width
 * @nr: bars, 1 to HISTOGRAM_BARS_MAX
 * @count: per bar
 * @above: number of samples past the last bar, which are in no bar
 */
struct histogram {
	double lo;
	double width;
	unsigned nr;
	size_t count[HISTOGRAM_BARS_MAX];
	size_t above;
};

/**
 * histogram_of() - from the smallest sample to the 99th percentile, in bars of a round width (1, 2 or 5 times 10^n)
 * @sorted: as stats_of() leaves it, @nr of them, at least 1
 * @bars: maximum number of bars, 1 to HISTOGRAM_BARS_MAX; a round width may result in fewer
 */
struct histogram histogram_of(const double *sorted, size_t nr, unsigned bars);

/** histogram_again() - the bars of @shape for other samples; what lies below the first bar is counted in it */
struct histogram histogram_again(const struct histogram *shape, const double *samples, size_t nr);

/**
 * histogram_print() - one line per bar: its start, its count, and a row of marks
 * @indent: blanks before each line
 */
void histogram_print(const struct histogram *h, FILE *out, int indent);

/** histogram_json() - write an object named @key: lo, width, count, above */
void histogram_json(struct json *j, const char *key, const struct histogram *h);

/** stats_round_step() - the smallest of 1, 2, 5, 10, 20, ... (and 0.5, 0.2, ...) that is at least @x; @x above 0 */
double stats_round_step(double x);

/** stats_multiple_below() - the largest multiple of @step that is at most @x, for numbers that fit 64 bits */
double stats_multiple_below(double x, double step);

/** stats_decimals() - number of decimals of multiples of a round step, at most 9 */
int stats_decimals(double step);

#endif
