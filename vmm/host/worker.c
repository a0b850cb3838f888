// SPDX-License-Identifier: Apache-2.0
#include "vmm/host/worker.h"

#include <stdio.h>
#include <time.h>

#include "vmm/base/assert.h"
#include "vmm/base/clock.h"
#include "vmm/base/kick.h"
#include "vmm/base/util.h"

#define WORKER_STACK_SIZE (256 * KIB)

int worker_init(struct worker *w, const char *name, enum sandbox_role role)
{
	pthread_condattr_t attr;

	*w = (struct worker){.role = role, .fds = SANDBOX_NO_FDS, .lock = PTHREAD_MUTEX_INITIALIZER};
	snprintf(w->name, sizeof(w->name), "%s", name);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&w->changed, &attr);
	pthread_condattr_destroy(&attr);
	return loop_new(&w->loop);
}

static void tell(struct worker *w, bool *what)
{
	pthread_mutex_lock(&w->lock);
	*what = true;
	pthread_cond_signal(&w->changed);
	pthread_mutex_unlock(&w->lock);
}

static void *worker_main(void *arg)
{
	struct worker *w = arg;

	pthread_setname_np(pthread_self(), w->name);
	w->lock_error = sandbox_lock(w->sandbox, w->role, &w->fds);
	tell(w, &w->ready);
	/* It fails only when epoll does, which cannot happen for this loop. */
	if (!w->lock_error)
		loop_run(w->loop);
	tell(w, &w->ended);
	return NULL;
}

COLD int worker_start(struct worker *w, struct sandbox *sandbox)
{
	sigset_t blocked, old;
	pthread_attr_t attr;
	int r;

	kick_blocked(&blocked, false);
	w->sandbox = sandbox;
	w->ready = w->ended = false;
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, WORKER_STACK_SIZE);
	pthread_sigmask(SIG_SETMASK, &blocked, &old);
	r = -pthread_create(&w->thread, &attr, worker_main, w);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	pthread_attr_destroy(&attr);
	w->started = r == 0;
	if (r < 0)
		return r;
	pthread_mutex_lock(&w->lock);
	while (!w->ready)
		pthread_cond_wait(&w->changed, &w->lock);
	pthread_mutex_unlock(&w->lock);
	return w->lock_error;
}

COLD bool worker_stop(struct worker *w, uint64_t deadline_ns)
{
	const struct timespec until = ns_to_timespec(deadline_ns);
	bool ended;

	if (!w->started)
		return true;
	loop_stop(w->loop);
	/*
	 * Not pthread_clockjoin_np(), which ThreadSanitizer does not support; nor a semaphore, whose clock musl lacks.
	 */
	pthread_mutex_lock(&w->lock);
	while (!w->ended && pthread_cond_timedwait(&w->changed, &w->lock, &until) == 0)
		;
	ended = w->ended;
	pthread_mutex_unlock(&w->lock);
	if (!ended)
		return false;
	pthread_join(w->thread, NULL);
	w->started = false;
	return true;
}

void worker_destroy(struct worker *w)
{
	if (!w)
		return;
	assert(!w->started);
	loop_free(w->loop);
	w->loop = NULL;
}
