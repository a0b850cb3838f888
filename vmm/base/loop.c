// SPDX-License-Identifier: Apache-2.0
/*
 * Theory of operation. epoll returns pointers to sources. A callback may remove another source whose event is already
 * in the current batch, so the batch is part of the loop and loop_remove() deletes the source from it. A source that is
 * paused or modified meanwhile is not called for events that it no longer watches. A stop takes effect after the batch:
 * an edge in it would not be reported again.
 *
 * epoll always reports a hang-up, so the loop would spin on a paused source whose peer has closed. Therefore a source
 * without events is removed from the epoll set.
 *
 * Bulk. Where a guest's CPU shares a CPU of the host with its device, each kick wakes the device's thread, which the
 * scheduler lets preempt the guest at once: a kick, an interrupt and four context switches for each frame, although the
 * guest would have the next one ready a moment later. A SCHED_BATCH thread does not preempt: it runs when the guest
 * waits, or when its time slice ends, and then handles everything that has arrived. If a CPU is idle nothing changes.
 * It would delay the response to a single small frame by up to a time slice, though, so it is used only for rounds that
 * move much data, and for a few after them, since acknowledgements come in separate rounds. If the guest always has
 * something to run, each round would wait for the end of a slice: after a round that did, the thread preempts again for
 * a while.
 */
#include "vmm/base/loop.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "vmm/base/clock.h"
#include "vmm/base/trace.h"
#include "vmm/base/util.h"
#include "vmm/base/wake.h"

#define BATCH 16

/* Half of the largest frame that TCP passes to a device */
#define BULK_BYTES  (32 * KIB)
#define BULK_ROUNDS 4

/* A longer wait for bulk data has waited for a time slice; how long the thread preempts after one */
#define SLICE_NS (2 * NSEC_PER_MSEC)
#define EAGER_NS (100 * NSEC_PER_MSEC)

/**
 * struct loop
 * @may_yield: loop_yields() was called, and the thread's policy permits it
 * @yields: the thread is SCHED_BATCH
 * @moved: bytes in this round
 * @bulk_rounds: number of further rounds that may move little data
 * @waits_since_ns: the end of the last round, when @yields
 * @eager_until_ns: preempt until then
 */
struct loop {
	int epoll_fd;
	int stop_fd;
	struct loop_source stop;
	bool stopping;
	struct epoll_event batch[BATCH];
	int batch_nr;
	bool may_yield;
	bool yields;
	uint64_t moved;
	unsigned bulk_rounds;
	uint64_t waits_since_ns;
	uint64_t eager_until_ns;
};

static void on_stop(struct loop_source *s, uint32_t events)
{
	(void)events;
	/* Consumed, so that the loop can run again. */
	if (wake_take(s->fd))
		s->loop->stopping = true;
}

COLD int loop_new(struct loop **ret)
{
	struct loop *l = calloc(1, sizeof(*l));
	int r;

	if (!l)
		return -ENOMEM;
	l->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	r = l->epoll_fd < 0 ? -errno : 0;
	l->stop_fd = wake_open();
	if (r == 0 && l->stop_fd < 0)
		r = l->stop_fd;
	if (r < 0)
		goto fail;
	l->stop = (struct loop_source){.fd = l->stop_fd, .ready = on_stop};
	r = loop_add(l, &l->stop, EPOLLIN);
	if (r < 0)
		goto fail;
	*ret = l;
	return 0;
fail:
	loop_free(l);
	return r;
}

void loop_free(struct loop *loop)
{
	if (!loop)
		return;
	if (loop->epoll_fd >= 0)
		close(loop->epoll_fd);
	wake_close(&loop->stop_fd);
	free(loop);
}

int loop_add(struct loop *loop, struct loop_source *s, uint32_t events)
{
	struct epoll_event ev = {.events = events, .data.ptr = s};

	if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, s->fd, &ev) < 0)
		return -errno;
	if (!events)
		epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, s->fd, NULL);
	s->loop = loop;
	s->events = events;
	return 0;
}

int loop_modify(struct loop_source *s, uint32_t events)
{
	struct epoll_event ev = {.events = events, .data.ptr = s};
	int op = !events ? EPOLL_CTL_DEL : !s->events ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;

	if (s->events == events)
		return 0;
	if (epoll_ctl(s->loop->epoll_fd, op, s->fd, &ev) < 0)
		return -errno;
	s->events = events;
	return 0;
}

void loop_remove(struct loop_source *s)
{
	if (!s->loop)
		return;
	if (s->events)
		epoll_ctl(s->loop->epoll_fd, EPOLL_CTL_DEL, s->fd, NULL);
	for (int i = 0; i < s->loop->batch_nr; i++)
		if (s->loop->batch[i].data.ptr == s)
			s->loop->batch[i].data.ptr = NULL;
	s->loop = NULL;
}

void loop_yields(struct loop *loop)
{
	loop->may_yield = sched_getscheduler(0) == SCHED_OTHER;
}

void loop_moved(struct loop *loop, uint64_t bytes)
{
	loop->moved += bytes;
}

/*
 * Ends a round, before which the thread has yielded for @waited_ns (0: it does not yield): decides whether to yield for
 * the next.
 */
static void set_policy(struct loop *l, uint64_t waited_ns)
{
	const struct sched_param none = {0};
	bool bulk = l->moved >= BULK_BYTES, late = waited_ns > SLICE_NS, yields = false;

	l->moved = 0;
	if (!l->may_yield)
		return;
	if (bulk)
		l->bulk_rounds = BULK_ROUNDS;
	else if (late)
		l->bulk_rounds = 0; /* the stream has ended */
	else if (l->bulk_rounds)
		l->bulk_rounds--;
	if (bulk && late)
		l->eager_until_ns = l->waits_since_ns + waited_ns + EAGER_NS;
	if (l->bulk_rounds) {
		l->waits_since_ns = trace_now_ns();
		yields = l->waits_since_ns >= l->eager_until_ns;
	}
	if (yields == l->yields)
		return;
	if (sched_setscheduler(0, yields ? SCHED_BATCH : SCHED_OTHER, &none) < 0)
		l->may_yield = false;
	else
		l->yields = yields;
}

int loop_run(struct loop *loop)
{
	while (!loop->stopping) {
		int n = epoll_wait(loop->epoll_fd, loop->batch, BATCH, -1);
		uint64_t waited_ns = loop->yields ? trace_now_ns() - loop->waits_since_ns : 0;

		if (n < 0) {
			if (errno == EINTR)
				continue;
			return -errno;
		}
		loop->batch_nr = n;
		for (int i = 0; i < n; i++) {
			struct loop_source *s = loop->batch[i].data.ptr;
			uint32_t events = loop->batch[i].events;

			if (!s || !s->events)
				continue;
			events &= s->events | EPOLLERR | EPOLLHUP;
			if (events)
				s->ready(s, events);
		}
		loop->batch_nr = 0;
		set_policy(loop, waited_ns);
	}
	loop->stopping = false;
	return 0;
}

void loop_stop(struct loop *loop)
{
	wake_send(loop->stop_fd);
}

static void on_timer(struct loop_source *s, uint32_t events)
{
	struct loop_timer *t = container_of(s, struct loop_timer, source);
	uint64_t expirations;

	(void)events;
	/* EAGAIN: the timer was set again after epoll saw it fire. */
	if (read(s->fd, &expirations, sizeof(expirations)) == sizeof(expirations))
		t->fired(t);
}

COLD int loop_timer_init(struct loop *loop, struct loop_timer *t, void (*fired)(struct loop_timer *t))
{
	int r;

	t->fired = fired;
	t->source = (struct loop_source){.ready = on_timer};
	t->source.fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (t->source.fd < 0)
		return -errno;
	r = loop_add(loop, &t->source, EPOLLIN);
	if (r < 0) {
		close(t->source.fd);
		t->source.fd = -1;
	}
	return r;
}

int loop_timer_set(struct loop_timer *t, uint64_t first_ns, uint64_t every_ns)
{
	struct itimerspec its = {.it_value = ns_to_timespec(first_ns), .it_interval = ns_to_timespec(every_ns)};

	return timerfd_settime(t->source.fd, 0, &its, NULL) < 0 ? -errno : 0;
}

void loop_timer_destroy(struct loop_timer *t)
{
	if (!t->source.loop)
		return;
	loop_remove(&t->source);
	close(t->source.fd);
	t->source.fd = -1;
}
