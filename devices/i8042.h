/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An 8042 keyboard controller without keyboard, mouse or interrupt: it can pulse the processor's reset line, and
 * responds to every command at once, so that no kernel waits for a timeout.
 *
 * A driver finds out early that there is no keyboard: after a reset the output buffer holds more junk than a keyboard
 * could have sent, by which Linux recognises a missing controller (it gives up after 16 bytes, in under a millisecond;
 * with a controller present it would wait half a second for a keyboard's interrupt). A guest that continues and sends a
 * command gets the response of the real chip; the first command drops the junk.
 *
 * Spec: IBM PS/2 Hardware Interface Technical Reference, "Keyboard and Auxiliary Device Controller".
 */
#ifndef DEVICES_I8042_H
#define DEVICES_I8042_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "vmm/base/device.h"
#include "vmm/base/state.h"

#define I8042_JUNK_BYTES 256 /* Linux reads 16 of them at each boot; a kexec boots again */
#define I8042_RAM_SIZE   32
#define I8042_QUEUE_SIZE 2

/**
 * struct i8042_regs - plain data, copied to save or restore it
 * @ram: internal RAM; byte 0 is the controller's command byte
 * @output_port: as last written by command 0xd1
 * @command: the command that expects a data byte at port 0x60; 0: none, the byte is for the keyboard
 * @after_command: the last write went to port 0x64
 * @junk: bytes of power-on junk left
 * @queue, @queued: responses not read yet, oldest first
 * @queue_status: status bits that come with them
 * @last: the value that a read of an empty output buffer repeats
 */
struct i8042_regs {
	uint8_t ram[I8042_RAM_SIZE];
	uint8_t output_port;
	uint8_t command;
	bool after_command;
	uint16_t junk;
	uint8_t queue[I8042_QUEUE_SIZE];
	uint8_t queue_status;
	uint8_t queued;
	uint8_t last;
};

/**
 * struct i8042 - two parts, since port 0x61 between them belongs to the PIT
 * @data: one register, port 0x60
 * @cmd: one register, port 0x64
 * @events: borrowed; gets GUEST_RESET
 */
struct i8042 {
	struct device data;
	struct device cmd;
	struct guest_events *events;
	pthread_mutex_t lock;
	struct i8042_regs regs;
};

/**
 * i8042_init()
 * @events: borrowed
 *
 * Return: 0 or a negative errno.
 */
int i8042_init(struct i8042 *k, struct guest_events *events);

/** i8042_destroy() - takes NULL */
void i8042_destroy(struct i8042 *k);

/**
 * i8042_save(), i8042_restore() - the state that a guest can observe; vmm/base/state.h
 *
 * Answers that the guest has not read yet are part of it.
 *
 * Return: 0 or -EINVAL, with a message in @e; then the device is as it was. Context: no vCPU runs. Trust: guest.
 */
void i8042_save(struct i8042 *k, struct state_writer *w);
int i8042_restore(struct i8042 *k, struct state_reader *r, struct err *e);

#endif
