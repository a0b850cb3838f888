/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A 16550A serial port: eight byte-wide registers, two 16-byte FIFOs, one interrupt.
 *
 * The line has no speed: a byte that the guest writes is passed to the host at once, so THRE and TEMT are set again
 * before the write returns. Only a host whose buffer is full slows the guest down: then the byte waits in the transmit
 * FIFO and THRE stays clear until the host calls guest.tx_room. Input is never dropped: it stays with the host until
 * the guest is known to listen (theory of operation in the .c file), then the receive FIFO takes what fits, and the
 * host is notified when the guest has emptied it.
 *
 * A BREAK from the host is received, in order with the other bytes, as a zero byte with LSR bit 4 (section 8.6.4).
 *
 * Word length, parity, baud rate and the guest's own break are stored and have no effect, since there is no wire.
 * Modem inputs are those of a cable with the other end ready: CTS, DSR and DCD on, RI off.
 *
 * Spec: Texas Instruments PC16550D data sheet (SNLS378C), section 8; the registers' names are <linux/serial_reg.h>'s.
 */
#ifndef DEVICES_UART16550_H
#define DEVICES_UART16550_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "vmm/base/chardev.h"
#include "vmm/base/device.h"
#include "vmm/base/irq.h"
#include "vmm/base/state.h"

#define UART_SIZE       8 /* registers, one byte each */
#define UART_FIFO_DEPTH 16
#define UART_POLLS      8 /* see struct uart_regs */

/**
 * struct uart_fifo - a ring of bytes
 * @head: position of the oldest byte
 * @count: number of bytes, 0 to UART_FIFO_DEPTH
 * @brk: a bit for each position of @data that holds a BREAK not reported in LSR yet
 */
struct uart_fifo {
	uint8_t data[UART_FIFO_DEPTH];
	uint8_t head;
	uint8_t count;
	uint16_t brk;
};

/**
 * struct uart_regs - all state the guest can observe; plain data, copied as it is to save or restore it
 * @fcr: FIFO enable and trigger level; 0 while the FIFOs are off
 * @msr: line states and the "changed" bits
 * @overrun: LSR bit 1, until LSR is read
 * @thr_pending: the "transmitter empty" interrupt has not been acknowledged yet
 * @irq_high: level of the interrupt output; a rise is a pulse on the irq_line
 * @polled_only: there is no interrupt line
 * @rts_used: RTS has been on
 * @idle: the last access was a read of LSR or IIR that returned no data and an empty transmitter
 * @idle_polls: number of such reads that directly followed one, UART_POLLS at most; 0 after a change of IER, FCR, LCR
 *              or MCR
 * @burst: further bytes of an acknowledged transmit interrupt, see the .c file
 * @rx_refused: input of the host was refused; it expects rx_room
 * @tx_refused: the host's buffer was full; it will call tx_room
 * @wire: bytes from the host that no register has reported yet; they follow those of @rx
 * @tx: bytes that the host did not take yet; THRE and TEMT are set when it is empty
 */
struct uart_regs {
	uint8_t ier;
	uint8_t fcr;
	uint8_t lcr;
	uint8_t mcr;
	uint8_t msr;
	uint8_t scr;
	uint8_t dll;
	uint8_t dlm;
	bool overrun;
	bool thr_pending;
	bool irq_high;
	bool polled_only;
	bool rts_used;
	bool idle;
	uint8_t idle_polls;
	uint8_t burst;
	bool rx_refused;
	bool tx_refused;
	struct uart_fifo rx;
	struct uart_fifo wire;
	struct uart_fifo tx;
};

/**
 * struct uart - one serial port
 * @dev: register accesses, offsets 0 to UART_SIZE - 1; wider ones act byte by byte, lowest first
 * @guest: for the host end
 * @irq, @host: borrowed
 * @lock: guards @regs; held while host->tx, host->rx_room and host->tx_lost are called
 */
struct uart {
	struct device dev;
	struct char_guest guest;
	struct irq_line *irq;
	struct char_host *host;
	pthread_mutex_t lock;
	struct uart_regs regs;
};

/**
 * uart_init() - a port after its reset, at 115200 baud
 * @irq: borrowed; pulsed when the interrupt output, gated by OUT2 as on a PC, goes high. Without an fd there is no
 *       interrupt: the port can only be polled
 * @host: borrowed; all its members set
 *
 * Return: 0 or a negative errno.
 */
int uart_init(struct uart *u, struct irq_line *irq, struct char_host *host);

/** uart_destroy() - takes NULL; no thread may be in the device any more */
void uart_destroy(struct uart *u);

/**
 * uart_save(), uart_restore() - the state that a guest can observe; vmm/base/state.h
 *
 * uart_restore() takes it or leaves the port as it is. What waits for the host is offered to it again, and the host
 * hears that there may be room; an interrupt that was high is raised anew, since a pulse may have been under way when
 * the state was saved. Whether the port has an interrupt line is not part of the state.
 *
 * Return: 0 or -EINVAL, with a message in @e. Context: no vCPU runs. Trust: guest.
 */
void uart_save(struct uart *u, struct state_writer *w);
int uart_restore(struct uart *u, struct state_reader *r, struct err *e);

#endif
