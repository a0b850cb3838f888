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

static void on_ended(void *arg, const struct exec_round_end *r)
{
	struct round_end end = {
		.verdict = {.outcome = r->how == EXEC_ANSWERED ? OUTCOME_NONE : OUTCOME_COMMAND},
		.took_ns = r->took_ns,
		.reset_ns = r->reset_ns,
		.pages = r->pages,
		.output = r->output,
		.size = r->size,
		.lost = r->lost,
	};
	struct each *each = ((struct exec_each *)arg)->each;
	char why[256], name[16];

	switch (r->how) {
	case EXEC_ANSWERED: each_ended(each, 0, "mark", "", &end); break;
	case EXEC_EXITED:
		snprintf(why, sizeof(why), "the program ended itself with status %u", r->value);
		each_ended(each, (int)r->value, "exit", why, &end);
		break;
	case EXEC_SIGNALED:
		snprintf(why, sizeof(why), "ended by %s%s%s%s", exec_signal_name((int)r->value, name),
			*r->words ? " (" : "", r->words, *r->words ? ")" : "");
		each_ended(each, 128 + (int)r->value, "signal", why, &end);
		break;
	default: each_ended(each, 124, outcome_name(OUTCOME_TIMEOUT), EACH_TOO_LONG, &end); break;
	}
}

int exec_each_begin(struct exec_each *x, struct exec *exec, uint64_t limit_ns, struct loop *loop, struct err *e)
{
	static const struct exec_rounds_ops ops = {on_idle, on_ended};

	x->exec = exec;
	each_begin_with(x->each, &guest, x, loop);
	return exec_rounds_init(exec, &ops, x, limit_ns, x->keep, e);
}
