// SPDX-License-Identifier: Apache-2.0
/* Sending through the 16550A: polled, by interrupt, and to a host that is full. */
#include "tests/support/unit.h"
#include "tests/unit/devices/uart_bench.h"

static void polled_transmit(void **state)
{
	struct bench *b = *state;

	for (const char *c = "hello, world\n"; *c; c++) {
		assert_int_equal(
			in8(b->dev, UART_LSR) & (UART_LSR_THRE | UART_LSR_TEMT), UART_LSR_THRE | UART_LSR_TEMT);
		out8(b->dev, UART_TX, (uint8_t)*c);
	}
	assert_output(b, "hello, world\n");
	assert_false(irq_take(&b->irq));
}

/* A driver that never looks at IIR: each byte is the answer to the interrupt of the one before. */
static void every_byte_interrupts_a_driver_that_reads_nothing(void **state)
{
	struct bench *b = *state;

	for (int fifos = 0; fifos < 2; fifos++) {
		out8(b->dev, UART_FCR, fifos ? FIFO_ON(0) : 0);
		out8(b->dev, UART_MCR, UART_MCR_OUT2);
		out8(b->dev, UART_IER, UART_IER_THRI);
		for (int i = 0; i < 40; i++) {
			assert_true(irq_take(&b->irq));
			out8(b->dev, UART_TX, 'n');
		}
		assert_true(irq_take(&b->irq));
		out8(b->dev, UART_IER, 0);
	}
	assert_int_equal(b->host.nr_out, 80);
}

/* One that reads IIR and then loads the FIFO gets one interrupt for all of it. */
static void a_burst_interrupts_once(void **state)
{
	struct bench *b = *state;

	out8(b->dev, UART_FCR, FIFO_ON(0));
	out8(b->dev, UART_MCR, UART_MCR_OUT2);
	out8(b->dev, UART_IER, UART_IER_THRI);
	assert_true(irq_take(&b->irq));
	assert_int_equal(in8(b->dev, UART_IIR), 0xc0 | UART_IIR_THRI);
	out8(b->dev, UART_TX, '0');
	assert_true(irq_take(&b->irq));
	for (int i = 1; i < UART_FIFO_DEPTH; i++) {
		out8(b->dev, UART_TX, '0');
		assert_false(irq_take(&b->irq));
	}
	/* A seventeenth was not due: that is a driver with ideas of its own. */
	out8(b->dev, UART_TX, '0');
	assert_true(irq_take(&b->irq));
	/* A handler looks at LSR and MSR between IIR and the first byte, or before each. */
	assert_int_equal(in8(b->dev, UART_IIR), 0xc0 | UART_IIR_THRI);
	for (int i = 0; i < UART_FIFO_DEPTH; i++) {
		in8(b->dev, UART_LSR);
		in8(b->dev, UART_MSR);
		out8(b->dev, UART_TX, '0');
		assert_int_equal(irq_take(&b->irq), i == 0);
	}
	/* One that looks at something else in between has ideas of its own. */
	assert_int_equal(in8(b->dev, UART_IIR), 0xc0 | UART_IIR_THRI);
	out8(b->dev, UART_TX, '0');
	assert_true(irq_take(&b->irq));
	in8(b->dev, UART_IER);
	out8(b->dev, UART_TX, '0');
	assert_true(irq_take(&b->irq));
	assert_int_equal(in8(b->dev, UART_IIR), 0xc0 | UART_IIR_THRI);
	out8(b->dev, UART_TX, '0');
	assert_true(irq_take(&b->irq));
	out8(b->dev, UART_SCR, 0);
	out8(b->dev, UART_TX, '0');
	assert_true(irq_take(&b->irq));
}

static void full_host_withholds_thre(void **state)
{
	struct bench *b = *state;
	unsigned calls;

	out8(b->dev, UART_FCR, FIFO_ON(0));
	out8(b->dev, UART_MCR, UART_MCR_OUT2);
	out8(b->dev, UART_IER, UART_IER_THRI);
	assert_int_equal(in8(b->dev, UART_IIR), 0xc0 | UART_IIR_THRI);
	assert_true(irq_take(&b->irq));
	b->host.room = 1;
	put(b, "ab");
	irq_take(&b->irq);
	assert_output(b, "a");
	assert_int_equal(in8(b->dev, UART_LSR), 0);
	assert_int_equal(in8(b->dev, UART_IIR), 0xc0 | UART_IIR_NO_INT);
	/* The FIFO takes 16 in all, without asking the host again, and the rest is gone. */
	calls = b->host.tx_calls;
	put(b, "cdefghijklmnopq");
	assert_int_equal(b->host.tx_calls, calls);
	assert_int_equal(b->host.lost, 0);
	put(b, "rs");
	assert_int_equal(b->host.lost, 2);
	assert_false(irq_take(&b->irq));
	/* Some room is not enough for THRE. */
	make_room(b, 5);
	assert_output(b, "abcdef");
	assert_int_equal(in8(b->dev, UART_LSR), 0);
	assert_false(irq_take(&b->irq));
	make_room(b, 100);
	assert_output(b, "abcdefghijklmnopq");
	assert_int_equal(in8(b->dev, UART_LSR), UART_LSR_THRE | UART_LSR_TEMT);
	assert_true(irq_take(&b->irq));
	assert_int_equal(in8(b->dev, UART_IIR), 0xc0 | UART_IIR_THRI);
	/* No notification of free space if the driver did not wait for it. */
	b->uart.guest.tx_room(&b->uart.guest);
	assert_false(irq_take(&b->irq));
	assert_int_equal(in8(b->dev, UART_IIR), 0xc0 | UART_IIR_NO_INT);
}

/* The host made room and its tx_room waits for the device's lock: nothing is lost in between. */
static void room_that_was_not_announced_yet_is_used(void **state)
{
	struct bench *b = *state;

	b->host.room = 0;
	put(b, "0123456789abcdef");
	b->host.room = 100;
	put(b, "!");
	assert_output(b, "0123456789abcdef!");
	assert_int_equal(b->host.lost, 0);
	assert_int_equal(in8(b->dev, UART_LSR), UART_LSR_THRE | UART_LSR_TEMT);
}

static void clearing_the_transmitter_counts_as_lost(void **state)
{
	struct bench *b = *state;

	out8(b->dev, UART_FCR, FIFO_ON(0));
	out8(b->dev, UART_MCR, UART_MCR_OUT2);
	out8(b->dev, UART_IER, UART_IER_THRI);
	assert_int_equal(in8(b->dev, UART_IIR), 0xc0 | UART_IIR_THRI);
	b->host.room = 0;
	put(b, "abc");
	irq_take(&b->irq);
	out8(b->dev, UART_FCR, FIFO_ON(UART_FCR_CLEAR_XMIT));
	assert_int_equal(b->host.lost, 3);
	assert_int_equal(in8(b->dev, UART_LSR), UART_LSR_THRE | UART_LSR_TEMT);
	assert_true(irq_take(&b->irq));
	/* The next byte finds out for itself whether there is room now. */
	b->host.room = 100;
	put(b, "d");
	assert_output(b, "d");
	/* Switching the FIFOs off clears them. */
	b->host.room = 0;
	put(b, "ef");
	out8(b->dev, UART_FCR, 0);
	assert_int_equal(b->host.lost, 5);
	assert_int_equal(in8(b->dev, UART_LSR), UART_LSR_THRE | UART_LSR_TEMT);
}

/* Enabling the transmit interrupt again while the transmitter waits for the host must not pretend that it is empty. */
static void enabling_thri_while_withheld_waits(void **state)
{
	struct bench *b = *state;

	out8(b->dev, UART_MCR, UART_MCR_OUT2);
	b->host.room = 0;
	put(b, "a");
	out8(b->dev, UART_IER, UART_IER_THRI);
	assert_false(irq_take(&b->irq));
	assert_int_equal(in8(b->dev, UART_IIR), UART_IIR_NO_INT);
	make_room(b, 1);
	assert_true(irq_take(&b->irq));
	assert_int_equal(in8(b->dev, UART_IIR), UART_IIR_THRI);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BENCH_TEST(polled_transmit),
		BENCH_TEST(every_byte_interrupts_a_driver_that_reads_nothing),
		BENCH_TEST(a_burst_interrupts_once),
		BENCH_TEST(full_host_withholds_thre),
		BENCH_TEST(room_that_was_not_announced_yet_is_used),
		BENCH_TEST(clearing_the_transmitter_counts_as_lost),
		BENCH_TEST(enabling_thri_while_withheld_waits),
	};

	return run_group(tests);
}
