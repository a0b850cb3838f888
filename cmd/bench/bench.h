/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `vmm bench NAME`: one file per benchmark, cmd/bench/NAME.c. What they have in common is here.
 */
#ifndef CMD_BENCH_BENCH_H
#define CMD_BENCH_BENCH_H

#include <stdio.h>

#include "cmd/bench/host.h"
#include "cmd/bench/ratio.h"
#include "cmd/options/command_info.h"
#include "vmm/base/err.h"

/* X(name, half a line for the list) */
#define BENCHES(X)                                                                                                     \
	X(boot, "repeat a boot, with exec as time zero, perhaps in turns with another command")                        \
	X(clone, "restore, clone and reset guests of a snapshot, beside floors")                                       \
	X(lifecycle, "make, run, reset and close the smallest guests, beside bare ioctls")                             \
	X(exec, "make Linux programs without a kernel, let them answer, take them back")                               \
	X(exits, "the round trip out of the guest and back, timed inside it")

/**
 * bench_NAME() - run one
 * @argc, @argv: argv[0] is the benchmark's name, options follow
 *
 * Return: the exit status of the process.
 */
#define X(name, help) int bench_##name(int argc, char **argv);
BENCHES(X)
#undef X

#define BENCH_FLOOR "floor"

/** bench_floor() - `vmm bench floor`: what `vmm bench clone` starts
 * to be compared with, and nobody else */
int bench_floor(int argc, char **argv);

/**
 * bench_options() - subset_parse() for a benchmark that takes options and nothing else
 * @name: "bench ...", as in struct command_info
 *
 * Return: 0, or a negative errno, with a message in @e: the exit status is then EXIT_USAGE.
 */
int bench_options(int argc, char **argv, const char *name, struct subset_option *subset, struct err *e);

/**
 * bench_check_files() - no file that is to be written is one that is read, or another one of them
 * @subset: those of the benchmark, parsed
 * @words, @nr: arguments of the measured command: files that it names count too
 *
 * Return: 0, or a negative errno, with a message in @e, marked as the operator's.
 */
int bench_check_files(const struct subset_option *subset, const char **words, size_t nr, struct err *e);

/**
 * bench_write() - write a file, whole or not at all
 * @option: that asks for it
 * @write: writes it to @out; ferror() is looked at afterwards
 *
 * Return: 0, or a negative errno, with a message in @e.
 */
int bench_write(const char *option, const char *path, void (*write)(FILE *out, void *arg), void *arg, struct err *e);

/**
 * bench_files() - the files that --json and --svg ask for, each written by its function
 *
 * Return: as bench_write().
 */
int bench_files(const struct subset_option *json, void (*write_json)(FILE *out, void *arg),
	const struct subset_option *svg, void (*write_svg)(FILE *out, void *arg), void *arg, struct err *e);

/** bench_parse_ratio() - of --max-ratio. Return: 0, or -EINVAL with a message in @e */
int bench_parse_ratio(const char *text, double *ret, struct err *e);

/** bench_ratio_print() - @over / @under, its interval, @how it was made and how sure that is */
void bench_ratio_print(
	FILE *out, int indent, const char *over, const char *under, const struct ratio *r, const char *how);

/** bench_ratio_json() - the same as an object named @key; @limit: of --max-ratio, 0: none */
void bench_ratio_json(struct json *j, const char *key, const struct ratio *r, const char *method, double limit);

/** bench_verdict() - prints what --max-ratio comes to, 0: nothing. Return: EXIT_REGRESSION, EXIT_UNDECIDED, or 0 */
int bench_verdict(const struct ratio *r, double max_ratio, const char *what, FILE *out);

/** bench_worse() - of two verdicts: a regression is worse than a doubt */
int bench_worse(int a, int b);

/** bench_against() - ours to a baseline; false: there is none, or no memory for it */
bool bench_against(const double *ours, size_t nr, const double *baseline, size_t nr_baseline, struct ratio *ret);

/** struct bench_baseline - where samples are in a file of --json: of which benchmark, in which object, which array */
struct bench_baseline {
	const char *bench, *side, *old_side, *metric;
};

/**
 * bench_baseline_read() - samples out of a file that --json wrote
 * @ret: in ms, one allocation, the caller's
 *
 * Return: 0, or a negative errno, with a message in @e.
 * Trust: operator.
 */
int bench_baseline_read(const char *path, const struct bench_baseline *b, double **ret, size_t *ret_nr, struct err *e);

#endif
