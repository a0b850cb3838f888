// SPDX-License-Identifier: Apache-2.0
/*
 * Driver and device on two CPUs at once: each stores its index and then loads the other's hint (2.7.7.2, 2.7.10). If
 * one of them loads before its store is seen, both can find that nothing is to be done: the kick, or the interrupt,
 * is lost for good. Most rounds prove nothing; a fence that is missing shows in one of some hundred.
 *
 * On a machine with one CPU, or under ThreadSanitizer, nothing can be lost in this way.
 */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#include "tests/support/unit.h"
#include "tests/support/vq_driver.h"
#include "vmm/base/le.h"

#define SIZE 16

/* Whichever comes first */
#define ROUNDS  1000000
#define TIME_NS UINT64_C(1500000000)

/* A longer wait than any that a running CPU needs: then the other thread has none. */
#define SPINS 10000

/**
 * struct pair - two threads that meet in each round
 * @round: the driver's, which the device's thread starts
 * @ended: the last one that it has done
 * @step: what the driver does in round n. Return: whether it does what it has to without being asked.
 */
struct pair {
	struct vq_driver d;
	struct virtqueue q;
	uint16_t *avail, *used;
	_Atomic unsigned round, ended;
	_Atomic bool stop;
	bool (*step)(struct pair *p, uint16_t n);
	bool driver_acts;
};

static void wait_for(_Atomic unsigned *value, unsigned n, const _Atomic bool *stop)
{
	for (unsigned spins = 0; atomic_load_explicit(value, memory_order_acquire) != n && !(stop && *stop); spins++)
		if (spins > SPINS)
			sched_yield();
}

static void *driver(void *arg)
{
	struct pair *p = arg;

	for (unsigned n = 1;; n++) {
		wait_for(&p->round, n, &p->stop);
		if (p->stop)
			return NULL;
		p->driver_acts = p->step(p, (uint16_t)n);
		atomic_store_explicit(&p->ended, n, memory_order_release);
	}
}

static void up(struct pair *p, bool (*step)(struct pair *p, uint16_t n))
{
	vqd_init(&p->d, MIB);
	p->step = step;
	p->q = (struct virtqueue){
		.mem = &p->d.mem,
		.max = SIZE,
		.size = SIZE,
		.event_idx = true,
		.desc = vqd_alloc(&p->d, 16 * SIZE, 16),
		.avail = vqd_alloc(&p->d, 6 + 2 * SIZE, 64),
		.used = vqd_alloc(&p->d, 6 + 8 * SIZE, 64),
	};
	assert_int_equal(vq_start(&p->q), 0);
	p->avail = vqd_ptr(&p->d, p->q.avail);
	p->used = vqd_ptr(&p->d, p->q.used);
}

/* Rounds in which neither side acted. */
static unsigned lost(struct pair *p, bool (*device)(struct pair *p, uint16_t n))
{
	uint64_t end = trace_now_ns() + TIME_NS;
	unsigned n, found = 0;
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, driver, p), 0);
	for (n = 1; n <= ROUNDS && trace_now_ns() < end; n++) {
		bool acts;

		atomic_store_explicit(&p->round, n, memory_order_release);
		/* The two meet a little earlier or later each time. */
		for (volatile unsigned i = 0; i < n % 40; i++)
			;
		acts = device(p, (uint16_t)n);
		wait_for(&p->ended, n, NULL);
		found += !acts && !p->driver_acts;
	}
	p->stop = true;
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_true(n > 1);
	vqd_destroy(&p->d);
	return found;
}

/* Chain n becomes available; was a kick asked for, behind chain n - 1? */
static bool offer(struct pair *p, uint16_t n)
{
	__atomic_store_n(&p->avail[1], htole16(n), __ATOMIC_RELEASE);
	atomic_thread_fence(memory_order_seq_cst);
	return le16toh(__atomic_load_n(&p->used[2 + 4 * SIZE], __ATOMIC_ACQUIRE)) == (uint16_t)(n - 1);
}

static bool listen_again(struct pair *p, uint16_t n)
{
	p->q.next_avail = (uint16_t)(n - 1);
	return vq_listen(&p->q);
}

static void no_kick_is_lost(void **state)
{
	static struct pair p;

	up(&p, offer);
	assert_int_equal(lost(&p, listen_again), 0);
}

/* An interrupt is asked for behind chain n - 1; or is chain n back already? */
static bool ask(struct pair *p, uint16_t n)
{
	__atomic_store_n(&p->avail[2 + SIZE], htole16((uint16_t)(n - 1)), __ATOMIC_RELEASE);
	atomic_thread_fence(memory_order_seq_cst);
	return le16toh(__atomic_load_n(&p->used[1], __ATOMIC_ACQUIRE)) == n;
}

static bool give_back(struct pair *p, uint16_t n)
{
	p->q.next_used = n;
	p->q.signalled_used = (uint16_t)(n - 1);
	p->q.signalled_valid = true;
	vq_publish(&p->q);
	return vq_wants_interrupt(&p->q);
}

static void no_interrupt_is_lost(void **state)
{
	static struct pair p;

	up(&p, ask);
	assert_int_equal(lost(&p, give_back), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_kick_is_lost),
		cmocka_unit_test(no_interrupt_is_lost),
	};

	return run_group(tests);
}
