/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Entropy device (virtio 1.2, 5.4): random bytes of the host for the guest.
 *
 * One queue, of empty buffers. A buffer gets at most VIRTIO_RNG_REQUEST_MAX bytes, which 5.4.6.2 allows. The rate is
 * limited, so that a guest in a loop uses about 1 % of a core; further requests wait in the queue.
 *
 * System calls after the start, control loop: read, timerfd_settime.
 */
#ifndef DEVICES_VIRTIO_RNG_H
#define DEVICES_VIRTIO_RNG_H

#include "devices/virtio/virtio.h"

#define VIRTIO_RNG_REQUEST_MAX 4096
#define VIRTIO_RNG_BURST       (64 * KIB)
#define VIRTIO_RNG_RATE        (4 * MIB) /* bytes a second */
#define VIRTIO_RNG_CHARGE_MIN  256       /* minimum cost of a request, so that small ones are limited, too */

/**
 * struct virtio_rng
 * @random_fd: borrowed
 * @tokens: bytes available now
 * @refilled_ns: time of the last refill of @tokens
 * @wait: timer: a waiting request can be served
 * @waiting: @wait is armed
 */
struct virtio_rng {
	struct virtio_device dev;
	int random_fd;
	uint64_t tokens;
	uint64_t refilled_ns;
	struct loop_timer wait;
	bool waiting;
};

/**
 * virtio_rng_init()
 * @random_fd: /dev/random, opened non-blocking (a host that has just started may have no randomness yet); borrowed
 * until virtio_rng_destroy()
 * @mem, @loop, @trace: borrowed until virtio_rng_destroy()
 *
 * Return: 0 or a negative errno; then there is nothing to destroy.
 */
int virtio_rng_init(
	struct virtio_rng *r, int random_fd, const struct gmem *mem, struct loop *loop, struct trace *trace);

/** virtio_rng_destroy() - takes NULL and a zeroed struct */
void virtio_rng_destroy(struct virtio_rng *r);

#endif
