/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The verdict on one test, from a run of vmm: its exit status, the results that its guest printed, and whether the
 * guest's kernel reported a bug.
 */
#ifndef VMM_RESULTS_JUDGE_H
#define VMM_RESULTS_JUDGE_H

#include <regex.h>

#include "vmm/base/outcome.h"
#include "vmm/results/results.h"

#define JUDGE_WHY_MAX 512

/**
 * struct judge_run - a run that is over
 * @wait_status: of vmm, as waitpid() has it
 * @text: @size bytes that the guest printed on its console, and a NUL
 * @command: the guest ran a command, which printed its results elsewhere and ended as @ended says
 * @ended: judge_report()
 * @truncated: the guest printed more than is kept of it
 * @errors: the end of vmm's standard error, as a string of whole lines; "": there was none
 * @allow: kernel complaints that do not count as a splat; NULL: every complaint counts
 */
struct judge_run {
	int wait_status;
	const char *text;
	size_t size;
	bool command;
	enum outcome ended;
	bool truncated;
	const char *errors;
	const regex_t *allow;
};

/**
 * struct judge_verdict - the result
 * @status: exit status of vmm, 128 + S if signal S ended it
 * @why: a sentence, with text of the guest, not escaped; "" when it just passed
 */
struct judge_verdict {
	enum result_outcome outcome;
	int status;
	char why[JUDGE_WHY_MAX];
};

/**
 * judge_report() - how the guest of a command ended, from the report of its vmm (--report)
 * @text: @size bytes and a NUL; modified
 *
 * The exit status alone does not tell: that of the command may be 124, 125 or 255 too.
 *
 * Return: OUTCOME_NONE if that is no report. Trust: guest, which a vmm that was taken over may be.
 */
enum outcome judge_report(char *text, size_t size);

/**
 * judge_run() - decide the outcome of a test
 * @ktap: what ktap_read() found in the text
 *
 * Trust: guest. It can print any results, so a compromised guest can report that its test passed.
 */
void judge_run(const struct judge_run *run, const struct ktap *ktap, struct judge_verdict *ret);

/**
 * judge_complaint() - the first line in which a kernel reports a bug: oops, WARN, lockdep, KASAN, lockup, hung task
 * @panic: look for a panic instead of these
 * @buf, @buf_size: the line, not escaped
 *
 * All lines from the first one of a report to its "end trace" are one complaint, which @allow allows when it matches
 * any of them.
 *
 * Return: whether there is one that @allow does not match.
 */
bool judge_complaint(const struct judge_run *run, bool panic, char *buf, size_t buf_size);

#endif
