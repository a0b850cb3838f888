/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What disturbs measurements on this host: what is known before they begin, and what others took while they ran.
 */
#ifndef CMD_BENCH_NOISE_H
#define CMD_BENCH_NOISE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

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

/** noise_cpu() - the one CPU that this thread may run on; -1: it may run on several */
int noise_cpu(void);

/**
 * noise_read() - look at the host
 * @cpu: the one that measures, -1: not pinned to any
 */
void noise_read(int cpu, struct noise *ret);

/** noise_print() - a line each, "!" in front of what disturbs */
void noise_print(const struct noise *s, FILE *out);

/** noise_json() - as the array "disturbance" */
void noise_json(const struct noise *s, struct json *j);

/**
 * struct noise_span - CPU time of a while, of all CPUs, in ns
 * @all: idle time included; 0: not known
 * @busy: not idle and not stolen
 * @steal: when the hypervisor below ran something else
 * @own: of this process and of its children that have ended
 */
struct noise_span {
	uint64_t all;
	uint64_t busy;
	uint64_t steal;
	uint64_t own;
};

/** noise_now() - since the host's boot and, @own, since the process began */
struct noise_span noise_now(void);

/** noise_since() - since @then */
struct noise_span noise_since(const struct noise_span *then);

/**
 * noise_shares() - in percent of @all: what others took, and what was stolen
 *
 * Return: false when the while was too short for the host's clock ticks to tell.
 */
bool noise_shares(const struct noise_span *s, double *ret_others, double *ret_steal);

#endif
