// SPDX-License-Identifier: Apache-2.0
/*
 * System calls about a program's share of the processor, and those that change who it is. All threads have the priority
 * of vmm's: what is set is checked as Linux does, and has no effect.
 */
#include <errno.h>
#include <linux/membarrier.h>
#include <sched.h>
#include <string.h>
#include <sys/resource.h>

#include "vmm/base/clock.h"
#include "vmm/exec/task.h"

#define NICE_ZERO       20 /* getpriority() says 20 less the value */
#define REALTIME        99
#define SCHED_DEADLINE_ 6
#define PERSONALITY     UINT32_MAX /* asks for it */
#define SLICE_NS        (3 * NSEC_PER_MSEC)

static bool is_thread(struct exec_task *t, uint64_t tid)
{
	return !(uint32_t)tid || exec_thread_of(t, (int)tid);
}

int64_t exec_sys_getpriority(struct exec_task *t, const uint64_t *a)
{
	if ((uint32_t)a[0] > PRIO_USER)
		return -EINVAL;
	if ((uint32_t)a[0] == PRIO_USER)
		return !(uint32_t)a[1] || (uint32_t)a[1] == EXEC_ID ? NICE_ZERO - t->nice : -ESRCH;
	return is_thread(t, a[1]) ? NICE_ZERO - t->nice : -ESRCH;
}

int64_t exec_sys_setpriority(struct exec_task *t, const uint64_t *a)
{
	int nice = MAX(MIN((int)a[2], NICE_ZERO - 1), -NICE_ZERO);
	int64_t r = exec_sys_getpriority(t, a);

	if (r < 0)
		return r;
	if (nice < t->nice)
		return -EACCES;
	t->nice = nice;
	return 0;
}

int64_t exec_sys_sched_getscheduler(struct exec_task *t, const uint64_t *a)
{
	return (int)a[0] < 0 ? -EINVAL : is_thread(t, a[0]) ? SCHED_OTHER : -ESRCH;
}

int64_t exec_sys_sched_getparam(struct exec_task *t, const uint64_t *a)
{
	const int32_t priority = 0;
	int64_t r = a[1] ? exec_sys_sched_getscheduler(t, a) : -EINVAL;

	return r < 0 ? r : space_write(&t->space, a[1], &priority, sizeof(priority));
}

static int64_t set_policy(struct exec_task *t, uint64_t tid, uint32_t policy, uint64_t at)
{
	int32_t priority;
	int64_t r = at && (int)tid >= 0 ? space_read(&t->space, at, &priority, sizeof(priority)) : -EINVAL;

	if (r < 0)
		return r;
	if (!is_thread(t, tid))
		return -ESRCH;
	switch (policy) {
	case SCHED_OTHER:
	case SCHED_BATCH:
	case SCHED_IDLE: return priority ? -EINVAL : 0;
	case SCHED_FIFO:
	case SCHED_RR: return priority < 1 || priority > REALTIME ? -EINVAL : -EPERM;
	default: return -EINVAL;
	}
}

int64_t exec_sys_sched_setscheduler(struct exec_task *t, const uint64_t *a)
{
	return set_policy(t, a[0], (uint32_t)a[1] & ~(uint32_t)SCHED_RESET_ON_FORK, a[2]);
}

int64_t exec_sys_sched_setparam(struct exec_task *t, const uint64_t *a)
{
	return set_policy(t, a[0], SCHED_OTHER, a[1]);
}

static int64_t limit_of(uint32_t policy, int most)
{
	switch (policy) {
	case SCHED_FIFO:
	case SCHED_RR: return most;
	case SCHED_OTHER:
	case SCHED_BATCH:
	case SCHED_IDLE:
	case SCHED_DEADLINE_: return 0;
	default: return -EINVAL;
	}
}

int64_t exec_sys_sched_get_priority_max(struct exec_task *t, const uint64_t *a)
{
	return limit_of((uint32_t)a[0], REALTIME);
}

int64_t exec_sys_sched_get_priority_min(struct exec_task *t, const uint64_t *a)
{
	return limit_of((uint32_t)a[0], 1);
}

int64_t exec_sys_sched_rr_get_interval(struct exec_task *t, const uint64_t *a)
{
	const struct timespec slice = ns_to_timespec(SLICE_NS);
	int64_t r = exec_sys_sched_getscheduler(t, a);

	return r < 0 ? r : space_write(&t->space, a[1], &slice, sizeof(slice));
}

/* There is one CPU: it must be among them. */
int64_t exec_sys_sched_setaffinity(struct exec_task *t, const uint64_t *a)
{
	uint64_t first = 0;
	int r = space_read(&t->space, a[2], &first, MIN((uint32_t)a[1], sizeof(first)));

	if (r < 0)
		return r;
	if (!is_thread(t, a[0]))
		return -ESRCH;
	return first & 1 ? 0 : -EINVAL;
}

/* All threads are on one vCPU, which passes a barrier whenever it changes from one to another. */
int64_t exec_sys_membarrier(struct exec_task *t, const uint64_t *a)
{
	const uint32_t known = MEMBARRIER_CMD_GLOBAL | MEMBARRIER_CMD_GLOBAL_EXPEDITED |
		MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED | MEMBARRIER_CMD_PRIVATE_EXPEDITED |
		MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED | MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE |
		MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE;
	uint32_t command = (uint32_t)a[0];

	if ((uint32_t)a[1])
		return -EINVAL;
	if (command == MEMBARRIER_CMD_QUERY)
		return known;
	return command & known && !(command & (command - 1)) ? 0 : -EINVAL;
}

/* --- Who it is ---------------------------------------------------------------------------------------------- */

int64_t exec_sys_getresid(struct exec_task *t, const uint64_t *a)
{
	const uint32_t id = EXEC_ID;
	int r = 0;

	for (int i = 0; r == 0 && i < 3; i++)
		r = space_write(&t->space, a[i], &id, sizeof(id));
	return r;
}

/* To what it is already; -1 leaves one of several as it is. */
int64_t exec_sys_setid(struct exec_task *t, const uint64_t *a)
{
	size_t nr = strlen(exec_row(t->now->nr)->args);

	if (nr == 1 && (uint32_t)a[0] == UINT32_MAX)
		return -EINVAL;
	for (size_t i = 0; i < nr; i++)
		if ((uint32_t)a[i] != EXEC_ID && (uint32_t)a[i] != UINT32_MAX)
			return -EPERM;
	return 0;
}

int64_t exec_sys_personality(struct exec_task *t, const uint64_t *a)
{
	return (uint32_t)a[0] == PERSONALITY || !(uint32_t)a[0] ? 0 : -EINVAL;
}
