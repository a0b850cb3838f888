/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An epoll loop with timers. One thread runs it; only loop_stop() may be called from another.
 */
#ifndef VMM_BASE_LOOP_H
#define VMM_BASE_LOOP_H

#include <stdbool.h>
#include <stdint.h>

struct loop;

/**
 * struct loop_source - an fd to watch; embedded by its owner, who keeps it alive until loop_remove()
 * @fd: borrowed
 * @events: EPOLLIN and so on, as loop_add() and loop_modify() set them
 * @ready: called with what happened; may remove any source, itself included
 */
struct loop_source {
	int fd;
	uint32_t events;
	void (*ready)(struct loop_source *s, uint32_t events);
	struct loop *loop;
};

/**
 * struct loop_timer - a timerfd with a callback; zero-initialise, then loop_timer_init()
 */
struct loop_timer {
	struct loop_source source;
	void (*fired)(struct loop_timer *t);
};

/** loop_new() - Return: 0 or a negative errno; the caller owns *@ret */
int loop_new(struct loop **ret);

/** loop_free() - takes NULL; sources must have been removed, or must not be used again */
void loop_free(struct loop *loop);

/**
 * loop_add() - watch @s->fd for @events
 *
 * Return: 0 or a negative errno (-EPERM: a regular file, which is always ready).
 */
int loop_add(struct loop *loop, struct loop_source *s, uint32_t events);

/** loop_modify() - watch for other events from now on; 0 pauses the source, also for hang-ups */
int loop_modify(struct loop_source *s, uint32_t events);

/** loop_remove() - stop watching; takes a source that was never added */
void loop_remove(struct loop_source *s);

/**
 * loop_run() - dispatch until loop_stop()
 *
 * Return: 0, or a negative errno of epoll_wait.
 */
int loop_run(struct loop *loop);

/**
 * loop_yields() - during bulk transfers, do not preempt the thread that wakes this one (SCHED_BATCH)
 *
 * The thread that runs the loop must be allowed to call sched_setscheduler(). If the caller's policy, which a new
 * thread inherits, is not SCHED_OTHER, it is the operator's choice and is not changed.
 */
void loop_yields(struct loop *loop);

/** loop_moved() - called from a source's @ready: add to the bytes moved */
void loop_moved(struct loop *loop, uint64_t bytes);

/** loop_stop() - make loop_run() return; any thread, async-signal-safe */
void loop_stop(struct loop *loop);

/** loop_timer_init() - make the timer (monotonic clock), disarmed. Return: 0 or a negative errno. */
int loop_timer_init(struct loop *loop, struct loop_timer *t, void (*fired)(struct loop_timer *t));

/**
 * loop_timer_set() - fire once in @first_ns (0 disarms), then every @every_ns (0: only once)
 */
int loop_timer_set(struct loop_timer *t, uint64_t first_ns, uint64_t every_ns);

/** loop_timer_destroy() - takes a timer that was never initialised (all zero) */
void loop_timer_destroy(struct loop_timer *t);

#endif
