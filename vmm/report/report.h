/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The two files written after a run: the report (docs/report.schema.json), and the trace in the format of Chrome's
 * trace viewer. Both are written from memory, to files opened before the sandbox.
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
 * struct report_info - the program and its settings; borrowed
 * @argv: the command as given, ended by NULL
 * @exec_to_main_ns: from exec to time zero, 0: unknown
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
 * @error: message of the error that prevented the run, or NULL
 * @sandbox: the restrictions in force, or NULL
 */
struct report_end {
	struct verdict verdict;
	int status;
	const char *error;
	const struct sandbox_achieved *sandbox;
};

/**
 * report_new() - start recording @trace
 * @c, @info, @trace: borrowed until report_free(); @trace may be NULL until report_adopt()
 * @ret: owned by the caller, NULL when neither file is requested; unchanged on failure
 *
 * Return: 0 or -ENOMEM. Context: the trace's owner, before other threads.
 */
int report_new(const struct config *c, const struct report_info *info, struct trace *trace, struct report **ret);

/**
 * report_open() - open the files of --report and --trace; @r may be NULL
 *
 * Existing files are kept until report_write() replaces them (vmm/host/outfile.h). Should: also open everything that is
 * read at the end.
 *
 * Return: 0 or a negative errno, with a message in @e.
 * Context: OPEN stage. Trust: operator.
 */
int report_open(struct report *r, struct err *e);

/**
 * report_adopt() - the report is about this process, which was forked after report_open(); @r may be NULL
 *
 * What is read in /proc about a process would be that of the other one, and is left out.
 *
 * Return: 0 or -ENOMEM. Context: as report_new().
 */
int report_adopt(struct report *r, struct trace *trace);

/** report_begin() - called when the run starts: truncates files that cannot be replaced; @r may be NULL */
void report_begin(struct report *r);

/** report_collect() - collect the numbers of a machine that has stopped, or did not start; @r may be NULL */
void report_collect(struct report *r, struct machine *m);

/**
 * report_write() - write the requested files; @r may be NULL
 *
 * If writing fails (disk full, or no reader), the previous file is kept, or, if it is written in place, the file is
 * incomplete and not valid JSON.
 *
 * Return: 0 or a negative errno, with a message in @e about the first failure.
 */
int report_write(struct report *r, const struct report_end *end, struct err *e);

/** report_free() - takes NULL; the trace has been freed, or emits no more events */
void report_free(struct report *r);

#endif
