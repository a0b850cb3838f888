// SPDX-License-Identifier: Apache-2.0
#include "vmm/results/judge.h"

#include <string.h>
#include <sys/wait.h>

#include "vmm/base/outcome.h"
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
	"------------[ cut here ]------------",
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

static bool line_complains(struct ktap_line l, bool panic)
{
	if (panic)
		return ktap_line_takes(&l, "Kernel panic - not syncing");
	for (size_t i = 0; i < ARRAY_SIZE(complaints); i++)
		if (ktap_line_takes(&l, complaints[i]))
			return true;
	return false;
}

bool judge_complaint(const struct judge_run *run, bool panic, char *buf, size_t buf_size)
{
	struct ktap_line l;
	size_t at = 0;

	while (ktap_line_next(run->text, run->size, &at, &l)) {
		if (!line_complains(l, panic))
			continue;
		snprintf(buf, buf_size, "%.*s", (int)MIN(l.end - l.s, (ptrdiff_t)buf_size), l.s);
		if (panic || !run->allow || regexec(run->allow, buf, 0, NULL, 0) != 0)
			return true;
	}
	return false;
}

static void decide(struct judge_verdict *v, enum result_outcome o, const char *why)
{
	v->outcome = o;
	snprintf(v->why, sizeof(v->why), "%s", why);
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
		decide(v, RESULT_ERROR, *run->said ? run->said : "vmm did not end by itself");
	else if (status == 124)
		decide(v, RESULT_TIMEOUT, "its time ran out");
	else if (status == 34)
		decide(v, RESULT_PANIC, "the guest panicked");
	else if (status == 36)
		decide(v, RESULT_CRASH, *run->said ? run->said : "the guest crashed");
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

void judge_run(const struct judge_run *run, const struct ktap *ktap, struct judge_verdict *ret)
{
	struct judge_verdict v = {.outcome = RESULT_PASS};
	char line[JUDGE_WHY_MAX];

	v.status = WIFEXITED(run->wait_status) ? WEXITSTATUS(run->wait_status) : 128 + WTERMSIG(run->wait_status);
	judge_status(run, ktap, &v);
	if (v.outcome != RESULT_ERROR && judge_complaint(run, true, line, sizeof(line)))
		decide(&v, RESULT_PANIC, line);
	if ((v.outcome == RESULT_PASS || v.outcome == RESULT_SKIP) && judge_complaint(run, false, line, sizeof(line)))
		decide(&v, RESULT_SPLAT, line);
	*ret = v;
}
