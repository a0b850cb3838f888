// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>

#include "vmm/base/clock.h"
#include "vmm/exec/signals.h"
#include "vmm/exec/timers.h"
#include "vmm/exec/wait.h"

#define SI_TIMER_         (-2)
#define AGAIN_NS          (10 * NSEC_PER_MSEC) /* a kick that was lost is repeated */
#define SIGEV_THREAD_ID_  4
#define TIMER_OVERRUN_MAX INT32_MAX

static uint64_t now_of(clockid_t clock)
{
	struct timespec ts = {0};

	clock_gettime(clock, &ts);
	return (uint64_t)ts.tv_sec * NSEC_PER_SEC + (uint64_t)ts.tv_nsec;
}

uint64_t exec_timespec_ns(const struct timespec *ts)
{
	return ts->tv_sec > INT32_MAX ? INT32_MAX * NSEC_PER_SEC
				      : (uint64_t)ts->tv_sec * NSEC_PER_SEC + (uint64_t)ts->tv_nsec;
}

static uint64_t left_of(const struct exec_timer *m, uint64_t now)
{
	return !m->next ? 0 : m->next > now ? m->next - now : 1;
}

/* CPU time does not pass faster than the time of day, so that a look when it could have expired is early enough. */
static void arm(struct exec_task *t)
{
	uint64_t first = 0;

	for (unsigned i = 0; i < EXEC_TIMERS_MAX; i++) {
		uint64_t left = t->timer[i].next ? left_of(&t->timer[i], now_of(t->timer[i].clock)) : 0;

		if (left && (!first || left < first))
			first = left;
	}
	t->armed = first;
	if (t->ticking)
		first = first ? MIN(first, AGAIN_NS) : AGAIN_NS;
	t->ops->arm(t, first, first ? AGAIN_NS : 0);
}

static void expire(struct exec_task *t, struct exec_timer *m, unsigned i, uint64_t now)
{
	uint64_t times = m->interval ? (now - m->next) / m->interval : 0;
	struct exec_info info = {m->signal, 0, i < EXEC_ITIMERS ? SI_KERNEL : SI_TIMER_, {0, 0}};

	m->next = m->interval ? m->next + (times + 1) * m->interval : 0;
	m->overrun = (int)MIN(times, (uint64_t)TIMER_OVERRUN_MAX);
	if (i >= EXEC_ITIMERS) {
		info.word[0] = (i - EXEC_ITIMERS) | (uint64_t)(uint32_t)m->overrun << 32;
		info.word[1] = m->value;
	}
	if (m->signal)
		exec_send(t, m->to, &info);
}

void exec_timers_run(struct exec_task *t)
{
	bool ticking = t->nr_threads > 1;

	if (!t->armed && ticking == t->ticking)
		return;
	t->ticking = ticking;
	for (unsigned i = 0; i < EXEC_TIMERS_MAX; i++) {
		struct exec_timer *m = &t->timer[i];
		uint64_t now = m->next ? now_of(m->clock) : 0;

		if (m->next && now >= m->next)
			expire(t, m, i, now);
	}
	arm(t);
}

void exec_timers_left(const struct exec_task *t, uint64_t ret[static EXEC_TIMERS_MAX])
{
	for (unsigned i = 0; i < EXEC_TIMERS_MAX; i++)
		ret[i] = t->timer[i].next ? left_of(&t->timer[i], now_of(t->timer[i].clock)) : 0;
}

void exec_timers_again(struct exec_task *t, const uint64_t left[static EXEC_TIMERS_MAX])
{
	for (unsigned i = 0; i < EXEC_TIMERS_MAX; i++)
		if (left[i])
			t->timer[i].next = now_of(t->timer[i].clock) + left[i];
	t->ticking = false;
	arm(t);
}

/* --- Interval timers ---------------------------------------------------------------------------------------- */

static int read_interval(struct exec_task *t, uint64_t at, struct itimerval *ret)
{
	int r = space_read(&t->space, at, ret, sizeof(*ret));

	if (r < 0)
		return r;
	return ret->it_value.tv_sec < 0 || ret->it_value.tv_usec < 0 || ret->it_value.tv_usec >= 1000000 ||
			ret->it_interval.tv_sec < 0 || ret->it_interval.tv_usec < 0 ||
			ret->it_interval.tv_usec >= 1000000
		? -EINVAL
		: 0;
}

static uint64_t of_timeval(const struct timeval *tv)
{
	return exec_timespec_ns(&(const struct timespec){tv->tv_sec, tv->tv_usec * 1000});
}

static struct timeval to_timeval(uint64_t ns)
{
	/* Rounded up: what is left is never 0. */
	uint64_t us = (ns + 999) / 1000;

	return (struct timeval){(time_t)(us / 1000000), (suseconds_t)(us % 1000000)};
}

static struct itimerval get_interval(const struct exec_timer *m)
{
	uint64_t left = m->next ? left_of(m, now_of(m->clock)) : 0;

	return (struct itimerval){to_timeval(m->interval), to_timeval(left)};
}

static void set_interval(struct exec_task *t, unsigned which, uint64_t first, uint64_t every)
{
	static const int signals[EXEC_ITIMERS] = {SIGALRM, SIGVTALRM, SIGPROF};
	struct exec_timer *m = &t->timer[which];

	*m = (struct exec_timer){.clock = which == ITIMER_REAL ? CLOCK_MONOTONIC : CLOCK_THREAD_CPUTIME_ID,
		.signal = signals[which],
		.interval = every};
	m->next = first ? now_of(m->clock) + first : 0;
	arm(t);
}

int64_t exec_sys_getitimer(struct exec_task *t, const uint64_t *a)
{
	struct itimerval old;

	if ((uint32_t)a[0] >= EXEC_ITIMERS)
		return -EINVAL;
	old = get_interval(&t->timer[(uint32_t)a[0]]);
	return space_write(&t->space, a[1], &old, sizeof(old));
}

int64_t exec_sys_setitimer(struct exec_task *t, const uint64_t *a)
{
	uint32_t which = (uint32_t)a[0];
	struct itimerval new = {0}, old;
	int r = a[1] ? read_interval(t, a[1], &new) : 0;

	if (r < 0)
		return r;
	if (which >= EXEC_ITIMERS)
		return -EINVAL;
	old = get_interval(&t->timer[which]);
	set_interval(t, which, of_timeval(&new.it_value), of_timeval(&new.it_interval));
	return a[2] ? space_write(&t->space, a[2], &old, sizeof(old)) : 0;
}

int64_t exec_sys_alarm(struct exec_task *t, const uint64_t *a)
{
	struct timeval left = get_interval(&t->timer[ITIMER_REAL]).it_value;

	set_interval(t, ITIMER_REAL, (uint32_t)a[0] * NSEC_PER_SEC, 0);
	/* To the nearest second, and not to 0. */
	return left.tv_sec + (left.tv_usec >= 500000 || (!left.tv_sec && left.tv_usec));
}

/* --- Timers that the program makes -------------------------------------------------------------------------- */

/* layout of struct sigevent */
struct event {
	uint64_t value;
	int32_t signal;
	int32_t notify;
	int32_t tid;
	int32_t unused[11];
};

_Static_assert(sizeof(struct event) == sizeof(struct sigevent), "as in Linux");

static int host_clock(uint32_t clock, clockid_t *ret)
{
	switch (clock) {
	case CLOCK_REALTIME:
	case CLOCK_MONOTONIC:
	case CLOCK_BOOTTIME:
	case CLOCK_TAI: *ret = (clockid_t)clock; return 0;
	case CLOCK_PROCESS_CPUTIME_ID:
	case CLOCK_THREAD_CPUTIME_ID: *ret = CLOCK_THREAD_CPUTIME_ID; return 0;
	default: return -EINVAL;
	}
}

static int check_event(struct exec_task *t, const struct event *e, struct exec_timer *m)
{
	switch (e->notify) {
	case SIGEV_NONE: m->signal = 0; return 0;
	case SIGEV_SIGNAL: break;
	case SIGEV_THREAD_ID_:
		m->to = exec_thread_of(t, e->tid);
		if (!m->to)
			return -EINVAL;
		break;
	default: return -EINVAL;
	}
	m->signal = e->signal;
	m->value = e->value;
	return e->signal > 0 && e->signal <= EXEC_SIGNALS ? 0 : -EINVAL;
}

int64_t exec_sys_timer_create(struct exec_task *t, const uint64_t *a)
{
	struct exec_timer m = {.used = true};
	struct event e = {.signal = SIGALRM, .notify = SIGEV_SIGNAL};
	int32_t id = 0;
	int r = host_clock((uint32_t)a[0], &m.clock);

	if (r == 0 && a[1])
		r = space_read(&t->space, a[1], &e, sizeof(e));
	if (r == 0)
		r = check_event(t, &e, &m);
	if (r < 0)
		return r;
	while (id < EXEC_TIMERS_MAX - EXEC_ITIMERS && t->timer[EXEC_ITIMERS + id].used)
		id++;
	if (id == EXEC_TIMERS_MAX - EXEC_ITIMERS)
		return -EAGAIN;
	if (!a[1])
		m.value = (uint64_t)id;
	r = space_write(&t->space, a[2], &id, sizeof(id));
	if (r == 0)
		t->timer[EXEC_ITIMERS + id] = m;
	return r;
}

static struct exec_timer *timer_of(struct exec_task *t, uint64_t id)
{
	uint32_t n = (uint32_t)id;

	return n < EXEC_TIMERS_MAX - EXEC_ITIMERS && t->timer[EXEC_ITIMERS + n].used ? &t->timer[EXEC_ITIMERS + n]
										     : NULL;
}

static bool is_time(const struct timespec *ts)
{
	return ts->tv_sec >= 0 && ts->tv_nsec >= 0 && ts->tv_nsec < (long)NSEC_PER_SEC;
}

int exec_read_timer(struct exec_task *t, uint64_t at, struct itimerspec *ret)
{
	int r = space_read(&t->space, at, ret, sizeof(*ret));

	return r < 0 || (is_time(&ret->it_value) && is_time(&ret->it_interval)) ? r : -EINVAL;
}

static struct itimerspec get_timer(const struct exec_timer *m)
{
	return (struct itimerspec){.it_interval = ns_to_timespec(m->interval),
		.it_value = ns_to_timespec(m->next ? left_of(m, now_of(m->clock)) : 0)};
}

int64_t exec_sys_timer_settime(struct exec_task *t, const uint64_t *a)
{
	struct exec_timer *m = timer_of(t, a[0]);
	struct itimerspec new, old;
	uint64_t first;
	int r = a[2] ? exec_read_timer(t, a[2], &new) : -EINVAL;

	if (r < 0 || !m)
		return r < 0 ? r : -EINVAL;
	old = get_timer(m);
	first = exec_timespec_ns(&new.it_value);
	/* A time of the clock counts as it is, and may be over already. */
	m->next = !first ? 0 : a[1] & TIMER_ABSTIME ? first : now_of(m->clock) + first;
	m->interval = exec_timespec_ns(&new.it_interval);
	m->overrun = 0;
	arm(t);
	return a[3] ? space_write(&t->space, a[3], &old, sizeof(old)) : 0;
}

int64_t exec_sys_timer_gettime(struct exec_task *t, const uint64_t *a)
{
	const struct exec_timer *m = timer_of(t, a[0]);
	struct itimerspec now;

	if (!m)
		return -EINVAL;
	now = get_timer(m);
	return space_write(&t->space, a[1], &now, sizeof(now));
}

int64_t exec_sys_timer_getoverrun(struct exec_task *t, const uint64_t *a)
{
	const struct exec_timer *m = timer_of(t, a[0]);

	return m ? m->overrun : -EINVAL;
}

int64_t exec_sys_timer_delete(struct exec_task *t, const uint64_t *a)
{
	struct exec_timer *m = timer_of(t, a[0]);

	if (!m)
		return -EINVAL;
	*m = (struct exec_timer){0};
	arm(t);
	return 0;
}
