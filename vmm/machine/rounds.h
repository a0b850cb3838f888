/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A machine that runs in rounds: each begins at the moment at which the machine was restored, with an input of its own,
 * and ends when the guest sets a mark, ends in any way, or takes too long. Then the machine is reset (reset.h) and
 * waits, held, for the next round.
 *
 * Rounds end the run only if the host fails or the operator ends it. If KVM refuses a reset, the machine is lost: it
 * runs no more rounds, and its owner ends it and makes another one.
 */
#ifndef VMM_MACHINE_ROUNDS_H
#define VMM_MACHINE_ROUNDS_H

#include <stddef.h>
#include <stdint.h>

#include "vmm/base/err.h"
#include "vmm/base/outcome.h"
#include "vmm/machine/machine.h"

#define ROUND_OUTPUT_MAX (4 * MIB)

/**
 * struct round_end - how a round has ended; borrowed for the call
 * @verdict: of the guest; OUTCOME_NONE: it set a mark; OUTCOME_TIMEOUT: it took longer than the limit of a round
 * @took_ns: from its begin to its end, without the reset
 * @reset_ns: what the reset took; @pages: of 4 KiB that it restored
 * @output: what the guest wrote to its console, up to the line of the mark; @size bytes
 * @lost: bytes of output beyond ROUND_OUTPUT_MAX
 * @refused: KVM refused the reset after it, and why; else NULL
 */
struct round_end {
	struct verdict verdict;
	uint64_t took_ns;
	uint64_t reset_ns;
	uint64_t pages;
	const uint8_t *output;
	size_t size;
	uint64_t lost;
	const char *refused;
};

/**
 * struct rounds_ops - of who wants the rounds; all are called in the control loop
 * @idle: the guest is held at the moment: machine_round() may be called, within this call or later
 * @ended: a round has ended, and the machine is reset, which @idle follows, or its reset was refused, which @lost does
 * @lost: the machine runs no more rounds; machine_end() may be called
 */
struct rounds_ops {
	void (*idle)(void *arg);
	void (*ended)(void *arg, const struct round_end *end);
	void (*lost)(void *arg);
};

/**
 * machine_rounds_init() - let a restored machine run in rounds
 * @ops, @arg: borrowed until machine_destroy()
 * @limit_ns: of a round, 0: none
 * @frames: input goes to the buffer that the guest has named to the marker, in place of the console
 *
 * Return: 0 or a negative errno, with a message in @e.
 * Context: stage BUILD, after machine_build() of a machine with machine_facts.resets, which has no other
 * console_set_watch().
 */
int machine_rounds_init(
	struct machine *m, const struct rounds_ops *ops, void *arg, uint64_t limit_ns, bool frames, struct err *e);

/** machine_frame_room() - size of the buffer that the guest has named for frames, 0: it has none. The loop. */
uint64_t machine_frame_room(struct machine *m);

/**
 * machine_round() - begin one
 * @input: for the guest's console, or a frame, of at most machine_frame_room(); @n bytes; borrowed until @ended
 *
 * Return: 0, or a negative errno, with a message in @e: KVM refuses a reset that is due before it. Then there is no
 * round, and the machine is lost.
 * Context: the loop; after @idle, once for each.
 */
int machine_round(struct machine *m, const uint8_t *input, size_t n, struct err *e);

#endif
