/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tables of figures in BENCH_COLUMNS columns.
 */
#ifndef CMD_BENCH_TABLE_H
#define CMD_BENCH_TABLE_H

#include <stdio.h>

#include "vmm/base/stats.h"

#define BENCH_COLUMNS 80
#define BENCH_PLACES  3 /* ns, of what is in us; us, of what is in ms: no clock here resolves more */

/** bench_cell() - a figure in a column of this width, at least 8; "-" for what too few samples could not tell */
void bench_cell(FILE *out, int width, int places, double x);

/** bench_name() - text in a column of this width, cut where it is longer */
void bench_name(FILE *out, int width, const char *text);

/** bench_head() - the heading of bench_row(), with @what above the names */
void bench_head(FILE *out, const char *what);

/** bench_row() - min, median, p90, p99, max and spread of @s behind a name, and what is known of outliers */
void bench_row(FILE *out, int indent, const char *name, const struct stats *s);

/** bench_outliers() - a line where there are some: how many, and beyond what */
void bench_outliers(FILE *out, int indent, const struct stats *s, int places);

/** bench_wrap() - @head and then @text, broken between words; lines after the first begin at @indent */
void bench_wrap(FILE *out, const char *head, int indent, const char *text);

#endif
