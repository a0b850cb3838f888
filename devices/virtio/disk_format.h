/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Detects container formats of disk images (qcow2, VMDK, ...) by their first or last bytes. vmm supports none of them:
 * the guest would see the container instead of the disk in it, and its first write would destroy it.
 */
#ifndef DEVICES_VIRTIO_DISK_FORMAT_H
#define DEVICES_VIRTIO_DISK_FORMAT_H

#include <stdint.h>

/**
 * disk_format() - detect the container format of an image
 * @fd: open for reading, with O_DIRECT or without
 * @size_bytes: of the image, at least 1
 * @ret: its name for `qemu-img -f`, static; NULL: no known format, so raw. Unchanged on failure.
 *
 * A guest may have written the disk: a raw disk can look like any of these.
 *
 * Return: 0 or a negative errno.
 * Trust: guest.
 */
int disk_format(int fd, uint64_t size_bytes, const char **ret);

#endif
