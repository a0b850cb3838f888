// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/times.h>
#include <time.h>

#include "vmm/base/clock.h"
#include "vmm/base/kick.h"
#include "vmm/exec/signals.h"
#include "vmm/exec/threads.h"
#include "vmm/exec/timers.h"
#include "vmm/exec/vdso.h"
#include "vmm/exec/wait.h"

#define TICKS 100 /* a second: USER_HZ */

/* --- Waiting ----------------------------------------------------------------------------------------------- */

static struct timespec after(const struct timespec *from, const struct timespec *by)
{
	struct timespec t = {from->tv_sec + by->tv_sec, from->tv_nsec + by->tv_nsec};

	if (t.tv_nsec >= (long)NSEC_PER_SEC) {
		t.tv_nsec -= (long)NSEC_PER_SEC;
		t.tv_sec++;
	}
	return t;
}

/*
 * The kick is blocked from the look at the end until the host waits, which lets it in: one that arrives in between
 * ends the wait.
 */
int exec_wait_once(struct exec_task *t, struct pollfd *file, size_t nr, const struct timespec *limit)
{
	sigset_t kick, before, waiting;
	int r;

	sigemptyset(&kick);
	sigaddset(&kick, KICK_SIGNAL);
	pthread_sigmask(SIG_BLOCK, &kick, &before);
	waiting = before;
	sigdelset(&waiting, KICK_SIGNAL);
	r = exec_stopping(t) || (exec_alone(t) && exec_interrupted(t)) ? -EINTR : ppoll(file, nr, limit, &waiting);
	if (r == -1)
		r = -errno;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return r;
}

int exec_poll(struct exec_task *t, struct pollfd *file, size_t nr, const struct timespec *limit)
{
	struct timespec now, end = {0};

	if (!exec_alone(t))
		return exec_block(t, file, nr, limit);
	clock_gettime(CLOCK_MONOTONIC, &now);
	/* A limit that would overflow counts as none. */
	if (limit && limit->tv_sec > INT32_MAX)
		limit = NULL;
	if (limit)
		end = after(&now, limit);
	for (;;) {
		struct timespec left = {end.tv_sec - now.tv_sec, end.tv_nsec - now.tv_nsec};
		int r;

		if (left.tv_nsec < 0) {
			left.tv_nsec += (long)NSEC_PER_SEC;
			left.tv_sec--;
		}
		if (left.tv_sec < 0)
			left = (struct timespec){0};
		r = exec_wait_once(t, file, nr, limit ? &left : NULL);
		if (r == -EINTR)
			exec_timers_run(t);
		if (r != -EINTR || exec_stopping(t) || exec_interrupted(t))
			return r;
		clock_gettime(CLOCK_MONOTONIC, &now);
	}
}

void exec_time_left(clockid_t clock, struct timespec *at)
{
	struct timespec now;

	clock_gettime(clock, &now);
	at->tv_sec -= now.tv_sec;
	at->tv_nsec -= now.tv_nsec;
	if (at->tv_nsec < 0) {
		at->tv_nsec += (long)NSEC_PER_SEC;
		at->tv_sec--;
	}
	if (at->tv_sec < 0)
		*at = (struct timespec){0};
}

int exec_sleep_until(struct exec_task *t, clockid_t clock, const struct timespec *until)
{
	struct timespec left = *until;
	int r;

	if (!exec_alone(t)) {
		exec_time_left(clock, &left);
		return exec_block(t, NULL, 0, &left);
	}
	do {
		r = exec_stopping(t) || exec_interrupted(t) ? EINTR
							    : clock_nanosleep(clock, TIMER_ABSTIME, until, NULL);
		if (r == EINTR)
			exec_timers_run(t);
	} while (r == EINTR && !exec_stopping(t) && !exec_interrupted(t));
	return -r;
}

int exec_read_time(struct exec_task *t, uint64_t at, struct timespec *ret)
{
	int r = space_read(&t->space, at, ret, sizeof(*ret));

	if (r < 0)
		return r;
	return ret->tv_sec < 0 || ret->tv_nsec < 0 || ret->tv_nsec >= (long)NSEC_PER_SEC ? -EINVAL : 0;
}

/* @rest: what is left of an interrupted sleep goes there; 0: nowhere */
static int64_t sleep_for(struct exec_task *t, clockid_t clock, const struct timespec *by, uint64_t rest)
{
	struct exec_thread *th = t->now;
	struct timespec until;
	int64_t r;

	clock_gettime(clock, &until);
	until.tv_sec = by->tv_sec > INT64_MAX - until.tv_sec - 1 ? INT64_MAX - 1 : until.tv_sec;
	until = after(&until, &(struct timespec){until.tv_sec == INT64_MAX - 1 ? 0 : by->tv_sec, by->tv_nsec});
	if (th->again)
		until = ns_to_timespec(th->until);
	else
		th->until = (uint64_t)MIN(until.tv_sec, UINT32_MAX) * NSEC_PER_SEC + (uint64_t)until.tv_nsec;
	r = exec_sleep_until(t, clock, &until);
	if (r != -EINTR || !rest || exec_stopping(t))
		return r;
	exec_time_left(clock, &until);
	return space_write(&t->space, rest, &until, sizeof(until)) < 0 ? -EFAULT : r;
}

int64_t exec_sys_nanosleep(struct exec_task *t, const uint64_t *a)
{
	struct timespec by;
	int r = exec_read_time(t, a[0], &by);

	return r < 0 ? r : sleep_for(t, CLOCK_MONOTONIC, &by, a[1]);
}

static bool is_sleepable(uint64_t clock)
{
	return clock == CLOCK_REALTIME || clock == CLOCK_MONOTONIC || clock == CLOCK_BOOTTIME || clock == CLOCK_TAI;
}

int64_t exec_sys_clock_nanosleep(struct exec_task *t, const uint64_t *a)
{
	struct timespec ts;
	int r = exec_read_time(t, a[2], &ts);

	if (r < 0)
		return r;
	if (!is_sleepable((uint32_t)a[0]))
		return -EINVAL;
	if (a[1] & TIMER_ABSTIME)
		return exec_sleep_until(t, (clockid_t)a[0], &ts);
	return sleep_for(t, (clockid_t)a[0], &ts, a[3]);
}

/* --- Clocks ------------------------------------------------------------------------------------------------ */

/* Only the vCPU's thread runs the program, so its CPU time is the process's. */
static int clock_of(uint64_t guest, clockid_t *ret)
{
	uint32_t n = (uint32_t)guest;

	if (n > CLOCK_BOOTTIME && n != CLOCK_TAI)
		return -EINVAL;
	*ret = n == CLOCK_PROCESS_CPUTIME_ID ? CLOCK_THREAD_CPUTIME_ID : (clockid_t)n;
	return 0;
}

int64_t exec_sys_clock_gettime(struct exec_task *t, const uint64_t *a)
{
	struct timespec ts;
	clockid_t clock;
	int r = clock_of(a[0], &clock);

	if (r < 0)
		return r;
	exec_vdso_refresh(t, a[4]);
	if (clock_gettime(clock, &ts) < 0)
		return -errno;
	return space_write(&t->space, a[1], &ts, sizeof(ts));
}

int64_t exec_sys_clock_getres(struct exec_task *t, const uint64_t *a)
{
	uint32_t n = (uint32_t)a[0];
	struct timespec ts = {0, n == CLOCK_REALTIME_COARSE || n == CLOCK_MONOTONIC_COARSE ? 4000000 : 1};
	clockid_t clock;
	int r = clock_of(a[0], &clock);

	if (r < 0 || !a[1])
		return r;
	return space_write(&t->space, a[1], &ts, sizeof(ts));
}

int64_t exec_sys_gettimeofday(struct exec_task *t, const uint64_t *a)
{
	const int32_t zone[2] = {0, 0};
	struct timespec ts;
	int r = 0;

	clock_gettime(CLOCK_REALTIME, &ts);
	if (a[0])
		r = space_write(
			&t->space, a[0], &(struct timeval){ts.tv_sec, ts.tv_nsec / 1000}, sizeof(struct timeval));
	if (r == 0 && a[1])
		r = space_write(&t->space, a[1], zone, sizeof(zone));
	return r;
}

int64_t exec_sys_time(struct exec_task *t, const uint64_t *a)
{
	struct timespec ts;
	int64_t seconds;
	int r = 0;

	clock_gettime(CLOCK_REALTIME, &ts);
	seconds = ts.tv_sec;
	if (a[0])
		r = space_write(&t->space, a[0], &seconds, sizeof(seconds));
	return r < 0 ? r : seconds;
}

int64_t exec_sys_times(struct exec_task *t, const uint64_t *a)
{
	struct timespec cpu, now;
	int64_t ticks[4] = {0};
	int r = 0;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &cpu);
	clock_gettime(CLOCK_MONOTONIC, &now);
	ticks[0] = cpu.tv_sec * TICKS + cpu.tv_nsec / (long)(NSEC_PER_SEC / TICKS);
	if (a[0])
		r = space_write(&t->space, a[0], ticks, sizeof(ticks));
	return r < 0 ? r : now.tv_sec * TICKS + now.tv_nsec / (long)(NSEC_PER_SEC / TICKS);
}

int64_t exec_sys_getrusage(struct exec_task *t, const uint64_t *a)
{
	int who = (int)a[0];
	struct rusage u;
	struct timespec cpu = {0};

	if (who != RUSAGE_SELF && who != RUSAGE_CHILDREN && who != RUSAGE_THREAD)
		return -EINVAL;
	memset(&u, 0, sizeof(u));
	if (who != RUSAGE_CHILDREN) {
		clock_gettime(CLOCK_THREAD_CPUTIME_ID, &cpu);
		u.ru_maxrss = (long)(t->space.most * (PAGE_4K / KIB));
		u.ru_minflt = (long)t->faults;
	}
	u.ru_utime = (struct timeval){cpu.tv_sec, cpu.tv_nsec / 1000};
	return space_write(&t->space, a[1], &u, sizeof(u));
}
