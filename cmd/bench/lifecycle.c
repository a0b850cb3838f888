// SPDX-License-Identifier: Apache-2.0
/*
 * `vmm bench lifecycle`: the tables of vmm/bench/lifecycle.h, printed, as JSON, and as a plot.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "cmd/bench/bench.h"
#include "cmd/bench/table.h"
#include "vmm/base/outcome.h"
#include "vmm/base/svg.h"
#include "vmm/base/units.h"
#include "vmm/bench/lifecycle.h"
#include "vmm/program/flat_layout.h"

#define ALIVE_STEP           1000
#define FILES_WANTED(guests) (2 * (rlim_t)(guests) + 64)

static const char *const reset_names[] = {
	[RESET_NONE] = "run again, no reset",
	[RESET_CLEAR] = "memory written with zeroes",
	[RESET_DISCARD] = "memory given back to the host",
	[RESET_DIRTY] = "dirty pages only, by the log",
	[RESET_RING] = "dirty pages only, by the ring",
};

static const char *const reset_keys[] = {[RESET_NONE] = "none",
	[RESET_CLEAR] = "clear",
	[RESET_DISCARD] = "discard",
	[RESET_DIRTY] = "dirty",
	[RESET_RING] = "dirty_ring"};

/**
 * struct report - all that was measured
 * @rows: @nr_rows of them, owned
 * @round_count: guests in the rounds of each kind: fewer where memory is short
 */
struct report {
	struct bench_host host;
	struct kvm kvm;
	uint64_t mem_bytes;
	unsigned count;
	unsigned alive_wanted;
	unsigned alive;
	unsigned rounds;
	struct lifecycle_pair cycle[2];
	struct lifecycle_row *rows;
	size_t nr_rows;
	struct err limit;
	uint64_t close_ns;
	struct lifecycle_pair round[RESETS];
	unsigned round_count[RESETS];
};

static void report_destroy(struct report *p)
{
	kvm_close(&p->kvm);
	free(p->rows);
}

static double ratio(const struct lifecycle_pair *p)
{
	double floor = p->who[LIFECYCLE_FLOOR].median;

	return floor > 0 ? p->who[LIFECYCLE_OURS].median / floor : 0;
}

#define NAME   29 /* where figures begin */
#define PLACES 1

static void print_pair(const char *what, const struct lifecycle_pair *p)
{
	const struct stats *o = &p->who[LIFECYCLE_OURS], *f = &p->who[LIFECYCLE_FLOOR];
	int places = stats_places(o, PLACES);

	bench_name(stdout, NAME, what);
	bench_cell(stdout, 9, places, o->min);
	bench_cell(stdout, 9, places, o->median);
	bench_cell(stdout, 9, places, o->p90);
	bench_cell(stdout, 9, places, o->p99);
	bench_cell(stdout, 9, stats_places(f, PLACES), f->median);
	printf("%6.2f\n", ratio(p));
	bench_outliers(stdout, 4, o, places);
}

static void print_heading(const char *what)
{
	printf("\n%s\n%-*s%9s%9s%9s%9s%9s%6s\n", what, NAME, "us per guest", "min", "median", "p90", "p99", "floor",
		"ratio");
}

/* As far as the host lets us: two files for each guest. */
static void raise_file_limit(unsigned guests)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) < 0)
		return;
	if (files.rlim_max < FILES_WANTED(guests)) {
		struct rlimit more = {FILES_WANTED(guests), FILES_WANTED(guests)};

		if (setrlimit(RLIMIT_NOFILE, &more) == 0)
			return;
	}
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
}

static uint64_t memory_available(void)
{
	CLEANUP_FCLOSE FILE *f = fopen("/proc/meminfo", "re");
	unsigned long long kib;
	char line[128];

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "MemAvailable: %llu", &kib) == 1)
			return kib * KIB;
	return 0;
}

/* --- Measuring ----------------------------------------------------------------------------------------------- */

static int measure_cycles(struct report *p, struct err *e)
{
	char what[64], size[UNITS_TEXT_MAX];
	int r;

	snprintf(what, sizeof(what), "create + run + close, %u of each", p->count);
	print_heading(what);
	r = lifecycle_cycles(&p->kvm, 0, p->count, &p->cycle[0], e);
	if (r < 0)
		return r;
	print_pair("guests share their memory", &p->cycle[0]);
	r = lifecycle_cycles(&p->kvm, p->mem_bytes, p->count, &p->cycle[1], e);
	if (r < 0)
		return r;
	snprintf(what, sizeof(what), "each has %s of its own", format_size(p->mem_bytes, size));
	print_pair(what, &p->cycle[1]);
	return 0;
}

static void add_row(const struct lifecycle_row *row, void *arg)
{
	struct report *p = arg;

	p->rows[p->nr_rows++] = *row;
	printf("%8u%10.3f", row->alive, (double)row->elapsed_ns / 1e9);
	for (unsigned who = 0; who < LIFECYCLE_WHOS; who++) {
		const struct stats *s = &row->pair.who[who];

		bench_cell(stdout, 11, stats_places(s, PLACES), s->median);
		bench_cell(stdout, 11, stats_places(s, PLACES), s->p99);
	}
	printf("%7.2f%9u\n", ratio(&row->pair), row->threads);
}

static int measure_alive(struct report *p, struct err *e)
{
	char ended[64];
	int r;

	if (!p->alive_wanted)
		return 0;
	p->rows = calloc(p->alive_wanted / ALIVE_STEP + 1, sizeof(*p->rows));
	if (!p->rows)
		return err_sys(e, -ENOMEM, "cannot set up");
	printf("\nalive at once, sharing memory: create + run, us per guest in each %d;\n"
	       "every other guest is the floor's\n%8s%10s%11s%11s%11s%11s%7s%9s\n",
		ALIVE_STEP, "alive", "seconds", "median", "p99", "floor", "floor p99", "ratio", "threads");
	r = lifecycle_alive(&p->kvm, p->alive_wanted, ALIVE_STEP, add_row, p, &p->alive, &p->limit, &p->close_ns, e);
	if (r < 0)
		return r;
	if (p->alive < p->alive_wanted) {
		snprintf(ended, sizeof(ended), "ended at %u of %u: ", p->alive, p->alive_wanted);
		bench_wrap(stdout, ended, 4, p->limit.text);
	}
	printf("closing all %u, %u at a time, took %.3f s\n", p->alive, MIN(LIFECYCLE_CLOSERS, p->alive),
		(double)p->close_ns / 1e9);
	return 0;
}

static int measure_rounds(struct report *p, struct err *e)
{
	char size[UNITS_TEXT_MAX], title[64];
	/* Clearing touches every byte: half of what the host can spare. */
	uint64_t fit = memory_available() / 2 / p->mem_bytes;
	double clear, dirty;

	snprintf(title, sizeof(title), "%u live guests of %s, %u rounds", p->count, format_size(p->mem_bytes, size),
		p->rounds);
	print_heading(title);
	for (unsigned reset = 0; reset < RESETS; reset++) {
		int r;

		p->round_count[reset] = reset == RESET_CLEAR ? (unsigned)MAX(MIN(p->count, fit), 2) : p->count;
		r = lifecycle_rounds(&p->kvm, (enum lifecycle_reset)reset, p->mem_bytes, p->round_count[reset],
			p->rounds, &p->round[reset], e);
		if (r == -EOPNOTSUPP) {
			printf("%s\n", reset_names[reset]);
			bench_wrap(stdout, "    cannot run here: ", 4, e->text);
			p->round_count[reset] = 0;
			continue;
		}
		if (r < 0)
			return err_wrap(e, r, "%s", reset_names[reset]);
		print_pair(reset_names[reset], &p->round[reset]);
		if (p->round_count[reset] < p->count)
			printf("    with %u guests only: this host has no memory for more\n", p->round_count[reset]);
	}
	/* What a reset takes is what a round takes above one without. */
	clear = p->round[RESET_CLEAR].who[0].median - p->round[RESET_NONE].who[0].median;
	dirty = p->round[RESET_DIRTY].who[0].median - p->round[RESET_NONE].who[0].median;
	printf("above a run without reset: clearing %.1f us, dirty pages %.1f us", clear, dirty);
	if (dirty > 0 && clear > dirty)
		printf(", %.0f times less", clear / dirty);
	printf("\nfloor: the same ioctls in a bare loop, in turns with vmm;\nratio: vmm / floor, of medians\n");
	return 0;
}

/* --- Files --------------------------------------------------------------------------------------------------- */

static void pair_json(struct json *j, const char *key, const struct lifecycle_pair *p)
{
	json_object(j, key);
	stats_json(j, "ours", &p->who[LIFECYCLE_OURS], "us");
	stats_json(j, "floor", &p->who[LIFECYCLE_FLOOR], "us");
	json_double(j, "ratio", ratio(p));
	json_end(j);
}

static void write_json(FILE *out, void *arg)
{
	const struct report *p = arg;
	struct json j;

	json_begin(&j, out);
	json_object(&j, NULL);
	bench_host_json(&p->host, "lifecycle", p->kvm.api, &j);
	json_u64(&j, "guest_memory_bytes", p->mem_bytes);
	json_u64(&j, "count", p->count);
	json_u64(&j, "rounds", p->rounds);
	json_object(&j, "create_run_close");
	pair_json(&j, "shared_memory", &p->cycle[0]);
	pair_json(&j, "own_memory", &p->cycle[1]);
	json_end(&j);
	json_object(&j, "alive");
	json_u64(&j, "wanted", p->alive_wanted);
	json_u64(&j, "reached", p->alive);
	json_string(&j, "limit", p->limit.text[0] ? p->limit.text : NULL);
	json_double(&j, "close_seconds", (double)p->close_ns / 1e9);
	json_array(&j, "rows");
	for (size_t i = 0; i < p->nr_rows; i++) {
		json_object(&j, NULL);
		json_u64(&j, "alive", p->rows[i].alive);
		json_double(&j, "seconds", (double)p->rows[i].elapsed_ns / 1e9);
		json_u64(&j, "threads", p->rows[i].threads);
		pair_json(&j, "create_run", &p->rows[i].pair);
		json_end(&j);
	}
	json_end(&j);
	json_end(&j);
	json_object(&j, "run_again");
	for (unsigned reset = 0; reset < RESETS; reset++) {
		json_object(&j, reset_keys[reset]);
		json_u64(&j, "guests", p->round_count[reset]);
		pair_json(&j, "round", &p->round[reset]);
		json_end(&j);
	}
	json_end(&j);
	json_end(&j);
	json_finish(&j);
}

/* Guests alive at once, and the seconds it took to have them. */
static void write_svg(FILE *out, void *arg)
{
	const struct report *p = arg;
	double *v = calloc(3 * (p->nr_rows + 1), sizeof(*v));
	double *x = v, *total = v ? v + p->nr_rows + 1 : NULL, *floor = v ? total + p->nr_rows + 1 : NULL;
	char subtitle[512];
	struct svg_plot plot = {
		.title = "Guests alive at once: time to create and run them",
		.subtitle = subtitle,
		.x_label = "guests alive",
		.y_label = "seconds",
		.nr = 2,
		.counted = true,
	};

	if (!v)
		return;
	for (size_t i = 0; i < p->nr_rows; i++) {
		const struct lifecycle_row *row = &p->rows[i];
		unsigned fresh = row->alive - (i ? p->rows[i - 1].alive : 0);

		x[i + 1] = row->alive;
		total[i + 1] = total[i] + row->pair.who[LIFECYCLE_OURS].mean * fresh / 1e6;
		floor[i + 1] = floor[i] + row->pair.who[LIFECYCLE_FLOOR].mean * fresh / 1e6;
	}
	bench_host_line(&p->host, subtitle, sizeof(subtitle));
	plot.series[0] = (struct svg_series){.name = "vmm", .x = x, .y = total, .nr = p->nr_rows + 1};
	plot.series[1] = (struct svg_series){
		.name = "the same ioctls in a bare loop", .x = x, .y = floor, .nr = p->nr_rows + 1, .dashed = true};
	svg_plot(out, &plot);
	free(v);
}

int bench_lifecycle(int argc, char **argv)
{
	enum { BENCH_LIFECYCLE_OPTIONS(SUBSET_INDEX) };
	struct subset_option subset[] = {BENCH_LIFECYCLE_OPTIONS(SUBSET_ROW){0}};
	CLEANUP(report_destroy) struct report p = {.kvm.fd = -1};
	struct err e = {};
	int r;

	r = bench_options(argc, argv, "bench lifecycle", subset, &e);
	if (r < 0) {
		fprintf(stderr, "vmm: %s\n", e.text);
		return EXIT_USAGE;
	}
	p.mem_bytes = subset[MEM].value.n;
	p.count = (unsigned)subset[COUNT].value.n;
	p.alive_wanted = (unsigned)subset[ALIVE].value.n;
	p.rounds = (unsigned)subset[ROUNDS].value.n;
	bench_host_read(&p.host);
	bench_host_print(&p.host, stdout);
	raise_file_limit(MAX(p.alive_wanted, p.count));
	r = kvm_open(NULL, &p.kvm, &e);
	if (r == 0)
		r = measure_cycles(&p, &e);
	if (r == 0)
		r = measure_alive(&p, &e);
	if (r == 0)
		r = measure_rounds(&p, &e);
	if (r == 0)
		bench_host_end(&p.host, stdout);
	if (r == 0)
		r = bench_files(&subset[JSON], write_json, &subset[SVG], write_svg, &p, &e);
	if (r < 0) {
		fprintf(stderr, "vmm: %s\n", e.text);
		return err_exit_status(&e);
	}
	return 0;
}
