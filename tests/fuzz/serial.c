// SPDX-License-Identifier: Apache-2.0
/*
 * The serial port under any sequence of guest accesses and host events. The input is a program of 3-byte steps: what,
 * where or how much, a value.
 *
 * Asserted: no byte is invented, lost without being counted, or reordered, in either direction; neither side waits for
 * the other for ever; the interrupt output agrees with the registers, and each rise of it is a pulse. A guest that does
 * not receive is sent nothing, and it cannot discard bytes that no register has reported.
 */
#include <assert.h>
#include <linux/serial_reg.h>
#include <stdlib.h>

#include "devices/uart16550.h"
#include "tests/support/chip.h"
#include "tests/support/fuzz.h"

FUZZ_COUNTS_OPERATIONS

struct bench {
	struct irq_line irq;
	struct fake_host host;
	struct uart uart;
	uint8_t sent[sizeof(((struct fake_host *)0)->out)]; /* what the guest sent to the line */
	size_t nr_sent;
	uint8_t next_in; /* input counts up, so that order shows */
	uint8_t next_read;
	bool in_known; /* nothing but input went into the receive FIFO, and nothing was discarded */
};

static bool listens(const struct uart_regs *r)
{
	bool rts = (r->mcr & UART_MCR_RTS) || !r->rts_used;

	return !(r->mcr & UART_MCR_LOOP) &&
		(((r->ier & UART_IER_RDI) && (r->mcr & UART_MCR_OUT2) && rts) || r->idle_polls == UART_POLLS);
}

/* Bytes that the guest can see, or will see at the next look. */
static unsigned visible(const struct uart_regs *r)
{
	return r->rx.count + (listens(r) ? r->wire.count : 0U);
}

static bool next_is_break(const struct uart_regs *r)
{
	const struct uart_fifo *f = r->rx.count ? &r->rx : &r->wire;

	return visible(r) && (f->brk & BIT(f->head));
}

static bool output_is_high(const struct uart_regs *r)
{
	bool fifos = r->fcr & UART_FCR_ENABLE_FIFO;

	assert(r->rx.count <= (fifos ? UART_FIFO_DEPTH : 1));
	if (!(r->mcr & UART_MCR_OUT2) || (r->mcr & UART_MCR_LOOP))
		return false;
	return ((r->ier & UART_IER_RLSI) && (r->overrun || next_is_break(r))) ||
		((r->ier & UART_IER_RDI) && visible(r)) || ((r->ier & UART_IER_THRI) && r->thr_pending) ||
		((r->ier & UART_IER_MSI) && (r->msr & 0x0f));
}

static void check(struct bench *b, bool was_high, bool one_step)
{
	const struct uart_regs *r = &b->uart.regs;
	bool high = output_is_high(r), pulse = irq_take(&b->irq);

	assert(r->irq_high == high);
	if (high && !was_high)
		assert(pulse);
	if (pulse && one_step)
		assert(high);

	assert((r->rx.count || !r->rx.brk) && (r->wire.count || !r->wire.brk));
	assert(r->tx.count <= UART_FIFO_DEPTH);
	assert(b->nr_sent == b->host.nr_out + b->host.lost + r->tx.count);
	if (!b->host.lost)
		assert(!memcmp(b->host.out, b->sent, b->host.nr_out));
	/* A side that waits will be notified: we by the host, the host by us. */
	assert(!r->tx.count || r->tx_refused);
	assert(!r->rx_refused || r->rx.count || r->wire.count || !listens(r));
	assert(!r->thr_pending || !r->tx.count);
}

static void guest_write(struct bench *b, uint8_t at, uint64_t value, unsigned len)
{
	struct uart_regs *r = &b->uart.regs;
	bool loop = r->mcr & UART_MCR_LOOP, thr = at == UART_TX && !(r->lcr & UART_LCR_DLAB);
	uint8_t on_wire = r->wire.count;

	/* Bytes of one access go to different registers, so only the first can be data. */
	if (thr && !loop)
		b->sent[b->nr_sent++] = (uint8_t)value;
	if ((thr && loop) || (at <= UART_FCR && at + len > UART_FCR))
		b->in_known = false;
	out_wide(&b->uart.dev, at, value, len);
	assert(r->wire.count == on_wire);
}

static void guest_read(struct bench *b, uint8_t at, unsigned len)
{
	const struct uart_regs *now = &b->uart.regs;
	struct uart_regs before = *now;
	bool rbr = at == UART_RX && !(before.lcr & UART_LCR_DLAB);
	uint64_t v = in_wide(&b->uart.dev, at, len);

	assert(now->rx.count + now->wire.count == before.rx.count + before.wire.count - (rbr && visible(&before)));
	assert(now->wire.count == before.wire.count || listens(&before) || listens(now));
	if (rbr && visible(&before)) {
		if (b->in_known)
			assert((uint8_t)v == b->next_read);
		b->next_read++;
	}
	if (at == UART_LSR) {
		assert(!(v & UART_LSR_BI) == !next_is_break(&before));
		assert(!(v & UART_LSR_DR) == !visible(&before));
		assert(!(v & UART_LSR_THRE) == !!before.tx.count);
	}
	/* Offsets past the last register are ones. */
	for (unsigned i = 0; i < len; i++)
		assert(at + i < UART_SIZE || ((v >> (8 * i)) & 0xff) == 0xff);
}

static void host_types(struct bench *b, size_t n)
{
	const struct uart_regs *r = &b->uart.regs;
	size_t depth = r->fcr & UART_FCR_ENABLE_FIFO ? UART_FIFO_DEPTH : 1, held = (size_t)r->rx.count + r->wire.count;
	size_t room = listens(r) && held < depth ? depth - held : 0;
	bool overrun = r->overrun;
	uint8_t data[64];
	size_t taken;

	n %= sizeof(data) + 1;
	if (!held && !b->in_known) {
		b->in_known = true;
		b->next_read = b->next_in;
	}
	for (size_t i = 0; i < n; i++)
		data[i] = (uint8_t)(b->next_in + i);
	taken = b->uart.guest.rx(&b->uart.guest, data, n);
	assert(taken == MIN(n, room));
	assert(r->overrun == overrun);
	assert(taken == n || r->rx_refused);
	b->next_in = (uint8_t)(b->next_in + taken);
}

/* A BREAK is a byte like any other, but for the flag. */
static void host_breaks(struct bench *b)
{
	const struct uart_regs *r = &b->uart.regs;
	uint8_t before = r->wire.count;

	if (b->uart.guest.rx_break(&b->uart.guest) == 0) {
		assert(r->wire.count == before + 1 && r->wire.brk);
		b->in_known = false;
	} else {
		assert(r->wire.count == before && r->rx_refused);
	}
}

static void step(struct bench *b, uint8_t what, uint8_t arg, uint8_t value)
{
	bool was_high = b->uart.regs.irq_high;
	unsigned len = 1U << (what >> 6);
	uint64_t wide = value * UINT64_C(0x0102040810204081);

	switch (what & 7) {
	case 0:
	case 1:
	case 2: guest_write(b, arg % (UART_SIZE + 1), len == 1 ? value : wide, len); break;
	case 3:
	case 4: guest_read(b, arg % (UART_SIZE + 1), len); break;
	case 5:
		if (arg == 0xff)
			host_breaks(b);
		else
			host_types(b, arg);
		break;
	case 6: b->host.room = arg; break;
	case 7: b->uart.guest.tx_room(&b->uart.guest); break;
	}
	check(b, was_high, (what & 7) >= 5 || len == 1);
}

/* With a host that takes everything and a guest that reads everything, both come to rest with nothing left. */
static void drain(struct bench *b)
{
	struct uart_regs *r = &b->uart.regs;
	struct device *dev = &b->uart.dev;

	b->host.room = SIZE_MAX;
	b->uart.guest.tx_room(&b->uart.guest);
	out8(dev, UART_LCR, 0);
	out8(dev, UART_MCR, UART_MCR_RTS | UART_MCR_OUT2);
	out8(dev, UART_IER, UART_IER_RDI);
	while (in8(dev, UART_LSR) & UART_LSR_DR)
		in8(dev, UART_RX);
	assert(in8(dev, UART_LSR) == (UART_LSR_THRE | UART_LSR_TEMT));
	assert(!r->rx_refused && !r->tx_refused);
	assert(b->nr_sent == b->host.nr_out + b->host.lost);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bench *b = calloc(1, sizeof(*b));

	if (!b || irq_line_init(&b->irq))
		abort();
	fake_host_init(&b->host);
	if (uart_init(&b->uart, &b->irq, &b->host.host))
		abort();
	b->in_known = true;
	for (size_t i = 0; i + 3 <= size && b->nr_sent < sizeof(b->sent); i += 3, fuzz_operations++)
		step(b, data[i], data[i + 1], data[i + 2]);
	drain(b);
	uart_destroy(&b->uart);
	irq_line_destroy(&b->irq);
	free(b);
	return 0;
}
