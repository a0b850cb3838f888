/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What it costs to write a snapshot, beside its floor: write and fsync of the same pages, and nothing else. The guest
 * is that of a snapshot, its RAM in anonymous memory as that of a running machine. The two take turns.
 */
#ifndef VMM_BENCH_SNAPSHOT_COST_H
#define VMM_BENCH_SNAPSHOT_COST_H

#include "vmm/base/stats.h"
#include "vmm/snapshot/snapshot.h"

/**
 * struct snapshot_cost - times in ms
 * @touched_bytes: of the pages that are not zero; @file_bytes: that the file takes on its disk
 */
struct snapshot_cost {
	struct stats ours, floor;
	uint64_t touched_bytes, file_bytes;
};

/**
 * snapshot_cost() - measure it
 * @s: the guest; one without disks of its own
 * @dir: where files are written, which are gone afterwards
 * @rounds: of each, at least 1
 *
 * Return: 0 or a negative errno, with a message in @e.
 */
int snapshot_cost(const struct snapshot *s, const char *dir, unsigned rounds, struct snapshot_cost *ret, struct err *e);

#endif
