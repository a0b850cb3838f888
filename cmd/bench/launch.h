/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One run of a command, timed from its exec by what it prints. It knows nothing of what it runs.
 */
#ifndef CMD_BENCH_LAUNCH_H
#define CMD_BENCH_LAUNCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vmm/base/err.h"

/* In the environment of what is run: the moment of its exec, CLOCK_MONOTONIC in ns, decimal. */
#define LAUNCH_EXEC_ENV "VMM_EXEC_NS"

/* How long a command may take to end after it was asked to. */
#define LAUNCH_GRACE_MS 2000

/* Of lines longer than this only the end is seen: markers are shorter. */
#define BENCH_LINE_MAX 512

/**
 * struct launch - what to run, and until when
 * @argv: NULL-terminated; argv[0] is the file to execute, without a search along PATH
 * @marker: what on standard output or standard error ends the run; NULL: its end. 1 to BENCH_LINE_MAX - 1 bytes, no
 *     newline
 * @times: how often it has to come; 0: once
 * @first_byte: the first byte on standard output ends the run as the marker does
 * @in_fd: its standard input, borrowed; 0: /dev/null
 * @out: NULL, or called with what it prints on standard output, as it comes, and @arg
 * @there: NULL, or called with @arg at the marker, and at the end of a time with @waits, before @end_signal
 * @end_signal: sent to its process group at the marker
 * @timeout_ns: from exec
 * @grace_ms: how long it may take to end then, before it is killed; 0: LAUNCH_GRACE_MS
 * @waits: that the time runs out is as good as the marker: @end_signal is sent then too
 * @wake_fd: readable when the run is to be given up (a signalfd); -1: none
 * @err_fd: where what it says on standard error is kept, up to 1 MiB
 */
struct launch {
	char **argv;
	const char *marker;
	unsigned times;
	bool first_byte;
	int in_fd;
	void (*out)(void *arg, const char *data, size_t n);
	void (*there)(void *arg);
	void *arg;
	int end_signal;
	uint64_t timeout_ns;
	unsigned grace_ms;
	bool waits;
	int wake_fd;
	int err_fd;
};

enum launch_end {
	LAUNCH_MARKER, /* the marker came; without one: the command ended */
	LAUNCH_ENDED,  /* it ended and had not printed the marker */
	LAUNCH_TIMEOUT,
	LAUNCH_GIVEN_UP, /* @wake_fd */
};

/**
 * struct timing - what came of it; times in ns since exec, 0: did not happen
 * @first_byte: anything on standard output
 * @banner: "Linux version" on it
 * @marker: the marker on either, or without one the end of the command
 * @markers: how often it came
 * @guest_clock: what the guest's own clock said there: "clock=SECONDS" in front of the marker on its line, else the
 *     kernel's time stamp at the line's start
 * @cpu: user and system time of the command and of the children it waited for
 * @rss_bytes: the most it held
 * @status: as waitpid() tells, after @end_signal
 * @tail: the last of what it printed, NUL-terminated
 */
struct timing {
	enum launch_end end;
	uint64_t first_byte;
	uint64_t banner;
	uint64_t marker;
	unsigned markers;
	uint64_t guest_clock;
	uint64_t cpu;
	uint64_t rss_bytes;
	int status;
	char tail[BENCH_LINE_MAX];
};

/**
 * launch_run() - run it once, to the marker, and end it
 *
 * Time zero is read in the child, in the statement before execve(). The command has a process group of its own, all of
 * which is killed at the end.
 *
 * Return: 0 when it could be run, whatever came of it; a negative errno, with a message in @e.
 * Context: blocks; one thread only, since it uses vfork(). Signals blocked by the caller are unblocked in the command.
 * Trust: operator.
 */
int launch_run(const struct launch *l, struct timing *ret, struct err *e);

/** launch_quote() - the last lines of what it said on standard error, which are in @fd, for an error of ours */
void launch_quote(int fd);

/**
 * struct line_watch - the stream of bytes, looked at as they come; launch_run()'s, and open to tests
 * @times: as of struct launch
 */
struct line_watch {
	const char *marker;
	unsigned times;
	uint64_t now;
	struct timing *timing;
	char line[BENCH_LINE_MAX];
	unsigned used;
};

/** line_watch_feed() - bytes that arrived at @w->now; true when the marker is complete */
bool line_watch_feed(struct line_watch *w, const char *data, unsigned len);

/**
 * split_words() - a command line as words: blanks separate, '...' and "..." and \ quote as in a shell, nothing expands
 * @text: from the operator
 * @ret: NULL-terminated, one allocation, the caller's
 *
 * Return: 0, -EINVAL with a message in @e (a quote without its end, no word at all), -ENOMEM.
 */
int split_words(const char *text, char ***ret, struct err *e);

/** find_program() - @name along PATH, as a shell would; allocated, the caller's; NULL when there is none */
char *find_program(const char *name);

#endif
