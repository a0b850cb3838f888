/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One console for two lines of the guest, the serial port and hvc0: their output is merged, and input goes to hvc0 once
 * it has a driver, before that to the serial port.
 */
#ifndef VMM_CONSOLE_SPLIT_H
#define VMM_CONSOLE_SPLIT_H

#include "devices/virtio/console.h"
#include "vmm/base/chardev.h"

/**
 * struct console_split
 * @guest: for console_attach()
 * @serial, @hvc: borrowed; @hvc is NULL when there is none, and otherwise exists before the loop runs
 */
struct console_split {
	struct char_guest guest;
	struct char_guest *serial;
	struct virtio_console *hvc;
};

/** console_split_init() */
void console_split_init(struct console_split *s, struct char_guest *serial, struct virtio_console *hvc);

#endif
