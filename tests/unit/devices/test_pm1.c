// SPDX-License-Identifier: Apache-2.0
#include "devices/pm1.h"

#include "tests/support/chip.h"
#include "tests/support/unit.h"

#define SLEEP(type) (PM1_SLP_EN | (type) << PM1_SLP_TYP_SHIFT)

static struct fake_events events;
static struct pm1 pm1;

static int set_up(void **state)
{
	events = (struct fake_events)FAKE_EVENTS;
	return pm1_init(&pm1, &events.events);
}

static int tear_down(void **state)
{
	pm1_destroy(&pm1);
	pm1_destroy(NULL);
	return 0;
}

/* Linux writes the type first, and then both. */
static void s5_is_power_off(void **state)
{
	out_wide(&pm1.dev, PM1_CONTROL, POWER_SLP_TYP_S5 << PM1_SLP_TYP_SHIFT, 2);
	assert_int_equal(events.nr, 0);
	assert_int_equal(in_wide(&pm1.dev, PM1_CONTROL, 2), POWER_SLP_TYP_S5 << PM1_SLP_TYP_SHIFT | PM1_SCI_EN);
	out_wide(&pm1.dev, PM1_CONTROL, SLEEP(POWER_SLP_TYP_S5), 2);
	assert_event(&events, GUEST_POWEROFF, 0);
	assert_false(in_wide(&pm1.dev, PM1_CONTROL, 2) & PM1_SLP_EN);
	/* Byte by byte: type and enable are in the same one. */
	out8(&pm1.dev, PM1_CONTROL + 1, SLEEP(POWER_SLP_TYP_S5) >> 8);
	assert_event(&events, GUEST_POWEROFF, 0);
	assert_int_equal(in_wide(&pm1.dev, PM1_STATUS, 2), 0);
}

static void any_other_sleep_is_over_at_once(void **state)
{
	for (unsigned type = 0; type < 8; type++) {
		if (type == POWER_SLP_TYP_S5)
			continue;
		out_wide(&pm1.dev, PM1_CONTROL, SLEEP(type), 2);
		assert_int_equal(events.nr, 0);
		assert_int_equal(in_wide(&pm1.dev, PM1_STATUS, 2), PM1_WAK_STS);
		out_wide(&pm1.dev, PM1_STATUS, PM1_WAK_STS, 2);
		assert_int_equal(in_wide(&pm1.dev, PM1_STATUS, 2), 0);
	}
}

static void it_is_always_in_acpi_mode_and_nothing_happens(void **state)
{
	assert_int_equal(in_wide(&pm1.dev, 0, 8), UINT64_C(0xffff000100000000));
	out_wide(&pm1.dev, PM1_CONTROL, 0, 2);
	assert_int_equal(in_wide(&pm1.dev, PM1_CONTROL, 2), PM1_SCI_EN);
	out_wide(&pm1.dev, PM1_ENABLE, 0x4321, 2);
	assert_int_equal(in_wide(&pm1.dev, PM1_ENABLE, 2), 0x4321);
	out8(&pm1.dev, PM1_ENABLE, 0x99);
	assert_int_equal(in_wide(&pm1.dev, PM1_ENABLE, 2), 0x4399);
	out_wide(&pm1.dev, PM1_STATUS, 0xffff, 2);
	assert_int_equal(in_wide(&pm1.dev, PM1_STATUS, 2), 0);
	assert_int_equal(events.nr, 0);
}

static void what_lies_behind_reads_as_ones(void **state)
{
	for (unsigned at = 0; at <= PM1_SIZE; at++)
		for (unsigned len = 1; len <= 8; len *= 2) {
			uint64_t v = in_wide(&pm1.dev, at, len);

			for (unsigned i = 0; i < len; i++)
				if (at + i >= PM1_SIZE)
					assert_int_equal(v >> (8 * i) & 0xff, 0xff);
			if (at >= PM1_SIZE)
				out_wide(&pm1.dev, at, UINT64_MAX, len);
		}
	assert_int_equal(events.nr, 0);
	/* A wide write that begins before the registers end takes those. */
	out_wide(&pm1.dev, PM1_ENABLE, (uint64_t)SLEEP(POWER_SLP_TYP_S5) << 16 | 0x1111, 8);
	assert_event(&events, GUEST_POWEROFF, 0);
	assert_int_equal(in_wide(&pm1.dev, PM1_ENABLE, 2), 0x1111);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(s5_is_power_off),
		TEST(any_other_sleep_is_over_at_once),
		TEST(it_is_always_in_acpi_mode_and_nothing_happens),
		TEST(what_lies_behind_reads_as_ones),
	};

	return run_group(tests);
}
