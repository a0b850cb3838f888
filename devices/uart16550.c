// SPDX-License-Identifier: Apache-2.0
/*
 * Theory of operation.
 *
 * Two threads meet here: a vCPU in read() and write(), and the host's loop in rx() and tx_room(). All of it runs under
 * one lock, and each entry ends in settle(), which compares the interrupt output with what it was and tells the host
 * about room. Nothing else raises the interrupt.
 *
 * The interrupt output is a level, computed from the registers. The line is edge-triggered, so a rise is one pulse, and
 * a guest that leaves its handler with the output still high gets no further one: drivers read IIR until nothing is
 * pending, as on a PC.
 *
 * There is no time, hence:
 * - The character timeout is due at once: bytes below the trigger level interrupt as IIR "timeout" right away.
 * - Writing a byte clears the transmit interrupt and sets it again in one go. On hardware the output falls and rises
 *   between the two, so this has to be a pulse even when it was high before: a driver may answer the interrupt with
 *   nothing but the next byte. A driver that read "transmitter empty" in IIR, however, goes on to write up to 16 bytes:
 *   only the first one needs a pulse, and those of the other 15 would cost a system call each. `burst` suppresses them.
 *   Any other access ends the burst, except for reads of LSR and MSR, which handlers make between IIR and the first
 *   byte.
 *
 * Input. A driver probes a port first: it enables and disables interrupts, sends to itself, clears the FIFOs, and reads
 * RBR to discard old data. Bytes received by then would be lost; on a real line there is no input that early, but a
 * script on the host may have sent some before the guest started. So the port makes the sender wait until the guest
 * listens:
 * - it has enabled the receive interrupt (IER bit 0) and its output (OUT2: a probe enables interrupts too, for a few
 *   instructions, but with OUT2 off), and, if it has ever used RTS, RTS is on. A modem with hardware flow control does
 *   the same, and a driver that cannot take more stops the line by RTS;
 * - or it polls: it reads LSR, which has no data and an empty transmitter, and directly reads LSR again. A driver that
 *   only sends does not do that, since the transmitter is ready. Reading IIR counts as well, if it would report data.
 *   This has to occur UART_POLLS times, counted from the last setup of the port (IER, FCR, LCR, MCR). A driver that
 *   polls need not raise RTS, and often does not. Without an interrupt line all drivers poll.
 *
 * Some drivers enable the interrupt first and clear the FIFOs last. So a byte stays on the wire (`wire`) until a
 * register reports it (DR in LSR, IIR, or RBR itself, while the guest listens); only then is it in the FIFO, where a
 * clear discards it. The interrupt output counts bytes on the wire as received: the handler will read them.
 *
 * Bytes that wait for the host count as sent: loopback does not divert them. Clearing the transmit FIFO does discard
 * them; they count as lost.
 */
#include "devices/uart16550.h"

#include <errno.h>
#include <linux/serial_reg.h>
#include <string.h>

#include "vmm/base/assert.h"
#include "vmm/base/util.h"

#define IER_MASK       0x0f
#define MCR_MASK       0x1f
#define MSR_DELTA_MASK 0x0f
#define MSR_READY      (UART_MSR_DCD | UART_MSR_DSR | UART_MSR_CTS)
#define IIR_FIFOS_ON   0xc0

static void fifo_push(struct uart_fifo *f, uint8_t byte, bool brk)
{
	unsigned at = (f->head + f->count++) % UART_FIFO_DEPTH;

	assert(f->count <= UART_FIFO_DEPTH);
	f->data[at] = byte;
	f->brk = (uint16_t)((f->brk & ~BIT(at)) | (brk ? BIT(at) : 0));
}

/* The oldest byte is a BREAK that LSR has not reported yet. */
static bool fifo_has_break(const struct uart_fifo *f)
{
	return f->count && (f->brk & BIT(f->head));
}

static void fifo_drop(struct uart_fifo *f, size_t n)
{
	assert(n <= f->count);
	f->count = (uint8_t)(f->count - n);
	while (n--) {
		f->brk &= (uint16_t)~BIT(f->head);
		f->head = (f->head + 1) % UART_FIFO_DEPTH;
	}
}

static bool fifos_on(const struct uart_regs *r)
{
	return r->fcr & UART_FCR_ENABLE_FIFO;
}

static bool loopback(const struct uart_regs *r)
{
	return r->mcr & UART_MCR_LOOP;
}

static size_t rx_depth(const struct uart_regs *r)
{
	return fifos_on(r) ? UART_FIFO_DEPTH : 1;
}

/* See the theory of operation. */
static bool listening(const struct uart_regs *r)
{
	bool asked = (r->ier & UART_IER_RDI) && (r->mcr & UART_MCR_OUT2);

	if (loopback(r))
		return false;
	return r->polled_only || r->idle_polls == UART_POLLS || (asked && ((r->mcr & UART_MCR_RTS) || !r->rts_used));
}

/* Number of bytes that the next register read will report. */
static unsigned received(const struct uart_regs *r)
{
	return r->rx.count + (listening(r) ? r->wire.count : 0U);
}

/* A register reports data: bytes on the wire are received, as far as they fit. */
static void arrive(struct uart_regs *r)
{
	while (listening(r) && r->wire.count && r->rx.count < rx_depth(r)) {
		fifo_push(&r->rx, r->wire.data[r->wire.head], fifo_has_break(&r->wire));
		fifo_drop(&r->wire, 1);
	}
}

/* The next byte to be read is a BREAK that LSR has not reported. */
static bool break_is_next(const struct uart_regs *r)
{
	return fifo_has_break(&r->rx) || (!r->rx.count && listening(r) && fifo_has_break(&r->wire));
}

/* Number of bytes that the host may send now. */
static size_t line_room(const struct uart_regs *r)
{
	size_t held = (size_t)r->rx.count + r->wire.count, depth = rx_depth(r);

	return listening(r) && held < depth ? depth - held : 0;
}

/* Receive trigger levels, FCR bits 7 and 6: section 8.4. */
static unsigned rx_trigger(const struct uart_regs *r)
{
	static const uint8_t level[4] = {1, 4, 8, 14};

	return fifos_on(r) ? level[r->fcr >> 6] : 1;
}

/* The pending interrupt of highest priority, encoded as in IIR: table in section 8.6. */
static uint8_t cause(const struct uart_regs *r)
{
	unsigned data = received(r);

	if ((r->ier & UART_IER_RLSI) && (r->overrun || break_is_next(r)))
		return UART_IIR_RLSI;
	if ((r->ier & UART_IER_RDI) && data)
		return data >= rx_trigger(r) ? UART_IIR_RDI : UART_IIR_RX_TIMEOUT;
	if ((r->ier & UART_IER_THRI) && r->thr_pending)
		return UART_IIR_THRI;
	if ((r->ier & UART_IER_MSI) && (r->msr & MSR_DELTA_MASK))
		return UART_IIR_MSI;
	return UART_IIR_NO_INT;
}

/* On a PC the OUT2 pin enables the interrupt output; loopback disconnects that pin (section 8.7). */
static bool irq_output(const struct uart_regs *r)
{
	return (r->mcr & UART_MCR_OUT2) && !loopback(r) && cause(r) != UART_IIR_NO_INT;
}

/* Every entry into the device ends here, with the lock held. */
static void settle(struct uart *u)
{
	struct uart_regs *r = &u->regs;
	bool high = irq_output(r);

	if (high && !r->irq_high)
		irq_raise(u->irq);
	r->irq_high = high;
	if (r->rx_refused && !r->rx.count && !r->wire.count && listening(r)) {
		r->rx_refused = false;
		u->host->rx_room(u->host);
	}
}

/* Pass waiting bytes to the host, as far as it takes them. */
static void tx_flush(struct uart *u)
{
	struct uart_regs *r = &u->regs;

	while (r->tx.count) {
		size_t n = MIN(r->tx.count, (size_t)(UART_FIFO_DEPTH - r->tx.head));
		size_t taken = u->host->tx(u->host, &r->tx.data[r->tx.head], n);

		assert(taken <= n);
		fifo_drop(&r->tx, taken);
		r->tx_refused = taken < n;
		if (r->tx_refused)
			return;
	}
}

static void transmit(struct uart *u, uint8_t byte)
{
	struct uart_regs *r = &u->regs;

	/* The host's tx_room may be waiting for our lock right now: offer the bytes again before any is lost. */
	if (r->tx.count == UART_FIFO_DEPTH)
		tx_flush(u);
	if (r->tx.count == UART_FIFO_DEPTH) {
		u->host->tx_lost(u->host, 1);
		return;
	}
	fifo_push(&r->tx, byte, false);
	if (!r->tx_refused)
		tx_flush(u);
}

/* In loopback the guest sends to itself, and can overrun itself: section 8.7.1. */
static void loop_receive(struct uart_regs *r, uint8_t byte)
{
	if (r->rx.count < rx_depth(r)) {
		fifo_push(&r->rx, byte, false);
		return;
	}
	r->overrun = true;
	/* Without FIFOs the newer byte replaces the older one; with them the newer one is dropped. */
	if (!fifos_on(r))
		r->rx.data[r->rx.head] = byte;
}

static void write_thr(struct uart *u, uint8_t byte)
{
	struct uart_regs *r = &u->regs;

	r->thr_pending = false;
	if (r->burst)
		r->burst--;
	else
		r->irq_high = r->irq_high && irq_output(r);
	if (loopback(r))
		loop_receive(r, byte);
	else
		transmit(u, byte);
	r->thr_pending = !r->tx.count;
}

static void write_ier(struct uart_regs *r, uint8_t value)
{
	/* Enabling the transmit interrupt while the transmitter is empty raises it anew. */
	if ((value & ~r->ier & UART_IER_THRI) && !r->tx.count)
		r->thr_pending = true;
	r->ier = value & IER_MASK;
}

static void clear_tx(struct uart *u)
{
	struct uart_regs *r = &u->regs;

	if (!r->tx.count)
		return;
	u->host->tx_lost(u->host, r->tx.count);
	fifo_drop(&r->tx, r->tx.count);
	r->tx_refused = false;
	r->thr_pending = true;
}

static void write_fcr(struct uart *u, uint8_t value)
{
	struct uart_regs *r = &u->regs;
	bool toggled = (value ^ r->fcr) & UART_FCR_ENABLE_FIFO;

	/* Switching the FIFOs on or off clears both; without bit 0 the other bits are not programmed: section 8.5. */
	if (!(value & UART_FCR_ENABLE_FIFO))
		value = 0;
	r->fcr = value & (UART_FCR_ENABLE_FIFO | UART_FCR_TRIGGER_MASK);
	if (toggled || (value & UART_FCR_CLEAR_RCVR))
		fifo_drop(&r->rx, r->rx.count);
	if (toggled || (value & UART_FCR_CLEAR_XMIT))
		clear_tx(u);
}

static void write_mcr(struct uart_regs *r, uint8_t value)
{
	uint8_t was = r->msr & (uint8_t)~MSR_DELTA_MASK;
	uint8_t lines = MSR_READY;

	r->mcr = value & MCR_MASK;
	/* In loopback the pins are disconnected. */
	r->rts_used |= (value & UART_MCR_RTS) && !loopback(r);
	if (loopback(r))
		lines = (uint8_t)((r->mcr & UART_MCR_DTR ? UART_MSR_DSR : 0) |
			(r->mcr & UART_MCR_RTS ? UART_MSR_CTS : 0) | (r->mcr & UART_MCR_OUT1 ? UART_MSR_RI : 0) |
			(r->mcr & UART_MCR_OUT2 ? UART_MSR_DCD : 0));
	/* A line's "changed" bit is four below it; RI's is set only by the fall: section 8.8. */
	r->msr = (uint8_t)(lines | (r->msr & MSR_DELTA_MASK) | (((was ^ lines) & MSR_READY) >> 4) |
		((was & ~lines & UART_MSR_RI) >> 4));
}

static uint8_t read_rbr(struct uart_regs *r)
{
	uint8_t byte;

	arrive(r);
	if (!r->rx.count)
		return 0;
	byte = r->rx.data[r->rx.head];
	fifo_drop(&r->rx, 1);
	return byte;
}

/* A register that reports data was read: consecutive @idle reads mean that the driver waits for data. */
static void note_poll(struct uart_regs *r, bool idle)
{
	if (idle && r->idle && r->idle_polls < UART_POLLS)
		r->idle_polls++;
	r->idle = idle;
}

static uint8_t read_iir(struct uart_regs *r)
{
	uint8_t id;

	arrive(r);
	id = cause(r);
	note_poll(r, id == UART_IIR_NO_INT && (r->ier & UART_IER_RDI));
	if (id == UART_IIR_THRI) {
		r->thr_pending = false;
		if (fifos_on(r))
			r->burst = UART_FIFO_DEPTH;
	}
	return id | (fifos_on(r) ? IIR_FIFOS_ON : 0);
}

/*
 * BREAK is reported once, when its byte is the next to be read. Bit 7 says that there is one anywhere in the FIFO, and
 * without FIFOs it is 0: section 8.6.
 */
static uint8_t read_lsr(struct uart_regs *r)
{
	uint8_t lsr;

	arrive(r);
	lsr = (r->rx.count ? UART_LSR_DR : 0) | (r->overrun ? UART_LSR_OE : 0) |
		(fifo_has_break(&r->rx) ? UART_LSR_BI : 0) | (fifos_on(r) && r->rx.brk ? UART_LSR_FIFOE : 0) |
		(r->tx.count ? 0 : UART_LSR_THRE | UART_LSR_TEMT);
	r->overrun = false;
	if (lsr & UART_LSR_BI)
		r->rx.brk &= (uint16_t)~BIT(r->rx.head);
	note_poll(r, (lsr & (UART_LSR_DR | UART_LSR_THRE)) == UART_LSR_THRE);
	return lsr;
}

static uint8_t read_msr(struct uart_regs *r)
{
	uint8_t msr = r->msr;

	r->msr &= (uint8_t)~MSR_DELTA_MASK;
	return msr;
}

static uint8_t read_reg(struct uart *u, uint64_t reg)
{
	struct uart_regs *r = &u->regs;
	bool dlab = r->lcr & UART_LCR_DLAB;

	if (reg != UART_LSR && reg != UART_MSR)
		r->burst = 0;
	if (reg != UART_LSR && reg != UART_IIR)
		r->idle = false;
	switch (reg) {
	case UART_RX: return dlab ? r->dll : read_rbr(r);
	case UART_IER: return dlab ? r->dlm : r->ier;
	case UART_IIR: return read_iir(r);
	case UART_LCR: return r->lcr;
	case UART_MCR: return r->mcr;
	case UART_LSR: return read_lsr(r);
	case UART_MSR: return read_msr(r);
	case UART_SCR: return r->scr;
	default: return 0xff;
	}
}

static void write_reg(struct uart *u, uint64_t reg, uint8_t value)
{
	struct uart_regs *r = &u->regs;
	bool dlab = r->lcr & UART_LCR_DLAB;

	r->idle = false;
	if (reg == UART_TX && !dlab) {
		write_thr(u, value);
		return;
	}
	r->burst = 0;
	if (reg >= UART_IER && reg <= UART_MCR)
		r->idle_polls = 0;
	switch (reg) {
	case UART_DLL: r->dll = value; break;
	case UART_IER:
		if (dlab)
			r->dlm = value;
		else
			write_ier(r, value);
		break;
	case UART_FCR: write_fcr(u, value); break;
	case UART_LCR: r->lcr = value; break;
	case UART_MCR: write_mcr(r, value); break;
	case UART_SCR: r->scr = value; break;
	default: break; /* LSR and MSR are read-only except in factory tests */
	}
}

static void uart_read(struct device *dev, uint64_t offset, void *data, unsigned len)
{
	struct uart *u = container_of(dev, struct uart, dev);
	uint8_t *byte = data;

	pthread_mutex_lock(&u->lock);
	for (unsigned i = 0; i < len; i++) {
		byte[i] = read_reg(u, offset + i);
		settle(u);
	}
	pthread_mutex_unlock(&u->lock);
}

static void uart_write(struct device *dev, uint64_t offset, const void *data, unsigned len)
{
	struct uart *u = container_of(dev, struct uart, dev);
	const uint8_t *byte = data;

	pthread_mutex_lock(&u->lock);
	for (unsigned i = 0; i < len; i++) {
		write_reg(u, offset + i, byte[i]);
		settle(u);
	}
	pthread_mutex_unlock(&u->lock);
}

/* Puts up to @n bytes, or a BREAK, onto the wire. */
static size_t put_on_wire(struct uart *u, const uint8_t *data, size_t n, bool brk)
{
	struct uart_regs *r = &u->regs;
	size_t taken;

	pthread_mutex_lock(&u->lock);
	taken = MIN(n, line_room(r));
	for (size_t i = 0; i < taken; i++)
		fifo_push(&r->wire, data[i], brk);
	if (taken < n)
		r->rx_refused = true;
	settle(u);
	pthread_mutex_unlock(&u->lock);
	return taken;
}

static size_t uart_rx(struct char_guest *g, const uint8_t *data, size_t n)
{
	return put_on_wire(container_of(g, struct uart, guest), data, n, false);
}

static int uart_rx_break(struct char_guest *g)
{
	const uint8_t zero = 0;

	return put_on_wire(container_of(g, struct uart, guest), &zero, 1, true) ? 0 : -EAGAIN;
}

/* The host may take again what it refused. */
static void offer_again(struct uart *u)
{
	struct uart_regs *r = &u->regs;

	r->tx_refused = false;
	if (r->tx.count) {
		tx_flush(u);
		r->thr_pending = !r->tx.count;
	}
	settle(u);
}

static void uart_tx_room(struct char_guest *g)
{
	struct uart *u = container_of(g, struct uart, guest);

	pthread_mutex_lock(&u->lock);
	offer_again(u);
	pthread_mutex_unlock(&u->lock);
}

COLD int uart_init(struct uart *u, struct irq_line *irq, struct char_host *host)
{
	static const struct device_ops ops = {.read = uart_read, .write = uart_write};

	*u = (struct uart){
		.dev = {.ops = &ops, .name = "uart16550"},
		.guest = {.rx = uart_rx, .tx_room = uart_tx_room, .rx_break = uart_rx_break},
		.irq = irq,
		.host = host,
		/* The chip's value is 0, which would be a division by zero in a guest that computes its baud rate. */
		.regs = {.msr = MSR_READY, .dll = 1, .polled_only = irq->fd < 0},
	};
	return -pthread_mutex_init(&u->lock, NULL);
}

void uart_destroy(struct uart *u)
{
	if (u)
		pthread_mutex_destroy(&u->lock);
}

#define FIFO_FIELDS(fifo)                                                                                              \
	STATE_ARRAY(struct uart_regs, fifo.data), STATE_UP_TO(struct uart_regs, fifo.head, UART_FIFO_DEPTH - 1),       \
		STATE_UP_TO(struct uart_regs, fifo.count, UART_FIFO_DEPTH), STATE_FIELD(struct uart_regs, fifo.brk)

static const struct state_field uart_fields[] = {
	STATE_UP_TO(struct uart_regs, ier, IER_MASK),
	STATE_FIELD(struct uart_regs, fcr),
	STATE_FIELD(struct uart_regs, lcr),
	STATE_UP_TO(struct uart_regs, mcr, MCR_MASK),
	STATE_FIELD(struct uart_regs, msr),
	STATE_FIELD(struct uart_regs, scr),
	STATE_FIELD(struct uart_regs, dll),
	STATE_FIELD(struct uart_regs, dlm),
	STATE_BOOL(struct uart_regs, overrun),
	STATE_BOOL(struct uart_regs, thr_pending),
	STATE_BOOL(struct uart_regs, irq_high),
	STATE_BOOL(struct uart_regs, rts_used),
	STATE_BOOL(struct uart_regs, idle),
	STATE_UP_TO(struct uart_regs, idle_polls, UART_POLLS),
	STATE_UP_TO(struct uart_regs, burst, UART_FIFO_DEPTH),
	FIFO_FIELDS(rx),
	FIFO_FIELDS(wire),
	FIFO_FIELDS(tx),
};
STATE_TABLE(uart_state, "uart", uart_fields);

/* A break is at a place that is in use; none of them is sent. */
static bool breaks_are_in(const struct uart_fifo *f)
{
	uint16_t used = 0;

	for (unsigned i = 0; i < f->count; i++)
		used |= (uint16_t)BIT((f->head + i) % UART_FIFO_DEPTH);
	return !(f->brk & ~used);
}

/* What every entry into the device keeps true. */
static const char *rule_of(const struct uart_regs *r)
{
	if (r->fcr & ~(fifos_on(r) ? UART_FCR_ENABLE_FIFO | UART_FCR_TRIGGER_MASK : 0))
		return "FIFOs that are off have a trigger level";
	if (r->rx.count > rx_depth(r))
		return "more input than fits";
	if (!breaks_are_in(&r->rx) || !breaks_are_in(&r->wire) || r->tx.brk)
		return "a BREAK where there is no byte";
	return NULL;
}

COLD void uart_save(struct uart *u, struct state_writer *w)
{
	pthread_mutex_lock(&u->lock);
	state_put(w, &uart_state, 0, &u->regs);
	pthread_mutex_unlock(&u->lock);
}

COLD int uart_restore(struct uart *u, struct state_reader *r, struct err *e)
{
	struct uart_regs regs = {.polled_only = u->irq->fd < 0, .rx_refused = true};
	const char *rule;
	int ret = state_get(r, &uart_state, 0, &regs, e);

	if (ret < 0)
		return ret;
	rule = rule_of(&regs);
	if (rule)
		return state_refuse(e, &uart_state, 0, rule);
	pthread_mutex_lock(&u->lock);
	regs.irq_high = false;
	u->regs = regs;
	offer_again(u);
	pthread_mutex_unlock(&u->lock);
	return 0;
}
