/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Entropy device (virtio 1.2, 5.4): random bytes of the host for the guest.
 *
 * One queue, of empty buffers. A buffer gets at most VIRTIO_RNG_REQUEST_MAX bytes, be it longer or not, which 5.4.6.2
 * allows. The rate is bounded, so that a guest in a loop takes about 1 % of a core; what is beyond waits in its queue.
 *
 * System calls after the start, control loop: read, timerfd_settime.
 */
#ifndef DEVICES_VIRTIO_RNG_H
#define DEVICES_VIRTIO_RNG_H

#include "devices/virtio/virtio.h"

#define VIRTIO_RNG_REQUEST_MAX 4096
#define VIRTIO_RNG_BURST       (64 * KIB)
#define VIRTIO_RNG_RATE        (4 * MIB) /* bytes a second */
#define VIRTIO_RNG_CHARGE_MIN  256       /* what a request costs at least: small ones must not come cheap */

/**
 * struct virtio_rng
 * @random_fd: borrowed
 * @tokens: bytes that may be given now
 * @refilled_ns: up to when @tokens is counted
 * @wait: fires when a request that had to wait can be served
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
 * @random_fd: /dev/random, which does not block (a host that has just started gives nothing yet); borrowed until
 * virtio_rng_destroy()
 * @mem, @loop, @trace: borrowed until virtio_rng_destroy()
 *
 * Return: 0 or a negative errno; then there is nothing to destroy.
 */
int virtio_rng_init(
	struct virtio_rng *r, int random_fd, const struct gmem *mem, struct loop *loop, struct trace *trace);

/** virtio_rng_destroy() - takes NULL and a zeroed struct */
void virtio_rng_destroy(struct virtio_rng *r);

#endif
