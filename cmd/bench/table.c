// SPDX-License-Identifier: Apache-2.0
#include "cmd/bench/table.h"

#include <string.h>

#include "vmm/base/text.h"
#include "vmm/base/util.h"

#define NAME 24
#define CELL 9

void bench_cell(FILE *out, int width, int places, double x)
{
	char text[32] = "-";

	if (stats_known(x)) {
		int n = snprintf(text, sizeof(text), "%.*f", places, x);

		/* A column keeps its width, and a blank in front. */
		if (n >= width)
			snprintf(text, sizeof(text), "%.1e", x);
	}
	fprintf(out, "%*s", width, text);
}

void bench_name(FILE *out, int width, const char *text)
{
	const char *end = text;
	int n = 0;

	for (; *end && n < width; n++)
		end += MAX(text_length(end), 1);
	if (*end) {
		for (end = text, n = 1; n < width; n++)
			end += MAX(text_length(end), 1);
		fprintf(out, "%.*s~", (int)(end - text), text);
	} else {
		fprintf(out, "%s%*s", text, width - n, "");
	}
}

void bench_head(FILE *out, const char *what)
{
	fprintf(out, "%-*s%*s%*s%*s%*s%*s%*s\n", NAME, what, CELL, "min", CELL, "median", CELL, "p90", CELL, "p99",
		CELL, "max", CELL, "spread");
}

void bench_row(FILE *out, int indent, const char *name, const struct stats *s)
{
	int places = stats_places(s, BENCH_PLACES);
	const double cells[] = {s->min, s->median, s->p90, s->p99, s->max, s->spread};

	fprintf(out, "%*s", indent, "");
	bench_name(out, NAME - indent, name);
	for (size_t i = 0; i < ARRAY_SIZE(cells); i++)
		bench_cell(out, CELL, places, cells[i]);
	fputc('\n', out);
	bench_outliers(out, indent + 2, s, places);
}

void bench_outliers(FILE *out, int indent, const struct stats *s, int places)
{
	if (!s->low && !s->high)
		return;
	fprintf(out, "%*soutliers:", indent, "");
	if (s->low)
		fprintf(out, " %zu of %zu below %.*f%s", s->low, s->nr, places, s->below, s->high ? "," : "");
	if (s->high)
		fprintf(out, " %zu of %zu above %.*f", s->high, s->nr, places, s->above);
	fputc('\n', out);
}

void bench_wrap(FILE *out, const char *head, int indent, const char *text)
{
	int at = fprintf(out, "%s", head), blank = 0;

	while (*text) {
		/* A word longer than a line is broken as it comes. */
		int len = MIN((int)strcspn(text, " "), BENCH_COLUMNS - 1 - indent);

		if (at > indent && at + blank + len >= BENCH_COLUMNS) {
			at = fprintf(out, "\n%*s", indent, "") - 1;
			blank = 0;
		}
		at += fprintf(out, "%*s%.*s", blank, "", len, text);
		text += len;
		blank = *text == ' ';
		text += strspn(text, " ");
	}
	fputc('\n', out);
}
