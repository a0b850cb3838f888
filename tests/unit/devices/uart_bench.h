/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A serial port on the bench: an interrupt line, a host end that records, and the port between them.
 */
#ifndef TESTS_UNIT_DEVICES_UART_BENCH_H
#define TESTS_UNIT_DEVICES_UART_BENCH_H

#include <linux/serial_reg.h>

#include "devices/uart16550.h"
#include "tests/support/chip.h"

#define FIFO_ON(trigger) (UART_FCR_ENABLE_FIFO | (trigger))

struct bench {
	struct irq_line irq;
	struct fake_host host;
	struct uart uart;
	struct device *dev;
};

static inline int set_up(void **state)
{
	struct bench *b = calloc(1, sizeof(*b));

	if (!b || irq_line_init(&b->irq))
		return -1;
	fake_host_init(&b->host);
	if (uart_init(&b->uart, &b->irq, &b->host.host))
		return -1;
	b->dev = &b->uart.dev;
	*state = b;
	return 0;
}

static inline int tear_down(void **state)
{
	struct bench *b = *state;

	uart_destroy(&b->uart);
	irq_line_destroy(&b->irq);
	free(b);
	return 0;
}

static inline size_t type(struct bench *b, const char *text)
{
	return b->uart.guest.rx(&b->uart.guest, (const uint8_t *)text, strlen(text));
}

/* Looks for data often enough to be taken for somebody who waits for it. */
static inline void poll_for_data(struct bench *b)
{
	for (int i = 0; i <= UART_POLLS; i++)
		in8(b->dev, UART_LSR);
}

static inline void make_room(struct bench *b, size_t room)
{
	b->host.room = room;
	b->uart.guest.tx_room(&b->uart.guest);
}

static inline void put(struct bench *b, const char *text)
{
	while (*text)
		out8(b->dev, UART_TX, (uint8_t)*text++);
}

#define assert_output(b, text)                                                                                         \
	do {                                                                                                           \
		assert_int_equal((b)->host.nr_out, strlen(text));                                                      \
		assert_memory_equal((b)->host.out, text, strlen(text));                                                \
	} while (0)

#define BENCH_TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

#endif
