// SPDX-License-Identifier: Apache-2.0
/*
 * Theory of operation.
 *
 * Holding. The gate and a pause work alike: while there is a reason (`holds`), a thread waits in hold_locked(). The
 * closed gate is the first reason, which exists before any thread; crew_open() removes it.
 *
 * Leaving the guest. A kick is a request and a signal (vcpu.c explains why both). KVM completes the PIO or MMIO of the
 * last exit before it checks the request, and an instruction that needs more of them exits again: the owner serves
 * those like any other, since only the EINTR after the last one leads to vcpu_thread_kicked(). That function clears the
 * request and checks under the lock what is wanted; callers set that before they send the request. So nothing is
 * missed, and a superfluous request costs one more check.
 *
 * Kicks are sent under the lock, which a thread needs to be held or to end. So a thread that is RUNNING still exists,
 * and its id has not been reused.
 */
#include "vmm/kvm/vcpu_thread.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "vmm/base/assert.h"
#include "vmm/base/clock.h"
#include "vmm/base/kick.h"
#include "vmm/base/trace.h"

/**
 * struct vcpu_call - a pending call; on the stack of the caller that waits for it, under the crew's lock
 */
struct vcpu_call {
	int (*fn)(struct vcpu_thread *t, void *arg);
	void *arg;
	bool begun, done;
	int result;
};

static _Thread_local struct vcpu_thread *self;

struct vcpu_thread *vcpu_thread_self(void)
{
	return self;
}

static void assert_outside(const struct crew *c)
{
	assert(!self || self->crew != c);
}

void crew_init(struct crew *c, const struct crew_ops *ops)
{
	pthread_condattr_t attr;

	*c = (struct crew){.ops = ops, .last = &c->first, .holds = 1};
	pthread_mutex_init(&c->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&c->go, &attr);
	pthread_cond_init(&c->changed, &attr);
	pthread_condattr_destroy(&attr);
}

void crew_destroy(struct crew *c)
{
	pthread_cond_destroy(&c->changed);
	pthread_cond_destroy(&c->go);
	pthread_mutex_destroy(&c->lock);
}

void crew_add(struct crew *c, struct vcpu_thread *t, struct vcpu *vcpu, const char *name)
{
	size_t len = strlen(name);

	assert(len < sizeof(t->name));
	memcpy(t->name, name, len);
	t->crew = c;
	t->vcpu = vcpu;
	*c->last = t;
	c->last = &t->next;
	c->nr++;
}

/*
 * --- The threads. Functions whose name ends in _locked need the lock.
 * -------------------------------------------------
 */

static bool is_busy(enum vcpu_thread_state state)
{
	return state == VCPU_THREAD_STARTING || state == VCPU_THREAD_RUNNING;
}

static void set_state_locked(struct vcpu_thread *t, enum vcpu_thread_state state)
{
	struct crew *c = t->crew;

	c->nr_busy += (unsigned)is_busy(state) - (unsigned)is_busy(t->state);
	t->state = state;
	if (!c->nr_busy || t->call)
		pthread_cond_broadcast(&c->changed);
}

static void set_state(struct vcpu_thread *t, enum vcpu_thread_state state)
{
	pthread_mutex_lock(&t->crew->lock);
	set_state_locked(t, state);
	pthread_mutex_unlock(&t->crew->lock);
}

static void serve_locked(struct vcpu_thread *t)
{
	struct crew *c = t->crew;
	struct vcpu_call *call = t->call;

	if (!call || call->done)
		return;
	call->begun = true;
	pthread_mutex_unlock(&c->lock);
	call->result = call->fn(t, call->arg);
	pthread_mutex_lock(&c->lock);
	call->done = true;
	pthread_cond_broadcast(&c->changed);
}

static void hold_locked(struct vcpu_thread *t)
{
	struct crew *c = t->crew;

	for (;;) {
		serve_locked(t);
		if ((!c->holds && !t->frozen) || crew_stopping(c))
			break;
		set_state_locked(t, VCPU_THREAD_HELD);
		pthread_cond_wait(&c->go, &c->lock);
	}
	set_state_locked(t, VCPU_THREAD_RUNNING);
}

void vcpu_thread_kicked(struct vcpu_thread *t)
{
	pthread_mutex_lock(&t->crew->lock);
	vcpu_clear_request(t->vcpu);
	hold_locked(t);
	pthread_mutex_unlock(&t->crew->lock);
}

void vcpu_thread_blocks(struct vcpu_thread *t)
{
	set_state(t, VCPU_THREAD_BLOCKED);
}

void vcpu_thread_unblocks(struct vcpu_thread *t)
{
	struct crew *c = t->crew;

	pthread_mutex_lock(&c->lock);
	while ((c->holds || t->frozen) && !crew_stopping(c))
		pthread_cond_wait(&c->go, &c->lock);
	set_state_locked(t, VCPU_THREAD_RUNNING);
	pthread_mutex_unlock(&c->lock);
}

void vcpu_thread_hold(struct vcpu_thread *t)
{
	pthread_mutex_lock(&t->crew->lock);
	t->crew->holds++;
	pthread_mutex_unlock(&t->crew->lock);
}

void vcpu_thread_freeze(struct vcpu_thread *t, bool frozen)
{
	pthread_mutex_lock(&t->crew->lock);
	t->frozen = frozen;
	pthread_cond_broadcast(&t->crew->go);
	pthread_mutex_unlock(&t->crew->lock);
}

static void *thread_main(void *arg)
{
	struct vcpu_thread *t = arg;
	struct crew *c = t->crew;
	pid_t tid = trace_thread_id();
	int r;

	self = t;
	pthread_setname_np(pthread_self(), t->name);
	r = c->ops->lock(c);
	pthread_mutex_lock(&c->lock);
	t->tid = tid;
	if (r < 0)
		c->lock_error = r;
	if (++c->nr_locked == c->nr)
		pthread_cond_broadcast(&c->changed);
	hold_locked(t);
	pthread_mutex_unlock(&c->lock);
	c->ops->run(t);
	pthread_mutex_lock(&c->lock);
	vcpu_clear_request(t->vcpu);
	set_state_locked(t, VCPU_THREAD_ENDED);
	pthread_mutex_unlock(&c->lock);
	return NULL;
}

bool vcpu_thread_cpu_ns(const struct vcpu_thread *t, uint64_t *ret_ns)
{
	struct timespec ts;
	clockid_t clock;

	if (pthread_getcpuclockid(t->thread, &clock) || clock_gettime(clock, &ts) < 0)
		return false;
	*ret_ns = timespec_to_ns(ts);
	return true;
}

/* --- The verbs ------------------------------------------------------------------------------------------------- */

static void kick_locked(struct vcpu_thread *t)
{
	if (t->state == VCPU_THREAD_NONE || t->state == VCPU_THREAD_ENDED)
		return;
	vcpu_request_exit(t->vcpu);
	if (t->state == VCPU_THREAD_RUNNING)
		kick_send(t->crew->pid, t->tid);
}

void vcpu_thread_kick(struct vcpu_thread *t)
{
	pthread_mutex_lock(&t->crew->lock);
	kick_locked(t);
	pthread_mutex_unlock(&t->crew->lock);
}

static int start_thread(struct vcpu_thread *t, const pthread_attr_t *attr)
{
	int r;

	set_state(t, VCPU_THREAD_STARTING);
	r = -pthread_create(&t->thread, attr, thread_main, t);
	t->started = r == 0;
	if (r < 0)
		set_state(t, VCPU_THREAD_NONE);
	return r;
}

int crew_start(struct crew *c, unsigned *ret_at)
{
	sigset_t blocked, old;
	pthread_attr_t attr;
	unsigned at = 0;
	int r = 0;

	/* Here, since the crew may have been made before a fork. */
	c->pid = getpid();
	kick_blocked(&blocked, true);
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, c->ops->stack_size);
	pthread_sigmask(SIG_SETMASK, &blocked, &old);
	for (struct vcpu_thread *t = c->first; r == 0 && t; t = t->next, at++) {
		r = start_thread(t, &attr);
		if (r < 0)
			*ret_at = at;
	}
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	pthread_attr_destroy(&attr);
	return r;
}

int crew_wait_locked(struct crew *c)
{
	int r;

	pthread_mutex_lock(&c->lock);
	while (c->nr_locked < c->nr)
		pthread_cond_wait(&c->changed, &c->lock);
	r = c->lock_error;
	pthread_mutex_unlock(&c->lock);
	return r;
}

static void release_locked(struct crew *c)
{
	assert(c->holds);
	if (!--c->holds)
		pthread_cond_broadcast(&c->go);
}

static void release(struct crew *c)
{
	pthread_mutex_lock(&c->lock);
	release_locked(c);
	pthread_mutex_unlock(&c->lock);
}

void crew_open(struct crew *c)
{
	release(c);
}

void crew_resume(struct crew *c)
{
	release(c);
}

void crew_quit(struct crew *c)
{
	atomic_store(&c->stop, true);
}

void crew_stop(struct crew *c)
{
	assert_outside(c);
	crew_quit(c);
	pthread_mutex_lock(&c->lock);
	for (struct vcpu_thread *t = c->first; t; t = t->next)
		kick_locked(t);
	pthread_cond_broadcast(&c->go);
	pthread_cond_broadcast(&c->changed);
	pthread_mutex_unlock(&c->lock);
	for (struct vcpu_thread *t = c->first; t; t = t->next) {
		if (!t->started)
			continue;
		pthread_join(t->thread, NULL);
		t->started = false;
	}
}

/* Return: false on a timeout. */
static bool wait_changed_locked(struct crew *c, uint64_t deadline_ns)
{
	struct timespec until = ns_to_timespec(deadline_ns);

	return pthread_cond_timedwait(&c->changed, &c->lock, &until) == 0;
}

static struct vcpu_thread *busy_locked(const struct crew *c)
{
	struct vcpu_thread *t = c->first;

	while (t && !is_busy(t->state))
		t = t->next;
	return t;
}

static void hold_all_locked(struct crew *c)
{
	c->holds++;
	for (struct vcpu_thread *t = c->first; t; t = t->next)
		if (t->state == VCPU_THREAD_RUNNING)
			kick_locked(t);
}

void crew_hold(struct crew *c)
{
	assert_outside(c);
	pthread_mutex_lock(&c->lock);
	hold_all_locked(c);
	pthread_mutex_unlock(&c->lock);
}

struct vcpu_thread *crew_late(struct crew *c)
{
	struct vcpu_thread *t;

	pthread_mutex_lock(&c->lock);
	t = busy_locked(c);
	pthread_mutex_unlock(&c->lock);
	return t;
}

int crew_pause(struct crew *c, uint64_t timeout_ns, struct vcpu_thread **ret_late)
{
	uint64_t deadline_ns = trace_now_ns() + timeout_ns;
	bool late = false;
	int r = 0;

	assert_outside(c);
	pthread_mutex_lock(&c->lock);
	hold_all_locked(c);
	while (c->nr_busy && !late && !crew_stopping(c))
		late = !wait_changed_locked(c, deadline_ns);
	if (crew_stopping(c)) {
		r = -ECANCELED;
	} else if (c->nr_busy) {
		r = -ETIMEDOUT;
		*ret_late = busy_locked(c);
	}
	if (r < 0)
		release_locked(c);
	pthread_mutex_unlock(&c->lock);
	return r;
}

/* Whether a thread exists that will serve a call. */
static int reach_locked(const struct vcpu_thread *t)
{
	if (t->state == VCPU_THREAD_NONE || t->state == VCPU_THREAD_ENDED)
		return -ESRCH;
	return crew_stopping(t->crew) ? -ECANCELED : 0;
}

/* Waits until @call has begun; without @call, until that of another caller has ended. */
static int wait_call_locked(struct vcpu_thread *t, const struct vcpu_call *call, uint64_t deadline_ns)
{
	bool late = false;

	while (call ? !call->begun : t->call != NULL) {
		int r = reach_locked(t);

		if (r < 0 || late)
			return r < 0 ? r : -ETIMEDOUT;
		late = !wait_changed_locked(t->crew, deadline_ns);
	}
	return call ? 0 : reach_locked(t);
}

int crew_call(struct vcpu_thread *t, int (*fn)(struct vcpu_thread *t, void *arg), void *arg, uint64_t timeout_ns)
{
	struct vcpu_call call = {.fn = fn, .arg = arg};
	uint64_t deadline_ns = trace_now_ns() + timeout_ns;
	struct crew *c = t->crew;
	int r;

	assert_outside(c);
	pthread_mutex_lock(&c->lock);
	r = wait_call_locked(t, NULL, deadline_ns);
	if (r == 0) {
		t->call = &call;
		if (t->state == VCPU_THREAD_HELD)
			pthread_cond_broadcast(&c->go);
		else
			kick_locked(t);
		r = wait_call_locked(t, &call, deadline_ns);
		while (r == 0 && !call.done)
			pthread_cond_wait(&c->changed, &c->lock);
		t->call = NULL;
		pthread_cond_broadcast(&c->changed);
	}
	pthread_mutex_unlock(&c->lock);
	return r < 0 ? r : call.result;
}
