// SPDX-License-Identifier: Apache-2.0
#include "vmm/results/judge.h"

#include <string.h>
#include <sys/wait.h>

#include "vmm/base/jsonread.h"
#include "vmm/base/util.h"
#include "vmm/results/ktap_line.h"

/* How the kernel begins a line that reports a bug: lib/bug.c, kernel/panic.c, kernel/locking/lockdep.c, ... */
static const char *const complaints[] = {
	"BUG: ",
	"WARNING: CPU: ",
	"WARNING: possible ",
	"WARNING: inconsistent lock state",
	"WARNING: bad unlock balance",
	"WARNING: suspicious RCU usage",
	"WARNING: held lock freed",
	"WARNING: lock held when returning to user space",
	"WARNING: stack recursion",
	"WARNING: kernel stack",
	"Oops: ",
	"Oops - ",
	"general protection fault",
	"invalid opcode: ",
	"divide error: ",
	"stack segment: ",
	"Unable to handle kernel ",
	"kernel BUG at ",
	"UBSAN: ",
	"watchdog: BUG: soft lockup",
	"NMI watchdog: ",
	"watchdog: Watchdog detected hard LOCKUP",
	"INFO: task ",
	"INFO: rcu_",
	"rcu: INFO: rcu_",
	"INFO: possible ",
	"INFO: trying to register non-static key",
	"unchecked MSR access error: ",
	"list_add corruption",
	"list_del corruption",
	"refcount_t: ",
	"DEBUG_LOCKS_WARN_ON",
	"kmemleak: ",
};

#define CUT_HERE   "------------[ cut here ]------------"
#define END_TRACE  "---[ end trace "
#define REPORT_MAX 200 /* lines of a report; one that has no end within these is its first line alone */
#define CPUS_MAX   4   /* CPUs in the reason of a timeout */

static bool line_complains(struct ktap_line l, bool panic)
{
	if (panic)
		return ktap_line_takes(&l, "Kernel panic - not syncing");
	for (size_t i = 0; i < ARRAY_SIZE(complaints); i++)
		if (ktap_line_takes(&l, complaints[i]))
			return true;
	return false;
}

static bool begins(struct ktap_line l, const char *with)
{
	return ktap_line_takes(&l, with);
}

static bool is_allowed(const struct judge_run *run, struct ktap_line l)
{
	char line[JUDGE_WHY_MAX];

	if (!run->allow)
		return false;
	snprintf(line, sizeof(line), "%.*s", (int)MIN(l.end - l.s, (ptrdiff_t)sizeof(line)), l.s);
	return regexec(run->allow, line, 0, NULL, 0) == 0;
}

/*
 * Reads a report from its first line, @l. WARN and BUG begin with "cut here", and some text may stand before the line
 * that says what it is; all have an "end trace".
 *
 * @at: of the line after @l, then of the line after the report
 * @ret: the line that says what it is. Return: whether it is allowed.
 */
static bool take_report(const struct judge_run *run, struct ktap_line l, size_t *at, struct ktap_line *ret)
{
	bool named = line_complains(l, false), matched = is_allowed(run, l), allowed = matched;
	size_t next = *at;

	*ret = l;
	for (int i = 0; i < REPORT_MAX && ktap_line_next(run->text, run->size, &next, &l); i++) {
		bool more = line_complains(l, false), ends = begins(l, END_TRACE);

		/* Another report; "Oops: 0002 [#1]" and "invalid opcode: 0000 [#1]" go on with this one. */
		if (begins(l, CUT_HERE) || (named && more && !memmem(l.s, (size_t)(l.end - l.s), " [#", 3)))
			break;
		matched |= is_allowed(run, l);
		if (!named && more)
			*ret = l;
		/* Without an end trace the report ends with the line that says what it is. */
		if (ends || (!named && more)) {
			*at = next;
			allowed = matched;
		}
		named |= more;
		if (ends)
			break;
	}
	return allowed;
}

bool judge_complaint(const struct judge_run *run, bool panic, char *buf, size_t buf_size)
{
	struct ktap_line l;
	size_t at = 0;

	while (ktap_line_next(run->text, run->size, &at, &l)) {
		if (!line_complains(l, panic) && (panic || !begins(l, CUT_HERE)))
			continue;
		if (!panic && take_report(run, l, &at, &l))
			continue;
		snprintf(buf, buf_size, "%.*s", (int)MIN(l.end - l.s, (ptrdiff_t)buf_size), l.s);
		return true;
	}
	return false;
}

/* --- What vmm says ---------------------------------------------------------------------------------------------- */

/*
 * The first line of vmm's standard error that begins with @prefix; NULL: there is none. Text of the guest's console is
 * there, too, but never at the beginning of a line.
 */
static const char *error_line(const char *from, const char *prefix)
{
	for (const char *s = from; *s; s = strchrnul(s, '\n') + (*strchrnul(s, '\n') != '\0'))
		if (!strncmp(s, prefix, strlen(prefix)))
			return s;
	return NULL;
}

static void decide(struct judge_verdict *v, enum result_outcome o, const char *why)
{
	v->outcome = o;
	snprintf(v->why, sizeof(v->why), "%s", why);
}

/* The reason is the line at @s, or @other if that is NULL. */
static void decide_line(struct judge_verdict *v, enum result_outcome o, const char *s, const char *other)
{
	decide(v, o, s ? s : other);
	v->why[strcspn(v->why, "\n")] = '\0';
}

/* vmm's last line that is its own, and not a position or text of the guest. */
static const char *last_error(const char *errors)
{
	const char *last = NULL;

	for (const char *s = errors; (s = error_line(s, "vmm: ")); s++)
		last = s;
	return last ? last : *errors ? errors : NULL;
}

/* Adds where the CPUs were: "CPU 0: running, 64-bit mode, RIP 0x...". */
static void add_cpus(struct judge_verdict *v, const char *errors)
{
	size_t n = strlen(v->why);

	for (int i = 0; i < CPUS_MAX && (errors = error_line(errors, "CPU ")); i++, errors++) {
		size_t len = strcspn(errors, "\n");
		const char *rsp = memmem(errors, len, ", RSP ", 6);

		n += (size_t)snprintf(
			v->why + n, sizeof(v->why) - n, "; %.*s", (int)(rsp ? rsp - errors : (ptrdiff_t)len), errors);
		n = MIN(n, sizeof(v->why) - 1);
	}
}

/* Judges by the results in the log, for a guest that ended by itself. */
static void judge_results(const struct judge_run *run, const struct ktap *k, struct judge_verdict *v)
{
	struct ktap_totals t;

	ktap_count(k, &t);
	if (run->truncated) {
		decide(v, RESULT_FAIL, "it printed more than is read");
	} else if (!ktap_passed(&k->root)) {
		v->outcome = RESULT_FAIL;
		results_explain(k, v->why, sizeof(v->why));
	} else if (k->found && t.of[KTAP_SKIP] == t.total) {
		decide(v, RESULT_SKIP, "all of its results are skips");
	}
}

/* Exit statuses of vmm: vmm/base/outcome.h. */
static void judge_status(const struct judge_run *run, const struct ktap *k, struct judge_verdict *v)
{
	int status = v->status;

	if (status == EXIT_USAGE || status >= EXIT_FAILED)
		decide_line(v, RESULT_ERROR, last_error(run->errors), "vmm did not end by itself");
	else if (status == 124) {
		decide(v, RESULT_TIMEOUT, "its time ran out");
		add_cpus(v, run->errors);
	} else if (status == 34)
		decide(v, RESULT_PANIC, "the guest panicked");
	else if (status == 36)
		decide_line(v, RESULT_CRASH, error_line(run->errors, "vmm: the guest crashed"), "the guest crashed");
	else if ((status == 32 || status == 38) && !k->found)
		decide(v, RESULT_CRASH,
			status == 32 ? "the guest reset itself without a result" : "the guest halted without a result");
	else if (status == 0 || status == 1 || status == 32 || status == 38)
		judge_results(run, k, v);
	else if (status % 2) {
		v->outcome = RESULT_FAIL;
		snprintf(v->why, sizeof(v->why), "it wrote %d to the exit port", (status - 1) / 2);
	} else {
		v->outcome = RESULT_ERROR;
		snprintf(v->why, sizeof(v->why), "vmm ended with status %d", status);
	}
}

/* --- Commands --------------------------------------------------------------------------------------------------- */

#define KSFT_SKIP 4 /* what a kselftest exits with when its results are skips */

enum outcome judge_report(char *text, size_t size)
{
	static const enum outcome outcomes[] = {
#define X(id, name, status, text) OUTCOME_##id,
		OUTCOMES(X)
#undef X
	};
	struct json_doc doc = {0};
	enum outcome ret = OUTCOME_NONE;
	struct err e = {};

	if (json_read(text, size, &doc, &e) < 0)
		return OUTCOME_NONE;
	for (size_t i = 0; i < ARRAY_SIZE(outcomes); i++)
		if (!strcmp(json_text(json_get(&doc, json_get(&doc, doc.node, "outcome"), "name"), ""),
			    outcome_name(outcomes[i])))
			ret = outcomes[i];
	json_doc_destroy(&doc);
	return ret;
}

/* A status other than 0 is a failure, whatever it printed. */
static void judge_exit(const struct judge_run *run, const struct ktap *k, struct judge_verdict *v)
{
	judge_results(run, k, v);
	if (!v->status || v->outcome == RESULT_FAIL || (v->outcome == RESULT_SKIP && v->status == KSFT_SKIP))
		return;
	v->outcome = RESULT_FAIL;
	if (v->status > 128)
		snprintf(v->why, sizeof(v->why), "signal %d ended it", v->status - 128);
	else
		snprintf(v->why, sizeof(v->why), "it exited with status %d%s", v->status,
			k->found ? ", and all its results passed" : "");
}

static void judge_command(const struct judge_run *run, const struct ktap *k, struct judge_verdict *v)
{
	switch (run->ended) {
	case OUTCOME_COMMAND: judge_exit(run, k, v); break;
	case OUTCOME_TIMEOUT:
		decide(v, RESULT_TIMEOUT, "its time ran out");
		add_cpus(v, run->errors);
		break;
	case OUTCOME_PANIC: decide(v, RESULT_PANIC, "the guest panicked"); break;
	case OUTCOME_CRASH:
		decide_line(v, RESULT_CRASH, error_line(run->errors, "vmm: the guest crashed"), "the guest crashed");
		break;
	case OUTCOME_POWEROFF:
	case OUTCOME_RESET:
	case OUTCOME_HALT:
	case OUTCOME_DEBUG_EXIT:
		snprintf(v->why, sizeof(v->why), "no status of the command: %s", outcome_text(run->ended));
		v->outcome = RESULT_CRASH;
		break;
	default: decide_line(v, RESULT_ERROR, last_error(run->errors), "vmm did not end by itself"); break;
	}
}

void judge_run(const struct judge_run *run, const struct ktap *ktap, struct judge_verdict *ret)
{
	struct judge_verdict v = {.outcome = RESULT_PASS};
	char line[JUDGE_WHY_MAX];

	v.status = WIFEXITED(run->wait_status) ? WEXITSTATUS(run->wait_status) : 128 + WTERMSIG(run->wait_status);
	if (run->command)
		judge_command(run, ktap, &v);
	else
		judge_status(run, ktap, &v);
	if (v.outcome != RESULT_ERROR && judge_complaint(run, true, line, sizeof(line)))
		decide(&v, RESULT_PANIC, line);
	if ((v.outcome == RESULT_PASS || v.outcome == RESULT_SKIP) && judge_complaint(run, false, line, sizeof(line)))
		decide(&v, RESULT_SPLAT, line);
	*ret = v;
}
