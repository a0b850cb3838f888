/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A program that runs in rounds: it prepares itself, calls vmm_next() (include/vmm-guest.h), and then each round begins
 * at that moment, with an input of its own, and ends when the program calls it again, ends in any way, or takes too
 * long. Then memory, registers and files go back to the moment.
 *
 * An end of a round does not end the run; a failure of vmm or its host does.
 */
#ifndef VMM_EXEC_ROUNDS_H
#define VMM_EXEC_ROUNDS_H

#include <stddef.h>
#include <stdint.h>

#include "vmm/base/err.h"
#include "vmm/exec/exec.h"
#include "vmm/exec/function.h"

#define EXEC_ROUND_OUTPUT_MAX (4 * MIB)
#define EXEC_ROUND_INPUT_MAX  (2 * MIB)

/**
 * struct exec_round_end - how a round has ended; borrowed for the call
 * @how: EXEC_ANSWERED, EXEC_EXITED, EXEC_SIGNALED or EXEC_TIMEOUT
 * @took_ns: from its begin to its end; @reset_ns: what the way back took, 0: there was none
 * @pages: of 4 KiB that were copied
 * @output: what it wrote to standard output, @size bytes; @lost: bytes beyond EXEC_ROUND_OUTPUT_MAX
 */
struct exec_round_end {
	enum exec_how how;
	unsigned value;
	const char *words;
	uint64_t took_ns;
	uint64_t reset_ns;
	uint64_t pages;
	const uint8_t *output;
	size_t size;
	uint64_t lost;
};

/**
 * struct exec_rounds_ops - of who wants the rounds; all are called in the control loop
 * @idle: the program waits: exec_round() may be called, within this call or later
 * @ended: a round has ended; @idle follows
 */
struct exec_rounds_ops {
	void (*idle)(void *arg);
	void (*ended)(void *arg, const struct exec_round_end *end);
};

/**
 * exec_rounds_init() - let a program run in rounds
 * @ops, @arg: borrowed until exec_destroy()
 * @limit_ns: of a round, 0: none
 * @keep: a round that the program has answered leaves it as it is then
 *
 * Return: 0 or a negative errno, with a message in @e. Context: after exec_build(), of a program with
 * exec_config.rounds.
 */
int exec_rounds_init(
	struct exec *x, const struct exec_rounds_ops *ops, void *arg, uint64_t limit_ns, bool keep, struct err *e);

/** exec_round_room() - size of the buffer that the program waits with. Context: the loop, while it waits */
uint64_t exec_round_room(const struct exec *x);

/**
 * exec_round() - begin one
 * @input: at most exec_round_room() bytes; borrowed until @ended
 *
 * Context: the loop; after @idle, once for each.
 */
void exec_round(struct exec *x, const uint8_t *input, size_t n);

/** exec_function_find() - set @f->address. Return: 0; -ENOENT; a negative errno. Context: after exec_open() */
int exec_function_find(const struct exec *x, struct exec_function *f, struct err *e);

/**
 * exec_round_call() - as exec_round(), with a call of a function, whose return ends the round as vmm_next() does
 * @f: its @result and its arguments that are shown are set when it has returned; borrowed until @ended
 */
void exec_round_call(struct exec *x, struct exec_function *f);

/*
 * Without the loop and the program's thread, for benchmarks: all in the calling thread, after exec_rounds_init().
 *
 *	exec_inline_start(x, e);		up to the first vmm_next()
 *	exec_inline_mark(x, e);			which is the moment
 *	exec_inline_round(x, data, n, e);	up to the next one
 *	exec_inline_reset(x, &pages, e);	back; before each other round, unless the rounds keep what they change
 *
 * Return: 0 or a negative errno, with a message in @e: -EIO: the program has ended.
 */
int exec_inline_start(struct exec *x, struct err *e);
int exec_inline_mark(struct exec *x, struct err *e);
int exec_inline_round(struct exec *x, const uint8_t *input, size_t n, struct err *e);
int exec_inline_reset(struct exec *x, uint64_t *ret_pages, struct err *e);

#endif
