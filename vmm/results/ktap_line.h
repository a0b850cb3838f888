/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parses one line of a log for ktap.c: its column and its content. The conventions are those of ktap.h.
 */
#ifndef VMM_RESULTS_KTAP_LINE_H
#define VMM_RESULTS_KTAP_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vmm/results/ktap.h"

#define KTAP_HASH_COLUMNS 256 /* columns that a "# " counts as: more than any indentation */
#define KTAP_PLAN_MAX     1000000000

/**
 * struct ktap_line - a line, stripped of its prefixes
 * @s, @end: without the kernel's prefix, blanks at either end, and "# "
 * @column: KTAP_HASH_COLUMNS for each "# ", plus the blanks after the last one
 * @begin, @next: offsets of the whole line and of the one after it
 */
struct ktap_line {
	const char *s;
	const char *end;
	unsigned column;
	size_t begin;
	size_t next;
};

/**
 * struct ktap_said - the fields of a result line
 * @number: 0: the line has none, or its number is 0
 * @bare: the line is only "ok" or "not ok", which programs also print for other reasons
 * @name, @name_end, @reason, @reason_end: within the line
 */
struct ktap_said {
	bool ok;
	bool numbered;
	bool bare;
	uint32_t number;
	enum ktap_outcome outcome;
	const char *name;
	const char *name_end;
	const char *reason;
	const char *reason_end;
};

/** ktap_line_next() - the line at offset *@at, which moves to the next line; false at the end of the text */
bool ktap_line_next(const char *text, size_t size, size_t *at, struct ktap_line *ret);

/** ktap_line_takes() - whether the rest of the line begins with @word, which is then skipped */
bool ktap_line_takes(struct ktap_line *l, const char *word);

/** ktap_line_version() - whether it is the first line of results */
bool ktap_line_version(struct ktap_line l);

/** ktap_line_plan() - whether it is a plan; @ret_skip: it has the directive SKIP: nothing was run */
bool ktap_line_plan(struct ktap_line l, uint32_t *ret, bool *ret_skip);

/** ktap_line_result() - whether it is a result */
bool ktap_line_result(struct ktap_line l, struct ktap_said *ret);

#endif
