/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The debug console of Bochs and QEMU: one port. Bytes written to it go to the host's console; reading it returns 0xe9,
 * by which a guest detects it. There is no flow control: bytes that the host cannot take are lost, and counted by the
 * host end.
 */
#ifndef DEVICES_DEBUGCON_H
#define DEVICES_DEBUGCON_H

#include <pthread.h>

#include "vmm/base/chardev.h"
#include "vmm/base/device.h"

#define DEBUGCON_SIZE  1
#define DEBUGCON_PROBE 0xe9

/**
 * struct debugcon - has no state
 * @guest: for the host end; takes no input
 * @host: borrowed
 * @lock: keeps the bytes of a wide write together
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
