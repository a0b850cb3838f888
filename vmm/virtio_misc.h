/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The virtio devices of which a machine has one at most: entropy, sockets, console, balloon.
 *
 * Sockets and balloon share a thread, which a machine without them does not have: what they ask of the kernel (to
 * connect, to take RAM away) the control loop may not do. Entropy and console live in the control loop.
 */
#ifndef VMM_VIRTIO_MISC_H
#define VMM_VIRTIO_MISC_H

#include "devices/virtio/balloon.h"
#include "devices/virtio/console.h"
#include "devices/virtio/rng.h"
#include "devices/virtio/vsock.h"
#include "vmm/config.h"
#include "vmm/worker.h"

struct virtio_env;
struct virtio_slots;
struct vsock_end;

/**
 * struct virtio_misc - owns its devices; start from VIRTIO_MISC_NONE. What is not asked for stays as it is there.
 * @worker: of sockets and balloon
 */
struct virtio_misc {
	struct worker worker;
	int random_fd;
	struct virtio_rng rng;
	struct vsock_end *vsock_end;
	struct virtio_vsock vsock;
	struct virtio_console console;
	struct virtio_balloon balloon;
	uint64_t balloon_target;
};

#define VIRTIO_MISC_NONE ((struct virtio_misc){.random_fd = -1})

/** virtio_misc_count() - how many slots they take */
size_t virtio_misc_count(const struct config *c);

/** virtio_misc_check() - refuse what no device can be. Return: 0 or -EINVAL, with words. */
int virtio_misc_check(const struct config *c, struct err *e);

/** virtio_misc_open() - open what has a path. Return: 0 or a negative errno, with words. Context: OPEN stage. */
int virtio_misc_open(struct virtio_misc *m, const struct config *c, struct err *e);

/** virtio_misc_init() - make them, and put each into a slot. Return: 0 or a negative errno. */
int virtio_misc_init(struct virtio_slots *s, const struct virtio_env *env);

/**
 * virtio_misc_start() - the thread of those that share one, if there are any; as of worker_start()
 *
 * Return: 0 or a negative errno, with words.
 */
int virtio_misc_start(struct virtio_misc *m, struct sandbox *sandbox, struct err *e);

/** virtio_misc_stop() - as of worker_stop() */
bool virtio_misc_stop(struct virtio_misc *m, uint64_t deadline_ns);

/** virtio_misc_balloon() - ask the guest for a step more, or a step less. Control loop; without a balloon, nothing. */
void virtio_misc_balloon(struct virtio_misc *m, const struct config *c, bool more);

/** virtio_misc_destroy() - their transports and their thread are gone; takes what is half-built */
void virtio_misc_destroy(struct virtio_misc *m);

#endif
