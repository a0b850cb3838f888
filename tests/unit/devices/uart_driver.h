/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An interrupt-driven serial driver that touches the chip in the order in which Linux's 8250 does: one pulse of the
 * line runs driver_irq(), which reads IIR until it says that there is nothing left.
 */
#ifndef TESTS_UNIT_DEVICES_UART_DRIVER_H
#define TESTS_UNIT_DEVICES_UART_DRIVER_H

#include <linux/serial_reg.h>

#include "devices/uart16550.h"
#include "tests/support/chip.h"

#define DRIVER_RX_AT_ONCE 256 /* bytes read in one round */
#define DRIVER_TX_AT_ONCE 16

struct driver {
	struct device *dev;
	uint8_t ier;
	/* to send */
	const uint8_t *tx;
	size_t tx_left;
	/* received */
	uint8_t *rx;
	size_t nr_rx, max_rx;
	/* how it went */
	unsigned irqs, empty_irqs;
	bool overran;
};

static inline void driver_ier(struct driver *d, uint8_t ier)
{
	d->ier = ier;
	out8(d->dev, UART_IER, ier);
}

/* Port ready, in Linux's order: FIFOs cleared and off, the interrupts, the FIFOs on again, and RTS last of all. */
static inline void driver_open(struct driver *d, uint8_t trigger)
{
	for (int luck = 0; luck < 2; luck++) {
		if (!luck) {
			out8(d->dev, UART_FCR, UART_FCR_ENABLE_FIFO);
			out8(d->dev, UART_FCR, UART_FCR_ENABLE_FIFO | UART_FCR_CLEAR_RCVR | UART_FCR_CLEAR_XMIT);
			out8(d->dev, UART_FCR, 0);
		}
		in8(d->dev, UART_LSR);
		in8(d->dev, UART_RX);
		in8(d->dev, UART_IIR);
		in8(d->dev, UART_MSR);
		if (luck)
			break;
		in8(d->dev, UART_LSR);
		out8(d->dev, UART_LCR, UART_LCR_WLEN8);
		out8(d->dev, UART_MCR, UART_MCR_OUT2 | UART_MCR_DTR);
		out8(d->dev, UART_IER, UART_IER_THRI);
		in8(d->dev, UART_LSR);
		in8(d->dev, UART_IIR);
		out8(d->dev, UART_IER, 0);
	}
	driver_ier(d, UART_IER_RLSI | UART_IER_RDI);
	out8(d->dev, UART_LCR, UART_LCR_WLEN8);
	out8(d->dev, UART_FCR, UART_FCR_ENABLE_FIFO);
	out8(d->dev, UART_FCR, UART_FCR_ENABLE_FIFO | trigger);
	out8(d->dev, UART_MCR, UART_MCR_OUT2 | UART_MCR_DTR);
	out8(d->dev, UART_MCR, UART_MCR_OUT2 | UART_MCR_RTS | UART_MCR_DTR);
}

/* A line of text as the kernel's console prints it, before there is a driver and after. */
static inline void driver_console(struct driver *d, const char *text)
{
	uint8_t ier = in8(d->dev, UART_IER);

	out8(d->dev, UART_IER, 0);
	while (*text) {
		while (!(in8(d->dev, UART_LSR) & UART_LSR_THRE))
			;
		out8(d->dev, UART_TX, (uint8_t)*text++);
	}
	while (!(in8(d->dev, UART_LSR) & UART_LSR_TEMT))
		;
	out8(d->dev, UART_IER, ier);
}

static inline void driver_send(struct driver *d, const void *data, size_t n)
{
	d->tx = data;
	d->tx_left = n;
	driver_ier(d, d->ier | UART_IER_THRI);
}

static inline void driver_receive(struct driver *d, uint8_t *lsr)
{
	for (int i = 0; i < DRIVER_RX_AT_ONCE && (*lsr & UART_LSR_DR); i++) {
		uint8_t byte = in8(d->dev, UART_RX);

		d->overran |= *lsr & UART_LSR_OE;
		if (d->nr_rx < d->max_rx)
			d->rx[d->nr_rx++] = byte;
		*lsr = in8(d->dev, UART_LSR);
	}
}

static inline void driver_transmit(struct driver *d)
{
	for (int i = 0; i < DRIVER_TX_AT_ONCE && d->tx_left; i++, d->tx_left--)
		out8(d->dev, UART_TX, *d->tx++);
	if (!d->tx_left)
		driver_ier(d, d->ier & (uint8_t)~UART_IER_THRI);
}

static inline void driver_irq(struct driver *d)
{
	bool handled = false;

	d->irqs++;
	while (!(in8(d->dev, UART_IIR) & UART_IIR_NO_INT)) {
		uint8_t lsr = in8(d->dev, UART_LSR);

		handled = true;
		driver_receive(d, &lsr);
		in8(d->dev, UART_MSR);
		if ((lsr & UART_LSR_THRE) && (d->ier & UART_IER_THRI))
			driver_transmit(d);
	}
	d->empty_irqs += !handled;
}

#endif
