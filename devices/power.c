// SPDX-License-Identifier: Apache-2.0
#include "devices/power.h"

#include "devices/sleep.h"
#include "vmm/base/util.h"

static uint8_t read_reg(struct power_regs *r, uint64_t reg)
{
	uint8_t event;

	switch (reg) {
	case POWER_SLEEP_CONTROL: return r->sleep_type;
	case POWER_SLEEP_STATUS: return r->sleep_status;
	case POWER_RESET: return 0;
	case POWER_EVENT:
		event = r->event;
		r->event = 0;
		return event;
	default: return 0xff;
	}
}

static void write_sleep_control(struct power *p, uint8_t value)
{
	p->regs.sleep_type = value & SLEEP_TYP_MASK;
	if (sleep_written(p->events, value))
		p->regs.sleep_status |= POWER_WAK_STS;
}

static void write_reg(struct power *p, uint64_t reg, uint8_t value)
{
	switch (reg) {
	case POWER_SLEEP_CONTROL: write_sleep_control(p, value); break;
	case POWER_SLEEP_STATUS: p->regs.sleep_status &= (uint8_t) ~(value & POWER_WAK_STS); break;
	case POWER_RESET:
		if (value == POWER_RESET_VALUE)
			p->events->raise(p->events, GUEST_RESET, GUEST_RESET_ACPI);
		break;
	case POWER_EVENT: p->regs.driven |= value & POWER_EVENT_GENERATION; break;
	default: break;
	}
}

static void power_read(struct device *dev, uint64_t offset, void *data, unsigned len)
{
	struct power *p = container_of(dev, struct power, dev);
	uint8_t *byte = data;

	pthread_mutex_lock(&p->lock);
	for (unsigned i = 0; i < len; i++)
		byte[i] = read_reg(&p->regs, offset + i);
	pthread_mutex_unlock(&p->lock);
}

static void power_write(struct device *dev, uint64_t offset, const void *data, unsigned len)
{
	struct power *p = container_of(dev, struct power, dev);
	const uint8_t *byte = data;

	pthread_mutex_lock(&p->lock);
	for (unsigned i = 0; i < len; i++)
		write_reg(p, offset + i, byte[i]);
	pthread_mutex_unlock(&p->lock);
}

static void happen(struct power *p, uint8_t event)
{
	p->regs.event |= event;
	irq_raise(p->irq);
}

void power_press_button(struct power *p)
{
	pthread_mutex_lock(&p->lock);
	happen(p, POWER_EVENT_BUTTON);
	pthread_mutex_unlock(&p->lock);
}

void power_new_generation(struct power *p)
{
	pthread_mutex_lock(&p->lock);
	if (p->regs.driven)
		happen(p, POWER_EVENT_GENERATION);
	pthread_mutex_unlock(&p->lock);
}

bool power_button_waits(struct power *p)
{
	bool waits;

	pthread_mutex_lock(&p->lock);
	waits = p->regs.event & POWER_EVENT_BUTTON;
	pthread_mutex_unlock(&p->lock);
	return waits;
}

int power_init(struct power *p, struct irq_line *irq, struct guest_events *events)
{
	static const struct device_ops ops = {.read = power_read, .write = power_write};

	*p = (struct power){.dev = {.ops = &ops, .name = "power"}, .irq = irq, .events = events};
	return -pthread_mutex_init(&p->lock, NULL);
}

void power_destroy(struct power *p)
{
	if (p)
		pthread_mutex_destroy(&p->lock);
}

static const struct state_field power_fields[] = {
	STATE_UP_TO(struct power_regs, sleep_type, SLEEP_TYP_MASK),
	STATE_UP_TO(struct power_regs, sleep_status, POWER_WAK_STS),
	STATE_UP_TO(struct power_regs, event, POWER_EVENT_BUTTON | POWER_EVENT_GENERATION),
	STATE_UP_TO(struct power_regs, driven, POWER_EVENT_GENERATION),
};
STATE_TABLE(power_state, "power", power_fields);

COLD void power_save(struct power *p, struct state_writer *w)
{
	pthread_mutex_lock(&p->lock);
	state_put(w, &power_state, 0, &p->regs);
	pthread_mutex_unlock(&p->lock);
}

COLD int power_restore(struct power *p, struct state_reader *r, struct err *e)
{
	struct power_regs regs = {0};
	int ret = state_get(r, &power_state, 0, &regs, e);

	if (ret < 0)
		return ret;
	regs.sleep_type &= SLEEP_TYP_MASK;
	regs.sleep_status &= POWER_WAK_STS;
	regs.driven &= POWER_EVENT_GENERATION;
	pthread_mutex_lock(&p->lock);
	p->regs = regs;
	if (regs.event)
		irq_raise(p->irq);
	pthread_mutex_unlock(&p->lock);
	return 0;
}
