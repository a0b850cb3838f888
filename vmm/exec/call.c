// SPDX-License-Identifier: Apache-2.0
#include "vmm/exec/signals.h"
#include "vmm/exec/threads.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>

enum {
	NO_ROW,
#define CALL(name, args, handler, note) ROW_##name,
	EXEC_CALLS(CALL)
#undef CALL
};

static const struct exec_row rows[] = {
#define CALL(name, args, handler, note) [ROW_##name] = {#name, args, exec_sys_##handler, note},
	EXEC_CALLS(CALL)
#undef CALL
};

static const uint8_t row_of[EXEC_NR_MAX] = {
#define CALL(name, args, handler, note) [SYS_##name] = ROW_##name,
	EXEC_CALLS(CALL)
#undef CALL
};

_Static_assert(ARRAY_SIZE(rows) <= UINT8_MAX, "a row's number is a byte");

const struct exec_row *exec_row(uint64_t nr)
{
	return nr < EXEC_NR_MAX && row_of[nr] != NO_ROW ? &rows[row_of[nr]] : NULL;
}

static void name_missing(struct exec_task *t, uint64_t nr)
{
	const struct exec_row *row = exec_row(nr);
	uint64_t bit = BIT(nr % 64);

	if (nr >= EXEC_NR_MAX || t->missing[nr / 64] & bit)
		return;
	t->missing[nr / 64] |= bit;
	trace_call_missing(t->trace, row ? row->name : "a system call", nr, row ? row->note : "it is not implemented");
}

int64_t exec_sys_missing(struct exec_task *t, const uint64_t *a)
{
	return -ENOSYS;
}

int64_t exec_sys_zero(struct exec_task *t, const uint64_t *a)
{
	return 0;
}

static void start_call(struct exec_thread *th, uint64_t nr, const uint64_t *arg)
{
	if (th->again)
		return;
	th->nr = nr;
	memcpy(th->arg, arg, sizeof(th->arg));
	th->deadline = th->until = th->progress = 0;
}

/* A call that a signal has interrupted keeps its mask until the signal is delivered. */
static int64_t end_call(struct exec_task *t, const struct exec_row *row, int64_t r)
{
	struct exec_thread *th = t->now;

	if (r == -EXEC_BLOCKED) {
		th->state = EXEC_WAITING;
		th->seen = t->changes;
		return r;
	}
	t->changes++;
	th->deadline = th->until = th->progress = 0;
	th->waits_for = 0;
	if (th->state == EXEC_WAITING)
		th->state = EXEC_READY;
	th->always = r == -EXEC_ERESTARTNOINTR;
	th->restart = (r == -EXEC_ERESTART || th->always) && row->handler != exec_sys_rt_sigreturn;
	if (th->restart)
		r = -EINTR;
	if (th->masked && !exec_attention(t)) {
		th->blocked = th->saved;
		th->masked = false;
	}
	return r;
}

int64_t exec_call(struct exec_task *t, uint64_t nr, const uint64_t *arg)
{
	const struct exec_row *row = exec_row(nr);
	int64_t r;

	t->calls += !t->now->again;
	if (!row || row->handler == exec_sys_missing) {
		name_missing(t, nr);
		return -ENOSYS;
	}
	start_call(t->now, nr, arg);
	r = end_call(t, row, row->handler(t, arg));
	/* A part of a call that is missing, as a child of clone() */
	if (r == -ENOSYS)
		name_missing(t, nr);
	/* A copy to or from the program could not get a page: like Linux's OOM killer. */
	if (t->space.empty)
		exec_kill_for_memory(t);
	return r;
}

void exec_kill_for_memory(struct exec_task *t)
{
	snprintf(t->end.words, sizeof(t->end.words), "it has touched all memory of --mem");
	t->end.signal = SIGKILL;
	t->end.ended = true;
}
