/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The two ends of a character line: a guest-facing device (UART, virtio console) and the host end (a console that
 * writes to stdout, a pty, a file or a socket). Each end implements one struct and borrows the other's.
 */
#ifndef VMM_BASE_CHARDEV_H
#define VMM_BASE_CHARDEV_H

#include <stddef.h>
#include <stdint.h>

/**
 * struct char_host - implemented by the host end, called by the device
 * @tx: take up to @n bytes from the guest. Returns the number taken; fewer than @n means that the buffer is full, and
 *      that guest->tx_room will be called once it has space again. Never blocks. Any thread, device lock held.
 * @rx_room: the device can take input again after rx took less than offered. Any thread, device lock held: it
 *      only wakes the host's loop, and never calls back into the device.
 * @tx_lost: @n bytes of the guest were dropped (it wrote while the transmitter was not ready)
 */
struct char_host {
	size_t (*tx)(struct char_host *h, const uint8_t *data, size_t n);
	void (*rx_room)(struct char_host *h);
	void (*tx_lost)(struct char_host *h, size_t n);
};

/**
 * struct char_guest - implemented by the device, called by the host end from its loop, with no host lock held
 * @rx: offer @n bytes of input; returns the number that the device took
 * @tx_room: the host's buffer has space again
 * @rx_end: there will be no more input, and all of it was taken; NULL: the device need not know
 * @rx_break: the line is held in BREAK for longer than a character. Returns 0, -EAGAIN (no space: host->rx_room
 *            follows), or -ENOTTY: the line has no BREAK. NULL is -ENOTTY.
 */
struct char_guest {
	size_t (*rx)(struct char_guest *g, const uint8_t *data, size_t n);
	void (*tx_room)(struct char_guest *g);
	void (*rx_end)(struct char_guest *g);
	int (*rx_break)(struct char_guest *g);
};

#endif
