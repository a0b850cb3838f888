// SPDX-License-Identifier: Apache-2.0
/*
 * What a flat program prints and reads.
 *
 * Theory of operation. A program has no interrupts, so nothing is gained by letting it run on when the console is full
 * or no key is there: its thread waits, in the exit that asked for it, until the loop's thread brings room or a key.
 * That is back-pressure and not a stall: no other program waits, and flat_end() wakes every waiter. It waits between
 * two accesses, with no lock of a device held: the loop's thread brings keys to the same serial port meanwhile. While
 * it waits it counts as held: a pause or a debugger need not wait for a key.
 *
 * With several programs a line is written whole: `turn` is held from its first byte to its last, also while the
 * console has no room. The others then wait for their turn; the loop's thread never takes it.
 */
#include <errno.h>
#include <inttypes.h>
#include <linux/serial_reg.h>
#include <string.h>

#include "vmm/base/assert.h"
#include "vmm/base/le.h"
#include "vmm/program/flat_internal.h"
#include "vmm/program/flat_ports.h"

/* --- Output -------------------------------------------------------------------------------------------------- */

static void wait_for_room(struct flat_program *p, uint64_t rooms)
{
	struct flat *f = p->flat;

	vcpu_thread_blocks(&p->thread);
	pthread_mutex_lock(&f->room_lock);
	while (f->rooms == rooms && !crew_stopping(&f->crew))
		pthread_cond_wait(&f->room, &f->room_lock);
	pthread_mutex_unlock(&f->room_lock);
	vcpu_thread_unblocks(&p->thread);
}

static void put(struct flat_program *p, const char *data, size_t n)
{
	struct flat *f = p->flat;
	struct char_host *out = console_host(f->console);

	for (;;) {
		uint64_t rooms;
		size_t taken;

		pthread_mutex_lock(&f->room_lock);
		rooms = f->rooms;
		pthread_mutex_unlock(&f->room_lock);
		taken = out->tx(out, (const uint8_t *)data, n);
		data += taken;
		n -= taken;
		if (!n)
			return;
		wait_for_room(p, rooms);
		if (crew_stopping(&f->crew)) {
			out->tx_lost(out, n);
			return;
		}
	}
}

/* A terminal in raw mode moves down at a newline, but not to the left. */
static void put_text(struct flat_program *p, const char *data, size_t n)
{
	while (n) {
		const char *nl = p->flat->raw ? memchr(data, '\n', n) : NULL;
		size_t len = nl ? (size_t)(nl - data) : n;

		put(p, data, len);
		if (nl)
			put(p, "\r\n", 2);
		len += nl != NULL;
		data += len;
		n -= len;
	}
}

static void take_turn(struct flat_program *p)
{
	if (pthread_mutex_trylock(&p->flat->turn) == 0)
		return;
	vcpu_thread_blocks(&p->thread);
	pthread_mutex_lock(&p->flat->turn);
	vcpu_thread_unblocks(&p->thread);
}

static void put_line(struct flat_program *p)
{
	take_turn(p);
	put_text(p, p->name, strlen(p->name));
	put_text(p, ": ", 2);
	put_text(p, p->text, p->used);
	put_text(p, "\n", 1);
	pthread_mutex_unlock(&p->flat->turn);
	p->used = 0;
}

/* From a device, its lock held: printed when the access is over. */
static size_t line_tx(struct char_host *h, const uint8_t *data, size_t n)
{
	struct flat_program *p = container_of(h, struct flat_program, line);

	assert(n <= sizeof(p->said) - p->said_nr);
	memcpy(p->said + p->said_nr, data, n);
	p->said_nr += n;
	return n;
}

static void print_said(struct flat_program *p)
{
	size_t n = p->said_nr;

	p->said_nr = 0;
	if (p->flat->nr == 1) {
		put_text(p, p->said, n);
		return;
	}
	for (size_t i = 0; i < n; i++) {
		if (p->said[i] == '\n' || p->used == sizeof(p->text))
			put_line(p);
		if (p->said[i] != '\n')
			p->text[p->used++] = p->said[i];
	}
}

static void line_tx_lost(struct char_host *h, size_t n)
{
	struct char_host *out = console_host(container_of(h, struct flat_program, line)->flat->console);

	out->tx_lost(out, n);
}

/* Called for the first program only: no other's UART is ever offered a byte. */
static void line_rx_room(struct char_host *h)
{
	struct char_host *in = console_host(container_of(h, struct flat_program, line)->flat->console);

	in->rx_room(in);
}

void flat_print_rest(struct flat_program *p)
{
	if (p->used)
		put_line(p);
}

static void console_has_room(struct char_guest *g)
{
	struct flat *f = container_of(g, struct flat, keyboard);

	pthread_mutex_lock(&f->room_lock);
	f->rooms++;
	pthread_cond_broadcast(&f->room);
	pthread_mutex_unlock(&f->room_lock);
}

/* --- Numbers ------------------------------------------------------------------------------------------------- */

static void ones(struct device *dev, uint64_t offset, void *data, unsigned len)
{
	memset(data, 0xff, len);
}

static void number_write(struct device *dev, uint64_t offset, const void *data, unsigned len)
{
	struct flat_number *d = container_of(dev, struct flat_number, dev);
	uint64_t value = 0;
	char text[24];
	int n;

	memcpy(&value, data, MIN(len, sizeof(value)));
	value = le64toh(value);
	if (d->is_signed && len < sizeof(value) && (value >> (8 * len - 1)))
		value |= UINT64_MAX << (8 * len);
	n = d->is_signed ? snprintf(text, sizeof(text), "%" PRId64, (int64_t)value)
			 : snprintf(text, sizeof(text), "%" PRIu64, value);
	d->out->tx(d->out, (const uint8_t *)text, (size_t)n);
}

/* --- Keys ---------------------------------------------------------------------------------------------------- */

/* Every key goes through the UART, so that it does not matter which of the two ports a program reads. */
static bool take_key(struct flat_program *p, uint8_t *ret)
{
	struct device *uart = &p->uart.dev;
	uint8_t lsr;

	uart->ops->read(uart, UART_LSR, &lsr, 1);
	if (!(lsr & UART_LSR_DR))
		return false;
	uart->ops->read(uart, UART_RX, ret, 1);
	return true;
}

static void key_read(struct device *dev, uint64_t offset, void *data, unsigned len)
{
	struct flat_program *p = container_of(dev, struct flat_program, key);
	bool found, waits = false;
	uint8_t key;

	pthread_mutex_lock(&p->key_lock);
	while (!(found = take_key(p, &key)) && !p->input_ended && !crew_stopping(&p->flat->crew)) {
		if (!waits)
			vcpu_thread_blocks(&p->thread);
		waits = true;
		pthread_cond_wait(&p->key_came, &p->key_lock);
	}
	pthread_mutex_unlock(&p->key_lock);
	if (waits)
		vcpu_thread_unblocks(&p->thread);
	memset(data, found ? 0 : 0xff, len);
	if (found)
		*(uint8_t *)data = key;
}

static void ignore(struct device *dev, uint64_t offset, const void *data, unsigned len)
{
}

static void key_has_come(struct flat_program *p)
{
	pthread_mutex_lock(&p->key_lock);
	pthread_cond_signal(&p->key_came);
	pthread_mutex_unlock(&p->key_lock);
}

static size_t keyboard_rx(struct char_guest *g, const uint8_t *data, size_t n)
{
	struct flat_program *p = &container_of(g, struct flat, keyboard)->program[0];
	size_t taken = p->uart.guest.rx(&p->uart.guest, data, n);

	key_has_come(p);
	return taken;
}

static int keyboard_rx_break(struct char_guest *g)
{
	struct flat_program *p = &container_of(g, struct flat, keyboard)->program[0];
	int r = p->uart.guest.rx_break(&p->uart.guest);

	key_has_come(p);
	return r;
}

static void keyboard_ended(struct char_guest *g)
{
	struct flat_program *p = &container_of(g, struct flat, keyboard)->program[0];

	pthread_mutex_lock(&p->key_lock);
	p->input_ended = true;
	pthread_cond_signal(&p->key_came);
	pthread_mutex_unlock(&p->key_lock);
}

/* --- Wiring -------------------------------------------------------------------------------------------------- */

static void on_event(struct guest_events *ev, enum guest_event what, uint64_t value)
{
	struct flat_program *p = container_of(ev, struct flat_program, events);

	if (what == GUEST_DEBUG_EXIT)
		p->verdict = (struct verdict){OUTCOME_DEBUG_EXIT, DETECTOR_DEBUG_PORT, value};
}

int flat_io_init(struct flat *f)
{
	f->keyboard = (struct char_guest){
		.rx = keyboard_rx,
		.tx_room = console_has_room,
		.rx_end = keyboard_ended,
		.rx_break = keyboard_rx_break,
	};
	pthread_mutex_init(&f->turn, NULL);
	pthread_mutex_init(&f->room_lock, NULL);
	pthread_cond_init(&f->room, NULL);
	return 0;
}

void flat_io_destroy(struct flat *f)
{
	pthread_cond_destroy(&f->room);
	pthread_mutex_destroy(&f->room_lock);
	pthread_mutex_destroy(&f->turn);
}

int flat_program_ports(struct flat_program *p, bool keyboard, struct err *e)
{
	static const struct device_ops number_ops = {.read = ones, .write = number_write};
	static const struct device_ops key_ops = {.read = key_read, .write = ignore};
	int r;

	p->line = (struct char_host){.tx = line_tx, .rx_room = line_rx_room, .tx_lost = line_tx_lost};
	p->no_irq.fd = -1;
	p->events.raise = on_event;
	p->input_ended = !keyboard;
	p->number[0] = (struct flat_number){.dev = {&number_ops, "number"}, .out = &p->line};
	p->number[1] = (struct flat_number){.dev = {&number_ops, "signed number"}, .out = &p->line, .is_signed = true};
	p->key = (struct device){&key_ops, "key"};
	debug_exit_init(&p->exit, &p->events);
	r = debugcon_init(&p->debugcon, &p->line);
	if (r < 0)
		return err_sys(e, r, "cannot set up the console port");
	r = uart_init(&p->uart, &p->no_irq, &p->line);
	if (r < 0) {
		debugcon_destroy(&p->debugcon);
		return err_sys(e, r, "cannot set up the serial port");
	}
	pthread_mutex_init(&p->key_lock, NULL);
	pthread_cond_init(&p->key_came, NULL);
	p->has_ports = true;

	/* The table has no overlaps, and fits the bus. */
	r = bus_add(&p->pio, FLAT_PORT_NUMBER, FLAT_PORT_SIZE(NUMBER), &p->number[0].dev);
	r |= bus_add(&p->pio, FLAT_PORT_SIGNED, FLAT_PORT_SIZE(SIGNED), &p->number[1].dev);
	r |= bus_add(&p->pio, FLAT_PORT_CONSOLE, FLAT_PORT_SIZE(CONSOLE), &p->debugcon.dev);
	r |= bus_add(&p->pio, FLAT_PORT_KEY, FLAT_PORT_SIZE(KEY), &p->key);
	r |= bus_add(&p->pio, FLAT_PORT_EXIT, FLAT_PORT_SIZE(EXIT), &p->exit.dev);
	r |= bus_add(&p->pio, FLAT_PORT_SERIAL, FLAT_PORT_SIZE(SERIAL), &p->uart.dev);
	assert(r == 0);
	bus_seal(&p->pio);
	return 0;
}

void flat_program_ports_destroy(struct flat_program *p)
{
	if (!p->has_ports)
		return;
	uart_destroy(&p->uart);
	debugcon_destroy(&p->debugcon);
	pthread_cond_destroy(&p->key_came);
	pthread_mutex_destroy(&p->key_lock);
	p->has_ports = false;
}

void flat_access(struct flat_program *p, const struct vcpu_exit *x)
{
	for (uint32_t i = 0; i < x->pio.count; i++) {
		uint8_t *data = x->pio.data + (size_t)i * x->pio.len;
		bool hit = x->pio.write ? bus_write(&p->pio, x->pio.port, data, x->pio.len)
					: bus_read(&p->pio, x->pio.port, data, x->pio.len);

		if (unlikely(!hit))
			trace_pio_unclaimed(p->flat->trace, x->pio.port, x->pio.len, x->pio.write ? "write" : "read");
		if (p->said_nr)
			print_said(p);
	}
}

void flat_wake(struct flat *f)
{
	pthread_mutex_lock(&f->room_lock);
	pthread_cond_broadcast(&f->room);
	pthread_mutex_unlock(&f->room_lock);
	for (unsigned i = 0; i < f->nr; i++)
		key_has_come(&f->program[i]);
}
