// SPDX-License-Identifier: Apache-2.0
/* The memory balloon, and its target. */
#include "devices/virtio/balloon.h"

#include <errno.h>
#include <inttypes.h>

#include "vmm/machine/virtio/devices.h"

/* Default step: an eighth of RAM. */
#define STEPS 8

struct balloon_unit {
	struct virtio_balloon balloon;
	uint64_t target;
};

static size_t count(const struct config *c)
{
	return c->balloon.on;
}

static int check(const struct config *c, struct err *e)
{
	if (c->balloon.on && c->balloon.size_bytes > c->mem_bytes)
		return err_set(e, -EINVAL, "--balloon size=%" PRIu64 "M: the guest has only %" PRIu64 "M (--mem)",
			c->balloon.size_bytes / MIB, c->mem_bytes / MIB);
	return 0;
}

static void needs(const struct config *c, size_t index, struct virtio_needs *ret)
{
	ret->sandbox = SANDBOX_HAS(BALLOON);
}

static uint64_t backing_page(enum backing b)
{
	return b == BACKING_HUGE_1G ? GIB : b == BACKING_HUGE_2M ? 2 * MIB : 4 * KIB;
}

static int init(void *unit, size_t index, struct virtio_devices *s, struct virtio_device **ret)
{
	const struct config *c = s->env.config;
	struct balloon_unit *u = unit;
	int r = virtio_balloon_init(
		&u->balloon, backing_page(c->backing), c->balloon.stats_ns, s->env.mem, s->worker.loop, s->env.trace);

	if (r < 0)
		return r;
	u->target = c->balloon.size_bytes;
	virtio_balloon_set_target(&u->balloon, u->target);
	*ret = &u->balloon.dev;
	return 0;
}

static void destroy(void *unit)
{
	virtio_balloon_destroy(&((struct balloon_unit *)unit)->balloon);
}

const struct virtio_kind_ops virtio_balloon_ops = {
	.unit_size = sizeof(struct balloon_unit),
	.count = count,
	.check = check,
	.needs = needs,
	.init = init,
	.destroy = destroy,
};

void virtio_devices_balloon(struct virtio_devices *s, bool more)
{
	struct balloon_unit *u = virtio_devices_unit(s, VIRTIO_KIND_balloon, 0);
	const struct config *c = s->env.config;
	uint64_t step;

	if (!u)
		return;
	step = c->balloon.step_bytes ? c->balloon.step_bytes : c->mem_bytes / STEPS;
	if (more)
		u->target += MIN(step, c->mem_bytes - u->target);
	else
		u->target -= MIN(step, u->target);
	trace_balloon_target(u->balloon.dev.trace, u->target);
	virtio_balloon_set_target(&u->balloon, u->target);
}
