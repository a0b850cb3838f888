/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The interface of a disk image for blk.c: bytes at offsets, in a raw file or a block device, or in an overlay that
 * stores writes while the image itself is not changed. The overlay of a restored guest has a base below it: what the
 * guest had written before its snapshot.
 */
#ifndef DEVICES_VIRTIO_DISK_H
#define DEVICES_VIRTIO_DISK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "devices/virtio/virtqueue.h"
#include "vmm/base/err.h"

#define DISK_BOUNCE_SIZE (UINT64_C(64) << 10)

/**
 * struct disk_params - borrowed for the call
 * @ro: opened for reading only
 * @overlay: opened for reading only; writes go to an unlinked temporary file
 * @direct: bypass the host's page cache (O_DIRECT)
 * @raw: attach it as a raw image even if it looks like a container format (disk_format.h)
 * @logical: bytes of a sector, 512 or 4096; the image's size is a multiple
 */
struct disk_params {
	const char *path;
	bool ro;
	bool overlay;
	bool direct;
	bool raw;
	unsigned logical;
};

#define DISK_OVERLAY_BLOCK UINT64_C(4096)

/**
 * struct disk_base - blocks of an overlay in another file, which is only read
 * @fd: borrowed; @at: where in it the disk would begin: each block is at its own offset from there
 * @map: a bit for each block that is there; owned; NULL: there is no base
 */
struct disk_base {
	int fd;
	uint64_t at;
	uint64_t *map;
};

/**
 * struct disk - owns its descriptors and the map; plain reads and writes may come from several threads at once, those
 * of an overlay from one
 * @fd: the image, locked (OFD) while it is open; -1: not open
 * @overlay_fd: -1: none
 * @align: direct: of buffers, offsets and lengths; else 1
 * @block: granularity of discarding and zeroing by the host: a sector of a block device, 1 for a file
 * @map: overlay: a bit for each block that is in the overlay
 * @base: what is below the overlay, in front of the image
 */
struct disk {
	int fd;
	int overlay_fd;
	uint64_t size_bytes;
	unsigned logical;
	unsigned align;
	unsigned block;
	bool ro;
	uint64_t *map;
	struct disk_base base;
};

/** disk_blocks() - number of DISK_OVERLAY_BLOCKs; the last one may be cut */
static inline uint64_t disk_blocks(const struct disk *d)
{
	return (d->size_bytes + DISK_OVERLAY_BLOCK - 1) / DISK_OVERLAY_BLOCK;
}

/**
 * struct disk_io - the buffers of one thread; nothing is allocated per request
 * @slice: parts of the guest's windows
 * @bounce: DISK_BOUNCE_SIZE bytes, page-aligned; owned
 */
struct disk_io {
	struct iovec slice[VQ_IOV_MAX];
	void *bounce;
};

/**
 * disk_open() - open, check and lock
 * @ret: owned by the caller; untouched on failure
 * @e: names the file and what to do
 *
 * Return: 0 or a negative errno.
 * Errors: those of open; -EISDIR, -ENODATA (empty), -EINVAL (odd size, not an image, a container format), -EBUSY
 * (locked by another process).
 * Context: OPEN stage. Trust: operator.
 */
int disk_open(const struct disk_params *p, struct disk *ret, struct err *e);

/** disk_close() - takes NULL and a disk whose fd is -1 */
void disk_close(struct disk *d);

/** disk_io_init() - Return: 0 or -ENOMEM */
int disk_io_init(struct disk_io *io);

/** disk_io_destroy() - takes NULL and a zeroed struct */
void disk_io_destroy(struct disk_io *io);

/**
 * disk_read(), disk_write() - whole requests: all of @len bytes at @offset, or an error
 * @iov, @nr: windows of @len bytes in total; not modified
 * @offset, @len: multiples of the logical sector, inside the disk
 * @durable: on stable storage when the call returns
 *
 * Return: 0 or a negative errno (-EIO: the image has become shorter).
 * Context: blocks.
 */
int disk_read(
	const struct disk *d, struct disk_io *io, const struct iovec *iov, size_t nr, uint64_t offset, uint64_t len);
int disk_write(struct disk *d, struct disk_io *io, const struct iovec *iov, size_t nr, uint64_t offset, uint64_t len,
	bool durable);

/**
 * disk_flush() - fdatasync; does nothing for an overlay, which is discarded at the end. Return: 0 or a negative errno.
 */
int disk_flush(const struct disk *d);

/**
 * disk_forget() - drop what was written to an overlay since disk_open(); does nothing for another disk
 *
 * Its blocks keep their space in the host's file system, for what is written next.
 * Context: no other thread uses the disk.
 */
void disk_forget(struct disk *d);

/**
 * disk_discard() - return the whole blocks of a range to the host's file system
 *
 * Return: 0 or a negative errno.
 */
int disk_discard(struct disk *d, uint64_t offset, uint64_t len);

/**
 * disk_zero() - make the range read as zeroes
 * @unmap: its blocks may be returned to the file system
 *
 * Return: 0 or a negative errno.
 */
int disk_zero(struct disk *d, struct disk_io *io, uint64_t offset, uint64_t len, bool unmap, bool durable);

#endif
