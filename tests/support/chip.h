/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The environment of a chip in a test: port accesses, a recording host end, a recording machine.
 */
#ifndef TESTS_SUPPORT_CHIP_H
#define TESTS_SUPPORT_CHIP_H

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/base/chardev.h"
#include "vmm/base/device.h"
#include "vmm/base/le.h"
#include "vmm/base/util.h"

static inline uint8_t in8(struct device *dev, uint64_t reg)
{
	uint8_t v = 0x5a;

	dev->ops->read(dev, reg, &v, 1);
	return v;
}

static inline void out8(struct device *dev, uint64_t reg, uint8_t v)
{
	dev->ops->write(dev, reg, &v, 1);
}

/* Any width, little-endian; the buffer ends where the access does, for AddressSanitizer. */
static inline uint64_t in_wide(struct device *dev, uint64_t reg, unsigned len)
{
	uint8_t *exact = malloc(len), b[8] = {0};

	if (!exact)
		abort();
	memset(exact, 0x5a, len);
	dev->ops->read(dev, reg, exact, len);
	memcpy(b, exact, len);
	free(exact);
	return le64_get(b);
}

static inline void out_wide(struct device *dev, uint64_t reg, uint64_t v, unsigned len)
{
	uint8_t *exact = malloc(len), b[8];

	if (!exact)
		abort();
	le64_put(b, v);
	memcpy(exact, b, len);
	dev->ops->write(dev, reg, exact, len);
	free(exact);
}

/* All ones in @len bytes. */
static inline uint64_t ones(unsigned len)
{
	return len == 8 ? UINT64_MAX : BIT(8 * len) - 1;
}

/**
 * struct fake_host - records the calls that it gets
 * @room: bytes that it still accepts
 */
struct fake_host {
	struct char_host host;
	size_t room;
	uint8_t out[1 << 17];
	size_t nr_out;
	size_t lost;
	unsigned tx_calls;
	unsigned rx_rooms;
};

static inline size_t fake_tx(struct char_host *h, const uint8_t *data, size_t n)
{
	struct fake_host *f = container_of(h, struct fake_host, host);
	size_t take = MIN(n, MIN(f->room, sizeof(f->out) - f->nr_out));

	memcpy(f->out + f->nr_out, data, take);
	f->nr_out += take;
	f->room -= take;
	f->tx_calls++;
	return take;
}

static inline void fake_rx_room(struct char_host *h)
{
	container_of(h, struct fake_host, host)->rx_rooms++;
}

static inline void fake_tx_lost(struct char_host *h, size_t n)
{
	container_of(h, struct fake_host, host)->lost += n;
}

static inline void fake_host_init(struct fake_host *f)
{
	memset(f, 0, sizeof(*f));
	f->host = (struct char_host){.tx = fake_tx, .rx_room = fake_rx_room, .tx_lost = fake_tx_lost};
	f->room = SIZE_MAX;
}

/** struct fake_events - number of events, and the last one */
struct fake_events {
	struct guest_events events;
	unsigned nr;
	enum guest_event what;
	uint64_t value;
};

static inline void fake_raise(struct guest_events *ev, enum guest_event what, uint64_t value)
{
	struct fake_events *f = container_of(ev, struct fake_events, events);

	f->nr++;
	f->what = what;
	f->value = value;
}

#define FAKE_EVENTS                                                                                                    \
	{                                                                                                              \
		.events = {.raise = fake_raise }                                                                       \
	}

/* Expects exactly one event since the last check, and clears it. */
#define assert_event(f, expect_what, expect_value)                                                                     \
	do {                                                                                                           \
		assert_int_equal((f)->nr, 1);                                                                          \
		assert_int_equal((f)->what, expect_what);                                                              \
		assert_int_equal((f)->value, expect_value);                                                            \
		(f)->nr = 0;                                                                                           \
	} while (0)

#endif
