// SPDX-License-Identifier: Apache-2.0
#include "vmm/base/svg.h"

#include <string.h>

#include "vmm/base/assert.h"
#include "vmm/base/text.h"
#include "vmm/base/util.h"

#define WIDTH      800.0
#define HEIGHT     480.0
#define TITLE_SIZE 16.0
#define RIGHT      24.0
#define ROW        18.0
#define TICK_GAP   12.0
#define GLYPH      0.62 /* widest usual share of the font size, digits and lower case */
#define TICKS_MAX  16
#define TEXT_MAX   256

/**
 * struct axis - @lo to @hi in units of the data, drawn from @from to @to in pixels
 * @step, @steps: a tick at @lo, and @steps more, @step apart, the last at @hi
 */
struct axis {
	double lo;
	double hi;
	double step;
	uint64_t steps;
	double from;
	double to;
};

static const char *const colors[] = {"#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"};

const char *svg_color(size_t n)
{
	return colors[n % ARRAY_SIZE(colors)];
}

static size_t glyphs(const char *text)
{
	size_t n = 0;

	for (; *text; n++)
		text += MAX(text_length(text), 1);
	return n;
}

double svg_text_width(const char *text, double size)
{
	return GLYPH * size * (double)glyphs(text);
}

/* Writes the first @n characters. */
static void put_escaped(FILE *out, const char *text, size_t n)
{
	const char *end = text + strlen(text);

	for (; text < end && n; n--)
		text += text_put_xml(out, text, end);
}

void svg_begin(FILE *out, double width, double height)
{
	fprintf(out,
		"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%.0f\" height=\"%.0f\" viewBox=\"0 0 %.0f %.0f\" "
		"font-family=\"sans-serif\" font-size=\"%d\">\n<rect width=\"100%%\" height=\"100%%\" "
		"fill=\"white\"/>\n",
		width, height, width, height, SVG_FONT);
}

void svg_end(FILE *out)
{
	fputs("</svg>\n", out);
}

void svg_text(FILE *out, double x, double y, enum svg_anchor anchor, double size, double max_width, const char *text)
{
	static const char *const anchors[] = {"start", "middle", "end"};
	size_t n = glyphs(text), fit = max_width > 0 ? (size_t)(max_width / (GLYPH * size)) : n;

	fprintf(out, "<text x=\"%.1f\" y=\"%.1f\" font-size=\"%.0f\" text-anchor=\"%s\">", x, y, size, anchors[anchor]);
	put_escaped(out, text, n > fit && fit ? fit - 1 : n);
	fprintf(out, "%s</text>\n", n > fit ? "\xe2\x80\xa6" : "");
}

static double at(const struct axis *a, double v)
{
	return a->from + (v - a->lo) / (a->hi - a->lo) * (a->to - a->from);
}

/* 12000 as "12,000"; as many decimals as the step. */
static const char *number(double v, double step, char *buf)
{
	char plain[64];
	size_t whole, at_ = 0;

	snprintf(plain, sizeof(plain), "%.*f", stats_decimals(step), v);
	whole = strcspn(plain, ".");
	for (size_t i = 0; plain[i] && at_ < TEXT_MAX - 2; i++) {
		if (i && i < whole && (whole - i) % 3 == 0 && plain[i - 1] != '-')
			buf[at_++] = ',';
		buf[at_++] = plain[i];
	}
	buf[at_] = '\0';
	return buf;
}

static double tick(const struct axis *a, uint64_t i)
{
	return a->lo + a->step * (double)i;
}

static double widest(const struct axis *a)
{
	char buf[TEXT_MAX];
	double w = 0;

	for (uint64_t i = 0; i <= a->steps; i++)
		w = MAX(w, svg_text_width(number(tick(a, i), a->step, buf), SVG_FONT));
	return w;
}

/* Ends on a tick. */
static void choose_step(struct axis *a, double lo, double hi, double step)
{
	a->step = step;
	a->lo = lo;
	a->steps = (uint64_t)((hi - lo) / step + 1 - 1e-9);
	a->hi = tick(a, a->steps);
}

/* As many ticks as fit side by side, @least apart. */
static void fit_across(struct axis *a, double lo, double hi, double least)
{
	double step = stats_round_step(MAX((hi - lo) / TICKS_MAX, least));

	for (;; step = stats_round_step(step * 1.5)) {
		choose_step(a, lo, hi, step);
		if ((widest(a) + TICK_GAP) * (double)a->steps <= a->to - a->from || a->hi - a->lo <= step * 1.5)
			break;
	}
	/* The labels at both ends are centred on their ticks. */
	a->from = MAX(a->from, 8 + widest(a) / 2);
	a->to -= widest(a) / 2;
}

static void draw_axes(FILE *out, const struct axis *x, const struct axis *y, const char *x_label, const char *y_label)
{
	char buf[TEXT_MAX];

	for (uint64_t i = 0; i <= y->steps; i++) {
		double v = tick(y, i);

		fprintf(out, "<path d=\"M%.1f %.1fH%.1f\" stroke=\"%s\"/>\n", x->from, at(y, v), x->to,
			v > y->lo ? "#ddd" : "#333");
		svg_text(out, x->from - 8, at(y, v) + SVG_FONT / 3.0, SVG_RIGHT, SVG_FONT, 0, number(v, y->step, buf));
	}
	for (uint64_t i = 0; i <= x->steps; i++) {
		double v = tick(x, i);

		fprintf(out, "<path d=\"M%.1f %.1fv5\" stroke=\"#333\"/>\n", at(x, v), y->from);
		svg_text(out, at(x, v), y->from + 20, SVG_MIDDLE, SVG_FONT, 0, number(v, x->step, buf));
	}
	svg_text(out, (x->from + x->to) / 2, y->from + 42, SVG_MIDDLE, SVG_FONT, x->to - x->from, x_label);
	/* Above its axis: rotated text is hard to read. */
	svg_text(out, 12, y->to - 14, SVG_LEFT, SVG_FONT, WIDTH - 12 - RIGHT, y_label);
}

static double draw_title(FILE *out, const char *title, const char *subtitle)
{
	svg_text(out, 12, 26, SVG_LEFT, TITLE_SIZE, WIDTH - 12 - RIGHT, title);
	if (!subtitle)
		return 36;
	svg_text(out, 12, 46, SVG_LEFT, SVG_FONT, WIDTH - 12 - RIGHT, subtitle);
	return 56;
}

/* One row each, below the title. Return: where they end. */
static double draw_legend(FILE *out, const struct svg_plot *p, double top)
{
	for (size_t i = 0; i < p->nr; i++) {
		double y = top + ROW * (double)i + ROW / 2;

		fprintf(out, "<path d=\"M12 %.1fh28\" stroke=\"%s\" stroke-width=\"2\"%s/>\n", y, svg_color(i),
			p->series[i].dashed ? " stroke-dasharray=\"6 4\"" : "");
		svg_text(out, 48, y + SVG_FONT / 3.0, SVG_LEFT, SVG_FONT, WIDTH - 48 - RIGHT, p->series[i].name);
	}
	return top + ROW * (double)p->nr;
}

static void draw_series(FILE *out, const struct axis *x, const struct axis *y, const struct svg_series *s, size_t n)
{
	fprintf(out, "<path fill=\"none\" stroke=\"%s\" stroke-width=\"2\"%s d=\"", svg_color(n),
		s->dashed ? " stroke-dasharray=\"6 4\"" : "");
	for (size_t i = 0; i < s->nr; i++)
		fprintf(out, "%c%.1f %.1f", i ? 'L' : 'M', at(x, s->x[i]), at(y, s->y[i]));
	fputs("\"/>\n", out);
	for (size_t i = 0; i < s->nr && s->nr <= 64; i++)
		fprintf(out, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"3\" fill=\"%s\"/>\n", at(x, s->x[i]), at(y, s->y[i]),
			svg_color(n));
}

void svg_plot(FILE *out, const struct svg_plot *p)
{
	double x_lo = 0, x_hi = 0, y_lo = p->zoom ? p->series[0].y[0] : 0, y_hi = y_lo, step, top;
	struct axis x = {.to = WIDTH - RIGHT}, y = {.from = HEIGHT - 60};

	assert(p->nr && p->nr <= SVG_SERIES_MAX);
	for (size_t i = 0; i < p->nr; i++) {
		for (size_t j = 0; j < p->series[i].nr; j++) {
			x_lo = MIN(x_lo, p->series[i].x[j]);
			x_hi = MAX(x_hi, p->series[i].x[j]);
			y_lo = MIN(y_lo, p->series[i].y[j]);
			y_hi = MAX(y_hi, p->series[i].y[j]);
		}
	}
	if (x_hi <= x_lo)
		x_hi = x_lo + 1;
	if (y_hi <= y_lo)
		y_hi = y_lo + 1;
	svg_begin(out, WIDTH, HEIGHT);
	top = draw_title(out, p->title, p->subtitle);
	y.to = draw_legend(out, p, top) + 32;
	step = stats_round_step((y_hi - y_lo) / 8);
	choose_step(&y, p->zoom ? stats_multiple_below(y_lo, step) : y_lo, y_hi, step);
	x.from = 20 + widest(&y);
	fit_across(&x, x_lo, x_hi, p->counted ? 1 : 0);
	draw_axes(out, &x, &y, p->x_label, p->y_label);
	for (size_t i = 0; i < p->nr; i++)
		draw_series(out, &x, &y, &p->series[i], i);
	svg_end(out);
}

void svg_histogram(FILE *out, const char *title, const char *subtitle, const char *x_label, size_t series,
	const struct histogram *h)
{
	struct axis x = {.to = WIDTH - RIGHT}, y = {.from = HEIGHT - 60};
	double most = 1;
	char note[64];

	for (unsigned i = 0; i < h->nr; i++)
		most = MAX(most, (double)h->count[i]);
	svg_begin(out, WIDTH, HEIGHT);
	y.to = draw_title(out, title, subtitle) + 32;
	choose_step(&y, 0, most, stats_round_step(MAX(most / 8, 1)));
	x.from = 20 + widest(&y);
	fit_across(&x, h->lo, h->lo + h->width * h->nr, 0);
	for (unsigned i = 0; i < h->nr; i++) {
		double left = at(&x, h->lo + h->width * i), right = at(&x, h->lo + h->width * (i + 1));
		double high = at(&y, (double)h->count[i]);

		if (h->count[i])
			fprintf(out, "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" fill=\"%s\"/>\n", left,
				high, MAX(right - left - 1, 0.5), y.from - high, svg_color(series));
	}
	draw_axes(out, &x, &y, x_label, "samples");
	snprintf(note, sizeof(note), "%zu more lie beyond", h->above);
	if (h->above)
		svg_text(out, WIDTH - RIGHT, y.to - 14, SVG_RIGHT, SVG_FONT, 0, note);
	svg_end(out);
}

void svg_stack(FILE *out, size_t nr, void (*draw)(FILE *out, size_t i, void *arg), void *arg)
{
	svg_begin(out, WIDTH, HEIGHT * (double)nr);
	for (size_t i = 0; i < nr; i++) {
		fprintf(out, "<g transform=\"translate(0 %.0f)\">\n", HEIGHT * (double)i);
		draw(out, i, arg);
		fputs("</g>\n", out);
	}
	svg_end(out);
}
