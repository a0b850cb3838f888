// SPDX-License-Identifier: Apache-2.0
#include "cmd/bench/ratio.h"

#include <stdint.h>

#include "vmm/base/assert.h"
#include "vmm/base/stats.h"
#include "vmm/base/util.h"

#define CONFIDENCE 0.95
#define RESAMPLES  2000

/*
 * The chance that at least @k and at most @nr - @k of @nr fair coins show heads: what the interval between the k-th
 * smallest and the k-th largest is worth. The terms are built from the middle one down, so that none underflows for
 * any number of runs that somebody waits for.
 */
static double sign_confidence(size_t nr, size_t k)
{
	double middle = 1, all = 0, inside = 0, term;

	/* Relative to the largest term, then divided by the sum of all. */
	term = middle;
	for (size_t i = nr / 2;; i--) {
		/* term is C(nr, i); both halves, the middle one once when nr is even */
		double both = 2 * i == nr ? term : 2 * term;

		all += both;
		if (i >= k)
			inside += both;
		if (!i)
			break;
		term *= (double)i / (double)(nr - i + 1);
	}
	return inside / all;
}

struct ratio ratio_paired(const double *a, const double *b, double *scratch, size_t nr)
{
	struct stats s;
	size_t k = 1;

	assert(nr);
	for (size_t i = 0; i < nr; i++)
		scratch[i] = a[i] / b[i];
	s = stats_of(scratch, nr);
	while (k + 1 <= nr / 2 && sign_confidence(nr, k + 1) >= CONFIDENCE)
		k++;
	return (struct ratio){
		.value = s.median,
		.lo = scratch[k - 1],
		.hi = scratch[nr - k],
		.confidence = sign_confidence(nr, k),
	};
}

/* xorshift64*; the quality of a die is enough here. */
static uint64_t next(uint64_t *state)
{
	uint64_t x = *state;

	x ^= x >> 12;
	x ^= x << 25;
	x ^= x >> 27;
	*state = x;
	return x * UINT64_C(0x2545f4914f6cdd1d);
}

static double resampled_median(const double *from, size_t nr, double *scratch, uint64_t *state)
{
	for (size_t i = 0; i < nr; i++)
		scratch[i] = from[(next(state) >> 11) % nr];
	return stats_of(scratch, nr).median;
}

struct ratio ratio_unpaired(double *a, size_t nr_a, double *b, size_t nr_b, double *scratch)
{
	struct stats sa = stats_of(a, nr_a), sb = stats_of(b, nr_b);
	uint64_t state = UINT64_C(0x9e3779b97f4a7c15);
	double ratio[RESAMPLES];

	assert(nr_a && nr_b);
	for (size_t i = 0; i < RESAMPLES; i++) {
		double ma = resampled_median(a, nr_a, scratch, &state);

		ratio[i] = ma / resampled_median(b, nr_b, scratch, &state);
	}
	stats_of(ratio, RESAMPLES);
	return (struct ratio){
		.value = sa.median / sb.median,
		.lo = stats_percentile(ratio, RESAMPLES, 100 * (1 - CONFIDENCE) / 2),
		.hi = stats_percentile(ratio, RESAMPLES, 100 * (1 + CONFIDENCE) / 2),
		.confidence = MIN(CONFIDENCE, sign_confidence(nr_a, 1) * sign_confidence(nr_b, 1)),
	};
}

enum ratio_verdict ratio_judge(const struct ratio *r, double limit)
{
	if (r->confidence < CONFIDENCE || (r->lo <= limit && limit < r->hi))
		return RATIO_UNDECIDED;
	return r->lo > limit ? RATIO_ABOVE : RATIO_WITHIN;
}

const char *ratio_verdict_name(enum ratio_verdict v)
{
	static const char *const names[] = {"within", "undecided", "above"};

	return names[v];
}
