/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Everything that a guest's page tables map in 64-bit mode, in the order of linear addresses.
 */
#ifndef VMM_DEBUG_MAPPINGS_H
#define VMM_DEBUG_MAPPINGS_H

#include "vmm/base/gmem.h"
#include "vmm/debug/paging.h"

/** struct mapping - linear addresses that follow each other and are mapped to addresses that do; @size in bytes */
struct mapping {
	uint64_t linear;
	uint64_t gpa;
	uint64_t size;
};

/**
 * struct mappings - a walk
 * @mem: guest RAM; borrowed
 * @tables: how many tables it may still read: tables can lead to themselves, and then there is no end of them
 * @each: gets each mapping, as large as it can be made; the walk ends when it returns false
 */
struct mappings {
	const struct gmem *mem;
	unsigned tables;
	bool (*each)(struct mappings *w, const struct mapping *m);
	struct mapping last;
};

/**
 * mappings_walk() - call @w->each for what is mapped from @from up to @last, both included
 * @regs: in 64-bit mode; in any other nothing is mapped
 * @from, @last: linear addresses, canonical, of one half
 *
 * What a table outside RAM would map is not there. Rights, and bits that are reserved, are not looked at.
 *
 * Return: false when it ended early.
 * Trust: guest. Spec: SDM 3, 4.5.
 */
bool mappings_walk(struct mappings *w, const struct paging *regs, uint64_t from, uint64_t last);

#endif
