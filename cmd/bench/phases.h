/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `vmm bench boot --phases`: what the reports of the runs say, phase by phase.
 */
#ifndef CMD_BENCH_PHASES_H
#define CMD_BENCH_PHASES_H

#include <stddef.h>
#include <stdio.h>

#include "vmm/base/err.h"
#include "vmm/base/json.h"

#define BENCH_PHASES_MAX 80

/** struct bench_phase - a row; @sample: in ms, of the @nr runs that had it, in any order */
struct bench_phase {
	char name[48];
	char label[32];
	double *sample;
	size_t nr;
};

/**
 * struct bench_phases - zero-initialise; bench_phases_destroy()
 * @path: of the report of the current run; empty: phases are not wanted
 * @row: @nr_rows of them, owned; those of the first run in its order, then what only later ones had
 * @runs: how many were added, @max: at most
 */
struct bench_phases {
	char path[128];
	struct bench_phase row[BENCH_PHASES_MAX];
	size_t nr_rows;
	size_t runs;
	size_t max;
};

/**
 * bench_phases_init() - make the file that reports go to, in $TMPDIR or /tmp
 * @max: how many runs there will be
 *
 * Return: 0 or a negative errno, with a message in @e.
 */
int bench_phases_init(struct bench_phases *p, size_t max, struct err *e);

/** bench_phases_add() - the report of a run that has ended. Return: 0 or a negative errno, with a message in @e. */
int bench_phases_add(struct bench_phases *p, struct err *e);

/** bench_phases_print() - a line for each phase that every run had */
void bench_phases_print(const struct bench_phases *p, FILE *out);

/** bench_phases_json() - as the member "phases" of the object that is open */
void bench_phases_json(const struct bench_phases *p, struct json *j);

/** bench_phases_destroy() - takes a zeroed struct; removes the file */
void bench_phases_destroy(struct bench_phases *p);

#endif
