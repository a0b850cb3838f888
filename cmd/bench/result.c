// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "cmd/bench/bench.h"
#include "cmd/bench/boot.h"
#include "cmd/bench/ratio.h"
#include "cmd/bench/table.h"
#include "vmm/base/assert.h"
#include "vmm/base/file.h"
#include "vmm/base/json.h"
#include "vmm/base/outcome.h"
#include "vmm/base/stats.h"

#define SCHEMA_1         "vmm-bench-boot-1" /* until 0.1.0 */
#define SCHEMA           "vmm-bench"
#define BASELINE_MAX     (64 * MIB)
#define BASELINE_SAMPLES 1000000

static const struct {
	const char *name;
	const char *unit;
	const char *title;
} metrics[] = {
#define X(id, name, unit, title) [BENCH_##id] = {name, unit, title},
	BENCH_METRICS_LIST(X)
#undef X
};

static const char *const side_key[] = {[BENCH_OURS] = "ours", [BENCH_OTHER] = "versus"};

/* Every run of every side saw it. */
static bool seen(const struct bench_session *s, enum bench_metric m)
{
	for (unsigned i = 0; i < s->nr_sides; i++)
		for (unsigned k = 0; k < s->side[i].nr; k++)
			if (s->side[i].sample[m][k] <= 0)
				return false;
	return s->side[BENCH_OURS].nr > 0;
}

/* stats_of() sorts, and pairs must stay pairs: work on a copy. NULL: out of memory. */
static double *copy_of(const double *samples, size_t nr)
{
	double *copy = calloc(nr ? nr : 1, sizeof(*copy));

	if (copy && nr)
		memcpy(copy, samples, nr * sizeof(*copy));
	return copy;
}

static struct stats sum_up(const struct bench_side *side, enum bench_metric m)
{
	CLEANUP_FREE double *copy = copy_of(side->sample[m], side->nr);

	return copy ? stats_of(copy, side->nr) : (struct stats){0};
}

static bool paired(const struct bench_session *s, enum bench_metric m, struct ratio *ret)
{
	const struct bench_side *a = &s->side[BENCH_OURS], *b = &s->side[BENCH_OTHER];
	CLEANUP_FREE double *scratch = calloc(a->nr ? a->nr : 1, sizeof(*scratch));

	if (s->nr_sides < 2 || !a->nr || !scratch)
		return false;
	*ret = ratio_paired(a->sample[m], b->sample[m], scratch, a->nr);
	return true;
}

bool bench_against(const double *ours, size_t nr, const double *baseline, size_t nr_baseline, struct ratio *ret)
{
	size_t most = MAX(nr, nr_baseline);
	CLEANUP_FREE double *now = copy_of(ours, nr);
	CLEANUP_FREE double *then = copy_of(baseline, nr_baseline);
	CLEANUP_FREE double *scratch = calloc(most ? most : 1, sizeof(*scratch));

	if (!nr || !nr_baseline || !now || !then || !scratch)
		return false;
	*ret = ratio_unpaired(now, nr, then, nr_baseline, scratch);
	return true;
}

static bool against_baseline(const struct bench_session *s, struct ratio *ret)
{
	const struct bench_side *a = &s->side[BENCH_OURS];

	return bench_against(a->sample[BENCH_MARKER], a->nr, s->baseline, s->nr_baseline, ret);
}

/* --- For people ------------------------------------------------------------------------------------------------ */

void bench_print_commands(const struct bench_session *s, FILE *out)
{
	for (unsigned i = 0; i < s->nr_sides; i++) {
		size_t size = strlen(s->side[i].name) + 2;
		CLEANUP_FREE char *text = NULL;

		for (char **word = s->side[i].argv; *word; word++)
			size += strlen(*word) + 3;
		text = malloc(size);
		if (!text)
			return;
		sprintf(text, "%s:", s->side[i].name);
		for (char **word = s->side[i].argv; *word; word++) {
			const char *quote = **word && !(*word)[strcspn(*word, " \t\n'\"\\")] ? "" : "'";

			sprintf(text + strlen(text), " %s%s%s", quote, *word, quote);
		}
		bench_wrap(out, "", 4, text);
	}
}

void bench_ratio_print(
	FILE *out, int indent, const char *over, const char *under, const struct ratio *r, const char *how)
{
	int places = MAX(stats_width_places(r->hi - r->lo, 4), r->value < 10 ? 2 : 0);
	char text[2 * BENCH_NAME_MAX * 4 + 160];

	snprintf(text, sizeof(text), "%s / %s: %.*f, %.*f to %.*f with %.1f %% confidence%s", over, under, places,
		r->value, places, r->lo, places, r->hi, 100 * r->confidence, how);
	bench_wrap(out, indent ? "  " : "", indent + 2, text);
}

void bench_print(const struct bench_session *s, FILE *out)
{
	char text[BENCH_NAME_MAX * 4 + 160];

	assert(s->nr_sides <= BENCH_SIDES);
	bench_head(out, "");
	for (unsigned m = 0; m < BENCH_METRICS; m++) {
		struct ratio r;

		if (!seen(s, m))
			continue;
		fprintf(out, "%s\n", m == BENCH_MARKER && !s->marker ? "exec to the end, ms" : metrics[m].title);
		for (unsigned i = 0; i < s->nr_sides; i++) {
			struct stats st = sum_up(&s->side[i], m);

			bench_row(out, 2, s->side[i].name, &st);
		}
		if (paired(s, m, &r))
			bench_ratio_print(out, 2, s->side[BENCH_OURS].name, s->side[BENCH_OTHER].name, &r, "");
	}
	bench_phases_print(&s->phases, out);
	snprintf(text, sizeof(text), "%u of %u runs%s; spread: the width of the middle half", s->side[BENCH_OURS].nr,
		s->runs,
		s->nr_sides > 1 ? " in pairs, one after the other; ratio: median of the pairs, interval by sign test"
				: "");
	bench_wrap(out, "", 2, text);
	for (unsigned i = 0; i < s->nr_sides; i++)
		if (s->side[i].missed) {
			snprintf(text, sizeof(text),
				"%s: the time limit ran out in %u runs, which are not in the table", s->side[i].name,
				s->side[i].missed);
			bench_wrap(out, "", 2, text);
		}
}

int bench_verdict(const struct ratio *r, double max_ratio, const char *what, FILE *out)
{
	static const int status[] = {
		[RATIO_WITHIN] = 0, [RATIO_UNDECIDED] = EXIT_UNDECIDED, [RATIO_ABOVE] = EXIT_REGRESSION};
	enum ratio_verdict v = ratio_judge(r, max_ratio);
	char head[64], text[160];

	if (max_ratio <= 0)
		return 0;
	snprintf(head, sizeof(head), "%s: ", what);
	if (v == RATIO_UNDECIDED)
		snprintf(text, sizeof(text),
			"undecided: the interval holds --max-ratio %g, or is no 95 %% sure; more runs "
			"would tell",
			max_ratio);
	else
		snprintf(text, sizeof(text), "all of the interval is %s --max-ratio %g", ratio_verdict_name(v),
			max_ratio);
	bench_wrap(out, head, 4, text);
	return status[v];
}

int bench_worse(int a, int b)
{
	return a == EXIT_REGRESSION || b == EXIT_REGRESSION ? EXIT_REGRESSION : MAX(a, b);
}

int bench_judge(const struct bench_session *s, FILE *out)
{
	int status = 0;
	struct ratio r;
	char base[48];

	if (s->nr_baseline && against_baseline(s, &r)) {
		snprintf(base, sizeof(base), "baseline of %zu runs", s->nr_baseline);
		bench_ratio_print(out, 0, s->side[BENCH_OURS].name, base, &r, ", by bootstrap of the medians");
		status = bench_verdict(&r, s->max_ratio, "to the baseline", out);
	}
	if (paired(s, BENCH_MARKER, &r))
		status = bench_worse(status, bench_verdict(&r, s->max_ratio, "to the other command", out));
	return status;
}

/* --- For programs ---------------------------------------------------------------------------------------------- */

void bench_ratio_json(struct json *j, const char *key, const struct ratio *r, const char *method, double limit)
{
	json_object(j, key);
	json_double(j, "value", r->value);
	json_double(j, "low", r->lo);
	json_double(j, "high", r->hi);
	json_double(j, "confidence", r->confidence);
	json_string(j, "method", method);
	if (limit > 0)
		json_double(j, "max_ratio", limit);
	else
		json_null(j, "max_ratio");
	json_string(j, "verdict", limit > 0 ? ratio_verdict_name(ratio_judge(r, limit)) : NULL);
	json_end(j);
}

static void json_side(struct json *j, const struct bench_session *s, unsigned which)
{
	const struct bench_side *side = &s->side[which];

	json_object(j, side_key[which]);
	json_string(j, "name", side->name);
	json_array(j, "command");
	for (char **word = side->argv; *word; word++)
		json_string(j, NULL, *word);
	json_end(j);
	json_u64(j, "missed", side->missed);
	for (unsigned m = 0; m < BENCH_METRICS; m++) {
		struct stats st = sum_up(side, m);
		bool all = seen(s, m);

		json_array(j, metrics[m].name);
		for (unsigned k = 0; all && k < side->nr; k++)
			json_double(j, NULL, side->sample[m][k]);
		json_end(j);
		if (all) {
			char name[64];

			snprintf(name, sizeof(name), "%s_stats", metrics[m].name);
			stats_json(j, name, &st, metrics[m].unit);
		}
	}
	json_end(j);
}

static void write_json(FILE *out, void *arg)
{
	const struct bench_session *s = arg;
	struct ratio r;
	struct json j;

	json_begin(&j, out);
	json_object(&j, NULL);
	bench_host_json(&s->host, "boot", 0, &j);
	json_string(&j, "marker", s->marker);
	json_u64(&j, "runs", s->runs);
	json_u64(&j, "warmup", s->warmup);
	for (unsigned i = 0; i < s->nr_sides; i++)
		json_side(&j, s, i);
	if (s->phases.path[0])
		bench_phases_json(&s->phases, &j);
	if (paired(s, BENCH_MARKER, &r))
		bench_ratio_json(&j, "ratio_to_versus", &r, "median of paired ratios, sign test", s->max_ratio);
	if (s->nr_baseline && against_baseline(s, &r))
		bench_ratio_json(&j, "ratio_to_baseline", &r, "ratio of medians, percentile bootstrap", s->max_ratio);
	json_end(&j);
	json_finish(&j);
}

static void write_csv(FILE *out, void *arg)
{
	const struct bench_session *s = arg;
	fprintf(out, "run,command");
	for (unsigned m = 0; m < BENCH_METRICS; m++)
		fprintf(out, ",%s", metrics[m].name);
	fputc('\n', out);
	for (unsigned k = 0; k < s->side[BENCH_OURS].nr; k++) {
		for (unsigned i = 0; i < s->nr_sides; i++) {
			fprintf(out, "%u,%s", k + 1, side_key[i]);
			for (unsigned m = 0; m < BENCH_METRICS; m++) {
				double x = s->side[i].sample[m][k];

				/* Nothing seen is an empty cell. */
				if (x > 0)
					fprintf(out, ",%.6f", x);
				else
					fputc(',', out);
			}
			fputc('\n', out);
		}
	}
}

int bench_save(const struct bench_session *s, struct err *e)
{
	int r = s->json ? bench_write("--json", s->json, write_json, (void *)s, e) : 0;

	if (r == 0 && s->csv)
		r = bench_write("--csv", s->csv, write_csv, (void *)s, e);
	return r == 0 && s->svg ? bench_write("--svg", s->svg, bench_draw, (void *)s, e) : r;
}

int bench_parse_ratio(const char *text, double *ret, struct err *e)
{
	char *end;
	double x;

	errno = 0;
	x = strtod(text, &end);
	/* The comparisons refuse NaN too. */
	if (end == text || *end || !(x >= 0.01 && x <= 1000) || strpbrk(text, "xXpPnN "))
		return err_set(
			e, -EINVAL, "--max-ratio %.100s: not a ratio; a number of 0.01 to 1000, such as 1.05", text);
	*ret = x;
	return 0;
}

/* --- Reading one back ------------------------------------------------------------------------------------------ */

/* The value of the first member @key from @text on, or NULL. */
static const char *member(const char *text, const char *key)
{
	size_t len = strlen(key);

	for (const char *at = text; (at = strstr(at, key)); at += len) {
		const char *value = at + len;

		if (at == text || at[-1] != '"' || *value != '"')
			continue;
		value += 1 + strspn(value + 1, " \t\r\n");
		if (*value == ':')
			return value + 1 + strspn(value + 1, " \t\r\n");
	}
	return NULL;
}

static bool is_text(const char *value, const char *want)
{
	size_t len = strlen(want);

	return value && *value == '"' && !strncmp(value + 1, want, len) && value[1 + len] == '"';
}

static int read_whole(const char *path, char **ret, struct err *e)
{
	CLEANUP_FD int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;
	size_t size;
	int r;

	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sys(e, -errno, "cannot open it");
	r = S_ISREG(st.st_mode) ? file_read_all(fd, BASELINE_MAX, ret, &size) : -EFBIG;
	if (r == -EFBIG)
		return err_set(e, -EINVAL, "not a file that --json wrote");
	return r < 0 ? err_sys(e, r, "cannot read it") : 0;
}

/* Numbers above 0 of the array at @at. */
static int read_samples(const char *at, const char *name, double **ret, size_t *ret_nr, struct err *e)
{
	CLEANUP_FREE double *samples = NULL;
	size_t nr = 0, room = 0;

	if (!at || *at++ != '[')
		return err_set(e, -EINVAL, "it has no %s", name);
	for (;;) {
		char *end;
		double x;

		at += strspn(at, " \t\r\n,");
		if (*at == ']')
			break;
		errno = 0;
		x = strtod(at, &end);
		if (end == at || errno || !(x > 0 && x < 1e12) || nr == BASELINE_SAMPLES)
			return err_set(e, -EINVAL, "its %s has something else than times above 0", name);
		if (nr == room) {
			double *more = reallocarray(samples, room ? 2 * room : 64, sizeof(*samples));

			if (!more)
				return err_sys(e, -ENOMEM, "cannot read it");
			samples = more;
			room = room ? 2 * room : 64;
		}
		samples[nr++] = x;
		at = end;
	}
	if (!nr)
		return err_set(e, -EINVAL, "it has no runs");
	*ret = TAKE_PTR(samples);
	*ret_nr = nr;
	return 0;
}

int bench_baseline_read(const char *path, const struct bench_baseline *b, double **ret, size_t *ret_nr, struct err *e)
{
	CLEANUP_FREE char *text = NULL;
	const char *at;
	bool old;

	if (read_whole(path, &text, e) < 0 || !text)
		return -EINVAL;
	old = b->old_side && is_text(member(text, "schema"), SCHEMA_1);
	if (!old && !(is_text(member(text, "schema"), SCHEMA) && is_text(member(text, "bench"), b->bench)))
		return err_set(e, -EINVAL, "not a result of `vmm bench %s --json` (no schema " SCHEMA ")", b->bench);
	at = member(text, old ? b->old_side : b->side);
	return read_samples(at ? member(at, b->metric) : NULL, b->metric, ret, ret_nr, e);
}
