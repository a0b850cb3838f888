/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Scans a guest's output for the timeline: milestones of a Linux boot, the initcalls of `initcall_debug`, marks that
 * the guest sets (`vmm-mark=NAME`), and the offset of the guest's clock. Unlike panic_text.h it has no influence on the
 * outcome of a run. Matches are reported as trace events, with the time of the first byte of the line. Programs in the
 * guest can print the same lines.
 */
#ifndef VMM_CONSOLE_TIMELINE_H
#define VMM_CONSOLE_TIMELINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vmm/base/trace.h"

#define TIMELINE_LINE_MAX  256 /* the rest of a line is ignored */
#define TIMELINE_MARKS_MAX 256 /* further marks are counted */
#define TIMELINE_CALLS_MAX 16  /* concurrent initcalls, of several tasks or nested */
#define TIMELINE_NEAREST   8
#define TIMELINE_NAME_MAX  64

/**
 * struct guest_clock - the offset of the guest's printk clock to CLOCK_MONOTONIC
 * @lines: number of lines with a time other than 0
 * @zero_ns: our time at which the guest's clock was 0, according to the line with the smallest delay: too late by that
 *           delay, never too early
 * @spread_ns: difference to the TIMELINE_NEAREST-th best line; 0 while there are fewer lines
 */
struct guest_clock {
	uint64_t lines;
	int64_t zero_ns;
	uint64_t spread_ns;
};

/** struct timeline_call - an initcall that has begun */
struct timeline_call {
	char name[TIMELINE_NAME_MAX];
	uint64_t task;
	uint64_t guest_ns;
	uint64_t host_ns;
};

/**
 * struct timeline - zero-initialise, then set @trace; the rest is private
 * @trace: borrowed, may be NULL
 * @marked: called for each mark, or NULL
 * @marks_lost: marks beyond TIMELINE_MARKS_MAX
 */
struct timeline {
	struct trace *trace;
	void (*marked)(struct timeline *b, const char *name);
	uint64_t marks_lost;
	unsigned marks;
	unsigned found;
	uint64_t line_ns;
	size_t len;
	bool in_line;
	struct timeline_call call[TIMELINE_CALLS_MAX];
	uint64_t lines;
	int64_t nearest[TIMELINE_NEAREST];
	char line[TIMELINE_LINE_MAX + 1];
};

/**
 * timeline_feed() - the next @n bytes; their division into calls matters only for their times
 * @now_ns: CLOCK_MONOTONIC
 *
 * Context: one thread at a time; takes the trace's lock and nothing else, never blocks. Trust: guest.
 */
void timeline_feed(struct timeline *b, const uint8_t *data, size_t n, uint64_t now_ns);

/** timeline_clock() - Return: false when no line had a time. Context: as timeline_feed(). */
bool timeline_clock(const struct timeline *b, struct guest_clock *ret);

/**
 * timeline_name() - parse the name of a mark: up to the first blank or control character, at most TIMELINE_NAME_MAX - 1
 * bytes
 * @ret: at least TIMELINE_NAME_MAX bytes
 *
 * Return: false when nothing is left.
 */
bool timeline_name(const char *text, char *ret);

#endif
