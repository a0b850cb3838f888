/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The marker: ports through which a guest says that it has reached a point, and learns which of the guests that begin
 * there it is. The registers are described in marker_regs.h.
 *
 * What a guest is told belongs to its life, which begins when it boots, is restored, or goes back (marker_begin()); the
 * registers belong to its state. So an answer that a snapshot was taken in the middle of goes on with what the restored
 * guest is told.
 */
#ifndef DEVICES_MARKER_H
#define DEVICES_MARKER_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "devices/marker_regs.h"
#include "vmm/base/device.h"
#include "vmm/base/state.h"

/**
 * struct marker_host - what sees the marks
 * @mark: the guest sets one; @name: as the guest wrote it, borrowed: not empty, printable, without blanks
 * @busy: it should wait before it goes on
 * @is_ram: are all of these bytes RAM of the guest?
 *
 * Context: a vCPU's thread, with the device's lock held; does not block. Trust: guest.
 */
struct marker_host {
	void (*mark)(struct marker_host *h, const char *name);
	bool (*busy)(struct marker_host *h);
	bool (*is_ram)(struct marker_host *h, uint64_t gpa, uint64_t size);
};

/**
 * struct marker_regs - plain data, copied as it is to save or restore it
 * @argument: @argument_nr bytes; @overflow: there were more
 * @answer: the command that it answers; @at: how much of it was read
 * @refused: MARKER_IS_REFUSED
 * @buffer_at, @buffer_size: for frames; 0: none was named
 */
struct marker_regs {
	uint8_t argument[MARKER_ARGUMENT_MAX];
	uint8_t argument_nr;
	bool overflow;
	bool refused;
	uint8_t answer;
	uint16_t at;
	uint64_t buffer_at;
	uint32_t buffer_size;
};

/**
 * struct marker_life - what a guest is told; zeroed for one that has booted
 * @seed: only its owner has it; wiped as it is read
 * @clone, @clones: which one it is, from 1, and of how many
 * @word: @word_size bytes, at most MARKER_WORD_MAX; borrowed
 * @has_frame: there is one in the buffer, of @frame_size bytes
 */
struct marker_life {
	bool restored;
	uint8_t seed[MARKER_SEED_SIZE];
	uint32_t clone, clones;
	const uint8_t *word;
	size_t word_size;
	bool has_frame;
	uint32_t frame_size;
};

/** struct marker - @window: @dev's registers at another place; @host: borrowed; @seeded: the seed was asked for */
struct marker {
	struct device dev;
	struct device window;
	struct marker_host *host;
	pthread_mutex_t lock;
	struct marker_regs regs;
	struct marker_life life;
	bool seeded;
};

/** marker_init() - @host: borrowed. Return: 0 or a negative errno. */
int marker_init(struct marker *m, struct marker_host *host);

/** marker_destroy() - takes NULL */
void marker_destroy(struct marker *m);

/** marker_begin() - a life of a restored guest. Context: no vCPU runs. */
void marker_begin(struct marker *m, const struct marker_life *life);

/**
 * marker_buffer() - the buffer that the guest has named for frames
 * @ret_at: its address, if there is one
 *
 * Return: its size, 0: there is none. Trust: guest. Context: no vCPU runs.
 */
uint32_t marker_buffer(struct marker *m, uint64_t *ret_at);

/** marker_give_frame() - a frame of @size bytes is in the buffer; after marker_begin(). Context: no vCPU runs. */
void marker_give_frame(struct marker *m, uint32_t size);

/**
 * marker_save(), marker_restore() - the state that a guest can observe; vmm/base/state.h
 *
 * Return: 0 or -EINVAL, with a message in @e; then the device is as it was. Context: no vCPU runs. Trust: guest.
 */
void marker_save(struct marker *m, struct state_writer *w);
int marker_restore(struct marker *m, struct state_reader *r, struct err *e);

#endif
