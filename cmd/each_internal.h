/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shared by each.c, each_lines.c, each_frames.c and each_process.c.
 *
 * What one process knows of the input and of answers, the next one has to know when it takes its place: so that is in
 * memory that they share. A process that its guest has taken over could have written anything there, so the next one,
 * which has no filter yet, checks it (each_begin()); there is never more than one that writes.
 */
#ifndef CMD_EACH_INTERNAL_H
#define CMD_EACH_INTERNAL_H

#include <stdio.h>

#include "cmd/each.h"
#include "cmd/frames.h"
#include "vmm/host/nbio.h"
#include "vmm/machine/rounds.h"

/* A byte of output is at most 6 of JSON. The rest of an object takes less than 4 KiB. */
#define EACH_ANSWER_MAX (6 * ROUND_OUTPUT_MAX + 4 * KIB)

/* The longest frame; a line has room for a newline more. */
#define EACH_INPUT_MAX (FRAME_HEAD + FRAME_MAX + 1)

#define EACH_TOO_LONG "it took longer than --line-timeout"

/** enum each_phase - of the input at @at: nobody has it, a guest has it, its answer is there */
enum each_phase { EACH_WAITS, EACH_RUNS, EACH_ANSWERED };

/**
 * struct each_state - survives the process
 * @input: its bytes from @at to @nr are not used up yet; @len of them are what the guest has; @next is behind these
 * @ended: there is no more input
 * @skipping: up to the next newline: what is left of a line that was too long; @skip: as many bytes, of a frame
 * @n: number of the line or frame; @status: of the first one that is not 0
 * @answer: @sent of @answer_nr bytes are written
 * @text: a guest's output on its way to JSON
 * @refused: how many guests KVM refused to reset; @killed: how many had a process that was killed
 * @signo: the last process was killed by this signal, 0: it was not; @replace: it wants to be replaced
 * @began_n: @n when the last process began; @fruitless: processes in a row that took no line
 */
struct each_state {
	uint64_t at, nr, len, next;
	uint32_t phase;
	bool ended, skipping, replace;
	uint64_t skip;
	uint64_t n;
	int32_t status;
	uint64_t answer_nr, sent;
	uint64_t refused, killed;
	int32_t signo;
	uint64_t began_n;
	unsigned fruitless;
	uint8_t input[EACH_INPUT_MAX];
	char answer[EACH_ANSWER_MAX];
	char text[ROUND_OUTPUT_MAX + 1];
};

/**
 * struct each
 * @option: "--each-line"; @unit: "line"
 * @m: of `vmm restore`; @guest, @guest_arg: that, or a program
 * @form: what differs
 * @s: shared with the processes after this one
 * @reading, @writing: @in_src and @out_src are watched
 * @json: writes to the answer
 */
struct each {
	struct machine *m;
	const struct each_guest *guest;
	void *guest_arg;
	const struct each_form *form;
	const char *option, *unit;
	bool json_wanted;
	uint64_t limit_ns;
	struct loop *loop;
	struct nbio in, out;
	struct loop_source in_src, out_src;
	bool reading, writing;
	struct each_state *s;
	FILE *json;
};

/**
 * struct each_form - of lines, of frames
 * @read_max: as many bytes of input are kept
 * @head: as many bytes in front are not the guest's
 * @find: what is at @at. Return: false: more has to be read; true: @len is its length, which may be incomplete if there
 *	are limits to it, 0: the end
 * @take: what @find has found. Return: true: a guest may have it; false: it is done with, and its answer is there if it
 *	has one
 * @answer: put the answer to the input of number @n together; @why: for the operator
 */
struct each_form {
	size_t read_max;
	size_t head;
	bool (*find)(struct each_state *s);
	bool (*take)(struct each *x);
	void (*answer)(struct each *x, int status, const char *how, const char *why, const struct round_end *end);
};

extern const struct each_form each_lines, each_frames;

/** each_json_new() - the stream that each.json is, NULL: no memory */
FILE *each_json_new(struct each *x);

/** each_answer() - put the answer to the input of number @n together, as of struct each_form */
void each_answer(struct each *x, int status, const char *how, const char *why, const struct round_end *end);

/** each_put() - more bytes of an answer */
void each_put(struct each_state *s, const void *data, size_t n);

/** each_say() - to the operator, of the input of number @n */
void each_say(const struct each *x, const char *what);

#endif
