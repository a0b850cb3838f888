/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ports of a PC's interval timer (8254) before there is one. The timer itself is the hypervisor's, and is started
 * by the guest's first write to it: most guests never touch it (a Linux with hardware-reduced ACPI, for one), and a
 * timer that exists costs each of them 12 to 28 ms at the end of its run (KVM waits for RCU to free it).
 *
 * Until then the counters read as running, and port 0x61 works but for its view of counter 2, which toggles: whoever
 * waits for either level gets it. Where no timer can be had, this is how it stays, so that no guest waits for ever.
 *
 * Spec: Intel 8254 data sheet; IBM PC/AT Technical Reference, "System Board I/O", port 0x61.
 */
#ifndef DEVICES_PIT_H
#define DEVICES_PIT_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "vmm/base/device.h"
#include "vmm/base/state.h"

#define PIT_TIMER_SIZE   4 /* three counters, control word */
#define PIT_SPEAKER_SIZE 1

/* Control word: 8254 data sheet, figure 7. */
#define PIT_CONTROL_BCD        0x01
#define PIT_CONTROL_MODE(w)    ((w) >> 1 & 7)
#define PIT_CONTROL_ACCESS(w)  ((w) >> 4 & 3) /* 0: latches a counter and sets nothing */
#define PIT_CONTROL_COUNTER(w) ((w) >> 6)     /* 3: reads back and sets nothing */

/* Port 0x61: what a guest can set. */
#define PIT_SPEAKER_GATE 0x01 /* counter 2 counts */
#define PIT_SPEAKER_DATA 0x02 /* counter 2 drives the speaker */

/**
 * struct pit_host - where the timer comes from
 * @start: make it, as firmware leaves it but for @control, the guest's first control word (0: its first write was
 *         another), and @speaker, PIT_SPEAKER_ bits. From then on it answers the ports itself, before this device.
 *         Return: 0, or a negative errno when there will be none; the host has reported it.
 *
 * Context: any vCPU thread, once; may take milliseconds.
 */
struct pit_host {
	int (*start)(struct pit_host *host, uint8_t control, uint8_t speaker);
};

/**
 * struct pit_regs - plain data
 * @speaker: port 0x61 as last written
 * @toggle: refresh and counter 2 at the next read of port 0x61
 * @counter: what the next read of a counter gives
 * @asked: the host was asked for a timer
 */
struct pit_regs {
	uint8_t speaker;
	bool toggle;
	uint8_t counter;
	bool asked;
};

/**
 * struct pit
 * @timer: PIT_TIMER_SIZE registers, ports 0x40 to 0x43
 * @port61: one register, port 0x61
 * @host: borrowed
 * @lock: held while the host starts the timer, unlike other devices' locks: another CPU that programs it meanwhile has
 *        nowhere else to go
 */
struct pit {
	struct device timer;
	struct device port61;
	struct pit_host *host;
	pthread_mutex_t lock;
	struct pit_regs regs;
};

/**
 * pit_init()
 * @host: borrowed
 *
 * Return: 0 or a negative errno.
 */
int pit_init(struct pit *p, struct pit_host *host);

/** pit_destroy() - takes NULL */
void pit_destroy(struct pit *p);

/**
 * pit_save(), pit_restore() - the state that a guest can observe; vmm/base/state.h
 *
 * A timer that the guest has started is the hypervisor's, and its state is not here.
 *
 * Return: 0 or -EINVAL, with a message in @e; then the device is as it was. Context: no vCPU runs. Trust: guest.
 */
void pit_save(struct pit *p, struct state_writer *w);
int pit_restore(struct pit *p, struct state_reader *r, struct err *e);

#endif
