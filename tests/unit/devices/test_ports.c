// SPDX-License-Identifier: Apache-2.0
/* The chips with next to no state: debug-exit, debugcon, pvpanic, the power block. */
#include <pthread.h>
#include <stdatomic.h>

#include "devices/boot_marker.h"
#include "devices/debug_exit.h"
#include "devices/debugcon.h"
#include "devices/power.h"
#include "devices/pvpanic.h"
#include "devices/sleep.h"
#include "tests/support/chip.h"
#include "tests/support/unit.h"

#define SLP(type) (SLEEP_EN | (type) << SLEEP_TYP_SHIFT)

static const unsigned widths[] = {1, 2, 4, 8};

static void debug_exit_hands_on_what_was_written(void **state)
{
	struct fake_events ev = FAKE_EVENTS;
	struct debug_exit d;

	assert_int_equal(debug_exit_init(&d, &ev.events), 0);
	for (size_t w = 0; w < ARRAY_SIZE(widths); w++) {
		for (unsigned at = 0; at < DEBUG_EXIT_SIZE; at++) {
			out_wide(&d.dev, at, UINT64_C(0x8877665544332211), widths[w]);
			assert_event(&ev, GUEST_DEBUG_EXIT, UINT64_C(0x8877665544332211) & ones(widths[w]));
			assert_int_equal(in_wide(&d.dev, at, widths[w]), ones(widths[w]));
		}
	}
	out8(&d.dev, 0, 0);
	assert_event(&ev, GUEST_DEBUG_EXIT, 0);
}

static void debugcon_prints(void **state)
{
	struct fake_host *h = malloc(sizeof(*h));
	struct debugcon d;

	assert_non_null(h);
	fake_host_init(h);
	assert_int_equal(debugcon_init(&d, &h->host), 0);
	for (const char *c = "hi "; *c; c++)
		out8(&d.dev, 0, (uint8_t)*c);
	for (size_t w = 0; w < ARRAY_SIZE(widths); w++) {
		assert_int_equal(in_wide(&d.dev, 0, widths[w]), UINT64_C(0xe9e9e9e9e9e9e9e9) & ones(widths[w]));
		out_wide(&d.dev, 0, UINT64_C(0x3837363534333231), widths[w]);
	}
	assert_int_equal(h->nr_out, 3 + 1 + 2 + 4 + 8);
	assert_memory_equal(h->out, "hi 112123412345678", h->nr_out);
	assert_int_equal(h->lost, 0);

	h->room = 3;
	out_wide(&d.dev, 0, UINT64_C(0x3837363534333231), 8);
	out8(&d.dev, 0, 'x');
	assert_int_equal(h->nr_out, 18 + 3);
	assert_int_equal(h->lost, 6);
	/* It keeps nothing for later, and takes no input. */
	h->room = 100;
	d.guest.tx_room(&d.guest);
	assert_int_equal(h->nr_out, 21);
	assert_int_equal(d.guest.rx(&d.guest, (const uint8_t *)"abc", 3), 0);
	debugcon_destroy(&d);
	debugcon_destroy(NULL);
	free(h);
}

static void boot_marker_hands_on_every_width(void **state)
{
	struct fake_events ev = FAKE_EVENTS;
	struct boot_marker b;

	assert_int_equal(boot_marker_init(&b, &ev.events), 0);
	for (size_t w = 0; w < ARRAY_SIZE(widths); w++) {
		assert_int_equal(in_wide(&b.dev, 0, widths[w]), ones(widths[w]));
		assert_int_equal(ev.nr, 0);
		out_wide(&b.dev, 0, UINT64_C(0x8877665544332211), widths[w]);
		assert_event(&ev, GUEST_MARK, UINT64_C(0x8877665544332211) & ones(widths[w]));
	}
}

static void pvpanic_tells(void **state)
{
	struct fake_events ev = FAKE_EVENTS;
	struct pvpanic p;

	assert_int_equal(pvpanic_init(&p, &ev.events), 0);
	assert_int_equal(in8(&p.dev, 0), PVPANIC_PANICKED | PVPANIC_CRASH_LOADED);
	for (unsigned v = 0; v < 256; v++) {
		out8(&p.dev, 0, (uint8_t)v);
		if (v & PVPANIC_PANICKED)
			assert_event(&ev, GUEST_PANIC, v);
		else if (v & PVPANIC_CRASH_LOADED)
			assert_event(&ev, GUEST_CRASH_LOADED, v);
		else
			assert_int_equal(ev.nr, 0);
	}
	for (size_t w = 0; w < ARRAY_SIZE(widths); w++) {
		assert_int_equal(in_wide(&p.dev, 0, widths[w]), (ones(widths[w]) & ~UINT64_C(0xff)) | PVPANIC_EVENTS);
		assert_int_equal(in_wide(&p.dev, 1, widths[w]), ones(widths[w]));
		out_wide(&p.dev, 1, UINT64_C(0x0101010101010101), widths[w]);
		assert_int_equal(ev.nr, 0);
		out_wide(&p.dev, 0, UINT64_C(0x0303030303030301), widths[w]);
		assert_event(&ev, GUEST_PANIC, PVPANIC_PANICKED);
	}
}

struct bench {
	struct fake_events events;
	struct irq_line irq;
	struct power power;
	struct device *dev;
	_Atomic bool done;
};

static int set_up(void **state)
{
	struct bench *b = calloc(1, sizeof(*b));

	if (!b || irq_line_init(&b->irq))
		return -1;
	b->events = (struct fake_events)FAKE_EVENTS;
	b->dev = &b->power.dev;
	*state = b;
	return power_init(&b->power, &b->irq, &b->events.events);
}

static int tear_down(void **state)
{
	struct bench *b = *state;

	power_destroy(&b->power);
	irq_line_destroy(&b->irq);
	free(b);
	return 0;
}

/* As Linux enters S5: clear WAK_STS, then the type, then the type with SLP_EN. */
static void sleep_control_powers_off(void **state)
{
	struct bench *b = *state;

	out8(b->dev, POWER_SLEEP_STATUS, POWER_WAK_STS);
	out8(b->dev, POWER_SLEEP_CONTROL, POWER_SLP_TYP_S5 << SLEEP_TYP_SHIFT);
	assert_int_equal(b->events.nr, 0);
	assert_int_equal(in8(b->dev, POWER_SLEEP_CONTROL), POWER_SLP_TYP_S5 << SLEEP_TYP_SHIFT);
	out8(b->dev, POWER_SLEEP_CONTROL, SLP(POWER_SLP_TYP_S5));
	assert_event(&b->events, GUEST_POWEROFF, 0);
	assert_int_equal(in8(b->dev, POWER_SLEEP_STATUS), 0);
	assert_int_equal(in8(b->dev, POWER_SLEEP_CONTROL), POWER_SLP_TYP_S5 << SLEEP_TYP_SHIFT);
}

/* Nobody promised any other sleep: a guest that tries one and waits for WAK_STS is awake at once. */
static void other_sleeps_are_over_at_once(void **state)
{
	struct bench *b = *state;

	for (unsigned v = 0; v < 256; v++) {
		bool enters = v & SLEEP_EN, s5 = (v >> SLEEP_TYP_SHIFT & 7) == POWER_SLP_TYP_S5;

		out8(b->dev, POWER_SLEEP_STATUS, POWER_WAK_STS);
		assert_int_equal(in8(b->dev, POWER_SLEEP_STATUS), 0);
		out8(b->dev, POWER_SLEEP_CONTROL, (uint8_t)v);
		assert_int_equal(in8(b->dev, POWER_SLEEP_CONTROL), v & 0x1c);
		assert_int_equal(in8(b->dev, POWER_SLEEP_STATUS), enters && !s5 ? POWER_WAK_STS : 0);
		assert_int_equal(b->events.nr, enters && s5);
		b->events.nr = 0;
		/* Only a one clears, and only in its place. */
		out8(b->dev, POWER_SLEEP_STATUS, 0x7f);
		assert_int_equal(in8(b->dev, POWER_SLEEP_STATUS), enters && !s5 ? POWER_WAK_STS : 0);
	}
}

static void reset_register_takes_its_value(void **state)
{
	struct bench *b = *state;

	for (unsigned v = 0; v < 256; v++) {
		out8(b->dev, POWER_RESET, (uint8_t)v);
		if (v == POWER_RESET_VALUE)
			assert_event(&b->events, GUEST_RESET, GUEST_RESET_ACPI);
		else
			assert_int_equal(b->events.nr, 0);
	}
	assert_int_equal(in8(b->dev, POWER_RESET), 0);
}

static void button_interrupts_and_reading_clears(void **state)
{
	struct bench *b = *state;

	assert_int_equal(in8(b->dev, POWER_EVENT), 0);
	assert_false(irq_take(&b->irq));
	assert_false(power_button_waits(&b->power));
	power_press_button(&b->power);
	power_press_button(&b->power);
	assert_true(irq_take(&b->irq));
	assert_true(power_button_waits(&b->power));
	out8(b->dev, POWER_EVENT, 0xff); /* no event goes by that */
	assert_true(power_button_waits(&b->power));
	assert_int_equal(in8(b->dev, POWER_EVENT), POWER_EVENT_BUTTON);
	assert_false(power_button_waits(&b->power));
	assert_int_equal(in8(b->dev, POWER_EVENT), 0);
	/* Each press interrupts, also one that the guest has lost. */
	for (unsigned i = 0; i < 3; i++) {
		power_press_button(&b->power);
		assert_true(irq_take(&b->irq));
	}
	assert_int_equal(in8(b->dev, POWER_EVENT), POWER_EVENT_BUTTON);
}

/* Nobody is woken for nobody: the id's event needs a driver, which has asked for its address. */
static void a_new_generation_is_told_to_its_driver(void **state)
{
	struct bench *b = *state;

	power_new_generation(&b->power);
	assert_false(irq_take(&b->irq));
	assert_int_equal(in8(b->dev, POWER_EVENT), 0);
	out8(b->dev, POWER_EVENT, POWER_EVENT_BUTTON); /* not the bit */
	power_new_generation(&b->power);
	assert_false(irq_take(&b->irq));
	out8(b->dev, POWER_EVENT, POWER_EVENT_GENERATION);
	out8(b->dev, POWER_EVENT, 0);
	power_new_generation(&b->power);
	assert_true(irq_take(&b->irq));
	assert_int_equal(in8(b->dev, POWER_EVENT), POWER_EVENT_GENERATION);
	/* The button has no such condition. */
	power_press_button(&b->power);
	assert_true(irq_take(&b->irq));
}

static void power_every_width_and_misalignment(void **state)
{
	struct bench *b = *state;

	out8(b->dev, POWER_SLEEP_CONTROL, SLP(3));
	for (size_t w = 0; w < ARRAY_SIZE(widths); w++) {
		for (unsigned at = 0; at < POWER_SIZE + 1; at++) {
			uint8_t expect[16];
			uint64_t v = 0;

			memset(expect, 0xff, sizeof(expect));
			memcpy(expect, (uint8_t[]){3 << 2, POWER_WAK_STS, 0, POWER_EVENT_BUTTON}, 4);
			in8(b->dev, POWER_EVENT);
			power_press_button(&b->power);
			for (unsigned i = 0; i < widths[w]; i++)
				v |= (uint64_t)expect[at + i] << (8 * i);
			assert_int_equal(in_wide(b->dev, at, widths[w]), v);
			/* The event is gone exactly when its register was part of the access. */
			assert_int_equal(in8(b->dev, POWER_EVENT),
				at <= POWER_EVENT && at + widths[w] > POWER_EVENT ? 0 : POWER_EVENT_BUTTON);
		}
	}
	out_wide(b->dev, 0, UINT64_C(0xffffffffff018034), 4);
	assert_int_equal(b->events.nr, 2);
	assert_int_equal(b->events.what, GUEST_RESET);
	assert_int_equal(in8(b->dev, POWER_SLEEP_STATUS), 0);
	for (size_t w = 0; w < ARRAY_SIZE(widths); w++)
		out_wide(b->dev, POWER_SIZE, UINT64_MAX, widths[w]);
	assert_int_equal(b->events.nr, 2);
	power_destroy(NULL);
}

static void *press_many(void *arg)
{
	struct bench *b = arg;

	for (int i = 0; i < 10000; i++)
		power_press_button(&b->power);
	b->done = true;
	return NULL;
}

/* The button and the guest's handler at once: after the last press an event is there to be read, or was read. */
static void button_from_another_thread(void **state)
{
	struct bench *b = *state;
	unsigned seen = 0;
	pthread_t t;

	assert_int_equal(pthread_create(&t, NULL, press_many, b), 0);
	while (!b->done)
		if (irq_take(&b->irq))
			seen += in8(b->dev, POWER_EVENT);
	pthread_join(t, NULL);
	if (irq_take(&b->irq))
		seen += in8(b->dev, POWER_EVENT);
	assert_in_range(seen, 1, 10000);
	assert_int_equal(in8(b->dev, POWER_EVENT), 0);
}

#define BENCH_TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(debug_exit_hands_on_what_was_written),
		cmocka_unit_test(debugcon_prints),
		cmocka_unit_test(boot_marker_hands_on_every_width),
		cmocka_unit_test(pvpanic_tells),
		BENCH_TEST(sleep_control_powers_off),
		BENCH_TEST(other_sleeps_are_over_at_once),
		BENCH_TEST(reset_register_takes_its_value),
		BENCH_TEST(button_interrupts_and_reading_clears),
		BENCH_TEST(a_new_generation_is_told_to_its_driver),
		BENCH_TEST(power_every_width_and_misalignment),
		BENCH_TEST(button_from_another_thread),
	};

	return run_group(tests);
}
