/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The virtio devices of which a machine has one at most: entropy, sockets, console, balloon.
 *
 * Sockets and balloon live in the loop of struct virtio_slots.worker, entropy and console in the control loop.
 */
#ifndef VMM_MACHINE_VIRTIO_MISC_H
#define VMM_MACHINE_VIRTIO_MISC_H

#include "devices/virtio/balloon.h"
#include "devices/virtio/console.h"
#include "devices/virtio/rng.h"
#include "devices/virtio/vsock.h"
#include "vmm/config.h"

struct virtio_env;
struct virtio_slots;
struct vsock_end;

/**
 * struct virtio_misc - owns its devices; start from VIRTIO_MISC_NONE. What is not asked for stays as it is there.
 */
struct virtio_misc {
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

/** virtio_misc_init() - make them, and put each into a slot. Return: 0 or a negative errno, with words. */
int virtio_misc_init(struct virtio_slots *s, const struct virtio_env *env, struct err *e);

/** virtio_misc_balloon() - ask the guest for a step more, or a step less. Control loop; without a balloon, nothing. */
void virtio_misc_balloon(struct virtio_misc *m, const struct config *c, bool more);

/** virtio_misc_destroy() - their transports are gone, and their loop has stopped; takes what is half-built */
void virtio_misc_destroy(struct virtio_misc *m);

#endif
