// SPDX-License-Identifier: Apache-2.0
#include "devices/pit.h"

#include <string.h>

#include "vmm/base/util.h"

#define CONTROL 3 /* offset of the control word */

/* Port 0x61, read only: the refresh signal and counter 2's output. */
#define PORT61_REFRESH 0x10
#define PORT61_OUT2    0x20

static void timer_read(struct device *dev, uint64_t offset, void *data, unsigned len)
{
	struct pit *p = container_of(dev, struct pit, timer);

	memset(data, 0xff, len);
	if (offset >= CONTROL)
		return;
	pthread_mutex_lock(&p->lock);
	*(uint8_t *)data = p->regs.counter--;
	pthread_mutex_unlock(&p->lock);
}

static void timer_write(struct device *dev, uint64_t offset, const void *data, unsigned len)
{
	struct pit *p = container_of(dev, struct pit, timer);

	pthread_mutex_lock(&p->lock);
	if (!p->regs.asked) {
		p->regs.asked = true;
		p->host->start(p->host, offset == CONTROL ? *(const uint8_t *)data : 0, p->regs.speaker);
	}
	pthread_mutex_unlock(&p->lock);
}

static void port61_read(struct device *dev, uint64_t offset, void *data, unsigned len)
{
	struct pit *p = container_of(dev, struct pit, port61);

	memset(data, 0xff, len);
	if (offset)
		return;
	pthread_mutex_lock(&p->lock);
	*(uint8_t *)data = p->regs.speaker | (p->regs.toggle ? PORT61_REFRESH | PORT61_OUT2 : 0);
	p->regs.toggle = !p->regs.toggle;
	pthread_mutex_unlock(&p->lock);
}

static void port61_write(struct device *dev, uint64_t offset, const void *data, unsigned len)
{
	struct pit *p = container_of(dev, struct pit, port61);

	if (offset)
		return;
	pthread_mutex_lock(&p->lock);
	p->regs.speaker = *(const uint8_t *)data & (PIT_SPEAKER_GATE | PIT_SPEAKER_DATA);
	pthread_mutex_unlock(&p->lock);
}

int pit_init(struct pit *p, struct pit_host *host)
{
	static const struct device_ops timer_ops = {.read = timer_read, .write = timer_write};
	static const struct device_ops port61_ops = {.read = port61_read, .write = port61_write};

	*p = (struct pit){
		.timer = {.ops = &timer_ops, .name = "pit"},
		.port61 = {.ops = &port61_ops, .name = "port61"},
		.host = host,
	};
	return -pthread_mutex_init(&p->lock, NULL);
}

void pit_destroy(struct pit *p)
{
	if (p)
		pthread_mutex_destroy(&p->lock);
}

static const struct state_field pit_fields[] = {
	STATE_UP_TO(struct pit_regs, speaker, PIT_SPEAKER_GATE | PIT_SPEAKER_DATA),
	STATE_BOOL(struct pit_regs, toggle),
	STATE_FIELD(struct pit_regs, counter),
	STATE_BOOL(struct pit_regs, asked),
};
STATE_TABLE(pit_state, "pit", pit_fields);

COLD void pit_save(struct pit *p, struct state_writer *w)
{
	pthread_mutex_lock(&p->lock);
	state_put(w, &pit_state, 0, &p->regs);
	pthread_mutex_unlock(&p->lock);
}

COLD int pit_restore(struct pit *p, struct state_reader *r, struct err *e)
{
	struct pit_regs regs = {0};
	int ret = state_get(r, &pit_state, 0, &regs, e);

	if (ret < 0)
		return ret;
	pthread_mutex_lock(&p->lock);
	p->regs = regs;
	pthread_mutex_unlock(&p->lock);
	return 0;
}
