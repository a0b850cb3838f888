// SPDX-License-Identifier: Apache-2.0
/*
 * Theory of operation. A bucket of bytes fills at VIRTIO_RNG_RATE up to VIRTIO_RNG_BURST. A request is popped only when
 * the bucket covers it; otherwise it stays in the ring until a timer fires. This also bounds every turn: it serves no
 * more than the bucket holds.
 */
#include "devices/virtio/rng.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "vmm/base/clock.h"

#define QUEUE      0
#define QUEUE_SIZE 64

#define WAIT_NS (10 * NSEC_PER_MSEC)

static void refill(struct virtio_rng *r)
{
	uint64_t now = trace_now_ns(), passed = MIN(now - r->refilled_ns, NSEC_PER_SEC);

	r->tokens = MIN(r->tokens + VIRTIO_RNG_RATE * passed / NSEC_PER_SEC, VIRTIO_RNG_BURST);
	r->refilled_ns = now;
}

/* Return: bytes put into the chain, or -EAGAIN: not now. */
static int fill(const struct virtio_rng *r, const struct vq_chain *c)
{
	uint8_t buf[VIRTIO_RNG_REQUEST_MAX];
	size_t n = MIN((size_t)c->in_bytes, sizeof(buf));
	ssize_t got;

	if (!n)
		return 0; /* complete an empty request; 0 bytes read would mean no randomness */
	got = read(r->random_fd, buf, n);
	/* A host that has just started may have no randomness yet. */
	if (got <= 0)
		return -EAGAIN;
	n = vq_write(c->in, c->in_nr, 0, buf, (size_t)got);
	explicit_bzero(buf, sizeof(buf));
	return (int)n;
}

/* Return: true when requests may remain that have to wait. */
static bool serve(struct virtio_rng *r)
{
	struct virtqueue *q = &r->dev.queue[QUEUE];
	struct vq_chain c;

	do {
		vq_quiet(q);
		while (r->tokens >= VIRTIO_RNG_REQUEST_MAX) {
			int n;

			if (!virtio_pop(&r->dev, QUEUE, &c))
				break;
			if (c.out_nr) {
				virtio_broke(&r->dev, "a readable buffer in the entropy queue"); /* 5.4.6.1 */
				return false;
			}
			n = fill(r, &c);
			if (n < 0) {
				vq_unpop(q);
				return true;
			}
			r->tokens -= MAX((uint64_t)n, VIRTIO_RNG_CHARGE_MIN);
			r->dev.payload.to_guest += (uint64_t)n;
			virtio_push(&r->dev, QUEUE, c.head, (uint32_t)n);
		}
		if (r->tokens < VIRTIO_RNG_REQUEST_MAX)
			return true;
	} while (vq_listen(q) && r->dev.driver_ok);
	return false;
}

static void turn(struct virtio_rng *r)
{
	refill(r);
	r->waiting = serve(r);
	if (r->waiting)
		loop_timer_set(&r->wait, WAIT_NS, 0);
	virtio_flush(&r->dev, QUEUE);
}

static void rng_kick(struct virtio_device *dev, unsigned index)
{
	struct virtio_rng *r = container_of(dev, struct virtio_rng, dev);

	if (!r->waiting)
		turn(r);
}

static void on_wait(struct loop_timer *t)
{
	struct virtio_rng *r = container_of(t, struct virtio_rng, wait);

	pthread_mutex_lock(&r->dev.lock);
	r->waiting = false;
	if (r->dev.driver_ok)
		turn(r);
	pthread_mutex_unlock(&r->dev.lock);
}

static const struct virtio_ops rng_ops = {.kick = rng_kick};

int virtio_rng_init(struct virtio_rng *r, int random_fd, const struct gmem *mem, struct loop *loop, struct trace *trace)
{
	int ret;

	*r = (struct virtio_rng){.random_fd = random_fd, .tokens = VIRTIO_RNG_BURST, .refilled_ns = trace_now_ns()};
	ret = loop_timer_init(loop, &r->wait, on_wait);
	if (ret == 0)
		ret = virtio_device_init(
			&r->dev, &rng_ops, "virtio-rng", VIRTIO_ID_ENTROPY, 1, QUEUE_SIZE, mem, loop, trace);
	if (ret < 0)
		loop_timer_destroy(&r->wait);
	return ret;
}

void virtio_rng_destroy(struct virtio_rng *r)
{
	if (!r || !r->dev.ops)
		return;
	loop_timer_destroy(&r->wait);
	virtio_device_destroy(&r->dev);
}
