// SPDX-License-Identifier: Apache-2.0
/*
 * Every virtio device, saved under a driver and restored behind it: the driver does not notice, with its rings in any
 * state, and what it could not have written itself is refused.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "tests/support/unit.h"
#include "tests/support/virtio_rig.h"
#include "vmm/base/le.h"
#include "vmm/base/x86.h"

static uint8_t bytes[8192], again[8192];

static struct state_reader saved(struct virtio_rig *r, uint8_t *to)
{
	struct state_writer w = {.data = to, .size = sizeof(bytes)};

	assert_int_equal(virtio_hold(r->dev), 0);
	virtio_mmio_save(&r->d.mmio, 7, &w);
	assert_true(w.used <= w.size);
	return (struct state_reader){.data = to, .size = w.used};
}

static int restore(struct virtio_rig *r, struct state_reader from, struct err *e)
{
	int ret = virtio_mmio_restore(&r->d.mmio, 7, &from, e);

	if (ret == 0)
		assert_int_equal(from.at, from.size);
	return ret;
}

/* The device ends, and another one takes over: same RAM, same driver. */
static void move(struct virtio_rig *r)
{
	CLEANUP_FREE uint8_t *ram = malloc(r->d.ram_size);
	struct state_reader from, same;
	struct err e = {};

	assert_non_null(ram);
	memcpy(ram, r->d.ram, r->d.ram_size);
	from = saved(r, bytes);
	/* The guest may be saved again, or go on: nothing has changed for it. */
	assert_memory_equal(r->d.ram, ram, r->d.ram_size);
	same = saved(r, again);
	assert_int_equal(same.size, from.size);
	assert_memory_equal(again, bytes, from.size);
	rig_drop(r);
	rig_make(r);
	if (restore(r, from, &e) < 0)
		fail_msg("%s: %s", r->kind->name, e.text);
}

static struct virtio_rig *up(const struct virtio_rig_kind *k)
{
	struct virtio_rig *r = calloc(1, sizeof(*r));

	assert_non_null(r);
	rig_up(r, k);
	return r;
}

static void down(struct virtio_rig *r)
{
	rig_down(r);
	free(r);
}

static void must_work(struct virtio_rig *r, const char *after)
{
	if (rig_needs_reset(r) || !r->kind->works(r))
		fail_msg("%s does not work after %s", r->kind->name, after);
}

/* --- What goes on ------------------------------------------------------------------------------------------------ */

/* What was negotiated still holds: indirect descriptors, and a hint from which request on a kick is wanted (2.7.10). */
static void must_keep_to(struct virtio_rig *r, uint64_t mode)
{
	for (unsigned q = 0; q < r->dev->nr_queues; q++) {
		const struct vqd_queue *ring = &r->d.queue[q];
		struct vqd_buf buf[4];
		unsigned nr = r->kind->chain(r, q, buf);

		if (!(r->kind->takes >> q & 1))
			continue;
		if (!rig_answered(r, q, rig_offer(r, q, buf, nr, mode == VIRTIO_F_INDIRECT_DESC)))
			fail_msg("%s does not answer in queue %u", r->kind->name, q);
		if (mode == VIRTIO_F_EVENT_IDX &&
			le16_get((uint8_t *)vqd_ptr(&r->d, ring->used) + 4 + 8 * (size_t)ring->size) != ring->avail_idx)
			fail_msg("%s wants no kick for queue %u any more", r->kind->name, q);
	}
}

static void drivers_do_not_notice(void **state)
{
	static const uint64_t modes[] = {0, VIRTIO_F_EVENT_IDX, VIRTIO_F_INDIRECT_DESC};

	for_each_kind(k)
	{
		for (size_t m = 0; m < ARRAY_SIZE(modes); m++) {
			struct virtio_rig *r = up(k);
			uint64_t features;

			r->d.next = VQD_RAM_START;
			assert_true(vqd_start(&r->d, k->features | modes[m]));
			features = r->d.mmio.regs.driver_features;
			for (unsigned i = 0; i < 5; i++) {
				uint32_t status = vqd_get(&r->d, VQD_STATUS);

				must_work(r, "a move");
				move(r);
				assert_int_equal(vqd_get(&r->d, VQD_STATUS), status);
				assert_int_equal(r->dev->driver_features, features);
				assert_true(r->dev->driven);
				for (unsigned q = 0; q < r->dev->nr_queues; q++) {
					vqd_set(&r->d, VQD_QUEUE_SEL, q);
					assert_int_equal(vqd_get(&r->d, VQD_QUEUE_READY), 1);
				}
				must_keep_to(r, modes[m]);
			}
			down(r);
		}
	}
}

/* Requests that were kicked and not served are served behind the driver's back: it does not kick again. */
static void requests_that_wait_are_served(void **state)
{
	for_each_kind(k)
	{
		for (unsigned q = 0;; q++) {
			struct virtio_rig *r = up(k);
			struct vqd_buf buf[4];
			uint16_t head;

			if (q == r->dev->nr_queues) {
				down(r);
				break;
			}
			assert_int_equal(virtio_hold(r->dev), 0);
			head = rig_offer(r, q, buf, k->chain(r, q, buf), false);
			vqd_run(&r->d);
			move(r);
			if (k->takes >> q & 1 && !rig_answered(r, q, head))
				fail_msg("%s has lost a request of queue %u", k->name, q);
			rig_fresh(r);
			must_work(r, "a request in the saved state");
			down(r);
		}
	}
}

/* Buffers that a device had taken and not returned are taken anew, and come back once. */
static void buffers_that_are_held_are_taken_again(void **state)
{
	for_each_kind(k)
	{
		for (unsigned q = 0;; q++) {
			struct virtio_rig *r = up(k);
			struct vqd_buf buf[4];
			uint16_t head[3], back;
			unsigned nr = 0;
			uint32_t len;

			if (q == r->dev->nr_queues) {
				down(r);
				break;
			}
			for (unsigned i = 0; i < 3; i++)
				head[i] = rig_offer(r, q, buf, k->chain(r, q, buf), false);
			vqd_run(&r->d);
			move(r);
			if (k->host)
				k->host(r);
			for (unsigned i = 0; i < 20; i++) {
				vqd_run(&r->d);
				while (vqd_used(&r->d, q, &back, &len)) {
					if (nr < 3 && back != head[nr])
						fail_msg("%s, queue %u: buffer %u is not the one", k->name, q, nr);
					nr++;
				}
			}
			rig_fresh(r);
			must_work(r, "buffers in the saved state");
			down(r);
		}
	}
}

/* Whatever step of its initialisation the driver has reached (3.1.1), it continues from there. */
static void starts_that_are_cut_in_two(void **state)
{
	for_each_kind(k)
	{
		for (unsigned cut = 0; cut < 6; cut++) {
			struct virtio_rig *r = up(k);
			uint64_t features = 0;
			unsigned step = 0;

#define CUT()                                                                                                          \
	do {                                                                                                           \
		if (step++ == cut)                                                                                     \
			move(r);                                                                                       \
	} while (0)
			r->d.next = VQD_RAM_START;
			vqd_set(&r->d, VQD_STATUS, 0);
			CUT();
			vqd_set(&r->d, VQD_STATUS, VQD_ACKNOWLEDGE);
			vqd_set(&r->d, VQD_DEVICE_FEATURES_SEL, 1);
			CUT();
			features = (uint64_t)vqd_get(&r->d, VQD_DEVICE_FEATURES) << 32 & VIRTIO_F_VERSION_1;
			vqd_set(&r->d, VQD_STATUS, VQD_ACKNOWLEDGE | VQD_DRIVER);
			vqd_set(&r->d, VQD_DRIVER_FEATURES_SEL, 0);
			vqd_set(&r->d, VQD_DRIVER_FEATURES, (uint32_t)k->features);
			vqd_set(&r->d, VQD_DRIVER_FEATURES_SEL, 1);
			CUT();
			vqd_set(&r->d, VQD_DRIVER_FEATURES, (uint32_t)(features >> 32));
			vqd_set(&r->d, VQD_STATUS, VQD_ACKNOWLEDGE | VQD_DRIVER | VQD_FEATURES_OK);
			CUT();
			assert_true(vqd_get(&r->d, VQD_STATUS) & VQD_FEATURES_OK);
			for (unsigned q = 0; q < r->dev->nr_queues; q++) {
				vqd_set(&r->d, VQD_QUEUE_SEL, q);
				assert_true(vqd_queue_setup(&r->d, q, (uint16_t)vqd_get(&r->d, VQD_QUEUE_SIZE_MAX)));
				if (!q)
					CUT();
			}
			CUT();
			vqd_set(&r->d, VQD_STATUS, VQD_ACKNOWLEDGE | VQD_DRIVER | VQD_FEATURES_OK | VQD_DRIVER_OK);
			must_work(r, "a start that was cut in two");
			down(r);
		}
	}
}

/* 4.2.2: an interrupt that was not acknowledged may have been under way. */
static void interrupts_are_raised_again(void **state)
{
	for_each_kind(k)
	{
		struct virtio_rig *r = up(k);

		vqd_set(&r->d, VQD_INTERRUPT_ACK, 3);
		vqd_run(&r->d);
		vqd_set(&r->d, VQD_INTERRUPT_ACK, 3);
		vqd_interrupted(&r->d);
		move(r);
		if (vqd_interrupted(&r->d))
			fail_msg("%s interrupts for nothing", k->name);
		must_work(r, "a move");
		if (!(vqd_get(&r->d, VQD_INTERRUPT_STATUS) & 1))
			fail_msg("%s answers without an interrupt", k->name);
		vqd_interrupted(&r->d);
		move(r);
		if (!vqd_interrupted(&r->d))
			fail_msg("%s does not raise its interrupt again", k->name);
		down(r);
	}
}

static void a_device_that_needs_a_reset_still_does(void **state)
{
	for_each_kind(k)
	{
		struct virtio_rig *r = up(k);
		unsigned q = (unsigned)__builtin_ctz(k->takes);
		struct vqd_buf bad = {0, 16, false}, buf[4]; /* there is no RAM at 0 */
		uint16_t head, back;
		uint32_t len;

		rig_offer(r, q, &bad, 1, false);
		vqd_run(&r->d);
		assert_true(rig_needs_reset(r));
		move(r);
		assert_true(rig_needs_reset(r));
		assert_false(r->dev->driver_ok);
		head = rig_offer(r, q, buf, k->chain(r, q, buf), false);
		if (rig_answered(r, q, head) || vqd_used(&r->d, q, &back, &len))
			fail_msg("%s works although it needs a reset", k->name);
		rig_fresh(r);
		must_work(r, "a reset");
		down(r);
	}
}

/* --- What a device has of its own -------------------------------------------------------------------------------- */

static struct virtio_rig *up_named(const char *name)
{
	for_each_kind(k) if (!strcmp(k->name, name)) return up(k);
	fail_msg("no device %s", name);
	return NULL;
}

/* 5.10.6.7: the driver is notified once, and before any other event, that its connections are gone. */
static void vsock_resets_its_transport(void **state)
{
	for (unsigned late = 0; late < 2; late++) {
		struct virtio_rig *r = up_named("vsock");
		struct vqd_buf event = rig_room(r, 8, true);
		uint16_t head, back;
		uint32_t len = 0;

		must_work(r, "its start");
		memset(vqd_ptr(&r->d, event.gpa), 0x5a, 8);
		head = late ? 0 : rig_offer(r, 2, &event, 1, false);
		vqd_run(&r->d);
		assert_false(vqd_used(&r->d, 2, &back, &len));
		move(r);
		vqd_run(&r->d);
		if (late) {
			assert_false(vqd_used(&r->d, 2, &back, &len));
			head = rig_offer(r, 2, &event, 1, false);
			vqd_run(&r->d);
		}
		assert_true(vqd_used(&r->d, 2, &back, &len));
		assert_int_equal(back, head);
		assert_int_equal(len, 4);
		assert_int_equal(le32_get(vqd_ptr(&r->d, event.gpa)), 0);
		assert_true(vqd_get(&r->d, VQD_INTERRUPT_STATUS) & 1);
		/* Once, and only to a driver that is there. */
		rig_offer(r, 2, &event, 1, false);
		vqd_run(&r->d);
		assert_false(vqd_used(&r->d, 2, &back, &len));
		must_work(r, "a transport reset");
		down(r);
	}
}

static void vsock_without_a_driver_has_nothing_to_say(void **state)
{
	struct virtio_rig *r = up_named("vsock");
	struct vqd_buf event;
	uint16_t back;
	uint32_t len;

	vqd_set(&r->d, VQD_STATUS, 0);
	move(r);
	rig_fresh(r);
	event = rig_room(r, 8, true);
	rig_offer(r, 2, &event, 1, false);
	vqd_run(&r->d);
	assert_false(vqd_used(&r->d, 2, &back, &len));
	/* Nor to one that has started the device anew. */
	move(r);
	rig_fresh(r);
	event = rig_room(r, 8, true);
	rig_offer(r, 2, &event, 1, false);
	vqd_run(&r->d);
	assert_false(vqd_used(&r->d, 2, &back, &len));
	/* Nor to one that is still starting it, and has no connection yet. */
	r->d.next = VQD_RAM_START;
	assert_true(vqd_negotiate(&r->d, 0));
	for (unsigned q = 0; q < r->dev->nr_queues; q++)
		assert_true(vqd_queue_setup(&r->d, q, 8));
	move(r);
	vqd_set(&r->d, VQD_STATUS, vqd_get(&r->d, VQD_STATUS) | VQD_DRIVER_OK);
	event = rig_room(r, 8, true);
	rig_offer(r, 2, &event, 1, false);
	vqd_run(&r->d);
	assert_false(vqd_used(&r->d, 2, &back, &len));
	down(r);
}

static void balloon_remembers_what_was_agreed(void **state)
{
	struct virtio_rig *r = up_named("balloon");

	virtio_balloon_set_target(&r->balloon, 64 * 4096);
	vqd_run(&r->d);
	vqd_out(&r->d, VQD_CONFIG + 4, 32, 4);
	assert_int_equal(vqd_in(&r->d, VQD_CONFIG, 4), 64);
	move(r);
	assert_int_equal(vqd_in(&r->d, VQD_CONFIG, 4), 64);
	assert_int_equal(vqd_in(&r->d, VQD_CONFIG + 4, 4), 32);
	/* The next change starts from there. */
	virtio_balloon_set_target(&r->balloon, 65 * 4096);
	vqd_run(&r->d);
	assert_int_equal(vqd_in(&r->d, VQD_CONFIG, 4), 65);
	down(r);
}

#define BLK_F_FLUSH      BIT(9)
#define BLK_F_CONFIG_WCE BIT(11)
#define BLK_WRITEBACK    (VQD_CONFIG + 32) /* 5.2.4 */

static void blk_stays_write_through(void **state)
{
	struct virtio_rig *r = up_named("blk");

	r->d.next = VQD_RAM_START;
	assert_true(vqd_start(&r->d, BLK_F_CONFIG_WCE | BLK_F_FLUSH));
	assert_int_equal(vqd_in(&r->d, BLK_WRITEBACK, 1), 1);
	vqd_out(&r->d, BLK_WRITEBACK, 0, 1);
	move(r);
	assert_int_equal(vqd_in(&r->d, BLK_WRITEBACK, 1), 0);
	down(r);
}

/* Half a line went to the first host: the second gets the other half. */
static void console_goes_on_in_the_middle_of_a_line(void **state)
{
	struct virtio_rig *r = up_named("console");
	struct vqd_buf line = rig_room(r, 100, false);

	r->console_room = 30;
	r->console_full = true;
	rig_offer(r, 1, &line, 1, false);
	vqd_run(&r->d);
	assert_int_equal(r->printed, 30);
	move(r);
	r->console_full = false;
	vqd_run(&r->d);
	assert_int_equal(r->printed, 100);
	down(r);
}

/* A reader that existed still does: input is not held back until it appears. */
static void console_input_goes_on(void **state)
{
	struct virtio_rig *r = up_named("console");
	struct vqd_buf in = rig_room(r, 10, true);
	uint16_t back;
	uint32_t len;

	must_work(r, "its start");
	while (vqd_used(&r->d, 0, &back, &len))
		;
	rig_offer(r, 0, &in, 1, false);
	vqd_run(&r->d);
	move(r);
	vqd_run(&r->d);
	assert_int_equal(r->console.guest.rx(&r->console.guest, (const uint8_t *)"y", 1), 1);
	/* Those that the start has left come first. */
	while (vqd_used(&r->d, 0, &back, &len))
		if (len == 1)
			break;
	assert_int_equal(len, 1);
	down(r);
}

/* The queues of port 1; messages of the driver (5.3.2, 5.3.6.2) */
enum { PORT_RX = 4, PORT_TX = 5, PORT_MESSAGES = 3, PORT_OPEN = 6 };

static void open_port(struct virtio_rig *r, bool open)
{
	struct vqd_buf buf = rig_room(r, 8, false);
	uint8_t *raw = vqd_ptr(&r->d, buf.gpa);

	le32_put(raw, 1);
	le16_put(raw + 4, PORT_OPEN);
	le16_put(raw + 6, open);
	assert_true(rig_ask(r, PORT_MESSAGES, &buf, 1));
}

/* A program that has its port open is not asked to open it again, and one that has not is given nothing. */
static void ports_stay_open_or_closed(void **state)
{
	for (unsigned open = 0; open < 2; open++) {
		struct virtio_rig *r = up_named("ports");
		struct vqd_buf in = rig_room(r, 10, true);
		struct char_guest *g;
		uint16_t back;
		uint32_t len = 0;

		open_port(r, open);
		while (vqd_used(&r->d, PORT_RX, &back, &len))
			;
		rig_offer(r, PORT_RX, &in, 1, false);
		vqd_run(&r->d);
		move(r);
		vqd_run(&r->d);
		g = &r->ports.port[1].guest;
		assert_int_equal(g->rx(g, (const uint8_t *)"y", 1), open);
		while (vqd_used(&r->d, PORT_RX, &back, &len) && len != 1)
			;
		assert_int_equal(len == 1, open);
		down(r);
	}
}

static void ports_go_on_in_the_middle_of_a_line(void **state)
{
	struct virtio_rig *r = up_named("ports");
	struct vqd_buf line = rig_room(r, 100, false);

	r->console_room = 30;
	r->console_full = true;
	rig_offer(r, PORT_TX, &line, 1, false);
	vqd_run(&r->d);
	assert_int_equal(r->printed, 30);
	move(r);
	r->console_full = false;
	vqd_run(&r->d);
	assert_int_equal(r->printed, 100);
	down(r);
}

static void devices_with_other_features_are_others(void **state)
{
	for_each_kind(k)
	{
		struct virtio_rig *r = up(k);
		struct state_reader from = saved(r, bytes);
		struct err e = {};

		rig_drop(r);
		rig_make(r);
		r->dev->features ^= BIT(50);
		assert_int_equal(restore(r, from, &e), -EINVAL);
		if (!strstr(e.text, "it offered other features"))
			fail_msg("%s: %s", k->name, e.text);
		virtio_mmio_show(&r->d.mmio, memset(r->d.page, 0, sizeof(r->d.page)));
		down(r);
	}
}

/* --- What no driver could have written --------------------------------------------------------------------------- */

/* The device of `r`, changed by @spoil, is refused by a new one. */
static void refused(const char *name, void (*spoil)(struct virtio_rig *r), const char *words)
{
	struct virtio_rig *r = up_named(name);
	struct state_reader from;
	struct err e = {};

	spoil(r);
	from = saved(r, bytes);
	/* A page of registers that is not the device's any more is not looked at. */
	virtio_mmio_show(&r->d.mmio, memset(r->d.page, 0, sizeof(r->d.page)));
	rig_drop(r);
	rig_make(r);
	assert_int_equal(restore(r, from, &e), -EINVAL);
	if (!strstr(e.text, words))
		fail_msg("\"%s\" is not in \"%s\"", words, e.text);
	assert_false(r->dev->driver_ok);
	rig_down(r);
	free(r);
}

#define SPOIL(name, ...)                                                                                               \
	static void name(struct virtio_rig *r)                                                                         \
	{                                                                                                              \
		struct virtio_mmio_regs *regs = &r->d.mmio.regs;                                                       \
		struct virtqueue *q = &r->dev->queue[0];                                                               \
		(void)regs;                                                                                            \
		(void)q;                                                                                               \
		__VA_ARGS__;                                                                                           \
	}

SPOIL(reserved_status, regs->status |= 16)
SPOIL(only_driver_ok, regs->status = VQD_ACKNOWLEDGE | VQD_DRIVER | VQD_DRIVER_OK)
SPOIL(no_driver, regs->status &= ~(uint32_t)VQD_DRIVER)
SPOIL(features_not_offered, regs->driver_features |= BIT(63))
SPOIL(no_version_1, regs->driver_features &= ~VIRTIO_F_VERSION_1)
SPOIL(interrupt_of_no_kind, regs->interrupt_status = 4)
SPOIL(ready_too_early, regs->status = VQD_ACKNOWLEDGE | VQD_DRIVER)
SPOIL(too_large, q->size = 2 * q->max)
SPOIL(no_power_of_two, q->size = 3)
SPOIL(size_of_nothing, q->size = 0)
SPOIL(desc_outside, q->desc = VQD_RAM_START + r->d.ram_size)
SPOIL(avail_wraps, q->avail = UINT64_MAX - 1)
SPOIL(used_misaligned, q->used += 2)
SPOIL(rings_overlap, q->used = q->desc)

static void impossible_states_are_refused(void **state)
{
	static const struct {
		void (*spoil)(struct virtio_rig *r);
		const char *words;
	} cases[] = {
		{reserved_status, "virtio-mmio 7: a status that no driver can set"},
		{only_driver_ok, "DRIVER_OK without FEATURES_OK"},
		{no_driver, "FEATURES_OK without DRIVER"},
		{features_not_offered, "features that this device does not offer"},
		{no_version_1, "FEATURES_OK without VERSION_1"},
		{interrupt_of_no_kind, "interrupt_status is 0x4"},
		{ready_too_early, "virtqueue 0: ready without FEATURES_OK"},
		{too_large, "queue size"},
		{no_power_of_two, "queue size"},
		{size_of_nothing, "queue size"},
		{desc_outside, "outside RAM"},
		{avail_wraps, "outside RAM"},
		{used_misaligned, "misaligned"},
		{rings_overlap, "rings overlap"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		refused("rng", cases[i].spoil, cases[i].words);
}

/* Another kind of device, another place, or less than there was. */
static void states_of_others_are_refused(void **state)
{
	for_each_kind(k)
	{
		for_each_kind(other)
		{
			struct virtio_rig *a = up(k), *b = calloc(1, sizeof(*b));
			struct state_reader from = saved(a, bytes);
			struct err e = {};

			assert_non_null(b);
			b->kind = other;
			vqd_init(&b->d, a->d.ram_size);
			rig_make(b);
			if (k == other)
				from.size--;
			if (restore(b, from, &e) == 0)
				fail_msg("%s takes the state of %s", other->name, k->name);
			down(b);
			down(a);
		}
	}
}

/* --- What is noted ------------------------------------------------------------------------------------------------ */

#define RIG_PAGES (RIG_RAM / PAGE_4K)

static bool noted(const uint64_t *bits, size_t page)
{
	return bits[page / 64] >> (page % 64) & 1;
}

/* A page of RAM that the device has changed is marked, whoever else has written to it: the hypervisor sees no write. */
static void what_a_device_writes_is_noted(void **state)
{
	static uint8_t before[RIG_RAM];

	for_each_kind(k)
	{
		struct virtio_rig *r = up(k);
		uint64_t bits[RIG_PAGES / 64] = {0};

		assert_int_equal(r->d.ram_size, RIG_RAM);
		/* A balloon's pages come back as zeroes. */
		memset(r->d.ram + r->d.next - VQD_RAM_START, 0x5a, RIG_RAM - (r->d.next - VQD_RAM_START));
		r->d.mem.region[0].written = bits;
		r->d.mem.tracked = true;
		for (unsigned q = 0; q < r->dev->nr_queues; q++) {
			struct vqd_buf buf[4];
			unsigned nr = k->chain(r, q, buf);
			uint16_t head = rig_offer(r, q, buf, nr, false);

			memcpy(before, r->d.ram, RIG_RAM);
			if (!rig_answered(r, q, head) && (k->takes >> q & 1))
				fail_msg("%s does not answer in queue %u", k->name, q);
			for (size_t p = 0; p < RIG_PAGES; p++)
				if (memcmp(before + p * PAGE_4K, r->d.ram + p * PAGE_4K, PAGE_4K) && !noted(bits, p))
					fail_msg("%s, queue %u: page %zu is written and not noted", k->name, q, p);
			if ((k->takes >> q & 1) && !noted(bits, (r->d.queue[q].used - VQD_RAM_START) / PAGE_4K))
				fail_msg("%s, queue %u: its used ring is not noted", k->name, q);
			for (unsigned i = 0; (k->takes >> q & 1) && i < nr; i++)
				if (buf[i].write && !noted(bits, (buf[i].gpa - VQD_RAM_START) / PAGE_4K))
					fail_msg("%s, queue %u: a buffer is not noted", k->name, q);
		}
		r->d.mem.tracked = false;
		down(r);
	}
}

/* A used ring whose first entry lies in another page than its index: each store alone. */
static void both_stores_to_a_used_ring_are_noted(void **state)
{
	static uint8_t ram[4 * PAGE_4K] __attribute__((aligned(PAGE_4K)));
	uint64_t bits = 0;
	struct gmem mem = {.tracked = true};
	struct virtqueue q = {.mem = &mem, .size = 8, .max = 8, .desc = 0, .avail = 0x200, .used = 3 * PAGE_4K - 4};

	assert_int_equal(
		gmem_add(&mem, &(struct gmem_region){.size = sizeof(ram), .host = ram, .fd = -1, .written = &bits}), 0);
	assert_int_equal(vq_start(&q), 0);
	vq_fill(&q, 1, 2);
	assert_int_equal(bits, BIT(3));
	bits = 0;
	vq_publish(&q);
	assert_int_equal(bits, BIT(2));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_a_device_writes_is_noted),
		cmocka_unit_test(both_stores_to_a_used_ring_are_noted),
		cmocka_unit_test(drivers_do_not_notice),
		cmocka_unit_test(requests_that_wait_are_served),
		cmocka_unit_test(buffers_that_are_held_are_taken_again),
		cmocka_unit_test(starts_that_are_cut_in_two),
		cmocka_unit_test(interrupts_are_raised_again),
		cmocka_unit_test(a_device_that_needs_a_reset_still_does),
		cmocka_unit_test(vsock_resets_its_transport),
		cmocka_unit_test(vsock_without_a_driver_has_nothing_to_say),
		cmocka_unit_test(balloon_remembers_what_was_agreed),
		cmocka_unit_test(blk_stays_write_through),
		cmocka_unit_test(console_goes_on_in_the_middle_of_a_line),
		cmocka_unit_test(console_input_goes_on),
		cmocka_unit_test(ports_stay_open_or_closed),
		cmocka_unit_test(ports_go_on_in_the_middle_of_a_line),
		cmocka_unit_test(devices_with_other_features_are_others),
		cmocka_unit_test(impossible_states_are_refused),
		cmocka_unit_test(states_of_others_are_refused),
	};

	return run_group(tests);
}
