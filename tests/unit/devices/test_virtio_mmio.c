// SPDX-License-Identifier: Apache-2.0
/*
 * The transport: registers, status machine, negotiation, queues, resets (virtio 1.2, 2.1, 2.6.1, 3.1, 4.2), with a
 * device of two queues behind it that does as little as possible.
 */
#include <string.h>

#include "tests/support/unit.h"
#include "tests/support/vq_driver.h"
#include "vmm/base/le.h"

#define FEATURE  BIT(5)
#define ALIVE    (VQD_ACKNOWLEDGE | VQD_DRIVER | VQD_FEATURES_OK | VQD_DRIVER_OK)
#define Q_MAX    16
#define CONFIG_N 12

/* Copies the readable buffers to the writable ones; queue 1 keeps its requests until the test makes it answer. */
struct echo {
	struct virtio_device dev;
	unsigned activated, resets, queue_resets, kicks;
	uint8_t config[CONFIG_N];
	struct vq_chain c, held;
	uint32_t generation;
	bool holding;
};

static void echo_activate(struct virtio_device *dev)
{
	container_of(dev, struct echo, dev)->activated++;
}

static void echo_reset(struct virtio_device *dev)
{
	container_of(dev, struct echo, dev)->resets++;
}

static void echo_queue_reset(struct virtio_device *dev, unsigned i)
{
	container_of(dev, struct echo, dev)->queue_resets++;
}

static void echo_kick(struct virtio_device *dev, unsigned i)
{
	struct echo *echo = container_of(dev, struct echo, dev);
	char text[64];

	echo->kicks++;
	if (i == 1) {
		if (!echo->holding && virtio_pop(dev, 1, &echo->held)) {
			echo->holding = true;
			echo->generation = virtio_begin(dev, 1);
		}
		return;
	}
	do {
		vq_quiet(&dev->queue[i]);
		while (virtio_pop(dev, i, &echo->c)) {
			size_t n = vq_read(echo->c.out, echo->c.out_nr, 0, text, sizeof(text));

			virtio_push(dev, i, echo->c.head, (uint32_t)vq_write(echo->c.in, echo->c.in_nr, 0, text, n));
		}
	} while (vq_listen(&dev->queue[i]));
	virtio_flush(dev, i);
}

static void echo_config_read(struct virtio_device *dev, uint32_t offset, void *data, unsigned len)
{
	virtio_config_copy(container_of(dev, struct echo, dev)->config, CONFIG_N, offset, data, len);
}

static void echo_config_write(struct virtio_device *dev, uint32_t offset, const void *data, unsigned len)
{
	if (offset == 4 && len == 1)
		container_of(dev, struct echo, dev)->config[4] = *(const uint8_t *)data;
}

static const struct virtio_ops echo_ops = {
	.activate = echo_activate,
	.reset = echo_reset,
	.queue_reset = echo_queue_reset,
	.kick = echo_kick,
	.config_read = echo_config_read,
	.config_write = echo_config_write,
};

struct bench {
	struct vq_driver d;
	struct echo echo;
};

static struct bench *make(void)
{
	struct bench *b = calloc(1, sizeof(*b));

	assert_non_null(b);
	vqd_init(&b->d, 1 << 20);
	assert_int_equal(
		virtio_device_init(&b->echo.dev, &echo_ops, "echo", 42, 2, Q_MAX, &b->d.mem, b->d.loop, b->d.trace), 0);
	b->echo.dev.features = FEATURE;
	b->echo.dev.config_size = CONFIG_N;
	for (unsigned i = 0; i < CONFIG_N; i++)
		b->echo.config[i] = (uint8_t)(i + 1);
	vqd_attach(&b->d, &b->echo.dev);
	return b;
}

static struct bench *started(void)
{
	struct bench *b = make();

	assert_true(vqd_start(&b->d, UINT64_MAX));
	return b;
}

static void drop(struct bench *b)
{
	vqd_detach(&b->d);
	virtio_device_destroy(&b->echo.dev);
	vqd_destroy(&b->d);
	free(b);
}

/* What a bench can do after whatever happened to it: start over and answer. */
static void lives(struct bench *b)
{
	uint64_t out, in;
	struct vqd_buf buf[2];

	assert_true(vqd_start(&b->d, UINT64_MAX));
	out = vqd_alloc(&b->d, 8, 8);
	in = vqd_alloc(&b->d, 8, 8);
	buf[0] = (struct vqd_buf){out, 8, false};
	buf[1] = (struct vqd_buf){in, 8, true};
	memcpy(vqd_ptr(&b->d, out), "pingpong", 8);
	assert_int_equal(vqd_request(&b->d, 0, buf, 2, false), 8);
	assert_memory_equal(vqd_ptr(&b->d, in), "pingpong", 8);
}

static void registers_of_identity(void **state)
{
	struct bench *b = make();

	assert_int_equal(vqd_get(&b->d, VQD_MAGIC), 0x74726976);
	assert_int_equal(vqd_get(&b->d, VQD_VERSION), 2);
	assert_int_equal(vqd_get(&b->d, VQD_DEVICE_ID), 42);
	assert_true(vqd_features(&b->d) ==
		(FEATURE | VIRTIO_F_INDIRECT_DESC | VIRTIO_F_EVENT_IDX | VIRTIO_F_VERSION_1 | VIRTIO_F_RING_RESET));
	vqd_set(&b->d, VQD_DEVICE_FEATURES_SEL, 2);
	assert_int_equal(vqd_get(&b->d, VQD_DEVICE_FEATURES), 0);
	assert_int_equal(vqd_get(&b->d, VQD_STATUS), 0);
	for (unsigned i = 0; i < 2; i++) {
		vqd_set(&b->d, VQD_QUEUE_SEL, i);
		assert_int_equal(vqd_get(&b->d, VQD_QUEUE_SIZE_MAX), Q_MAX);
	}
	/* 4.2.2: a queue that is not there has no size. */
	vqd_set(&b->d, VQD_QUEUE_SEL, 2);
	assert_int_equal(vqd_get(&b->d, VQD_QUEUE_SIZE_MAX), 0);
	assert_int_equal(vqd_get(&b->d, VQD_QUEUE_READY), 0);
	vqd_set(&b->d, VQD_QUEUE_SEL, UINT32_MAX);
	assert_int_equal(vqd_get(&b->d, VQD_QUEUE_SIZE_MAX), 0);
	/* No shared memory: length and base of all ones. */
	for (unsigned reg = 0xb0; reg <= 0xbc; reg += 4)
		assert_int_equal(vqd_get(&b->d, reg), UINT32_MAX);
	drop(b);
}

/* Requests in flight are counted in the queues that the device has, and nothing beyond them. */
static void work_is_counted_in_its_queues(void **state)
{
	struct bench *b = started();
	struct virtio_device *dev = &b->echo.dev;

	dev->queue[dev->nr_queues].working = 100;
	assert_int_equal(virtio_hold(dev), 0);
	assert_int_equal(virtio_begin(dev, 1), dev->queue[1].generation);
	assert_int_equal(virtio_working(dev), 1);
	assert_true(virtio_done(dev, 1, dev->queue[1].generation));
	assert_int_equal(virtio_working(dev), 0);
	dev->queue[dev->nr_queues].working = 0;
	virtio_release(dev);
	drop(b);
}

/* A stock driver's way, with all features and with none. */
static void a_driver_starts_and_talks(void **state)
{
	static const uint64_t sets[] = {0, UINT64_MAX, VIRTIO_F_EVENT_IDX, VIRTIO_F_INDIRECT_DESC};

	for (size_t i = 0; i < ARRAY_SIZE(sets); i++) {
		struct bench *b = make();
		bool indirect = sets[i] & VIRTIO_F_INDIRECT_DESC;
		uint64_t at;

		assert_true(vqd_start(&b->d, sets[i]));
		assert_int_equal(b->echo.activated, 1);
		assert_true(b->echo.dev.driver_features == ((sets[i] & vqd_features(&b->d)) | VIRTIO_F_VERSION_1));
		assert_false(vqd_interrupted(&b->d));
		at = vqd_alloc(&b->d, 64, 64);
		for (unsigned n = 0; n < 3 * Q_MAX; n++) {
			struct vqd_buf buf[] = {{at, 4, false}, {at + 32, 4, true}};

			le32_put(vqd_ptr(&b->d, at), n);
			/* As a driver that wants to hear of each. */
			le16_put((uint8_t *)vqd_ptr(&b->d, b->d.queue[0].avail) + 4 + 2 * Q_MAX, (uint16_t)n);
			assert_int_equal(vqd_request(&b->d, 0, buf, 2, indirect && n & 1), 4);
			assert_int_equal(le32_get(vqd_ptr(&b->d, at + 32)), n);
			assert_true(vqd_interrupted(&b->d));
			assert_int_equal(vqd_get(&b->d, VQD_INTERRUPT_STATUS), 1);
			vqd_set(&b->d, VQD_INTERRUPT_ACK, 1);
			assert_int_equal(vqd_get(&b->d, VQD_INTERRUPT_STATUS), 0);
		}
		drop(b);
	}
}

static void features_that_do_not_stick(void **state)
{
	static const struct {
		uint32_t sel, value;
		bool version_1;
	} wrong[] = {
		{0, 0, false},     /* without VERSION_1 (6.1) */
		{0, 1, true},      /* never offered */
		{1, BIT(2), true}, /* RING_PACKED */
		{2, 1, true},      /* a bit above 63 */
		{UINT32_MAX, 1U << 31, true},
	};

	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		struct bench *b = make();

		vqd_set(&b->d, VQD_STATUS, 1);
		vqd_set(&b->d, VQD_STATUS, 3);
		vqd_set(&b->d, VQD_DRIVER_FEATURES_SEL, 1);
		vqd_set(&b->d, VQD_DRIVER_FEATURES, wrong[i].version_1);
		vqd_set(&b->d, VQD_DRIVER_FEATURES_SEL, wrong[i].sel);
		vqd_set(&b->d, VQD_DRIVER_FEATURES, wrong[i].value | (wrong[i].sel == 1 && wrong[i].version_1));
		vqd_set(&b->d, VQD_STATUS, 11);
		assert_int_equal(vqd_get(&b->d, VQD_STATUS), 3);
		/* DRIVER_OK does not get past it. */
		vqd_set(&b->d, VQD_STATUS, 15);
		assert_int_equal(vqd_get(&b->d, VQD_STATUS), 3);
		assert_int_equal(b->echo.activated, 0);
		lives(b);
		drop(b);
	}
}

static void features_are_final(void **state)
{
	struct bench *b = make();

	assert_true(vqd_negotiate(&b->d, FEATURE));
	vqd_set(&b->d, VQD_DRIVER_FEATURES_SEL, 0);
	vqd_set(&b->d, VQD_DRIVER_FEATURES, UINT32_MAX);
	vqd_set(&b->d, VQD_STATUS, ALIVE);
	assert_int_equal(vqd_get(&b->d, VQD_STATUS), ALIVE);
	assert_true(b->echo.dev.driver_features == (FEATURE | VIRTIO_F_VERSION_1));
	drop(b);
}

static void status_bits(void **state)
{
	struct bench *b = make();

	/* 2.1.1: bits are added, and cleared by a reset only. Those of the device are not the driver's to set. */
	vqd_set(&b->d, VQD_STATUS, VQD_ACKNOWLEDGE | VQD_NEEDS_RESET | 0xffffff00);
	assert_int_equal(vqd_get(&b->d, VQD_STATUS), VQD_ACKNOWLEDGE);
	vqd_set(&b->d, VQD_STATUS, VQD_DRIVER);
	assert_int_equal(vqd_get(&b->d, VQD_STATUS), VQD_ACKNOWLEDGE);
	vqd_set(&b->d, VQD_STATUS, VQD_ACKNOWLEDGE | VQD_DRIVER_OK);
	assert_int_equal(vqd_get(&b->d, VQD_STATUS), VQD_ACKNOWLEDGE);
	vqd_set(&b->d, VQD_STATUS, VQD_ACKNOWLEDGE | VQD_FAILED);
	assert_int_equal(vqd_get(&b->d, VQD_STATUS), VQD_ACKNOWLEDGE | VQD_FAILED);
	vqd_set(&b->d, VQD_STATUS, 0);
	assert_int_equal(vqd_get(&b->d, VQD_STATUS), 0);
	lives(b);
	drop(b);
}

static void queue_registers_out_of_turn(void **state)
{
	struct bench *b = make();

	/* Before FEATURES_OK: nothing is taken. */
	b->d.queue[0] = (struct vqd_queue){
		.size = 8, .desc = VQD_RAM_START, .avail = VQD_RAM_START + 256, .used = VQD_RAM_START + 512};
	assert_false(vqd_queue_enable(&b->d, 0));
	assert_int_equal(b->echo.dev.queue[0].desc, 0);
	/* While the queue is ready: it stays where it is. */
	assert_true(vqd_start(&b->d, 0));
	uint64_t desc = b->echo.dev.queue[0].desc;

	vqd_set(&b->d, VQD_QUEUE_SEL, 0);
	vqd_set(&b->d, VQD_QUEUE_DESC, 0);
	vqd_set(&b->d, VQD_QUEUE_SIZE, 2);
	vqd_set(&b->d, VQD_QUEUE_READY, 1);
	assert_int_equal(b->echo.dev.queue[0].desc, desc);
	assert_int_equal(b->echo.dev.queue[0].size, Q_MAX);
	/* Of a queue that is not there. */
	vqd_set(&b->d, VQD_QUEUE_SEL, 7);
	vqd_set(&b->d, VQD_QUEUE_SIZE, 4);
	vqd_set(&b->d, VQD_QUEUE_READY, 1);
	vqd_set(&b->d, VQD_QUEUE_RESET, 1);
	assert_int_equal(vqd_get(&b->d, VQD_QUEUE_READY), 0);
	assert_int_equal(vqd_get(&b->d, VQD_STATUS), ALIVE);
	lives(b);
	drop(b);
}

static void impossible_queues(void **state)
{
	static const uint32_t sizes[] = {0, 3, 17, 32, 32768, 65536 + 16, UINT32_MAX};

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct bench *b = make();

		assert_true(vqd_negotiate(&b->d, 0));
		vqd_set(&b->d, VQD_QUEUE_SEL, 0);
		vqd_set(&b->d, VQD_QUEUE_DESC, VQD_RAM_START);
		vqd_set(&b->d, VQD_QUEUE_DRIVER, VQD_RAM_START + 4096);
		vqd_set(&b->d, VQD_QUEUE_DEVICE, VQD_RAM_START + 8192);
		vqd_set(&b->d, VQD_QUEUE_SIZE, sizes[i]);
		vqd_set(&b->d, VQD_QUEUE_READY, 1);
		assert_int_equal(vqd_get(&b->d, VQD_QUEUE_READY), 0);
		assert_true(vqd_get(&b->d, VQD_STATUS) & VQD_NEEDS_RESET);
		/* 2.1.2: no notification before DRIVER_OK; and the device does not start. */
		assert_false(vqd_interrupted(&b->d));
		vqd_set(&b->d, VQD_STATUS, ALIVE);
		assert_int_equal(b->echo.activated, 0);
		vqd_kick(&b->d, 0);
		vqd_run(&b->d);
		assert_int_equal(b->echo.kicks, 0);
		lives(b);
		drop(b);
	}
}

static void a_broken_ring_needs_a_reset(void **state)
{
	struct bench *b = started();
	uint32_t generation = vqd_get(&b->d, VQD_CONFIG_GENERATION);

	vqd_desc(&b->d, b->d.queue[0].desc, 0, VQD_RAM_START, 1, VQD_F_NEXT, 0);
	vqd_offer(&b->d, 0, 0);
	vqd_kick(&b->d, 0);
	vqd_run(&b->d);
	assert_int_equal(vqd_get(&b->d, VQD_STATUS), ALIVE | VQD_NEEDS_RESET);
	/* 2.1.2: a configuration change notification. */
	assert_true(vqd_interrupted(&b->d));
	assert_int_equal(vqd_get(&b->d, VQD_INTERRUPT_STATUS), 2);
	assert_int_not_equal(vqd_get(&b->d, VQD_CONFIG_GENERATION), generation);
	/* The other queue rests as well, and none is opened again. */
	vqd_kick(&b->d, 1);
	vqd_run(&b->d);
	assert_int_equal(b->echo.kicks, 1);
	vqd_offer(&b->d, 1, 0);
	assert_false(vq_listen(&b->echo.dev.queue[1]));
	vqd_set(&b->d, VQD_QUEUE_SEL, 1);
	vqd_set(&b->d, VQD_QUEUE_RESET, 1);
	assert_false(vqd_queue_enable(&b->d, 1));
	assert_int_equal(vqd_get(&b->d, VQD_QUEUE_READY), 0);
	lives(b);
	assert_int_equal(vqd_get(&b->d, VQD_STATUS), ALIVE);
	drop(b);
}

static void kicks_out_of_turn(void **state)
{
	struct bench *b = make();

	vqd_kick(&b->d, 0);
	vqd_run(&b->d);
	assert_true(vqd_negotiate(&b->d, 0));
	assert_true(vqd_queue_setup(&b->d, 0, 8));
	vqd_kick(&b->d, 0);
	vqd_run(&b->d);
	assert_int_equal(b->echo.kicks, 0);
	vqd_set(&b->d, VQD_STATUS, ALIVE);
	/* A queue that is not ready, queues that do not exist. */
	vqd_kick(&b->d, 1);
	vqd_kick(&b->d, 2);
	vqd_kick(&b->d, UINT32_MAX);
	vqd_run(&b->d);
	assert_int_equal(b->echo.kicks, 0);
	vqd_kick(&b->d, 0);
	vqd_run(&b->d);
	assert_int_equal(b->echo.kicks, 1);
	/* One that is on its way when the reset comes. */
	vqd_kick(&b->d, 0);
	vqd_set(&b->d, VQD_STATUS, 0);
	vqd_run(&b->d);
	assert_int_equal(b->echo.kicks, 1);
	lives(b);
	/* The end of the machine. */
	b->echo.kicks = 0;
	virtio_quit(&b->echo.dev);
	vqd_kick(&b->d, 0);
	vqd_run(&b->d);
	assert_int_equal(b->echo.kicks, 0);
	assert_false(virtio_pop(&b->echo.dev, 0, &b->echo.c));
	drop(b);
}

/* 4.2.2.2: control registers are 4 bytes wide and aligned. Anything else reads as 0 and does nothing. */
static void widths_and_misalignment(void **state)
{
	struct bench *b = started();

	for (unsigned len = 1; len <= 8; len *= 2) {
		for (unsigned offset = 0; offset < VQD_CONFIG; offset++) {
			if (len == 4 && offset % 4 == 0)
				continue;
			assert_true(vqd_in(&b->d, offset, len) == 0 || offset + len > VQD_CONFIG);
			vqd_out(&b->d, offset, 0, len);
			vqd_out(&b->d, offset, UINT64_MAX, len);
		}
	}
	assert_int_equal(vqd_get(&b->d, VQD_STATUS), ALIVE);
	assert_int_equal(b->echo.resets, 1);
	lives(b);
	drop(b);
}

static void registers_that_are_read_only(void **state)
{
	static const uint16_t regs[] = {VQD_MAGIC, VQD_VERSION, VQD_DEVICE_ID, VQD_VENDOR_ID, VQD_DEVICE_FEATURES,
		VQD_QUEUE_SIZE_MAX, VQD_INTERRUPT_STATUS, VQD_CONFIG_GENERATION, 0x00, 0x18, 0x1c, 0x28, 0x2c, 0x3c,
		0x40, 0x48, 0x4c, 0x54, 0x58, 0x5c, 0x68, 0x6c, 0x74, 0x78, 0x7c, 0xb0, 0xb4, 0xc4, 0xf8};
	struct bench *b = started();

	for (size_t i = 0; i < ARRAY_SIZE(regs); i++) {
		uint32_t before = vqd_get(&b->d, regs[i]);

		vqd_set(&b->d, regs[i], ~before);
		assert_int_equal(vqd_get(&b->d, regs[i]), before);
	}
	/* Those that are only written read as 0. */
	assert_int_equal(vqd_get(&b->d, VQD_QUEUE_NOTIFY), 0);
	assert_int_equal(vqd_get(&b->d, VQD_DRIVER_FEATURES), 0);
	assert_int_equal(vqd_get(&b->d, VQD_STATUS), ALIVE);
	lives(b);
	drop(b);
}

static void configuration(void **state)
{
	struct bench *b = started();

	for (unsigned len = 1; len <= 8; len *= 2) {
		for (unsigned offset = 0; offset < CONFIG_N + 8; offset++) {
			uint64_t v = vqd_in(&b->d, VQD_CONFIG + offset, len);

			for (unsigned i = 0; i < len; i++)
				assert_int_equal((v >> (8 * i)) & 0xff, offset + i < CONFIG_N ? offset + i + 1 : 0);
		}
	}
	assert_int_equal(vqd_in(&b->d, VIRTIO_MMIO_SIZE - 8, 8), 0);
	vqd_out(&b->d, VQD_CONFIG + 4, 99, 1);
	vqd_out(&b->d, VQD_CONFIG + 5, 99, 1);
	vqd_out(&b->d, VIRTIO_MMIO_SIZE - 8, UINT64_MAX, 8);
	assert_int_equal(vqd_in(&b->d, VQD_CONFIG, 8) >> 32, 0x08070663);
	/* 2.5.1: a change shows in the generation, and the driver hears of it. */
	uint32_t generation = vqd_get(&b->d, VQD_CONFIG_GENERATION);

	pthread_mutex_lock(&b->echo.dev.lock);
	b->d.mmio.transport.config_changed(&b->d.mmio.transport);
	pthread_mutex_unlock(&b->echo.dev.lock);
	assert_int_equal(vqd_get(&b->d, VQD_CONFIG_GENERATION), generation + 1);
	assert_true(vqd_interrupted(&b->d));
	assert_int_equal(vqd_get(&b->d, VQD_INTERRUPT_STATUS), 2);
	/* It is not set back by a reset: the driver may have read half of a field. */
	vqd_set(&b->d, VQD_STATUS, 0);
	assert_int_equal(vqd_get(&b->d, VQD_CONFIG_GENERATION), generation + 1);
	assert_int_equal(vqd_get(&b->d, VQD_INTERRUPT_STATUS), 0);
	drop(b);
}

/* An interrupt is not raised again until it is acknowledged; this holds for both causes separately. */
static void an_interrupt_waits_for_its_acknowledgement(void **state)
{
	struct bench *b = started();
	struct virtio_mmio *t = &b->d.mmio;

	for (unsigned round = 0; round < 3; round++) {
		pthread_mutex_lock(&b->echo.dev.lock);
		t->transport.interrupt(&t->transport, 0);
		assert_true(vqd_interrupted(&b->d));
		t->transport.interrupt(&t->transport, 0);
		t->transport.interrupt(&t->transport, 1);
		assert_false(vqd_interrupted(&b->d));
		t->transport.config_changed(&t->transport);
		assert_true(vqd_interrupted(&b->d));
		t->transport.config_changed(&t->transport);
		assert_false(vqd_interrupted(&b->d));
		pthread_mutex_unlock(&b->echo.dev.lock);
		assert_int_equal(vqd_get(&b->d, VQD_INTERRUPT_STATUS), 3);
		/* Only one is acknowledged, so only that one is raised again. */
		vqd_set(&b->d, VQD_INTERRUPT_ACK, 1);
		pthread_mutex_lock(&b->echo.dev.lock);
		t->transport.config_changed(&t->transport);
		assert_false(vqd_interrupted(&b->d));
		t->transport.interrupt(&t->transport, 1);
		assert_true(vqd_interrupted(&b->d));
		pthread_mutex_unlock(&b->echo.dev.lock);
		if (round == 1)
			assert_true(vqd_start(&b->d, 0)); /* a reset forgets them */
		else
			vqd_set(&b->d, VQD_INTERRUPT_ACK, 3);
		assert_int_equal(vqd_get(&b->d, VQD_INTERRUPT_STATUS), 0);
	}
	drop(b);
}

/* Kicks are events, one by one: none is lost that comes while another is served, and none is served for ever. */
static void a_kick_is_served_once(void **state)
{
	struct bench *b = started();

	for (unsigned n = 1; n <= 3; n++) {
		vqd_kick(&b->d, 1);
		vqd_kick(&b->d, 1);
		vqd_run(&b->d);
		vqd_run(&b->d);
		assert_int_equal(b->echo.kicks, n);
	}
	drop(b);
}

/* A device need not have more than a kick. */
static void a_device_of_few_words(void **state)
{
	static const struct virtio_ops ops = {.kick = echo_kick};
	struct bench *b = calloc(1, sizeof(*b));

	assert_non_null(b);
	vqd_init(&b->d, 1 << 20);
	assert_int_equal(virtio_device_init(&b->echo.dev, &ops, "echo", 42, 1, 1, &b->d.mem, b->d.loop, b->d.trace), 0);
	vqd_attach(&b->d, &b->echo.dev);
	assert_int_equal(vqd_in(&b->d, VQD_CONFIG, 8), 0);
	vqd_out(&b->d, VQD_CONFIG, 1, 1);
	assert_true(vqd_start(&b->d, VIRTIO_F_RING_RESET));
	vqd_set(&b->d, VQD_QUEUE_SEL, 0);
	vqd_set(&b->d, VQD_QUEUE_RESET, 1);
	vqd_set(&b->d, VQD_STATUS, 0);
	drop(b);
}

static uint16_t hold_one(struct bench *b)
{
	struct vqd_buf buf = {vqd_alloc(&b->d, 64, 64), 64, true};
	uint16_t head = vqd_add(&b->d, 1, &buf, 1, false);

	vqd_offer(&b->d, 1, head);
	vqd_kick(&b->d, 1);
	vqd_run(&b->d);
	assert_true(b->echo.holding);
	return head;
}

static void answer(struct bench *b, bool expected)
{
	struct echo *echo = &b->echo;
	bool valid;

	pthread_mutex_lock(&echo->dev.lock);
	valid = virtio_done(&echo->dev, 1, echo->generation);
	assert_int_equal(valid, expected);
	if (valid) {
		virtio_push(&echo->dev, 1, echo->held.head, 1);
		virtio_flush(&echo->dev, 1);
	}
	echo->holding = false;
	pthread_mutex_unlock(&echo->dev.lock);
}

static void work_in_flight(void **state)
{
	struct bench *b = started();
	uint16_t head = hold_one(b), back;
	uint32_t len;

	assert_false(vqd_used(&b->d, 1, &back, &len));
	answer(b, true);
	assert_true(vqd_used(&b->d, 1, &back, &len) && back == head && len == 1);
	drop(b);
}

/* A hold lets requests in flight complete, which reaches the driver; new requests are served after the hold. */
static void a_hold_with_work_in_flight(void **state)
{
	struct bench *b = started();
	uint16_t first = hold_one(b), second, head;
	struct vqd_buf buf = {vqd_alloc(&b->d, 64, 64), 64, true};
	unsigned kicks = b->echo.kicks;
	uint32_t len;

	assert_int_equal(virtio_hold(&b->echo.dev), 1);
	second = vqd_add(&b->d, 1, &buf, 1, false);
	vqd_offer(&b->d, 1, second);
	vqd_kick(&b->d, 1);
	vqd_run(&b->d);
	answer(b, true);
	assert_int_equal(virtio_hold(&b->echo.dev), 0);
	assert_true(vqd_used(&b->d, 1, &head, &len) && head == first && len == 1);
	assert_int_equal(b->echo.kicks, kicks);
	virtio_release(&b->echo.dev);
	vqd_run(&b->d);
	answer(b, true);
	assert_true(vqd_used(&b->d, 1, &head, &len) && head == second);
	/* Released once more: no kick. */
	kicks = b->echo.kicks;
	virtio_release(&b->echo.dev);
	vqd_run(&b->d);
	assert_int_equal(b->echo.kicks, kicks);
	drop(b);
}

/* 2.4.1: the status reads as 0 once the device has let go of the driver's memory, and not before. */
static void a_reset_with_work_in_flight(void **state)
{
	struct bench *b = started();
	uint16_t head;
	uint32_t len;

	hold_one(b);
	vqd_set(&b->d, VQD_STATUS, 0);
	assert_int_not_equal(vqd_get(&b->d, VQD_STATUS), 0);
	assert_int_not_equal(vqd_get(&b->d, VQD_STATUS), 0);
	vqd_set(&b->d, VQD_QUEUE_SEL, 1);
	assert_int_equal(vqd_get(&b->d, VQD_QUEUE_READY), 1);
	answer(b, false);
	assert_int_equal(vqd_get(&b->d, VQD_STATUS), 0);
	assert_int_equal(vqd_get(&b->d, VQD_QUEUE_READY), 0);
	assert_false(vqd_used(&b->d, 1, &head, &len));
	lives(b);

	/* A driver that does not wait starts all the same, and the old answer is not seen. */
	hold_one(b);
	vqd_set(&b->d, VQD_STATUS, 0);
	assert_true(vqd_start(&b->d, UINT64_MAX));
	answer(b, false);
	assert_false(vqd_used(&b->d, 1, &head, &len));
	assert_int_equal(vqd_get(&b->d, VQD_STATUS), ALIVE);
	drop(b);
}

/* 2.6.1, 4.2.2.1; Linux's driver for MMIO never does it. */
static void a_queue_reset_with_work_in_flight(void **state)
{
	struct bench *b = started();

	hold_one(b);
	vqd_set(&b->d, VQD_QUEUE_SEL, 1);
	vqd_set(&b->d, VQD_QUEUE_RESET, 1);
	assert_int_equal(b->echo.queue_resets, 1);
	assert_int_equal(vqd_get(&b->d, VQD_QUEUE_RESET), 1);
	answer(b, false);
	assert_int_equal(vqd_get(&b->d, VQD_QUEUE_RESET), 0);
	assert_int_equal(vqd_get(&b->d, VQD_QUEUE_READY), 0);
	/* The other queue has not noticed; this one comes back, smaller. */
	assert_int_equal(vqd_get(&b->d, VQD_STATUS), ALIVE);
	assert_true(vqd_queue_setup(&b->d, 1, 4));
	hold_one(b);
	answer(b, true);
	drop(b);
}

static void a_queue_reset_has_to_be_negotiated(void **state)
{
	struct bench *b = make();

	assert_true(vqd_start(&b->d, 0));
	vqd_set(&b->d, VQD_QUEUE_SEL, 0);
	vqd_set(&b->d, VQD_QUEUE_RESET, 1);
	assert_int_equal(vqd_get(&b->d, VQD_QUEUE_RESET), 0);
	assert_int_equal(vqd_get(&b->d, VQD_QUEUE_READY), 1);
	/* 4.2.2.2: a driver without it writes 0 to QueueReady, and reads it back. */
	vqd_set(&b->d, VQD_QUEUE_READY, 0);
	assert_int_equal(vqd_get(&b->d, VQD_QUEUE_READY), 0);
	assert_true(vqd_queue_setup(&b->d, 0, 4));
	drop(b);
}

/* The space after a device's configuration reads as zeroes. */
static void the_configuration_ends(void **state)
{
	uint8_t config[CONFIG_N + 16], got[16];

	for (unsigned i = 0; i < sizeof(config); i++)
		config[i] = (uint8_t)(0x80 + i);
	for (uint32_t offset = 0; offset < CONFIG_N + 8; offset++) {
		for (unsigned len = 1; len <= 8; len++) {
			memset(got, 0x55, sizeof(got));
			virtio_config_copy(config, CONFIG_N, offset, got, len);
			for (unsigned i = 0; i < len; i++)
				assert_int_equal(got[i], offset + i < CONFIG_N ? 0x80 + offset + i : 0);
			assert_int_equal(got[len], 0x55);
		}
	}
	virtio_config_copy(config, CONFIG_N, UINT32_MAX, got, 4);
	assert_int_equal(le32_get(got), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(registers_of_identity),
		cmocka_unit_test(work_is_counted_in_its_queues),
		cmocka_unit_test(a_driver_starts_and_talks),
		cmocka_unit_test(an_interrupt_waits_for_its_acknowledgement),
		cmocka_unit_test(a_kick_is_served_once),
		cmocka_unit_test(features_that_do_not_stick),
		cmocka_unit_test(features_are_final),
		cmocka_unit_test(status_bits),
		cmocka_unit_test(queue_registers_out_of_turn),
		cmocka_unit_test(impossible_queues),
		cmocka_unit_test(a_broken_ring_needs_a_reset),
		cmocka_unit_test(kicks_out_of_turn),
		cmocka_unit_test(widths_and_misalignment),
		cmocka_unit_test(registers_that_are_read_only),
		cmocka_unit_test(configuration),
		cmocka_unit_test(a_device_of_few_words),
		cmocka_unit_test(work_in_flight),
		cmocka_unit_test(a_hold_with_work_in_flight),
		cmocka_unit_test(a_reset_with_work_in_flight),
		cmocka_unit_test(a_queue_reset_with_work_in_flight),
		cmocka_unit_test(a_queue_reset_has_to_be_negotiated),
		cmocka_unit_test(the_configuration_ends),
	};

	return run_group(tests);
}
