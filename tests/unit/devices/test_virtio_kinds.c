// SPDX-License-Identifier: Apache-2.0
/*
 * What every virtio device has to stand, whatever it is for: a driver that asks for nothing, one that always has more
 * on another CPU, one that kicks and resets for its own sake.
 *
 * The linker puts our own vq_pop() in front of the device's, where the second CPU of the guest lives: a queue that is
 * fed has one more chain each time that the device looks. And epoll_wait(), to count how often a loop wakes up, and
 * irq_raise(), to see what a guest sees when its interrupt comes.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "tests/support/unit.h"
#include "tests/support/virtio_rig.h"
#include "vmm/base/le.h"

/* Where a turn is given up that has no end. */
#define FOR_EVER 50000

#define QUIET_NS UINT64_C(40000000)

/* --- In front of the C library and the queue -------------------------------------------------------------------- */

static struct virtio_rig *rig; /* the one at hand */
static unsigned pops, wakeups, early;
static bool noisy; /* at the first look of a turn the driver was asked to kick */

int __real_vq_pop(struct virtqueue *q, struct vq_chain *c);
int __wrap_vq_pop(struct virtqueue *q, struct vq_chain *c);
int __real_epoll_wait(int fd, struct epoll_event *ev, int max, int timeout);
int __wrap_epoll_wait(int fd, struct epoll_event *ev, int max, int timeout);
void __real_irq_raise(const struct irq_line *line);
void __wrap_irq_raise(const struct irq_line *line);

int __wrap_vq_pop(struct virtqueue *q, struct vq_chain *c)
{
	if (q == virtio_rig_fed && q->ready) {
		noisy |= !pops && !le16_get(vqd_ptr(&rig->d, q->used));
		if (pops++ >= FOR_EVER)
			virtio_rig_fed = NULL;
		le16_put((uint8_t *)vqd_ptr(&rig->d, q->avail) + 2, (uint16_t)(q->next_avail + 2));
	}
	return __real_vq_pop(q, c);
}

int __wrap_epoll_wait(int fd, struct epoll_event *ev, int max, int timeout)
{
	wakeups++;
	return __real_epoll_wait(fd, ev, max, timeout);
}

/* A guest on another CPU reads InterruptStatus at once; where it finds nothing, the interrupt was for nothing. */
void __wrap_irq_raise(const struct irq_line *line)
{
	early += !__atomic_load_n(&rig->d.page[VQD_INTERRUPT_STATUS / 4], __ATOMIC_ACQUIRE) ||
		!rig->d.mmio.regs.interrupt_status;
	__real_irq_raise(line);
}

static struct virtio_rig *up(const struct virtio_rig_kind *k)
{
	struct virtio_rig *r = calloc(1, sizeof(*r));

	assert_non_null(r);
	rig = r;
	rig_up(r, k);
	return r;
}

static void down(struct virtio_rig *r)
{
	rig_down(r);
	assert_int_equal(early, 0);
	free(r);
}

/* Without a reset, unless the device asks for one. */
static void must_work(struct virtio_rig *r, const char *after, unsigned queue)
{
	if (!rig_needs_reset(r) && r->kind->works(r))
		return;
	if (!rig_needs_reset(r))
		fail_msg("%s is stuck after %s in queue %u", r->kind->name, after, queue);
	rig_fresh(r);
	if (!r->kind->works(r))
		fail_msg("%s: a reset after %s in queue %u does not mend it", r->kind->name, after, queue);
}

static void on_end(struct loop_timer *t)
{
	loop_stop(t->source.loop);
}

/* Nothing to do, and nothing done: the loop sleeps. */
static void must_sleep(struct virtio_rig *r, const char *after, unsigned queue)
{
	struct loop_timer end = {0};

	vqd_run(&r->d);
	assert_int_equal(loop_timer_init(r->d.loop, &end, on_end), 0);
	assert_int_equal(loop_timer_set(&end, QUIET_NS, 0), 0);
	wakeups = 0;
	assert_int_equal(loop_run(r->d.loop), 0);
	loop_timer_destroy(&end);
	/* The end itself is two; what was left over may be one or two more. */
	if (wakeups > 4)
		fail_msg("%s wakes up %u times after %s in queue %u", r->kind->name, wakeups, after, queue);
}

/* --- The drivers that nobody wants ------------------------------------------------------------------------------ */

static void requests_for_nothing(void **state)
{
	static const struct {
		const char *what;
		unsigned nr;
		uint8_t write; /* a mask */
		bool indirect;
	} row[] = {
		{"one empty buffer to read", 1, 0, false},
		{"one empty buffer to write", 1, 1, false},
		{"an empty buffer of each", 2, 2, false},
		{"many empty buffers to read", 8, 0, false},
		{"many empty buffers to write", 8, 0xff, false},
		{"an indirect empty buffer to read", 1, 0, true},
		{"an indirect empty buffer to write", 1, 1, true},
		{"indirect empty buffers", 8, 0xf0, true},
	};

	for_each_kind(k)
	{
		struct virtio_rig *r = up(k);

		for (unsigned q = 0; q < r->dev->nr_queues; q++) {
			for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
				struct vqd_buf buf[8];
				uint16_t head;

				for (unsigned n = 0; n < row[i].nr; n++)
					buf[n] = (struct vqd_buf){VQD_RAM_START, 0, row[i].write >> n & 1};
				rig_fresh(r);
				head = rig_offer(r, q, buf, row[i].nr, row[i].indirect);
				if (k->takes >> q & 1 && !rig_answered(r, q, head) && !rig_needs_reset(r))
					fail_msg("%s keeps %s in queue %u", k->name, row[i].what, q);
				must_sleep(r, row[i].what, q);
				must_work(r, row[i].what, q);
			}
		}
		down(r);
	}
}

/* Fills the ring of a queue with the same request over and over; from now on there is always one more. */
static void feed(struct virtio_rig *r, unsigned queue, bool empty)
{
	struct vqd_queue *q = &r->d.queue[queue];
	struct vqd_buf buf[4] = {{VQD_RAM_START, 0, false}};
	unsigned nr = empty ? 1 : r->kind->chain(r, queue, buf);
	uint16_t head = vqd_add(&r->d, queue, buf, nr, false);

	for (unsigned i = 0; i < q->size; i++)
		le16_put((uint8_t *)vqd_ptr(&r->d, q->avail) + 4 + 2 * (size_t)i, head);
	virtio_rig_fed = &r->dev->queue[queue];
	pops = 0;
	noisy = false;
}

static void must_end(const struct virtio_rig *r, unsigned queue, unsigned turns)
{
	if (pops > turns * r->kind->turn)
		fail_msg("%s looks at %u requests of queue %u in %u turns", r->kind->name, pops, queue, turns);
}

static void without_end(struct virtio_rig *r, unsigned queue, bool empty)
{
	const struct virtio_rig_kind *k = r->kind;

	rig_fresh(r);
	if (k->host)
		k->host(r);
	feed(r, queue, empty);
	pthread_mutex_lock(&r->dev->lock);
	r->dev->ops->kick(r->dev, queue);
	pthread_mutex_unlock(&r->dev->lock);
	must_end(r, queue, 1);
	/* While it works on a queue there is no need to kick (2.7.10). */
	if (noisy && k->takes >> queue & 1)
		fail_msg("%s works on queue %u and asks for kicks", k->name, queue);
	/* It continues by itself, and the loop's other sources have turns in between: else rounds would not end. */
	for (unsigned i = 0; i < 4; i++) {
		unsigned before = pops;

		vqd_run(&r->d);
		must_end(r, queue, 1 + (i + 1) * 6);
		/* Requests that are delayed by a rate limit continue later. */
		if (k->takes >> queue & 1 && !rig_needs_reset(r) && pops == before && !r->rng.waiting)
			fail_msg("%s gives up on queue %u", k->name, queue);
	}
	virtio_rig_fed = NULL;
	rig_fresh(r);
	must_work(r, "requests without end", queue);
	must_sleep(r, "requests without end", queue);
}

static void requests_without_end(void **state)
{
	for_each_kind(k)
	{
		struct virtio_rig *r = up(k);

		for (unsigned q = 0; q < r->dev->nr_queues; q++) {
			without_end(r, q, false);
			without_end(r, q, true);
		}
		down(r);
	}
}

/* Who kicks a device has its lock, also where the device lets go of it for a while. */
static void a_kick_returns_with_the_lock(void **state)
{
	for_each_kind(k) for (unsigned q = 0, nr = 1; q < nr; q++)
	{
		struct virtio_rig *r = up(k);
		struct vqd_buf buf[3];
		unsigned n = k->chain(r, q, buf);

		nr = r->dev->nr_queues;
		vqd_offer(&r->d, q, vqd_add(&r->d, q, buf, n, false));
		pthread_mutex_lock(&r->dev->lock);
		r->dev->ops->kick(r->dev, q);
		if (pthread_mutex_trylock(&r->dev->lock) != EBUSY)
			fail_msg("%s, queue %u: its lock is free", k->name, q);
		pthread_mutex_unlock(&r->dev->lock);
		down(r);
	}
}

static void queues_take_turns(void **state)
{
	for_each_kind(k)
	{
		struct virtio_rig *r = up(k);

		for (unsigned greedy = 0; greedy < r->dev->nr_queues; greedy++) {
			for (unsigned q = 0; q < r->dev->nr_queues; q++) {
				if (q == greedy || !(k->takes >> q & 1))
					continue;
				rig_fresh(r);
				feed(r, greedy, false);
				vqd_kick(&r->d, greedy);
				vqd_run(&r->d);
				if (!rig_ask_usual(r, q))
					fail_msg("%s: queue %u has no turn beside queue %u", k->name, q, greedy);
				must_end(r, greedy, 60);
				virtio_rig_fed = NULL;
			}
		}
		down(r);
	}
}

/* A conforming driver kicks only when asked to, and looks for answers only when interrupted (2.7.10). */
static void drivers_that_do_as_they_are_told(void **state)
{
	static const uint64_t modes[] = {0, VIRTIO_F_EVENT_IDX};

	for_each_kind(k)
	{
		for (size_t m = 0; m < ARRAY_SIZE(modes); m++) {
			struct virtio_rig *r = up(k);

			r->d.next = VQD_RAM_START;
			assert_true(vqd_start(&r->d, k->features | modes[m]));
			vqd_run(&r->d);
			for (unsigned i = 0; i < 2 * r->dev->nr_queues; i++) {
				unsigned q = i % r->dev->nr_queues;
				const struct vqd_queue *ring = &r->d.queue[q];
				const uint8_t *used = vqd_ptr(&r->d, ring->used);

				if (!(k->takes >> q & 1))
					continue;
				if (modes[m])
					le16_put((uint8_t *)vqd_ptr(&r->d, ring->avail) + 4 + 2 * (size_t)ring->size,
						ring->last_used);
				vqd_set(&r->d, VQD_INTERRUPT_ACK, 3);
				if (!rig_ask_usual(r, q))
					fail_msg("%s does not answer in queue %u", k->name, q);
				if (!(vqd_get(&r->d, VQD_INTERRUPT_STATUS) & 1))
					fail_msg("%s answers in queue %u without an interrupt", k->name, q);
				if (modes[m] ? le16_get(used + 4 + 8 * (size_t)ring->size) != ring->avail_idx
					     : le16_get(used) != 0)
					fail_msg("%s wants no kick for queue %u any more", k->name, q);
			}
			down(r);
		}
	}
}

static void kicks_and_resets(void **state)
{
	for_each_kind(k)
	{
		struct virtio_rig *r = up(k);
		struct vqd_buf buf[4];

		for (unsigned i = 0; i < 2000; i++) {
			vqd_kick(&r->d, i % 16);
			if (i % 10 == 0)
				vqd_run(&r->d);
		}
		must_sleep(r, "kicks", 0);
		must_work(r, "kicks", 0);
		for (unsigned i = 0; i < 100; i++) {
			unsigned q = i % r->dev->nr_queues;

			r->d.next = VQD_RAM_START;
			assert_true(vqd_start(&r->d, k->features));
			rig_offer(r, q, buf, k->chain(r, q, buf), false);
			if (i % 2)
				vqd_run(&r->d);
		}
		rig_fresh(r);
		must_work(r, "resets", 0);
		must_sleep(r, "resets", 0);
		down(r);
	}
}

/*
 * Held, a device neither answers nor touches the guest's memory, whatever driver and host have for it, and its thread
 * sleeps; released, it answers all of it, though no kick comes any more.
 */
static void devices_that_are_held(void **state)
{
	for_each_kind(k)
	{
		for (unsigned q = 0;; q++) {
			CLEANUP_FREE uint8_t *ram = malloc(RIG_RAM);
			struct virtio_rig *r = up(k);
			struct vqd_buf buf[4];
			uint16_t head;

			assert_non_null(ram);
			if (q == r->dev->nr_queues) {
				down(r);
				break;
			}
			if (k->host)
				k->host(r);
			assert_int_equal(virtio_hold(r->dev), 0);
			head = rig_offer(r, q, buf, k->chain(r, q, buf), false);
			memcpy(ram, r->d.ram, RIG_RAM);
			must_sleep(r, "a hold", q);
			assert_int_equal(virtio_hold(r->dev), 0);
			if (memcmp(ram, r->d.ram, RIG_RAM))
				fail_msg("%s writes to memory while it is held, queue %u", k->name, q);
			virtio_release(r->dev);
			/* Queue 0, if chains stay in it, is for data from the host; consoles' waits for a reader. */
			if ((k->takes >> q & 1 || (!q && r->dev->id != VIRTIO_ID_CONSOLE)) && !rig_answered(r, q, head))
				fail_msg("%s has forgotten a request over a hold, queue %u", k->name, q);
			must_sleep(r, "a release", q);
			rig_fresh(r);
			must_work(r, "a hold", q);
			down(r);
		}
	}
}

/* A transport whose start failed is destroyed by who called, and once more with all others: its device is gone then. */
static void a_transport_is_destroyed_twice(void **state)
{
	for_each_kind(k)
	{
		struct virtio_rig *r = up(k);
		const struct virtio_device was = *r->dev;

		virtio_mmio_destroy(&r->d.mmio);
		memset(r->dev, 0xff, sizeof(*r->dev));
		virtio_mmio_destroy(&r->d.mmio);
		*r->dev = was;
		r->d.dev = NULL;
		down(r);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(requests_for_nothing),
		cmocka_unit_test(requests_without_end),
		cmocka_unit_test(a_kick_returns_with_the_lock),
		cmocka_unit_test(queues_take_turns),
		cmocka_unit_test(drivers_that_do_as_they_are_told),
		cmocka_unit_test(kicks_and_resets),
		cmocka_unit_test(devices_that_are_held),
		cmocka_unit_test(a_transport_is_destroyed_twice),
	};

	return run_group(tests);
}
