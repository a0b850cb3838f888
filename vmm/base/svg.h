/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Plots as SVG files: lines over a common axis, or the bars of a histogram. Labels do not overlap: ticks are thinned
 * until they fit, and series are named in a legend with one row each.
 */
#ifndef VMM_BASE_SVG_H
#define VMM_BASE_SVG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "vmm/base/stats.h"

#define SVG_SERIES_MAX 6

/**
 * struct svg_series - points joined by lines
 * @x, @y: @nr finite numbers each, borrowed; x does not decrease
 * @dashed: for the reference that others are compared with
 */
struct svg_series {
	const char *name;
	const double *x;
	const double *y;
	size_t nr;
	bool dashed;
};

/**
 * struct svg_plot - what to draw
 * @title, @subtitle: @subtitle may be NULL; it should name host and date. Text that is too wide is cut.
 * @x_label, @y_label: with their units
 * @series: 1 to SVG_SERIES_MAX with at least a point each
 * @zoom: the y axis is about the data, and need not begin at 0
 * @counted: the x axis counts: a tick is a whole number
 */
struct svg_plot {
	const char *title;
	const char *subtitle;
	const char *x_label;
	const char *y_label;
	struct svg_series series[SVG_SERIES_MAX];
	size_t nr;
	bool zoom;
	bool counted;
};

/**
 * svg_plot() - draw lines; both axes start at 0 or below, except with @zoom
 *
 * The caller checks @out for errors (ferror).
 */
void svg_plot(FILE *out, const struct svg_plot *p);

/**
 * svg_histogram() - draw the bars of @h
 * @x_label: what was measured, with its unit
 * @series: in whose colour
 */
void svg_histogram(FILE *out, const char *title, const char *subtitle, const char *x_label, size_t series,
	const struct histogram *h);

/**
 * svg_stack() - several drawings on one sheet, one below another
 * @draw: calls svg_plot() or svg_histogram() once; @i counts from 0 to @nr - 1
 */
void svg_stack(FILE *out, size_t nr, void (*draw)(FILE *out, size_t i, void *arg), void *arg);

/*
 * For other pictures, such as a timeline: a sheet, and text on it. Sizes are in pixels.
 */
#define SVG_FONT 12

/** svg_begin() - a sheet of this size, white, with the styles that svg_text() uses; svg_end() closes it */
void svg_begin(FILE *out, double width, double height);
void svg_end(FILE *out);

enum svg_anchor { SVG_LEFT, SVG_MIDDLE, SVG_RIGHT };

/** svg_text() - one line of text, escaped, with its baseline at @y; cut with an ellipsis to @max_width (0: never) */
void svg_text(FILE *out, double x, double y, enum svg_anchor anchor, double size, double max_width, const char *text);

/** svg_text_width() - an upper bound of the width of a line in common sans-serif fonts */
double svg_text_width(const char *text, double size);

/** svg_color() - the colour of the n-th series, from a palette that suits red-green blindness */
const char *svg_color(size_t n);

#endif
