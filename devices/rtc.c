// SPDX-License-Identifier: Apache-2.0
/*
 * Theory of operation. The time fields in `ram` are a snapshot: it is taken when the guest reads the seconds, or reads
 * another field when the last snapshot is older than FIELDS_LIFE_NS. Drivers read the seconds first, so all fields that
 * they read belong to one moment, however slow they are, although the clock does not stop for them.
 *
 * Setting the time does not touch the host's clock: it changes the offset. While the guest sets RTC_B_SET the fields
 * are plain RAM; when it clears the bit they are converted to a date. Any content (month 0, BCD digits above 9) is
 * converted to some date: out-of-range fields carry into the next larger one.
 *
 * The calendar is computed here, since libc's gmtime() and timegm() open the time zone file, which a sandboxed process
 * must not do.
 */
#include "devices/rtc.h"

#include <string.h>

#include "vmm/base/board.h"
#include "vmm/base/clock.h"
#include "vmm/base/util.h"

#define NS_PER_S         ((int64_t)NSEC_PER_SEC) /* dates are signed */
#define FIELDS_LIFE_NS   (50 * (int64_t)NSEC_PER_MSEC)
#define FIELDS_STALE     INT64_MIN
#define SECONDS_PER_DAY  INT64_C(86400)
#define DAYS_BEFORE_1970 719162 /* from the first day of year 1 */
#define BASE_KIB         640
#define OFFSET_MAX_S     INT64_C(1000000000000) /* 31,000 years; the fields hold 26,000 */
#define RTC_DIVIDER_HELD 0x60                   /* register A: both bits set hold the divider in reset */
#define PS2_CENTURY      0x37                   /* where a PS/2 has the century */

struct date {
	int64_t year; /* at least 1 */
	int month;    /* 1 to 12 */
	int day;      /* 1 to 31 */
	int weekday;  /* 1 is Sunday */
	int hour, minute, second;
};

static bool is_leap(int64_t year)
{
	return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

static int days_in_month(int64_t year, int month)
{
	static const uint8_t days[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

	return days[month - 1] + (month == 2 && is_leap(year));
}

static struct date date_of(int64_t seconds)
{
	struct date d = {.month = 1};
	int64_t days, years;

	/* Only an offset that the guest made up itself gets before year 1. */
	seconds = MAX(seconds + DAYS_BEFORE_1970 * SECONDS_PER_DAY, 0);
	days = seconds / SECONDS_PER_DAY;
	seconds %= SECONDS_PER_DAY;
	d.hour = (int)(seconds / 3600);
	d.minute = (int)(seconds / 60 % 60);
	d.second = (int)(seconds % 60);
	d.weekday = (int)((days + 1) % 7) + 1; /* the first day of year 1 was a Monday */

	/* Cycles of 400, 100, 4 and 1 years; the last of the shorter ones is a day longer. */
	d.year = 1 + 400 * (days / 146097);
	days %= 146097;
	years = MIN(days / 36524, 3);
	d.year += 100 * years;
	days -= 36524 * years;
	d.year += 4 * (days / 1461);
	days %= 1461;
	years = MIN(days / 365, 3);
	d.year += years;
	days -= 365 * years;
	while (days >= days_in_month(d.year, d.month))
		days -= days_in_month(d.year, d.month++);
	d.day = (int)days + 1;
	return d;
}

/* The inverse; takes fields that are out of range. */
static int64_t seconds_of(struct date d)
{
	int64_t before, days;

	d.year += (d.month + 11) / 12 - 1;
	d.month = (d.month + 11) % 12 + 1;
	d.year = MAX(d.year, 1);
	before = d.year - 1;
	days = 365 * before + before / 4 - before / 100 + before / 400 - DAYS_BEFORE_1970 + d.day - 1;
	for (int m = 1; m < d.month; m++)
		days += days_in_month(d.year, m);
	return days * SECONDS_PER_DAY + d.hour * 3600 + d.minute * 60 + d.second;
}

static uint8_t encode(const struct rtc_regs *r, int64_t value)
{
	value %= 100;
	return (uint8_t)(r->ram[RTC_B] & RTC_B_BINARY ? value : (value / 10) << 4 | value % 10);
}

static int decode(const struct rtc_regs *r, uint8_t field)
{
	return r->ram[RTC_B] & RTC_B_BINARY ? field : (field >> 4) * 10 + (field & 0x0f);
}

static uint8_t encode_hour(const struct rtc_regs *r, int hour)
{
	if (r->ram[RTC_B] & RTC_B_24H)
		return encode(r, hour);
	return encode(r, hour % 12 ? hour % 12 : 12) | (hour >= 12 ? RTC_HOURS_PM : 0);
}

static int decode_hour(const struct rtc_regs *r, uint8_t field)
{
	if (r->ram[RTC_B] & RTC_B_24H)
		return decode(r, field);
	return decode(r, field & (uint8_t)~RTC_HOURS_PM) % 12 + (field & RTC_HOURS_PM ? 12 : 0);
}

/* Takes the snapshot. */
static void load_fields(struct rtc_regs *r, int64_t now_ns)
{
	struct date d = date_of(now_ns / NS_PER_S + r->offset_s);

	r->ram[RTC_SECONDS] = encode(r, d.second);
	r->ram[RTC_MINUTES] = encode(r, d.minute);
	r->ram[RTC_HOURS] = encode_hour(r, d.hour);
	r->ram[RTC_WEEKDAY] = encode(r, d.weekday);
	r->ram[RTC_DAY] = encode(r, d.day);
	r->ram[RTC_MONTH] = encode(r, d.month);
	r->ram[RTC_YEAR] = encode(r, d.year);
	r->ram[RTC_CENTURY] = r->ram[PS2_CENTURY] = encode(r, d.year / 100);
	r->fields_ns = now_ns;
}

/* The fields are the guest's time from now on. */
static void store_fields(struct rtc_regs *r, int64_t now_ns)
{
	struct date d = {
		.year = 100 * decode(r, r->ram[RTC_CENTURY]) + decode(r, r->ram[RTC_YEAR]),
		.month = decode(r, r->ram[RTC_MONTH]),
		.day = decode(r, r->ram[RTC_DAY]),
		.hour = decode_hour(r, r->ram[RTC_HOURS]),
		.minute = decode(r, r->ram[RTC_MINUTES]),
		.second = decode(r, r->ram[RTC_SECONDS]),
	};

	r->offset_s = seconds_of(d) - now_ns / NS_PER_S;
	r->fields_ns = FIELDS_STALE;
}

static bool is_field(uint8_t index)
{
	switch (index) {
	case RTC_SECONDS:
	case RTC_MINUTES:
	case RTC_HOURS:
	case RTC_WEEKDAY:
	case RTC_DAY:
	case RTC_MONTH:
	case RTC_YEAR:
	case RTC_CENTURY:
	case PS2_CENTURY: return true;
	default: return false;
	}
}

static bool is_fresh(const struct rtc_regs *r, int64_t now_ns)
{
	return r->fields_ns != FIELDS_STALE && now_ns >= r->fields_ns && now_ns - r->fields_ns < FIELDS_LIFE_NS;
}

static uint8_t read_data(struct rtc *rtc)
{
	struct rtc_regs *r = &rtc->regs;
	bool set = r->ram[RTC_B] & RTC_B_SET;
	bool held = (r->ram[RTC_A] & RTC_DIVIDER_HELD) == RTC_DIVIDER_HELD;
	int64_t now_ns;

	if (set || (!is_field(r->index) && r->index != RTC_A))
		return r->ram[r->index];
	now_ns = rtc->now(rtc);
	if (r->index == RTC_A)
		return r->ram[RTC_A] | (!held && now_ns % NS_PER_S >= NS_PER_S - RTC_UIP_NS ? RTC_A_UIP : 0);
	if (r->index == RTC_SECONDS || !is_fresh(r, now_ns))
		load_fields(r, now_ns);
	return r->ram[r->index];
}

static void write_b(struct rtc *rtc, uint8_t value)
{
	struct rtc_regs *r = &rtc->regs;
	bool was_set = r->ram[RTC_B] & RTC_B_SET;
	bool set = value & RTC_B_SET;

	if (set && !was_set)
		load_fields(r, rtc->now(rtc));
	r->ram[RTC_B] = value;
	if (!set && was_set)
		store_fields(r, rtc->now(rtc));
	if (!set)
		r->fields_ns = FIELDS_STALE; /* the format may have changed */
}

static void write_field(struct rtc *rtc, uint8_t value)
{
	struct rtc_regs *r = &rtc->regs;
	bool set = r->ram[RTC_B] & RTC_B_SET;
	uint8_t at = r->index == PS2_CENTURY ? RTC_CENTURY : r->index;

	if (set) {
		r->ram[at] = value;
		r->ram[PS2_CENTURY] = r->ram[RTC_CENTURY];
		return;
	}
	load_fields(r, rtc->now(rtc));
	r->ram[at] = value;
	store_fields(r, rtc->now(rtc));
}

static void write_data(struct rtc *rtc, uint8_t value)
{
	struct rtc_regs *r = &rtc->regs;

	if (is_field(r->index)) {
		write_field(rtc, value);
		return;
	}
	switch (r->index) {
	case RTC_A: r->ram[RTC_A] = value & (uint8_t)~RTC_A_UIP; break;
	case RTC_B: write_b(rtc, value); break;
	case RTC_C:
	case RTC_D: break; /* read-only */
	default: r->ram[r->index] = value; break;
	}
}

static void rtc_read(struct device *dev, uint64_t offset, void *data, unsigned len)
{
	struct rtc *r = container_of(dev, struct rtc, dev);
	uint8_t *byte = data;

	pthread_mutex_lock(&r->lock);
	for (unsigned i = 0; i < len; i++)
		byte[i] = offset + i == 1 ? read_data(r) : 0xff; /* the index register is write-only */
	pthread_mutex_unlock(&r->lock);
}

static void rtc_write(struct device *dev, uint64_t offset, const void *data, unsigned len)
{
	struct rtc *r = container_of(dev, struct rtc, dev);
	const uint8_t *byte = data;

	pthread_mutex_lock(&r->lock);
	for (unsigned i = 0; i < len; i++) {
		if (offset + i == 0)
			r->regs.index = byte[i] % RTC_RAM_SIZE;
		else if (offset + i == 1)
			write_data(r, byte[i]);
	}
	pthread_mutex_unlock(&r->lock);
}

static int64_t host_now(const struct rtc *r)
{
	return (int64_t)clock_ns(CLOCK_REALTIME);
}

static void put_le(struct rtc_regs *r, enum rtc_reg at, unsigned bytes, uint64_t value)
{
	value = MIN(value, BIT(8 * bytes) - 1);
	for (unsigned i = 0; i < bytes; i++)
		r->ram[at + i] = (uint8_t)(value >> (8 * i));
}

static void put_ram_size(struct rtc_regs *r, uint64_t ram_size)
{
	uint64_t low = MIN(ram_size, BOARD_HOLE_START);

	put_le(r, RTC_BASE_KIB, 2, MIN(low / KIB, BASE_KIB));
	put_le(r, RTC_EXT_KIB, 2, low > MIB ? (low - MIB) / KIB : 0);
	put_le(r, RTC_EXT_KIB_POST, 2, low > MIB ? (low - MIB) / KIB : 0);
	put_le(r, RTC_EXT_64K, 2, low > 16 * MIB ? (low - 16 * MIB) / (64 * KIB) : 0);
	put_le(r, RTC_HIGH_64K, 3, (ram_size - low) / (64 * KIB));
}

int rtc_init(struct rtc *r, uint64_t ram_size)
{
	static const struct device_ops ops = {.read = rtc_read, .write = rtc_write};

	*r = (struct rtc){.dev = {.ops = &ops, .name = "rtc"}, .now = host_now, .regs = {.fields_ns = FIELDS_STALE}};
	r->regs.ram[RTC_A] = RTC_A_DIVIDER;
	r->regs.ram[RTC_B] = RTC_B_24H;
	r->regs.ram[RTC_D] = RTC_D_VALID;
	put_ram_size(&r->regs, ram_size);
	return -pthread_mutex_init(&r->lock, NULL);
}

void rtc_destroy(struct rtc *r)
{
	if (r)
		pthread_mutex_destroy(&r->lock);
}

static const struct state_field rtc_fields[] = {
	STATE_UP_TO(struct rtc_regs, index, RTC_RAM_SIZE - 1),
	STATE_ARRAY(struct rtc_regs, ram),
	STATE_FIELD(struct rtc_regs, offset_s),
};
STATE_TABLE(rtc_state, "rtc", rtc_fields);

COLD void rtc_save(struct rtc *rtc, struct state_writer *w)
{
	pthread_mutex_lock(&rtc->lock);
	state_put(w, &rtc_state, 0, &rtc->regs);
	pthread_mutex_unlock(&rtc->lock);
}

COLD int rtc_restore(struct rtc *rtc, struct state_reader *r, struct err *e)
{
	struct rtc_regs regs = {.fields_ns = FIELDS_STALE};
	int ret = state_get(r, &rtc_state, 0, &regs, e);

	if (ret < 0)
		return ret;
	if (regs.offset_s < -OFFSET_MAX_S || regs.offset_s > OFFSET_MAX_S)
		return state_refuse(e, &rtc_state, 0, "a time that no date sets");
	regs.ram[RTC_A] &= (uint8_t)~RTC_A_UIP;
	pthread_mutex_lock(&rtc->lock);
	rtc->regs = regs;
	pthread_mutex_unlock(&rtc->lock);
	return 0;
}
