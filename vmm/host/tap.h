/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A network backend on a TAP interface of the host, with checksum and segmentation offloads: the driver's header and
 * buffers are read and written without a copy.
 *
 * For the sandbox: before the start /dev/net/tun (read and write; not for fd=N) and if_nametoindex() (a datagram socket
 * and SIOCGIFINDEX), SIOCGIFHWADDR and SIOCGIFMTU. After it, on the loop's thread: readv and writev on the fd, ioctl
 * TUNSETOFFLOAD.
 */
#ifndef VMM_HOST_TAP_H
#define VMM_HOST_TAP_H

#include "devices/virtio/net_backend.h"
#include "vmm/base/err.h"

/** net_tap_check() - 0, or -EINVAL with a message in @e for an invalid interface name. Trust: operator */
int net_tap_check(const char *name, struct err *e);

/**
 * net_tap_open() - attach to an interface by name
 * @name: of a TAP interface; one that does not exist is created if that is permitted, and removed with the backend.
 *        This is logged, since the new interface has no address
 * @ret: owned by the caller; untouched on failure
 *
 * Return: 0 or a negative errno, with a message in @e.
 * Trust: operator.
 */
int net_tap_open(const char *name, struct net_backend **ret, struct err *e);

/**
 * net_tap_adopt() - use a TAP fd that the parent process has opened
 * @fd: taken on success. Without IFF_VNET_HDR there are no offloads.
 *
 * Return: 0 or a negative errno, with a message in @e: not a TAP, or not in TAP mode.
 * Trust: operator.
 */
int net_tap_adopt(int fd, struct net_backend **ret, struct err *e);

#endif
