/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Frames through a TAP interface of the host, checksum and segmentation offloads included: what is read and written is
 * the driver's own header and buffers, without a copy of ours.
 *
 * For the sandbox: before the start /dev/net/tun (read and write; not for fd=N) and if_nametoindex() (a datagram socket
 * and SIOCGIFINDEX), SIOCGIFHWADDR and SIOCGIFMTU. After it, on the loop's thread: readv and writev on the fd, ioctl
 * TUNSETOFFLOAD.
 */
#ifndef VMM_HOST_TAP_H
#define VMM_HOST_TAP_H

#include "devices/virtio/net_backend.h"
#include "vmm/base/err.h"

/** net_tap_check() - 0, or -EINVAL with a message in @e for what cannot be an interface's name. Trust: operator */
int net_tap_check(const char *name, struct err *e);

/**
 * net_tap_open() - attach to an interface by name
 * @name: of a TAP interface; one that does not exist is made where that is permitted, goes with the backend, and is
 *        told in the log, since nobody has given it an address
 * @ret: owned by the caller; untouched on failure
 *
 * Return: 0 or a negative errno, with a message in @e.
 * Trust: operator.
 */
int net_tap_open(const char *name, struct net_backend **ret, struct err *e);

/**
 * net_tap_adopt() - use a TAP fd that our parent has opened
 * @fd: taken on success. One without IFF_VNET_HDR works, without offloads.
 *
 * Return: 0 or a negative errno, with a message in @e: not a TAP, or not in frames.
 * Trust: operator.
 */
int net_tap_adopt(int fd, struct net_backend **ret, struct err *e);

#endif
