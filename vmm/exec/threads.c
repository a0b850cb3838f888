// SPDX-License-Identifier: Apache-2.0
/*
 * Theory of operation. @now is the thread that runs or whose call is answered; @loaded the one whose registers are in
 * the vCPU. They differ only within exec_schedule(). A thread that is not loaded has its registers, its FPU's state and
 * its bases of FS and GS in struct exec_thread.
 *
 * A thread gives up the vCPU when a call of it blocks, by sched_yield(), when it ends, and after a tick of the control
 * loop's timer (@tick), which kicks the vCPU while there are several threads.
 */
#include "vmm/exec/threads.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

#include "vmm/base/clock.h"
#include "vmm/base/kick.h"
#include "vmm/exec/signals.h"
#include "vmm/exec/timers.h"
#include "vmm/exec/wait.h"

#define TID_LIMIT 32768
#define LOOK_NS   (10 * NSEC_PER_MSEC)
#define FDS_MAX   16

struct exec_thread *exec_nth(struct exec_task *t, unsigned i)
{
	if (!i)
		return &t->main;
	return t->others && i < EXEC_THREADS_MAX ? &t->others[i - 1] : NULL;
}

struct exec_thread *exec_thread_of(struct exec_task *t, int tid)
{
	struct exec_thread *th;

	for (unsigned i = 0; (th = exec_nth(t, i)); i++)
		if (th->state != EXEC_UNUSED && th->tid == tid)
			return th;
	return NULL;
}

/* --- Beginning and end -------------------------------------------------------------------------------------- */

static int new_tid(struct exec_task *t)
{
	do {
		if (++t->last_tid >= TID_LIMIT)
			t->last_tid = EXEC_PID + 1;
	} while (exec_thread_of(t, t->last_tid));
	return t->last_tid;
}

struct exec_thread *exec_spawn(struct exec_task *t, int *ret_error)
{
	struct exec_thread *th = NULL;
	unsigned i = 1;
	int r;

	while ((th = exec_nth(t, i)) && th->state != EXEC_UNUSED)
		i++;
	*ret_error = th ? 0 : -EAGAIN;
	if (!th)
		return NULL;
	memset(th, 0, offsetof(struct exec_thread, fpu));
	r = t->ops->get_regs(t, &th->regs);
	if (r == 0)
		r = t->ops->get_fpu(t, th->fpu);
	for (int gs = 0; r == 0 && gs < 2; gs++)
		r = t->ops->get_base(t, gs, &th->base[gs]);
	*ret_error = r;
	if (r < 0)
		return NULL;
	th->tid = new_tid(t);
	th->blocked = t->now->blocked;
	th->altstack.flags = SS_DISABLE;
	th->state = EXEC_READY;
	t->nr_threads++;
	t->most = MAX(t->most, i + 1);
	exec_timers_run(t);
	return th;
}

/* What was sent to it alone is lost. */
static void forget_signals(struct exec_task *t, const struct exec_thread *th)
{
	unsigned nr = 0;

	for (unsigned i = 0; i < t->nr_queued; i++)
		if (t->queue[i].to != th)
			t->queue[nr++] = t->queue[i];
	t->nr_queued = nr;
	for (unsigned i = 0; i < EXEC_TIMERS_MAX; i++)
		if (t->timer[i].to == th)
			t->timer[i] = (struct exec_timer){.used = t->timer[i].used, .clock = t->timer[i].clock};
}

void exec_end_thread(struct exec_task *t)
{
	struct exec_thread *th = t->now;

	forget_signals(t, th);
	th->state = EXEC_UNUSED;
	th->pending = 0;
	th->blocked = ~UINT64_C(0);
	th->restart = th->masked = th->again = false;
	t->loaded = NULL;
	t->nr_threads--;
}

/* --- Waiting ------------------------------------------------------------------------------------------------ */

static int look(struct pollfd *file, size_t nr)
{
	static const struct timespec at_once;
	int r = ppoll(file, nr, &at_once, NULL);

	return r < 0 ? (errno == EINTR ? 0 : -errno) : r;
}

static void wait_for(struct exec_thread *th, const struct pollfd *file, size_t nr)
{
	th->nr_fds = 0;
	th->many = false;
	for (size_t i = 0; i < nr; i++) {
		if (file[i].fd < 0)
			continue;
		if (th->nr_fds == EXEC_WAIT_FDS)
			th->many = true;
		else
			th->fd[th->nr_fds++] = file[i];
	}
}

int exec_block(struct exec_task *t, struct pollfd *file, size_t nr, const struct timespec *limit)
{
	struct exec_thread *th = t->now;
	int r;

	if (exec_stopping(t) || exec_interrupted(t))
		return -EINTR;
	r = nr ? look(file, nr) : 0;
	if (r || (limit && !limit->tv_sec && !limit->tv_nsec))
		return r;
	if (limit && !th->deadline)
		th->deadline = clock_ns(CLOCK_MONOTONIC) + (uint64_t)MIN(limit->tv_sec, INT32_MAX) * NSEC_PER_SEC +
			(uint64_t)limit->tv_nsec;
	if (limit && clock_ns(CLOCK_MONOTONIC) >= th->deadline) {
		th->deadline = 0;
		return 0;
	}
	wait_for(th, file, nr);
	return -EXEC_BLOCKED;
}

unsigned exec_wake(struct exec_task *t, uint64_t at, uint32_t bits, unsigned most)
{
	unsigned n = 0;

	for (; n < most; n++) {
		struct exec_thread *first = NULL, *th;

		for (unsigned i = 0; i < t->most; i++) {
			th = exec_nth(t, i);
			if (th->state == EXEC_WAITING && th->futex == at && th->bits & bits && !th->pi && !th->woken &&
				(!first || th->turn < first->turn))
				first = th;
		}
		if (!first)
			break;
		first->woken = true;
	}
	return n;
}

/* May its call end, or its next attempt have more success? */
static bool may_go(const struct exec_task *t, const struct exec_thread *th)
{
	if (th->state != EXEC_WAITING)
		return th->state == EXEC_READY;
	return th->woken || th->fd_ready || ((t->pending | th->pending) & (~th->blocked | th->waits_for)) ||
		(!th->futex && th->seen != t->changes) || (th->deadline && clock_ns(CLOCK_MONOTONIC) >= th->deadline);
}

static struct exec_thread *next(struct exec_task *t)
{
	unsigned from = t->now == &t->main ? 0 : (unsigned)(t->now - t->others) + 1;

	for (unsigned i = 1; i <= t->most; i++) {
		struct exec_thread *th = exec_nth(t, (from + i) % t->most);

		if (may_go(t, th))
			return th;
	}
	return NULL;
}

/* The files of the host that threads wait for: the command's streams. Return: how many */
static size_t all_fds(struct exec_task *t, struct pollfd *fd, bool *ret_many)
{
	size_t nr = 0;

	for (unsigned i = 0; i < t->most; i++) {
		const struct exec_thread *th = exec_nth(t, i);

		if (th->state != EXEC_WAITING)
			continue;
		*ret_many = *ret_many || th->many || nr + th->nr_fds > FDS_MAX;
		for (unsigned k = 0; k < th->nr_fds && nr < FDS_MAX; k++)
			fd[nr++] = th->fd[k];
	}
	return nr;
}

/* Each file that is ready lets those who wait for it try again. */
static void mark(struct exec_task *t, const struct pollfd *fd, size_t nr, bool all)
{
	for (unsigned i = 0; i < t->most; i++) {
		struct exec_thread *th = exec_nth(t, i);

		th->fd_ready = th->state == EXEC_WAITING && all && th->many;
		for (unsigned k = 0; th->state == EXEC_WAITING && k < th->nr_fds; k++)
			for (size_t j = 0; j < nr; j++)
				th->fd_ready |= fd[j].revents && fd[j].fd == th->fd[k].fd;
	}
}

static void look_at_files(struct exec_task *t)
{
	struct pollfd fd[FDS_MAX];
	bool many = false;
	size_t nr = all_fds(t, fd, &many);

	if (nr && look(fd, nr) < 0)
		nr = 0;
	mark(t, fd, nr, many);
}

static uint64_t first_deadline(struct exec_task *t)
{
	uint64_t first = UINT64_MAX;

	for (unsigned i = 0; i < t->most; i++) {
		const struct exec_thread *th = exec_nth(t, i);

		if (th->state == EXEC_WAITING && th->deadline)
			first = MIN(first, th->deadline);
	}
	return first;
}

/* No thread can run. A kick that arrives before the wait ends it: see wait.h. Return: is the run to go on? */
static bool idle(struct exec_task *t)
{
	uint64_t first = first_deadline(t), now = clock_ns(CLOCK_MONOTONIC);
	struct pollfd fd[FDS_MAX];
	struct timespec limit;
	bool many = false;
	size_t nr = all_fds(t, fd, &many);
	int r;

	if (many)
		first = MIN(first, now + LOOK_NS);
	limit = ns_to_timespec(first > now ? first - now : 0);
	r = exec_wait_once(t, fd, nr, first == UINT64_MAX ? NULL : &limit);
	exec_timers_run(t);
	mark(t, fd, r > 0 ? nr : 0, many);
	return !exec_stopping(t);
}

/* --- Switching ---------------------------------------------------------------------------------------------- */

int exec_thread_save(struct exec_task *t, struct exec_thread *th)
{
	int r = t->ops->get_regs(t, &th->regs);

	if (r == 0)
		r = t->ops->get_fpu(t, th->fpu);
	for (int gs = 0; r == 0 && gs < 2; gs++)
		r = t->ops->get_base(t, gs, &th->base[gs]);
	return r;
}

int exec_thread_load(struct exec_task *t, const struct exec_thread *th)
{
	int r = t->ops->set_fpu(t, th->fpu);

	for (int gs = 0; r == 0 && gs < 2; gs++)
		r = t->ops->set_base(t, gs, th->base[gs]);
	return r == 0 ? t->ops->set_regs(t, &th->regs) : r;
}

static int switch_to(struct exec_task *t, struct exec_thread *th)
{
	int r = 0;

	if (t->loaded == th)
		return 0;
	if (t->loaded)
		r = exec_thread_save(t, t->loaded);
	if (r == 0)
		r = exec_thread_load(t, th);
	t->loaded = th;
	return r;
}

/* Makes the blocked call of @now again. Return: has it ended? */
static bool try_again(struct exec_task *t)
{
	struct exec_thread *th = t->now;

	th->again = true;
	th->fd_ready = false;
	th->result = exec_call(t, th->nr, th->arg);
	th->again = false;
	return th->result != -EXEC_BLOCKED;
}

static int put_result(struct exec_task *t)
{
	struct exec_regs regs;
	int r = t->ops->get_regs(t, &regs);

	regs.rax = (uint64_t)t->now->result;
	t->now->finished = true;
	return r == 0 ? t->ops->set_regs(t, &regs) : r;
}

void exec_schedule(struct exec_task *t)
{
	struct exec_thread *th = t->now;
	bool waited = false;
	int r;

	if (th->state == EXEC_READY && t->loaded == th && !t->tick && !t->yields)
		return;
	look_at_files(t);
	t->tick = t->yields = false;
	for (;;) {
		th = next(t);
		if (!th && !idle(t))
			return;
		if (!th)
			continue;
		t->now = th;
		waited = th->state == EXEC_WAITING;
		if (!waited || try_again(t) || t->end.ended)
			break;
		if (exec_stopping(t))
			return;
	}
	if (t->end.ended)
		return;
	r = switch_to(t, th);
	if (r == 0 && waited)
		r = put_result(t);
	if (r < 0)
		t->failed = r;
}
