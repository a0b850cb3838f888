// SPDX-License-Identifier: Apache-2.0
/*
 * Signals: the program's settings for them, and their default actions. Handlers are not run yet.
 */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "vmm/exec/task.h"

#define MASK_OF(signal) BIT((signal)-1)
/* They cannot be caught, blocked or ignored. */
#define UNMASKABLE (MASK_OF(SIGKILL) | MASK_OF(SIGSTOP))
/* Default action: ignore; stopping is ignored too, since nothing could continue the program. */
#define HARMLESS                                                                                                       \
	(MASK_OF(SIGCHLD) | MASK_OF(SIGURG) | MASK_OF(SIGWINCH) | MASK_OF(SIGCONT) | MASK_OF(SIGSTOP) |                \
		MASK_OF(SIGTSTP) | MASK_OF(SIGTTIN) | MASK_OF(SIGTTOU))
#define HANDLER_DEFAULT 0 /* SIG_DFL, SIG_IGN */
#define HANDLER_IGNORE  1
#define SET_SIZE        8
#define MINSIGSTKSZ_    2048

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

static void die(struct exec_task *t, int signal, const char *why)
{
	t->end.signal = signal;
	t->end.ended = true;
	if (!*t->end.words)
		snprintf(t->end.words, sizeof(t->end.words), "%s", why);
}

void exec_signal(struct exec_task *t, int signal, bool forced)
{
	uint64_t bit = MASK_OF(signal), handler = t->action[signal].handler;

	if (!forced && t->blocked & bit & ~UNMASKABLE) {
		t->pending |= bit;
		return;
	}
	if (!forced && (handler == HANDLER_IGNORE || (handler == HANDLER_DEFAULT && HARMLESS & bit)))
		return;
	/* An exception's signal that is blocked or ignored takes the default action: Linux kernel/signal.c. */
	if (handler > HANDLER_IGNORE && !(t->blocked & bit && forced))
		die(t, signal, "the program has a handler for it, which cannot be run yet");
	else
		die(t, signal, "");
}

static void deliver_pending(struct exec_task *t)
{
	for (int s = 1; s <= EXEC_SIGNALS && !t->end.ended; s++) {
		if (!(t->pending & ~t->blocked & MASK_OF(s)))
			continue;
		t->pending &= ~MASK_OF(s);
		exec_signal(t, s, false);
	}
}

/* --- Exceptions -------------------------------------------------------------------------------------------- */

static int signal_of(unsigned vector)
{
	switch (vector) {
	case VECTOR_DE:
	case VECTOR_MF:
	case VECTOR_XM: return SIGFPE;
	case VECTOR_DB:
	case VECTOR_BP: return SIGTRAP;
	case VECTOR_UD: return SIGILL;
	case VECTOR_AC:
	case VECTOR_SS: return SIGBUS;
	default: return SIGSEGV;
	}
}

static const char *name_of(unsigned vector)
{
	switch (vector) {
	case VECTOR_DE: return "divide error";
	case VECTOR_DB: return "debug exception";
	case VECTOR_BP: return "breakpoint";
	case VECTOR_OF: return "overflow";
	case VECTOR_UD: return "invalid opcode";
	case VECTOR_SS: return "stack fault";
	case VECTOR_GP: return "general protection fault";
	case VECTOR_MF: return "x87 floating-point error";
	case VECTOR_AC: return "alignment check";
	case VECTOR_XM: return "SIMD floating-point exception";
	default: return "exception";
	}
}

/* Return: true: the instruction can be run again. */
static bool give_page(struct exec_task *t, uint64_t error, uint64_t address, uint64_t rip)
{
	unsigned access = error & PF_ERROR_W ? SPACE_W : error & PF_ERROR_I ? SPACE_X : SPACE_R;
	const char *how = error & PF_ERROR_W ? "write to" : error & PF_ERROR_I ? "jump to" : "read of";
	int r = space_fault(&t->space, address, access);

	t->faults++;
	if (r == 0)
		return true;
	if (t->space.empty)
		exec_kill_for_memory(t);
	else
		snprintf(t->end.words, sizeof(t->end.words), "%s address 0x%" PRIx64 ", where %s; RIP 0x%" PRIx64, how,
			address, r == -EACCES ? "it may not" : "nothing is mapped", rip);
	return false;
}

/* Behind the end of a file that is mapped? */
static bool is_cut(const struct exec_task *t, uint64_t address)
{
	const struct area *a = space_area(&t->space, address);

	return a && a->start <= address && a->kind == AREA_CUT;
}

void exec_fault(struct exec_task *t, unsigned vector, uint64_t error, uint64_t address, uint64_t rip)
{
	int signal = signal_of(vector);

	if (vector == VECTOR_PF) {
		if (give_page(t, error, address, rip) || t->end.ended)
			return;
		if (is_cut(t, address))
			signal = SIGBUS;
	} else {
		snprintf(t->end.words, sizeof(t->end.words), "%s; RIP 0x%" PRIx64, name_of(vector), rip);
	}
	exec_signal(t, signal, true);
}

/* --- Calls ------------------------------------------------------------------------------------------------- */

int64_t exec_sys_kill(struct exec_task *t, const uint64_t *a)
{
	int pid = (int)a[0], signal = (int)a[1];

	if (signal < 0 || signal > EXEC_SIGNALS)
		return -EINVAL;
	/* Itself, its group, or all processes. */
	if (pid != EXEC_PID && pid != 0 && pid != -1 && pid != -EXEC_PID)
		return -ESRCH;
	if (signal)
		exec_signal(t, signal, false);
	return 0;
}

int64_t exec_sys_tgkill(struct exec_task *t, const uint64_t *a)
{
	if ((int)a[0] <= 0 || (int)a[1] <= 0)
		return -EINVAL;
	return (int)a[0] == EXEC_PID ? exec_sys_kill(t, a + 1) : -ESRCH;
}

int64_t exec_sys_rt_sigaction(struct exec_task *t, const uint64_t *a)
{
	uint32_t signal = (uint32_t)a[0];
	struct exec_action new, old;
	int r = 0;

	if (a[3] != SET_SIZE)
		return -EINVAL;
	if (a[1])
		r = space_read(&t->space, a[1], &new, sizeof(new));
	if (r == 0 && (!signal || signal > EXEC_SIGNALS || (a[1] && UNMASKABLE & MASK_OF(signal))))
		r = -EINVAL;
	if (r < 0)
		return r;
	old = t->action[signal];
	if (a[2])
		r = space_write(&t->space, a[2], &old, sizeof(old));
	if (r == 0 && a[1]) {
		new.mask &= ~UNMASKABLE;
		t->action[signal] = new;
		if (new.handler == HANDLER_IGNORE)
			t->pending &= ~MASK_OF(signal);
	}
	return r;
}

int64_t exec_sys_rt_sigprocmask(struct exec_task *t, const uint64_t *a)
{
	uint64_t set = 0, old = t->blocked;
	int r = 0;

	if (a[3] != SET_SIZE)
		return -EINVAL;
	if (a[1])
		r = space_read(&t->space, a[1], &set, sizeof(set));
	if (r < 0)
		return r;
	set &= ~UNMASKABLE;
	if (a[1]) {
		switch ((uint32_t)a[0]) {
		case SIG_BLOCK: t->blocked |= set; break;
		case SIG_UNBLOCK: t->blocked &= ~set; break;
		case SIG_SETMASK: t->blocked = set; break;
		default: return -EINVAL;
		}
	}
	if (a[2])
		r = space_write(&t->space, a[2], &old, sizeof(old));
	deliver_pending(t);
	return r;
}

int64_t exec_sys_rt_sigpending(struct exec_task *t, const uint64_t *a)
{
	uint64_t set = t->pending & t->blocked;

	if (a[1] > SET_SIZE)
		return -EINVAL;
	return space_write(&t->space, a[0], &set, a[1]);
}

int64_t exec_sys_sigaltstack(struct exec_task *t, const uint64_t *a)
{
	uint64_t new[3], old[3];
	int r = 0;

	memcpy(old, t->altstack, sizeof(old));
	if (!old[2])
		old[1] = SS_DISABLE;
	if (a[0])
		r = space_read(&t->space, a[0], new, sizeof(new));
	if (r < 0)
		return r;
	if (a[0]) {
		uint32_t flags = (uint32_t) new[1] & ~(uint32_t)(UINT32_C(1) << 31); /* SS_AUTODISARM */

		if (flags != SS_DISABLE && flags != SS_ONSTACK && flags)
			return -EINVAL;
		if (flags == SS_DISABLE)
			memset(new, 0, sizeof(new));
		else if (new[2] < MINSIGSTKSZ_)
			return -ENOMEM;
		memcpy(t->altstack, new, sizeof(new));
	}
	return a[1] ? space_write(&t->space, a[1], old, sizeof(old)) : 0;
}
