// SPDX-License-Identifier: Apache-2.0
/* The entropy device, and its source of random bytes. */
#include "devices/virtio/rng.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "vmm/machine/virtio/devices.h"

struct rng_unit {
	int random_fd;
	struct virtio_rng rng;
};

static size_t count(const struct config *c)
{
	return c->rng;
}

static int open_random(void *unit, const struct config *c, size_t index, struct err *e)
{
	struct rng_unit *u = unit;

	u->random_fd = open("/dev/random", O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
	return u->random_fd < 0
		? err_sys(e, -errno, "cannot open /dev/random for the entropy device (--no-rng does without)")
		: 0;
}

static int init(void *unit, size_t index, struct virtio_devices *s, struct virtio_device **ret)
{
	struct rng_unit *u = unit;

	*ret = &u->rng.dev;
	return virtio_rng_init(&u->rng, u->random_fd, s->env.mem, s->env.loop, s->env.trace);
}

static void destroy(void *unit)
{
	struct rng_unit *u = unit;

	virtio_rng_destroy(&u->rng);
	close(u->random_fd);
}

const struct virtio_kind_ops virtio_rng_ops = {
	.unit_size = sizeof(struct rng_unit),
	.count = count,
	.open = open_random,
	.init = init,
	.destroy = destroy,
};
