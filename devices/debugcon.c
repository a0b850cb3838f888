// SPDX-License-Identifier: Apache-2.0
#include "devices/debugcon.h"

#include <string.h>

#include "vmm/base/assert.h"
#include "vmm/base/util.h"

static void debugcon_read(struct device *dev, uint64_t offset, void *data, unsigned len)
{
	memset(data, DEBUGCON_PROBE, len);
}

static void debugcon_write(struct device *dev, uint64_t offset, const void *data, unsigned len)
{
	struct debugcon *d = container_of(dev, struct debugcon, dev);
	size_t taken;

	pthread_mutex_lock(&d->lock);
	taken = d->host->tx(d->host, data, len);
	assert(taken <= len);
	if (taken < len)
		d->host->tx_lost(d->host, len - taken);
	pthread_mutex_unlock(&d->lock);
}

/* Input is left with the host end. */
static size_t debugcon_rx(struct char_guest *g, const uint8_t *data, size_t n)
{
	return 0;
}

static void debugcon_tx_room(struct char_guest *g)
{
}

int debugcon_init(struct debugcon *d, struct char_host *host)
{
	static const struct device_ops ops = {.read = debugcon_read, .write = debugcon_write};

	*d = (struct debugcon){
		.dev = {.ops = &ops, .name = "debugcon"},
		.guest = {.rx = debugcon_rx, .tx_room = debugcon_tx_room},
		.host = host,
	};
	return -pthread_mutex_init(&d->lock, NULL);
}

void debugcon_destroy(struct debugcon *d)
{
	if (d)
		pthread_mutex_destroy(&d->lock);
}
