// SPDX-License-Identifier: Apache-2.0
/*
 * `vmm bench boot --svg`: the runs in their order, where a drift or a disturbed stretch shows, and below it how each
 * side's are distributed, on one axis, so that the sides can be compared.
 */
#include <stdlib.h>
#include <string.h>

#include "cmd/bench/boot.h"
#include "vmm/base/stats.h"
#include "vmm/base/svg.h"

#define BARS 32

/** struct drawing - @runs: 1, 2, 3...; @bars: of all sides together */
struct drawing {
	const struct bench_session *session;
	const char *what;
	double *runs;
	struct histogram bars;
	char host[512];
};

static void draw(FILE *out, size_t i, void *arg)
{
	const struct drawing *d = arg;
	const struct bench_session *s = d->session;
	const struct bench_side *ours = &s->side[BENCH_OURS];
	struct svg_plot plot = {
		.title = "Runs in their order",
		.subtitle = d->host,
		.x_label = "run",
		.y_label = d->what,
		.zoom = true,
		.counted = true,
		.nr = s->nr_sides,
	};
	char title[BENCH_NAME_MAX * 4 + 64];
	struct histogram h;

	if (i) {
		const struct bench_side *side = &s->side[i - 1];

		h = histogram_again(&d->bars, side->sample[BENCH_MARKER], side->nr);
		snprintf(title, sizeof(title), "%s: distribution of %u runs", side->name, side->nr);
		svg_histogram(out, title, NULL, d->what, i - 1, &h);
		return;
	}
	for (unsigned k = 0; k < s->nr_sides; k++)
		plot.series[k] = (struct svg_series){.name = s->side[k].name,
			.x = d->runs,
			.y = s->side[k].sample[BENCH_MARKER],
			.nr = ours->nr,
			.dashed = k != BENCH_OURS};
	svg_plot(out, &plot);
}

void bench_draw(FILE *out, void *arg)
{
	const struct bench_session *s = arg;
	unsigned nr = s->side[BENCH_OURS].nr;
	struct drawing d = {
		.session = s,
		.what = s->marker ? "exec to the marker, ms" : "exec to the end, ms",
		.runs = calloc(nr + 1, sizeof(*d.runs)),
	};
	double *all = calloc((size_t)nr * s->nr_sides + 1, sizeof(*all));

	bench_host_line(&s->host, d.host, sizeof(d.host));
	/* Without a run, or without memory for the picture, an empty sheet. */
	for (unsigned k = 0; nr && all && k < s->nr_sides; k++)
		memcpy(all + (size_t)k * nr, s->side[k].sample[BENCH_MARKER], nr * sizeof(*all));
	for (unsigned i = 0; d.runs && i < nr; i++)
		d.runs[i] = i + 1;
	if (nr && all && d.runs) {
		stats_of(all, (size_t)nr * s->nr_sides);
		d.bars = histogram_of(all, (size_t)nr * s->nr_sides, BARS);
	}
	svg_stack(out, nr && all && d.runs ? 1 + s->nr_sides : 0, draw, &d);
	free(all);
	free(d.runs);
}
