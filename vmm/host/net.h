/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opens the network backend that the configuration names.
 */
#ifndef VMM_HOST_NET_H
#define VMM_HOST_NET_H

#include "devices/virtio/net.h"
#include "vmm/config.h"

/** net_check() - 0, or a negative errno, with a message in @e as by net_open(), for a name that is always invalid */
int net_check(const struct config_net *c, struct err *e);

/**
 * net_open() - open the backend of --net
 * @ret: owned by the caller; untouched on failure
 *
 * Return: 0 or a negative errno, with a message in @e that starts with the setting.
 * Context: OPEN stage. Trust: operator.
 */
int net_open(const struct config_net *c, struct net_backend **ret, struct err *e);

/**
 * net_default_mac() - a MAC address that is the same in every run
 * @peer: the interface's name, or "passt"
 * @index: number of the network device
 *
 * Locally administered: 02, then five bytes of a hash of both. Machines on one host differ if the names of their
 * interfaces differ; machines on two hosts with the same name do not.
 */
void net_default_mac(const char *peer, unsigned index, uint8_t ret_mac[VIRTIO_NET_MAC_SIZE]);

#endif
