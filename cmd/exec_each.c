// SPDX-License-Identifier: Apache-2.0
#include "cmd/exec_each.h"

#include <stdio.h>

#include "cmd/each_internal.h"
#include "vmm/exec/rounds.h"
#include "vmm/exec/task.h"

static int begin_round(void *arg, const uint8_t *input, size_t n, struct err *e)
{
	exec_round(((struct exec_each *)arg)->exec, input, n);
	return 0;
}

static uint64_t room(void *arg)
{
	return exec_round_room(((struct exec_each *)arg)->exec);
}

static void end(void *arg, enum outcome outcome, int status)
{
	exec_end(((struct exec_each *)arg)->exec, outcome == OUTCOME_ANSWERED ? EXEC_ANSWERED : EXEC_FAILED,
		(unsigned)status);
}

static const struct each_guest guest = {begin_round, room, end};

static void on_idle(void *arg)
{
	each_idle(((struct exec_each *)arg)->each);
}

int exec_round_status(const struct exec_round_end *r, char why[static EXEC_WHY_MAX])
{
	char name[16];

	*why = '\0';
	switch (r->how) {
	case EXEC_ANSWERED: return 0;
	case EXEC_EXITED: snprintf(why, EXEC_WHY_MAX, "the program ended itself with status %u", r->value); break;
	case EXEC_SIGNALED:
		snprintf(why, EXEC_WHY_MAX, "ended by %s%s%.200s%s", exec_signal_name((int)r->value, name),
			*r->words ? " (" : "", r->words, *r->words ? ")" : "");
		return 128 + (int)r->value;
	default:
		snprintf(why, EXEC_WHY_MAX, "%s", EACH_TOO_LONG);
		return verdict_exit_status(&(struct verdict){.outcome = OUTCOME_TIMEOUT});
	}
	return (int)r->value;
}

static void on_ended(void *arg, const struct exec_round_end *r)
{
	static const char *const names[] = {[EXEC_ANSWERED] = "mark",
		[EXEC_EXITED] = "exit",
		[EXEC_SIGNALED] = "signal",
		[EXEC_TIMEOUT] = "timeout"};
	struct round_end end = {
		.verdict = {.outcome = r->how == EXEC_ANSWERED ? OUTCOME_NONE : OUTCOME_COMMAND},
		.took_ns = r->took_ns,
		.reset_ns = r->reset_ns,
		.pages = r->pages,
		.output = r->output,
		.size = r->size,
		.lost = r->lost,
	};
	char why[EXEC_WHY_MAX];
	int status = exec_round_status(r, why);

	each_ended(((struct exec_each *)arg)->each, status, names[r->how], why, &end);
}

int exec_each_begin(struct exec_each *x, struct exec *exec, uint64_t limit_ns, struct loop *loop, struct err *e)
{
	static const struct exec_rounds_ops ops = {on_idle, on_ended};

	x->exec = exec;
	each_begin_with(x->each, &guest, x, loop);
	return exec_rounds_init(exec, &ops, x, limit_ns, x->keep, e);
}
