// SPDX-License-Identifier: Apache-2.0
/*
 * System calls that wait for descriptors: poll, select and epoll.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>

#include "vmm/base/clock.h"
#include "vmm/exec/event_fds.h"
#include "vmm/exec/signals.h"
#include "vmm/exec/threads.h"
#include "vmm/exec/wait.h"

#define POLL_MAX   EXEC_FILES_MAX
#define LOOK_AGAIN 1001 /* no errno of Linux */

/* --- Waiting ----------------------------------------------------------------------------------------------- */

/**
 * struct waiting - what of memory a wait depends on
 * @ready: how many are so already
 * @first_ns: until a timer among them expires; UINT64_MAX: none
 * @signals: that one among them reports
 */
struct waiting {
	int ready;
	uint64_t first_ns;
	uint64_t signals;
};

/* What of memory is ready; files there always are. */
static short ready_now(struct exec_task *t, const struct exec_open *o, short events)
{
	const short always = POLLHUP | POLLERR;

	switch (o->kind) {
	case EXEC_ROUND:
	case EXEC_NODE: return events & (POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM);
	case EXEC_PIPE:
		return exec_pipe_events(&t->files->pipe[o->node], (o->flags & O_ACCMODE) == O_WRONLY) &
			(events | always);
	case EXEC_EVENT:
		return events &
			((o->offset ? POLLIN | POLLRDNORM : 0) |
				(o->offset < EXEC_EVENT_MAX ? POLLOUT | POLLWRNORM : 0));
	case EXEC_TIMERFD:
	case EXEC_SIGNALFD: return exec_event_ready(t, o) ? events & (POLLIN | POLLRDNORM) : 0;
	default: return 0;
	}
}

/* @o: NULL: not open, or not asked for. */
static void prepare(
	struct exec_task *t, const struct exec_open *o, struct pollfd *guest, struct pollfd *host, struct waiting *w)
{
	*host = (struct pollfd){.fd = -1, .events = guest->events};
	guest->revents = o ? ready_now(t, o, guest->events) : guest->fd < 0 ? 0 : POLLNVAL;
	w->ready += guest->revents != 0;
	if (!o)
		return;
	if (o->kind == EXEC_STREAM || o->kind == EXEC_HOST)
		host->fd = o->host;
	if (o->kind < EXEC_TIMERFD)
		return;
	w->first_ns = MIN(w->first_ns, exec_event_next(t, o));
	w->signals |= exec_event_signals(o);
}

/* Until the end of the call, which may be made again: it is computed once. */
static uint64_t left_of(struct exec_thread *th, const struct timespec *limit)
{
	uint64_t now = clock_ns(CLOCK_MONOTONIC);

	/* A limit that would overflow counts as none. */
	if (!limit || limit->tv_sec > INT32_MAX)
		return UINT64_MAX;
	if (!th->until)
		th->until = now + exec_timespec_ns(limit);
	return th->until > now ? th->until - now : 0;
}

/* Return: as exec_poll(), or -LOOK_AGAIN: one of memory may be ready */
static int wait_once(
	struct exec_task *t, struct pollfd *host, uint64_t nr, const struct waiting *w, const struct timespec *limit)
{
	struct exec_thread *th = t->now;
	uint64_t left = w->ready ? 0 : left_of(th, limit), first = MIN(left, w->first_ns);
	const struct timespec until = ns_to_timespec(first);
	int r;

	th->deadline = 0;
	th->waits_for = w->ready ? 0 : w->signals;
	r = exec_poll(t, host, nr, first == UINT64_MAX ? NULL : &until);
	if (r == -EXEC_BLOCKED)
		return r;
	th->waits_for = 0;
	/* What is ready counts, also if a signal is pending. */
	if (w->ready && r == -EINTR)
		return 0;
	if (!w->ready && ((r == 0 && first < left) || (r == -EINTR && exec_pending(t) & w->signals)))
		return -LOOK_AGAIN;
	return r;
}

static int64_t finish(struct exec_task *t, struct pollfd *guest, struct pollfd *host, uint64_t nr,
	const struct waiting *w, const struct timespec *limit)
{
	int n = wait_once(t, host, nr, w, limit);

	if (n < 0)
		return n;
	for (uint64_t i = 0; i < nr; i++)
		guest[i].revents |= host[i].revents;
	return n + w->ready;
}

/* @guest, @host: of @nr files; the former gets the results. Return: how many are ready, or a negative errno */
static int64_t poll_files(
	struct exec_task *t, struct pollfd *guest, struct pollfd *host, uint64_t nr, const struct timespec *limit)
{
	int64_t n;

	do {
		struct waiting w = {.first_ns = UINT64_MAX};

		for (uint64_t i = 0; i < nr; i++)
			prepare(t, guest[i].fd < 0 ? NULL : exec_files_get(t->files, (uint64_t)guest[i].fd), &guest[i],
				&host[i], &w);
		n = finish(t, guest, host, nr, &w, limit);
	} while (n == -LOOK_AGAIN);
	return n;
}

static int64_t wait_for_files(struct exec_task *t, uint64_t at, uint64_t nr, const struct timespec *limit)
{
	struct pollfd *guest = (struct pollfd *)(void *)t->files->scratch, *host = guest + POLL_MAX;
	int64_t n;
	int r;

	_Static_assert(2 * POLL_MAX * sizeof(*guest) <= EXEC_SCRATCH, "both arrays fit");
	if (nr > POLL_MAX)
		return -EINVAL;
	r = space_read(&t->space, at, guest, nr * sizeof(*guest));
	n = r < 0 ? r : poll_files(t, guest, host, nr, limit);
	for (uint64_t i = 0; n >= 0 && i < nr; i++) {
		r = space_write(&t->space, at + i * sizeof(*guest) + offsetof(struct pollfd, revents),
			&guest[i].revents, sizeof(guest[i].revents));
		n = r < 0 ? r : n;
	}
	return n;
}

int64_t exec_sys_poll(struct exec_task *t, const uint64_t *a)
{
	int ms = (int)a[2];
	struct timespec limit = {ms / 1000, ms % 1000 * 1000000L};

	return wait_for_files(t, a[0], a[1], ms < 0 ? NULL : &limit);
}

int64_t exec_sys_ppoll(struct exec_task *t, const uint64_t *a)
{
	struct timespec limit;
	int r = a[2] ? exec_read_time(t, a[2], &limit) : 0;

	if (r == 0)
		r = exec_use_mask(t, a[3], a[4]);
	return r < 0 ? r : wait_for_files(t, a[0], a[1], a[2] ? &limit : NULL);
}

/* --- select ------------------------------------------------------------------------------------------------- */

#define SELECT_MAX 1024

/** struct sets - the three of select: to read, to write, exceptions */
struct sets {
	uint64_t bits[3][SELECT_MAX / 64];
};

static const short select_events[3] = {POLLIN | POLLRDNORM, POLLOUT | POLLWRNORM, POLLPRI};
static const short select_results[3] = {
	POLLIN | POLLRDNORM | POLLHUP | POLLERR, POLLOUT | POLLWRNORM | POLLERR, POLLPRI};

static int copy_sets(struct exec_task *t, const uint64_t *a, struct sets *s, bool out)
{
	size_t len = ((uint32_t)a[0] + 63) / 64 * 8;
	int r = 0;

	for (int i = 0; r == 0 && i < 3; i++)
		if (a[1 + i])
			r = out ? space_write(&t->space, a[1 + i], s->bits[i], len)
				: space_read(&t->space, a[1 + i], s->bits[i], len);
	return r;
}

static int64_t select_files(struct exec_task *t, const uint64_t *a, const struct timespec *limit)
{
	struct pollfd *guest = (struct pollfd *)(void *)t->files->scratch, *host = guest + POLL_MAX;
	struct sets in = {0}, out = {0};
	int64_t n, found = 0;
	uint64_t nr = 0;
	int r = (uint32_t)a[0] > SELECT_MAX ? -EINVAL : copy_sets(t, a, &in, false);

	if (r < 0)
		return r;
	for (uint32_t fd = 0; fd < (uint32_t)a[0]; fd++) {
		short events = 0;

		for (int i = 0; i < 3; i++)
			events |= in.bits[i][fd / 64] & BIT(fd % 64) ? select_events[i] : 0;
		if (events && !exec_files_get(t->files, fd))
			return -EBADF;
		if (events)
			guest[nr++] = (struct pollfd){.fd = (int)fd, .events = events};
	}
	n = poll_files(t, guest, host, nr, limit);
	if (n < 0)
		return n;
	for (uint64_t k = 0; k < nr; k++)
		for (int i = 0; i < 3; i++) {
			uint32_t fd = (uint32_t)guest[k].fd;

			if (!(in.bits[i][fd / 64] & BIT(fd % 64)) || !(guest[k].revents & select_results[i]))
				continue;
			out.bits[i][fd / 64] |= BIT(fd % 64);
			found++;
		}
	r = copy_sets(t, a, &out, true);
	return r < 0 ? r : found;
}

int64_t exec_sys_select(struct exec_task *t, const uint64_t *a)
{
	int64_t tv[2];
	struct timespec limit;
	int r = a[4] ? space_read(&t->space, a[4], tv, sizeof(tv)) : 0;

	if (r < 0)
		return r;
	if (a[4] && (tv[0] < 0 || tv[1] < 0))
		return -EINVAL;
	if (a[4])
		limit = (struct timespec){
			MIN(tv[0], INT32_MAX) + MIN(tv[1] / 1000000, INT32_MAX), tv[1] % 1000000 * 1000};
	return select_files(t, a, a[4] ? &limit : NULL);
}

int64_t exec_sys_pselect6(struct exec_task *t, const uint64_t *a)
{
	struct timespec limit;
	uint64_t mask[2] = {0};
	int r = a[4] ? exec_read_time(t, a[4], &limit) : 0;

	if (r == 0 && a[5])
		r = space_read(&t->space, a[5], mask, sizeof(mask));
	if (r == 0)
		r = exec_use_mask(t, mask[0], mask[1]);
	return r < 0 ? r : select_files(t, a, a[4] ? &limit : NULL);
}

/* --- epoll -------------------------------------------------------------------------------------------------- */

/* The kernel's struct epoll_event is packed on x86-64. */
struct event {
	uint32_t events;
	uint64_t data;
} __attribute__((packed));

int64_t exec_install(struct exec_task *t, const struct exec_open *from, uint64_t close_on_exec)
{
	struct exec_open *o = exec_files_new_open(t->files, from, "");
	int64_t fd = o ? exec_files_install(t->files, o, 0, close_on_exec) : -EMFILE;

	if (o && fd < 0)
		exec_files_unref(t->files, o);
	return fd;
}

int64_t exec_sys_epoll_create1(struct exec_task *t, const uint64_t *a)
{
	struct exec_open o = {.kind = EXEC_EPOLL, .host = -1, .flags = O_RDWR};
	int64_t fd;

	if ((uint32_t)a[0] & ~(uint32_t)EPOLL_CLOEXEC)
		return -EINVAL;
	while (o.node < EXEC_EPOLLS_MAX && t->files->epoll[o.node].used)
		o.node++;
	if (o.node == EXEC_EPOLLS_MAX)
		return -EMFILE;
	t->files->epoll[o.node].used = true;
	t->files->epoll[o.node].nr = 0;
	fd = exec_install(t, &o, a[0] & EPOLL_CLOEXEC);
	if (fd < 0)
		t->files->epoll[o.node].used = false;
	return fd;
}

int64_t exec_sys_epoll_create(struct exec_task *t, const uint64_t *a)
{
	return (int)a[0] <= 0 ? -EINVAL : exec_sys_epoll_create1(t, (const uint64_t[6]){0});
}

/* Files, directories and devices cannot be waited for. */
static bool can_wait(const struct exec_task *t, const struct exec_open *o)
{
	struct stat st;

	if (o->kind == EXEC_STREAM)
		return exec_open_status(t, o, &st) == 0 && !S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode);
	return o->kind >= EXEC_PIPE && o->kind != EXEC_EPOLL;
}

static int64_t add_watch(struct exec_epoll *e, struct exec_watch *old, const struct exec_watch *new)
{
	if (old)
		return -EEXIST;
	if (e->nr == EXEC_WATCHES_MAX)
		return -ENOSPC;
	e->watch[e->nr++] = *new;
	return 0;
}

int64_t exec_sys_epoll_ctl(struct exec_task *t, const uint64_t *a)
{
	struct exec_open *ep = exec_files_get(t->files, a[0]), *o = exec_files_get(t->files, a[2]);
	struct exec_watch *w = NULL, new;
	struct exec_epoll *e;
	struct event event = {0};

	if (!ep || !o)
		return -EBADF;
	if ((uint32_t)a[1] != EPOLL_CTL_DEL && space_read(&t->space, a[3], &event, sizeof(event)) < 0)
		return -EFAULT;
	if (ep->kind != EXEC_EPOLL || ep == o || o->kind == EXEC_EPOLL)
		return -EINVAL;
	if (!can_wait(t, o))
		return -EPERM;
	e = &t->files->epoll[ep->node];
	new = (struct exec_watch){event.data, (uint32_t)a[2], event.events, (uint16_t)(o - t->files->open), false};
	for (unsigned i = 0; i < e->nr; i++)
		if (e->watch[i].open == new.open && e->watch[i].fd == new.fd)
			w = &e->watch[i];
	switch ((uint32_t)a[1]) {
	case EPOLL_CTL_ADD: return add_watch(e, w, &new);
	case EPOLL_CTL_MOD:
		if (w)
			*w = new;
		return w ? 0 : -ENOENT;
	case EPOLL_CTL_DEL:
		if (w)
			*w = e->watch[--e->nr];
		return w ? 0 : -ENOENT;
	default: return -EINVAL;
	}
}

/* Copies what is ready, at most @most. Return: how many, or a negative errno */
static int64_t put_events(
	struct exec_task *t, struct exec_epoll *e, const struct pollfd *guest, uint64_t to, uint64_t most)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < e->nr && n < most; i++) {
		struct exec_watch *w = &e->watch[i];
		const struct event event = {(uint16_t)guest[i].revents, w->data};
		int r;

		if (!guest[i].revents || w->off)
			continue;
		r = space_write(&t->space, to + n * sizeof(event), &event, sizeof(event));
		if (r < 0)
			return n ? (int64_t)n : r;
		w->off = w->events & EPOLLONESHOT;
		n++;
	}
	return (int64_t)n;
}

static int64_t epoll_files(struct exec_task *t, const uint64_t *a, const struct timespec *limit)
{
	struct pollfd *guest = (struct pollfd *)(void *)t->files->scratch, *host = guest + POLL_MAX;
	const struct exec_open *ep = exec_files_get(t->files, a[0]);
	struct exec_epoll *e;
	int64_t n;

	if (!ep)
		return -EBADF;
	if (ep->kind != EXEC_EPOLL || (int)a[2] <= 0)
		return -EINVAL;
	e = &t->files->epoll[ep->node];
	do {
		struct waiting all = {.first_ns = UINT64_MAX};

		for (unsigned i = 0; i < e->nr; i++) {
			const struct exec_watch *w = &e->watch[i];

			guest[i] = (struct pollfd){
				.fd = -1, .events = (short)(w->events & (EPOLLIN | EPOLLOUT | EPOLLPRI | EPOLLRDHUP))};
			prepare(t, w->off ? NULL : &t->files->open[w->open], &guest[i], &host[i], &all);
		}
		n = finish(t, guest, host, e->nr, &all, limit);
	} while (n == -LOOK_AGAIN);
	return n <= 0 ? n : put_events(t, e, guest, a[1], (uint32_t)a[2]);
}

int64_t exec_sys_epoll_wait(struct exec_task *t, const uint64_t *a)
{
	int ms = (int)a[3];
	struct timespec limit = {ms / 1000, ms % 1000 * 1000000L};

	return epoll_files(t, a, ms < 0 ? NULL : &limit);
}

int64_t exec_sys_epoll_pwait(struct exec_task *t, const uint64_t *a)
{
	int r = exec_use_mask(t, a[4], a[5]);

	return r < 0 ? r : exec_sys_epoll_wait(t, a);
}

int64_t exec_sys_epoll_pwait2(struct exec_task *t, const uint64_t *a)
{
	struct timespec limit;
	int r = a[3] ? exec_read_time(t, a[3], &limit) : 0;

	if (r == 0)
		r = exec_use_mask(t, a[4], a[5]);
	return r < 0 ? r : epoll_files(t, a, a[3] ? &limit : NULL);
}

/* --- Pipes and counters ------------------------------------------------------------------------------------- */

#define PIPE_FLAGS ((uint32_t)(O_CLOEXEC | O_NONBLOCK))

int64_t exec_sys_pipe2(struct exec_task *t, const uint64_t *a)
{
	struct exec_open o = {.kind = EXEC_PIPE, .host = -1, .flags = O_RDONLY | (uint32_t)(a[1] & O_NONBLOCK)};
	struct exec_pipe *p;
	int32_t fd[2];
	int64_t n;

	if ((uint32_t)a[1] & ~PIPE_FLAGS)
		return -EINVAL;
	while (o.node < EXEC_PIPES_MAX && (t->files->pipe[o.node].readers || t->files->pipe[o.node].writers))
		o.node++;
	if (o.node == EXEC_PIPES_MAX)
		return -ENFILE;
	p = &t->files->pipe[o.node];
	p->readers = p->writers = 1;
	p->at = p->used = 0;
	n = exec_install(t, &o, a[1] & O_CLOEXEC);
	if (n < 0) {
		p->readers = p->writers = 0;
		return n;
	}
	fd[0] = (int32_t)n;
	o.flags |= O_WRONLY;
	n = exec_install(t, &o, a[1] & O_CLOEXEC);
	fd[1] = (int32_t)n;
	if (n >= 0)
		n = space_write(&t->space, a[0], fd, sizeof(fd));
	else
		p->writers = 0;
	if (n < 0) {
		exec_files_close(t->files, (uint32_t)fd[0]);
		if (fd[1] >= 0)
			exec_files_close(t->files, (uint32_t)fd[1]);
	}
	return n;
}

int64_t exec_sys_pipe(struct exec_task *t, const uint64_t *a)
{
	return exec_sys_pipe2(t, (const uint64_t[6]){a[0]});
}

int64_t exec_sys_eventfd2(struct exec_task *t, const uint64_t *a)
{
	const struct exec_open o = {.kind = EXEC_EVENT,
		.host = -1,
		.flags = O_RDWR | (uint32_t)(a[1] & O_NONBLOCK),
		.offset = (uint32_t)a[0],
		.node = a[1] & 1 /* EFD_SEMAPHORE */};

	return (uint32_t)a[1] & ~(PIPE_FLAGS | 1) ? -EINVAL : exec_install(t, &o, a[1] & O_CLOEXEC);
}

int64_t exec_sys_eventfd(struct exec_task *t, const uint64_t *a)
{
	return exec_sys_eventfd2(t, (const uint64_t[6]){a[0]});
}
