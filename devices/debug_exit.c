// SPDX-License-Identifier: Apache-2.0
#include "devices/debug_exit.h"

#include <string.h>

#include "vmm/base/util.h"

static void debug_exit_read(struct device *dev, uint64_t offset, void *data, unsigned len)
{
	memset(data, 0xff, len);
}

static void debug_exit_write(struct device *dev, uint64_t offset, const void *data, unsigned len)
{
	struct debug_exit *d = container_of(dev, struct debug_exit, dev);
	const uint8_t *byte = data;
	uint64_t value = 0;

	for (unsigned i = 0; i < len; i++)
		value |= (uint64_t)byte[i] << (8 * i);
	d->events->raise(d->events, GUEST_DEBUG_EXIT, value);
}

int debug_exit_init(struct debug_exit *d, struct guest_events *events)
{
	static const struct device_ops ops = {.read = debug_exit_read, .write = debug_exit_write};

	*d = (struct debug_exit){.dev = {.ops = &ops, .name = "debug-exit"}, .events = events};
	return 0;
}
