// SPDX-License-Identifier: Apache-2.0
/* The virtio console: its host end is the machine's console, shared with the serial port. */
#include "devices/virtio/console.h"

#include "vmm/machine/virtio/devices.h"

static size_t count(const struct config *c)
{
	return c->console_virtio;
}

static int init(void *unit, size_t index, struct virtio_devices *s, struct virtio_device **ret)
{
	struct virtio_console *c = unit;

	*ret = &c->dev;
	return virtio_console_init(c, s->env.console, s->env.mem, s->env.loop, s->env.trace);
}

static void destroy(void *unit)
{
	virtio_console_destroy(unit);
}

const struct virtio_kind_ops virtio_console_ops = {
	.unit_size = sizeof(struct virtio_console),
	.count = count,
	.init = init,
	.destroy = destroy,
};

struct virtio_console *virtio_devices_console(struct virtio_devices *s)
{
	return virtio_devices_unit(s, VIRTIO_KIND_console, 0);
}
