// SPDX-License-Identifier: Apache-2.0
/*
 * The verbs of a crew, without KVM: the guest is a loop here that heeds the request and the signal as KVM_RUN does.
 * What guests do when they are held is test_vcpu_pause.c's.
 *
 * Much of what a member writes is no atomic on purpose: ThreadSanitizer then proves that holding orders it.
 */
#include "tests/support/unit.h"

#include <errno.h>
#include <linux/kvm.h>
#include <poll.h>
#include <semaphore.h>
#include <string.h>

#include "vmm/base/clock.h"
#include "vmm/base/kick.h"
#include "vmm/base/trace.h"
#include "vmm/kvm/vcpu_thread.h"

#define NR         4
#define STACK_SIZE (192 * KIB)
#define LONG_NS    (60 * NSEC_PER_SEC) /* nothing takes so long */
#define SHORT_NS   (20 * NSEC_PER_MSEC)

/**
 * enum guest - what a member's guest does
 * @SPINS: counts in `moved`
 * @SLEEPS: halted, until a signal comes
 * @EXITS: once, which is served when `serve` is posted, and `exits` is posted before it waits; then it spins
 * @ENDS: at once
 */
enum guest { SPINS, SLEEPS, EXITS, ENDS };

struct member {
	struct vcpu_thread t;
	struct vcpu vcpu;
	struct kvm_run run;
	enum guest guest;
	sem_t exits, serve;
	unsigned moved;
	_Atomic unsigned kicks;
	bool ran, served;
};

static struct rig {
	struct crew crew;
	struct member m[NR];
	_Atomic unsigned locked;
	unsigned lock_fails; /* the nth to lock itself, from 1; 0: none */
	bool opened;
} rig;

/* cmocka's own end a test from its main thread only. */
#define SURE(condition)                                                                                                \
	do {                                                                                                           \
		if (!(condition)) {                                                                                    \
			fprintf(stderr, "line %d: not so: %s\n", __LINE__, #condition);                                \
			abort();                                                                                       \
		}                                                                                                      \
	} while (0)

static unsigned create_fails; /* the nth to be created, from 1; 0: none */

int __real_pthread_create(pthread_t *t, const pthread_attr_t *a, void *(*fn)(void *), void *arg);
int __wrap_pthread_create(pthread_t *t, const pthread_attr_t *a, void *(*fn)(void *), void *arg);
int __wrap_pthread_create(pthread_t *t, const pthread_attr_t *a, void *(*fn)(void *), void *arg)
{
	return create_fails && --create_fails == 0 ? EAGAIN : __real_pthread_create(t, a, fn, arg);
}

static bool requested(struct member *m)
{
	return __atomic_load_n(&m->run.immediate_exit, __ATOMIC_SEQ_CST);
}

static void sleep_in_guest(struct member *m)
{
	sigset_t kick, old;

	sigemptyset(&kick);
	sigaddset(&kick, KICK_SIGNAL);
	pthread_sigmask(SIG_BLOCK, &kick, &old);
	if (!requested(m))
		ppoll(NULL, 0, NULL, &old);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
}

/* KVM_RUN, and the exit that it makes. Return: it was VCPU_KICKED. */
static bool step(struct member *m)
{
	if (requested(m))
		return true;
	switch (m->guest) {
	case SPINS: m->moved++; return false;
	case SLEEPS: sleep_in_guest(m); return true;
	case EXITS:
		sem_post(&m->exits);
		while (sem_wait(&m->serve) < 0)
			;
		m->served = true;
		m->guest = SPINS;
		return false;
	case ENDS: break;
	}
	return false;
}

static void run(struct vcpu_thread *t)
{
	struct member *m = container_of(t, struct member, t);

	/* Stopped before it was opened: it does not run, but it is called. */
	SURE(rig.opened || crew_stopping(&rig.crew));
	SURE(vcpu_thread_self() == t);
	m->ran = true;
	while (!crew_stopping(&rig.crew) && m->guest != ENDS) {
		if (!step(m))
			continue;
		m->kicks++;
		vcpu_thread_kicked(t);
	}
}

static int lock_member(struct crew *c)
{
	SURE(c == &rig.crew);
	return ++rig.locked == rig.lock_fails ? -EPERM : 0;
}

static const struct crew_ops ops = {.stack_size = STACK_SIZE, .lock = lock_member, .run = run};

static void set_up(const enum guest *guests)
{
	memset(&rig, 0, sizeof(rig));
	crew_init(&rig.crew, &ops);
	for (unsigned i = 0; i < NR; i++) {
		struct member *m = &rig.m[i];

		m->guest = guests[i];
		m->vcpu = (struct vcpu){.fd = -1, .id = i, .run = &m->run};
		sem_init(&m->exits, 0, 0);
		sem_init(&m->serve, 0, 0);
		crew_add(&rig.crew, &m->t, &m->vcpu, "member");
	}
}

static void open_crew(const enum guest *guests)
{
	unsigned at;

	set_up(guests);
	assert_int_equal(crew_start(&rig.crew, &at), 0);
	assert_int_equal(crew_wait_locked(&rig.crew), 0);
	rig.opened = true;
	crew_open(&rig.crew);
}

static void end_crew(void)
{
	for (unsigned i = 0; i < NR; i++)
		sem_post(&rig.m[i].serve);
	crew_stop(&rig.crew);
	crew_stop(&rig.crew); /* once more: nothing */
	for (unsigned i = 0; i < NR; i++) {
		sem_destroy(&rig.m[i].exits);
		sem_destroy(&rig.m[i].serve);
	}
	crew_destroy(&rig.crew);
}

static void pause_crew(void)
{
	struct vcpu_thread *late = NULL;

	assert_int_equal(crew_pause(&rig.crew, LONG_NS, &late), 0);
	assert_null(late);
}

static void nap(void)
{
	ppoll(NULL, 0, &(struct timespec){.tv_nsec = 2 * NSEC_PER_MSEC}, NULL);
}

static int moved(struct vcpu_thread *t, void *arg)
{
	return (int)container_of(t, struct member, t)->moved;
}

/* How far a guest has got, seen by its own thread while it runs. */
static unsigned moved_so_far(unsigned i)
{
	int n = crew_call(&rig.m[i].t, moved, NULL, LONG_NS);

	assert_true(n >= 0);
	return (unsigned)n;
}

static void goes_on(unsigned i)
{
	unsigned before = moved_so_far(i);

	while (moved_so_far(i) == before)
		nap();
}

static const enum guest all_spin[NR], mixed[NR] = {SPINS, SLEEPS, ENDS, SLEEPS};

static int look_at_thread(struct vcpu_thread *t, void *arg)
{
	pthread_attr_t attr;
	sigset_t mask;
	char name[16];
	size_t size;

	SURE(vcpu_thread_self() == t);
	SURE(pthread_equal(pthread_self(), t->thread));
	SURE(t->tid == trace_thread_id());
	SURE(pthread_getname_np(pthread_self(), name, sizeof(name)) == 0);
	SURE(!strcmp(name, "member"));
	pthread_sigmask(SIG_SETMASK, NULL, &mask);
	SURE(sigismember(&mask, SIGTERM) && !sigismember(&mask, KICK_SIGNAL) && !sigismember(&mask, SIGSEGV));
	SURE(pthread_getattr_np(pthread_self(), &attr) == 0);
	SURE(pthread_attr_getstacksize(&attr, &size) == 0);
	pthread_attr_destroy(&attr);
	SURE(size == STACK_SIZE);
	++*(unsigned *)arg;
	return 7;
}

static void a_thread_is_as_its_owner_wants_it(void **state)
{
	sigset_t before, after;
	unsigned calls = 0;

	pthread_sigmask(SIG_SETMASK, NULL, &before);
	open_crew(all_spin);
	pthread_sigmask(SIG_SETMASK, NULL, &after);
	for (int sig = 1; sig < SIGRTMIN; sig++)
		assert_int_equal(sigismember(&after, sig), sigismember(&before, sig));
	assert_null(vcpu_thread_self());
	for (unsigned i = 0; i < NR; i++)
		assert_int_equal(crew_call(&rig.m[i].t, look_at_thread, &calls, LONG_NS), 7);
	assert_int_equal(calls, NR);
	end_crew();
}

/* Nobody runs before the gate is open, and everybody is behind a filter before that. */
static void the_gate(void **state)
{
	unsigned at;

	set_up(all_spin);
	assert_int_equal(crew_start(&rig.crew, &at), 0);
	assert_int_equal(crew_wait_locked(&rig.crew), 0);
	assert_int_equal(rig.locked, NR);
	nap();
	pause_crew(); /* orders what follows */
	for (unsigned i = 0; i < NR; i++)
		assert_false(rig.m[i].ran);
	/* Calls are served at the gate. */
	for (unsigned i = 0; i < NR; i++)
		assert_int_equal(moved_so_far(i), 0);
	rig.opened = true;
	crew_open(&rig.crew);
	nap();
	for (unsigned i = 0; i < NR; i++)
		assert_int_equal(moved_so_far(i), 0);
	crew_resume(&rig.crew);
	for (unsigned i = 0; i < NR; i++)
		goes_on(i);
	end_crew();
}

static void a_thread_that_cannot_be_started(void **state)
{
	unsigned at = 99;

	set_up(all_spin);
	create_fails = 3;
	assert_int_equal(crew_start(&rig.crew, &at), -EAGAIN);
	assert_int_equal(at, 2);
	assert_int_equal(crew_call(&rig.m[2].t, moved, NULL, LONG_NS), -ESRCH);
	assert_int_equal(crew_call(&rig.m[3].t, moved, NULL, LONG_NS), -ESRCH);
	vcpu_thread_kick(&rig.m[3].t);
	assert_false(requested(&rig.m[3]));
	end_crew();
	assert_int_equal(rig.locked, 2);
	for (unsigned i = 0; i < NR; i++) {
		assert_int_equal(rig.m[i].moved, 0);
		assert_int_equal(rig.m[i].ran, i < 2);
	}
}

static void a_thread_that_cannot_lock_itself(void **state)
{
	unsigned at;

	set_up(all_spin);
	rig.lock_fails = 2;
	assert_int_equal(crew_start(&rig.crew, &at), 0);
	assert_int_equal(crew_wait_locked(&rig.crew), -EPERM);
	end_crew();
	assert_int_equal(rig.locked, NR);
	for (unsigned i = 0; i < NR; i++)
		assert_int_equal(rig.m[i].moved, 0);
}

static void nothing_moves_in_a_pause(void **state)
{
	unsigned last = 0;

	open_crew(mixed);
	for (unsigned round = 0; round < 200; round++) {
		unsigned before;

		pause_crew();
		before = rig.m[0].moved;
		assert_true(before >= last);
		if (round % 20 == 0)
			nap();
		assert_int_equal(rig.m[0].moved, before);
		assert_int_equal(moved_so_far(0), before);
		rig.m[0].moved = last = before + 1; /* what is written in a pause is seen after it */
		crew_resume(&rig.crew);
	}
	goes_on(0);
	end_crew();
}

static void pauses_nest(void **state)
{
	unsigned before;

	open_crew(all_spin);
	goes_on(2);
	pause_crew();
	pause_crew();
	before = moved_so_far(2);
	crew_resume(&rig.crew);
	nap();
	assert_int_equal(moved_so_far(2), before);
	crew_resume(&rig.crew);
	goes_on(2);
	end_crew();
}

/* One serves an exit that takes long: it is named (as the first: others may be late on a busy host),
 * and the others go on. Its exit counts when it is served. */
static void an_exit_that_takes_too_long(void **state)
{
	static const enum guest guests[NR] = {EXITS, SPINS, SPINS, SLEEPS};
	struct vcpu_thread *late = NULL;
	uint64_t start;

	open_crew(guests);
	while (sem_wait(&rig.m[0].exits) < 0)
		;
	start = trace_now_ns();
	assert_int_equal(crew_pause(&rig.crew, SHORT_NS, &late), -ETIMEDOUT);
	assert_true(trace_now_ns() - start >= SHORT_NS);
	assert_ptr_equal(late, &rig.m[0].t);
	goes_on(1);
	goes_on(2);
	/* A call that comes too late is not made later either. */
	assert_int_equal(crew_call(&rig.m[0].t, moved, NULL, SHORT_NS), -ETIMEDOUT);
	assert_false(rig.m[0].served);
	sem_post(&rig.m[0].serve);
	pause_crew();
	assert_true(rig.m[0].served);
	crew_resume(&rig.crew);
	goes_on(0);
	end_crew();
}

static void a_thread_that_has_ended(void **state)
{
	int r;

	open_crew(mixed);
	while ((r = crew_call(&rig.m[2].t, moved, NULL, LONG_NS)) == 0)
		; /* before it has gone to its end */
	assert_int_equal(r, -ESRCH);
	rig.m[2].moved++; /* it touches nothing any more */
	vcpu_thread_kick(&rig.m[2].t);
	assert_false(requested(&rig.m[2]));
	pause_crew();
	crew_resume(&rig.crew);
	goes_on(0);
	end_crew();
}

static void a_kick_is_seen_by_the_owner(void **state)
{
	static const enum guest guests[NR] = {SLEEPS, SLEEPS, SLEEPS, SLEEPS};
	unsigned kicks;

	open_crew(guests);
	pause_crew();
	kicks = rig.m[1].kicks;
	/* Held: it comes after that. */
	vcpu_thread_kick(&rig.m[1].t);
	assert_int_equal(rig.m[1].kicks, kicks);
	crew_resume(&rig.crew);
	while (rig.m[1].kicks == kicks)
		nap();
	end_crew();
}

static int count(struct vcpu_thread *t, void *arg)
{
	++*(unsigned *)arg;
	return 0;
}

static void *call_often(void *arg)
{
	for (unsigned i = 0; i < 100; i++)
		SURE(crew_call(&rig.m[i % 2].t, count, arg, LONG_NS) == 0);
	return NULL;
}

/* Two threads call two others, which are paused by a third: each call is made, one at a time. */
static void calls_from_everywhere(void **state)
{
	static const enum guest guests[NR] = {SPINS, SLEEPS, SPINS, SPINS};
	unsigned counts[2] = {0};
	pthread_t caller[2];

	open_crew(guests);
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&caller[i], NULL, call_often, &counts[i]), 0);
	for (unsigned i = 0; i < 25; i++) {
		pause_crew();
		crew_resume(&rig.crew);
	}
	for (unsigned i = 0; i < 2; i++) {
		pthread_join(caller[i], NULL);
		assert_int_equal(counts[i], 100);
	}
	end_crew();
}

static void *call_the_first(void *arg)
{
	for (unsigned i = 0; i < 100; i++)
		SURE(crew_call(&rig.m[0].t, count, arg, LONG_NS) == 0);
	return NULL;
}

/* Who waits for the end of another's call hears of it, though nothing else happens. */
static void calls_wait_for_each_other(void **state)
{
	pthread_t caller[4];
	unsigned calls = 0;

	open_crew(all_spin);
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&caller[i], NULL, call_the_first, &calls), 0);
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(pthread_join(caller[i], NULL), 0);
	assert_int_equal(calls, 400);
	end_crew();
}

static void stop_while_paused(void **state)
{
	struct vcpu_thread *late;
	unsigned before[NR];

	open_crew(mixed);
	goes_on(0);
	pause_crew();
	for (unsigned i = 0; i < NR; i++)
		before[i] = rig.m[i].moved;
	crew_stop(&rig.crew);
	for (unsigned i = 0; i < NR; i++)
		assert_int_equal(rig.m[i].moved, before[i]);
	assert_int_equal(crew_pause(&rig.crew, LONG_NS, &late), -ECANCELED);
	crew_resume(&rig.crew);
	end_crew();
}

struct attempt {
	struct vcpu_thread *late;
	int paused, called;
};

static void *pause_from_outside(void *arg)
{
	struct attempt *a = arg;

	a->paused = crew_pause(&rig.crew, LONG_NS, &a->late);
	a->called = crew_call(&rig.m[2].t, moved, NULL, LONG_NS);
	return NULL;
}

/* A pause that waits for an exit does not keep the crew from being stopped, nor the other way round. */
static void stop_while_pausing(void **state)
{
	static const enum guest guests[NR] = {SPINS, SPINS, EXITS, SLEEPS};
	struct attempt a = {0};
	pthread_t other;

	open_crew(guests);
	while (sem_wait(&rig.m[2].exits) < 0)
		;
	assert_int_equal(pthread_create(&other, NULL, pause_from_outside, &a), 0);
	while (crew_call(&rig.m[0].t, count, &(unsigned){0}, LONG_NS), !requested(&rig.m[2]))
		nap();
	crew_quit(&rig.crew);
	sem_post(&rig.m[2].serve);
	crew_stop(&rig.crew);
	pthread_join(other, NULL);
	assert_int_equal(a.paused, -ECANCELED);
	assert_null(a.late);
	assert_true(a.called == -ECANCELED || a.called == -ESRCH);
	end_crew();
}

static void cpu_time_of_a_thread(void **state)
{
	uint64_t first = 0, now = 0;

	open_crew(mixed);
	assert_true(vcpu_thread_cpu_ns(&rig.m[0].t, &first));
	do
		assert_true(vcpu_thread_cpu_ns(&rig.m[0].t, &now));
	while (now == first);
	end_crew();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_thread_is_as_its_owner_wants_it),
		cmocka_unit_test(the_gate),
		cmocka_unit_test(a_thread_that_cannot_be_started),
		cmocka_unit_test(a_thread_that_cannot_lock_itself),
		cmocka_unit_test(nothing_moves_in_a_pause),
		cmocka_unit_test(pauses_nest),
		cmocka_unit_test(an_exit_that_takes_too_long),
		cmocka_unit_test(a_thread_that_has_ended),
		cmocka_unit_test(a_kick_is_seen_by_the_owner),
		cmocka_unit_test(calls_from_everywhere),
		cmocka_unit_test(calls_wait_for_each_other),
		cmocka_unit_test(stop_while_paused),
		cmocka_unit_test(stop_while_pausing),
		cmocka_unit_test(cpu_time_of_a_thread),
	};

	assert_int_equal(kick_install(), 0);
	return run_group(tests);
}
