/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The price of a VM exit, timed inside the guest. A path is an instruction that leaves the guest, from ring 0, from
 * ring 3, or from ring 3 through a system call into the guest's kernel, answered by KVM or by the VMM.
 *
 * That a row measured its path is proved: KVM's own count of exits has grown by at least the iterations, and KVM_RUN
 * has returned to us as often as the path says: never, or once for each. Where the host lets us count the tracepoint
 * kvm:kvm_exit, it has to agree.
 */
#ifndef VMM_BENCH_EXIT_COSTS_H
#define VMM_BENCH_EXIT_COSTS_H

#include <stdint.h>

#include "vmm/base/err.h"
#include "vmm/base/stats.h"
#include "vmm/kvm/kvm.h"

enum exits_from { EXITS_RING0, EXITS_RING3, EXITS_SYSCALL };

/**
 * enum exits_answer - who lets the guest go on
 * @EXITS_THREAD: a thread of ours that an ioeventfd wakes, and that raises an interrupt; KVM_RUN does not return
 */
enum exits_answer { EXITS_NOBODY, EXITS_KVM, EXITS_VMM, EXITS_THREAD };

/**
 * enum exits_state - what came of a row
 * @EXITS_OK: measured, and the path was what it should be
 * @EXITS_CANNOT: this host cannot run it; the words say why
 * @EXITS_OTHER_PATH: it ran, but not on its path; the words say how
 */
enum exits_state { EXITS_OK, EXITS_CANNOT, EXITS_OTHER_PATH };

/**
 * struct exits_row - one path
 * @name, @clock: instruction and what timed it; static
 * @cycles: of a round trip, with the price of the clock in it: the row "nothing" has that alone
 * @histogram: of the cycles
 * @words: why it cannot be measured or is another path; of a path that is right: what else is to be known, or empty
 * @kvm_exits: how much KVM's count grew; -1: this KVM does not tell
 * @traced: how often the tracepoint kvm:kvm_exit was passed; -1: it cannot be counted here
 * @returns: of KVM_RUN to us, without the last
 */
struct exits_row {
	const char *name;
	const char *clock;
	enum exits_from from;
	enum exits_answer answer;
	enum exits_state state;
	struct err words;
	struct stats cycles;
	struct histogram histogram;
	int64_t kvm_exits;
	int64_t traced;
	uint64_t returns;
};

#define EXITS_ROWS_MAX       20
#define EXITS_ITERATIONS_MAX 1000000

struct exits;

/** exits_open() - a VM with the guest in it; the caller owns *@ret */
int exits_open(struct kvm *kvm, struct exits **ret, struct err *e);

/** exits_rows() - how many paths there are */
unsigned exits_rows(void);

/** exits_khz() - of the guest's time stamp counter; 0: KVM does not tell */
unsigned exits_khz(const struct exits *x);

/**
 * exits_measure() - one path
 * @row: below exits_rows()
 * @warmup, @iterations: 1 to EXITS_ITERATIONS_MAX
 *
 * Return: 0, with whatever came of it in @ret; a negative errno only when memory or an ioctl of the set-up failed.
 * Context: uses SIGALRM meanwhile (struct kick_alarm), so that a guest that hangs is a result.
 */
int exits_measure(
	struct exits *x, unsigned row, unsigned warmup, unsigned iterations, struct exits_row *ret, struct err *e);

/** exits_close() - takes NULL */
void exits_close(struct exits *x);

/** exits_from_name(), exits_answer_name() - static words */
const char *exits_from_name(enum exits_from f);
const char *exits_answer_name(enum exits_answer a);

#endif
