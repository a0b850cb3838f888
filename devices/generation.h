/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The VM generation id: 16 random bytes at the start of a page that a guest can only read, another 16 for each machine
 * that goes on from one moment. Guests read the page without an exit where KVM has read-only memory (vm_show()), else
 * here.
 *
 * Spec: Microsoft, Virtual Machine Generation ID, August 2012: the bytes are aligned to 8, in a page of their own
 * which the memory map does not have as RAM, and are never written by the guest.
 */
#ifndef DEVICES_GENERATION_H
#define DEVICES_GENERATION_H

#include "vmm/base/device.h"

#define GENERATION_ID_SIZE   16
#define GENERATION_PAGE_SIZE 0x1000

/** struct generation - @id: written while no vCPU runs */
struct generation {
	struct device dev;
	uint8_t id[GENERATION_ID_SIZE];
};

/** generation_init() - Return: always 0; nothing has to be destroyed. */
int generation_init(struct generation *g);

#endif
