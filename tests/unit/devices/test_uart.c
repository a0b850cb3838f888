// SPDX-License-Identifier: Apache-2.0
/* The 16550A register by register: reset, identification, interrupts and their priorities, receiving, loopback. */
#include <errno.h>

#include "tests/support/unit.h"
#include "tests/unit/devices/uart_bench.h"

static void reset_state(void **state)
{
	struct bench *b = *state;

	assert_int_equal(in8(b->dev, UART_IER), 0);
	assert_int_equal(in8(b->dev, UART_IIR), UART_IIR_NO_INT);
	assert_int_equal(in8(b->dev, UART_LCR), 0);
	assert_int_equal(in8(b->dev, UART_MCR), 0);
	assert_int_equal(in8(b->dev, UART_LSR), UART_LSR_THRE | UART_LSR_TEMT);
	assert_int_equal(in8(b->dev, UART_MSR), UART_MSR_DCD | UART_MSR_DSR | UART_MSR_CTS);
	assert_int_equal(in8(b->dev, UART_RX), 0);
	assert_false(irq_take(&b->irq));
}

static void registers_keep_what_the_chip_has(void **state)
{
	struct bench *b = *state;

	for (unsigned v = 0; v < 256; v++) {
		out8(b->dev, UART_SCR, (uint8_t)v);
		assert_int_equal(in8(b->dev, UART_SCR), v);
		out8(b->dev, UART_LCR, (uint8_t)v);
		assert_int_equal(in8(b->dev, UART_LCR), v);
		out8(b->dev, UART_LCR, 0);
		out8(b->dev, UART_IER, (uint8_t)v);
		assert_int_equal(in8(b->dev, UART_IER), v & 0x0f);
		out8(b->dev, UART_MCR, (uint8_t)v);
		assert_int_equal(in8(b->dev, UART_MCR), v & 0x1f);
		/* read-only */
		out8(b->dev, UART_MCR, 0);
		out8(b->dev, UART_LSR, (uint8_t)v);
		assert_int_equal(in8(b->dev, UART_LSR), UART_LSR_THRE | UART_LSR_TEMT);
		out8(b->dev, UART_MSR, (uint8_t)v);
		assert_int_equal(in8(b->dev, UART_MSR) & 0xf0, UART_MSR_DCD | UART_MSR_DSR | UART_MSR_CTS);
	}
	assert_int_equal(b->host.nr_out, 0);
}

static void divisor_latch_hides_data_and_ier(void **state)
{
	struct bench *b = *state;

	out8(b->dev, UART_MCR, UART_MCR_OUT2);
	out8(b->dev, UART_IER, UART_IER_RDI);
	assert_int_equal(type(b, "x"), 1);
	out8(b->dev, UART_LCR, UART_LCR_DLAB | UART_LCR_WLEN8);
	/* A guest that computes its baud rate must not divide by zero. */
	assert_int_equal(in8(b->dev, UART_DLL), 1);
	assert_int_equal(in8(b->dev, UART_DLM), 0);
	out8(b->dev, UART_DLL, 0x0c);
	out8(b->dev, UART_DLM, 0xa5);
	assert_int_equal(in8(b->dev, UART_DLL), 0x0c);
	assert_int_equal(in8(b->dev, UART_DLM), 0xa5);
	assert_int_equal(b->host.nr_out, 0);
	out8(b->dev, UART_LCR, UART_LCR_WLEN8);
	assert_int_equal(in8(b->dev, UART_IER), UART_IER_RDI);
	assert_int_equal(in8(b->dev, UART_RX), 'x');
}

static void fifo_control(void **state)
{
	struct bench *b = *state;

	/* Bits without the enable bit are not programmed. */
	poll_for_data(b);
	assert_int_equal(type(b, "x"), 1);
	in8(b->dev, UART_LSR);
	out8(b->dev, UART_FCR, UART_FCR_CLEAR_RCVR);
	assert_int_equal(in8(b->dev, UART_RX), 'x');
	out8(b->dev, UART_FCR, UART_FCR_TRIGGER_14);
	assert_int_equal(in8(b->dev, UART_IIR), UART_IIR_NO_INT);
	out8(b->dev, UART_FCR, FIFO_ON(UART_FCR_TRIGGER_14));
	assert_int_equal(in8(b->dev, UART_IIR), 0xc0 | UART_IIR_NO_INT);
	/* 64-byte mode is another chip's. */
	out8(b->dev, UART_FCR, FIFO_ON(UART_FCR7_64BYTE));
	assert_int_equal(in8(b->dev, UART_IIR), 0xc0 | UART_IIR_NO_INT);

	poll_for_data(b);
	assert_int_equal(type(b, "abc"), 3);
	in8(b->dev, UART_LSR);
	out8(b->dev, UART_FCR, FIFO_ON(0)); /* same mode: the bytes stay */
	assert_int_equal(in8(b->dev, UART_RX), 'a');
	out8(b->dev, UART_FCR, FIFO_ON(UART_FCR_CLEAR_XMIT));
	assert_int_equal(in8(b->dev, UART_RX), 'b');
	out8(b->dev, UART_FCR, FIFO_ON(UART_FCR_CLEAR_RCVR));
	assert_int_equal(in8(b->dev, UART_LSR) & UART_LSR_DR, 0);
	poll_for_data(b);
	assert_int_equal(type(b, "d"), 1);
	in8(b->dev, UART_LSR);
	out8(b->dev, UART_FCR, 0);
	assert_int_equal(in8(b->dev, UART_LSR) & UART_LSR_DR, 0);
	assert_int_equal(in8(b->dev, UART_IIR), UART_IIR_NO_INT);
}

/* What is empty is not emptied: that would be an interrupt for nothing. */
static void clearing_an_empty_fifo_interrupts_nobody(void **state)
{
	struct bench *b = *state;

	out8(b->dev, UART_FCR, FIFO_ON(0));
	out8(b->dev, UART_IER, UART_IER_THRI);
	assert_int_equal(in8(b->dev, UART_IIR), 0xc0 | UART_IIR_THRI);
	assert_int_equal(in8(b->dev, UART_IIR), 0xc0 | UART_IIR_NO_INT);
	out8(b->dev, UART_FCR, FIFO_ON(UART_FCR_CLEAR_XMIT));
	assert_int_equal(in8(b->dev, UART_IIR), 0xc0 | UART_IIR_NO_INT);
}

static void interrupts_have_their_priority(void **state)
{
	struct bench *b = *state;

	/* All four causes at once: an overrun and data through loopback, THRE, and a modem line that moved. */
	out8(b->dev, UART_MCR, UART_MCR_LOOP);
	out8(b->dev, UART_TX, 1);
	out8(b->dev, UART_TX, 2);
	out8(b->dev, UART_IER, 0x0f);
	assert_int_equal(in8(b->dev, UART_IIR), UART_IIR_RLSI);
	assert_int_equal(in8(b->dev, UART_IIR), UART_IIR_RLSI);
	assert_true(in8(b->dev, UART_LSR) & UART_LSR_OE);
	assert_int_equal(in8(b->dev, UART_IIR), UART_IIR_RDI);
	assert_int_equal(in8(b->dev, UART_IIR), UART_IIR_RDI);
	assert_int_equal(in8(b->dev, UART_RX), 2); /* the newer one, without FIFOs */
	assert_int_equal(in8(b->dev, UART_IIR), UART_IIR_THRI);
	assert_int_equal(in8(b->dev, UART_IIR), UART_IIR_MSI); /* reading it answered THRE */
	assert_int_equal(in8(b->dev, UART_IIR), UART_IIR_MSI);
	assert_int_equal(in8(b->dev, UART_MSR), UART_MSR_DDCD | UART_MSR_DDSR | UART_MSR_DCTS);
	assert_int_equal(in8(b->dev, UART_IIR), UART_IIR_NO_INT);
	assert_int_equal(in8(b->dev, UART_LSR), UART_LSR_THRE | UART_LSR_TEMT);
}

static void each_cause_needs_its_enable_bit(void **state)
{
	static const struct {
		uint8_t ier, iir;
	} cases[] = {
		{UART_IER_RLSI, UART_IIR_RLSI},
		{UART_IER_RDI, UART_IIR_RDI},
		{UART_IER_THRI, UART_IIR_THRI},
		{UART_IER_MSI, UART_IIR_MSI},
		{0, UART_IIR_NO_INT},
	};
	struct bench *b = *state;

	out8(b->dev, UART_MCR, UART_MCR_LOOP);
	out8(b->dev, UART_TX, 1);
	out8(b->dev, UART_TX, 2);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		out8(b->dev, UART_IER, cases[i].ier);
		assert_int_equal(in8(b->dev, UART_IIR), cases[i].iir);
	}
}

static void receive_trigger_levels(void **state)
{
	static const struct {
		uint8_t fcr;
		size_t level;
	} cases[] = {
		{UART_FCR_TRIGGER_1, 1}, {UART_FCR_TRIGGER_4, 4}, {UART_FCR_TRIGGER_8, 8}, {UART_FCR_TRIGGER_14, 14}};
	struct bench *b = *state;

	out8(b->dev, UART_MCR, UART_MCR_OUT2);
	out8(b->dev, UART_IER, UART_IER_RDI);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		out8(b->dev, UART_FCR, FIFO_ON(cases[i].fcr));
		/* Below the level the timeout interrupts at once: there is no time to wait for. */
		for (size_t n = 1; n <= UART_FIFO_DEPTH; n++) {
			uint8_t id = n < cases[i].level ? UART_IIR_RX_TIMEOUT : UART_IIR_RDI;

			assert_int_equal(type(b, "."), 1);
			assert_int_equal(in8(b->dev, UART_IIR), 0xc0 | id);
			assert_int_equal(irq_take(&b->irq), n == 1);
		}
		assert_int_equal(type(b, "."), 0);
		for (size_t n = UART_FIFO_DEPTH; n > 0; n--) {
			uint8_t id = n < cases[i].level ? UART_IIR_RX_TIMEOUT : UART_IIR_RDI;

			assert_int_equal(in8(b->dev, UART_IIR), 0xc0 | id);
			assert_int_equal(in8(b->dev, UART_RX), '.');
		}
		assert_int_equal(in8(b->dev, UART_IIR), 0xc0 | UART_IIR_NO_INT);
	}
}

static void each_byte_interrupts_again_once_the_last_one_was_read(void **state)
{
	struct bench *b = *state;

	out8(b->dev, UART_MCR, UART_MCR_OUT2);
	out8(b->dev, UART_IER, UART_IER_RDI);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(type(b, "k"), 1);
		assert_true(irq_take(&b->irq));
		assert_int_equal(type(b, "k"), 0); /* no FIFO */
		assert_false(irq_take(&b->irq));
		assert_int_equal(in8(b->dev, UART_RX), 'k');
		assert_int_equal(b->host.rx_rooms, i + 1);
	}
	assert_int_equal(in8(b->dev, UART_LSR) & UART_LSR_OE, 0);
}

static void host_hears_of_room_when_the_fifo_is_empty(void **state)
{
	struct bench *b = *state;

	out8(b->dev, UART_FCR, FIFO_ON(0));
	out8(b->dev, UART_MCR, UART_MCR_OUT2);
	out8(b->dev, UART_IER, UART_IER_RDI);
	/* All of it fitted: the host does not wait for free space. */
	assert_int_equal(type(b, "0123456789abcdef"), 16);
	while (in8(b->dev, UART_LSR) & UART_LSR_DR)
		in8(b->dev, UART_RX);
	assert_int_equal(b->host.rx_rooms, 0);
	assert_int_equal(type(b, "0123456789abcdefg"), 16);
	for (int i = 0; i < 16; i++) {
		assert_int_equal(b->host.rx_rooms, 0);
		in8(b->dev, UART_RX);
	}
	assert_int_equal(b->host.rx_rooms, 1);
	in8(b->dev, UART_RX);
	assert_int_equal(b->host.rx_rooms, 1);
	/* Clearing makes room too. */
	assert_int_equal(type(b, "0123456789abcdefg"), 16);
	in8(b->dev, UART_LSR);
	out8(b->dev, UART_FCR, FIFO_ON(UART_FCR_CLEAR_RCVR));
	assert_int_equal(b->host.rx_rooms, 2);
	assert_int_equal(type(b, ""), 0);
	assert_int_equal(b->host.rx_rooms, 2);
}

static void out2_gates_the_interrupt(void **state)
{
	struct bench *b = *state;

	out8(b->dev, UART_IER, UART_IER_THRI);
	assert_false(irq_take(&b->irq));
	out8(b->dev, UART_MCR, UART_MCR_OUT2); /* opening the gate on a pending cause is a rise */
	assert_true(irq_take(&b->irq));
	out8(b->dev, UART_MCR, UART_MCR_OUT2 | UART_MCR_LOOP); /* loopback disconnects the pin */
	out8(b->dev, UART_TX, 'x');
	assert_false(irq_take(&b->irq));
	out8(b->dev, UART_MCR, UART_MCR_OUT2);
	assert_true(irq_take(&b->irq));
	out8(b->dev, UART_MCR, 0);
	assert_false(irq_take(&b->irq));
}

static void modem_lines_in_loopback(void **state)
{
	struct bench *b = *state;

	for (unsigned v = 0; v < 16; v++) {
		uint8_t msr = (v & UART_MCR_DTR ? UART_MSR_DSR : 0) | (v & UART_MCR_RTS ? UART_MSR_CTS : 0) |
			(v & UART_MCR_OUT1 ? UART_MSR_RI : 0) | (v & UART_MCR_OUT2 ? UART_MSR_DCD : 0);

		out8(b->dev, UART_MCR, (uint8_t)(UART_MCR_LOOP | v));
		assert_int_equal(in8(b->dev, UART_MSR) & 0xf0, msr);
		assert_int_equal(in8(b->dev, UART_MSR), msr); /* the "changed" bits go with the read */
	}
	/* RI reports its fall only. */
	out8(b->dev, UART_MCR, UART_MCR_LOOP);
	in8(b->dev, UART_MSR);
	out8(b->dev, UART_MCR, UART_MCR_LOOP | UART_MCR_OUT1);
	assert_int_equal(in8(b->dev, UART_MSR), UART_MSR_RI);
	out8(b->dev, UART_MCR, UART_MCR_LOOP);
	assert_int_equal(in8(b->dev, UART_MSR), UART_MSR_TERI);
	/* The others report both. */
	out8(b->dev, UART_MCR, UART_MCR_LOOP | UART_MCR_RTS);
	assert_int_equal(in8(b->dev, UART_MSR), UART_MSR_CTS | UART_MSR_DCTS);
	out8(b->dev, UART_MCR, UART_MCR_LOOP);
	assert_int_equal(in8(b->dev, UART_MSR), UART_MSR_DCTS);
}

static void loopback_stays_inside(void **state)
{
	struct bench *b = *state;

	out8(b->dev, UART_FCR, FIFO_ON(0));
	out8(b->dev, UART_IER, UART_IER_RDI);
	out8(b->dev, UART_MCR, UART_MCR_LOOP);
	assert_int_equal(type(b, "from outside"), 0);
	put(b, "0123456789abcdefXYZ");
	assert_int_equal(b->host.nr_out, 0);
	assert_true(in8(b->dev, UART_LSR) & UART_LSR_OE);
	assert_false(in8(b->dev, UART_LSR) & UART_LSR_OE);
	for (const char *c = "0123456789abcdef"; *c; c++)
		assert_int_equal(in8(b->dev, UART_RX), *c); /* with FIFOs the older bytes stay */
	assert_int_equal(in8(b->dev, UART_LSR), UART_LSR_THRE | UART_LSR_TEMT);
	/* The host was refused, and hears of it when the line is back. */
	assert_int_equal(b->host.rx_rooms, 0);
	out8(b->dev, UART_MCR, UART_MCR_OUT2);
	assert_int_equal(b->host.rx_rooms, 1);
	assert_int_equal(type(b, "from outside"), 12);
	assert_int_equal(b->host.lost, 0);
}

static int type_break(struct bench *b)
{
	return b->uart.guest.rx_break(&b->uart.guest);
}

/* Nothing is sent to a guest that does not listen. */
static void input_waits_for_a_guest_that_listens(void **state)
{
	struct bench *b = *state;

	assert_int_equal(type(b, "early"), 0);
	assert_int_equal(in8(b->dev, UART_RX), 0);
	out8(b->dev, UART_IER, UART_IER_RLSI | UART_IER_THRI | UART_IER_MSI);
	assert_int_equal(type(b, "early"), 0);
	assert_int_equal(b->host.rx_rooms, 0);
	/* A probe: the interrupt goes nowhere. */
	out8(b->dev, UART_IER, UART_IER_RDI);
	assert_int_equal(type(b, "early"), 0);
	assert_int_equal(b->host.rx_rooms, 0);
	/* For a driver that never uses RTS the data interrupt is enough. */
	out8(b->dev, UART_MCR, UART_MCR_OUT2);
	assert_int_equal(b->host.rx_rooms, 1);
	assert_int_equal(type(b, "e"), 1);
	assert_int_equal(in8(b->dev, UART_LSR) & UART_LSR_DR, UART_LSR_DR);
	assert_int_equal(in8(b->dev, UART_RX), 'e');
	/* A driver that uses RTS stops the line with it. RTS in loopback does not count. */
	out8(b->dev, UART_MCR, UART_MCR_LOOP | UART_MCR_RTS);
	out8(b->dev, UART_MCR, UART_MCR_OUT2);
	assert_int_equal(type(b, "a"), 1);
	assert_int_equal(in8(b->dev, UART_LSR) & UART_LSR_DR, UART_LSR_DR);
	assert_int_equal(in8(b->dev, UART_RX), 'a');
	out8(b->dev, UART_MCR, UART_MCR_OUT2 | UART_MCR_RTS);
	assert_int_equal(type(b, "r"), 1);
	in8(b->dev, UART_LSR);
	out8(b->dev, UART_MCR, UART_MCR_OUT2);
	assert_int_equal(in8(b->dev, UART_RX), 'r'); /* what has come has come */
	assert_int_equal(type(b, "l"), 0);
	out8(b->dev, UART_MCR, UART_MCR_OUT2 | UART_MCR_RTS);
	assert_int_equal(b->host.rx_rooms, 2);
	assert_int_equal(type(b, "l"), 1);
	out8(b->dev, UART_IER, 0);
	assert_int_equal(type(b, "y"), 0);
}

/* A guest cannot discard bytes that it cannot know of: they are on the wire until a register reports them. */
static void clears_discard_only_what_was_told(void **state)
{
	struct bench *b = *state;

	out8(b->dev, UART_MCR, UART_MCR_OUT2);
	out8(b->dev, UART_FCR, FIFO_ON(0));
	out8(b->dev, UART_IER, UART_IER_RDI);
	assert_int_equal(type(b, "abc"), 3);
	assert_true(irq_take(&b->irq));
	/* How a probe enables and disables the FIFOs, and how a driver discards old input. */
	out8(b->dev, UART_IER, 0);
	assert_int_equal(in8(b->dev, UART_LSR) & UART_LSR_DR, 0);
	assert_int_equal(in8(b->dev, UART_RX), 0);
	assert_int_equal(in8(b->dev, UART_IIR), 0xc0 | UART_IIR_NO_INT);
	out8(b->dev, UART_FCR, FIFO_ON(UART_FCR_CLEAR_RCVR));
	out8(b->dev, UART_FCR, 0);
	out8(b->dev, UART_MCR, UART_MCR_LOOP);
	out8(b->dev, UART_TX, 'L');
	assert_int_equal(in8(b->dev, UART_RX), 'L');
	assert_int_equal(in8(b->dev, UART_LSR) & UART_LSR_DR, 0);
	out8(b->dev, UART_MCR, UART_MCR_OUT2);
	assert_false(irq_take(&b->irq));
	/* Enabled before the FIFO is: no FIFO holds one byte, the others stay on the wire. */
	out8(b->dev, UART_IER, UART_IER_RDI);
	assert_true(irq_take(&b->irq));
	out8(b->dev, UART_FCR, FIFO_ON(UART_FCR_CLEAR_RCVR));
	out8(b->dev, UART_FCR, 0);
	assert_int_equal(in8(b->dev, UART_IIR), UART_IIR_RDI);
	assert_int_equal(in8(b->dev, UART_RX), 'a');
	assert_int_equal(in8(b->dev, UART_IIR), UART_IIR_RDI);
	/* This byte was reported, and is discarded. */
	out8(b->dev, UART_FCR, FIFO_ON(UART_FCR_CLEAR_RCVR));
	assert_int_equal(in8(b->dev, UART_LSR) & UART_LSR_DR, UART_LSR_DR);
	assert_int_equal(in8(b->dev, UART_RX), 'c');
	assert_int_equal(in8(b->dev, UART_IIR), 0xc0 | UART_IIR_NO_INT);
}

/* A guest without interrupts that never touches MCR gets its input; one that only prints is none. */
static void pollers_are_heard(void **state)
{
	struct bench *b = *state;

	/* Before each byte: is the transmitter ready? After each: has it gone? */
	assert_int_equal(type(b, "k"), 0);
	for (int i = 0; i < 1000; i++) {
		out8(b->dev, UART_TX, '.');
		in8(b->dev, UART_LSR);
	}
	assert_int_equal(type(b, "k"), 0);
	/* A stuck transmitter is waited for, which is no wish for data. */
	b->host.room = 0;
	out8(b->dev, UART_TX, '.');
	for (int i = 0; i < 1000; i++)
		in8(b->dev, UART_LSR);
	assert_int_equal(type(b, "k"), 0);
	make_room(b, SIZE_MAX);
	/* Prints a dot for each look at the keyboard. */
	assert_int_equal(b->host.rx_rooms, 0);
	for (int i = 0; i < 2 * UART_POLLS; i++) {
		in8(b->dev, UART_LSR);
		in8(b->dev, UART_LSR);
		out8(b->dev, UART_TX, '.');
	}
	assert_int_equal(b->host.rx_rooms, 1);
	assert_int_equal(type(b, "k"), 1);
	assert_int_equal(in8(b->dev, UART_LSR) & UART_LSR_DR, UART_LSR_DR);
	assert_int_equal(in8(b->dev, UART_RX), 'k');
	/* One may look at IIR instead. */
	out8(b->dev, UART_IER, UART_IER_THRI);
	for (int i = 0; i <= UART_POLLS; i++)
		in8(b->dev, UART_IIR);
	assert_int_equal(type(b, "k"), 0);
	out8(b->dev, UART_IER, UART_IER_RDI);
	for (int i = 0; i <= UART_POLLS; i++)
		in8(b->dev, UART_IIR);
	assert_int_equal(type(b, "k"), 1);
	assert_int_equal(in8(b->dev, UART_IIR), UART_IIR_RDI);
	assert_int_equal(in8(b->dev, UART_RX), 'k');
	/* The next driver sets the port up anew, and has to show for itself. */
	out8(b->dev, UART_IER, 0);
	assert_int_equal(type(b, "k"), 0);
	poll_for_data(b);
	assert_int_equal(type(b, "k"), 1);
}

/* A port whose interrupt goes nowhere is there for pollers. */
static void without_an_interrupt_there_are_only_pollers(void **state)
{
	struct bench *b = *state;
	struct irq_line none = {.fd = -1};
	struct uart u;
	uint8_t lsr;

	assert_int_equal(uart_init(&u, &none, &b->host.host), 0);
	assert_int_equal(u.guest.rx(&u.guest, (const uint8_t *)"k", 1), 1);
	lsr = in8(&u.dev, UART_LSR);
	assert_int_equal(lsr & UART_LSR_DR, UART_LSR_DR);
	assert_int_equal(in8(&u.dev, UART_RX), 'k');
	uart_destroy(&u);
}

/* A zero byte in its place; LSR reports it once, when it is the next byte to be read. */
static void a_break_is_a_byte_with_a_flag(void **state)
{
	const uint8_t idle = UART_LSR_THRE | UART_LSR_TEMT, ready = idle | UART_LSR_DR;
	struct bench *b = *state;

	out8(b->dev, UART_FCR, FIFO_ON(0));
	out8(b->dev, UART_MCR, UART_MCR_OUT2);
	out8(b->dev, UART_IER, UART_IER_RLSI | UART_IER_RDI);
	assert_int_equal(type(b, "a"), 1);
	assert_int_equal(type_break(b), 0);
	assert_int_equal(type(b, "h"), 1);
	assert_true(irq_take(&b->irq));
	assert_int_equal(in8(b->dev, UART_IIR), 0xc0 | UART_IIR_RDI);
	assert_int_equal(in8(b->dev, UART_LSR), ready | UART_LSR_FIFOE);
	assert_int_equal(in8(b->dev, UART_RX), 'a');
	assert_int_equal(in8(b->dev, UART_IIR), 0xc0 | UART_IIR_RLSI);
	assert_int_equal(in8(b->dev, UART_LSR), ready | UART_LSR_FIFOE | UART_LSR_BI);
	assert_int_equal(in8(b->dev, UART_LSR), ready);
	assert_int_equal(in8(b->dev, UART_IIR), 0xc0 | UART_IIR_RDI);
	assert_int_equal(in8(b->dev, UART_RX), 0);
	assert_int_equal(in8(b->dev, UART_LSR), ready);
	assert_int_equal(in8(b->dev, UART_RX), 'h');
	assert_int_equal(in8(b->dev, UART_LSR), idle);
	/* Read without a look at LSR, or cleared, it leaves nothing behind. */
	assert_int_equal(type_break(b), 0);
	assert_int_equal(in8(b->dev, UART_RX), 0);
	assert_int_equal(type(b, "i"), 1);
	assert_int_equal(in8(b->dev, UART_LSR), ready);
	assert_int_equal(type_break(b), 0);
	in8(b->dev, UART_LSR);
	out8(b->dev, UART_FCR, FIFO_ON(UART_FCR_CLEAR_RCVR));
	assert_int_equal(type(b, "0123456789abcdefg"), 16);
	assert_int_equal(type_break(b), -EAGAIN);
	assert_int_equal(in8(b->dev, UART_LSR), ready);
	out8(b->dev, UART_FCR, FIFO_ON(UART_FCR_CLEAR_RCVR));
	assert_int_equal(b->host.rx_rooms, 1);
	/* Without FIFOs, and without the data interrupt. */
	out8(b->dev, UART_FCR, 0);
	out8(b->dev, UART_IER, UART_IER_RLSI);
	poll_for_data(b);
	irq_take(&b->irq);
	assert_int_equal(type_break(b), 0);
	assert_true(irq_take(&b->irq));
	assert_int_equal(in8(b->dev, UART_IIR), UART_IIR_RLSI);
	assert_int_equal(in8(b->dev, UART_LSR), ready | UART_LSR_BI);
	assert_int_equal(in8(b->dev, UART_IIR), UART_IIR_NO_INT);
	out8(b->dev, UART_MCR, UART_MCR_LOOP);
	assert_int_equal(type_break(b), -EAGAIN);
}

static void every_width_and_misalignment(void **state)
{
	static const unsigned widths[] = {1, 2, 4, 8};
	struct bench *b = *state;
	uint8_t reg[UART_SIZE];

	out8(b->dev, UART_LCR, UART_LCR_DLAB);
	out8(b->dev, UART_DLL, 0x12);
	out8(b->dev, UART_DLM, 0x34);
	out8(b->dev, UART_SCR, 0x77);
	in8(b->dev, UART_MSR);
	for (unsigned i = 0; i < UART_SIZE; i++)
		reg[i] = in8(b->dev, i);
	for (size_t w = 0; w < ARRAY_SIZE(widths); w++) {
		for (unsigned at = 0; at < UART_SIZE + 2; at++) {
			uint64_t v = in_wide(b->dev, at, widths[w]);

			for (unsigned i = 0; i < widths[w]; i++)
				assert_int_equal((v >> (8 * i)) & 0xff, at + i < UART_SIZE ? reg[at + i] : 0xff);
		}
	}
	/* A wide write is its bytes, lowest register first: this one clears DLAB in the middle. */
	out_wide(b->dev, UART_DLL, UINT64_C(0x9900000003c1beef), 8);
	assert_int_equal(in8(b->dev, UART_SCR), 0x99);
	assert_int_equal(in8(b->dev, UART_LCR), 0x03);
	assert_int_equal(in8(b->dev, UART_IIR), 0xc0 | UART_IIR_NO_INT);
	out8(b->dev, UART_LCR, UART_LCR_DLAB);
	assert_int_equal(in_wide(b->dev, UART_DLL, 2), 0xbeef);
	out8(b->dev, UART_LCR, 0);
	out_wide(b->dev, UART_TX, 0x0f41, 2);
	assert_output(b, "A");
	assert_int_equal(in8(b->dev, UART_IER), 0x0f);
	/* Beyond the registers nothing happens. */
	for (size_t w = 0; w < ARRAY_SIZE(widths); w++)
		out_wide(b->dev, UART_SIZE, 0, widths[w]);
	assert_int_equal(in8(b->dev, UART_SCR), 0x99);
}

static void destroy_takes_nothing(void **state)
{
	struct uart zero = {0};

	uart_destroy(NULL);
	uart_destroy(&zero);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BENCH_TEST(reset_state),
		BENCH_TEST(registers_keep_what_the_chip_has),
		BENCH_TEST(divisor_latch_hides_data_and_ier),
		BENCH_TEST(fifo_control),
		BENCH_TEST(clearing_an_empty_fifo_interrupts_nobody),
		BENCH_TEST(interrupts_have_their_priority),
		BENCH_TEST(each_cause_needs_its_enable_bit),
		BENCH_TEST(receive_trigger_levels),
		BENCH_TEST(each_byte_interrupts_again_once_the_last_one_was_read),
		BENCH_TEST(host_hears_of_room_when_the_fifo_is_empty),
		BENCH_TEST(out2_gates_the_interrupt),
		BENCH_TEST(modem_lines_in_loopback),
		BENCH_TEST(loopback_stays_inside),
		BENCH_TEST(input_waits_for_a_guest_that_listens),
		BENCH_TEST(clears_discard_only_what_was_told),
		BENCH_TEST(pollers_are_heard),
		BENCH_TEST(without_an_interrupt_there_are_only_pollers),
		BENCH_TEST(a_break_is_a_byte_with_a_flag),
		BENCH_TEST(every_width_and_misalignment),
		cmocka_unit_test(destroy_takes_nothing),
	};

	return run_group(tests);
}
