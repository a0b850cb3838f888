// SPDX-License-Identifier: Apache-2.0
/*
 * Theory of operation. A mutex with priority inheritance: its word has the thread that owns it, and FUTEX_WAITERS if
 * the kernel must choose the next one. All threads have one priority and one vCPU, so that nothing is inherited: the
 * first that came is the next owner. The word is the program's: what is in it is checked, not believed.
 */
#include <errno.h>
#include <linux/futex.h>

#include "vmm/exec/signals.h"
#include "vmm/exec/threads.h"
#include "vmm/exec/wait.h"

static int get(struct exec_task *t, uint64_t at, uint32_t *ret)
{
	return space_read(&t->space, at, ret, sizeof(*ret));
}

static int set(struct exec_task *t, uint64_t at, uint32_t word)
{
	return space_write(&t->space, at, &word, sizeof(word));
}

static struct exec_thread *first_waiter(struct exec_task *t, uint64_t at)
{
	struct exec_thread *first = NULL;

	for (unsigned i = 0; i < t->most; i++) {
		struct exec_thread *th = exec_nth(t, i);

		if (th->state == EXEC_WAITING && th->pi && th->futex == at && !th->woken &&
			(!first || th->turn < first->turn))
			first = th;
	}
	return first;
}

/* Return: 0: it is ours now; 1: it is another's; a negative errno */
static int take(struct exec_task *t, uint64_t at)
{
	struct exec_thread *th = t->now;
	uint32_t word, owner;
	int r = get(t, at, &word);

	owner = word & FUTEX_TID_MASK;
	if (r < 0 || owner == (uint32_t)th->tid)
		return r < 0 ? r : -EDEADLK;
	if (owner)
		return exec_thread_of(t, (int)owner) ? 1 : -ESRCH;
	word = (word & FUTEX_OWNER_DIED) | (first_waiter(t, at) ? FUTEX_WAITERS : 0) | (uint32_t)th->tid;
	return set(t, at, word);
}

int64_t exec_pi_lock(struct exec_task *t, uint64_t at, bool try_only, const struct timespec *limit)
{
	struct exec_thread *th = t->now;
	uint32_t word;
	int r = th->again ? !th->woken : take(t, at);

	if (r == 1 && !th->again) {
		r = get(t, at, &word);
		if (r == 0)
			r = set(t, at, word | FUTEX_WAITERS);
		r = r < 0 ? r : try_only ? -EAGAIN : 1;
		th->futex = at;
		th->pi = true;
		th->woken = false;
		th->turn = ++t->turns;
	}
	if (r == 1) {
		r = exec_poll(t, NULL, 0, limit);
		/* Handlers run, and the call is made again: nobody expects EINTR of it. */
		r = r == 0 ? -ETIMEDOUT : r == -EINTR && !exec_stopping(t) ? -EXEC_ERESTARTNOINTR : r;
	}
	if (r != -EXEC_BLOCKED) {
		th->futex = 0;
		th->pi = th->woken = false;
	}
	return r;
}

/* Return: is there a next one? */
static bool give(struct exec_task *t, uint64_t at, uint32_t bits)
{
	struct exec_thread *next = first_waiter(t, at);

	if (!next)
		return false;
	set(t, at, bits | FUTEX_WAITERS | (uint32_t)next->tid);
	next->woken = true;
	return true;
}

int64_t exec_pi_unlock(struct exec_task *t, uint64_t at)
{
	uint32_t word;
	int r = get(t, at, &word);

	if (r < 0)
		return r;
	if ((word & FUTEX_TID_MASK) != (uint32_t)t->now->tid)
		return -EPERM;
	return give(t, at, 0) ? 0 : set(t, at, 0);
}

bool exec_pi_abandon(struct exec_task *t, uint64_t at)
{
	return give(t, at, FUTEX_OWNER_DIED);
}

void exec_pi_abandon_all(struct exec_task *t)
{
	for (unsigned i = 0; i < t->most; i++) {
		const struct exec_thread *th = exec_nth(t, i);
		uint32_t word;

		if (th->state == EXEC_WAITING && th->pi && !th->woken && get(t, th->futex, &word) == 0 &&
			(word & FUTEX_TID_MASK) == (uint32_t)t->now->tid)
			give(t, th->futex, FUTEX_OWNER_DIED);
	}
}
