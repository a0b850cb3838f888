/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The debug console of Bochs and QEMU: one port. What is written there goes to the host's console; reading it gives
 * 0xe9, which is how a guest finds out that it is there. There is no flow control: what the host cannot take is lost,
 * and counted there.
 */
#ifndef DEVICES_DEBUGCON_H
#define DEVICES_DEBUGCON_H

#include <pthread.h>

#include "vmm/base/chardev.h"
#include "vmm/base/device.h"

#define DEBUGCON_SIZE  1
#define DEBUGCON_PROBE 0xe9

/**
 * struct debugcon - no state of its own
 * @guest: for the host end; takes no input and has nothing to send later
 * @host: borrowed
 * @lock: keeps the bytes of one wide write together
 */
struct debugcon {
	struct device dev;
	struct char_guest guest;
	struct char_host *host;
	pthread_mutex_t lock;
};

/**
 * debugcon_init()
 * @host: borrowed; its tx and tx_lost are called
 *
 * Return: 0 or a negative errno.
 */
int debugcon_init(struct debugcon *d, struct char_host *host);

/** debugcon_destroy() - takes NULL */
void debugcon_destroy(struct debugcon *d);

#endif
