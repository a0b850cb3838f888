/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An address space of devices (I/O ports, or MMIO): sorted ranges, filled once, then sealed and read without a lock.
 */
#ifndef VMM_BASE_BUS_H
#define VMM_BASE_BUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vmm/base/device.h"

#define BUS_RANGES_MAX 64

/**
 * struct bus_range - the address range of a device
 * @reads, @writes: accesses so far; @bytes: of both. Atomic, relaxed.
 */
struct bus_range {
	uint64_t base;
	uint64_t size;
	struct device *dev;
	uint64_t reads;
	uint64_t writes;
	uint64_t bytes;
};

/**
 * struct bus - zero-initialised; ranges are sorted by base
 */
struct bus {
	struct bus_range range[BUS_RANGES_MAX];
	size_t nr;
	bool sealed;
};

/**
 * bus_add() - add a device at [@base, @base + @size)
 * @dev: borrowed as long as the bus exists
 *
 * Return: 0, -EINVAL (empty or wraps), -EEXIST (overlaps), -ENOSPC, -EBUSY (sealed).
 */
int bus_add(struct bus *bus, uint64_t base, uint64_t size, struct device *dev);

/** bus_seal() - no more ranges; called before the first vCPU runs */
void bus_seal(struct bus *bus);

/**
 * bus_read() - a guest's read
 * @len: 1, 2, 4 or 8
 *
 * Return: true when the whole access is in one range; else false, and @data is all ones.
 * Context: any vCPU thread. Trust: guest.
 */
bool bus_read(struct bus *bus, uint64_t addr, void *data, unsigned len);

/**
 * bus_write() - a guest's write; like bus_read(). A write outside all ranges is dropped
 */
bool bus_write(struct bus *bus, uint64_t addr, const void *data, unsigned len);

#endif
