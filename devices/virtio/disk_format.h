/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Container formats of disk images (qcow2, VMDK, ...), told from raw images by what they begin or end with. vmm reads
 * none of them: the guest would see the container in place of the disk in it, and its first write would destroy it.
 */
#ifndef DEVICES_VIRTIO_DISK_FORMAT_H
#define DEVICES_VIRTIO_DISK_FORMAT_H

#include <stdint.h>

/**
 * disk_format() - which container the image is
 * @fd: open for reading, with O_DIRECT or without
 * @size_bytes: of the image, at least 1
 * @ret: the format as `qemu-img -f` calls it, static; NULL: none that is known, so raw. Untouched on failure.
 *
 * The bytes are those of a disk that a guest may have written: a raw disk can look like any of these.
 *
 * Return: 0 or a negative errno.
 * Trust: guest.
 */
int disk_format(int fd, uint64_t size_bytes, const char **ret);

#endif
