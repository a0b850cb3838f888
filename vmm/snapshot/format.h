/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Definitions that the writer and the reader of snapshots share.
 */
#ifndef VMM_SNAPSHOT_FORMAT_H
#define VMM_SNAPSHOT_FORMAT_H

#include "vmm/base/state.h"
#include "vmm/base/x86.h"
#include "vmm/debug/ram.h"
#include "vmm/snapshot/snapshot.h"

#define CPUID_ENTRY_SIZE  (7 * 4)
#define EXTENT_ENTRY_SIZE (2 * 8)

extern const struct state_table snapshot_facts_table;
extern const struct state_table snapshot_disk_table;

/** snapshot_granules() - number of granules, and so of checksums, in @mem_bytes of RAM */
static inline uint64_t snapshot_granules(uint64_t mem_bytes)
{
	return (mem_bytes + SNAPSHOT_GRANULE - 1) / SNAPSHOT_GRANULE;
}

/**
 * struct snapshot_layout - offsets of the parts in the file
 * @extents: has space for SNAPSHOT_EXTENTS_MAX, since their number is known only when RAM has been read
 */
struct snapshot_layout {
	uint64_t cpuid, extents, settings, state, disks, sums, ram, overlays, end;
};

/** snapshot_layout() - compute it from the sizes and counts in @f, which are within their limits */
struct snapshot_layout snapshot_layout(const struct snapshot_facts *f);

/** snapshot_disk_area() - bytes of the file that are for the disk's overlay */
static inline uint64_t snapshot_disk_area(const struct snapshot_disk *d)
{
	return d->overlay ? snapshot_overlay_bytes(d->size_bytes) : 0;
}

/**
 * snapshot_page_sum() - add a non-zero page, by the sums of its quarters, to its granule's sum
 * @number: index of the page in the granule
 */
uint32_t snapshot_page_sum(uint32_t sum, uint32_t number, const uint8_t *page);

/**
 * snapshot_put_overlay() - write the map and the blocks of an overlay
 * @r: its buffer is used, and it counts what is written
 * @fd, @at: where the map goes
 * @d: @nr_blocks, @map_crc and @blocks_crc are set
 *
 * Return: 0, -ECANCELED, or a negative errno.
 */
int snapshot_put_overlay(struct ram_reader *r, const struct snapshot_source *from, int fd, uint64_t at,
	const _Atomic bool *stop, struct snapshot_disk *d);

#endif
