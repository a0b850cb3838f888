/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What writer and reader of snapshots share.
 */
#ifndef VMM_SNAPSHOT_FORMAT_H
#define VMM_SNAPSHOT_FORMAT_H

#include "vmm/base/state.h"
#include "vmm/snapshot/snapshot.h"

#define CPUID_ENTRY_SIZE  (7 * 4)
#define EXTENT_ENTRY_SIZE (2 * 8)

extern const struct state_table snapshot_facts_table;

/** snapshot_granules() - number of sums of so much RAM */
static inline uint64_t snapshot_granules(uint64_t mem_bytes)
{
	return (mem_bytes + SNAPSHOT_GRANULE - 1) / SNAPSHOT_GRANULE;
}

/**
 * struct snapshot_layout - where the parts are in the file
 * @extents: there is room for SNAPSHOT_EXTENTS_MAX, since only RAM says how many there are
 */
struct snapshot_layout {
	uint64_t cpuid, extents, settings, state, sums, ram, end;
};

/** snapshot_layout() - by sizes and numbers of @f, which are within their limits */
struct snapshot_layout snapshot_layout(const struct snapshot_facts *f);

/** snapshot_page_sum() - a granule's sum goes on with a page that is not zero; @number: of the page in its granule */
uint32_t snapshot_page_sum(uint32_t sum, uint32_t number, const uint8_t *page);

#endif
