// SPDX-License-Identifier: Apache-2.0
/*
 * Theory of operation. A timerfd is a time in struct exec_files; nothing happens when it comes. Who waits for it waits
 * no longer than until then, and who reads it counts the times that have passed. A signalfd is a set of signals: a
 * thread that waits for it lets them end the wait though they are blocked, as sigtimedwait() does.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <time.h>

#include "vmm/base/clock.h"
#include "vmm/exec/event_fds.h"
#include "vmm/exec/names.h"
#include "vmm/exec/signals.h"
#include "vmm/exec/threads.h"
#include "vmm/exec/wait.h"

/* Linux include/uapi/linux/timerfd.h, signalfd.h: those flags are the ones of open() */
#define FD_FLAGS           ((uint32_t)(O_CLOEXEC | O_NONBLOCK))
#define TFD_ABSTIME_       1u
#define TFD_CANCEL_ON_SET_ 2u
#define CLOCK_REAL_ALARM_  8
#define CLOCK_BOOT_ALARM_  9

_Static_assert(sizeof(struct itimerspec) == 32, "as in Linux");

/* --- Timers ------------------------------------------------------------------------------------------------- */

static struct exec_timerfd *timer_of(const struct exec_task *t, const struct exec_open *o)
{
	return &t->files->timerfd[o->node];
}

/* Counts what has passed. Return: the time of its clock */
static uint64_t advance(struct exec_timerfd *m)
{
	uint64_t now = clock_ns(m->clock), times;

	if (!m->next || now < m->next)
		return now;
	times = m->interval ? (now - m->next) / m->interval + 1 : 1;
	m->ticks += times;
	m->next = m->interval ? m->next + times * m->interval : 0;
	return now;
}

static ssize_t take_ticks(struct exec_timerfd *m, uint8_t *buf, size_t len)
{
	if (len < sizeof(m->ticks))
		return -EINVAL;
	advance(m);
	if (!m->ticks)
		return -EAGAIN;
	memcpy(buf, &m->ticks, sizeof(m->ticks));
	m->ticks = 0;
	return sizeof(m->ticks);
}

static struct exec_timerfd *timer_at(struct exec_task *t, uint64_t fd, int64_t *ret_error)
{
	const struct exec_open *o = exec_files_get(t->files, fd);

	*ret_error = !o ? -EBADF : o->kind != EXEC_TIMERFD ? -EINVAL : 0;
	return *ret_error ? NULL : timer_of(t, o);
}

int64_t exec_sys_timerfd_create(struct exec_task *t, const uint64_t *a)
{
	struct exec_open o = {.kind = EXEC_TIMERFD, .host = -1, .flags = O_RDWR | (uint32_t)(a[1] & O_NONBLOCK)};
	int clock = (int)a[0];
	int64_t fd;

	if ((uint32_t)a[1] & ~FD_FLAGS)
		return -EINVAL;
	if (clock == CLOCK_REAL_ALARM_ || clock == CLOCK_BOOT_ALARM_)
		return -EPERM;
	if (clock != CLOCK_REALTIME && clock != CLOCK_MONOTONIC && clock != CLOCK_BOOTTIME)
		return -EINVAL;
	while (o.node < EXEC_TIMERFDS_MAX && t->files->timerfd[o.node].used)
		o.node++;
	if (o.node == EXEC_TIMERFDS_MAX)
		return -EMFILE;
	fd = exec_install(t, &o, a[1] & O_CLOEXEC);
	if (fd >= 0)
		t->files->timerfd[o.node] = (struct exec_timerfd){.used = true, .clock = clock};
	return fd;
}

static struct itimerspec setting_of(struct exec_timerfd *m)
{
	uint64_t now = advance(m);

	return (struct itimerspec){
		.it_interval = ns_to_timespec(m->interval), .it_value = ns_to_timespec(m->next ? m->next - now : 0)};
}

int64_t exec_sys_timerfd_settime(struct exec_task *t, const uint64_t *a)
{
	struct itimerspec new, old;
	int64_t r = exec_read_timer(t, a[2], &new);
	struct exec_timerfd *m;
	uint64_t first;

	if (r < 0)
		return r;
	if ((uint32_t)a[1] & ~(TFD_ABSTIME_ | TFD_CANCEL_ON_SET_))
		return -EINVAL;
	m = timer_at(t, a[0], &r);
	if (!m)
		return r;
	old = setting_of(m);
	first = exec_timespec_ns(&new.it_value);
	m->interval = exec_timespec_ns(&new.it_interval);
	m->next = !first ? 0 : a[1] & TFD_ABSTIME_ ? first : clock_ns(m->clock) + first;
	m->ticks = 0;
	return a[3] ? space_write(&t->space, a[3], &old, sizeof(old)) : 0;
}

int64_t exec_sys_timerfd_gettime(struct exec_task *t, const uint64_t *a)
{
	struct itimerspec now;
	int64_t r;
	struct exec_timerfd *m = timer_at(t, a[0], &r);

	if (!m)
		return r;
	now = setting_of(m);
	return space_write(&t->space, a[1], &now, sizeof(now));
}

/* --- Signals ------------------------------------------------------------------------------------------------ */

/** struct record - layout of struct signalfd_siginfo; the rest is not used here */
struct record {
	uint32_t signal;
	int32_t error;
	int32_t code;
	uint32_t pid;
	uint32_t uid;
	int32_t fd;
	uint32_t tid;
	uint32_t band;
	uint32_t overrun;
	uint32_t trap;
	int32_t status;
	int32_t value;
	uint64_t pointer;
	uint8_t rest[EXEC_EVENT_BYTES - 56];
};

_Static_assert(sizeof(struct record) == EXEC_EVENT_BYTES, "as in Linux");

#define SI_TIMER_ (-2)
#define SI_QUEUE_ (-1)

/* What is in the words of a siginfo depends on who has sent it. */
static struct record record_of(const struct exec_info *info)
{
	uint32_t low = (uint32_t)info->word[0], high = (uint32_t)(info->word[0] >> 32);
	struct record r = {.signal = (uint32_t)info->signal, .error = info->error, .code = info->code};

	if (info->code == SI_TIMER_) {
		r.tid = low;
		r.overrun = high;
	} else if (info->code <= 0) {
		r.pid = low;
		r.uid = high;
	}
	if (info->code == SI_TIMER_ || info->code == SI_QUEUE_) {
		r.pointer = info->word[1];
		r.value = (int32_t)info->word[1];
	}
	return r;
}

static ssize_t take_signal(struct exec_task *t, uint64_t set, uint8_t *buf, size_t len)
{
	struct exec_info info;
	struct record r;

	if (len < sizeof(r))
		return -EINVAL;
	if (!exec_take(t, set, &info))
		return -EAGAIN;
	r = record_of(&info);
	memcpy(buf, &r, sizeof(r));
	return sizeof(r);
}

int64_t exec_sys_signalfd4(struct exec_task *t, const uint64_t *a)
{
	struct exec_open new = {.kind = EXEC_SIGNALFD, .host = -1, .flags = O_RDWR | (uint32_t)(a[3] & O_NONBLOCK)}, *o;
	int r;

	if ((uint32_t)a[3] & ~FD_FLAGS || a[2] != SET_SIZE)
		return -EINVAL;
	r = space_read(&t->space, a[1], &new.offset, SET_SIZE);
	if (r < 0)
		return r;
	new.offset &= ~UNMASKABLE;
	if ((int)a[0] == -1)
		return exec_install(t, &new, a[3] & O_CLOEXEC);
	o = exec_files_get(t->files, a[0]);
	if (!o)
		return -EBADF;
	if (o->kind != EXEC_SIGNALFD)
		return -EINVAL;
	o->offset = new.offset;
	return (int)a[0];
}

int64_t exec_sys_signalfd(struct exec_task *t, const uint64_t *a)
{
	return exec_sys_signalfd4(t, (const uint64_t[6]){a[0], a[1], a[2], 0});
}

/* --- Both --------------------------------------------------------------------------------------------------- */

bool exec_event_ready(struct exec_task *t, const struct exec_open *o)
{
	struct exec_timerfd *m = timer_of(t, o);

	if (o->kind == EXEC_SIGNALFD)
		return exec_pending(t) & o->offset;
	advance(m);
	return m->ticks;
}

uint64_t exec_event_next(const struct exec_task *t, const struct exec_open *o)
{
	const struct exec_timerfd *m = timer_of(t, o);
	uint64_t now;

	if (o->kind != EXEC_TIMERFD || !m->next)
		return UINT64_MAX;
	now = clock_ns(m->clock);
	return m->next > now ? m->next - now : 0;
}

uint64_t exec_event_signals(const struct exec_open *o)
{
	return o->kind == EXEC_SIGNALFD ? o->offset : 0;
}

ssize_t exec_event_take(struct exec_task *t, const struct exec_open *o, uint8_t *buf, size_t len)
{
	return o->kind == EXEC_SIGNALFD ? take_signal(t, o->offset, buf, len) : take_ticks(timer_of(t, o), buf, len);
}

int exec_event_wait(struct exec_task *t, const struct exec_open *o)
{
	uint64_t next = exec_event_next(t, o);
	const struct timespec limit = ns_to_timespec(next);
	int r;

	t->now->waits_for = exec_event_signals(o);
	/* It may have been set anew since the thread began to wait. */
	t->now->deadline = 0;
	r = exec_poll(t, NULL, 0, next == UINT64_MAX ? NULL : &limit);
	if (r == -EXEC_BLOCKED)
		return r;
	t->now->waits_for = 0;
	return r == -EINTR && exec_pending(t) & exec_event_signals(o) ? 0 : r;
}
