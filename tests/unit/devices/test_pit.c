// SPDX-License-Identifier: Apache-2.0
#include "devices/pit.h"

#include <errno.h>

#include "tests/support/chip.h"
#include "tests/support/unit.h"

struct fake_pit_host {
	struct pit_host host;
	int code;
	unsigned nr;
	uint8_t control, speaker;
};

static int start(struct pit_host *host, uint8_t control, uint8_t speaker)
{
	struct fake_pit_host *f = container_of(host, struct fake_pit_host, host);

	f->nr++;
	f->control = control;
	f->speaker = speaker;
	return f->code;
}

static struct fake_pit_host host;
static struct pit pit;

static int set_up(void **state)
{
	host = (struct fake_pit_host){.host.start = start};
	return pit_init(&pit, &host.host);
}

static int tear_down(void **state)
{
	pit_destroy(&pit);
	pit_destroy(NULL);
	return 0;
}

/* What a shutdown, a speaker's driver or a look for the cause of an NMI does. */
static void nothing_but_programming_starts_the_timer(void **state)
{
	for (unsigned i = 0; i < 4; i++)
		in8(&pit.timer, i);
	out8(&pit.port61, 0, in8(&pit.port61, 0) & 0xfc);
	assert_int_equal(host.nr, 0);
}

static void the_first_write_starts_it_once(void **state)
{
	out8(&pit.port61, 0, 0xff);
	out8(&pit.timer, 3, 0xb0);
	assert_int_equal(host.nr, 1);
	assert_int_equal(host.control, 0xb0);
	assert_int_equal(host.speaker, PIT_SPEAKER_GATE | PIT_SPEAKER_DATA);
	/* KVM answers from now on; what another CPU had under way is lost. */
	out8(&pit.timer, 3, 0x34);
	out8(&pit.timer, 0, 0);
	assert_int_equal(host.nr, 1);
}

static void a_count_alone_starts_it_as_firmware_left_it(void **state)
{
	out8(&pit.timer, 0, 0x77);
	assert_int_equal(host.nr, 1);
	assert_int_equal(host.control, 0);
	assert_int_equal(host.speaker, 0);
}

/* Neither a level of port 0x61 nor a change of a counter, with a host that has no timer. */
static void nobody_waits_for_ever_without_one(void **state)
{
	uint8_t seen = 0, all = 0xff, first;

	host.code = -ENOMEM;
	for (unsigned i = 0; i < 100; i++)
		out8(&pit.timer, i % 4, 0x34);
	assert_int_equal(host.nr, 1);
	out8(&pit.port61, 0, PIT_SPEAKER_GATE);
	for (unsigned i = 0; i < 2; i++) {
		uint8_t v = in8(&pit.port61, 0);

		assert_int_equal(v & 0xcf, PIT_SPEAKER_GATE);
		seen |= v;
		all &= v;
	}
	assert_int_equal(seen & 0x30, 0x30);
	assert_int_equal(all & 0x30, 0);
	for (unsigned i = 0; i < 3; i++) {
		first = in8(&pit.timer, i);
		assert_int_not_equal(in8(&pit.timer, i), first);
	}
}

static void wide_accesses_find_ones_behind_the_registers(void **state)
{
	static const unsigned widths[] = {1, 2, 4, 8};

	assert_int_equal(in8(&pit.timer, 3), 0xff);
	for (size_t w = 0; w < ARRAY_SIZE(widths); w++) {
		uint64_t rest = ones(widths[w]) & ~UINT64_C(0xff);

		assert_int_equal(in_wide(&pit.timer, 0, widths[w]) & rest, rest);
		assert_int_equal(in_wide(&pit.port61, 0, widths[w]) & rest, rest);
		assert_int_equal(in_wide(&pit.port61, 1, widths[w]), ones(widths[w]));
		out_wide(&pit.port61, 1, UINT64_MAX, widths[w]);
		assert_int_equal(in8(&pit.port61, 0) & 3, 0);
	}
	out_wide(&pit.port61, 0, UINT64_C(0x1111111111111102), 8);
	assert_int_equal(in8(&pit.port61, 0) & 3, PIT_SPEAKER_DATA);
	out_wide(&pit.timer, 3, UINT64_C(0x11111111111111b6), 8);
	assert_int_equal(host.control, 0xb6);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(nothing_but_programming_starts_the_timer),
		TEST(the_first_write_starts_it_once),
		TEST(a_count_alone_starts_it_as_firmware_left_it),
		TEST(nobody_waits_for_ever_without_one),
		TEST(wide_accesses_find_ones_behind_the_registers),
	};

	return run_group(tests);
}
