// SPDX-License-Identifier: Apache-2.0
/* The clock: its formats, dates compared with libc's calendar, reading and setting it as drivers do, RAM sizes. */
#include <time.h>

#include "devices/rtc.h"
#include "tests/support/chip.h"
#include "tests/support/unit.h"
#include "vmm/base/clock.h"

#define NS_PER_S  ((int64_t)NSEC_PER_SEC)
#define NS_PER_MS ((int64_t)NSEC_PER_MSEC)

/* 2024-02-29 23:58:57 UTC, a Thursday */
#define LEAP_DAY INT64_C(1709251137)

struct bench {
	struct rtc rtc;
	int64_t now_ns;
};

static int64_t fake_now(const struct rtc *r)
{
	return container_of(r, struct bench, rtc)->now_ns;
}

static int set_up(void **state)
{
	struct bench *b = calloc(1, sizeof(*b));

	if (!b || rtc_init(&b->rtc, 128 * MIB))
		return -1;
	b->rtc.now = fake_now;
	b->now_ns = LEAP_DAY * NS_PER_S;
	*state = b;
	return 0;
}

static int tear_down(void **state)
{
	struct bench *b = *state;

	rtc_destroy(&b->rtc);
	free(b);
	return 0;
}

static uint8_t get(struct bench *b, uint8_t reg)
{
	out8(&b->rtc.dev, 0, reg);
	return in8(&b->rtc.dev, 1);
}

static void set(struct bench *b, uint8_t reg, uint8_t value)
{
	out8(&b->rtc.dev, 0, reg);
	out8(&b->rtc.dev, 1, value);
}

static uint8_t bcd(int v)
{
	return (uint8_t)((v / 10) << 4 | v % 10);
}

#define assert_time(b, h, m, s)                                                                                        \
	do {                                                                                                           \
		assert_int_equal(get(b, RTC_SECONDS), s);                                                              \
		assert_int_equal(get(b, RTC_MINUTES), m);                                                              \
		assert_int_equal(get(b, RTC_HOURS), h);                                                                \
	} while (0)

#define assert_date(b, c, y, m, d)                                                                                     \
	do {                                                                                                           \
		assert_int_equal(get(b, RTC_CENTURY), c);                                                              \
		assert_int_equal(get(b, RTC_YEAR), y);                                                                 \
		assert_int_equal(get(b, RTC_MONTH), m);                                                                \
		assert_int_equal(get(b, RTC_DAY), d);                                                                  \
	} while (0)

static void reset_state(void **state)
{
	struct bench *b = *state;

	assert_int_equal(get(b, RTC_A), 0x26);
	assert_int_equal(get(b, RTC_B), RTC_B_24H);
	assert_int_equal(get(b, RTC_C), 0);
	assert_int_equal(get(b, RTC_D), RTC_D_VALID);
	assert_int_equal(get(b, RTC_SHUTDOWN), 0);
	assert_time(b, 0x23, 0x58, 0x57);
	assert_date(b, 0x20, 0x24, 0x02, 0x29);
	assert_int_equal(get(b, RTC_WEEKDAY), 5);
	assert_int_equal(get(b, 0x37), 0x20);
}

static void formats(void **state)
{
	struct bench *b = *state;

	set(b, RTC_B, RTC_B_24H | RTC_B_BINARY);
	assert_time(b, 23, 58, 57);
	assert_date(b, 20, 24, 2, 29);
	set(b, RTC_B, RTC_B_BINARY);
	assert_time(b, RTC_HOURS_PM | 11, 58, 57);
	set(b, RTC_B, 0);
	assert_time(b, RTC_HOURS_PM | 0x11, 0x58, 0x57);
	for (int h = 0; h < 24; h++) {
		b->now_ns = (LEAP_DAY / 86400 * 86400 + h * 3600) * NS_PER_S;
		assert_int_equal(get(b, RTC_SECONDS), 0);
		assert_int_equal(get(b, RTC_HOURS), bcd(h % 12 ? h % 12 : 12) | (h >= 12 ? RTC_HOURS_PM : 0));
	}
}

static void dates_agree_with_libc(void **state)
{
	struct bench *b = *state;

	for (int64_t t = 0; t < INT64_C(8000000000); t += 86400 * 17 + 3607) {
		time_t when = t;
		struct tm tm;

		gmtime_r(&when, &tm);
		b->now_ns = t * NS_PER_S;
		assert_time(b, bcd(tm.tm_hour), bcd(tm.tm_min), bcd(tm.tm_sec));
		assert_date(
			b, bcd((tm.tm_year + 1900) / 100), bcd(tm.tm_year % 100), bcd(tm.tm_mon + 1), bcd(tm.tm_mday));
		assert_int_equal(get(b, RTC_WEEKDAY), tm.tm_wday + 1);
	}
}

/* The ends of the calendar's cycles. */
static void ends_of_years(void **state)
{
	static const struct {
		int64_t t;
		uint8_t century, year, month, day;
	} cases[] = {
		{INT64_C(946684799), 0x19, 0x99, 0x12, 0x31}, {INT64_C(946684800), 0x20, 0x00, 0x01, 0x01},
		{INT64_C(978307199), 0x20, 0x00, 0x12, 0x31}, /* the last day of 400 years */
		{INT64_C(978307200), 0x20, 0x01, 0x01, 0x01},
		{INT64_C(1735689599), 0x20, 0x24, 0x12, 0x31}, /* of four */
		{INT64_C(4107542399), 0x21, 0x00, 0x02, 0x28}, /* no leap year */
		{INT64_C(4107542400), 0x21, 0x00, 0x03, 0x01},
		{INT64_C(4133980799), 0x21, 0x00, 0x12, 0x31}, /* of a hundred */
	};
	struct bench *b = *state;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		b->now_ns = cases[i].t * NS_PER_S;
		assert_int_equal(get(b, RTC_SECONDS), cases[i].t % 2 ? 0x59 : 0);
		assert_date(b, cases[i].century, cases[i].year, cases[i].month, cases[i].day);
	}
}

/* Every day of the 400-year cycle, set as Linux sets the clock and read back, in both number formats. */
static void setting_and_reading_back(void **state)
{
	struct bench *b = *state;

	for (int64_t t = 0; t < INT64_C(146097) * 86400; t += 86400 * 3 + 4001) {
		bool binary = t & 1;
		time_t when = t;
		struct tm tm;

		gmtime_r(&when, &tm);
#define ENC(v) (binary ? (uint8_t)(v) : bcd(v))
		set(b, RTC_B, (uint8_t)(RTC_B_SET | RTC_B_24H | (binary ? RTC_B_BINARY : 0)));
		set(b, RTC_A, 0x70 | 0x06);
		set(b, RTC_YEAR, ENC(tm.tm_year % 100));
		set(b, RTC_MONTH, ENC(tm.tm_mon + 1));
		set(b, RTC_DAY, ENC(tm.tm_mday));
		set(b, RTC_HOURS, ENC(tm.tm_hour));
		set(b, RTC_MINUTES, ENC(tm.tm_min));
		set(b, RTC_SECONDS, ENC(tm.tm_sec));
		set(b, RTC_CENTURY, ENC((tm.tm_year + 1900) / 100));
		assert_int_equal(get(b, RTC_MONTH), ENC(tm.tm_mon + 1)); /* plain RAM meanwhile */
		b->now_ns += 5 * NS_PER_S;                               /* and the clock stands */
		assert_int_equal(get(b, RTC_SECONDS), ENC(tm.tm_sec));
		set(b, RTC_B, (uint8_t)(RTC_B_24H | (binary ? RTC_B_BINARY : 0)));
		set(b, RTC_A, 0x26);
		assert_time(b, ENC(tm.tm_hour), ENC(tm.tm_min), ENC(tm.tm_sec));
		assert_date(
			b, ENC((tm.tm_year + 1900) / 100), ENC(tm.tm_year % 100), ENC(tm.tm_mon + 1), ENC(tm.tm_mday));
		assert_int_equal(get(b, RTC_WEEKDAY), ENC(tm.tm_wday + 1));
#undef ENC
	}
}

static void set_clock_runs_on(void **state)
{
	struct bench *b = *state;

	set(b, RTC_HOURS, 0x05); /* one field, without stopping the clock */
	assert_time(b, 0x05, 0x58, 0x57);
	assert_date(b, 0x20, 0x24, 0x02, 0x29);
	b->now_ns += 3600 * NS_PER_S;
	assert_time(b, 0x06, 0x58, 0x57);
	/* A host whose clock is set back takes the guest's with it, and freezes nothing. */
	b->now_ns -= 7200 * NS_PER_S;
	assert_int_equal(get(b, RTC_HOURS), 0x04);
}

static void twelve_hour_clock_can_be_set(void **state)
{
	static const struct {
		uint8_t field, hour;
	} cases[] = {{0x12, 0x00}, {0x01, 0x01}, {0x11, 0x11}, {0x92, 0x12}, {0x81, 0x13}, {0x91, 0x23}};
	struct bench *b = *state;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		set(b, RTC_B, RTC_B_SET);
		set(b, RTC_HOURS, cases[i].field);
		set(b, RTC_B, 0);
		assert_int_equal(get(b, RTC_SECONDS), 0x57);
		assert_int_equal(get(b, RTC_HOURS), cases[i].field);
		set(b, RTC_B, RTC_B_24H);
		assert_int_equal(get(b, RTC_HOURS), cases[i].hour);
	}
}

/* A slow driver: the second turns over between its reads, and it still gets one moment. */
static void fields_are_of_one_moment(void **state)
{
	struct bench *b = *state;

	b->now_ns = (LEAP_DAY + 62) * NS_PER_S + 990 * NS_PER_MS; /* 23:59:59.990 */
	assert_int_equal(get(b, RTC_SECONDS), 0x59);
	b->now_ns += 20 * NS_PER_MS;
	assert_int_equal(get(b, RTC_MINUTES), 0x59);
	assert_int_equal(get(b, RTC_HOURS), 0x23);
	assert_int_equal(get(b, RTC_DAY), 0x29);
	assert_int_equal(get(b, RTC_MONTH), 0x02);
	/* Looking at the seconds again shows that time went on, as does waiting. */
	assert_int_equal(get(b, RTC_SECONDS), 0x00);
	assert_int_equal(get(b, RTC_DAY), 0x01);
	b->now_ns += 60 * NS_PER_S;
	assert_int_equal(get(b, RTC_MINUTES), 0x01);
}

static void update_in_progress_is_short(void **state)
{
	struct bench *b = *state;

	for (int64_t ns = 0; ns < NS_PER_S; ns += 61000) {
		b->now_ns = LEAP_DAY * NS_PER_S + ns;
		assert_int_equal(get(b, RTC_A) & RTC_A_UIP, ns >= NS_PER_S - 244000 ? RTC_A_UIP : 0);
	}
	/* Never while there are no updates. */
	b->now_ns = LEAP_DAY * NS_PER_S + NS_PER_S - 1;
	set(b, RTC_B, RTC_B_SET | RTC_B_24H);
	assert_int_equal(get(b, RTC_A) & RTC_A_UIP, 0);
	set(b, RTC_B, RTC_B_24H);
	assert_int_equal(get(b, RTC_A) & RTC_A_UIP, RTC_A_UIP);
	set(b, RTC_A, 0x66);
	assert_int_equal(get(b, RTC_A) & RTC_A_UIP, 0);
	/* The bit itself cannot be written. */
	b->now_ns = LEAP_DAY * NS_PER_S;
	set(b, RTC_A, 0xff);
	assert_int_equal(get(b, RTC_A), 0x7f);
}

static void nonsense_is_some_date(void **state)
{
	struct bench *b = *state;

	for (unsigned v = 0; v < 256; v++) {
		for (int binary = 0; binary < 2; binary++) {
			set(b, RTC_B, (uint8_t)(RTC_B_SET | (binary ? RTC_B_BINARY : 0)));
			for (unsigned reg = 0; reg < RTC_A; reg++)
				set(b, (uint8_t)reg, (uint8_t)v);
			set(b, RTC_CENTURY, (uint8_t)v);
			set(b, RTC_B, RTC_B_24H | RTC_B_BINARY);
			assert_in_range(get(b, RTC_SECONDS), 0, 59);
			assert_in_range(get(b, RTC_MINUTES), 0, 59);
			assert_in_range(get(b, RTC_HOURS), 0, 23);
			assert_in_range(get(b, RTC_WEEKDAY), 1, 7);
			assert_in_range(get(b, RTC_DAY), 1, 31);
			assert_in_range(get(b, RTC_MONTH), 1, 12);
			assert_in_range(get(b, RTC_YEAR), 0, 99);
		}
	}
	/* What is out of range carries on. */
	set(b, RTC_B, RTC_B_24H | RTC_B_SET);
	set(b, RTC_CENTURY, 0x20);
	set(b, RTC_YEAR, 0x24);
	set(b, RTC_MONTH, 0x00);
	set(b, RTC_DAY, 0x01);
	set(b, RTC_HOURS, 0x00);
	set(b, RTC_B, RTC_B_24H);
	assert_date(b, 0x20, 0x23, 0x12, 0x01);
	set(b, RTC_MONTH, 0x13);
	assert_date(b, 0x20, 0x24, 0x01, 0x01);
	set(b, RTC_DAY, 0x32);
	assert_date(b, 0x20, 0x24, 0x02, 0x01);
	/* The far end. */
	b->rtc.regs.offset_s = -INT64_C(100000000000);
	b->now_ns += NS_PER_S;
	assert_date(b, 0x00, 0x01, 0x01, 0x01);
	assert_int_equal(get(b, RTC_WEEKDAY), 2);
}

static void interrupts_never_show(void **state)
{
	struct bench *b = *state;

	set(b, RTC_B, 0x70 | RTC_B_24H);
	assert_int_equal(get(b, RTC_B), 0x70 | RTC_B_24H);
	for (int i = 0; i < 5; i++) {
		b->now_ns += NS_PER_S;
		set(b, RTC_C, 0xff);
		assert_int_equal(get(b, RTC_C), 0);
	}
	set(b, RTC_D, 0);
	assert_int_equal(get(b, RTC_D), RTC_D_VALID);
}

static void cmos_ram_keeps(void **state)
{
	struct bench *b = *state;

	set(b, RTC_SHUTDOWN, 0x0a);
	for (unsigned reg = 0x40; reg < RTC_RAM_SIZE; reg++)
		set(b, (uint8_t)reg, (uint8_t)~reg);
	/* Bit 7 of the index masks NMI and selects nothing. */
	assert_int_equal(get(b, 0x80 | RTC_SHUTDOWN), 0x0a);
	for (unsigned reg = 0x40; reg < RTC_RAM_SIZE; reg++)
		assert_int_equal(get(b, (uint8_t)(0x80 | reg)), (uint8_t)~reg);
	/* Alarm fields are RAM too. */
	set(b, 0x01, 0xc0);
	assert_int_equal(get(b, 0x01), 0xc0);
}

static uint64_t get_le(struct rtc *r, uint8_t at, unsigned n)
{
	uint64_t v = 0;

	for (unsigned i = 0; i < n; i++) {
		out8(&r->dev, 0, (uint8_t)(at + i));
		v |= (uint64_t)in8(&r->dev, 1) << (8 * i);
	}
	return v;
}

static void ram_sizes(void **state)
{
	static const struct {
		uint64_t ram, base_kib, ext_kib, ext_64k, high_64k;
	} cases[] = {
		{64 * KIB, 64, 0, 0, 0},
		{MIB, 640, 0, 0, 0},
		{32 * MIB, 640, 31 * 1024, 256, 0},
		{64 * MIB, 640, 63 * 1024, 768, 0},
		{65 * MIB, 640, 0xffff, 784, 0}, /* 64 MiB above the first: one KiB too much for 16 bits */
		{128 * MIB, 640, 0xffff, 1792, 0},
		{3 * GIB, 640, 0xffff, 0xbf00, 0},
		{3 * GIB + 64 * KIB, 640, 0xffff, 0xbf00, 1},
		{5 * GIB, 640, 0xffff, 0xbf00, 0x8000},
		{1023 * GIB, 640, 0xffff, 0xbf00, 1020 * 0x4000},
		{UINT64_C(1) << 50, 640, 0xffff, 0xbf00, 0xffffff},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct rtc r;

		assert_int_equal(rtc_init(&r, cases[i].ram), 0);
		assert_int_equal(get_le(&r, 0x15, 2), cases[i].base_kib);
		assert_int_equal(get_le(&r, 0x17, 2), cases[i].ext_kib);
		assert_int_equal(get_le(&r, 0x30, 2), cases[i].ext_kib);
		assert_int_equal(get_le(&r, 0x34, 2), cases[i].ext_64k);
		assert_int_equal(get_le(&r, 0x5b, 3), cases[i].high_64k);
		rtc_destroy(&r);
	}
}

static void hosts_clock_is_the_default(void **state)
{
	struct rtc r;
	time_t before, after;
	struct tm tm = {0};

	assert_int_equal(rtc_init(&r, 32 * MIB), 0);
	out_wide(&r.dev, 0, (RTC_B_24H | RTC_B_BINARY) << 8 | RTC_B, 2);
	before = time(NULL);
	tm.tm_sec = (int)get_le(&r, RTC_SECONDS, 1);
	tm.tm_min = (int)get_le(&r, RTC_MINUTES, 1);
	tm.tm_hour = (int)get_le(&r, RTC_HOURS, 1);
	tm.tm_mday = (int)get_le(&r, RTC_DAY, 1);
	tm.tm_mon = (int)get_le(&r, RTC_MONTH, 1) - 1;
	tm.tm_year = (int)(get_le(&r, RTC_CENTURY, 1) * 100 + get_le(&r, RTC_YEAR, 1)) - 1900;
	after = time(NULL);
	assert_in_range(timegm(&tm), before - 1, after + 1);
	rtc_destroy(&r);
	rtc_destroy(NULL);
}

static void every_width_and_misalignment(void **state)
{
	struct bench *b = *state;

	set(b, 0x50, 0xab);
	/* Index and data in one write, which drivers do; the index does not read back. */
	out_wide(&b->rtc.dev, 0, 0xcd50, 2);
	assert_int_equal(in_wide(&b->rtc.dev, 0, 1), 0xff);
	assert_int_equal(in_wide(&b->rtc.dev, 0, 2), 0xcdff);
	assert_int_equal(in_wide(&b->rtc.dev, 0, 4), 0xffffcdff);
	assert_int_equal(in_wide(&b->rtc.dev, 0, 8), UINT64_C(0xffffffffffffcdff));
	assert_int_equal(in_wide(&b->rtc.dev, 1, 2), 0xffcd);
	assert_int_equal(in_wide(&b->rtc.dev, 1, 8), UINT64_C(0xffffffffffffffcd));
	assert_int_equal(in_wide(&b->rtc.dev, 2, 4), UINT32_MAX);
	out_wide(&b->rtc.dev, 0, UINT64_C(0x1122334455667750), 8);
	assert_int_equal(get(b, 0x50), 0x77);
	out_wide(&b->rtc.dev, 1, 0x1188, 2);
	assert_int_equal(get(b, 0x50), 0x88);
	out_wide(&b->rtc.dev, 2, 0x51, 4);
	assert_int_equal(in8(&b->rtc.dev, 1), 0x88);
}

#define BENCH_TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		BENCH_TEST(reset_state),
		BENCH_TEST(formats),
		BENCH_TEST(dates_agree_with_libc),
		BENCH_TEST(ends_of_years),
		BENCH_TEST(setting_and_reading_back),
		BENCH_TEST(set_clock_runs_on),
		BENCH_TEST(twelve_hour_clock_can_be_set),
		BENCH_TEST(fields_are_of_one_moment),
		BENCH_TEST(update_in_progress_is_short),
		BENCH_TEST(nonsense_is_some_date),
		BENCH_TEST(interrupts_never_show),
		BENCH_TEST(cmos_ram_keeps),
		cmocka_unit_test(ram_sizes),
		cmocka_unit_test(hosts_clock_is_the_default),
		BENCH_TEST(every_width_and_misalignment),
	};

	return run_group(tests);
}
