// SPDX-License-Identifier: Apache-2.0
/* Network devices: each has a backend (vmm/host/net.h), which is opened or started before the device exists. */
#include "devices/virtio/net.h"

#include <errno.h>
#include <string.h>

#include "vmm/host/net.h"
#include "vmm/machine/virtio/devices.h"

#define FDS 16

/**
 * struct net_unit
 * @backend: NULL after the device has taken it
 */
struct net_unit {
	struct net_backend *backend;
	struct virtio_net net;
};

static const uint8_t unset[VIRTIO_NET_MAC_SIZE];

static size_t count(const struct config *c)
{
	return c->nr_nets;
}

/* Two devices cannot share one interface, and two with the same address cannot communicate. */
static int check_pair(const struct config_net *a, const struct config_net *b, struct err *e)
{
	if (memcmp(a->mac, unset, sizeof(unset)) && !memcmp(a->mac, b->mac, sizeof(a->mac)))
		return err_set(e, -EINVAL, "--net: two devices have the same mac=; give each its own");
	if (a->kind != b->kind)
		return 0;
	if (a->kind == CONFIG_NET_FD && a->fd == b->fd)
		return err_set(e, -EINVAL, "--net fd=%d: given for two devices", a->fd);
	if (a->kind == CONFIG_NET_TAP && !strcmp(a->name, b->name))
		return err_set(e, -EINVAL, "--net tap=%s: given for two devices", a->name);
	return 0;
}

static int check(const struct config *c, struct err *e)
{
	for (size_t i = 0; i < c->nr_nets; i++) {
		const struct config_net *n = &c->net[i];

		if (n->kind == CONFIG_NET_NONE)
			return err_set(
				e, -EINVAL, "--net: connected to nothing; give it tap=NAME, fd=N or passt[=SOCKET]");
		if (n->kind == CONFIG_NET_TWO)
			return err_set(e, -EINVAL, "--net: connected twice; choose one of tap=, fd= and passt");
		if (net_check(n, e) < 0)
			return -EINVAL;
		for (size_t j = 0; j < i; j++)
			if (check_pair(n, &c->net[j], e) < 0)
				return -EINVAL;
	}
	return 0;
}

static void needs(const struct config *c, size_t index, struct virtio_needs *ret)
{
	const struct config_net *n = &c->net[index];

	ret->sandbox = n->kind == CONFIG_NET_PASST ? SANDBOX_HAS(PASST) : SANDBOX_HAS(TAP);
	ret->fds = FDS;
	if (n->kind == CONFIG_NET_FD)
		ret->fd = n->fd;
}

static int open_net(void *unit, const struct config *c, size_t index, struct err *e)
{
	return net_open(&c->net[index], &((struct net_unit *)unit)->backend, e);
}

static int ready(void *unit, struct virtio_devices *s, struct err *e)
{
	struct net_backend *b = ((struct net_unit *)unit)->backend;
	int r = net_backend_ready(b, s->env.loop, s->env.trace, e);

	return r < 0 ? err_wrap(e, r, "--net %s", b->peer) : 0;
}

static int init(void *unit, size_t index, struct virtio_devices *s, struct virtio_device **ret)
{
	struct net_unit *u = unit;
	uint8_t mac[VIRTIO_NET_MAC_SIZE];

	memcpy(mac, s->env.config->net[index].mac, sizeof(mac));
	if (!memcmp(mac, unset, sizeof(mac)))
		net_default_mac(u->backend->peer, (unsigned)index, mac);
	*ret = &u->net.dev;
	return virtio_net_init(
		&u->net, (unsigned)index, mac, TAKE_PTR(u->backend), s->env.mem, s->worker.loop, s->env.trace);
}

static void destroy(void *unit)
{
	struct net_unit *u = unit;

	virtio_net_destroy(&u->net);
	net_backend_destroy(u->backend);
}

const struct virtio_kind_ops virtio_net_ops = {
	.unit_size = sizeof(struct net_unit),
	.many = true,
	.count = count,
	.check = check,
	.needs = needs,
	.open = open_net,
	.ready = ready,
	.init = init,
	.destroy = destroy,
};
