// SPDX-License-Identifier: Apache-2.0
#include "devices/generation.h"

#include <string.h>

#include "vmm/base/util.h"

static void generation_read(struct device *dev, uint64_t offset, void *data, unsigned len)
{
	const struct generation *g = container_of(dev, struct generation, dev);
	uint8_t *byte = data;

	for (unsigned i = 0; i < len; i++)
		byte[i] = offset + i < GENERATION_ID_SIZE ? g->id[offset + i] : 0;
}

static void generation_write(struct device *dev, uint64_t offset, const void *data, unsigned len)
{
}

int generation_init(struct generation *g)
{
	static const struct device_ops ops = {.read = generation_read, .write = generation_write};

	*g = (struct generation){.dev = {.ops = &ops, .name = "generation"}};
	return 0;
}
