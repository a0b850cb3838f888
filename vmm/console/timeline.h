/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads along what a guest prints, for the timeline: milestones of a Linux boot, the initcalls of `initcall_debug`,
 * marks that the guest sets (`vmm-mark=NAME`), and how the guest's clock lies on ours. A second reader beside
 * panic_text.h, which decides how a run ended; nothing is decided here. What it finds it tells as trace events, each
 * dated to the first byte of its line. Programs in the guest can print the same lines: what is told is what the console
 * said.
 */
#ifndef VMM_CONSOLE_TIMELINE_H
#define VMM_CONSOLE_TIMELINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vmm/base/trace.h"

#define TIMELINE_LINE_MAX  256 /* what is behind it in a line is not looked at */
#define TIMELINE_MARKS_MAX 256 /* further ones are counted */
#define TIMELINE_CALLS_MAX 16  /* initcalls under way at once, of several tasks or nested */
#define TIMELINE_NEAREST   8
#define TIMELINE_NAME_MAX  64

/**
 * struct guest_clock - where the guest's printk clock lies on CLOCK_MONOTONIC
 * @lines: how many lines carried a time that was running
 * @zero_ns: our time at which the guest's clock read 0, as the line that came with the least delay has it: never
 *           earlier than the truth, and later by that delay
 * @spread_ns: how much later the TIMELINE_NEAREST-th nearest line has it; 0 while there are fewer lines
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
 * @marks_lost: marks beyond TIMELINE_MARKS_MAX
 */
struct timeline {
	struct trace *trace;
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
 * timeline_feed() - the next @n bytes; how they are cut into calls makes no difference but to their time
 * @now_ns: CLOCK_MONOTONIC
 *
 * Context: one thread at a time; takes the trace's lock and nothing else, never blocks. Trust: guest.
 */
void timeline_feed(struct timeline *b, const uint8_t *data, size_t n, uint64_t now_ns);

/** timeline_clock() - Return: false when no line had a time. Context: as timeline_feed(). */
bool timeline_clock(const struct timeline *b, struct guest_clock *ret);

/**
 * timeline_name() - a name as a mark may have it: up to the first blank or control character, at most
 * TIMELINE_NAME_MAX - 1 bytes
 * @ret: at least TIMELINE_NAME_MAX bytes
 *
 * Return: false when nothing is left.
 */
bool timeline_name(const char *text, char *ret);

#endif
