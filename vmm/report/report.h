/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The two files that tell of a run when it is over: the report (docs/report.schema.json), and the trace in the format
 * of Chrome's trace viewer. Both are written from what was kept in memory, through files opened before the sandbox
 * closed.
 *
 *	report_new(&config, &info, trace, &report);		before the first event; NULL when neither file is wanted
 *	report_open(report, e);					OPEN stage
 *	report_begin(report);					all is set up
 *	...
 *	report_collect(report, machine);			the run is over, the machine still there
 *	machine_destroy(machine);
 *	report_write(report, &end, e);
 *	report_free(report);
 */
#ifndef VMM_REPORT_REPORT_H
#define VMM_REPORT_REPORT_H

#include "vmm/base/err.h"
#include "vmm/base/outcome.h"
#include "vmm/base/trace.h"
#include "vmm/config.h"

#define REPORT_VERSION 1

struct machine;
struct report;
struct sandbox_achieved;

enum report_kind { REPORT_NULL, REPORT_BOOL, REPORT_NUMBER, REPORT_TEXT };

/**
 * struct report_setting - a member of the report's configuration
 * @text: borrowed
 */
struct report_setting {
	char name[32];
	enum report_kind kind;
	uint64_t n;
	const char *text;
};

/**
 * struct report_info - who wrote it, and with which settings; borrowed
 * @argv: the command as given, ended by NULL
 * @exec_to_main_ns: from exec to time zero, 0: not known
 * @setting, @nr_settings: the configuration, defaults included
 */
struct report_info {
	const char *version;
	const char *commit;
	const char *compiler;
	char *const *argv;
	uint64_t exec_to_main_ns;
	const struct report_setting *setting;
	size_t nr_settings;
};

/**
 * struct report_end - how it ended
 * @verdict: OUTCOME_FAILURE by DETECTOR_VMM when it could not start
 * @status: the exit status that the process is about to end with
 * @error: words of what kept it from running, or NULL
 * @sandbox: what was achieved, or NULL
 */
struct report_end {
	struct verdict verdict;
	int status;
	const char *error;
	const struct sandbox_achieved *sandbox;
};

/**
 * report_new() - begin to listen to @trace
 * @c, @info, @trace: borrowed until report_free()
 * @ret: owned by the caller, NULL when nothing is to be written; untouched on failure
 *
 * Return: 0 or -ENOMEM. Context: the trace's owner, before other threads.
 */
int report_new(const struct config *c, const struct report_info *info, struct trace *trace, struct report **ret);

/**
 * report_open() - open the files of --report and --trace; @r may be NULL
 *
 * What is there stays until report_write() replaces it (vmm/host/outfile.h). Should: open all that is read at the end
 * as well.
 *
 * Return: 0 or a negative errno, with a message in @e.
 * Context: OPEN stage. Trust: operator.
 */
int report_open(struct report *r, struct err *e);

/** report_begin() - the run begins: files that cannot be replaced are emptied; @r may be NULL */
void report_begin(struct report *r);

/** report_collect() - take the numbers of a machine that has stopped, or that did not get to run; @r may be NULL */
void report_collect(struct report *r, struct machine *m);

/**
 * report_write() - write what is wanted; @r may be NULL
 *
 * What cannot be written to its end (no room, or nobody reads) leaves the last document in its place, or, where it is
 * written in place, is cut short: half a document is no JSON.
 *
 * Return: 0 or a negative errno, with a message in @e for the first that failed.
 */
int report_write(struct report *r, const struct report_end *end, struct err *e);

/** report_free() - takes NULL; the trace is gone, or tells nothing any more */
void report_free(struct report *r);

#endif
