// SPDX-License-Identifier: Apache-2.0
/*
 * Of `vmm bench clone`: tables, files, pictures.
 */
#include <stdlib.h>
#include <string.h>

#include "cmd/bench/bench.h"
#include "cmd/bench/clone.h"
#include "cmd/bench/table.h"
#include "vmm/base/svg.h"
#include "vmm/base/units.h"

#define NAME 22 /* where figures begin */

static const struct {
	const char *name, *title;
} metrics[] = {
#define X(id, name, title) [CLONE_##id] = {name, title},
	CLONE_METRICS_LIST(X)
#undef X
};

/* --- Lines through figures ---------------------------------------------------------------------------------------- */

struct sums {
	double n, x, y, xx, xy;
};

/* By the relative error: the figures are of very different size. */
static void add_point(struct sums *s, double x, double y)
{
	double weight = y > 0 ? 1 / (y * y) : 0;

	s->n += weight;
	s->x += weight * x;
	s->y += weight * y;
	s->xx += weight * x * x;
	s->xy += weight * x * y;
}

static struct clone_fit fit(const struct sums *s)
{
	double d = s->n * s->xx - s->x * s->x;
	double page = d > 0 ? (s->n * s->xy - s->x * s->y) / d : 0;

	return (struct clone_fit){s->n > 0 ? (s->y - page * s->x) / s->n : 0, page};
}

struct clone_fit clone_fit_flat(const struct clone_session *s)
{
	struct sums sums = {0};

	for (size_t i = 0; i < CLONE_RESETS; i++)
		add_point(&sums, s->reset[i].pages, s->reset[i].ours.median);
	return fit(&sums);
}

struct clone_fit clone_fit_lines(const struct clone_session *s)
{
	struct sums sums = {0};

	for (size_t i = 0; i < s->nr_lines; i++)
		add_point(&sums, s->line[i].pages.median, s->line[i].reset.median);
	return fit(&sums);
}

/* --- For people --------------------------------------------------------------------------------------------------- */

static double over(const struct stats *a, const struct stats *b)
{
	return b->median > 0 ? a->median / b->median : 0;
}

static void print_fit(const struct clone_fit *f)
{
	printf("a reset: %.1f us, and %.2f us a page (least squares of the relative errors)\n", f->fixed, f->page);
}

void clone_print_reset(const struct clone_session *s, size_t i)
{
	const struct reset_cost *c = &s->reset[i];
	char name[32];

	if (!i)
		printf("\nreset of a flat guest, %u of each; guest: what it takes it to write the pages\n"
		       "%-*s%9s%9s%9s%9s%9s%6s%9s\n",
			s->rounds, NAME - 3, "us", "min", "median", "p90", "p99", "floor", "ratio", "guest");
	snprintf(name, sizeof(name), "%u pages", c->pages);
	bench_name(stdout, NAME - 3, name);
	bench_cell(stdout, 9, 1, c->ours.min);
	bench_cell(stdout, 9, 1, c->ours.median);
	bench_cell(stdout, 9, 1, c->ours.p90);
	bench_cell(stdout, 9, 1, c->ours.p99);
	bench_cell(stdout, 9, 1, c->floor.median);
	printf("%6.2f", over(&c->ours, &c->floor));
	bench_cell(stdout, 9, 1, c->guest.median);
	fputc('\n', stdout);
	if (i + 1 == CLONE_RESETS) {
		struct clone_fit f = clone_fit_flat(s);

		print_fit(&f);
	}
}

bool clone_ratio(const struct clone_session *s, struct ratio *ret)
{
	CLEANUP_FREE double *scratch = calloc(s->nr + 1, sizeof(*scratch));

	for (unsigned i = 0; i < s->nr; i++)
		if (s->sample[CLONE_FIRST_RUN][i] <= 0 || s->sample[CLONE_FLOOR][i] <= 0)
			return false;
	if (!scratch || !s->nr)
		return false;
	*ret = ratio_paired(s->sample[CLONE_FIRST_RUN], s->sample[CLONE_FLOOR], scratch, s->nr);
	return true;
}

/* Of those that are known. */
static struct stats metric(const struct clone_session *s, unsigned m)
{
	CLEANUP_FREE double *copy = calloc(s->nr + 1, sizeof(*copy));
	size_t nr = 0;

	for (unsigned i = 0; copy && i < s->nr; i++)
		if (s->sample[m][i] > 0)
			copy[nr++] = s->sample[m][i];
	return nr ? stats_of(copy, nr) : (struct stats){0};
}

void clone_print_restores(const struct clone_session *s)
{
	unsigned unknown = 0;
	struct ratio r;

	fputc('\n', stdout);
	bench_head(stdout, "restore: ms since exec");
	for (unsigned m = 0; m < CLONE_METRICS; m++) {
		struct stats st = metric(s, m);

		unknown += s->nr - (unsigned)st.nr;
		bench_row(stdout, 0, metrics[m].title, &st);
	}
	if (unknown)
		printf("! %u of %u times to the first KVM_RUN are not known: the host was too busy\n", unknown, s->nr);
	if (clone_ratio(s, &r))
		bench_ratio_print(stdout, 0, metrics[CLONE_FIRST_RUN].title, "floor", &r, "");
	if (s->nr_baseline && bench_against(s->sample[CLONE_FIRST_RUN], s->nr, s->baseline, s->nr_baseline, &r))
		bench_ratio_print(
			stdout, 0, metrics[CLONE_FIRST_RUN].title, "baseline", &r, ", by bootstrap of the medians");
}

void clone_print_snapshot(const struct clone_session *s)
{
	const struct snapshot_cost *c = &s->cost;

	fputc('\n', stdout);
	bench_head(stdout, "a snapshot, ms");
	bench_row(stdout, 0, "written", &c->ours);
	bench_row(stdout, 0, "write and fsync alone", &c->floor);
	printf("ratio %.2f; the file takes %.3f of the %.1f MiB that are not zero\n", over(&c->ours, &c->floor),
		c->touched_bytes ? (double)c->file_bytes / (double)c->touched_bytes : 0,
		(double)c->touched_bytes / (double)MIB);
}

/* A figure, or a dash where there is none. */
static void cell(int width, int places, double x)
{
	bench_cell(stdout, width, places, x > 0 ? x : __builtin_nan(""));
}

void clone_print_row(const struct clone_session *s, size_t i)
{
	const struct clone_row *c = &s->row[i];

	if (!i)
		printf("\nclones at once; fork: to its first KVM_RUN; host: memory that it took, each\n"
		       "%8s%8s%12s%12s%12s%12s%12s\n",
			"clones", "alive", "all, ms", "each, ms", "fork, ms", "p99", "host, KiB");
	printf("%8u%8u", c->clones, c->alive);
	cell(12, 1, c->all_ms);
	cell(12, 2, c->all_ms / c->clones);
	cell(12, 2, c->first_run.median);
	cell(12, 2, c->first_run.p99);
	cell(12, 0, c->host_kib);
	fputc('\n', stdout);
	if (c->limit[0])
		bench_wrap(stdout, "    ended by: ", 4, c->limit);
}

void clone_print_lines(const struct clone_session *s)
{
	struct clone_fit f = clone_fit_lines(s);

	printf("\nreset of this guest, %u for each line\n%-*s%9s%9s%9s%9s%9s%11s\n", s->rounds, NAME, "us", "pages",
		"min", "median", "p90", "p99", "guest");
	for (size_t i = 0; i < s->nr_lines; i++) {
		const struct clone_line *l = &s->line[i];

		bench_name(stdout, NAME, l->text);
		bench_cell(stdout, 9, 0, l->pages.median);
		bench_cell(stdout, 9, 1, l->reset.min);
		bench_cell(stdout, 9, 1, l->reset.median);
		bench_cell(stdout, 9, 1, l->reset.p90);
		bench_cell(stdout, 9, 1, l->reset.p99);
		bench_cell(stdout, 11, 1, l->guest.median);
		fputc('\n', stdout);
	}
	if (s->nr_lines > 1)
		print_fit(&f);
}

/* --- For programs ------------------------------------------------------------------------------------------------- */

static void fit_json(struct json *j, const char *key, const struct clone_fit *f)
{
	json_object(j, key);
	json_double(j, "fixed_us", f->fixed);
	json_double(j, "page_us", f->page);
	json_end(j);
}

static void reset_json(struct json *j, const struct clone_session *s)
{
	struct clone_fit f = clone_fit_flat(s);

	json_object(j, "flat_reset");
	json_array(j, "rows");
	for (size_t i = 0; i < CLONE_RESETS; i++) {
		const struct reset_cost *c = &s->reset[i];

		json_object(j, NULL);
		json_u64(j, "pages", c->pages);
		stats_json(j, "ours", &c->ours, "us");
		stats_json(j, "floor", &c->floor, "us");
		json_double(j, "ratio", over(&c->ours, &c->floor));
		stats_json(j, "guest", &c->guest, "us");
		json_end(j);
	}
	json_end(j);
	fit_json(j, "fit", &f);
	json_end(j);
}

/* The samples in their order, for a later --baseline; none where one is not known. */
static void restore_json(struct json *j, const struct clone_session *s)
{
	struct ratio r;

	json_object(j, "restore");
	for (unsigned m = 0; m < CLONE_METRICS; m++) {
		struct stats st = metric(s, m);
		char name[40];

		json_array(j, metrics[m].name);
		for (unsigned i = 0; i < s->nr && st.nr == s->nr; i++)
			json_double(j, NULL, s->sample[m][i]);
		json_end(j);
		snprintf(name, sizeof(name), "%s_stats", metrics[m].name);
		stats_json(j, name, &st, "ms");
	}
	if (clone_ratio(s, &r))
		bench_ratio_json(j, "ratio_to_floor", &r, "median of paired ratios, sign test", s->max_ratio);
	if (s->nr_baseline && bench_against(s->sample[CLONE_FIRST_RUN], s->nr, s->baseline, s->nr_baseline, &r))
		bench_ratio_json(j, "ratio_to_baseline", &r, "ratio of medians, percentile bootstrap", s->max_ratio);
	json_end(j);
}

static void snapshot_json(struct json *j, const struct clone_session *s)
{
	json_object(j, "snapshot");
	stats_json(j, "ours", &s->cost.ours, "ms");
	stats_json(j, "floor", &s->cost.floor, "ms");
	json_double(j, "ratio", over(&s->cost.ours, &s->cost.floor));
	json_u64(j, "touched_bytes", s->cost.touched_bytes);
	json_u64(j, "file_bytes", s->cost.file_bytes);
	json_end(j);
}

static void figure_json(struct json *j, const char *key, double x)
{
	if (x > 0)
		json_double(j, key, x);
	else
		json_null(j, key);
}

static void rows_json(struct json *j, const struct clone_session *s)
{
	json_array(j, "clones");
	for (size_t i = 0; i < s->nr_rows; i++) {
		const struct clone_row *c = &s->row[i];

		json_object(j, NULL);
		json_u64(j, "clones", c->clones);
		json_u64(j, "alive", c->alive);
		figure_json(j, "all_ms", c->all_ms);
		figure_json(j, "host_kib", c->host_kib);
		stats_json(j, "fork_to_first_run", &c->first_run, "ms");
		json_string(j, "limit", c->limit[0] ? c->limit : NULL);
		json_end(j);
	}
	json_end(j);
}

static void lines_json(struct json *j, const struct clone_session *s)
{
	struct clone_fit f = clone_fit_lines(s);

	json_object(j, "line_reset");
	json_array(j, "rows");
	for (size_t i = 0; i < s->nr_lines; i++) {
		json_object(j, NULL);
		json_string(j, "line", s->line[i].text);
		stats_json(j, "pages", &s->line[i].pages, "pages");
		stats_json(j, "reset", &s->line[i].reset, "us");
		stats_json(j, "guest", &s->line[i].guest, "us");
		json_end(j);
	}
	json_end(j);
	fit_json(j, "fit", &f);
	json_end(j);
}

void clone_write_json(FILE *out, void *arg)
{
	const struct clone_session *s = arg;
	struct json j;

	json_begin(&j, out);
	json_object(&j, NULL);
	bench_host_json(&s->host, "clone", s->kvm.api, &j);
	json_u64(&j, "runs", s->runs);
	json_u64(&j, "warmup", s->warmup);
	json_u64(&j, "rounds", s->rounds);
	reset_json(&j, s);
	if (s->nr_words) {
		if (s->nr)
			restore_json(&j, s);
		snapshot_json(&j, s);
		rows_json(&j, s);
		lines_json(&j, s);
	}
	json_end(&j);
	json_finish(&j);
}

static void draw(FILE *out, size_t i, void *arg)
{
	const struct clone_session *s = arg;
	double pages[CLONE_RESETS], ours[CLONE_RESETS], floor[CLONE_RESETS];
	CLEANUP_FREE double *runs = calloc(s->nr + 1, sizeof(*runs));
	char host[512];
	struct svg_plot plot = {.subtitle = host, .counted = true, .nr = 2};

	bench_host_line(&s->host, host, sizeof(host));
	for (size_t k = 0; k < CLONE_RESETS; k++) {
		pages[k] = s->reset[k].pages;
		ours[k] = s->reset[k].ours.median;
		floor[k] = s->reset[k].floor.median;
	}
	for (unsigned k = 0; runs && k < s->nr; k++)
		runs[k] = k + 1;
	if (!i) {
		plot.title = "Reset of a flat guest, medians";
		plot.x_label = "pages that it had written";
		plot.y_label = "us";
		plot.series[0] = (struct svg_series){.name = "vmm", .x = pages, .y = ours, .nr = CLONE_RESETS};
		plot.series[1] = (struct svg_series){
			.name = "the same, bare", .x = pages, .y = floor, .nr = CLONE_RESETS, .dashed = true};
	} else {
		plot.title = "Restores in their order";
		plot.x_label = "run";
		plot.y_label = "exec to the first KVM_RUN, ms";
		plot.series[0] = (struct svg_series){
			.name = "vmm", .x = runs, .y = s->sample[CLONE_FIRST_RUN], .nr = runs ? s->nr : 0};
		plot.series[1] = (struct svg_series){.name = "floor",
			.x = runs,
			.y = s->sample[CLONE_FLOOR],
			.nr = runs ? s->nr : 0,
			.dashed = true};
	}
	svg_plot(out, &plot);
}

void clone_write_svg(FILE *out, void *arg)
{
	const struct clone_session *s = arg;

	svg_stack(out, s->nr ? 2 : 1, draw, arg);
}
