// SPDX-License-Identifier: Apache-2.0
/*
 * Every label of a drawing is within the picture, and no two overlap; text is escaped.
 */
#include "vmm/base/svg.h"

#include <string.h>

#include "tests/support/unit.h"
#include "vmm/base/util.h"

#define LABELS_MAX 128

struct box {
	double left, top, right, bottom;
	char text[128];
};

/* Finds the <text> elements as svg_text() writes them. */
static size_t labels(const char *svg, struct box *ret)
{
	const char *p = svg;
	size_t n = 0;

	while ((p = strstr(p, "<text "))) {
		double x, y, size, w;
		char anchor[16], text[128];

		assert_int_equal(
			sscanf(p, "<text x=\"%lf\" y=\"%lf\" font-size=\"%lf\" text-anchor=\"%15[a-z]\">%127[^<]", &x,
				&y, &size, anchor, text),
			5);
		w = svg_text_width(text, size);
		x -= !strcmp(anchor, "end") ? w : !strcmp(anchor, "middle") ? w / 2 : 0;
		assert_true(n < LABELS_MAX);
		ret[n] = (struct box){.left = x, .top = y - size, .right = x + w, .bottom = y + size / 4};
		memcpy(ret[n++].text, text, sizeof(text));
		p++;
	}
	return n;
}

static void check(char *svg)
{
	struct box b[LABELS_MAX];
	size_t n = labels(svg, b);

	assert_true(n > 4);
	for (size_t i = 0; i < n; i++) {
		if (b[i].left < 0 || b[i].right > 801 || b[i].top < 0 || b[i].bottom > 480)
			fail_msg("off the sheet: %s", b[i].text);
		for (size_t j = 0; j < i; j++)
			if (b[i].left < b[j].right && b[j].left < b[i].right && b[i].top < b[j].bottom &&
				b[j].top < b[i].bottom)
				fail_msg("\"%s\" and \"%s\" overlap", b[j].text, b[i].text);
	}
	assert_null(strstr(svg, "nan"));
	assert_null(strstr(svg, "inf"));
	free(svg);
}

static char *drawn(const struct svg_plot *p)
{
	char *text;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	svg_plot(f, p);
	fclose(f);
	return text;
}

static void test_plots(void **state)
{
	static const double ranges[] = {1e-3, 0.7, 1, 5.957, 13, 13000, 123456, 9999999, 4e9};
	const char *long_name =
		"a name that nobody would give to a series, since it goes on and on, past the end of the "
		"sheet, until somebody cuts it";

	for (size_t i = 0; i < ARRAY_SIZE(ranges); i++) {
		for (size_t j = 0; j < ARRAY_SIZE(ranges); j++) {
			double x[] = {0, ranges[i] / 3, ranges[i]}, y[] = {0, ranges[j] / 2, ranges[j]};
			struct svg_plot p = {
				.title = long_name, .subtitle = long_name, .x_label = long_name, .y_label = long_name};

			for (p.nr = 0; p.nr < SVG_SERIES_MAX; p.nr++)
				p.series[p.nr] = (struct svg_series){.name = long_name, .x = x, .y = y, .nr = 3};
			check(drawn(&p));
		}
	}
}

/* Ticks: where they are, and the number beside them. */
struct ticks {
	double at[64], value[64];
	size_t nr;
};

static void tick_add(struct ticks *t, double at, const char *number)
{
	assert_true(t->nr < ARRAY_SIZE(t->at));
	t->at[t->nr] = at;
	t->value[t->nr++] = strtod(number, NULL);
}

/* Where a value is drawn, by the first and the last tick. */
static double place(const struct ticks *t, double value)
{
	const double first = t->value[0], last = t->value[t->nr - 1];

	return t->at[0] + (value - first) / (last - first) * (t->at[t->nr - 1] - t->at[0]);
}

/* Points lie where the axes say, and the axes reach as far as the points. */
static void test_places(void **state)
{
	static const double x[] = {-2, 7, 1}, y[] = {3, -1, 0};
	const struct svg_plot p = {.title = "t",
		.x_label = "x",
		.y_label = "y",
		.nr = 1,
		.series = {{.name = "s", .x = x, .y = y, .nr = 3}}};
	char *text = drawn(&p), number[32];
	struct ticks across = {.nr = 0}, up = {.nr = 0};
	double a, b, c, left = -1, right = -1;
	size_t points = 0;

	for (const char *at = text, *end; at; at = (end = strchr(at, '\n')) ? end + 1 : NULL) {
		if (sscanf(at, "<path d=\"M%lf %lfH%lf\" stroke=%*[^\n] <text%*[^>]>%31[^<]", &a, &b, &c, number) ==
			4) {
			/* All lines from the left end to the right. */
			assert_true(up.nr == 0 || (a == left && c == right));
			left = a;
			right = c;
			tick_add(&up, b, number);
		} else if (sscanf(at, "<path d=\"M%lf %lfv5\" stroke=%*[^\n] <text%*[^>]>%31[^<]", &a, &b, number) ==
			3) {
			/* Below the lowest line. */
			assert_true(up.nr && b == up.at[0]);
			tick_add(&across, a, number);
		}
	}
	assert_in_range(up.nr, 3, 64);
	assert_in_range(across.nr, 3, 64);
	assert_true(left >= 0 && left < right && right <= 800);
	assert_true(across.at[0] >= left - 0.1 && across.at[across.nr - 1] <= right + 0.1);
	assert_true(across.value[0] <= -2 && across.value[across.nr - 1] >= 7);
	assert_true(up.value[0] <= -1 && up.value[up.nr - 1] >= 3);
	for (const char *at = text; (at = strstr(at, "<circle ")); at++, points++) {
		assert_int_equal(sscanf(at, "<circle cx=\"%lf\" cy=\"%lf\"", &a, &b), 2);
		assert_true(points < ARRAY_SIZE(x));
		assert_float_equal(a, place(&across, x[points]), 0.11);
		assert_float_equal(b, place(&up, y[points]), 0.11);
	}
	assert_int_equal(points, ARRAY_SIZE(x));
	free(text);
}

/* There is no run 0.2. */
static void what_is_counted_has_whole_ticks(void **state)
{
	static const double x[] = {1, 2, 3}, y[] = {3, 1, 2};
	struct svg_plot p = {.title = "t",
		.x_label = "x",
		.y_label = "y",
		.nr = 1,
		.series = {{.name = "s", .x = x, .y = y, .nr = 3}}};
	char *text = drawn(&p);

	assert_non_null(strstr(text, ">1.2</text>"));
	free(text);
	p.counted = true;
	text = drawn(&p);
	for (const char *tick = ">1</text>\0>2</text>\0>3</text>\0"; *tick; tick += strlen(tick) + 1)
		assert_non_null(strstr(text, tick));
	assert_null(strstr(text, ">1.2</text>"));
	free(text);
}

static void test_one_point(void **state)
{
	const double zero = 0;
	const struct svg_plot p = {.title = "t",
		.x_label = "x",
		.y_label = "y",
		.nr = 1,
		.series = {{.name = "s", .x = &zero, .y = &zero, .nr = 1}}};

	check(drawn(&p));
}

static void test_escaped(void **state)
{
	const double v[] = {1, 2};
	const struct svg_plot p = {.title = "a]]>b <c & \"d\"\n\x1b\xff\xe2\x80\xae \xc3\xa9",
		.x_label = "x",
		.y_label = "y",
		.nr = 1,
		.series = {{.name = "s", .x = v, .y = v, .nr = 2, .dashed = true}}};
	char *text = drawn(&p);

	assert_non_null(strstr(text,
		">a]]&gt;b &lt;c &amp; &quot;d&quot;\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd \xc3\xa9</text>"));
	assert_non_null(strstr(text, "stroke-dasharray"));
	free(text);
}

static void test_histograms(void **state)
{
	for (double scale = 1e-2; scale < 1e8; scale *= 7) {
		double v[500];
		struct histogram h;
		char *text;
		size_t size;
		FILE *f = open_memstream(&text, &size);

		for (size_t i = 0; i < 500; i++)
			v[i] = scale * (double)(1000 + i * i % 97);
		stats_of(v, 500);
		h = histogram_of(v, 500, 40);
		svg_histogram(f, "round trip", "host", "cycles", 1, &h);

		fclose(f);
		assert_non_null(strstr(text, svg_color(1)));
		assert_null(strstr(text, svg_color(0)));
		check(text);
	}
}

/* An axis fitted to the data: all of the data is within, and no space is used for values far below. */
static void test_zoom(void **state)
{
	static const double ranges[][2] = {{1400, 1420}, {0.003, 0.0031}, {5, 5}, {-3, 4}, {1e9, 1e9 + 10}};

	for (size_t i = 0; i < ARRAY_SIZE(ranges); i++) {
		double x[] = {1, 2}, y[] = {ranges[i][0], ranges[i][1]};
		struct svg_plot p = {.title = "t",
			.x_label = "x",
			.y_label = "y",
			.zoom = true,
			.nr = 1,
			.series = {{.name = "s", .x = x, .y = y, .nr = 2}}};
		char *text = drawn(&p);
		double cy[2] = {0, 0};
		const char *at = text;

		for (size_t k = 0; k < 2; k++) {
			at = strstr(at, "<circle ");
			assert_non_null(at);
			assert_int_equal(sscanf(at, "<circle cx=\"%*f\" cy=\"%lf\"", &cy[k]), 1);
			at++;
			assert_true(cy[k] >= 0 && cy[k] <= 420);
		}
		/* They are far apart, whatever the sign of their difference. */
		if (y[1] > y[0])
			assert_true(cy[0] - cy[1] > 150);
		check(text);
	}
}

static void draw_one(FILE *out, size_t i, void *arg)
{
	static const double v[] = {0, 1};
	const struct svg_plot p = {.title = i ? "second" : "first",
		.x_label = "x",
		.y_label = "y",
		.nr = 1,
		.series = {{.name = "s", .x = v, .y = v, .nr = 2}}};

	++*(unsigned *)arg;
	svg_plot(out, &p);
}

/* Each drawing has a place of its own below the last, and the sheet has room for all. */
static void test_stack(void **state)
{
	unsigned drawn_nr = 0;
	size_t size;
	char *text, *first, *second;
	FILE *f = open_memstream(&text, &size);

	svg_stack(f, 2, draw_one, &drawn_nr);
	fclose(f);
	assert_int_equal(drawn_nr, 2);
	assert_non_null(strstr(text, "height=\"960\""));
	first = strstr(text, "translate(0 0)");
	second = strstr(text, "translate(0 480)");
	assert_non_null(first);
	assert_non_null(second);
	assert_true(strstr(first, ">first<") && strstr(first, ">first<") < second);
	assert_non_null(strstr(second, ">second<"));
	assert_non_null(strstr(text + size - 16, "</g>\n</svg>\n"));
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plots),
		cmocka_unit_test(test_places),
		cmocka_unit_test(what_is_counted_has_whole_ticks),
		cmocka_unit_test(test_one_point),
		cmocka_unit_test(test_escaped),
		cmocka_unit_test(test_histograms),
		cmocka_unit_test(test_zoom),
		cmocka_unit_test(test_stack),
	};

	return run_group(tests);
}
