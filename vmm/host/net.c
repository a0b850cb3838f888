// SPDX-License-Identifier: Apache-2.0
#include "vmm/host/net.h"

#include <errno.h>
#include <string.h>

#include "vmm/host/passt.h"
#include "vmm/host/tap.h"

static int check_ports(const struct config_net *c, struct err *e)
{
	const struct config_ports *ports[] = {&c->tcp, &c->udp};
	static const char *const names[] = {"tcp", "udp"};

	for (size_t k = 0; k < ARRAY_SIZE(ports); k++) {
		if (ports[k]->nr && (c->kind != CONFIG_NET_PASST || c->name))
			return err_set(e, -EINVAL, "%s=%s: only a passt that vmm starts forwards ports; %s", names[k],
				ports[k]->spec[0],
				c->name && c->kind == CONFIG_NET_PASST
					? "this one was started by somebody else, with ports of its own"
					: "that is --net passt");
		for (size_t i = 0; i < ports[k]->nr; i++)
			if (net_passt_check_ports(ports[k]->spec[i], e) < 0)
				return err_wrap(e, -EINVAL, "%s=%s", names[k], ports[k]->spec[i]);
	}
	return 0;
}

int net_check(const struct config_net *c, struct err *e)
{
	int r = check_ports(c, e);

	if (r < 0)
		return err_wrap(e, r, "--net");
	if (c->kind == CONFIG_NET_TAP) {
		r = net_tap_check(c->name, e);
		return r < 0 ? err_wrap(e, r, "--net tap=%s", c->name) : 0;
	}
	if (c->kind == CONFIG_NET_PASST && c->name) {
		r = net_passt_check(c->name, e);
		return r < 0 ? err_wrap(e, r, "--net passt=%s", c->name) : 0;
	}
	return 0;
}

int net_open(const struct config_net *c, struct net_backend **ret, struct err *e)
{
	int r;

	switch (c->kind) {
	case CONFIG_NET_TAP:
		r = net_tap_open(c->name, ret, e);
		return r < 0 ? err_wrap(e, r, "--net tap=%s", c->name) : 0;
	case CONFIG_NET_FD: r = net_tap_adopt(c->fd, ret, e); return r < 0 ? err_wrap(e, r, "--net fd=%d", c->fd) : 0;
	case CONFIG_NET_PASST:
		r = c->name ? err_operator(e, net_passt_connect(c->name, ret, e))
			    : net_passt_start(&c->tcp, &c->udp, ret, e);
		return r < 0 ? err_wrap(e, r, "--net passt%s%s", c->name ? "=" : "", c->name ? c->name : "") : 0;
	case CONFIG_NET_NONE:
	case CONFIG_NET_TWO: break;
	}
	return err_set(e, -EINVAL, "--net: unknown kind");
}

void net_default_mac(const char *peer, unsigned index, uint8_t ret_mac[VIRTIO_NET_MAC_SIZE])
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325); /* FNV-1a */

	for (const char *c = peer; *c; c++)
		hash = (hash ^ (uint8_t)*c) * UINT64_C(0x100000001b3);
	hash = (hash ^ (index & 0xff)) * UINT64_C(0x100000001b3);
	ret_mac[0] = 0x02;
	for (unsigned i = 1; i < VIRTIO_NET_MAC_SIZE; i++)
		ret_mac[i] = (uint8_t)(hash >> (8 * i));
}
