// SPDX-License-Identifier: Apache-2.0
#include "devices/i8042.h"

#include <string.h>

#include "vmm/base/assert.h"
#include "vmm/base/util.h"

/* Status register, port 0x64 read. Input buffer full (0x02) is never set: every write is handled at once. */
#define STATUS_OUTPUT_FULL 0x01
#define STATUS_SYSTEM      0x04 /* the self-test passed; follows the command byte */
#define STATUS_COMMAND     0x08 /* the last write was a command */
#define STATUS_UNLOCKED    0x10 /* no keylock */
#define STATUS_TIMEOUT     0x40 /* the byte means that a device did not respond */

/* The command byte, internal RAM 0. */
#define CTL_KEYBOARD_IRQ 0x01
#define CTL_SYSTEM       0x04
#define CTL_KEYBOARD_OFF 0x10
#define CTL_AUX_OFF      0x20
#define CTL_TRANSLATE    0x40

/* Commands, port 0x64 write. */
#define CMD_READ_RAM      0x20 /* to 0x3f */
#define CMD_WRITE_RAM     0x60 /* to 0x7f; data follows */
#define CMD_AUX_OFF       0xa7
#define CMD_AUX_ON        0xa8
#define CMD_TEST_AUX      0xa9
#define CMD_SELF_TEST     0xaa
#define CMD_TEST_KEYBOARD 0xab
#define CMD_KEYBOARD_OFF  0xad
#define CMD_KEYBOARD_ON   0xae
#define CMD_READ_INPUT    0xc0
#define CMD_READ_OUTPUT   0xd0
#define CMD_WRITE_OUTPUT  0xd1 /* data follows, for this one and the next three */
#define CMD_LOOP_KEYBOARD 0xd2
#define CMD_LOOP_AUX      0xd3
#define CMD_TO_AUX        0xd4
#define CMD_PULSE         0xf0 /* to 0xff: output port bits 0 to 3 that are 0 here go low for a moment */

#define OUTPUT_NOT_RESET 0x01 /* bit 0 of the output port: low resets the processor */
#define OUTPUT_A20       0x02
#define INPUT_UNLOCKED   0x80

#define SELF_TEST_OK     0x55
#define TEST_OK          0x00
#define TEST_CLOCK_LOW   0x01 /* the value that a missing port returns */
#define KEYBOARD_RESET   0xff
#define KEYBOARD_ACK     0xfa
#define KEYBOARD_TEST_OK 0xaa
#define NO_DEVICE        0xfe /* with STATUS_TIMEOUT; otherwise a request to resend */
#define JUNK             0xff /* without it, the release of a key, which drivers ignore */

static void push(struct i8042_regs *r, uint8_t byte)
{
	assert(r->queued < I8042_QUEUE_SIZE);
	r->queue[r->queued++] = byte;
}

/* A new response replaces an unread one: the output buffer holds one byte. */
static void answer(struct i8042_regs *r, uint8_t byte, uint8_t status)
{
	r->queued = 0;
	r->queue_status = status;
	push(r, byte);
}

static void reset_guest(struct i8042 *k)
{
	k->events->raise(k->events, GUEST_RESET, GUEST_RESET_I8042);
}

static uint8_t read_status(const struct i8042_regs *r)
{
	uint8_t status = STATUS_UNLOCKED | (r->ram[0] & CTL_SYSTEM ? STATUS_SYSTEM : 0) |
		(r->after_command ? STATUS_COMMAND : 0);

	if (r->queued)
		status |= STATUS_OUTPUT_FULL | r->queue_status;
	else if (r->junk)
		status |= STATUS_OUTPUT_FULL;
	return status;
}

static uint8_t read_output(struct i8042_regs *r)
{
	if (r->queued) {
		r->last = r->queue[0];
		r->queued--;
		memmove(r->queue, r->queue + 1, r->queued);
	} else if (r->junk) {
		r->last = JUNK;
		r->junk--;
	}
	return r->last;
}

static void write_command(struct i8042 *k, uint8_t cmd)
{
	struct i8042_regs *r = &k->regs;

	r->junk = 0;
	r->after_command = true;
	r->command = 0;
	switch (cmd) {
	case CMD_READ_RAM ... CMD_READ_RAM + I8042_RAM_SIZE - 1: answer(r, r->ram[cmd - CMD_READ_RAM], 0); break;
	case CMD_WRITE_RAM ... CMD_WRITE_RAM + I8042_RAM_SIZE - 1:
	case CMD_WRITE_OUTPUT:
	case CMD_LOOP_KEYBOARD:
	case CMD_LOOP_AUX:
	case CMD_TO_AUX: r->command = cmd; break;
	case CMD_AUX_OFF: r->ram[0] |= CTL_AUX_OFF; break;
	case CMD_AUX_ON: r->ram[0] &= (uint8_t)~CTL_AUX_OFF; break;
	case CMD_TEST_AUX: answer(r, TEST_CLOCK_LOW, 0); break;
	case CMD_SELF_TEST:
		r->ram[0] |= CTL_SYSTEM;
		answer(r, SELF_TEST_OK, 0);
		break;
	case CMD_TEST_KEYBOARD: answer(r, TEST_OK, 0); break;
	case CMD_KEYBOARD_OFF: r->ram[0] |= CTL_KEYBOARD_OFF; break;
	case CMD_KEYBOARD_ON: r->ram[0] &= (uint8_t)~CTL_KEYBOARD_OFF; break;
	case CMD_READ_INPUT: answer(r, INPUT_UNLOCKED, 0); break;
	case CMD_READ_OUTPUT: answer(r, r->output_port, 0); break;
	case CMD_PULSE ... 0xff:
		if (!(cmd & OUTPUT_NOT_RESET))
			reset_guest(k);
		break;
	default: break;
	}
}

static void write_keyboard(struct i8042_regs *r, uint8_t byte)
{
	/* A byte for the keyboard enables it. */
	r->ram[0] &= (uint8_t)~CTL_KEYBOARD_OFF;
	if (byte == KEYBOARD_RESET) {
		answer(r, KEYBOARD_ACK, 0);
		push(r, KEYBOARD_TEST_OK);
	} else {
		answer(r, NO_DEVICE, STATUS_TIMEOUT);
	}
}

static void write_data(struct i8042 *k, uint8_t byte)
{
	struct i8042_regs *r = &k->regs;
	uint8_t cmd = r->command;

	r->junk = 0;
	r->after_command = false;
	r->command = 0;
	switch (cmd) {
	case 0: write_keyboard(r, byte); break;
	case CMD_WRITE_OUTPUT:
		r->output_port = byte;
		if (!(byte & OUTPUT_NOT_RESET))
			reset_guest(k);
		break;
	case CMD_LOOP_KEYBOARD:
	/* Without an auxiliary port the byte comes back as the keyboard's: Linux takes that for "no such port". */
	case CMD_LOOP_AUX: answer(r, byte, 0); break;
	case CMD_TO_AUX: answer(r, NO_DEVICE, STATUS_TIMEOUT); break;
	default: r->ram[cmd - CMD_WRITE_RAM] = byte; break;
	}
}

/* Each port is one byte: further bytes of a wider access read as ones, and are ignored when written. */
static void i8042_data_read(struct device *dev, uint64_t offset, void *data, unsigned len)
{
	struct i8042 *k = container_of(dev, struct i8042, data);

	memset(data, 0xff, len);
	if (offset)
		return;
	pthread_mutex_lock(&k->lock);
	*(uint8_t *)data = read_output(&k->regs);
	pthread_mutex_unlock(&k->lock);
}

static void i8042_data_write(struct device *dev, uint64_t offset, const void *data, unsigned len)
{
	struct i8042 *k = container_of(dev, struct i8042, data);

	if (offset)
		return;
	pthread_mutex_lock(&k->lock);
	write_data(k, *(const uint8_t *)data);
	pthread_mutex_unlock(&k->lock);
}

static void i8042_cmd_read(struct device *dev, uint64_t offset, void *data, unsigned len)
{
	struct i8042 *k = container_of(dev, struct i8042, cmd);

	memset(data, 0xff, len);
	if (offset)
		return;
	pthread_mutex_lock(&k->lock);
	*(uint8_t *)data = read_status(&k->regs);
	pthread_mutex_unlock(&k->lock);
}

static void i8042_cmd_write(struct device *dev, uint64_t offset, const void *data, unsigned len)
{
	struct i8042 *k = container_of(dev, struct i8042, cmd);

	if (offset)
		return;
	pthread_mutex_lock(&k->lock);
	write_command(k, *(const uint8_t *)data);
	pthread_mutex_unlock(&k->lock);
}

int i8042_init(struct i8042 *k, struct guest_events *events)
{
	static const struct device_ops data_ops = {.read = i8042_data_read, .write = i8042_data_write};
	static const struct device_ops cmd_ops = {.read = i8042_cmd_read, .write = i8042_cmd_write};

	*k = (struct i8042){
		.data = {.ops = &data_ops, .name = "i8042-data"},
		.cmd = {.ops = &cmd_ops, .name = "i8042-cmd"},
		.events = events,
	};
	/* The state after firmware has run. */
	k->regs.ram[0] = CTL_KEYBOARD_IRQ | CTL_SYSTEM | CTL_AUX_OFF | CTL_TRANSLATE;
	k->regs.output_port = 0xcc | OUTPUT_A20 | OUTPUT_NOT_RESET;
	k->regs.junk = I8042_JUNK_BYTES;
	return -pthread_mutex_init(&k->lock, NULL);
}

void i8042_destroy(struct i8042 *k)
{
	if (k)
		pthread_mutex_destroy(&k->lock);
}

/* 0, or a command whose data byte is to come. */
static bool takes_data(uint8_t command)
{
	switch (command) {
	case 0:
	case CMD_WRITE_RAM ... CMD_WRITE_RAM + I8042_RAM_SIZE - 1:
	case CMD_WRITE_OUTPUT:
	case CMD_LOOP_KEYBOARD:
	case CMD_LOOP_AUX:
	case CMD_TO_AUX: return true;
	default: return false;
	}
}

static const struct state_field i8042_fields[] = {
	STATE_ARRAY(struct i8042_regs, ram),
	STATE_FIELD(struct i8042_regs, output_port),
	STATE_FIELD(struct i8042_regs, command),
	STATE_BOOL(struct i8042_regs, after_command),
	STATE_UP_TO(struct i8042_regs, junk, I8042_JUNK_BYTES),
	STATE_ARRAY(struct i8042_regs, queue),
	STATE_FIELD(struct i8042_regs, queue_status),
	STATE_UP_TO(struct i8042_regs, queued, I8042_QUEUE_SIZE),
	STATE_FIELD(struct i8042_regs, last),
};
STATE_TABLE(i8042_state, "i8042", i8042_fields);

COLD void i8042_save(struct i8042 *k, struct state_writer *w)
{
	pthread_mutex_lock(&k->lock);
	state_put(w, &i8042_state, 0, &k->regs);
	pthread_mutex_unlock(&k->lock);
}

COLD int i8042_restore(struct i8042 *k, struct state_reader *r, struct err *e)
{
	struct i8042_regs regs = {0};
	int ret = state_get(r, &i8042_state, 0, &regs, e);

	if (ret < 0)
		return ret;
	if (!takes_data(regs.command))
		return state_refuse(e, &i8042_state, 0, "no such command waits for its data");
	pthread_mutex_lock(&k->lock);
	k->regs = regs;
	pthread_mutex_unlock(&k->lock);
	return 0;
}
