// SPDX-License-Identifier: Apache-2.0
/*
 * The chips of the board, saved and restored into others: each goes on where the first one was, and takes no state that
 * its registers could not have come to. Every test changes a chip as a driver does, and looks at the second one as a
 * driver does.
 */
#include <errno.h>
#include <linux/serial_reg.h>
#include <string.h>

#include "devices/i8042.h"
#include "devices/pit.h"
#include "devices/pm1.h"
#include "devices/pmtimer.h"
#include "devices/power.h"
#include "devices/rtc.h"
#include "devices/uart16550.h"
#include "tests/support/chip.h"
#include "tests/support/locks.h"
#include "tests/support/unit.h"

/** struct mainboard - one of everything */
struct mainboard {
	struct irq_line irq;
	struct fake_host host;
	struct fake_events events;
	struct uart uart;
	struct i8042 i8042;
	struct pit pit;
	struct pit_host pit_host;
	unsigned pit_starts;
	struct rtc rtc;
	int64_t rtc_ns;
	struct pm1 pm1;
	struct pmtimer pmtimer;
	struct pmtimer_host pmtimer_host;
	uint64_t pmtimer_ns;
	struct power power;
};

static struct mainboard from, to;
static uint8_t bytes[4096];

static int start_pit(struct pit_host *host, uint8_t control, uint8_t speaker)
{
	container_of(host, struct mainboard, pit_host)->pit_starts++;
	return 0;
}

static int64_t rtc_now(const struct rtc *r)
{
	return container_of(r, struct mainboard, rtc)->rtc_ns;
}

static bool no_clock(struct pmtimer_host *host)
{
	return false;
}

static uint64_t pmtimer_now(const struct pmtimer *t)
{
	return container_of(t, struct mainboard, pmtimer)->pmtimer_ns;
}

/* The state is read under the chip's lock, for which a vCPU that writes a register waits. */
static unsigned taken_before;
static bool put_unlocked;

void __real_state_put(struct state_writer *w, const struct state_table *table, uint32_t index, const void *from_);
void __wrap_state_put(struct state_writer *w, const struct state_table *table, uint32_t index, const void *from_);
void __wrap_state_put(struct state_writer *w, const struct state_table *table, uint32_t index, const void *from_)
{
	put_unlocked |= locks_held() != 1;
	__real_state_put(w, table, index, from_);
}

static void begin_locks(void)
{
	taken_before = locks_taken();
	put_unlocked = false;
}

static void assert_locks(const char *what)
{
	unsigned taken = locks_taken() - taken_before;

	if (put_unlocked || locks_held() || taken != 1)
		fail_msg("%s: locks: %u taken, %u kept%s", what, taken, locks_held(),
			put_unlocked ? ", none at state_put()" : "");
}

static void make(struct mainboard *b)
{
	*b = (struct mainboard){.pit_host.start = start_pit, .pmtimer_host.has_clock = no_clock, .events = FAKE_EVENTS};
	fake_host_init(&b->host);
	assert_int_equal(irq_line_init(&b->irq), 0);
	assert_int_equal(uart_init(&b->uart, &b->irq, &b->host.host), 0);
	assert_int_equal(i8042_init(&b->i8042, &b->events.events), 0);
	assert_int_equal(pit_init(&b->pit, &b->pit_host), 0);
	assert_int_equal(rtc_init(&b->rtc, 64 * MIB), 0);
	assert_int_equal(pm1_init(&b->pm1, &b->events.events), 0);
	assert_int_equal(pmtimer_init(&b->pmtimer, &b->pmtimer_host), 0);
	assert_int_equal(power_init(&b->power, &b->irq, &b->events.events), 0);
	b->rtc.now = rtc_now;
	b->rtc_ns = INT64_C(1800000000) * 1000000000; /* 2027-01-15 08:00:00 */
	b->pmtimer.now = pmtimer_now;
	b->pmtimer_ns = 5000000000;
}

static void drop(struct mainboard *b)
{
	uart_destroy(&b->uart);
	i8042_destroy(&b->i8042);
	pit_destroy(&b->pit);
	rtc_destroy(&b->rtc);
	pm1_destroy(&b->pm1);
	pmtimer_destroy(&b->pmtimer);
	power_destroy(&b->power);
	irq_line_destroy(&b->irq);
}

static int set_up(void **state)
{
	make(&from);
	make(&to);
	return 0;
}

static int tear_down(void **state)
{
	drop(&from);
	drop(&to);
	return 0;
}

/* Saves a chip of `from` and restores it into the one of `to`; saved again, that one is the same. */
#define MOVE(chip)                                                                                                     \
	do {                                                                                                           \
		struct state_writer w_ = {.data = bytes, .size = sizeof(bytes) / 2}, again_;                           \
		struct err e_ = {};                                                                                    \
		begin_locks();                                                                                         \
		chip##_save(&from.chip, &w_);                                                                          \
		assert_locks(#chip "_save");                                                                           \
		begin_locks();                                                                                         \
		if (chip##_restore(&to.chip, &(struct state_reader){.data = bytes, .size = w_.used}, &e_) < 0)         \
			fail_msg("%s", e_.text);                                                                       \
		assert_locks(#chip "_restore");                                                                        \
		again_ = (struct state_writer){.data = bytes + w_.used, .size = w_.used};                              \
		chip##_save(&to.chip, &again_);                                                                        \
		assert_int_equal(again_.used, w_.used);                                                                \
		assert_memory_equal(bytes, bytes + w_.used, w_.used);                                                  \
	} while (0)

/* A chip with such registers can be saved, but no chip accepts the state. */
#define REFUSED(chip, words, ...)                                                                                      \
	do {                                                                                                           \
		struct state_writer w_ = {.data = bytes, .size = sizeof(bytes)};                                       \
		struct chip##_regs before_;                                                                            \
		struct err e_ = {};                                                                                    \
		memcpy(&before_, &to.chip.regs, sizeof(before_));                                                      \
		from.chip.regs = (struct chip##_regs){__VA_ARGS__};                                                    \
		chip##_save(&from.chip, &w_);                                                                          \
		assert_int_equal(                                                                                      \
			chip##_restore(&to.chip, &(struct state_reader){.data = bytes, .size = w_.used}, &e_),         \
			-EINVAL);                                                                                      \
		if (!strstr(e_.text, words))                                                                           \
			fail_msg("\"%s\" is not in \"%s\"", words, e_.text);                                           \
		assert_memory_equal(&before_, &to.chip.regs, sizeof(before_));                                         \
	} while (0)

/* --- Serial port ------------------------------------------------------------------------------------------------- */

static void listen_with_fifos(struct uart *u)
{
	out8(&u->dev, UART_FCR, UART_FCR_ENABLE_FIFO | UART_FCR_R_TRIG_10);
	out8(&u->dev, UART_MCR, UART_MCR_OUT2 | UART_MCR_RTS | UART_MCR_DTR);
	out8(&u->dev, UART_IER, UART_IER_RDI | UART_IER_RLSI);
}

static void uart_registers(void **state)
{
	struct device *a = &from.uart.dev, *b = &to.uart.dev;

	listen_with_fifos(&from.uart);
	out8(a, UART_SCR, 0x5d);
	out8(a, UART_LCR, UART_LCR_DLAB | UART_LCR_WLEN8);
	out8(a, UART_DLL, 0x12);
	out8(a, UART_DLM, 0x34);
	MOVE(uart);
	for (unsigned reg = 0; reg < UART_SIZE; reg++)
		assert_int_equal(in8(b, reg), in8(a, reg));
	out8(b, UART_LCR, UART_LCR_WLEN8);
	assert_int_equal(in8(b, UART_IER), UART_IER_RDI | UART_IER_RLSI);
	assert_int_equal(in8(b, UART_MCR), UART_MCR_OUT2 | UART_MCR_RTS | UART_MCR_DTR);
}

/* What was typed and not read is read from the other one, BREAK and all, and it interrupts there. */
static void uart_input_that_nobody_has_read(void **state)
{
	struct device *b = &to.uart.dev;

	listen_with_fifos(&from.uart);
	assert_int_equal(from.uart.guest.rx(&from.uart.guest, (const uint8_t *)"ab", 2), 2);
	assert_int_equal(from.uart.guest.rx_break(&from.uart.guest), 0);
	assert_true(irq_take(&from.irq));
	assert_false(irq_take(&to.irq));
	MOVE(uart);
	assert_true(irq_take(&to.irq));
	assert_int_equal(in8(b, UART_RX), 'a');
	assert_int_equal(in8(b, UART_LSR) & (UART_LSR_DR | UART_LSR_BI), UART_LSR_DR);
	assert_int_equal(in8(b, UART_RX), 'b');
	assert_int_equal(in8(b, UART_LSR) & (UART_LSR_DR | UART_LSR_BI), UART_LSR_DR | UART_LSR_BI);
	/* Its host is notified of free space when that has gone, and not before. */
	assert_int_equal(to.host.rx_rooms, 0);
	assert_int_equal(in8(b, UART_RX), 0);
	assert_int_equal(to.host.rx_rooms, 1);
}

/* Bytes that the first host has not accepted go to the second one. */
static void uart_output_that_nobody_has_taken(void **state)
{
	struct device *a = &from.uart.dev, *b = &to.uart.dev;

	out8(a, UART_FCR, UART_FCR_ENABLE_FIFO);
	from.host.room = 1;
	for (const char *c = "hello"; *c; c++)
		out8(a, UART_TX, (uint8_t)*c);
	assert_int_equal(in8(a, UART_LSR) & UART_LSR_THRE, 0);
	to.host.room = 2;
	{
		struct state_writer w = {.data = bytes, .size = sizeof(bytes)};
		struct state_reader r;

		uart_save(&from.uart, &w);
		r = (struct state_reader){.data = bytes, .size = w.used};
		assert_int_equal(uart_restore(&to.uart, &r, NULL), 0);
	}
	assert_memory_equal(to.host.out, "el", 2);
	assert_int_equal(in8(b, UART_LSR) & UART_LSR_THRE, 0);
	to.host.room = 10;
	to.uart.guest.tx_room(&to.uart.guest);
	assert_int_equal(to.host.nr_out, 4);
	assert_memory_equal(to.host.out, "ello", 4);
	assert_int_equal(in8(b, UART_LSR) & UART_LSR_THRE, UART_LSR_THRE);
	assert_int_equal(to.host.lost, 0);
}

/* The transmitter is empty, and the driver waits for the interrupt that says so. */
static void uart_interrupt_that_may_be_lost(void **state)
{
	out8(&from.uart.dev, UART_MCR, UART_MCR_OUT2);
	out8(&from.uart.dev, UART_IER, UART_IER_THRI);
	MOVE(uart);
	assert_true(irq_take(&to.irq));
	assert_int_equal(in8(&to.uart.dev, UART_IIR) & UART_IIR_ID, UART_IIR_THRI);
	/* Once answered it is low, here as there. */
	irq_take(&to.irq);
	in8(&from.uart.dev, UART_IIR);
	MOVE(uart);
	assert_false(irq_take(&to.irq));
}

/* A port without a line stays one that is polled, whatever the other one was. */
static void uart_line_is_the_boards(void **state)
{
	struct irq_line none = {.fd = -1};
	struct state_writer w = {.data = bytes, .size = sizeof(bytes)};
	struct state_reader r;

	uart_save(&from.uart, &w);
	r = (struct state_reader){.data = bytes, .size = w.used};
	to.uart.irq = &none;
	assert_int_equal(uart_restore(&to.uart, &r, NULL), 0);
	assert_true(to.uart.regs.polled_only);
	to.uart.irq = &to.irq;
}

static void uart_impossible(void **state)
{
	listen_with_fifos(&to.uart);
	REFUSED(uart, "ier is 0x10", .ier = 0x10);
	REFUSED(uart, "mcr is 0x20", .mcr = 0x20);
	REFUSED(uart, "idle_polls is", .idle_polls = UART_POLLS + 1);
	REFUSED(uart, "burst is", .burst = UART_FIFO_DEPTH + 1);
	REFUSED(uart, "trigger level", .fcr = UART_FCR_TRIGGER_MASK);
	REFUSED(uart, "trigger level", .fcr = UART_FCR_ENABLE_FIFO | UART_FCR_CLEAR_RCVR);
	REFUSED(uart, "more input", .rx.count = 2);
	REFUSED(uart, "rx.count is 0x11", .fcr = UART_FCR_ENABLE_FIFO, .rx.count = 17);
	REFUSED(uart, "wire.count is 0x11", .wire.count = 17);
	REFUSED(uart, "tx.count is 0x11", .tx.count = 17);
	REFUSED(uart, "rx.head is 0x10", .rx.head = 16);
	REFUSED(uart, "wire.head is 0x10", .wire.head = 16);
	REFUSED(uart, "tx.head is 0x10", .tx.head = 16);
	REFUSED(uart, "BREAK", .rx.brk = 1);
	REFUSED(uart, "BREAK", .wire = {.head = 15, .count = 2, .brk = 2});
	REFUSED(uart, "BREAK", .tx = {.count = 1, .brk = 1});
}

/* --- The others --------------------------------------------------------------------------------------------------- */

static void i8042_answers(void **state)
{
	out8(&from.i8042.cmd, 0, 0x60); /* the command byte comes next */
	out8(&from.i8042.data, 0, 0x74);
	out8(&from.i8042.data, 0, 0xff); /* keyboard, reset: two bytes of answer */
	MOVE(i8042);
	assert_int_equal(in8(&to.i8042.data, 0), 0xfa);
	assert_int_equal(in8(&to.i8042.data, 0), 0xaa);
	out8(&to.i8042.cmd, 0, 0x20);
	assert_int_equal(in8(&to.i8042.data, 0), 0x64); /* talking to the keyboard has switched it on */
}

/* In the middle of a command: its data byte goes to the other one. */
static void i8042_command_that_waits(void **state)
{
	out8(&from.i8042.cmd, 0, 0xd1);
	MOVE(i8042);
	out8(&to.i8042.data, 0, 0xfe);
	assert_event(&to.events, GUEST_RESET, GUEST_RESET_I8042);
	assert_int_equal(from.events.nr, 0);
}

static void i8042_junk(void **state)
{
	for (unsigned i = 0; i < 250; i++)
		in8(&from.i8042.data, 0);
	MOVE(i8042);
	for (unsigned i = 0; i < I8042_JUNK_BYTES - 250; i++) {
		assert_true(in8(&to.i8042.cmd, 0) & 1);
		in8(&to.i8042.data, 0);
	}
	assert_false(in8(&to.i8042.cmd, 0) & 1);
}

static void i8042_impossible(void **state)
{
	REFUSED(i8042, "no such command", .command = 0x20);
	REFUSED(i8042, "no such command", .command = 0x80);
	REFUSED(i8042, "no such command", .command = 0xd5);
	REFUSED(i8042, "queued is 0x3", .queued = I8042_QUEUE_SIZE + 1);
	REFUSED(i8042, "junk is 0x101", .junk = I8042_JUNK_BYTES + 1);
}

static void pit_before_there_is_a_timer(void **state)
{
	out8(&from.pit.port61, 0, PIT_SPEAKER_GATE);
	in8(&from.pit.port61, 0);
	in8(&from.pit.timer, 0);
	out8(&from.pit.timer, 3, 0x34);
	assert_int_equal(from.pit_starts, 1);
	MOVE(pit);
	assert_int_equal(in8(&to.pit.port61, 0), in8(&from.pit.port61, 0));
	assert_int_equal(in8(&to.pit.timer, 0), in8(&from.pit.timer, 0));
	/* It has been asked for. */
	out8(&to.pit.timer, 3, 0x34);
	assert_int_equal(to.pit_starts, 0);
	REFUSED(pit, "speaker is 0x4", .speaker = 4);
}

static uint8_t cmos(struct mainboard *b, uint8_t reg)
{
	out8(&b->rtc.dev, 0, reg);
	return in8(&b->rtc.dev, 1);
}

static void set_cmos(struct mainboard *b, uint8_t reg, uint8_t value)
{
	out8(&b->rtc.dev, 0, reg);
	out8(&b->rtc.dev, 1, value);
}

/* An hour later on the host it is an hour later in the guest too, and the guest's own offset stays. */
static void rtc_goes_on_with_the_host(void **state)
{
	set_cmos(&from, RTC_HOURS, 0x11); /* BCD: three hours ahead */
	set_cmos(&from, 0x70, 0xcc);
	out8(&from.rtc.dev, 0, 0x70);
	from.rtc_ns += 3600 * INT64_C(1000000000);
	to.rtc_ns = from.rtc_ns;
	cmos(&to, RTC_HOURS); /* the other one has just looked at its clock */
	MOVE(rtc);
	/* The index that was selected, too. */
	assert_int_equal(in8(&to.rtc.dev, 1), 0xcc);
	assert_int_equal(cmos(&to, RTC_HOURS), 0x12);
	assert_int_equal(cmos(&from, RTC_HOURS), 0x12);
	assert_int_equal(cmos(&to, RTC_YEAR), 0x27);
	assert_int_equal(cmos(&to, RTC_EXT_64K), (48 * MIB / (64 * KIB)) & 0xff);
}

/* With SET the fields are plain RAM: they stand as they are, however long it takes. */
static void rtc_that_is_being_set(void **state)
{
	set_cmos(&from, RTC_B, RTC_B_SET | RTC_B_24H);
	set_cmos(&from, RTC_MINUTES, 0x59);
	to.rtc_ns += 7200 * INT64_C(1000000000);
	MOVE(rtc);
	assert_int_equal(cmos(&to, RTC_MINUTES), 0x59);
	assert_int_equal(cmos(&to, RTC_HOURS), 0x08);
}

static void rtc_impossible(void **state)
{
	REFUSED(rtc, "index is 0x80", .index = RTC_RAM_SIZE);
	REFUSED(rtc, "a time that no date sets", .offset_s = INT64_MAX);
	REFUSED(rtc, "a time that no date sets", .offset_s = INT64_MIN);
	REFUSED(rtc, "a time that no date sets", .offset_s = INT64_C(1000000000001));
	REFUSED(rtc, "a time that no date sets", .offset_s = INT64_C(-1000000000001));
}

/* The time between the two hosts is not visible to the guest: the timer continues from its saved count. */
static void pmtimer_counts_on(void **state)
{
	uint64_t first;

	in_wide(&from.pmtimer.dev, 0, 4);
	from.pmtimer_ns += 1000000000;
	first = in_wide(&from.pmtimer.dev, 0, 4);
	to.pmtimer_ns = 77; /* a host that has just started */
	MOVE(pmtimer);
	assert_int_equal(in_wide(&to.pmtimer.dev, 0, 4), first);
	to.pmtimer_ns += 1000000000;
	assert_int_equal(in_wide(&to.pmtimer.dev, 0, 4), (uint32_t)(first + 3579545));
}

/* However much later than the other clocks it is saved or restored. */
static void pmtimer_as_of_a_moment(void **state)
{
	struct state_writer w = {.data = bytes, .size = sizeof(bytes)};
	struct state_reader r = {.data = bytes};
	uint32_t then;

	in_wide(&from.pmtimer.dev, 0, 4);
	from.pmtimer_ns += 1000000000;
	then = in_wide(&from.pmtimer.dev, 0, 4);
	from.pmtimer_ns += 7000000;
	pmtimer_save_at(&from.pmtimer, from.pmtimer_ns - 7000000, &w);
	r.size = w.used;
	to.pmtimer_ns = 3000000;
	assert_int_equal(pmtimer_restore_at(&to.pmtimer, to.pmtimer_ns - 5000000, &r, NULL), 0);
	to.pmtimer_ns += 1000000000 - 5000000;
	assert_int_equal(in_wide(&to.pmtimer.dev, 0, 4), (uint32_t)(then + 3579545));
}

static void pmtimer_that_nobody_has_read(void **state)
{
	uint64_t first = in_wide(&from.pmtimer.dev, 0, 4);

	drop(&from);
	make(&from);
	MOVE(pmtimer);
	assert_int_equal(in_wide(&to.pmtimer.dev, 0, 4), first);
}

static void pm1_registers(void **state)
{
	out_wide(&from.pm1.dev, PM1_ENABLE, 0x4321, 2);
	out_wide(&from.pm1.dev, PM1_CONTROL, PM1_SLP_EN | 1 << PM1_SLP_TYP_SHIFT, 2); /* over at once: WAK_STS */
	MOVE(pm1);
	for (unsigned at = 0; at < PM1_SIZE; at++)
		assert_int_equal(in8(&to.pm1.dev, at), in8(&from.pm1.dev, at));
	assert_int_equal(in_wide(&to.pm1.dev, PM1_STATUS, 2), PM1_WAK_STS);
	assert_int_equal(to.events.nr, 0);
	/* Bits that read the same on every chip do so on this one. */
	from.pm1.regs = (struct pm1_regs){.control = PM1_SLP_EN, .status = PM1_WAK_STS - 1};
	{
		struct state_writer w = {.data = bytes, .size = sizeof(bytes)};
		struct state_reader r;

		pm1_save(&from.pm1, &w);
		r = (struct state_reader){.data = bytes, .size = w.used};
		assert_int_equal(pm1_restore(&to.pm1, &r, NULL), 0);
	}
	assert_int_equal(in_wide(&to.pm1.dev, PM1_CONTROL, 2), PM1_SCI_EN);
	assert_int_equal(in_wide(&to.pm1.dev, PM1_STATUS, 2), 0);
}

/* The button was pressed and the driver has not read it: it interrupts again. */
/* A section that is truncated anywhere is refused, and the chip's state is unchanged. */
#define CUT_SHORT(chip)                                                                                                \
	do {                                                                                                           \
		struct state_writer w_ = {.data = bytes, .size = sizeof(bytes) / 2};                                   \
		typeof(to.chip.regs) before_;                                                                          \
		chip##_save(&from.chip, &w_);                                                                          \
		memcpy(&before_, &to.chip.regs, sizeof(before_));                                                      \
		for (size_t cut_ = 0; cut_ < w_.used; cut_++)                                                          \
			assert_int_equal(                                                                              \
				chip##_restore(&to.chip, &(struct state_reader){.data = bytes, .size = cut_}, NULL),   \
				-EINVAL);                                                                              \
		assert_memory_equal(&before_, &to.chip.regs, sizeof(before_));                                         \
	} while (0)

static void sections_that_are_cut_short(void **state)
{
	out8(&from.uart.dev, UART_SCR, 0x5d);
	out_wide(&from.pm1.dev, PM1_ENABLE, 0x4321, 2);
	CUT_SHORT(uart);
	CUT_SHORT(i8042);
	CUT_SHORT(pit);
	CUT_SHORT(rtc);
	CUT_SHORT(pm1);
	CUT_SHORT(pmtimer);
	CUT_SHORT(power);
}

static void power_button(void **state)
{
	MOVE(power);
	assert_false(irq_take(&to.irq));
	power_press_button(&from.power);
	out8(&from.power.dev, POWER_SLEEP_CONTROL, 0x20 | 1 << 2); /* another sleep: over at once */
	MOVE(power);
	assert_true(irq_take(&to.irq));
	assert_true(power_button_waits(&to.power));
	assert_int_equal(in8(&to.power.dev, POWER_SLEEP_STATUS), POWER_WAK_STS);
	assert_int_equal(in8(&to.power.dev, POWER_SLEEP_CONTROL), 1 << 2);
	assert_int_equal(in8(&to.power.dev, POWER_EVENT), POWER_EVENT_BUTTON);
	assert_false(power_button_waits(&to.power));
	out8(&from.power.dev, POWER_EVENT, POWER_EVENT_GENERATION);
	power_new_generation(&from.power);
	MOVE(power);
	assert_true(irq_take(&to.irq));
	assert_int_equal(in8(&to.power.dev, POWER_EVENT), POWER_EVENT_BUTTON | POWER_EVENT_GENERATION);
	/* The driver is there in the restored guest too. */
	power_new_generation(&to.power);
	assert_true(irq_take(&to.irq));
	assert_int_equal(in8(&to.power.dev, POWER_EVENT), POWER_EVENT_GENERATION);
	REFUSED(power, "event is 0x4", .event = 4);
	REFUSED(power, "driven is 0x3", .driven = 3);
	REFUSED(power, "sleep_type is 0xff", .sleep_type = 0xff);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(uart_registers, set_up, tear_down),
		cmocka_unit_test_setup_teardown(uart_input_that_nobody_has_read, set_up, tear_down),
		cmocka_unit_test_setup_teardown(uart_output_that_nobody_has_taken, set_up, tear_down),
		cmocka_unit_test_setup_teardown(uart_interrupt_that_may_be_lost, set_up, tear_down),
		cmocka_unit_test_setup_teardown(uart_line_is_the_boards, set_up, tear_down),
		cmocka_unit_test_setup_teardown(uart_impossible, set_up, tear_down),
		cmocka_unit_test_setup_teardown(i8042_answers, set_up, tear_down),
		cmocka_unit_test_setup_teardown(i8042_command_that_waits, set_up, tear_down),
		cmocka_unit_test_setup_teardown(i8042_junk, set_up, tear_down),
		cmocka_unit_test_setup_teardown(i8042_impossible, set_up, tear_down),
		cmocka_unit_test_setup_teardown(pit_before_there_is_a_timer, set_up, tear_down),
		cmocka_unit_test_setup_teardown(rtc_goes_on_with_the_host, set_up, tear_down),
		cmocka_unit_test_setup_teardown(rtc_that_is_being_set, set_up, tear_down),
		cmocka_unit_test_setup_teardown(rtc_impossible, set_up, tear_down),
		cmocka_unit_test_setup_teardown(pmtimer_counts_on, set_up, tear_down),
		cmocka_unit_test_setup_teardown(pmtimer_as_of_a_moment, set_up, tear_down),
		cmocka_unit_test_setup_teardown(pmtimer_that_nobody_has_read, set_up, tear_down),
		cmocka_unit_test_setup_teardown(pm1_registers, set_up, tear_down),
		cmocka_unit_test_setup_teardown(sections_that_are_cut_short, set_up, tear_down),
		cmocka_unit_test_setup_teardown(power_button, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
