// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "tests/support/unit.h"
#include "vmm/base/clock.h"
#include "vmm/base/loop.h"
#include "vmm/base/trace.h"
#include "vmm/base/util.h"

struct watch {
	struct loop_source s;
	struct loop *loop;
	unsigned calls;
	uint32_t last;
	struct watch *other;
	void (*act)(struct watch *w);
};

static void on_ready(struct loop_source *s, uint32_t events)
{
	struct watch *w = container_of(s, struct watch, s);

	w->calls++;
	w->last = events;
	if (w->act)
		w->act(w);
}

static void watch_init(struct watch *w, struct loop *l, int fd, uint32_t events)
{
	*w = (struct watch){.s = {.fd = fd, .ready = on_ready}, .loop = l};
	assert_int_equal(loop_add(l, &w->s, events), 0);
}

static int event_fd(unsigned value)
{
	int fd = eventfd(value, EFD_NONBLOCK | EFD_CLOEXEC);

	assert_true(fd >= 0);
	return fd;
}

/* Every loop here is ended by a timer, so that a lost event shows as a wrong count and not as a hang. */
static void on_end(struct loop_timer *t)
{
	loop_stop(t->source.loop);
}

static void run_for(struct loop *l, uint64_t ns)
{
	struct loop_timer end = {0};

	assert_int_equal(loop_timer_init(l, &end, on_end), 0);
	assert_int_equal(loop_timer_set(&end, ns, 0), 0);
	assert_int_equal(loop_run(l), 0);
	loop_timer_destroy(&end);
}

static struct loop *new_loop(void)
{
	struct loop *l = NULL;

	assert_int_equal(loop_new(&l), 0);
	return l;
}

static void take(struct watch *w)
{
	uint64_t n;

	assert_int_equal(read(w->s.fd, &n, sizeof(n)), sizeof(n));
}

static void source_is_called_and_removed(void **state)
{
	struct loop *l = new_loop();
	struct watch w;

	watch_init(&w, l, event_fd(1), EPOLLIN);
	w.act = take;
	run_for(l, 5 * NSEC_PER_MSEC);
	assert_int_equal(w.calls, 1);
	assert_int_equal(w.last, EPOLLIN);
	assert_int_equal(loop_add(l, &w.s, EPOLLIN), -EEXIST);
	loop_remove(&w.s);
	loop_remove(&w.s);
	assert_null(w.s.loop);
	assert_int_equal(eventfd_write(w.s.fd, 1), 0);
	run_for(l, 5 * NSEC_PER_MSEC);
	assert_int_equal(w.calls, 1);
	close(w.s.fd);
	loop_free(l);
	loop_free(NULL);
}

static void add_reports_what_cannot_be_watched(void **state)
{
	struct loop *l = new_loop();
	struct loop_source never = {.fd = -1};
	struct loop_source bad = {.fd = -1, .ready = on_ready};
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	struct loop_source file = {.fd = fd, .ready = on_ready};

	assert_int_equal(loop_add(l, &bad, EPOLLIN), -EBADF);
	assert_null(bad.loop);
	assert_int_equal(loop_add(l, &file, EPOLLIN), -EPERM);
	assert_int_equal(loop_add(l, &file, 0), -EPERM);
	loop_remove(&never);
	close(fd);
	loop_free(l);
}

static void remove_other(struct watch *w)
{
	loop_remove(&w->other->s);
	take(w);
}

/* Both are ready in one batch, whichever comes first removes the other: exactly one call in all. */
static void removal_within_a_batch(void **state)
{
	struct loop *l = new_loop();
	struct watch w[2];

	for (int i = 0; i < 2; i++) {
		watch_init(&w[i], l, event_fd(1), EPOLLIN);
		w[i].other = &w[1 - i];
		w[i].act = remove_other;
	}
	run_for(l, 5 * NSEC_PER_MSEC);
	assert_int_equal(w[0].calls + w[1].calls, 1);
	for (int i = 0; i < 2; i++) {
		loop_remove(&w[i].s);
		close(w[i].s.fd);
	}
	loop_free(l);
}

static void replace_other(struct watch *w)
{
	/* The same source with another fd that is not ready: the event at hand belongs to the old one. */
	loop_remove(&w->other->s);
	w->other->s.fd = dup(w->other->s.fd);
	take(w->other);
	assert_int_equal(loop_add(w->loop, &w->other->s, EPOLLIN), 0);
	take(w);
}

static void removal_and_new_use_within_a_batch(void **state)
{
	struct loop *l = new_loop();
	struct watch w[2];
	int old[2];

	for (int i = 0; i < 2; i++) {
		old[i] = event_fd(1);
		watch_init(&w[i], l, old[i], EPOLLIN);
		w[i].other = &w[1 - i];
		w[i].act = replace_other;
	}
	run_for(l, 5 * NSEC_PER_MSEC);
	assert_int_equal(w[0].calls + w[1].calls, 1);
	for (int i = 0; i < 2; i++) {
		loop_remove(&w[i].s);
		if (w[i].s.fd != old[i])
			close(w[i].s.fd);
		close(old[i]);
	}
	loop_free(l);
}

static void remove_itself(struct watch *w)
{
	loop_remove(&w->s);
	close(w->s.fd);
	free(w);
}

static void source_may_free_itself(void **state)
{
	struct loop *l = new_loop();

	for (int i = 0; i < 40; i++) {
		struct watch *w = malloc(sizeof(*w));

		watch_init(w, l, event_fd(1), EPOLLIN);
		w->act = remove_itself;
	}
	run_for(l, 20 * NSEC_PER_MSEC);
	loop_free(l);
}

static void pause_other(struct watch *w)
{
	assert_int_equal(loop_modify(&w->other->s, 0), 0);
	take(w);
}

static void pause_within_a_batch(void **state)
{
	struct loop *l = new_loop();
	struct watch w[2], *paused;

	for (int i = 0; i < 2; i++) {
		watch_init(&w[i], l, event_fd(1), EPOLLIN);
		w[i].other = &w[1 - i];
		w[i].act = pause_other;
	}
	run_for(l, 5 * NSEC_PER_MSEC);
	assert_int_equal(w[0].calls + w[1].calls, 1);
	paused = w[0].calls ? &w[1] : &w[0];
	paused->act = take;
	assert_int_equal(loop_modify(&paused->s, EPOLLIN), 0);
	run_for(l, 5 * NSEC_PER_MSEC);
	assert_int_equal(paused->calls, 1);
	for (int i = 0; i < 2; i++) {
		loop_remove(&w[i].s);
		close(w[i].s.fd);
	}
	loop_free(l);
}

/* A peer that hung up must not make the loop spin on a source that is paused. */
static void paused_source_hears_no_hangup(void **state)
{
	struct loop *l = new_loop();
	struct watch w;
	int p[2];

	assert_int_equal(pipe2(p, O_CLOEXEC | O_NONBLOCK), 0);
	watch_init(&w, l, p[0], EPOLLIN);
	assert_int_equal(loop_modify(&w.s, 0), 0);
	close(p[1]);
	run_for(l, 5 * NSEC_PER_MSEC);
	assert_int_equal(w.calls, 0);
	assert_int_equal(loop_modify(&w.s, EPOLLIN), 0);
	run_for(l, 2 * NSEC_PER_MSEC);
	assert_true(w.calls > 0);
	assert_true(w.last & EPOLLHUP);
	loop_remove(&w.s);

	/* Paused from the start, and removed while paused. */
	w.calls = 0;
	assert_int_equal(loop_add(l, &w.s, 0), 0);
	run_for(l, 2 * NSEC_PER_MSEC);
	assert_int_equal(w.calls, 0);
	loop_remove(&w.s);
	close(p[0]);
	loop_free(l);
}

static void modify_changes_what_is_heard(void **state)
{
	struct loop *l = new_loop();
	struct watch w;

	watch_init(&w, l, event_fd(0), EPOLLIN);
	run_for(l, 2 * NSEC_PER_MSEC);
	assert_int_equal(w.calls, 0);
	assert_int_equal(loop_modify(&w.s, EPOLLIN), 0);
	assert_int_equal(loop_modify(&w.s, EPOLLIN | EPOLLOUT), 0);
	run_for(l, 2 * NSEC_PER_MSEC);
	assert_true(w.calls > 0);
	assert_int_equal(w.last, EPOLLOUT);
	loop_remove(&w.s);
	close(w.s.fd);
	loop_free(l);
}

struct counter {
	struct loop_timer t;
	unsigned fired;
};

static void count_to_three(struct loop_timer *t)
{
	struct counter *c = container_of(t, struct counter, t);

	if (++c->fired == 3)
		loop_stop(t->source.loop);
}

static void timers_repeat_and_disarm(void **state)
{
	struct loop *l = new_loop();
	struct counter c = {0}, off = {0};

	assert_int_equal(loop_timer_init(l, &c.t, count_to_three), 0);
	assert_int_equal(loop_timer_init(l, &off.t, count_to_three), 0);
	assert_int_equal(loop_timer_set(&c.t, 1, NSEC_PER_MSEC), 0);
	assert_int_equal(loop_timer_set(&off.t, 1, 0), 0);
	assert_int_equal(loop_timer_set(&off.t, 0, NSEC_PER_MSEC), 0); /* 0 disarms, whatever the interval */
	assert_int_equal(loop_run(l), 0);
	assert_int_equal(c.fired, 3);
	assert_int_equal(off.fired, 0);
	/* As far away as the type can say. */
	assert_int_equal(loop_timer_set(&c.t, UINT64_MAX, UINT64_MAX), 0);
	run_for(l, 2 * NSEC_PER_MSEC);
	assert_int_equal(c.fired, 3);
	loop_timer_destroy(&c.t);
	loop_timer_destroy(&off.t);
	loop_timer_destroy(&(struct loop_timer){0});
	loop_free(l);
}

static void *stop_from_thread(void *arg)
{
	loop_stop(arg);
	return NULL;
}

static void stop_from_anywhere_and_run_again(void **state)
{
	struct loop *l = new_loop();
	struct watch w;
	pthread_t thread;

	/* A stop before the loop runs is not lost. */
	loop_stop(l);
	loop_stop(l);
	assert_int_equal(loop_run(l), 0);

	assert_int_equal(pthread_create(&thread, NULL, stop_from_thread, l), 0);
	assert_int_equal(loop_run(l), 0);
	pthread_join(thread, NULL);

	watch_init(&w, l, event_fd(1), EPOLLIN);
	w.act = take;
	run_for(l, 5 * NSEC_PER_MSEC);
	assert_int_equal(w.calls, 1);

	/* errno survives: it may be called from a signal handler. */
	errno = ENOTTY;
	loop_stop(l);
	assert_int_equal(errno, ENOTTY);
	loop_remove(&w.s);
	close(w.s.fd);
	loop_free(l);
}

/* What happened in the round that ends the loop: an edge comes only once. */
static void a_stop_loses_no_edge(void **state)
{
	struct loop *l = new_loop();
	struct watch w;

	watch_init(&w, l, event_fd(0), EPOLLIN | EPOLLET);
	loop_stop(l);
	assert_int_equal(eventfd_write(w.s.fd, 1), 0);
	assert_int_equal(loop_run(l), 0);
	assert_int_equal(w.calls, 1);
	loop_remove(&w.s);
	close(w.s.fd);
	loop_free(l);
}

#define ROUNDS_MAX 16

/*
 * Rounds of a loop, each begun by a timer: what one moves, whether the next one comes late, the policy it found.
 */
struct rounds {
	struct loop_timer t;
	uint64_t bytes[ROUNDS_MAX];
	bool slow[ROUNDS_MAX];
	int policy[ROUNDS_MAX];
	unsigned nr, at;
	uint64_t set_ns;
	bool disturbed;
};

static void next_round(struct rounds *p, bool slow)
{
	p->set_ns = trace_now_ns();
	assert_int_equal(loop_timer_set(&p->t, slow ? 5 * NSEC_PER_MSEC : 1, 0), 0);
}

static void on_round(struct loop_timer *t)
{
	struct rounds *p = container_of(t, struct rounds, t);
	unsigned i = p->at++;

	/* A busy host made this one slow, too. */
	p->disturbed |= (i == 0 || !p->slow[i - 1]) && trace_now_ns() - p->set_ns > NSEC_PER_MSEC;
	p->policy[i] = sched_getscheduler(0);
	loop_moved(t->source.loop, p->bytes[i]);
	if (p->at == p->nr)
		loop_stop(t->source.loop);
	else
		next_round(p, p->slow[i]);
}

/* Runs them in a loop of their own until no round was disturbed; this thread has @policy before and after. */
static void run_rounds(struct rounds *p, int policy, bool may_yield)
{
	const struct sched_param none = {0};

	for (unsigned tries = 0; tries < 200; tries++) {
		struct loop *l = new_loop();

		p->at = 0;
		p->disturbed = false;
		assert_int_equal(sched_setscheduler(0, policy, &none), 0);
		if (may_yield)
			loop_yields(l);
		assert_int_equal(loop_timer_init(l, &p->t, on_round), 0);
		next_round(p, false);
		assert_int_equal(loop_run(l), 0);
		loop_timer_destroy(&p->t);
		loop_free(l);
		if (!p->disturbed)
			break;
	}
	assert_false(p->disturbed);
	assert_int_equal(sched_setscheduler(0, policy, &none), 0);
}

static void bulk_yields_to_whom_it_wakes(void **state)
{
	/* The round that moves much finds the old policy; then four more that move little, and it is over. */
	struct rounds p = {.nr = 9, .bytes = {100, 65536, 0, 100, 0, 32767, 0, 32768, 0}};
	static const int want[] = {SCHED_OTHER, SCHED_OTHER, SCHED_BATCH, SCHED_BATCH, SCHED_BATCH, SCHED_BATCH,
		SCHED_OTHER, SCHED_OTHER, SCHED_BATCH};

	run_rounds(&p, SCHED_OTHER, true);
	for (unsigned i = 0; i < p.nr; i++)
		assert_int_equal(p.policy[i], want[i]);
	/* Not in loops that have not asked for it, whose filter does not allow the call. */
	run_rounds(&p, SCHED_OTHER, false);
	for (unsigned i = 0; i < p.nr; i++)
		assert_int_equal(p.policy[i], SCHED_OTHER);
	/* Nor where the operator has chosen. */
	run_rounds(&p, SCHED_BATCH, true);
	for (unsigned i = 0; i < p.nr; i++)
		assert_int_equal(p.policy[i], SCHED_BATCH);
}

static void bulk_that_had_to_wait_yields_no_more(void **state)
{
	/* After a pause in which nothing came it begins anew; after one with much at its end, not before long. */
	struct rounds p = {.nr = 11,
		.bytes = {65536, 65536, 100, 65536, 65536, 65536, 65536, 0, 0, 0, 65536},
		.slow = {[1] = true, [3] = true}};

	run_rounds(&p, SCHED_OTHER, true);
	for (unsigned i = 0; i < p.nr; i++)
		assert_int_equal(p.policy[i], i == 1 || i == 2 || i == 4 ? SCHED_BATCH : SCHED_OTHER);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(source_is_called_and_removed),
		cmocka_unit_test(add_reports_what_cannot_be_watched),
		cmocka_unit_test(removal_within_a_batch),
		cmocka_unit_test(removal_and_new_use_within_a_batch),
		cmocka_unit_test(source_may_free_itself),
		cmocka_unit_test(pause_within_a_batch),
		cmocka_unit_test(paused_source_hears_no_hangup),
		cmocka_unit_test(modify_changes_what_is_heard),
		cmocka_unit_test(timers_repeat_and_disarm),
		cmocka_unit_test(stop_from_anywhere_and_run_again),
		cmocka_unit_test(a_stop_loses_no_edge),
		cmocka_unit_test(bulk_yields_to_whom_it_wakes),
		cmocka_unit_test(bulk_that_had_to_wait_yields_no_more),
	};

	return run_group(tests);
}
