/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The disks of a snapshot: fingerprints of their images, and the blocks that the guest has written to overlays.
 *
 * An image itself is not in the file. Its fingerprint finds one that has changed since, by its size, its modification
 * time (of a file), and samples of its content: reading all of it would take longer than the snapshot.
 */
#ifndef VMM_SNAPSHOT_DISKS_H
#define VMM_SNAPSHOT_DISKS_H

#include <stdbool.h>
#include <stdint.h>

#include "vmm/base/err.h"
#include "vmm/base/util.h"

struct snapshot;

#define SNAPSHOT_DISKS_MAX 16
#define SNAPSHOT_BLOCK     UINT64_C(4096)

/**
 * struct snapshot_disk - a disk, as it is in the file
 * @size_bytes: size of its image
 * @mtime_ns: when the image was last modified, CLOCK_REALTIME; 0: not a regular file
 * @sample_crc: of samples of its content
 * @overlay: it has an overlay, whose blocks are in the file
 * @nr_blocks: number of these blocks
 * @map_crc: of their map; @blocks_crc: of those that are not all zeroes
 */
struct snapshot_disk {
	uint64_t size_bytes;
	uint64_t mtime_ns;
	uint64_t nr_blocks;
	uint32_t sample_crc;
	uint32_t map_crc;
	uint32_t blocks_crc;
	bool overlay;
};

/**
 * struct snapshot_layer - blocks of a disk in a file; borrowed
 * @fd, @at: block N is at @at + N * SNAPSHOT_BLOCK
 * @map: a bit for each block that is there; NULL: none is
 */
struct snapshot_layer {
	int fd;
	uint64_t at;
	const uint64_t *map;
};

/**
 * struct snapshot_source - a disk of a machine that is saved
 * @image_fd: borrowed
 * @layer: of its overlay, the upper one first
 */
struct snapshot_source {
	int image_fd;
	uint64_t size_bytes;
	bool overlay;
	struct snapshot_layer layer[2];
};

/** snapshot_blocks() - number of blocks of a disk, the last of which may be cut */
static inline uint64_t snapshot_blocks(uint64_t size_bytes)
{
	return (size_bytes + SNAPSHOT_BLOCK - 1) / SNAPSHOT_BLOCK;
}

/** snapshot_map_bytes() - size of the map of a disk's blocks: whole 64-bit words */
static inline uint64_t snapshot_map_bytes(uint64_t size_bytes)
{
	return (snapshot_blocks(size_bytes) + 63) / 64 * 8;
}

/** snapshot_overlay_bytes() - size of an overlay in the file, with holes: map and blocks */
static inline uint64_t snapshot_overlay_bytes(uint64_t size_bytes)
{
	return align_up(snapshot_map_bytes(size_bytes), SNAPSHOT_BLOCK) + align_up(size_bytes, SNAPSHOT_BLOCK);
}

/**
 * snapshot_fingerprint() - of an image
 * @fd: may be open with O_DIRECT
 * @ret: only @size_bytes is read; @mtime_ns and @sample_crc are set; untouched on failure
 *
 * Does not allocate; its system calls are fstat and pread64.
 * Return: 0 or a negative errno. Context: blocks on the file system.
 */
int snapshot_fingerprint(int fd, struct snapshot_disk *ret);

/** snapshot_disk_at() - offset in the file of the first block of disk @i, which has an overlay */
uint64_t snapshot_disk_at(const struct snapshot *s, uint32_t i);

/**
 * snapshot_disk_map() - read and check the map of disk @i, which has an overlay
 * @ret: snapshot_map_bytes() bytes; the caller frees it; untouched on failure
 *
 * Return: 0, -ENOMEM, a negative errno of pread(), -EINVAL with a message in @e: it is damaged.
 * Trust: as for snapshot_read().
 */
int snapshot_disk_map(const struct snapshot *s, uint32_t i, uint64_t **ret, struct err *e);

/** snapshot_check_disks() - read the blocks of all overlays and check their sums; as snapshot_check_ram() */
int snapshot_check_disks(const struct snapshot *s, struct err *e);

#endif
