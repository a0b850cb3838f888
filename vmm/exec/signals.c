// SPDX-License-Identifier: Apache-2.0
/*
 * Signals from their origin to the handler: who gets them, which are pending, and what happens at delivery. Fatal ones
 * end the program when they are sent, as in Linux.
 */
#include "vmm/exec/signals.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "vmm/exec/threads.h"

/* Default action: ignore; stopping is ignored too, since nothing could continue the program. */
#define HARMLESS                                                                                                       \
	(MASK_OF(SIGCHLD) | MASK_OF(SIGURG) | MASK_OF(SIGWINCH) | MASK_OF(SIGCONT) | MASK_OF(SIGSTOP) |                \
		MASK_OF(SIGTSTP) | MASK_OF(SIGTTIN) | MASK_OF(SIGTTOU))
/* Caused by an instruction, usually: delivered before others. */
#define BY_INSTRUCTION                                                                                                 \
	(MASK_OF(SIGSEGV) | MASK_OF(SIGBUS) | MASK_OF(SIGILL) | MASK_OF(SIGTRAP) | MASK_OF(SIGFPE) | MASK_OF(SIGSYS))
#define FIRST_REALTIME 32
#define SYSCALL_LEN    2

#define SA_RESETHAND_ UINT64_C(0x80000000)

const char *exec_signal_name(int signal, char *buf)
{
	static const char *const names[] = {
		[SIGHUP] = "SIGHUP",
		[SIGINT] = "SIGINT",
		[SIGQUIT] = "SIGQUIT",
		[SIGILL] = "SIGILL",
		[SIGTRAP] = "SIGTRAP",
		[SIGABRT] = "SIGABRT",
		[SIGBUS] = "SIGBUS",
		[SIGFPE] = "SIGFPE",
		[SIGKILL] = "SIGKILL",
		[SIGUSR1] = "SIGUSR1",
		[SIGSEGV] = "SIGSEGV",
		[SIGUSR2] = "SIGUSR2",
		[SIGPIPE] = "SIGPIPE",
		[SIGALRM] = "SIGALRM",
		[SIGTERM] = "SIGTERM",
		[SIGXCPU] = "SIGXCPU",
		[SIGXFSZ] = "SIGXFSZ",
		[SIGSYS] = "SIGSYS",
	};

	if ((size_t)signal < ARRAY_SIZE(names) && names[signal])
		return names[signal];
	snprintf(buf, 16, "signal %d", signal);
	return buf;
}

void exec_task_init(struct exec_task *t)
{
	t->main.tid = EXEC_PID;
	t->main.altstack.flags = SS_DISABLE;
	t->main.state = EXEC_READY;
	t->now = t->loaded = &t->main;
	t->nr_threads = t->most = 1;
	t->last_tid = EXEC_PID;
}

static void die(struct exec_task *t, int signal)
{
	t->end.signal = signal;
	t->end.ended = true;
}

/* --- Sending ------------------------------------------------------------------------------------------------ */

bool exec_is_ignored(const struct exec_task *t, int signal)
{
	uint64_t handler = t->action[signal].handler;

	return handler == HANDLER_IGNORE || (handler == HANDLER_DEFAULT && HARMLESS & MASK_OF(signal));
}

static bool is_fatal(const struct exec_task *t, int signal)
{
	return t->action[signal].handler == HANDLER_DEFAULT && !(HARMLESS & MASK_OF(signal));
}

static bool blocks(const struct exec_thread *th, int signal)
{
	return th->blocked & MASK_OF(signal) & ~UNMASKABLE;
}

static bool all_block(struct exec_task *t, int signal)
{
	for (unsigned i = 0; i < t->most; i++) {
		const struct exec_thread *th = exec_nth(t, i);

		if (th->state != EXEC_UNUSED && !blocks(th, signal))
			return false;
	}
	return true;
}

int exec_send(struct exec_task *t, struct exec_thread *to, const struct exec_info *info)
{
	uint64_t *pending = to ? &to->pending : &t->pending, bit = MASK_OF(info->signal);
	bool blocked = to ? blocks(to, info->signal) : all_block(t, info->signal);

	if (!blocked && is_fatal(t, info->signal)) {
		*t->end.words = '\0';
		die(t, info->signal);
		return 0;
	}
	if (!blocked && exec_is_ignored(t, info->signal))
		return 0;
	/* A standard signal is pending once; each real-time signal counts. */
	if (info->signal < FIRST_REALTIME && *pending & bit)
		return 0;
	*pending |= bit;
	if (t->nr_queued == EXEC_QUEUE_MAX)
		return info->signal >= FIRST_REALTIME ? -EAGAIN : 0;
	t->queue[t->nr_queued++] = (struct exec_queued){*info, to};
	return 0;
}

void exec_signal(struct exec_task *t, int signal)
{
	exec_send(t, t->now, &(const struct exec_info){signal, 0, SI_USER, {EXEC_PID | (uint64_t)EXEC_ID << 32}});
}

/* An exception's signal that is blocked or ignored takes the default action: Linux kernel/signal.c. */
void exec_force(struct exec_task *t, const struct exec_info *info)
{
	struct exec_thread *th = t->now;
	uint64_t bit = MASK_OF(info->signal);

	if (th->blocked & bit || t->action[info->signal].handler == HANDLER_IGNORE) {
		t->action[info->signal].handler = HANDLER_DEFAULT;
		th->blocked &= ~bit;
	}
	if (t->action[info->signal].handler == HANDLER_DEFAULT)
		die(t, info->signal);
	else
		th->fault = *info;
}

/* --- Taking ------------------------------------------------------------------------------------------------- */

static void take_queued(struct exec_task *t, struct exec_thread *to, int signal, struct exec_info *ret)
{
	uint64_t *pending = to ? &to->pending : &t->pending;
	unsigned nr = 0;
	bool found = false;

	*pending &= ~MASK_OF(signal);
	/* One that did not fit into the queue has no details. */
	*ret = (struct exec_info){.signal = signal, .code = SI_USER};
	for (unsigned i = 0; i < t->nr_queued; i++) {
		const struct exec_queued q = t->queue[i];
		bool same = q.to == to && q.info.signal == signal;

		if (same && !found)
			*ret = q.info;
		else
			t->queue[nr++] = q;
		if (same && found)
			*pending |= MASK_OF(signal);
		found = found || same;
	}
	t->nr_queued = nr;
}

static int first_of(uint64_t set)
{
	return set & BY_INSTRUCTION ? __builtin_ctzll(set & BY_INSTRUCTION) + 1 : __builtin_ctzll(set) + 1;
}

bool exec_take(struct exec_task *t, uint64_t set, struct exec_info *ret)
{
	struct exec_thread *from = t->now->pending & set ? t->now : NULL;
	uint64_t there = (from ? from->pending : t->pending) & set;

	if (!there)
		return false;
	take_queued(t, from, first_of(there), ret);
	return true;
}

/* --- Delivery ----------------------------------------------------------------------------------------------- */

static bool next(struct exec_task *t, struct exec_info *ret)
{
	struct exec_thread *th = t->now;

	if (!th->fault.signal)
		return exec_take(t, ~th->blocked, ret);
	*ret = th->fault;
	th->fault.signal = 0;
	return true;
}

static void make_again(struct exec_thread *th, struct exec_regs *regs)
{
	regs->rip -= SYSCALL_LEN;
	regs->rax = th->nr;
	th->restart = false;
}

/* Calls a handler. */
static void handle(struct exec_task *t, const struct exec_info *info, struct exec_regs *regs)
{
	struct exec_action *action = &t->action[info->signal], was = *action;
	struct exec_thread *th = t->now;

	if (th->restart && (was.flags & SA_RESTART || th->always))
		make_again(th, regs);
	th->restart = false;
	if (exec_push_frame(t, info, regs) < 0) {
		/* The stack is no place for it. */
		if (info->signal == SIGSEGV)
			action->handler = HANDLER_DEFAULT;
		exec_force(t, &(const struct exec_info){SIGSEGV, 0, SI_KERNEL, {0, 0}});
		return;
	}
	*t->end.words = '\0';
	th->masked = false;
	th->blocked |= was.mask | (was.flags & SA_NODEFER ? 0 : MASK_OF(info->signal));
	th->blocked &= ~UNMASKABLE;
	if (was.flags & SA_RESETHAND_)
		action->handler = HANDLER_DEFAULT;
}

static void act(struct exec_task *t, const struct exec_info *info, struct exec_regs *regs)
{
	if (exec_is_ignored(t, info->signal))
		return;
	if (t->action[info->signal].handler == HANDLER_DEFAULT)
		die(t, info->signal);
	else
		handle(t, info, regs);
}

/* The mask that the call had replaced, unless a handler's frame has it. */
static bool unmask(struct exec_thread *th)
{
	bool masked = th->masked;

	if (masked)
		th->blocked = th->saved;
	th->masked = false;
	return masked;
}

/* IRET faults at such an address, with the registers that were to be loaded: the program's own fault. */
static void check_address(struct exec_task *t, const struct exec_regs *regs)
{
	if (t->end.ended || exec_is_canonical(regs->rip))
		return;
	t->now->trap = VECTOR_GP;
	t->now->error = 0;
	exec_force(t, &(const struct exec_info){SIGSEGV, 0, SI_KERNEL, {0, 0}});
}

void exec_deliver(struct exec_task *t)
{
	struct exec_thread *th = t->now;
	struct exec_regs regs;
	struct exec_info info;
	int r = t->ops->get_regs(t, &regs);

	if (r < 0) {
		t->failed = r;
		return;
	}
	do {
		while (!t->end.ended && next(t, &info)) {
			act(t, &info, &regs);
			check_address(t, &regs);
		}
		if (th->restart)
			make_again(th, &regs);
	} while (!t->end.ended && unmask(th));
	r = t->ops->set_regs(t, &regs);
	if (r < 0)
		t->failed = r;
}
