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

enum exit_costs_from { EXIT_COSTS_RING0, EXIT_COSTS_RING3, EXIT_COSTS_SYSCALL };

/**
 * enum exit_costs_answer - who lets the guest go on
 * @EXIT_COSTS_THREAD: a thread of ours that an ioeventfd wakes, and that raises an interrupt; KVM_RUN does not return
 */
enum exit_costs_answer { EXIT_COSTS_NOBODY, EXIT_COSTS_KVM, EXIT_COSTS_VMM, EXIT_COSTS_THREAD };

/**
 * enum exit_costs_state - what came of a row
 * @EXIT_COSTS_OK: measured, and the path was what it should be
 * @EXIT_COSTS_CANNOT: this host cannot run it; the words say why
 * @EXIT_COSTS_OTHER_PATH: it ran, but not on its path; the words say how
 */
enum exit_costs_state { EXIT_COSTS_OK, EXIT_COSTS_CANNOT, EXIT_COSTS_OTHER_PATH };

/**
 * struct exit_costs_row - one path
 * @name, @clock: instruction and what timed it; static
 * @cycles: of a round trip, with the price of the clock in it: the row "nothing" has that alone
 * @histogram: of the cycles
 * @words: why it cannot be measured or is another path; of a path that is right: what else is to be known, or empty
 * @kvm_exits: how much KVM's count grew; -1: this KVM does not tell
 * @traced: how often the tracepoint kvm:kvm_exit was passed; -1: it cannot be counted here
 * @returns: of KVM_RUN to us, without the last
 */
struct exit_costs_row {
	const char *name;
	const char *clock;
	enum exit_costs_from from;
	enum exit_costs_answer answer;
	enum exit_costs_state state;
	struct err words;
	struct stats cycles;
	struct histogram histogram;
	int64_t kvm_exits;
	int64_t traced;
	uint64_t returns;
};

#define EXIT_COSTS_ROWS_MAX       20
#define EXIT_COSTS_ITERATIONS_MAX 1000000

struct exit_costs;

/** exit_costs_open() - a VM with the guest in it; the caller owns *@ret */
int exit_costs_open(struct kvm *kvm, struct exit_costs **ret, struct err *e);

/** exit_costs_rows() - how many paths there are */
unsigned exit_costs_rows(void);

/** exit_costs_khz() - of the guest's time stamp counter; 0: KVM does not tell */
unsigned exit_costs_khz(const struct exit_costs *x);

/**
 * exit_costs_measure() - one path
 * @row: below exit_costs_rows()
 * @warmup, @iterations: 1 to EXIT_COSTS_ITERATIONS_MAX
 *
 * Return: 0, with whatever came of it in @ret; a negative errno only when memory or an ioctl of the set-up failed.
 * Context: uses SIGALRM meanwhile (struct kick_alarm), so that a guest that hangs is a result.
 */
int exit_costs_measure(struct exit_costs *x, unsigned row, unsigned warmup, unsigned iterations,
	struct exit_costs_row *ret, struct err *e);

/** exit_costs_close() - takes NULL */
void exit_costs_close(struct exit_costs *x);

/** exit_costs_from_name(), exit_costs_answer_name() - static words */
const char *exit_costs_from_name(enum exit_costs_from f);
const char *exit_costs_answer_name(enum exit_costs_answer a);

#endif
