/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What `vmm bench boot` measured, and what comes of it: table, verdict, files.
 */
#ifndef CMD_BENCH_BOOT_H
#define CMD_BENCH_BOOT_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "cmd/bench/phases.h"
#include "vmm/base/err.h"

/* BENCH_METRIC(id, name in the files, title of the table); 0 in a sample: it was not seen. */
#define BENCH_METRICS_LIST(X)                                                                                          \
	X(MARKER, "marker_ms", "exec to the marker, ms")                                                               \
	X(FIRST_BYTE, "first_byte_ms", "exec to the first byte on standard output, ms")                                \
	X(BANNER, "banner_ms", "exec to \"Linux version\", ms")                                                        \
	X(CLOCK, "guest_clock_ms", "the guest's own clock at the marker, ms")                                          \
	X(SHARE, "share_ms", "exec to the marker less the guest's clock, ms")                                          \
	X(CPU, "cpu_ms", "CPU time of the process, ms")                                                                \
	X(RSS, "rss_mib", "most memory held, MiB")

enum bench_metric {
#define X(id, name, title) BENCH_##id,
	BENCH_METRICS_LIST(X)
#undef X
		BENCH_METRICS
};

enum { BENCH_OURS, BENCH_OTHER, BENCH_SIDES };

/**
 * struct bench_side - one of the commands that take turns
 * @argv: its own allocation; the words are borrowed
 * @sample: per metric, @nr of them in the order of the runs
 * @missed: runs whose time ran out
 */
struct bench_side {
	char **argv;
	double *sample[BENCH_METRICS];
	unsigned nr;
	unsigned missed;
};

/**
 * struct bench_session - all of one benchmark
 * @marker, @json, @csv: borrowed from argv; NULL: none
 * @program: the path behind argv[0] of each side; owned
 * @baseline: exec to the marker in ms, @nr_baseline of them; owned
 * @max_ratio: 0: no limit
 * @phases: of ours
 */
struct bench_session {
	unsigned runs;
	unsigned warmup;
	uint64_t timeout_ns;
	const char *marker;
	const char *json;
	const char *csv;
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

/** bench_print() - the tables */
void bench_print(const struct bench_session *s, FILE *out);

/**
 * bench_judge() - the ratio to the baseline, and whether a ratio is above the limit
 *
 * A ratio is above it when its value is, and the lower end of its interval is above 1 (above the limit, where that is
 * below 1): what may be chance is told, and is no regression.
 *
 * Return: 1 when one is, else 0.
 */
int bench_judge(const struct bench_session *s, FILE *out);

/** bench_save() - write --json and --csv; 0, or a negative errno with words */
int bench_save(const struct bench_session *s, struct err *e);

/**
 * bench_baseline_read() - exec to the marker out of a file that --json wrote
 * @ret: in ms, one allocation, the caller's
 *
 * Return: 0, or a negative errno with words.
 * Trust: operator.
 */
int bench_baseline_read(const char *path, double **ret, size_t *ret_nr, struct err *e);

#endif
