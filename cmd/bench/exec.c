// SPDX-License-Identifier: Apache-2.0
/*
 * `vmm bench exec`: what a program without a kernel costs, and to take it back (vmm/bench/exec_costs.h).
 */
#include <stdio.h>

#include "cmd/bench/bench.h"
#include "cmd/bench/table.h"
#include "vmm/base/outcome.h"
#include "vmm/bench/exec_costs.h"

#define RATES 2

static const unsigned page_counts[] = {0, 1, 10, 100};

struct report {
	struct bench_host host;
	int api;
	unsigned rounds;
	struct exec_life life;
	struct exec_cost cost[ARRAY_SIZE(page_counts)];
	double rate[RATES];
};

static int measure_life(struct report *p, struct err *e)
{
	int r = exec_life_costs(MIN(p->rounds, 200), &p->life, e);

	if (r < 0)
		return r;
	printf("\n");
	bench_head(stdout, "us per program");
	bench_row(stdout, 0, "construct", &p->life.make);
	bench_row(stdout, 0, "start to vmm_next()", &p->life.start);
	bench_row(stdout, 0, "copy of the moment", &p->life.keep);
	bench_row(stdout, 0, "destruct", &p->life.close);
	return 0;
}

static int measure_calls(struct report *p, struct err *e)
{
	for (size_t i = 0; i < ARRAY_SIZE(page_counts); i++) {
		struct exec_cost *c = &p->cost[i];
		char what[64];
		int r = exec_call_costs(page_counts[i], p->rounds, c, e);

		if (r < 0)
			return r;
		snprintf(what, sizeof(what), "us, %u pages written", c->pages);
		printf("\n");
		bench_head(stdout, what);
		bench_row(stdout, 0, "call, nothing reset", &c->call);
		bench_row(stdout, 0, "call after a reset", &c->again);
		bench_row(stdout, 0, "reset", &c->reset);
		bench_row(stdout, 0, "call and reset", &c->both);
		bench_row(stdout, 0, "floor: pages copied", &c->floor);
	}
	return 0;
}

static int measure_rates(struct report *p, struct err *e)
{
	printf("\ncalls with a page written, and reset, per second\n");
	for (unsigned n = 1; n <= RATES; n++) {
		int r = exec_rate(n, p->rounds, &p->rate[n - 1], e);

		if (r < 0)
			return r;
		printf("%u %s %*.0f\n", n, n == 1 ? "thread " : "threads", 23, p->rate[n - 1]);
	}
	return 0;
}

static void write_json(FILE *out, void *arg)
{
	const struct report *p = arg;
	struct json j;

	json_begin(&j, out);
	json_object(&j, NULL);
	bench_host_json(&p->host, "exec", p->api, &j);
	json_u64(&j, "rounds", p->rounds);
	json_object(&j, "life");
	stats_json(&j, "construct", &p->life.make, "us");
	stats_json(&j, "start", &p->life.start, "us");
	stats_json(&j, "copy", &p->life.keep, "us");
	stats_json(&j, "destruct", &p->life.close, "us");
	json_end(&j);
	json_array(&j, "calls");
	for (size_t i = 0; i < ARRAY_SIZE(page_counts); i++) {
		const struct exec_cost *c = &p->cost[i];

		json_object(&j, NULL);
		json_u64(&j, "pages", c->pages);
		stats_json(&j, "kept", &c->call, "us");
		stats_json(&j, "after_reset", &c->again, "us");
		stats_json(&j, "reset", &c->reset, "us");
		stats_json(&j, "call_and_reset", &c->both, "us");
		stats_json(&j, "floor", &c->floor, "us");
		json_end(&j);
	}
	json_end(&j);
	json_array(&j, "per_second");
	for (unsigned n = 0; n < RATES; n++) {
		json_object(&j, NULL);
		json_u64(&j, "threads", n + 1);
		json_double(&j, "calls", p->rate[n]);
		json_end(&j);
	}
	json_end(&j);
	json_end(&j);
	json_finish(&j);
}

int bench_exec(int argc, char **argv)
{
	enum { BENCH_EXEC_OPTIONS(SUBSET_INDEX) };
	struct subset_option subset[] = {BENCH_EXEC_OPTIONS(SUBSET_ROW){0}};
	struct report p = {0};
	struct err e = {};
	int r;

	r = bench_options(argc, argv, "bench exec", subset, &e);
	if (r < 0) {
		fprintf(stderr, "vmm: %s\n", e.text);
		return EXIT_USAGE;
	}
	p.rounds = (unsigned)subset[ROUNDS].value.n;
	bench_host_read(&p.host);
	bench_host_print(&p.host, stdout);
	r = exec_costs_api(&p.api, &e);
	if (r == 0)
		r = measure_life(&p, &e);
	if (r == 0)
		r = measure_calls(&p, &e);
	if (r == 0)
		r = measure_rates(&p, &e);
	if (r == 0)
		bench_host_end(&p.host, stdout);
	if (r == 0 && subset[JSON].given)
		r = bench_write("--json", subset[JSON].value.text, write_json, &p, &e);
	if (r < 0) {
		fprintf(stderr, "vmm: %s\n", e.text);
		return err_exit_status(&e);
	}
	return 0;
}
