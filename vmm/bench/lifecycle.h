/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The cost of creating, running, resetting and closing minimal guests: through struct vm, as in the rest of the program
 * ("ours"), and by a bare loop of the same ioctls ("floor"). The two alternate, so that both run under the same
 * conditions of the host.
 *
 * The guest increments a word in its memory, prints "hello" through an I/O port, and halts: six exits. Its code page is
 * shared by all guests; the memory of the counter is shared too, or private.
 */
#ifndef VMM_BENCH_LIFECYCLE_H
#define VMM_BENCH_LIFECYCLE_H

#include <stdbool.h>
#include <stdint.h>

#include "vmm/base/err.h"
#include "vmm/base/stats.h"
#include "vmm/kvm/kvm.h"

/** threads that close many live guests */
#define LIFECYCLE_CLOSERS 64U

/** who did it */
enum lifecycle_who { LIFECYCLE_OURS, LIFECYCLE_FLOOR, LIFECYCLE_WHOS };

/**
 * enum lifecycle_reset - what happens between two runs of a live guest
 * @RESET_NONE: nothing
 * @RESET_CLEAR: all of its memory is overwritten with zeroes
 * @RESET_DISCARD: all of its memory is discarded (MADV_DONTNEED), and reads as zeroes
 * @RESET_DIRTY: the pages in KVM's dirty log are overwritten with zeroes
 * @RESET_RING: those that KVM's dirty ring of the CPU names
 */
enum lifecycle_reset { RESET_NONE, RESET_CLEAR, RESET_DISCARD, RESET_DIRTY, RESET_RING, RESETS };

/** struct lifecycle_pair - a figure of each, in us per guest; a ratio above 1 is the overhead of our layers */
struct lifecycle_pair {
	struct stats who[LIFECYCLE_WHOS];
};

/**
 * lifecycle_cycles() - create, run and close guests, one at a time
 * @own_memory: private bytes of memory of each, 0: shared
 * @count: number of each
 *
 * Return: 0 or a negative errno, with a message in @e; a guest that did not print "hello" is -EIO.
 */
int lifecycle_cycles(struct kvm *kvm, uint64_t own_memory, unsigned count, struct lifecycle_pair *ret, struct err *e);

/**
 * struct lifecycle_row - a number of live guests
 * @alive: number of guests that exist and have run, half of them ours, half the floor's
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
 * lifecycle_alive() - create and run guests that share memory, and close them only after all have run
 * @count: number of guests, @step: guests per row
 * @row: called for each row; may be slow
 * @ret_alive: number of guests reached
 * @why: if that is less than @count, the limit that was hit; else empty
 * @close_ns: time to close all of them, up to LIFECYCLE_CLOSERS at a time
 *
 * Return: 0, also when a limit of the host was hit; or a negative errno, with a message in @e.
 */
int lifecycle_alive(struct kvm *kvm, unsigned count, unsigned step,
	void (*row)(const struct lifecycle_row *row, void *arg), void *arg, unsigned *ret_alive, struct err *why,
	uint64_t *close_ns, struct err *e);

/**
 * lifecycle_rounds() - run live guests again, round after round
 * @own_memory: private bytes of each @count: guests of each kind; half as many pairs
 * @ret: time of a reset and a run of one guest, without the first round, which touches memory for the first time
 *
 * After each run the guest's counter is checked, to verify the reset.
 *
 * Return: 0 or a negative errno, with a message in @e; a reset that did not reset is -EIO, one that this KVM cannot do
 * is -EOPNOTSUPP.
 */
int lifecycle_rounds(struct kvm *kvm, enum lifecycle_reset reset, uint64_t own_memory, unsigned count, unsigned rounds,
	struct lifecycle_pair *ret, struct err *e);

#endif
