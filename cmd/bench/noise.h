/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How undisturbed a CPU of this host is: what a latency is worthless without.
 */
#ifndef CMD_BENCH_NOISE_H
#define CMD_BENCH_NOISE_H

#include <stdbool.h>
#include <stddef.h>

#include "vmm/base/json.h"

#define NOISE_MAX 12

/**
 * struct noise_item - one thing that is known
 * @poor: it disturbs measurements
 */
struct noise_item {
	const char *name;
	char text[160];
	bool poor;
};

struct noise {
	struct noise_item item[NOISE_MAX];
	size_t nr;
};

/**
 * noise_read() - look at the host
 * @cpu: the one that measures, -1: not pinned to any
 */
void noise_read(int cpu, struct noise *ret);

/** noise_print() - a line each, "!" in front of what disturbs */
void noise_print(const struct noise *s, FILE *out);

/** noise_json() - as the array "isolation" */
void noise_json(const struct noise *s, struct json *j);

#endif
