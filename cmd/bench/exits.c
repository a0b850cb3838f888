// SPDX-License-Identifier: Apache-2.0
/*
 * `vmm bench exits`: the table of vmm/bench/exit_costs.h and the histograms of its rows, printed, as JSON, and drawn.
 */
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "cmd/bench/bench.h"
#include "cmd/bench/table.h"
#include "vmm/base/outcome.h"
#include "vmm/base/svg.h"
#include "vmm/bench/exit_costs.h"

/** struct report - all that was measured */
struct report {
	struct bench_host host;
	struct kvm kvm;
	struct exit_costs *exits;
	bool locked;
	unsigned khz;
	unsigned warmup;
	unsigned iterations;
	struct exit_costs_row row[EXIT_COSTS_ROWS_MAX];
};

static void report_destroy(struct report *p)
{
	exit_costs_close(p->exits);
	kvm_close(&p->kvm);
}

static void print_count(int64_t n)
{
	if (n < 0)
		printf("%9s", "-");
	else
		printf("%9lld", (long long)n);
}

static void print_path(const struct exit_costs_row *row)
{
	printf("%-19s %-11s %-6s", exit_costs_from_name(row->from), row->name, exit_costs_answer_name(row->answer));
}

static void print_row(const struct report *p, const struct exit_costs_row *row)
{
	static const char *const heads[] = {"    ", "    cannot run here: ", "    another path: "};
	const struct stats *c = &row->cycles;

	print_path(row);
	if (row->state == EXIT_COSTS_CANNOT) {
		fputc('\n', stdout);
	} else {
		bench_cell(stdout, 8, 0, c->min);
		bench_cell(stdout, 8, 0, c->median);
		bench_cell(stdout, 8, 0, c->p90);
		bench_cell(stdout, 9, 0, c->p99);
		if (p->khz)
			printf("%8.0f\n", c->median * 1e6 / p->khz);
		else
			printf("%8s\n", "-");
		bench_outliers(stdout, 4, c, 0);
	}
	if (row->words.text[0])
		bench_wrap(stdout, heads[row->state], 4, row->words.text);
}

static int measure(struct report *p, struct err *e)
{
	int r = 0;

	printf("\ncycles of a round trip, the clock's own in it (rows \"nothing\");\n%u iterations after %u to warm "
	       "up; ns: of the median\n",
		p->iterations, p->warmup);
	printf("%-19s %-11s %-6s%8s%8s%8s%9s%8s\n", "from", "instruction", "by", "min", "median", "p90", "p99", "ns");
	for (unsigned i = 0; r == 0 && i < exit_costs_rows(); i++) {
		r = exit_costs_measure(p->exits, i, p->warmup, p->iterations, &p->row[i], e);
		if (r == 0)
			print_row(p, &p->row[i]);
	}
	return r;
}

/* That each took the path that its row says. */
static void print_proofs(const struct report *p)
{
	printf("\nthe path of each, in counts of exits; returns: of KVM_RUN\n%-19s %-11s %-6s%9s%9s%9s  %s\n", "from",
		"instruction", "by", "KVM exits", "traced", "returns", "clock");
	for (unsigned i = 0; i < exit_costs_rows(); i++) {
		const struct exit_costs_row *row = &p->row[i];

		if (row->state == EXIT_COSTS_CANNOT)
			continue;
		print_path(row);
		print_count(row->kvm_exits);
		print_count(row->traced);
		printf("%9llu  %s\n", (unsigned long long)row->returns, row->clock);
	}
}

/* It ran, and what it timed is out of the guest: its histogram is worth a look. */
static bool leaves(const struct exit_costs_row *row)
{
	return row->state != EXIT_COSTS_CANNOT && row->answer != EXIT_COSTS_NOBODY;
}

static void row_title(const struct exit_costs_row *row, char *title, size_t size)
{
	snprintf(title, size, "%s from %s, answered by %s", row->name, exit_costs_from_name(row->from),
		exit_costs_answer_name(row->answer));
}

static void print_histograms(const struct report *p)
{
	char title[128];

	for (unsigned i = 0; i < exit_costs_rows(); i++) {
		const struct exit_costs_row *row = &p->row[i];

		if (!leaves(row))
			continue;
		row_title(row, title, sizeof(title));
		printf("\n%s: cycles, and samples\n", title);
		histogram_print(&row->histogram, stdout, 2);
	}
}

static void count_json(struct json *j, const char *key, int64_t n)
{
	if (n < 0)
		json_null(j, key);
	else
		json_i64(j, key, n);
}

static void row_json(struct json *j, const struct report *p, const struct exit_costs_row *row)
{
	static const char *const states[] = {"ok", "cannot", "another path"};

	json_object(j, NULL);
	json_string(j, "instruction", row->name);
	json_string(j, "from", exit_costs_from_name(row->from));
	json_string(j, "answered_by", exit_costs_answer_name(row->answer));
	json_string(j, "state", states[row->state]);
	json_string(j, "why", row->words.text[0] && row->state != EXIT_COSTS_OK ? row->words.text : NULL);
	json_string(j, "note", row->words.text[0] && row->state == EXIT_COSTS_OK ? row->words.text : NULL);
	if (row->state != EXIT_COSTS_CANNOT) {
		json_string(j, "clock", row->clock);
		stats_json(j, "cycles", &row->cycles, "cycles");
		if (p->khz)
			json_double(j, "median_ns", row->cycles.median * 1e6 / p->khz);
		histogram_json(j, "histogram", &row->histogram);
		count_json(j, "kvm_exits", row->kvm_exits);
		count_json(j, "kvm_exit_tracepoint", row->traced);
		json_u64(j, "returns", row->returns);
	}
	json_end(j);
}

static void write_json(FILE *out, void *arg)
{
	const struct report *p = arg;
	struct json j;

	json_begin(&j, out);
	json_object(&j, NULL);
	bench_host_json(&p->host, "exits", p->kvm.api, &j);
	json_bool(&j, "memory_locked", p->locked);
	json_u64(&j, "tsc_khz", p->khz);
	json_u64(&j, "warmup", p->warmup);
	json_u64(&j, "iterations", p->iterations);
	json_array(&j, "rows");
	for (unsigned i = 0; i < exit_costs_rows(); i++)
		row_json(&j, p, &p->row[i]);
	json_end(&j);
	json_end(&j);
	json_finish(&j);
}

/** struct drawing - the rows that have a histogram */
struct drawing {
	const struct report *report;
	const struct exit_costs_row *row[EXIT_COSTS_ROWS_MAX];
	size_t nr;
};

static void draw_row(FILE *out, size_t i, void *arg)
{
	const struct drawing *d = arg;
	const struct exit_costs_row *row = d->row[i];
	const struct bench_host *host = &d->report->host;
	char title[128], subtitle[512];

	row_title(row, title, sizeof(title));
	bench_host_line(host, subtitle, sizeof(subtitle));
	svg_histogram(out, title, subtitle, "cycles of a round trip", 0, &row->histogram);
}

static void write_svg(FILE *out, void *arg)
{
	struct drawing d = {.report = arg};

	for (unsigned i = 0; i < exit_costs_rows(); i++)
		if (leaves(&d.report->row[i]))
			d.row[d.nr++] = &d.report->row[i];
	svg_stack(out, d.nr, draw_row, &d);
}

static int pin(uint64_t cpu, struct err *e)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	return sched_setaffinity(0, sizeof(set), &set) < 0 ? err_sys(e, -errno, "--pin %llu", (unsigned long long)cpu)
							   : 0;
}

/*
 * A row whose path was another: what was measured is not what the row says, unless KVM is software, which has no exits.
 */
static int judge(const struct report *p)
{
	for (unsigned i = 0; i < exit_costs_rows(); i++) {
		if (p->row[i].state != EXIT_COSTS_OTHER_PATH || !kvm_hardware())
			continue;
		fprintf(stderr, "vmm: %s from %s took another path: %s\n", p->row[i].name,
			exit_costs_from_name(p->row[i].from), p->row[i].words.text);
		return EXIT_FAILED;
	}
	return 0;
}

int bench_exits(int argc, char **argv)
{
	enum { BENCH_EXITS_OPTIONS(SUBSET_INDEX) };
	struct subset_option subset[] = {BENCH_EXITS_OPTIONS(SUBSET_ROW){0}};
	CLEANUP(report_destroy) struct report p = {.kvm.fd = -1};
	struct err e = {};
	int r;

	r = bench_options(argc, argv, "bench exits", subset, &e);
	if (r == 0 && subset[PIN].given)
		r = pin(subset[PIN].value.n, &e);
	if (r < 0) {
		fprintf(stderr, "vmm: %s\n", e.text);
		return EXIT_USAGE;
	}
	p.iterations = (unsigned)subset[ITERATIONS].value.n;
	p.warmup = (unsigned)subset[WARMUP].value.n;
	bench_host_read(&p.host);
	p.locked = mlockall(MCL_CURRENT | MCL_FUTURE) == 0;
	bench_host_print(&p.host, stdout);
	printf("%c %-14s %s\n", p.locked ? ' ' : '!', "memory",
		p.locked ? "locked" : "not locked: ulimit -l is too small");
	r = kvm_open(NULL, &p.kvm, &e);
	if (r == 0)
		r = exit_costs_open(&p.kvm, &p.exits, &e);
	if (r == 0) {
		p.khz = exit_costs_khz(p.exits);
		r = measure(&p, &e);
	}
	if (r == 0) {
		print_proofs(&p);
		print_histograms(&p);
		putchar('\n');
		bench_host_end(&p.host, stdout);
		r = bench_files(&subset[JSON], write_json, &subset[SVG], write_svg, &p, &e);
	}
	if (r < 0) {
		fprintf(stderr, "vmm: %s\n", e.text);
		return err_exit_status(&e);
	}
	return judge(&p);
}
