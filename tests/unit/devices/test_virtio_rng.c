// SPDX-License-Identifier: Apache-2.0
/*
 * The entropy device: bytes, their bound, and what a driver gets wrong.
 */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "devices/virtio/rng.h"
#include "tests/support/unit.h"
#include "tests/support/vq_driver.h"
#include "vmm/base/clock.h"

struct bench {
	struct vq_driver d;
	struct virtio_rng rng;
	int noise;
	int nothing[2]; /* a pipe that nobody writes to: a host that has no randomness yet */
};

static void up(struct bench *b)
{
	b->noise = open("/dev/urandom", O_RDONLY | O_CLOEXEC);
	assert_true(b->noise >= 0);
	assert_int_equal(pipe2(b->nothing, O_NONBLOCK | O_CLOEXEC), 0);
	vqd_init(&b->d, MIB);
	assert_int_equal(virtio_rng_init(&b->rng, b->noise, &b->d.mem, b->d.loop, b->d.trace), 0);
	vqd_attach(&b->d, &b->rng.dev);
	assert_true(vqd_start(&b->d, VIRTIO_F_INDIRECT_DESC | VIRTIO_F_EVENT_IDX));
}

static void down(struct bench *b)
{
	vqd_detach(&b->d);
	virtio_rng_destroy(&b->rng);
	vqd_destroy(&b->d);
	close(b->noise);
	close(b->nothing[0]);
	close(b->nothing[1]);
}

static void gives_noise(void **state)
{
	struct bench b;
	struct vqd_buf buf[2];
	uint8_t *p;
	unsigned zeroes = 0;

	up(&b);
	assert_int_equal(vqd_get(&b.d, VQD_DEVICE_ID), 4);
	buf[0] = (struct vqd_buf){vqd_alloc(&b.d, 100, 1), 100, true};
	buf[1] = (struct vqd_buf){vqd_alloc(&b.d, 200, 1), 200, true};
	assert_int_equal(vqd_request(&b.d, 0, buf, 2, false), 300);
	p = vqd_ptr(&b.d, buf[0].gpa);
	for (unsigned i = 0; i < 300; i++)
		zeroes += p[i] == 0;
	assert_true(zeroes < 30);
	assert_true(vqd_interrupted(&b.d));
	assert_int_equal(virtio_payload(&b.rng.dev).to_guest, 300);
	assert_int_equal(virtio_payload(&b.rng.dev).from_guest, 0);
	down(&b);
}

static void a_long_request_gets_a_part(void **state)
{
	struct bench b;
	struct vqd_buf buf = {.len = 65536, .write = true};

	up(&b);
	buf.gpa = vqd_alloc(&b.d, buf.len, 1);
	assert_int_equal(vqd_request(&b.d, 0, &buf, 1, true), VIRTIO_RNG_REQUEST_MAX);
	assert_int_equal(((uint8_t *)vqd_ptr(&b.d, buf.gpa))[VIRTIO_RNG_REQUEST_MAX], 0);
	down(&b);
}

/*
 * How many of 2000 requests of @len bytes are answered when next to no time passes.
 * @ret_bytes: what the bucket gained meanwhile, since nothing keeps another process off this CPU
 */
static unsigned answered(struct bench *b, uint32_t len, uint64_t *ret_bytes)
{
	struct vqd_buf buf = {vqd_alloc(&b->d, len, 1), len, true};
	unsigned n = 0;
	uint16_t head;
	uint32_t got;

	for (unsigned i = 0; i < 2000; i++) {
		uint64_t start = trace_now_ns();

		b->rng.refilled_ns = start;
		vqd_offer(&b->d, 0, vqd_add(&b->d, 0, &buf, 1, false));
		vqd_kick(&b->d, 0);
		vqd_run(&b->d);
		*ret_bytes += VIRTIO_RNG_RATE * (trace_now_ns() - start) / NSEC_PER_SEC;
		if (!vqd_used(&b->d, 0, &head, &got))
			break;
		assert_in_range(got, 1, len);
		n++;
	}
	return n;
}

static void rate_is_bounded(void **state)
{
	struct bench b;
	uint64_t gained = 0;
	uint16_t head;
	uint32_t len;
	unsigned n;

	up(&b);
	n = answered(&b, VIRTIO_RNG_REQUEST_MAX, &gained);
	assert_in_range(
		n, VIRTIO_RNG_BURST / VIRTIO_RNG_REQUEST_MAX, (VIRTIO_RNG_BURST + gained) / VIRTIO_RNG_REQUEST_MAX + 4);
	/* What waits is served when time has passed, without another kick. */
	assert_true(b.rng.waiting);
	b.rng.refilled_ns = trace_now_ns() - NSEC_PER_SEC;
	b.rng.wait.fired(&b.rng.wait);
	assert_true(vqd_used(&b.d, 0, &head, &len));
	assert_int_equal(len, VIRTIO_RNG_REQUEST_MAX);
	down(&b);
	/* A byte at a time does not come cheaper. */
	up(&b);
	gained = 0;
	n = answered(&b, 1, &gained);
	assert_in_range(n, 1, 4 * (VIRTIO_RNG_BURST + gained) / VIRTIO_RNG_CHARGE_MIN);
	down(&b);
}

static void waits_for_a_young_host(void **state)
{
	struct bench b;
	struct vqd_buf buf = {.len = 64, .write = true};
	uint16_t head;
	uint32_t len;

	up(&b);
	b.rng.random_fd = b.nothing[0];
	buf.gpa = vqd_alloc(&b.d, buf.len, 1);
	vqd_offer(&b.d, 0, vqd_add(&b.d, 0, &buf, 1, false));
	vqd_kick(&b.d, 0);
	vqd_run(&b.d);
	assert_false(vqd_used(&b.d, 0, &head, &len));
	b.rng.random_fd = b.noise;
	b.rng.wait.fired(&b.rng.wait);
	assert_true(vqd_used(&b.d, 0, &head, &len));
	assert_int_equal(len, 64);
	down(&b);
}

/* Empty requests are answered, cost what small ones do, and leave nothing behind that would have to be tried again. */
static void nothing_is_asked_for(void **state)
{
	struct bench b;
	struct vqd_buf buf[3] = {{.write = true}, {.write = true}, {.write = true}};

	up(&b);
	for (unsigned i = 0; i < 3; i++)
		buf[i].gpa = vqd_alloc(&b.d, 64, 1);
	for (unsigned nr = 1; nr <= 3; nr++) {
		b.rng.tokens = VIRTIO_RNG_BURST;
		assert_int_equal(vqd_request(&b.d, 0, buf, nr, nr == 3), 0);
		assert_int_equal(b.rng.tokens, VIRTIO_RNG_BURST - VIRTIO_RNG_CHARGE_MIN);
		assert_false(b.rng.waiting);
	}
	buf[0].len = 64;
	assert_int_equal(vqd_request(&b.d, 0, buf, 1, false), 64);
	down(&b);
}

static void a_readable_buffer_breaks_the_rules(void **state)
{
	struct bench b;
	struct vqd_buf buf = {.len = 64, .write = false};

	up(&b);
	buf.gpa = vqd_alloc(&b.d, buf.len, 1);
	vqd_offer(&b.d, 0, vqd_add(&b.d, 0, &buf, 1, false));
	vqd_kick(&b.d, 0);
	vqd_run(&b.d);
	assert_true(vqd_get(&b.d, VQD_STATUS) & VQD_NEEDS_RESET);
	/* And a reset mends it. */
	assert_true(vqd_start(&b.d, 0));
	buf.write = true;
	assert_int_equal(vqd_request(&b.d, 0, &buf, 1, false), 64);
	down(&b);
}

static void a_timer_of_an_earlier_life_does_nothing(void **state)
{
	uint64_t gained = 0;
	struct bench b;

	up(&b);
	answered(&b, VIRTIO_RNG_REQUEST_MAX, &gained);
	vqd_set(&b.d, VQD_STATUS, 0);
	b.rng.wait.fired(&b.rng.wait);
	assert_false(b.rng.waiting);
	down(&b);
	virtio_rng_destroy(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(gives_noise),
		cmocka_unit_test(a_long_request_gets_a_part),
		cmocka_unit_test(rate_is_bounded),
		cmocka_unit_test(waits_for_a_young_host),
		cmocka_unit_test(nothing_is_asked_for),
		cmocka_unit_test(a_readable_buffer_breaks_the_rules),
		cmocka_unit_test(a_timer_of_an_earlier_life_does_nothing),
	};

	return run_group(tests);
}
