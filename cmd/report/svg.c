// SPDX-License-Identifier: Apache-2.0
/*
 * Reports as a picture: at the top each run as one bar, in the colours of its groups; below a panel for each group with
 * an axis of its own, since a start-up of a millisecond would not be seen beside a boot of a second. Every phase has a
 * row and every run a bar in it, so no label ever meets another.
 */
#include <errno.h>
#include <string.h>

#include "cmd/report/report.h"
#include "vmm/base/stats.h"
#include "vmm/base/svg.h"
#include "vmm/base/util.h"

#define WIDTH     960
#define LEFT      190 /* of the bars: labels end before it */
#define RIGHT     830 /* of the bars: times stand behind it */
#define PAD       20
#define ROW       20
#define BAR       12
#define HEAD      34
#define AXIS      22
#define GAP       18
#define LONGEST   12
#define TICKS_MAX 6

struct sheet {
	const struct run_report *run;
	size_t nr;
	FILE *out;
	double y;
};

/* A row of a panel: a time for each run; @there: the run has it. */
struct row {
	const char *label;
	uint64_t start_ns[REPORT_RUNS_MAX];
	uint64_t wall_ns[REPORT_RUNS_MAX];
	bool there[REPORT_RUNS_MAX];
	bool mark;
};

static const char *group_color(enum run_group g)
{
	return svg_color(g == RUN_SETUP ? 0 : g == RUN_GUEST ? 1 : 2);
}

/* A run's bars: the colour of the group for one run, a shade each for several. */
static double shade(const struct sheet *s, size_t run)
{
	return s->nr == 1 ? 1 : 1 - 0.65 * (double)run / (double)(s->nr - 1);
}

static void rect(FILE *out, double x, double y, double w, double h, const char *color, double opacity)
{
	/* White below, so that the grid does not shine through a shade. */
	if (opacity < 1)
		rect(out, x, y, w, h, "#ffffff", 1);
	fprintf(out, "<rect x=\"%.2f\" y=\"%.1f\" width=\"%.2f\" height=\"%.1f\" fill=\"%s\" fill-opacity=\"%.2f\"/>\n",
		x, y, MAX(w, 1), h, color, opacity);
}

static void line(FILE *out, double x1, double y1, double x2, double y2, const char *color)
{
	fprintf(out, "<path d=\"M%.1f %.1fL%.1f %.1f\" stroke=\"%s\" stroke-width=\"1\"/>\n", x1, y1, x2, y2, color);
}

static double at(uint64_t ns, uint64_t span)
{
	return LEFT + (span ? (double)ns / (double)span : 0) * (RIGHT - LEFT);
}

static void axis(struct sheet *s, uint64_t span, double top, double bottom)
{
	double ms = (double)span / 1e6, step = stats_round_step(MAX(ms, 1e-6) / TICKS_MAX);
	char text[32];

	for (unsigned i = 0; i * step <= ms * 1.0001; i++) {
		double t = i * step, x = LEFT + (ms > 0 ? t / ms : 0) * (RIGHT - LEFT);

		line(s->out, x, top, x, bottom, "#dddddd");
		snprintf(text, sizeof(text), "%.6g%s", t, t > 0 ? "" : " ms");
		svg_text(s->out, x, bottom + 14, SVG_MIDDLE, 10, 0, text);
	}
}

static size_t bars_per_row(const struct sheet *s, const struct row *row)
{
	return row->mark ? 1 : s->nr;
}

static double row_height(const struct sheet *s, const struct row *row)
{
	return bars_per_row(s, row) == 1 ? ROW : 8 + BAR * (double)bars_per_row(s, row);
}

/* One run: where the phase lies in the panel. Several: how long it took in each, from the left. */
static void draw_row(struct sheet *s, const struct row *row, uint64_t span, const char *color)
{
	double height = row_height(s, row), each = s->nr == 1 ? BAR : BAR - 3, y = s->y + (s->nr == 1 ? 4 : 5);
	char text[64], ms[24];

	svg_text(s->out, LEFT - 8, s->y + height / 2 + 4, SVG_RIGHT, 12, LEFT - 8 - PAD, row->label);
	for (size_t k = 0; k < s->nr; k++, y += BAR) {
		double x = at(s->nr == 1 ? row->start_ns[k] : 0, span);

		if (row->mark) {
			fprintf(s->out, "<path d=\"M%.1f %.1fl6 6l-6 6l-6 -6z\" fill=\"%s\"/>\n", x, y, svg_color(3));
			svg_text(s->out, RIGHT + 8, y + 10, SVG_LEFT, 11, WIDTH - RIGHT - 8 - PAD, "mark");
			break;
		}
		if (!row->there[k])
			continue;
		rect(s->out, x, y, at(row->wall_ns[k], span) - LEFT, each, color, shade(s, k));
		if (s->nr == 1)
			snprintf(text, sizeof(text), "%s ms", report_ms(row->wall_ns[k], ms));
		else
			snprintf(text, sizeof(text), "%c %s ms", (char)('A' + k), report_ms(row->wall_ns[k], ms));
		svg_text(
			s->out, RIGHT + 8, y + each - 1, SVG_LEFT, s->nr == 1 ? 12 : 10, WIDTH - RIGHT - 8 - PAD, text);
	}
	s->y += height;
}

/* A title, rows, an axis under them. */
static void draw_panel(
	struct sheet *s, const char *title, const struct row *row, size_t nr, uint64_t span, const char *color)
{
	double top;

	s->y += HEAD;
	svg_text(s->out, PAD, s->y - 12, SVG_LEFT, 14, WIDTH - 2 * PAD, title);
	top = s->y;
	for (size_t i = 0; i < nr; i++)
		s->y += row_height(s, &row[i]);
	axis(s, span, top, s->y);
	s->y = top;
	for (size_t i = 0; i < nr; i++)
		draw_row(s, &row[i], span, color);
	s->y += AXIS;
}

static struct row *find_row(struct row *row, size_t nr, const char *const *name, const char *want)
{
	for (size_t i = 0; i < nr; i++)
		if (!strcmp(name[i], want))
			return &row[i];
	return NULL;
}

/* Marks of a single run go between the phases, in order of time. */
static size_t add_marks(const struct sheet *s, struct row *row, size_t nr, size_t max, uint64_t from, uint64_t to)
{
	for (size_t i = 0; s->nr == 1 && i < s->run->nr_marks && nr < max; i++) {
		const struct run_span *m = &s->run->mark[i];
		size_t k = nr;

		if (m->start_ns < from || m->start_ns > to)
			continue;
		for (; k > 0 && row[k - 1].start_ns[0] > m->start_ns - from; k--)
			row[k] = row[k - 1];
		row[k] = (struct row){
			.label = m->name, .start_ns = {m->start_ns - from}, .there = {true}, .mark = true};
		nr++;
	}
	return nr;
}

#define ROWS_MAX (2 * REPORT_PHASES_MAX)

static size_t group_rows(
	const struct sheet *s, enum run_group g, struct row *row, uint64_t *ret_span, uint64_t *ret_sum)
{
	const char *name[ROWS_MAX];
	uint64_t longest = 0, from = 0;
	size_t nr = 0;

	*ret_sum = 0;
	for (size_t k = 0; k < s->nr; k++) {
		uint64_t sum = run_report_group_ns(&s->run[k], g, &from);

		*ret_sum = MAX(*ret_sum, sum);
		for (size_t i = 0; i < s->run[k].nr_phases; i++) {
			const struct run_phase *p = &s->run[k].phase[i];
			struct row *r = p->group == g ? find_row(row, nr, name, p->name) : NULL;

			if (p->group != g || (!r && nr == REPORT_PHASES_MAX))
				continue;
			if (!r) {
				name[nr] = p->name;
				r = &row[nr++];
				*r = (struct row){.label = p->label};
			}
			r->there[k] = true;
			r->start_ns[k] = p->start_ns - from;
			r->wall_ns[k] = p->wall_ns;
			longest = MAX(longest, p->wall_ns);
		}
	}
	*ret_span = s->nr == 1 ? *ret_sum : longest;
	if (nr && g == RUN_GUEST)
		nr = add_marks(s, row, nr, ROWS_MAX, from, from + *ret_sum);
	return nr;
}

static void draw_group(struct sheet *s, enum run_group g)
{
	static const char *const titles[] = {
		[RUN_SETUP] = "Setting up, until the guest runs",
		[RUN_GUEST] = "The guest",
		[RUN_END] = "The end",
	};
	CLEANUP_FREE struct row *row = calloc(ROWS_MAX, sizeof(*row));
	uint64_t span, sum;
	char title[96], ms[24];
	size_t nr = row ? group_rows(s, g, row, &span, &sum) : 0;

	if (!nr)
		return;
	if (s->nr == 1)
		snprintf(title, sizeof(title), "%s: %s ms", titles[g], report_ms(sum, ms));
	else
		snprintf(title, sizeof(title), "%s", titles[g]);
	draw_panel(s, title, row, nr, span, group_color(g));
}

static void draw_initcalls(struct sheet *s)
{
	const struct run_report *r = s->run;
	size_t nr = MIN(r->nr_initcalls, (size_t)LONGEST);
	struct row row[LONGEST];
	uint64_t from = 0, sum = run_report_group_ns(r, RUN_GUEST, &from), all = 0;
	char title[96], ms[24];

	if (s->nr > 1 || !nr)
		return;
	for (size_t i = 0; i < r->nr_initcalls; i++)
		all += r->initcall[i].wall_ns;
	for (size_t i = 0; i < nr; i++) {
		const struct run_span *c = &r->initcall[i];

		row[i] = (struct row){
			.label = c->name,
			.start_ns = {MIN(c->start_ns > from ? c->start_ns - from : 0, sum)},
			.there = {true},
		};
		row[i].wall_ns[0] = MIN(c->wall_ns, sum - row[i].start_ns[0]);
	}
	snprintf(title, sizeof(title), "%zu initcalls, %s ms together; the longest %zu, on the guest's axis",
		r->nr_initcalls, report_ms(all, ms), nr);
	draw_panel(s, title, row, nr, sum, svg_color(4));
}

/* Each run as one bar, with its groups; the titles have its colours, and the legend has a row of its own. */
static void draw_overview(struct sheet *s)
{
	uint64_t longest = 1;
	char text[64], ms[24];
	double top = s->y;

	for (size_t k = 0; k < s->nr; k++)
		longest = MAX(longest, s->run[k].total_ns);
	axis(s, longest, top, top + 26 * (double)s->nr);
	for (size_t k = 0; k < s->nr; k++, s->y += 26) {
		for (enum run_group g = 0; g < RUN_GROUPS; g++) {
			uint64_t start = 0, sum = run_report_group_ns(&s->run[k], g, &start);

			if (sum)
				rect(s->out, at(start, longest), s->y + 4, at(sum, longest) - LEFT, 18, group_color(g),
					shade(s, k));
		}
		if (s->nr == 1)
			snprintf(text, sizeof(text), "whole run");
		else
			snprintf(text, sizeof(text), "%c %s", (char)('A' + k), s->run[k].title);
		svg_text(s->out, LEFT - 8, s->y + 17, SVG_RIGHT, 12, LEFT - 8 - PAD, text);
		snprintf(text, sizeof(text), "%s ms", report_ms(s->run[k].total_ns, ms));
		svg_text(s->out, RIGHT + 8, s->y + 17, SVG_LEFT, 12, WIDTH - RIGHT - 8 - PAD, text);
	}
	s->y += AXIS;
	for (enum run_group g = 0; g < RUN_GROUPS; g++) {
		rect(s->out, LEFT + 120 * (double)g, s->y, 12, 12, group_color(g), 1);
		svg_text(s->out, LEFT + 120 * (double)g + 18, s->y + 10, SVG_LEFT, 12, 96, run_group_label(g));
	}
	s->y += 12 + GAP;
}

static void draw(struct sheet *s)
{
	s->y = 34;
	svg_text(s->out, PAD, s->y, SVG_LEFT, 18, WIDTH - 2 * PAD, s->nr == 1 ? s->run->title : "Where the time went");
	for (size_t k = 0; k < s->nr; k++) {
		char text[640];

		s->y += 18;
		if (s->nr == 1)
			snprintf(text, sizeof(text), "%s", s->run[k].machine);
		else
			snprintf(text, sizeof(text), "%c  %s: %s", (char)('A' + k), s->run[k].title, s->run[k].machine);
		svg_text(s->out, PAD, s->y, SVG_LEFT, 11, WIDTH - 2 * PAD, text);
		if (s->nr > 1)
			continue;
		s->y += 16;
		svg_text(s->out, PAD, s->y, SVG_LEFT, 11, WIDTH - 2 * PAD, s->run[k].summary);
	}
	s->y += GAP;
	draw_overview(s);
	for (enum run_group g = 0; g < RUN_GROUPS; g++) {
		draw_group(s, g);
		if (g == RUN_GUEST)
			draw_initcalls(s);
	}
	s->y += PAD;
}

int report_svg(const struct run_report *r, size_t nr, FILE *out)
{
	CLEANUP_FREE char *body = NULL;
	struct sheet s = {.run = r, .nr = nr};
	size_t size;

	/* How high the sheet has to be is known when all is drawn. */
	s.out = open_memstream(&body, &size);
	if (!s.out)
		return -ENOMEM;
	draw(&s);
	if (fclose(s.out))
		return -ENOMEM;
	svg_begin(out, WIDTH, s.y);
	fwrite(body, 1, size, out);
	svg_end(out);
	return 0;
}
