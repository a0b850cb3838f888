/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What `vmm bench boot` measured, and what comes of it: table, verdict, files.
 */
#ifndef CMD_BENCH_BOOT_H
#define CMD_BENCH_BOOT_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "cmd/bench/host.h"
#include "cmd/bench/phases.h"
#include "cmd/bench/ratio.h"
#include "vmm/base/err.h"

/* X(id, name in the files, unit, title of the table); 0 in a sample: it was not seen. */
#define BENCH_METRICS_LIST(X)                                                                                          \
	X(MARKER, "marker_ms", "ms", "exec to the marker, ms")                                                         \
	X(FIRST_BYTE, "first_byte_ms", "ms", "exec to the first byte on standard output, ms")                          \
	X(BANNER, "banner_ms", "ms", "exec to \"Linux version\", ms")                                                  \
	X(CLOCK, "guest_clock_ms", "ms", "the guest's own clock at the marker, ms")                                    \
	X(SHARE, "share_ms", "ms", "exec to the marker less the guest's clock, ms")                                    \
	X(CPU, "cpu_ms", "ms", "CPU time of the process, ms")                                                          \
	X(RSS, "rss_mib", "MiB", "most memory held, MiB")

enum bench_metric {
#define X(id, name, unit, title) BENCH_##id,
	BENCH_METRICS_LIST(X)
#undef X
		BENCH_METRICS
};

enum { BENCH_OURS, BENCH_OTHER, BENCH_SIDES };

/**
 * struct bench_side - one of the commands that take turns
 * @argv: its own allocation; the words are borrowed
 * @name: of its rows; borrowed
 * @sample: per metric, @nr of them in the order of the runs
 * @missed: runs whose time ran out
 */
struct bench_side {
	char **argv;
	const char *name;
	double *sample[BENCH_METRICS];
	unsigned nr;
	unsigned missed;
};

/**
 * struct bench_session - all of one benchmark
 * @marker, @json, @csv, @svg: borrowed from argv; NULL: none
 * @program: the path behind argv[0] of each side; owned
 * @baseline: exec to the marker in ms, @nr_baseline of them; owned
 * @max_ratio: 0: no limit
 * @phases: of ours
 */
struct bench_session {
	struct bench_host host;
	unsigned runs;
	unsigned warmup;
	uint64_t timeout_ns;
	const char *marker;
	const char *json;
	const char *csv;
	const char *svg;
	char *program[BENCH_SIDES];
	struct bench_side side[BENCH_SIDES];
	unsigned nr_sides;
	double *baseline;
	size_t nr_baseline;
	double max_ratio;
	struct bench_phases phases;
	int wake_fd;
	int err_fd;
};

#define BENCH_NAME_MAX 64 /* characters of a row's name */

/** bench_print_commands() - what is measured, a line or more for each side */
void bench_print_commands(const struct bench_session *s, FILE *out);

/** bench_print() - the tables */
void bench_print(const struct bench_session *s, FILE *out);

/**
 * bench_judge() - what --max-ratio comes to, as text and as an exit status
 *
 * The median is above the limit when all of the interval is, and within it when all of the interval is. An interval
 * that holds the limit, or that too few runs have made less sure than 95 %, decides nothing.
 *
 * Return: EXIT_REGRESSION, EXIT_UNDECIDED, or 0. Of two ratios the worse counts.
 */
int bench_judge(const struct bench_session *s, FILE *out);

/** bench_save() - write --json, --csv and --svg; 0, or a negative errno, with a message in @e */
int bench_save(const struct bench_session *s, struct err *e);

/** bench_draw() - the runs in their order, and how they are distributed, of each side; @arg: struct bench_session */
void bench_draw(FILE *out, void *arg);

#endif
