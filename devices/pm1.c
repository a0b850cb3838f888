// SPDX-License-Identifier: Apache-2.0
#include "devices/pm1.h"

#include "devices/sleep.h"
#include "vmm/base/util.h"

/* The registers as bytes. */
static uint16_t *reg_of(struct pm1_regs *r, uint64_t offset)
{
	switch (offset & ~UINT64_C(1)) {
	case PM1_STATUS: return &r->status;
	case PM1_ENABLE: return &r->enable;
	case PM1_CONTROL: return &r->control;
	default: return NULL;
	}
}

static void pm1_read(struct device *dev, uint64_t offset, void *data, unsigned len)
{
	struct pm1 *p = container_of(dev, struct pm1, dev);
	uint8_t *byte = data;

	pthread_mutex_lock(&p->lock);
	for (unsigned i = 0; i < len; i++) {
		const uint16_t *reg = reg_of(&p->regs, offset + i);

		byte[i] = reg ? (uint8_t)(*reg >> 8 * ((offset + i) & 1)) : 0xff;
	}
	pthread_mutex_unlock(&p->lock);
}

/* Writes a byte of a register. SLP_EN is in the high byte of the control register, with the sleep type. */
static void write_byte(struct pm1 *p, uint64_t offset, uint8_t value)
{
	struct pm1_regs *r = &p->regs;
	unsigned shift = 8 * (offset & 1);
	uint16_t bits = (uint16_t)(value << shift), *reg = reg_of(r, offset);

	if (!reg)
		return;
	if (reg == &r->status) {
		*reg &= (uint16_t)~bits; /* written ones clear */
		return;
	}
	*reg = (uint16_t)((*reg & ~(0xff << shift)) | bits);
	if (reg != &r->control)
		return;
	*reg = (uint16_t)((*reg & ~PM1_SLP_EN) | PM1_SCI_EN);
	if (sleep_written(p->events, (uint8_t)(bits >> 8)))
		r->status |= PM1_WAK_STS;
}

static void pm1_write(struct device *dev, uint64_t offset, const void *data, unsigned len)
{
	struct pm1 *p = container_of(dev, struct pm1, dev);
	const uint8_t *byte = data;

	pthread_mutex_lock(&p->lock);
	for (unsigned i = 0; i < len; i++)
		write_byte(p, offset + i, byte[i]);
	pthread_mutex_unlock(&p->lock);
}

int pm1_init(struct pm1 *p, struct guest_events *events)
{
	static const struct device_ops ops = {.read = pm1_read, .write = pm1_write};

	*p = (struct pm1){.dev = {.ops = &ops, .name = "pm1"}, .events = events, .regs.control = PM1_SCI_EN};
	return -pthread_mutex_init(&p->lock, NULL);
}

void pm1_destroy(struct pm1 *p)
{
	if (p)
		pthread_mutex_destroy(&p->lock);
}

static const struct state_field pm1_fields[] = {
	STATE_UP_TO(struct pm1_regs, status, PM1_WAK_STS),
	STATE_FIELD(struct pm1_regs, enable),
	STATE_FIELD(struct pm1_regs, control),
};
STATE_TABLE(pm1_state, "pm1", pm1_fields);

COLD void pm1_save(struct pm1 *p, struct state_writer *w)
{
	pthread_mutex_lock(&p->lock);
	state_put(w, &pm1_state, 0, &p->regs);
	pthread_mutex_unlock(&p->lock);
}

COLD int pm1_restore(struct pm1 *p, struct state_reader *r, struct err *e)
{
	struct pm1_regs regs = {0};
	int ret = state_get(r, &pm1_state, 0, &regs, e);

	if (ret < 0)
		return ret;
	regs.status &= PM1_WAK_STS;
	regs.control = (uint16_t)((regs.control & ~PM1_SLP_EN) | PM1_SCI_EN);
	pthread_mutex_lock(&p->lock);
	p->regs = regs;
	pthread_mutex_unlock(&p->lock);
	return 0;
}
