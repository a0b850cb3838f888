// SPDX-License-Identifier: Apache-2.0
/* The ports of a machine that runs a command: their host ends are vmm/machine/command.c's. */
#include "devices/virtio/ports.h"

#include "vmm/machine/virtio/devices.h"

static size_t count(const struct config *c)
{
	return c->root != NULL;
}

static int init(void *unit, size_t index, struct virtio_devices *s, struct virtio_device **ret)
{
	struct virtio_ports *p = unit;

	*ret = &p->dev;
	return virtio_ports_init(p, s->env.port, s->env.nr_ports, s->env.mem, s->env.loop, s->env.trace);
}

static void destroy(void *unit)
{
	virtio_ports_destroy(unit);
}

const struct virtio_kind_ops virtio_ports_ops = {
	.unit_size = sizeof(struct virtio_ports),
	.count = count,
	.init = init,
	.destroy = destroy,
};

struct virtio_ports *virtio_devices_ports(struct virtio_devices *s)
{
	return virtio_devices_unit(s, VIRTIO_KIND_ports, 0);
}
