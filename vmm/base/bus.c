// SPDX-License-Identifier: Apache-2.0
#include "vmm/base/bus.h"

#include <errno.h>
#include <string.h>

#include "vmm/base/assert.h"
#include "vmm/base/util.h"

COLD int bus_add(struct bus *bus, uint64_t base, uint64_t size, struct device *dev)
{
	size_t at = 0;

	if (bus->sealed)
		return -EBUSY;
	if (!size || range_wraps(base, size))
		return -EINVAL;
	if (bus->nr == BUS_RANGES_MAX)
		return -ENOSPC;
	while (at < bus->nr && bus->range[at].base < base)
		at++;
	if (at > 0 && bus->range[at - 1].base + bus->range[at - 1].size > base)
		return -EEXIST;
	if (at < bus->nr && base + size > bus->range[at].base)
		return -EEXIST;
	memmove(&bus->range[at + 1], &bus->range[at], (bus->nr - at) * sizeof(bus->range[0]));
	bus->range[at] = (struct bus_range){.base = base, .size = size, .dev = dev};
	bus->nr++;
	return 0;
}

void bus_seal(struct bus *bus)
{
	bus->sealed = true;
}

/* Return: the range that contains the whole access, or NULL. */
static struct bus_range *find(struct bus *bus, uint64_t addr, unsigned len)
{
	size_t lo = 0, hi = bus->nr;

	assert(bus->sealed);
	while (lo < hi) {
		size_t mid = (lo + hi) / 2;
		struct bus_range *r = &bus->range[mid];

		if (addr < r->base)
			hi = mid;
		else if (addr - r->base >= r->size)
			lo = mid + 1;
		else
			return len <= r->size - (addr - r->base) ? r : NULL;
	}
	return NULL;
}

/* The counters need no memory ordering. */
static void count(uint64_t *accesses, uint64_t *bytes, unsigned len)
{
	__atomic_fetch_add(accesses, 1, __ATOMIC_RELAXED);
	__atomic_fetch_add(bytes, len, __ATOMIC_RELAXED);
}

bool bus_read(struct bus *bus, uint64_t addr, void *data, unsigned len)
{
	struct bus_range *r = find(bus, addr, len);

	if (!r) {
		memset(data, 0xff, len);
		return false;
	}
	count(&r->reads, &r->bytes, len);
	r->dev->ops->read(r->dev, addr - r->base, data, len);
	return true;
}

bool bus_write(struct bus *bus, uint64_t addr, const void *data, unsigned len)
{
	struct bus_range *r = find(bus, addr, len);

	if (!r)
		return false;
	count(&r->writes, &r->bytes, len);
	r->dev->ops->write(r->dev, addr - r->base, data, len);
	return true;
}
