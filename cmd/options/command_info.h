/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What each subcommand takes and how it ends, declared once: for the command itself, its --help, and the refusal of an
 * option that goes with another one.
 */
#ifndef CMD_OPTIONS_COMMAND_INFO_H
#define CMD_OPTIONS_COMMAND_INFO_H

#include <stdbool.h>
#include <stddef.h>

#include "cmd/options/options_restore.h"
#include "cmd/options/subset.h"
#include "vmm/exec/exec.h"
#include "vmm/program/flat_layout.h"

/*
 * X(id, option, default, min, max, multiple): what a command that runs no Linux machine takes, in the order of its
 * help. A default of NULL and a max of 0 leave the table's.
 */
#define FLAT_OPTIONS(X)                                                                                                \
	X(MEM, "mem", "4M", FLAT_MEM_MIN, FLAT_MEM_MAX, FLAT_MEM_STEP)                                                 \
	X(ISOLATE, "isolate", NULL, 0, 0, 0)                                                                           \
	X(STATS, "stats", NULL, 0, 0, 0)                                                                               \
	X(TIMEOUT, "timeout", NULL, 0, 0, 0)                                                                           \
	X(GDB, "gdb", NULL, 0, 0, 0)                                                                                   \
	X(LOG_LEVEL, "log-level", NULL, 0, 0, 0)                                                                       \
	X(SANDBOX, "sandbox", NULL, 0, 0, 0)

#define EXEC_OPTIONS(X)                                                                                                \
	X(MEM, "mem", "256M", EXEC_MEM_MIN, EXEC_MEM_MAX, EXEC_MEM_STEP)                                               \
	X(ENV, "env", NULL, 0, 0, 0)                                                                                   \
	X(CWD, "cwd", NULL, 0, 0, 0)                                                                                   \
	X(RO, "ro", NULL, 0, 0, 0)                                                                                     \
	X(RW, "rw", NULL, 0, 0, 0)                                                                                     \
	X(TMP, "tmp", NULL, 0, 0, 0)                                                                                   \
	X(SYSTEM, "system", NULL, 0, 0, 0)                                                                             \
	X(EACH_LINE, "each-line", NULL, 0, 0, 0)                                                                       \
	X(EACH_FRAME, "each-frame", NULL, 0, 0, 0)                                                                     \
	X(CALL, "call", NULL, 0, 0, 0)                                                                                 \
	X(LINE_TIMEOUT, "line-timeout", NULL, 0, 0, 0)                                                                 \
	X(RESET, "reset", NULL, 0, 0, 0)                                                                               \
	X(STATS, "stats", NULL, 0, 0, 0)                                                                               \
	X(TRACE_CALLS, "trace-calls", NULL, 0, 0, 0)                                                                   \
	X(TIMEOUT, "timeout", NULL, 0, 0, 0)                                                                           \
	X(LOG_LEVEL, "log-level", NULL, 0, 0, 0)                                                                       \
	X(SANDBOX, "sandbox", NULL, 0, 0, 0)

#define BENCH_BOOT_OPTIONS(X)                                                                                          \
	X(RUNS, "runs", NULL, 0, 0, 0)                                                                                 \
	X(WARMUP, "warmup", "1", 0, 1000, 0)                                                                           \
	X(MARKER, "marker", NULL, 0, 0, 0)                                                                             \
	X(VERSUS, "versus", NULL, 0, 0, 0)                                                                             \
	X(NAME, "name", NULL, 0, 0, 0)                                                                                 \
	X(VERSUS_NAME, "versus-name", NULL, 0, 0, 0)                                                                   \
	X(TIMEOUT, "timeout", "60s", 0, 0, 0)                                                                          \
	X(PHASES, "phases", NULL, 0, 0, 0)                                                                             \
	X(JSON, "json", NULL, 0, 0, 0)                                                                                 \
	X(CSV, "csv", NULL, 0, 0, 0)                                                                                   \
	X(SVG, "svg", NULL, 0, 0, 0)                                                                                   \
	X(BASELINE, "baseline", NULL, 0, 0, 0)                                                                         \
	X(MAX_RATIO, "max-ratio", NULL, 0, 0, 0)

#define BENCH_CLONE_OPTIONS(X)                                                                                         \
	X(RUNS, "runs", NULL, 0, 0, 0)                                                                                 \
	X(WARMUP, "warmup", "1", 0, 1000, 0)                                                                           \
	X(ROUNDS, "rounds", "200", 1, 10000, 0)                                                                        \
	X(INPUT, "input", NULL, 0, 0, 0)                                                                               \
	X(MARKER, "marker", NULL, 0, 0, 0)                                                                             \
	X(CLONES, "clones", "100", 0, 1000, 0)                                                                         \
	X(LINES, "lines", NULL, 0, 0, 0)                                                                               \
	X(TIMEOUT, "timeout", "60s", 0, 0, 0)                                                                          \
	X(JSON, "json", NULL, 0, 0, 0)                                                                                 \
	X(SVG, "svg", NULL, 0, 0, 0)                                                                                   \
	X(BASELINE, "baseline", NULL, 0, 0, 0)                                                                         \
	X(MAX_RATIO, "max-ratio", NULL, 0, 0, 0)

#define BENCH_LIFECYCLE_OPTIONS(X)                                                                                     \
	X(MEM, "mem", "4M", FLAT_MEM_MIN, FLAT_MEM_MAX, FLAT_MEM_STEP)                                                 \
	X(COUNT, "count", NULL, 0, 0, 0)                                                                               \
	X(ALIVE, "alive", NULL, 0, 0, 0)                                                                               \
	X(ROUNDS, "rounds", NULL, 0, 0, 0)                                                                             \
	X(JSON, "json", NULL, 0, 0, 0)                                                                                 \
	X(SVG, "svg", NULL, 0, 0, 0)

#define BENCH_EXEC_OPTIONS(X)                                                                                          \
	X(ROUNDS, "rounds", "1000", 10, 1000000, 0)                                                                    \
	X(JSON, "json", NULL, 0, 0, 0)

#define BENCH_EXITS_OPTIONS(X)                                                                                         \
	X(ITERATIONS, "iterations", NULL, 0, 0, 0)                                                                     \
	X(WARMUP, "warmup", NULL, 0, 0, 0)                                                                             \
	X(PIN, "pin", NULL, 0, 0, 0)                                                                                   \
	X(JSON, "json", NULL, 0, 0, 0)                                                                                 \
	X(SVG, "svg", NULL, 0, 0, 0)

#define TEST_OPTIONS(X)                                                                                                \
	X(KERNEL, "kernel", NULL, 0, 0, 0)                                                                             \
	X(ROOT, "root", NULL, 0, 0, 0)                                                                                 \
	X(AS, "as", NULL, 0, 0, 0)                                                                                     \
	X(MODULES, "modules", NULL, 0, 0, 0)                                                                           \
	X(SHARE, "share", NULL, 0, 0, 0)                                                                               \
	X(APPEND, "append", NULL, 0, 0, 0)                                                                             \
	X(OUT, "out", NULL, 0, 0, 0)                                                                                   \
	X(MEM, "mem", NULL, 0, 0, 0)                                                                                   \
	X(CPUS, "cpus", NULL, 0, 0, 0)                                                                                 \
	X(FRESH, "fresh", NULL, 0, 0, 0)                                                                               \
	X(JOBS, "jobs", NULL, 0, 0, 0)                                                                                 \
	X(TIMEOUT, "timeout", "60s", 0, 0, 0)                                                                          \
	X(RETRIES, "retries", NULL, 0, 0, 0)                                                                           \
	X(ONLY, "only", NULL, 0, 0, 0)                                                                                 \
	X(SHARD, "shard", NULL, 0, 0, 0)                                                                               \
	X(DURATIONS, "durations", NULL, 0, 0, 0)                                                                       \
	X(RECORD, "record", NULL, 0, 0, 0)                                                                             \
	X(MERGE, "merge", NULL, 0, 0, 0)                                                                               \
	X(DEBUG, "debug-test", NULL, 0, 0, 0)                                                                          \
	X(RERUN_FAILED, "rerun-failed", NULL, 0, 0, 0)                                                                 \
	X(KNOWN, "known", NULL, 0, 0, 0)                                                                               \
	X(ALLOW_SPLAT, "allow-splat", NULL, 0, 0, 0)                                                                   \
	X(JUNIT, "junit", NULL, 0, 0, 0)                                                                               \
	X(KTAP, "ktap", NULL, 0, 0, 0)                                                                                 \
	X(JSON, "json", NULL, 0, 0, 0)                                                                                 \
	X(KEEP_LOGS, "keep-logs", NULL, 0, 0, 0)                                                                       \
	X(SANDBOX, "sandbox", NULL, 0, 0, 0)

#define REPORT_OPTIONS(X) X(SVG, "svg", NULL, 0, 0, 0)

#define SNAPSHOT_OPTIONS(X) X(JSON, "json", NULL, 0, 0, 0)

/* Besides the settings of a machine */
#define RESTORE_OPTIONS(X)                                                                                             \
	X(CLONES, "clones", NULL, 0, 0, 0)                                                                             \
	X(JOBS, "jobs", NULL, 1, CLONES_MAX, 0)

/* Of these lists: an enumerator, and a row of the array that subset_parse() fills in, which ends with an empty one. */
#define SUBSET_INDEX(id, name_, deflt_, min_, max_, multiple_) id,
#define SUBSET_ROW(id, name_, deflt_, min_, max_, multiple_)                                                           \
	{.name = name_, .deflt = deflt_, .min = min_, .max = max_, .multiple = multiple_},

/**
 * struct command_info - a subcommand, or a benchmark of `vmm bench`
 * @name: as it is typed: "flat", "bench boot"
 * @usage: what follows the name
 * @text: what it does, a sentence
 * @ends_options: its first word ends the options: what follows is for the program that it names
 * @takes: ended by a NULL name; NULL: the settings of a machine, and what the table has for this command only
 * @machine: it takes the settings of a machine besides @takes
 * @ends: its exit statuses, a line each
 * @examples: one a line
 */
struct command_info {
	const char *name;
	const char *usage;
	const char *text;
	bool ends_options;
	const struct subset_option *takes;
	bool machine;
	const char *ends;
	const char *examples;
};

/* Ended by a row without @name. */
extern const struct command_info command_infos[];

/** command_find() - the one with this name, or NULL */
const struct command_info *command_find(const char *name);

/**
 * command_takes() - does @c take option @o?
 * @ret: in which way, or NULL: as the table has it
 */
bool command_takes(const struct command_info *c, const struct option_def *o, const struct subset_option **ret);

/**
 * command_refuses() - words for an option that a command does not take, with those that do
 *
 * Return: -EINVAL.
 */
int command_refuses(const char *name, const struct option_def *o, struct err *e);

#endif
