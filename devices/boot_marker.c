// SPDX-License-Identifier: Apache-2.0
#include "devices/boot_marker.h"

#include <string.h>

#include "vmm/base/util.h"

static void boot_marker_read(struct device *dev, uint64_t offset, void *data, unsigned len)
{
	memset(data, 0xff, len);
}

static void boot_marker_write(struct device *dev, uint64_t offset, const void *data, unsigned len)
{
	struct boot_marker *b = container_of(dev, struct boot_marker, dev);
	const uint8_t *byte = data;
	uint64_t value = 0;

	for (unsigned i = 0; i < len; i++)
		value |= (uint64_t)byte[i] << (8 * i);
	b->events->raise(b->events, GUEST_MARK, value);
}

int boot_marker_init(struct boot_marker *b, struct guest_events *events)
{
	static const struct device_ops ops = {.read = boot_marker_read, .write = boot_marker_write};

	*b = (struct boot_marker){.dev = {.ops = &ops, .name = "boot-marker"}, .events = events};
	return 0;
}
