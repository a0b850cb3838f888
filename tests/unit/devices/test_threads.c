// SPDX-License-Identifier: Apache-2.0
/*
 * Every chip from several threads at once, as vCPUs and the host's loop reach it. It proves something under
 * ThreadSanitizer; everywhere else it shows that no lock is forgotten or taken twice.
 */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>

#include "devices/debug_exit.h"
#include "devices/debugcon.h"
#include "devices/i8042.h"
#include "devices/pit.h"
#include "devices/power.h"
#include "devices/pvpanic.h"
#include "devices/rtc.h"
#include "devices/uart16550.h"
#include "tests/support/chip.h"
#include "tests/support/unit.h"

#define ROUNDS  20000
#define THREADS 3

/* These are called from all threads at once, so they only count. */
struct counters {
	struct guest_events events;
	struct char_host host;
	atomic_ulong nr_events, nr_out, nr_lost;
};

static void count_event(struct guest_events *ev, enum guest_event what, uint64_t value)
{
	container_of(ev, struct counters, events)->nr_events++;
}

static size_t count_tx(struct char_host *h, const uint8_t *data, size_t n)
{
	struct counters *c = container_of(h, struct counters, host);
	size_t take = (c->nr_out + n) % 3 ? n : 0; /* full now and then */

	c->nr_out += take;
	return take;
}

static void count_rx_room(struct char_host *h)
{
}

static void count_lost(struct char_host *h, size_t n)
{
	container_of(h, struct counters, host)->nr_lost += n;
}

struct board_of_chips {
	struct counters counters;
	struct irq_line irq;
	struct uart uart;
	struct i8042 i8042;
	struct rtc rtc;
	struct power power;
	struct pvpanic pvpanic;
	struct debug_exit debug_exit;
	struct debugcon debugcon;
	struct pit pit;
	struct pit_host pit_host;
	struct device *chip[10];
	_Atomic bool stop;
};

static void *vcpu(void *arg)
{
	struct board_of_chips *b = arg;
	uint32_t x = (uint32_t)pthread_self();

	for (int i = 0; i < ROUNDS; i++) {
		struct device *dev;

		x = x * 1664525 + 1013904223;
		dev = b->chip[(x >> 26) % ARRAY_SIZE(b->chip)];
		if (x & 0x10000000)
			in_wide(dev, x >> 20 & 7, 1U << (x >> 24 & 3));
		else
			out_wide(dev, x >> 20 & 7, x * UINT64_C(0x100000001), 1U << (x >> 24 & 3));
	}
	return NULL;
}

static void *loop(void *arg)
{
	struct board_of_chips *b = arg;
	uint8_t bytes[4096];

	while (!b->stop) {
		struct state_writer w = {.data = bytes, .size = sizeof(bytes)};

		b->uart.guest.rx(&b->uart.guest, (const uint8_t *)"typed", 5);
		b->uart.guest.tx_room(&b->uart.guest);
		b->debugcon.guest.tx_room(&b->debugcon.guest);
		power_press_button(&b->power);
		irq_take(&b->irq);
		uart_save(&b->uart, &w);
		i8042_save(&b->i8042, &w);
		rtc_save(&b->rtc, &w);
		power_save(&b->power, &w);
		pit_save(&b->pit, &w);
	}
	return NULL;
}

static int start_pit(struct pit_host *host, uint8_t control, uint8_t speaker)
{
	return -ENOMEM;
}

static void all_chips_from_all_threads(void **state)
{
	struct board_of_chips *b = calloc(1, sizeof(*b));
	pthread_t cpu[THREADS], looper;

	assert_non_null(b);
	b->counters.events.raise = count_event;
	b->counters.host = (struct char_host){count_tx, count_rx_room, count_lost};
	assert_int_equal(irq_line_init(&b->irq), 0);
	assert_int_equal(uart_init(&b->uart, &b->irq, &b->counters.host), 0);
	assert_int_equal(i8042_init(&b->i8042, &b->counters.events), 0);
	assert_int_equal(rtc_init(&b->rtc, GIB), 0);
	assert_int_equal(power_init(&b->power, &b->irq, &b->counters.events), 0);
	assert_int_equal(pvpanic_init(&b->pvpanic, &b->counters.events), 0);
	assert_int_equal(debug_exit_init(&b->debug_exit, &b->counters.events), 0);
	assert_int_equal(debugcon_init(&b->debugcon, &b->counters.host), 0);
	b->pit_host.start = start_pit;
	assert_int_equal(pit_init(&b->pit, &b->pit_host), 0);
	memcpy(b->chip,
		(struct device *[]){&b->uart.dev, &b->i8042.data, &b->i8042.cmd, &b->rtc.dev, &b->power.dev,
			&b->pvpanic.dev, &b->debug_exit.dev, &b->debugcon.dev, &b->pit.timer, &b->pit.port61},
		sizeof(b->chip));

	assert_int_equal(pthread_create(&looper, NULL, loop, b), 0);
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&cpu[i], NULL, vcpu, b), 0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(cpu[i], NULL);
	b->stop = true;
	pthread_join(looper, NULL);
	assert_true(b->counters.nr_events > 0);
	assert_true(b->counters.nr_out > 0);
	assert_true(b->counters.nr_lost > 0);

	uart_destroy(&b->uart);
	i8042_destroy(&b->i8042);
	rtc_destroy(&b->rtc);
	power_destroy(&b->power);
	pit_destroy(&b->pit);
	debugcon_destroy(&b->debugcon);
	irq_line_destroy(&b->irq);
	free(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_chips_from_all_threads),
	};

	return run_group(tests);
}
