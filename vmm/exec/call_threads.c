// SPDX-License-Identifier: Apache-2.0
/*
 * System calls that make, end and synchronise threads: clone, exit, futex.
 */
#include <errno.h>
#include <linux/futex.h>
#include <sched.h>
#include <string.h>

#include "vmm/base/clock.h"
#include "vmm/exec/signals.h"
#include "vmm/exec/threads.h"
#include "vmm/exec/wait.h"

#define OF_A_THREAD      (CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD)
#define FUTEX_LOCK_PI2_  13
#define ROBUST_MAX       2048 /* ROBUST_LIST_LIMIT of Linux */
#define CLONE_ARGS_MIN   64   /* struct clone_args: CLONE_ARGS_SIZE_VER0 */
#define CLONE_ARGS_WORDS 11

/* --- Beginning ---------------------------------------------------------------------------------------------- */

/** struct request - of clone() and clone3() */
struct request {
	uint64_t flags, stack, parent_tid, child_tid, tls;
};

static int64_t spawn(struct exec_task *t, const struct request *q)
{
	struct exec_thread *th;
	int r;

	/* A process of its own is missing: see the row of fork. */
	if ((q->flags & OF_A_THREAD) != OF_A_THREAD)
		return -ENOSYS;
	if (q->flags & CLONE_SETTLS && q->tls >= SPACE_HIGH)
		return -EPERM;
	th = exec_spawn(t, &r);
	if (!th)
		return r;
	th->regs.rax = 0;
	if (q->stack)
		th->regs.rsp = q->stack;
	if (q->flags & CLONE_SETTLS)
		th->base[0] = q->tls;
	if (q->flags & CLONE_CHILD_CLEARTID)
		th->clear_tid = q->child_tid;
	/* Linux does not look at these either. */
	if (q->flags & CLONE_PARENT_SETTID)
		space_write(&t->space, q->parent_tid, &th->tid, sizeof(th->tid));
	if (q->flags & CLONE_CHILD_SETTID)
		space_write(&t->space, q->child_tid, &th->tid, sizeof(th->tid));
	return th->tid;
}

int64_t exec_sys_clone(struct exec_task *t, const uint64_t *a)
{
	return spawn(t, &(const struct request){(uint32_t)a[0], a[1], a[2], a[3], a[4]});
}

int64_t exec_sys_clone3(struct exec_task *t, const uint64_t *a)
{
	uint64_t w[CLONE_ARGS_WORDS] = {0};
	int r;

	if (a[1] < CLONE_ARGS_MIN)
		return -EINVAL;
	if (a[1] > sizeof(w))
		return a[1] > PAGE_4K ? -E2BIG : -EINVAL;
	r = space_read(&t->space, a[0], w, a[1]);
	if (r < 0)
		return r;
	/* flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls, set_tid, set_tid_size, cgroup */
	if (w[4] || w[9] || !w[5] != !w[6])
		return (w[0] & OF_A_THREAD) == OF_A_THREAD ? -EINVAL : -ENOSYS;
	return spawn(t, &(const struct request){w[0], w[5] + w[6], w[3], w[2], w[7]});
}

int64_t exec_sys_gettid(struct exec_task *t, const uint64_t *a)
{
	return t->now->tid;
}

int64_t exec_sys_set_tid_address(struct exec_task *t, const uint64_t *a)
{
	t->now->clear_tid = a[0];
	return t->now->tid;
}

int64_t exec_sys_set_robust_list(struct exec_task *t, const uint64_t *a)
{
	if (a[1] != 3 * sizeof(uint64_t))
		return -EINVAL;
	t->now->robust = a[0];
	return 0;
}

int64_t exec_sys_sched_yield(struct exec_task *t, const uint64_t *a)
{
	t->yields = t->nr_threads > 1;
	return 0;
}

/* --- End ---------------------------------------------------------------------------------------------------- */

/* A mutex of the thread that ends: the next owner is told. */
static void abandon(struct exec_task *t, uint64_t at)
{
	uint32_t word;

	if (at % sizeof(word) || space_read(&t->space, at, &word, sizeof(word)) < 0 ||
		(word & FUTEX_TID_MASK) != (uint32_t)t->now->tid)
		return;
	/* One whose waiters are to own it goes to the first of them. */
	if (exec_pi_abandon(t, at))
		return;
	space_write(&t->space, at, &(uint32_t){(word & FUTEX_WAITERS) | FUTEX_OWNER_DIED}, sizeof(word));
	if (word & FUTEX_WAITERS)
		exec_wake(t, at, FUTEX_BITSET_MATCH_ANY, 1);
}

/* The list is the program's: it may be a loop, or lead anywhere. */
static void abandon_all(struct exec_task *t)
{
	uint64_t head[3], entry; /* next, offset of the futex, the one that is being taken */

	if (!t->now->robust || space_read(&t->space, t->now->robust, head, sizeof(head)) < 0)
		return;
	entry = head[0];
	for (int i = 0; i < ROBUST_MAX && (entry & ~UINT64_C(1)) != t->now->robust; i++) {
		uint64_t next;
		int r = space_read(&t->space, entry & ~UINT64_C(1), &next, sizeof(next));

		if (entry != head[2])
			abandon(t, (entry & ~UINT64_C(1)) + head[1]);
		if (r < 0)
			break;
		entry = next;
	}
	if (head[2])
		abandon(t, (head[2] & ~UINT64_C(1)) + head[1]);
}

int64_t exec_sys_exit_group(struct exec_task *t, const uint64_t *a)
{
	t->end.status = (uint8_t)a[0];
	t->end.ended = true;
	return 0;
}

int64_t exec_sys_exit(struct exec_task *t, const uint64_t *a)
{
	struct exec_thread *th = t->now;

	/* The process's status is that of its last thread, since Linux 6.0. */
	if (t->nr_threads == 1)
		return exec_sys_exit_group(t, a);
	abandon_all(t);
	exec_pi_abandon_all(t);
	if (th->clear_tid) {
		space_write(&t->space, th->clear_tid, &(uint32_t){0}, sizeof(uint32_t));
		exec_wake(t, th->clear_tid, FUTEX_BITSET_MATCH_ANY, 1);
	}
	exec_end_thread(t);
	return 0;
}

/* --- Futexes ------------------------------------------------------------------------------------------------ */

/* The time until a limit, or the limit itself. @ret: NULL: none. Return: 0 or a negative errno */
static int read_limit(
	struct exec_task *t, const uint64_t *a, bool absolute, struct timespec *limit, const struct timespec **ret)
{
	clockid_t clock = a[1] & FUTEX_CLOCK_REALTIME ? CLOCK_REALTIME : CLOCK_MONOTONIC;
	int r = a[3] ? exec_read_time(t, a[3], limit) : 0;

	*ret = a[3] ? limit : NULL;
	if (r == 0 && a[3] && absolute)
		exec_time_left(clock, limit);
	return r;
}

/* The wait is entered once, and made again until it ends. */
static int64_t go_on(struct exec_task *t, bool timed, const struct timespec *limit)
{
	struct exec_thread *th = t->now;
	int r;

	if (th->woken)
		return 0;
	r = exec_poll(t, NULL, 0, limit);
	if (r == -EINTR && !timed && !exec_stopping(t))
		return -EXEC_ERESTART;
	return r == 0 ? -ETIMEDOUT : r;
}

static int64_t futex_wait(struct exec_task *t, const uint64_t *a, bool absolute, uint32_t bits)
{
	struct exec_thread *th = t->now;
	const struct timespec *limit;
	struct timespec at;
	uint32_t value;
	int64_t r = read_limit(t, a, absolute, &at, &limit);

	if (r == 0 && !th->again) {
		r = space_read(&t->space, a[0], &value, sizeof(value));
		if (r == 0 && value != (uint32_t)a[2])
			r = -EAGAIN;
		th->futex = a[0];
		th->bits = bits;
		th->woken = false;
		th->turn = ++t->turns;
	}
	if (r == 0)
		r = go_on(t, a[3], limit);
	/* Nothing of it is left for the next call that waits. */
	if (r != -EXEC_BLOCKED) {
		th->futex = 0;
		th->woken = false;
	}
	return r;
}

/* The rest waits for another futex from now on. */
static unsigned move_rest(struct exec_task *t, uint64_t from, uint64_t to, unsigned most)
{
	unsigned n = 0;

	for (unsigned i = 0; i < t->most && n < most; i++) {
		struct exec_thread *th = exec_nth(t, i);

		if (th->state != EXEC_WAITING || th->futex != from || th->pi || th->woken)
			continue;
		th->futex = to;
		n++;
	}
	return n;
}

static int64_t futex_requeue(struct exec_task *t, const uint64_t *a, bool compare)
{
	uint32_t value;
	unsigned n;
	int r;

	if (a[4] % sizeof(value) || (int)a[2] < 0 || (int)a[3] < 0)
		return -EINVAL;
	r = compare ? space_read(&t->space, a[0], &value, sizeof(value)) : 0;
	if (r < 0)
		return r;
	if (compare && value != (uint32_t)a[5])
		return -EAGAIN;
	n = exec_wake(t, a[0], FUTEX_BITSET_MATCH_ANY, (unsigned)a[2]);
	return n + move_rest(t, a[0], a[4], (unsigned)a[3]);
}

/* What FUTEX_WAKE_OP does to the other word. Return: false: there is no such operation */
static bool apply(uint32_t op, uint32_t by, uint32_t old, uint32_t *ret)
{
	switch (op) {
	case FUTEX_OP_SET: *ret = by; return true;
	case FUTEX_OP_ADD: *ret = old + by; return true;
	case FUTEX_OP_OR: *ret = old | by; return true;
	case FUTEX_OP_ANDN: *ret = old & ~by; return true;
	case FUTEX_OP_XOR: *ret = old ^ by; return true;
	default: return false;
	}
}

/* Return: -1: there is no such comparison */
static int holds(uint32_t how, int32_t old, int32_t with)
{
	switch (how) {
	case FUTEX_OP_CMP_EQ: return old == with;
	case FUTEX_OP_CMP_NE: return old != with;
	case FUTEX_OP_CMP_LT: return old < with;
	case FUTEX_OP_CMP_LE: return old <= with;
	case FUTEX_OP_CMP_GT: return old > with;
	case FUTEX_OP_CMP_GE: return old >= with;
	default: return -1;
	}
}

/* The arguments of the operation and the comparison have 12 bits and a sign. */
static int32_t signed_12(uint32_t bits)
{
	return (int32_t)(bits << 20) >> 20;
}

static int64_t wake_op(struct exec_task *t, const uint64_t *a)
{
	uint32_t how = (uint32_t)a[5], by = (uint32_t)signed_12(how >> 12), old, new;
	int yes, r;

	if (a[4] % sizeof(old))
		return -EINVAL;
	r = space_read(&t->space, a[4], &old, sizeof(old));
	if (r < 0)
		return r;
	if (how >> 28 & FUTEX_OP_OPARG_SHIFT)
		by = UINT32_C(1) << (by & 31);
	yes = holds(how >> 24 & 0xf, (int32_t)old, signed_12(how));
	if (!apply(how >> 28 & 7, by, old, &new) || yes < 0)
		return -ENOSYS;
	r = space_write(&t->space, a[4], &new, sizeof(new));
	if (r < 0)
		return r;
	r = (int)exec_wake(t, a[0], FUTEX_BITSET_MATCH_ANY, MAX((uint32_t)a[2], 1u));
	return r + (yes ? (int)exec_wake(t, a[4], FUTEX_BITSET_MATCH_ANY, MAX((uint32_t)a[3], 1u)) : 0);
}

/* The limits are absolute: of the time of day, or of the clock that FUTEX_LOCK_PI2 names. */
static int64_t pi_lock(struct exec_task *t, const uint64_t *a, bool realtime)
{
	const uint64_t with[] = {a[0], a[1] | (realtime ? FUTEX_CLOCK_REALTIME : 0), 0, a[3]};
	const struct timespec *limit;
	struct timespec at;
	int r = read_limit(t, with, true, &at, &limit);

	return r < 0 ? r : exec_pi_lock(t, a[0], false, limit);
}

int64_t exec_sys_futex(struct exec_task *t, const uint64_t *a)
{
	uint32_t op = (uint32_t)a[1] & ~(uint32_t)(FUTEX_PRIVATE_FLAG | FUTEX_CLOCK_REALTIME);

	if (op <= FUTEX_WAKE_BITSET || op == FUTEX_LOCK_PI2_) {
		if (a[0] % sizeof(uint32_t))
			return -EINVAL;
		if (a[0] >= SPACE_HIGH)
			return -EFAULT;
	}
	switch (op) {
	case FUTEX_WAIT: return futex_wait(t, a, false, FUTEX_BITSET_MATCH_ANY);
	case FUTEX_WAIT_BITSET: return (uint32_t)a[5] ? futex_wait(t, a, true, (uint32_t)a[5]) : -EINVAL;
	case FUTEX_WAKE: return exec_wake(t, a[0], FUTEX_BITSET_MATCH_ANY, MAX((uint32_t)a[2], 1u));
	case FUTEX_WAKE_BITSET:
		return (uint32_t)a[5] ? (int64_t)exec_wake(t, a[0], (uint32_t)a[5], MAX((uint32_t)a[2], 1u)) : -EINVAL;
	case FUTEX_REQUEUE: return futex_requeue(t, a, false);
	case FUTEX_WAKE_OP: return wake_op(t, a);
	case FUTEX_LOCK_PI: return pi_lock(t, a, true);
	case FUTEX_LOCK_PI2_: return pi_lock(t, a, false);
	case FUTEX_TRYLOCK_PI: return exec_pi_lock(t, a[0], true, NULL);
	case FUTEX_UNLOCK_PI: return exec_pi_unlock(t, a[0]);
	case FUTEX_CMP_REQUEUE: return futex_requeue(t, a, true);
	default: return -ENOSYS;
	}
}
