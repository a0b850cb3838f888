// SPDX-License-Identifier: Apache-2.0
/*
 * The order in which a queue's stores are seen by the driver on another CPU, which chance does not decide here: the
 * queue is compiled with a model of a CPU in place of its atomics. A store to the used ring's index or event index, or
 * to its flags, stays in the model's buffer until a fence; a load lets the driver do all that it does at that moment,
 * with what it can see. test_virtqueue_order.c has the same with real CPUs.
 */
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

static void model_store(uint16_t *at, uint16_t v, int order);
static uint16_t model_load(const uint16_t *at, int order);
static void model_fence(memory_order order);

#define __atomic_store_n(at, v, order) model_store(at, v, order)
#define __atomic_load_n(at, order)     model_load(at, order)
#undef atomic_thread_fence
#define atomic_thread_fence(order) model_fence(order)
#include "devices/virtio/virtqueue.c"

#include "tests/support/unit.h"

#define SIZE  8
#define DESC  UINT64_C(0)
#define AVAIL UINT64_C(0x100)
#define USED  UINT64_C(0x200)

/* In 16-bit fields: the index, and each side's event index behind the other's ring */
#define IDX         1
#define AVAIL_EVENT (2 + 4 * SIZE) /* in the used ring: where the device wants a kick */
#define USED_EVENT  (2 + SIZE)     /* in the available ring: where the driver wants an interrupt */

static struct {
	_Alignas(4096) uint8_t ram[4096];
	struct gmem mem;
	struct virtqueue q;
	uint16_t *avail, *used;
	/* The device's CPU: one store that has not left it. */
	uint16_t *pending;
	uint16_t value;
	/* The driver's, which acts once, right after the load of @when. */
	void (*driver)(void);
	const uint16_t *when;
	bool kicked, polled;
	bool entry_first;
} m;

static void flush(void)
{
	if (m.pending)
		*m.pending = m.value;
	m.pending = NULL;
}

static void model_store(uint16_t *at, uint16_t v, int order)
{
	assert_int_equal(order, __ATOMIC_RELEASE);
	flush(); /* stores leave in order */
	m.pending = at;
	m.value = v;
	/* What the index announces is in the ring by then. */
	if (at == &m.used[IDX])
		m.entry_first = le32_get((uint8_t *)&m.used[2] + 8 * ((v - 1u) % SIZE)) == 0x1234;
}

static uint16_t model_load(const uint16_t *at, int order)
{
	uint16_t v = *at;

	assert_int_equal(order, __ATOMIC_ACQUIRE);
	if (at == m.when && m.driver) {
		void (*act)(void) = m.driver;

		m.driver = NULL;
		act();
	}
	return v;
}

static void model_fence(memory_order order)
{
	assert_int_equal(order, memory_order_seq_cst);
	flush();
}

static void up(bool event_idx)
{
	const struct gmem_region r = {.gpa = 0, .size = sizeof(m.ram), .host = m.ram, .fd = -1};

	memset(&m, 0, sizeof(m));
	assert_int_equal(gmem_add(&m.mem, &r), 0);
	m.q = (struct virtqueue){.mem = &m.mem, .max = SIZE, .size = SIZE, .desc = DESC, .avail = AVAIL, .used = USED};
	m.q.event_idx = event_idx;
	m.avail = (uint16_t *)(m.ram + AVAIL);
	m.used = (uint16_t *)(m.ram + USED);
	assert_int_equal(vq_start(&m.q), 0);
}

/* One more chain, and a kick where the device has asked for one. */
static void offers(void)
{
	uint16_t was = m.avail[IDX]++;

	m.kicked = m.q.event_idx ? m.used[AVAIL_EVENT] == was : !(m.used[0] & USED_F_NO_NOTIFY);
}

static void no_kick_is_lost(void **state)
{
	for (int event_idx = 0; event_idx < 2; event_idx++) {
		up(event_idx);
		m.used[AVAIL_EVENT] = 0xffff;
		vq_quiet(&m.q);
		flush();
		m.driver = offers;
		m.when = &m.avail[IDX];
		/* The device found the queue empty: then the driver has kicked. */
		assert_true(vq_listen(&m.q) || m.kicked);
		assert_null(m.driver);
		assert_int_equal(vq_listen(&m.q), true);
	}
}

/* After all available elements, the driver requests the next interrupt, and checks once more. */
static void asks(void)
{
	if (m.q.event_idx)
		m.avail[USED_EVENT] = 0;
	else
		m.avail[0] = 0;
	m.polled = m.used[IDX] == 1;
}

static void no_interrupt_is_lost(void **state)
{
	for (int event_idx = 0; event_idx < 2; event_idx++) {
		up(event_idx);
		if (event_idx)
			m.avail[USED_EVENT] = 0x8000;
		else
			m.avail[0] = AVAIL_F_NO_INTERRUPT;
		m.q.signalled_valid = true;
		m.driver = asks;
		m.when = event_idx ? &m.avail[USED_EVENT] : &m.avail[0];
		m.q.in_flight = 1;
		vq_push(&m.q, 0x1234, 5);
		assert_true(vq_wants_interrupt(&m.q) || m.polled);
		assert_null(m.driver);
		assert_int_equal(m.used[IDX], 1);
	}
}

static void an_entry_comes_before_its_index(void **state)
{
	up(true);
	for (unsigned i = 0; i < 3 * SIZE; i++) {
		m.entry_first = false;
		memset(m.used + 2, 0, 8 * SIZE);
		m.q.in_flight = 1;
		vq_push(&m.q, 0x1234, i);
		assert_true(m.entry_first);
	}
	/* Several at once: the index of the last, when all are there. */
	m.q.in_flight = 2;
	m.pending = NULL;
	vq_fill(&m.q, 7, 0);
	assert_null(m.pending);
	m.entry_first = false;
	vq_fill(&m.q, 0x1234, 0);
	assert_null(m.pending);
	vq_publish(&m.q);
	assert_true(m.entry_first);
	assert_int_equal(m.value, 3 * SIZE + 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_kick_is_lost),
		cmocka_unit_test(no_interrupt_is_lost),
		cmocka_unit_test(an_entry_comes_before_its_index),
	};

	return run_group(tests);
}
