// SPDX-License-Identifier: Apache-2.0
#include "devices/pvpanic.h"

#include <string.h>

#include "vmm/base/util.h"

static void pvpanic_read(struct device *dev, uint64_t offset, void *data, unsigned len)
{
	memset(data, 0xff, len);
	if (!offset)
		*(uint8_t *)data = PVPANIC_EVENTS;
}

static void pvpanic_write(struct device *dev, uint64_t offset, const void *data, unsigned len)
{
	struct pvpanic *p = container_of(dev, struct pvpanic, dev);
	uint8_t event = *(const uint8_t *)data;

	if (offset)
		return;
	if (event & PVPANIC_PANICKED)
		p->events->raise(p->events, GUEST_PANIC, event);
	else if (event & PVPANIC_CRASH_LOADED)
		p->events->raise(p->events, GUEST_CRASH_LOADED, event);
}

int pvpanic_init(struct pvpanic *p, struct guest_events *events)
{
	static const struct device_ops ops = {.read = pvpanic_read, .write = pvpanic_write};

	*p = (struct pvpanic){.dev = {.ops = &ops, .name = "pvpanic"}, .events = events};
	return 0;
}
