/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The cost of a VM exit, measured inside the guest. A path is an instruction that leaves the guest, from ring 0, from
 * ring 3, or from ring 3 through a system call into the guest's kernel, and is handled by KVM or by the VMM.
 *
 * Each row is verified: KVM's count of exits must have grown by at least the iterations, and KVM_RUN must have returned
 * as often as the path implies: never, or once per iteration. If the host allows counting the tracepoint kvm:kvm_exit,
 * it has to match.
 */
#ifndef VMM_BENCH_EXIT_COSTS_H
#define VMM_BENCH_EXIT_COSTS_H

#include <stdint.h>

#include "vmm/base/err.h"
#include "vmm/base/stats.h"
#include "vmm/kvm/kvm.h"

enum exit_costs_from { EXIT_COSTS_RING0, EXIT_COSTS_RING3, EXIT_COSTS_SYSCALL };

/**
 * enum exit_costs_answer - what handles the exit
 * @EXIT_COSTS_THREAD: a thread that is woken by an ioeventfd, and raises an interrupt; KVM_RUN does not return
 */
enum exit_costs_answer { EXIT_COSTS_NOBODY, EXIT_COSTS_KVM, EXIT_COSTS_VMM, EXIT_COSTS_THREAD };

/**
 * enum exit_costs_state - the result of a row
 * @EXIT_COSTS_OK: measured, on the expected path
 * @EXIT_COSTS_CANNOT: this host cannot run it; @words explains why
 * @EXIT_COSTS_OTHER_PATH: it ran on another path; @words explains which
 */
enum exit_costs_state { EXIT_COSTS_OK, EXIT_COSTS_CANNOT, EXIT_COSTS_OTHER_PATH };

/**
 * struct exit_costs_row - one path
 * @name, @clock: instruction and what timed it; static
 * @cycles: of a round trip, including the cost of reading the clock, which the row "nothing" measures alone
 * @histogram: of the cycles
 * @words: why it could not be measured or took another path; otherwise a remark, or empty
 * @kvm_exits: increase of KVM's count; -1: not reported by this KVM
 * @traced: count of the tracepoint kvm:kvm_exit; -1: not available here
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

/** exit_costs_open() - make a VM with the guest; the caller owns *@ret */
int exit_costs_open(struct kvm *kvm, struct exit_costs **ret, struct err *e);

/** exit_costs_rows() - number of paths */
unsigned exit_costs_rows(void);

/** exit_costs_khz() - rate of the guest's time stamp counter; 0: unknown */
unsigned exit_costs_khz(const struct exit_costs *x);

/**
 * exit_costs_measure() - measure one path
 * @row: below exit_costs_rows()
 * @warmup, @iterations: 1 to EXIT_COSTS_ITERATIONS_MAX
 *
 * Return: 0, with the result in @ret; a negative errno only when memory or an ioctl of the set-up failed.
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
