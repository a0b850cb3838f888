// SPDX-License-Identifier: Apache-2.0
/*
 * System calls that send signals, and those that say what is to be done about them.
 */
#include <errno.h>
#include <string.h>

#include "vmm/exec/signals.h"
#include "vmm/exec/threads.h"
#include "vmm/exec/wait.h"

#define SI_TKILL_ (-6)

/* --- Sending ------------------------------------------------------------------------------------------------ */

static struct exec_info info_by_itself(int signal, int code)
{
	return (struct exec_info){signal, 0, code, {EXEC_PID | (uint64_t)EXEC_ID << 32}};
}

int64_t exec_sys_kill(struct exec_task *t, const uint64_t *a)
{
	int pid = (int)a[0], signal = (int)a[1];
	const struct exec_info info = info_by_itself(signal, SI_USER);

	if (signal < 0 || signal > EXEC_SIGNALS)
		return -EINVAL;
	/* Itself, its group, or all processes. */
	if (pid != EXEC_PID && pid != 0 && pid != -1 && pid != -EXEC_PID)
		return -ESRCH;
	if (signal)
		exec_send(t, NULL, &info);
	return 0;
}

static int64_t send_to(struct exec_task *t, int tid, const struct exec_info *info)
{
	struct exec_thread *to;

	if (tid <= 0 || info->signal < 0 || info->signal > EXEC_SIGNALS)
		return -EINVAL;
	to = exec_thread_of(t, tid);
	if (!to)
		return -ESRCH;
	return info->signal ? exec_send(t, to, info) : 0;
}

int64_t exec_sys_tkill(struct exec_task *t, const uint64_t *a)
{
	const struct exec_info info = info_by_itself((int)a[1], SI_TKILL_);

	return send_to(t, (int)a[0], &info);
}

int64_t exec_sys_tgkill(struct exec_task *t, const uint64_t *a)
{
	if ((int)a[0] <= 0 || (int)a[1] <= 0)
		return -EINVAL;
	return (int)a[0] == EXEC_PID ? exec_sys_tkill(t, a + 1) : -ESRCH;
}

/* siginfo_t of the program, for the signal @signal. */
static int read_info(struct exec_task *t, uint64_t at, int signal, struct exec_info *ret)
{
	struct {
		int32_t head[4];
		uint64_t word[2];
	} raw;
	int r = space_read(&t->space, at, &raw, sizeof(raw));

	*ret = (struct exec_info){signal, raw.head[1], raw.head[2], {raw.word[0], raw.word[1]}};
	return r;
}

int64_t exec_sys_rt_sigqueueinfo(struct exec_task *t, const uint64_t *a)
{
	struct exec_info info;
	int r = read_info(t, a[2], (int)a[1], &info);

	if (r < 0)
		return r;
	if ((int)a[0] != EXEC_PID)
		return -ESRCH;
	if (info.signal < 0 || info.signal > EXEC_SIGNALS)
		return -EINVAL;
	return info.signal ? exec_send(t, NULL, &info) : 0;
}

int64_t exec_sys_rt_tgsigqueueinfo(struct exec_task *t, const uint64_t *a)
{
	struct exec_info info;
	int r = read_info(t, a[3], (int)a[2], &info);

	if (r < 0)
		return r;
	if ((int)a[0] <= 0 || (int)a[1] <= 0)
		return -EINVAL;
	return (int)a[0] == EXEC_PID ? send_to(t, (int)a[1], &info) : -ESRCH;
}

/* --- Settings ----------------------------------------------------------------------------------------------- */

/* What is ignored from now on is no longer pending. */
static void forget(struct exec_task *t, int signal)
{
	struct exec_info info;

	while (exec_take(t, MASK_OF(signal), &info))
		;
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
		if (exec_is_ignored(t, (int)signal))
			forget(t, (int)signal);
	}
	return r;
}

/* Signals that are no longer blocked and end the program do so at once. */
static void set_blocked(struct exec_task *t, uint64_t set)
{
	struct exec_thread *th = t->now;
	uint64_t fatal;

	th->blocked = set & ~UNMASKABLE;
	fatal = exec_pending(t) & ~th->blocked;
	for (int s = 1; fatal && s <= EXEC_SIGNALS && !t->end.ended; s++)
		if (fatal & MASK_OF(s) && t->action[s].handler == HANDLER_DEFAULT && !exec_is_ignored(t, s)) {
			t->end.signal = s;
			t->end.ended = true;
		}
}

int64_t exec_sys_rt_sigprocmask(struct exec_task *t, const uint64_t *a)
{
	uint64_t set = 0, old = t->now->blocked, new = old;
	int r = 0;

	if (a[3] != SET_SIZE)
		return -EINVAL;
	if (a[1])
		r = space_read(&t->space, a[1], &set, sizeof(set));
	if (r < 0)
		return r;
	if (a[1]) {
		switch ((uint32_t)a[0]) {
		case SIG_BLOCK: new |= set; break;
		case SIG_UNBLOCK: new &= ~set; break;
		case SIG_SETMASK: new = set; break;
		default: return -EINVAL;
		}
		set_blocked(t, new);
	}
	return a[2] ? space_write(&t->space, a[2], &old, sizeof(old)) : 0;
}

int64_t exec_sys_rt_sigpending(struct exec_task *t, const uint64_t *a)
{
	uint64_t set = exec_pending(t) & t->now->blocked;

	if (a[1] > SET_SIZE)
		return -EINVAL;
	return space_write(&t->space, a[0], &set, a[1]);
}

int64_t exec_sys_sigaltstack(struct exec_task *t, const uint64_t *a)
{
	struct exec_stack new, old = t->now->altstack;
	struct exec_regs regs;
	int r = t->ops->get_regs(t, &regs);

	if (r == 0 && a[0])
		r = space_read(&t->space, a[0], &new, sizeof(new));
	if (r < 0)
		return r;
	if (!old.size)
		old.flags |= SS_DISABLE;
	else if (exec_on_stack(t->now, regs.rsp))
		old.flags |= SS_ONSTACK;
	else
		old.flags &= ~(uint32_t)SS_ONSTACK;
	old.unused = 0;
	if (a[0])
		r = exec_set_stack(t->now, &new, regs.rsp);
	return r == 0 && a[1] ? space_write(&t->space, a[1], &old, sizeof(old)) : r;
}

/* --- Waiting ------------------------------------------------------------------------------------------------ */

int exec_use_mask(struct exec_task *t, uint64_t at, uint64_t size)
{
	struct exec_thread *th = t->now;
	uint64_t set;
	int r;

	if (!at)
		return 0;
	if (size != SET_SIZE)
		return -EINVAL;
	r = space_read(&t->space, at, &set, sizeof(set));
	if (r < 0)
		return r;
	if (!th->masked)
		th->saved = th->blocked;
	th->masked = true;
	set_blocked(t, set);
	return 0;
}

int64_t exec_sys_rt_sigsuspend(struct exec_task *t, const uint64_t *a)
{
	int r = a[0] ? exec_use_mask(t, a[0], a[1]) : -EFAULT;

	return r < 0 ? r : exec_sys_pause(t, a);
}

int64_t exec_sys_pause(struct exec_task *t, const uint64_t *a)
{
	return exec_poll(t, NULL, 0, NULL);
}

static int write_info(struct exec_task *t, uint64_t at, const struct exec_info *info)
{
	const struct {
		int32_t head[4];
		uint64_t word[14];
	} raw = {{info->signal, info->error, info->code}, {info->word[0], info->word[1]}};

	return at ? space_write(&t->space, at, &raw, sizeof(raw)) : 0;
}

int64_t exec_sys_rt_sigtimedwait(struct exec_task *t, const uint64_t *a)
{
	struct timespec limit;
	struct exec_info info;
	uint64_t set;
	int r = a[3] == SET_SIZE ? space_read(&t->space, a[0], &set, sizeof(set)) : -EINVAL;

	if (r == 0 && a[2])
		r = exec_read_time(t, a[2], &limit);
	if (r < 0)
		return r;
	set &= ~UNMASKABLE;
	t->now->waits_for = 0;
	if (!exec_take(t, set, &info)) {
		/* What comes from now on ends the wait, though it is blocked. */
		t->now->waits_for = set;
		r = exec_poll(t, NULL, 0, a[2] ? &limit : NULL);
		if (r == -EXEC_BLOCKED)
			return r;
		t->now->waits_for = 0;
		if (!exec_take(t, set, &info))
			return r == 0 ? -EAGAIN : r;
	}
	r = write_info(t, a[1], &info);
	return r < 0 ? r : info.signal;
}
