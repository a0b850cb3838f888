// SPDX-License-Identifier: Apache-2.0
/*
 * All small chips of the board under any sequence of guest accesses. The input is a program of 3-byte steps: chip,
 * width and direction; offset or time; a value.
 *
 * What must hold: events are raised exactly by the writes that the headers name; bytes behind no register are ones;
 * the clock shows a date that exists and a guest that sets one reads it back.
 */
#include <assert.h>
#include <stdlib.h>

#include "devices/debug_exit.h"
#include "devices/debugcon.h"
#include "devices/i8042.h"
#include "devices/marker.h"
#include "devices/pit.h"
#include "devices/power.h"
#include "devices/pvpanic.h"
#include "devices/rtc.h"
#include "tests/support/chip.h"
#include "tests/support/fuzz.h"
#include "vmm/base/clock.h"

#define NS_PER_S ((int64_t)NSEC_PER_SEC)

enum chip { I8042_DATA, I8042_CMD, RTC, POWER, PVPANIC, DEBUG_EXIT, DEBUGCON, PIT_TIMER, CHIPS };

FUZZ_COUNTS_OPERATIONS

struct bench {
	struct fake_events events;
	struct fake_host host;
	struct irq_line irq;
	struct i8042 i8042;
	struct pit pit;
	struct pit_host pit_host;
	unsigned pit_starts;
	struct rtc rtc;
	struct power power;
	struct pvpanic pvpanic;
	struct debug_exit debug_exit;
	struct debugcon debugcon;
	struct marker marker;
	struct marker_host marker_host;
	unsigned marks;
	struct device *chip[CHIPS];
	int64_t now_ns;
	size_t debugcon_bytes;
	bool button;
};

static const unsigned chip_size[CHIPS] = {
	1, 1, RTC_SIZE, POWER_SIZE, PVPANIC_SIZE, DEBUG_EXIT_SIZE, DEBUGCON_SIZE, PIT_TIMER_SIZE};

static int start_pit(struct pit_host *host, uint8_t control, uint8_t speaker)
{
	container_of(host, struct bench, pit_host)->pit_starts++;
	return 0;
}

static void on_mark(struct marker_host *h, const char *name)
{
	size_t n = strlen(name);

	assert(n > 0 && n < MARKER_ARGUMENT_MAX);
	for (size_t i = 0; i < n; i++)
		assert(name[i] > ' ' && name[i] < 0x7f);
	container_of(h, struct bench, marker_host)->marks++;
}

static bool is_busy(struct marker_host *h)
{
	return container_of(h, struct bench, marker_host)->now_ns & 1;
}

static bool is_ram(struct marker_host *h, uint64_t gpa, uint64_t size)
{
	return gpa < GIB && size <= GIB - gpa;
}

static int64_t fake_now(const struct rtc *r)
{
	return container_of(r, struct bench, rtc)->now_ns;
}

/* What a write has to raise, read off the headers: how many events, and the last one. */
static unsigned expect_events(
	const struct bench *b, enum chip chip, unsigned at, uint64_t value, unsigned len, enum guest_event *what)
{
	uint8_t v = (uint8_t)value;
	unsigned n = 0;

	switch (chip) {
	case I8042_DATA: *what = GUEST_RESET; return at == 0 && b->i8042.regs.command == 0xd1 && !(v & 1);
	case I8042_CMD: *what = GUEST_RESET; return at == 0 && v >= 0xf0 && !(v & 1);
	case POWER:
		for (unsigned i = 0; i < len; i++) {
			v = (uint8_t)(value >> (8 * i));
			if (at + i == POWER_SLEEP_CONTROL && (v & 0x3c) == 0x34) {
				*what = GUEST_POWEROFF;
				n++;
			} else if (at + i == POWER_RESET && v == POWER_RESET_VALUE) {
				*what = GUEST_RESET;
				n++;
			}
		}
		return n;
	case PVPANIC:
		*what = v & PVPANIC_PANICKED ? GUEST_PANIC : GUEST_CRASH_LOADED;
		return at == 0 && (v & PVPANIC_EVENTS);
	case DEBUG_EXIT: *what = GUEST_DEBUG_EXIT; return 1;
	default: return 0;
	}
}

static void guest_write(struct bench *b, enum chip chip, unsigned at, uint64_t value, unsigned len)
{
	enum guest_event what = GUEST_POWEROFF;
	unsigned n = expect_events(b, chip, at, value, len, &what);

	b->events.nr = 0;
	out_wide(b->chip[chip], at, value, len);
	assert(b->events.nr == n);
	assert(!n || b->events.what == what);
	if (chip == DEBUG_EXIT)
		assert(b->events.value == (value & ones(len)));
	if (chip == DEBUGCON)
		b->debugcon_bytes += len;
	assert(b->host.nr_out + b->host.lost == b->debugcon_bytes);
	assert(b->pit_starts == (b->pit.regs.asked ? 1 : 0) && (chip != PIT_TIMER || b->pit.regs.asked));
}

static void guest_read(struct bench *b, enum chip chip, unsigned at, unsigned len)
{
	uint64_t v;

	b->events.nr = 0;
	v = in_wide(b->chip[chip], at, len);
	assert(b->events.nr == 0);
	if (chip == DEBUGCON)
		assert(v == (UINT64_C(0xe9e9e9e9e9e9e9e9) & ones(len)));
	else if (chip == DEBUG_EXIT)
		assert(v == ones(len));
	else
		for (unsigned i = 0; i < len; i++)
			assert(at + i < chip_size[chip] || ((v >> (8 * i)) & 0xff) == 0xff);
	if (chip == I8042_CMD && at == 0) {
		assert(!(v & 0x22)); /* never busy, never the auxiliary port */
		assert(!(v & 1) == !(b->i8042.regs.queued || b->i8042.regs.junk));
	}
	if (chip == POWER && at <= POWER_EVENT && at + len > POWER_EVENT) {
		assert(((v >> (8 * (POWER_EVENT - at))) & 0xff) == (b->button ? POWER_EVENT_BUTTON : 0));
		b->button = false;
	}
}

static uint8_t rtc_get(struct bench *b, uint8_t reg)
{
	out8(&b->rtc.dev, 0, reg);
	return in8(&b->rtc.dev, 1);
}

static void rtc_set(struct bench *b, uint8_t reg, uint8_t value)
{
	out8(&b->rtc.dev, 0, reg);
	out8(&b->rtc.dev, 1, value);
}

/* Whatever the guest did to it: in binary, 24 hours, it tells a date; that date set again is the same one. */
static void check_clock(struct bench *b)
{
	static const uint8_t field[] = {RTC_SECONDS, RTC_MINUTES, RTC_HOURS, RTC_DAY, RTC_MONTH, RTC_YEAR, RTC_CENTURY};
	static const uint8_t lo[] = {0, 0, 0, 1, 1, 0, 0}, hi[] = {59, 59, 23, 31, 12, 99, 99};
	uint8_t value[ARRAY_SIZE(field)];

	rtc_set(b, RTC_B, RTC_B_24H | RTC_B_BINARY);
	for (size_t i = 0; i < ARRAY_SIZE(field); i++) {
		value[i] = rtc_get(b, field[i]);
		assert(value[i] >= lo[i] && value[i] <= hi[i]);
	}
	/* Five digits of year do not survive, and year 0 has no date. */
	if (value[5] + value[6] == 0 || b->rtc.regs.offset_s > INT64_C(250000000000) - b->now_ns / NS_PER_S)
		return;
	rtc_set(b, RTC_B, RTC_B_SET | RTC_B_24H | RTC_B_BINARY);
	for (size_t i = 0; i < ARRAY_SIZE(field); i++)
		rtc_set(b, field[i], value[i]);
	b->now_ns += 3 * NS_PER_S;
	rtc_set(b, RTC_B, RTC_B_24H | RTC_B_BINARY);
	for (size_t i = 0; i < ARRAY_SIZE(field); i++)
		assert(rtc_get(b, field[i]) == value[i]);
	assert(rtc_get(b, RTC_D) == RTC_D_VALID);
}

/* In place of a chip without registers: names, commands and answers, in lives that begin at any time. */
static void use_marker(struct bench *b, unsigned at, uint64_t value, unsigned len, bool write)
{
	static const uint8_t word[] = "word";
	struct marker_life life = {.restored = true, .clone = 1, .clones = 2, .word = word, .word_size = at};
	unsigned marks = b->marks;
	uint64_t gpa, size;
	uint64_t left = in_wide(&b->marker.dev, MARKER_LEFT, 4), now;

	if (!write) {
		in_wide(&b->marker.dev, at, len);
		now = in_wide(&b->marker.dev, MARKER_LEFT, 4);
		assert(now <= left && left - now <= len && b->marks == marks);
		return;
	}
	if (value % 9 == 8 && at <= sizeof(word))
		marker_begin(&b->marker, &life);
	out_wide(&b->marker.dev, at, at == MARKER_CONTROL ? value % 9 : value, len);
	assert(b->marks == marks || (b->marks == marks + 1 && at == MARKER_CONTROL && value % 9 == MARKER_MARK));
	assert(in_wide(&b->marker.dev, MARKER_LEFT, 4) <= MARKER_WORD_MAX);
	size = marker_buffer(&b->marker, &gpa);
	assert(!size || is_ram(&b->marker_host, gpa, size));
}

static void step(struct bench *b, uint8_t what, uint8_t arg, uint8_t value)
{
	enum chip chip = (what & 7) % CHIPS;
	unsigned len = 1U << (what >> 6), at = arg % (chip_size[chip] + 2);
	uint64_t wide = value | (uint64_t)arg << 8 | (uint64_t)value << 16 | (uint64_t)arg << 56;

	if (chip == DEBUG_EXIT && ((what >> 3 & 7) == 2 || (what >> 3 & 7) == 4)) {
		use_marker(b, arg % (MARKER_SIZE + 2), wide, len, (what >> 3 & 7) == 2);
		return;
	}
	switch (what >> 3 & 7) {
	case 0:
	case 1:
	case 2: guest_write(b, chip, at, wide, len); break;
	case 3:
	case 4: guest_read(b, chip, at, len); break;
	case 5: b->now_ns += (int64_t)arg * value * 1000003 - 1000000000; break;
	case 6: b->host.room = arg; break;
	case 7:
		power_press_button(&b->power);
		assert(irq_take(&b->irq));
		b->button = true;
		break;
	}
	b->now_ns = MAX(b->now_ns, 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bench *b = calloc(1, sizeof(*b));

	if (!b || irq_line_init(&b->irq))
		abort();
	b->events = (struct fake_events)FAKE_EVENTS;
	fake_host_init(&b->host);
	b->now_ns = INT64_C(1700000000) * NS_PER_S;
	if (i8042_init(&b->i8042, &b->events.events) || rtc_init(&b->rtc, 5 * GIB) ||
		power_init(&b->power, &b->irq, &b->events.events) || pvpanic_init(&b->pvpanic, &b->events.events) ||
		debug_exit_init(&b->debug_exit, &b->events.events) || debugcon_init(&b->debugcon, &b->host.host) ||
		pit_init(&b->pit, &b->pit_host) || marker_init(&b->marker, &b->marker_host))
		abort();
	b->rtc.now = fake_now;
	b->pit_host.start = start_pit;
	b->marker_host = (struct marker_host){.mark = on_mark, .busy = is_busy, .is_ram = is_ram};
	b->chip[I8042_DATA] = &b->i8042.data;
	b->chip[I8042_CMD] = &b->i8042.cmd;
	b->chip[RTC] = &b->rtc.dev;
	b->chip[POWER] = &b->power.dev;
	b->chip[PVPANIC] = &b->pvpanic.dev;
	b->chip[DEBUG_EXIT] = &b->debug_exit.dev;
	b->chip[DEBUGCON] = &b->debugcon.dev;
	b->chip[PIT_TIMER] = &b->pit.timer;
	for (size_t i = 0; i + 3 <= size; i += 3, fuzz_operations++)
		step(b, data[i], data[i + 1], data[i + 2]);
	check_clock(b);
	i8042_destroy(&b->i8042);
	rtc_destroy(&b->rtc);
	power_destroy(&b->power);
	debugcon_destroy(&b->debugcon);
	pit_destroy(&b->pit);
	marker_destroy(&b->marker);
	irq_line_destroy(&b->irq);
	free(b);
	return 0;
}
