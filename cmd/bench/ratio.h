/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How many times slower, and how sure that is. No distribution is assumed: boot times have a floor and a tail.
 */
#ifndef CMD_BENCH_RATIO_H
#define CMD_BENCH_RATIO_H

#include <stddef.h>

/**
 * struct ratio - a ratio and its interval
 * @value: the middle
 * @lo, @hi: the interval
 * @confidence: that it holds the true middle, 0 to 1. At least 0.95, but for too few runs.
 */
struct ratio {
	double value;
	double lo;
	double hi;
	double confidence;
};

/** enum ratio_verdict - of a ratio and a limit: on which side of it the whole interval is */
enum ratio_verdict { RATIO_WITHIN, RATIO_UNDECIDED, RATIO_ABOVE };

/** ratio_judge() - undecided: the interval holds @limit, or is not sure enough */
enum ratio_verdict ratio_judge(const struct ratio *r, double limit);

/** ratio_verdict_name() - "within", "undecided", "above" */
const char *ratio_verdict_name(enum ratio_verdict v);

/**
 * ratio_paired() - of runs that took turns: the median of the ratios of the pairs
 * @a, @b: @nr of each, at least 1, above 0; a[i] and b[i] ran one after the other
 * @scratch: @nr
 *
 * The interval is the sign test's: between the k-th smallest and the k-th largest ratio, k as large as a confidence of
 * 0.95 allows. It is exact for any distribution. Fewer than six pairs do not reach 0.95: then the interval is from the
 * smallest to the largest, and @confidence says what that is worth.
 */
struct ratio ratio_paired(const double *a, const double *b, double *scratch, size_t nr);

/**
 * ratio_unpaired() - of two sets that were measured apart: the ratio of their medians
 * @a, @b: @nr_a and @nr_b of them, at least 1, above 0; sorted on return
 * @scratch: the larger of @nr_a and @nr_b
 *
 * The interval is a percentile bootstrap of 2,000 resamples, with random numbers that are the same each time. It never
 * leaves the range of what was measured: with fewer than seven of each @confidence is that of the range.
 */
struct ratio ratio_unpaired(double *a, size_t nr_a, double *b, size_t nr_b, double *scratch);

#endif
