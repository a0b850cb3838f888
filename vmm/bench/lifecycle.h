/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What it costs to make, run, reset and close the smallest guests: through struct vm as the rest of the program uses it
 * ("ours"), and beside it the same ioctls in a bare loop and nothing else ("floor"). The two take turns, so that both
 * meet the same host at the same moment.
 *
 * The guest counts up a word in its memory, prints "hello" through an I/O port, and halts: six exits. Its page of code
 * is shared by all; the memory it counts in is shared too, or its own.
 */
#ifndef VMM_BENCH_LIFECYCLE_H
#define VMM_BENCH_LIFECYCLE_H

#include <stdbool.h>
#include <stdint.h>

#include "vmm/base/err.h"
#include "vmm/base/stats.h"
#include "vmm/kvm/kvm.h"

/** threads that close guests when many are alive */
#define LIFECYCLE_CLOSERS 64U

/** who did it */
enum lifecycle_who { LIFECYCLE_OURS, LIFECYCLE_FLOOR, LIFECYCLE_WHOS };

/**
 * enum lifecycle_reset - what happens between two runs of a live guest
 * @RESET_NONE: nothing
 * @RESET_CLEAR: all of its memory is written with zeroes
 * @RESET_DISCARD: all of its memory is given back (MADV_DONTNEED), and comes back as zeroes
 * @RESET_DIRTY: the pages that KVM's dirty log names are written with zeroes
 * @RESET_RING: those that KVM's dirty ring of the CPU names
 */
enum lifecycle_reset { RESET_NONE, RESET_CLEAR, RESET_DISCARD, RESET_DIRTY, RESET_RING, RESETS };

/** struct lifecycle_pair - a figure of each, in us per guest; a ratio above 1 is what our layers cost */
struct lifecycle_pair {
	struct stats who[LIFECYCLE_WHOS];
};

/**
 * lifecycle_cycles() - create, run and close guests, one after the other
 * @own_memory: bytes of memory that each has to itself, 0: shared
 * @count: how many of each
 *
 * Return: 0 or a negative errno, with a message in @e; a guest that did not print "hello" is -EIO.
 */
int lifecycle_cycles(struct kvm *kvm, uint64_t own_memory, unsigned count, struct lifecycle_pair *ret, struct err *e);

/**
 * struct lifecycle_row - a number of live guests
 * @alive: guests that exist and have run, half of them ours, half the floor's
 * @elapsed_ns: since the first was begun
 * @pair: what those since the last row took, to create and run
 * @threads: of the process, less those before the first guest
 */
struct lifecycle_row {
	unsigned alive;
	uint64_t elapsed_ns;
	struct lifecycle_pair pair;
	unsigned threads;
};

/**
 * lifecycle_alive() - create and run guests that share memory, and close none until all are there
 * @count: how many, @step: a row each so many
 * @row: called for each row; may be slow
 * @ret_alive: how far it got
 * @why: when that is less than @count: which limit ended it; else empty
 * @close_ns: what closing all of them took, up to LIFECYCLE_CLOSERS at a time
 *
 * Return: 0, also when a limit of the host ended it; or a negative errno, with a message in @e.
 */
int lifecycle_alive(struct kvm *kvm, unsigned count, unsigned step,
	void (*row)(const struct lifecycle_row *row, void *arg), void *arg, unsigned *ret_alive, struct err *why,
	uint64_t *close_ns, struct err *e);

/**
 * lifecycle_rounds() - run live guests again, round after round
 * @own_memory: bytes that each has to itself
 * @count: guests of each kind; half as many pairs
 * @ret: what a reset and a run of one guest take; the first round, which touches memory for the first time, is not in
 *         it
 *
 * Each run is followed by a look at the word that the guest counts in: what the reset promises has to be true.
 *
 * Return: 0 or a negative errno, with a message in @e; a reset that did not reset is -EIO, one that this KVM cannot do
 * is -EOPNOTSUPP.
 */
int lifecycle_rounds(struct kvm *kvm, enum lifecycle_reset reset, uint64_t own_memory, unsigned count, unsigned rounds,
	struct lifecycle_pair *ret, struct err *e);

#endif
