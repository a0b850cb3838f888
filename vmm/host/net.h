/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A network backend as the configuration asks for it.
 */
#ifndef VMM_HOST_NET_H
#define VMM_HOST_NET_H

#include "devices/virtio/net.h"
#include "vmm/config.h"

/** net_check() - 0, or a negative errno, with a message in @e, as net_open()'s, for a name that can never be right */
int net_check(const struct config_net *c, struct err *e);

/**
 * net_open() - open what --net names
 * @ret: owned by the caller; untouched on failure
 *
 * Return: 0 or a negative errno, with words that begin with the setting.
 * Context: OPEN stage. Trust: operator.
 */
int net_open(const struct config_net *c, struct net_backend **ret, struct err *e);

/**
 * net_default_mac() - a MAC address that stays the same from run to run
 * @peer: the interface's name, or "passt"
 * @index: which network device of the machine
 *
 * Locally administered: 02, then five bytes of a hash of both. Machines on one host differ by the names of their
 * interfaces; machines on two hosts whose interfaces have one name do not.
 */
void net_default_mac(const char *peer, unsigned index, uint8_t ret_mac[VIRTIO_NET_MAC_SIZE]);

#endif
