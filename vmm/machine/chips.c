// SPDX-License-Identifier: Apache-2.0
#include "vmm/machine/chips.h"

#include "vmm/machine/board.h"

static int init_uart(struct chips *c, const struct chips_env *env)
{
	int r = irq_line_init(&c->uart_irq);

	return r < 0 ? r : uart_init(&c->uart, &c->uart_irq, env->console);
}

static int init_i8042(struct chips *c, const struct chips_env *env)
{
	return i8042_init(&c->i8042, env->events);
}

static int init_pit(struct chips *c, const struct chips_env *env)
{
	return pit_init(&c->pit, env->pit);
}

static int init_rtc(struct chips *c, const struct chips_env *env)
{
	return rtc_init(&c->rtc, env->ram_size);
}

static int init_debug_exit(struct chips *c, const struct chips_env *env)
{
	return debug_exit_init(&c->debug_exit, env->events);
}

static int init_debugcon(struct chips *c, const struct chips_env *env)
{
	return debugcon_init(&c->debugcon, env->console);
}

static int init_pvpanic(struct chips *c, const struct chips_env *env)
{
	return pvpanic_init(&c->pvpanic, env->events);
}

static int init_boot_marker(struct chips *c, const struct chips_env *env)
{
	return boot_marker_init(&c->boot_marker, env->events);
}

static int init_generation(struct chips *c, const struct chips_env *env)
{
	return generation_init(&c->generation);
}

static int init_marker(struct chips *c, const struct chips_env *env)
{
	return marker_init(&c->marker, env->marker);
}

static int init_pm1(struct chips *c, const struct chips_env *env)
{
	return pm1_init(&c->pm1, env->events);
}

static int init_pmtimer(struct chips *c, const struct chips_env *env)
{
	return pmtimer_init(&c->pmtimer, env->pmtimer);
}

static int init_power(struct chips *c, const struct chips_env *env)
{
	int r = irq_line_init(&c->power_irq);

	return r < 0 ? r : power_init(&c->power, &c->power_irq, env->events);
}

#define AT(member) offsetof(struct chips, member)
#define NO_IRQ     SIZE_MAX

/**
 * struct part - a part of the board and its chip
 * @device, @irq: offsets in struct chips; NO_IRQ: no interrupt
 * @init: makes the chip; NULL: made by the row of its first part
 */
static const struct part {
	enum board_kind kind;
	unsigned index;
	size_t device;
	size_t irq;
	int (*init)(struct chips *c, const struct chips_env *env);
} parts[] = {
	{BOARD_UART, 0, AT(uart.dev), AT(uart_irq), init_uart},
	{BOARD_I8042, 0, AT(i8042.data), NO_IRQ, init_i8042},
	{BOARD_I8042, 1, AT(i8042.cmd), NO_IRQ, NULL},
	{BOARD_PIT, 0, AT(pit.timer), NO_IRQ, init_pit},
	{BOARD_PIT, 1, AT(pit.port61), NO_IRQ, NULL},
	{BOARD_RTC, 0, AT(rtc.dev), NO_IRQ, init_rtc},
	{BOARD_DEBUG_EXIT, 0, AT(debug_exit.dev), NO_IRQ, init_debug_exit},
	{BOARD_DEBUGCON, 0, AT(debugcon.dev), NO_IRQ, init_debugcon},
	{BOARD_PVPANIC, 0, AT(pvpanic.dev), NO_IRQ, init_pvpanic},
	{BOARD_BOOT_MARKER, 0, AT(boot_marker.dev), NO_IRQ, init_boot_marker},
	{BOARD_GENERATION, 0, AT(generation.dev), NO_IRQ, init_generation},
	{BOARD_MARKER, 0, AT(marker.dev), NO_IRQ, init_marker},
	{BOARD_MARKER, 1, AT(marker.window), NO_IRQ, NULL},
	{BOARD_PM1, 0, AT(pm1.dev), NO_IRQ, init_pm1},
	{BOARD_PMTIMER, 0, AT(pmtimer.dev), NO_IRQ, init_pmtimer},
	{BOARD_POWER, 0, AT(power.dev), AT(power_irq), init_power},
};

static const struct part *part_of(const struct board_part *p)
{
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
		if (parts[i].kind == p->kind && parts[i].index == p->index)
			return &parts[i];
	return NULL;
}

int chips_init(struct chips *c, const struct chips_env *env, struct err *e)
{
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
		int r = parts[i].init ? parts[i].init(c, env) : 0;

		if (r < 0)
			return err_sys(e, r, "cannot set up the %s", board_part_name(parts[i].kind));
	}
	return 0;
}

struct device *chips_device(struct chips *c, const struct board_part *p)
{
	const struct part *part = part_of(p);

	return part ? (struct device *)((char *)c + part->device) : NULL;
}

struct irq_line *chips_irq(struct chips *c, const struct board_part *p)
{
	const struct part *part = part_of(p);

	return part && part->irq != NO_IRQ ? (struct irq_line *)((char *)c + part->irq) : NULL;
}

void chips_save(struct chips *c, uint64_t at_ns, struct state_writer *w)
{
	uart_save(&c->uart, w);
	i8042_save(&c->i8042, w);
	pit_save(&c->pit, w);
	rtc_save(&c->rtc, w);
	pm1_save(&c->pm1, w);
	pmtimer_save_at(&c->pmtimer, at_ns, w);
	power_save(&c->power, w);
	marker_save(&c->marker, w);
}

int chips_restore(struct chips *c, uint64_t at_ns, struct state_reader *r, struct err *e)
{
	int ret = uart_restore(&c->uart, r, e);

	ret = ret < 0 ? ret : i8042_restore(&c->i8042, r, e);
	ret = ret < 0 ? ret : pit_restore(&c->pit, r, e);
	ret = ret < 0 ? ret : rtc_restore(&c->rtc, r, e);
	ret = ret < 0 ? ret : pm1_restore(&c->pm1, r, e);
	ret = ret < 0 ? ret : pmtimer_restore_at(&c->pmtimer, at_ns, r, e);
	ret = ret < 0 ? ret : power_restore(&c->power, r, e);
	return ret < 0 ? ret : marker_restore(&c->marker, r, e);
}

void chips_destroy(struct chips *c)
{
	uart_destroy(&c->uart);
	pmtimer_destroy(&c->pmtimer);
	power_destroy(&c->power);
	pm1_destroy(&c->pm1);
	i8042_destroy(&c->i8042);
	pit_destroy(&c->pit);
	rtc_destroy(&c->rtc);
	debugcon_destroy(&c->debugcon);
	marker_destroy(&c->marker);
	irq_line_destroy(&c->uart_irq);
	irq_line_destroy(&c->power_irq);
}
