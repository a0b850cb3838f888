// SPDX-License-Identifier: Apache-2.0
#include "devices/pmtimer.h"

#include <string.h>

#include "vmm/base/clock.h"
#include "vmm/base/le.h"
#include "vmm/base/util.h"

static uint64_t host_now(const struct pmtimer *t)
{
	return clock_ns(CLOCK_MONOTONIC);
}

/* Seconds are converted separately, so that no product overflows. */
static uint32_t ticks(uint64_t ns)
{
	return (uint32_t)(ns / NSEC_PER_SEC * PMTIMER_HZ + ns % NSEC_PER_SEC * PMTIMER_HZ / NSEC_PER_SEC);
}

static uint32_t value(struct pmtimer *t)
{
	uint64_t now;

	/* The time is read under the lock, so a CPU that reads later never gets a smaller value. */
	now = t->now(t);
	if (t->regs.counting)
		return PMTIMER_FIRST + ticks(now - t->regs.origin_ns);
	t->regs = (struct pmtimer_regs){.counting = true, .origin_ns = now};
	return t->host->has_clock(t->host) ? UINT32_MAX : PMTIMER_FIRST;
}

static void pmtimer_read(struct device *dev, uint64_t offset, void *data, unsigned len)
{
	struct pmtimer *t = container_of(dev, struct pmtimer, dev);
	uint8_t byte[PMTIMER_SIZE];

	pthread_mutex_lock(&t->lock);
	le32_put(byte, value(t));
	pthread_mutex_unlock(&t->lock);
	memset(data, 0xff, len);
	if (offset < sizeof(byte))
		memcpy(data, byte + offset, MIN(len, sizeof(byte) - offset));
}

static void pmtimer_write(struct device *dev, uint64_t offset, const void *data, unsigned len)
{
}

int pmtimer_init(struct pmtimer *t, struct pmtimer_host *host)
{
	static const struct device_ops ops = {.read = pmtimer_read, .write = pmtimer_write};

	*t = (struct pmtimer){.dev = {.ops = &ops, .name = "pmtimer"}, .host = host, .now = host_now};
	return -pthread_mutex_init(&t->lock, NULL);
}

void pmtimer_destroy(struct pmtimer *t)
{
	if (t)
		pthread_mutex_destroy(&t->lock);
}

/* Saved, @origin_ns is how long it has been counting. */
static const struct state_field pmtimer_fields[] = {
	STATE_BOOL(struct pmtimer_regs, counting),
	STATE_FIELD(struct pmtimer_regs, origin_ns),
};
STATE_TABLE(pmtimer_state, "pmtimer", pmtimer_fields);

COLD void pmtimer_save_at(struct pmtimer *t, uint64_t at_ns, struct state_writer *w)
{
	struct pmtimer_regs regs;

	pthread_mutex_lock(&t->lock);
	regs = t->regs;
	if (regs.counting)
		regs.origin_ns = at_ns - regs.origin_ns;
	state_put(w, &pmtimer_state, 0, &regs);
	pthread_mutex_unlock(&t->lock);
}

COLD int pmtimer_restore_at(struct pmtimer *t, uint64_t at_ns, struct state_reader *r, struct err *e)
{
	struct pmtimer_regs regs = {0};
	int ret = state_get(r, &pmtimer_state, 0, &regs, e);

	if (ret < 0)
		return ret;
	pthread_mutex_lock(&t->lock);
	if (regs.counting)
		regs.origin_ns = at_ns - regs.origin_ns;
	t->regs = regs;
	pthread_mutex_unlock(&t->lock);
	return 0;
}

COLD void pmtimer_save(struct pmtimer *t, struct state_writer *w)
{
	pmtimer_save_at(t, t->now(t), w);
}

COLD int pmtimer_restore(struct pmtimer *t, struct state_reader *r, struct err *e)
{
	return pmtimer_restore_at(t, t->now(t), r, e);
}
