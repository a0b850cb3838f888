/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reports as `vmm report` shows them: read from files that anybody may have written, checked, and made printable.
 */
#ifndef CMD_REPORT_REPORT_H
#define CMD_REPORT_REPORT_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "vmm/base/err.h"
#include "vmm/base/jsonread.h"

#define REPORT_RUNS_MAX   8
#define REPORT_PHASES_MAX 64
#define REPORT_LABEL_MAX  32

/** enum run_group - of phases, in order */
enum run_group { RUN_SETUP, RUN_GUEST, RUN_END, RUN_GROUPS };

/** struct run_phase - times in ns; @name: stable; @label: for people, printable */
struct run_phase {
	char name[REPORT_LABEL_MAX + 16];
	char label[REPORT_LABEL_MAX];
	enum run_group group;
	uint64_t start_ns;
	uint64_t wall_ns;
	uint64_t cpu_ns;
};

/** struct run_span - an initcall, or with @wall_ns 0 a mark */
struct run_span {
	char name[64];
	uint64_t start_ns;
	uint64_t wall_ns;
};

/**
 * struct run_report - one file; run_report_destroy()
 * @title: the file's name without directory and ".json", printable
 * @summary, @machine: a line each on how it ended, and where
 * @initcall: longest first
 */
struct run_report {
	char *text;
	struct json_doc doc;
	char title[48];
	char summary[256];
	char machine[320];
	struct run_phase phase[REPORT_PHASES_MAX];
	size_t nr_phases;
	struct run_span *initcall;
	size_t nr_initcalls;
	struct run_span *mark;
	size_t nr_marks;
	uint64_t total_ns;
};

/**
 * run_report_read() - read a file that --report wrote
 * @ret: untouched on failure
 *
 * Return: 0 or a negative errno, with a message in @e that names the file.
 * Trust: none.
 */
int run_report_read(const char *path, struct run_report *ret, struct err *e);

/** run_report_destroy() - takes a zeroed struct */
void run_report_destroy(struct run_report *r);

/** run_report_group_ns() - what the phases of a group add up to; @ret_start: when the first begins */
uint64_t run_report_group_ns(const struct run_report *r, enum run_group g, uint64_t *ret_start);

/** run_report_phase() - by name, or NULL */
const struct run_phase *run_report_phase(const struct run_report *r, const char *name);

/** run_group_label() - "setup", "guest", "end" */
const char *run_group_label(enum run_group g);

/** report_text() - one run: its timeline with bars and what else it came to; @width: columns */
void report_text(const struct run_report *r, int width, FILE *out);

/** report_compare() - two or more runs, phase by phase */
void report_compare(const struct run_report *r, size_t nr, int width, FILE *out);

/**
 * report_svg() - a picture of one run or more. Return: 0 or -ENOMEM; errors of @out are the caller's to look at
 * (ferror).
 */
int report_svg(const struct run_report *r, size_t nr, FILE *out);

/** report_ms() - a time in ms with as many places as it deserves; @buf: at least 24 bytes. Return: @buf. */
const char *report_ms(uint64_t ns, char *buf);

#endif
