/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ports of a PC's interval timer (8254) until the timer is created. The timer itself is KVM's, and is created at
 * the guest's first write to it: many guests never use it (Linux with hardware-reduced ACPI, for example), and an
 * existing timer costs 12 to 28 ms at the end of a run (KVM waits for RCU to free it).
 *
 * Until then the counters read as running, and port 0x61 works, except that the output of counter 2 toggles: code that
 * waits for either level continues. If no timer can be created this remains so, and no guest waits for ever.
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
#define PIT_CONTROL_ACCESS(w)  ((w) >> 4 & 3) /* 0: latch command, programs nothing */
#define PIT_CONTROL_COUNTER(w) ((w) >> 6)     /* 3: read-back command, programs nothing */

/* Port 0x61: the writable bits. */
#define PIT_SPEAKER_GATE 0x01 /* counter 2 counts */
#define PIT_SPEAKER_DATA 0x02 /* counter 2 drives the speaker */

/**
 * struct pit_host - creates the timer
 * @start: create it, in the state after firmware has run, but with @control, the guest's first control word (0: its
 *         first write was another), and @speaker, PIT_SPEAKER_ bits. From then on the timer handles the ports, before
 *         this device. Return: 0, or a negative errno when it cannot be created; the host has reported it.
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
 * @counter: the value of the next read of a counter
 * @asked: a timer was requested from the host
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
 * @lock: held while the host creates the timer, unlike other devices' locks: another CPU that programs it meanwhile has
 *        to wait
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
