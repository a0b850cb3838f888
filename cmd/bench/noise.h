/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How undisturbed a CPU of this host is: what a latency is worthless without.
 */
#ifndef CMD_BENCH_NOISE_H
#define CMD_BENCH_NOISE_H

#include <stdbool.h>
#include <stddef.h>

#include "vmm/base/json.h"

#define ISOLATION_MAX 12

/**
 * struct isolation_item - one thing that is known
 * @poor: it disturbs measurements
 */
struct isolation_item {
	const char *name;
	char text[160];
	bool poor;
};

struct isolation {
	struct isolation_item item[ISOLATION_MAX];
	size_t nr;
};

/**
 * isolation_read() - look at the host
 * @cpu: the one that measures, -1: not pinned to any
 */
void isolation_read(int cpu, struct isolation *ret);

/** isolation_print() - a line each, "!" in front of what disturbs */
void isolation_print(const struct isolation *s, FILE *out);

/** isolation_json() - as the array "isolation" */
void isolation_json(const struct isolation *s, struct json *j);

#endif
