/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What it costs to make a Linux program without a kernel, to let it answer, and to take it back (vmm/exec/rounds.h), in
 * one thread and without a sandbox.
 */
#ifndef VMM_BENCH_EXEC_COSTS_H
#define VMM_BENCH_EXEC_COSTS_H

#include "vmm/base/err.h"
#include "vmm/base/stats.h"

#define EXEC_COSTS_PAGES_MAX   100
#define EXEC_COSTS_THREADS_MAX 16

/**
 * struct exec_life - in us
 * @make: VM, memory and program; @start: from its first instruction to vmm_next(); @keep: the copy that it goes back to
 * @close: all of it
 */
struct exec_life {
	struct stats make, start, keep, close;
};

/**
 * struct exec_cost - in us
 * @pages: that each input has the program write
 * @call: one that is not taken back afterwards; @again: one that was taken back before; @reset: the way back
 * @both: @again and @reset together
 * @floor: the same number of pages copied, and nothing else
 */
struct exec_cost {
	unsigned pages;
	struct stats call, again, reset, both, floor;
};

/** exec_costs_api() - is there a KVM, and of which version? Return: 0 or a negative errno, with a message in @e */
int exec_costs_api(int *ret, struct err *e);

/** exec_life_costs() - @rounds programs, one after another. Return: 0 or a negative errno, with a message in @e */
int exec_life_costs(unsigned rounds, struct exec_life *ret, struct err *e);

/** exec_call_costs() - @pages: at most EXEC_COSTS_PAGES_MAX. Return: 0, -EIO: a page was not as it has to be; ... */
int exec_call_costs(unsigned pages, unsigned rounds, struct exec_cost *ret, struct err *e);

/**
 * exec_rate() - inputs per second that write a page, each with a reset, of @threads programs at once
 *
 * Return: 0 or a negative errno, with a message in @e.
 */
int exec_rate(unsigned threads, unsigned rounds, double *ret, struct err *e);

#endif
