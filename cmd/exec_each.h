/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `vmm exec --each-line` and `--each-frame`: inputs for a program that calls vmm_next().
 */
#ifndef CMD_EXEC_EACH_H
#define CMD_EXEC_EACH_H

#include "cmd/each.h"
#include "vmm/exec/exec.h"
#include "vmm/exec/rounds.h"

#define EXEC_WHY_MAX 256

/**
 * struct exec_each - @each: owned by the caller
 * @keep: a program that has answered stays as it is
 */
struct exec_each {
	struct each *each;
	struct exec *exec;
	bool keep;
};

/** exec_round_status() - exit status for a round; @why: for the operator, empty if it was answered */
int exec_round_status(const struct exec_round_end *r, char why[static EXEC_WHY_MAX]);

/** exec_each_begin() - after exec_build(): exec_run() then answers every input. Return: 0 or a negative errno */
int exec_each_begin(struct exec_each *x, struct exec *exec, uint64_t limit_ns, struct loop *loop, struct err *e);

#endif
