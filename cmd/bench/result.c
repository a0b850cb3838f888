// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "cmd/bench/bench.h"
#include "cmd/bench/boot.h"
#include "cmd/bench/ratio.h"
#include "vmm/base/assert.h"
#include "vmm/base/file.h"
#include "vmm/base/json.h"
#include "vmm/base/stats.h"

#define SCHEMA           "vmm-bench-boot-1"
#define BASELINE_MAX     (64 * MIB)
#define BASELINE_SAMPLES 1000000

static const struct {
	const char *name;
	const char *title;
} metrics[] = {
#define X(id, name, title) [BENCH_##id] = {name, title},
	BENCH_METRICS_LIST(X)
#undef X
};

static const char *const side_name[] = {[BENCH_OURS] = "vmm", [BENCH_OTHER] = "versus"};

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

static bool against_baseline(const struct bench_session *s, struct ratio *ret)
{
	const struct bench_side *a = &s->side[BENCH_OURS];
	size_t most = MAX((size_t)a->nr, s->nr_baseline);
	CLEANUP_FREE double *now = copy_of(a->sample[BENCH_MARKER], a->nr);
	CLEANUP_FREE double *then = copy_of(s->baseline, s->nr_baseline);
	CLEANUP_FREE double *scratch = calloc(most ? most : 1, sizeof(*scratch));

	if (!a->nr || !s->nr_baseline || !now || !then || !scratch)
		return false;
	*ret = ratio_unpaired(now, a->nr, then, s->nr_baseline, scratch);
	return true;
}

/* --- For people ------------------------------------------------------------------------------------------------ */

void bench_print(const struct bench_session *s, FILE *out)
{
	assert(s->nr_sides <= BENCH_SIDES);
	fprintf(out, "%-12s %9s %9s %9s %9s %9s %9s\n", "", "min", "median", "p90", "p99", "max", "spread");
	for (unsigned m = 0; m < BENCH_METRICS; m++) {
		struct ratio r;

		if (!seen(s, m))
			continue;
		fprintf(out, "%s\n", m == BENCH_MARKER && !s->marker ? "exec to the end, ms" : metrics[m].title);
		for (unsigned i = 0; i < s->nr_sides; i++) {
			struct stats st = sum_up(&s->side[i], m);

			fprintf(out, "  %-10s %9.3f %9.3f %9.3f %9.3f %9.3f %9.3f\n", side_name[i], st.min, st.median,
				st.p90, st.p99, st.max, st.spread);
		}
		if (paired(s, m, &r))
			fprintf(out, "  ratio %.4f, %.4f to %.4f with %.1f %% confidence\n", r.value, r.lo, r.hi,
				100 * r.confidence);
	}
	bench_phases_print(&s->phases, out);
	fprintf(out, "%u of %u runs", s->side[BENCH_OURS].nr, s->runs);
	if (s->nr_sides > 1)
		fprintf(out, " in pairs, one after the other; ratio: median of the pairs, interval by sign test");
	fprintf(out, "; spread: the width of the middle half\n");
	for (unsigned i = 0; i < s->nr_sides; i++)
		if (s->side[i].missed)
			fprintf(out, "%s: the time limit ran out in %u runs, which are not in the table\n",
				side_name[i], s->side[i].missed);
}

static int judge(const struct bench_session *s, const char *what, const struct ratio *r, FILE *out)
{
	bool above = s->max_ratio > 0 && r->value > s->max_ratio, sure = r->lo > MIN(1.0, s->max_ratio);

	if (s->max_ratio <= 0)
		return 0;
	fprintf(out, "%s: %.4f is %s --max-ratio %g%s\n", what, r->value, above ? "above" : "within", s->max_ratio,
		above && !sure ? ", but by what its interval says that may be chance: no regression" : "");
	return above && sure;
}

int bench_judge(const struct bench_session *s, FILE *out)
{
	int regressed = 0;
	struct ratio r;

	if (s->nr_baseline && against_baseline(s, &r)) {
		fprintf(out,
			"ratio to the baseline's %zu runs: %.4f, %.4f to %.4f with %.1f %% confidence (bootstrap of "
			"the medians)\n",
			s->nr_baseline, r.value, r.lo, r.hi, 100 * r.confidence);
		regressed |= judge(s, "to the baseline", &r, out);
	}
	if (paired(s, BENCH_MARKER, &r))
		regressed |= judge(s, "to the other command", &r, out);
	return regressed;
}

/* --- For programs ---------------------------------------------------------------------------------------------- */

static void json_ratio(struct json *j, const char *key, const struct ratio *r, const char *method)
{
	json_object(j, key);
	json_double(j, "value", r->value);
	json_double(j, "low", r->lo);
	json_double(j, "high", r->hi);
	json_double(j, "confidence", r->confidence);
	json_string(j, "method", method);
	json_end(j);
}

static void json_side(struct json *j, const struct bench_session *s, unsigned which)
{
	const struct bench_side *side = &s->side[which];

	json_object(j, side_name[which]);
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
			stats_json(j, name, &st);
		}
	}
	json_end(j);
}

static void write_json(FILE *out, void *arg)
{
	const struct bench_session *s = arg;
	struct bench_host host;
	struct ratio r;
	struct json j;

	bench_host_read(&host);
	json_begin(&j, out);
	json_object(&j, NULL);
	json_string(&j, "schema", SCHEMA);
	bench_host_json(&host, &j);
	json_string(&j, "marker", s->marker);
	json_u64(&j, "runs", s->runs);
	json_u64(&j, "warmup", s->warmup);
	for (unsigned i = 0; i < s->nr_sides; i++)
		json_side(&j, s, i);
	if (s->phases.path[0])
		bench_phases_json(&s->phases, &j);
	if (paired(s, BENCH_MARKER, &r))
		json_ratio(&j, "ratio_to_versus", &r, "median of paired ratios, sign test");
	if (s->nr_baseline && against_baseline(s, &r))
		json_ratio(&j, "ratio_to_baseline", &r, "ratio of medians, percentile bootstrap");
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
			fprintf(out, "%u,%s", k + 1, side_name[i]);
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

	return r == 0 && s->csv ? bench_write("--csv", s->csv, write_csv, (void *)s, e) : r;
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

int bench_baseline_read(const char *path, double **ret, size_t *ret_nr, struct err *e)
{
	CLEANUP_FREE char *text = NULL;
	CLEANUP_FREE double *samples = NULL;
	size_t nr = 0, room = 0;
	const char *at;

	if (read_whole(path, &text, e) < 0 || !text)
		return -EINVAL;
	at = member(text, "schema");
	if (!at || strncmp(at, "\"" SCHEMA "\"", strlen("\"" SCHEMA "\"")))
		return err_set(e, -EINVAL, "not a result of `vmm bench boot --json` (no schema " SCHEMA ")");
	/* Ours comes first in the document. */
	at = member(text, side_name[BENCH_OURS]);
	at = at ? member(at, metrics[BENCH_MARKER].name) : NULL;
	if (!at || *at++ != '[')
		return err_set(e, -EINVAL, "it has no %s", metrics[BENCH_MARKER].name);
	for (;;) {
		char *end;
		double x;

		at += strspn(at, " \t\r\n,");
		if (*at == ']')
			break;
		errno = 0;
		x = strtod(at, &end);
		if (end == at || errno || !(x > 0 && x < 1e12) || nr == BASELINE_SAMPLES)
			return err_set(
				e, -EINVAL, "its %s has something else than times above 0", metrics[BENCH_MARKER].name);
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
