/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What `vmm bench clone` measures, and what comes of it: tables, verdict, files.
 */
#ifndef CMD_BENCH_CLONE_H
#define CMD_BENCH_CLONE_H

#include "cmd/bench/host.h"
#include "cmd/bench/launch.h"
#include "cmd/bench/ratio.h"
#include "vmm/bench/reset_costs.h"
#include "vmm/bench/snapshot_cost.h"

/* X(id, name in the files, title of the row), ms of each restore; 0 in a sample: it is not known */
#define CLONE_METRICS_LIST(X)                                                                                          \
	X(FIRST_RUN, "first_run_ms", "first KVM_RUN")                                                                  \
	X(FLOOR, "floor_ms", "the floor of that")                                                                      \
	X(FIRST_BYTE, "first_byte_ms", "first byte of the guest")

enum clone_metric {
#define X(id, name, title) CLONE_##id,
	CLONE_METRICS_LIST(X)
#undef X
		CLONE_METRICS
};

#define CLONE_RESETS    5  /* rows of the flat guest */
#define CLONE_ROWS      4  /* of clones: 1, 10, 100, 1,000 */
#define CLONE_LINES_MAX 16 /* of --lines */
#define CLONE_LINE_MAX  32
#define CLONE_REPORTS   100 /* clones at once of which each writes a report */

/** struct clone_fit - of a reset, in us: so much, and so much for each page */
struct clone_fit {
	double fixed, page;
};

/**
 * struct clone_row - so many clones at once
 * @alive: how many were: had printed the marker, or without one were not ended by a limit
 * @all_ms: until the last of them had printed it, 0: there is none
 * @host_kib: memory that the host had less then, for each; of all kinds, page tables and KVM's too
 * @first_run: from the fork to the first KVM_RUN, ms, of those that wrote a report
 * @limit: which limit ended it, or empty
 */
struct clone_row {
	unsigned clones, alive;
	double all_ms, host_kib;
	struct stats first_run;
	char limit[ERR_TEXT_MAX];
};

/** struct clone_line - a line that a restored guest got; times in us */
struct clone_line {
	char text[CLONE_LINE_MAX];
	struct stats reset, guest, pages;
};

/**
 * struct clone_session
 * @program: this one; @words: of `vmm restore`, the first is the snapshot, @nr_words, 0: flat guests only; borrowed
 * @input: what is typed, @marker, @lines: as the options say; NULL: none
 * @sample: per metric, @nr of them; owned
 * @dir: for temporary files; @report: one of them
 */
struct clone_session {
	struct bench_host host;
	struct kvm kvm;
	char program[4096];
	const char **words;
	size_t nr_words;
	const char *input, *marker, *lines;
	unsigned runs, warmup, rounds, clones;
	uint64_t timeout_ns;
	double max_ratio;
	char dir[128], report[160];
	int err_fd;
	struct snapshot snapshot;

	struct reset_cost reset[CLONE_RESETS];
	double *sample[CLONE_METRICS];
	unsigned nr;
	double *baseline;
	size_t nr_baseline;
	struct snapshot_cost cost;
	struct clone_row row[CLONE_ROWS];
	size_t nr_rows;
	struct clone_line line[CLONE_LINES_MAX];
	size_t nr_lines;
};

/** clone_command() - `vmm restore`, its words, and @more, up to a NULL; one allocation, the caller's, or NULL */
char **clone_command(const struct clone_session *s, const char *const *more);

/** clone_measure_rows() - clones at once. Return: 0 or a negative errno, with a message in @e */
int clone_measure_rows(struct clone_session *s, struct err *e);

/** clone_measure_lines() - resets of the guest of the snapshot, by --each-line. Return: as clone_measure_rows() */
int clone_measure_lines(struct clone_session *s, struct err *e);

/** clone_fit_flat(), clone_fit_lines() - least squares of the relative errors, over the medians of the rows */
struct clone_fit clone_fit_flat(const struct clone_session *s);
struct clone_fit clone_fit_lines(const struct clone_session *s);

/** clone_print_NAME() - a table on standard output, when its figures are there */
void clone_print_reset(const struct clone_session *s, size_t i);
void clone_print_restores(const struct clone_session *s);
void clone_print_snapshot(const struct clone_session *s);
void clone_print_row(const struct clone_session *s, size_t i);
void clone_print_lines(const struct clone_session *s);

/** clone_ratio() - of the first KVM_RUN to its floor, by pairs; false: there is none */
bool clone_ratio(const struct clone_session *s, struct ratio *ret);

/** clone_write_json(), clone_write_svg() - @arg: struct clone_session */
void clone_write_json(FILE *out, void *arg);
void clone_write_svg(FILE *out, void *arg);

#endif
