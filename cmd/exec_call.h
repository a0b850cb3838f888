/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `vmm exec --call`: functions of a program, one after another.
 */
#ifndef CMD_EXEC_CALL_H
#define CMD_EXEC_CALL_H

#include "vmm/exec/exec.h"
#include "vmm/exec/function.h"

/**
 * struct exec_calls - zero-initialised
 * @function: @nr of them, owned; @at: the next one
 * @keep: what a call has changed stays
 * @status: the first one that is not 0
 */
struct exec_calls {
	struct exec_function *function;
	size_t nr;
	size_t at;
	bool keep;
	int status;
	struct exec *exec;
};

/** exec_calls_parse() - Return: 0 or a negative errno, with a message in @e. Trust: operator */
int exec_calls_parse(const char *const *spec, size_t nr, struct exec_calls *c, struct err *e);

/** exec_calls_open() - find the functions. Return: as exec_function_find(). Context: after exec_open() */
int exec_calls_open(struct exec_calls *c, const struct exec *exec, struct err *e);

/** exec_calls_begin() - after exec_build(): exec_run() then calls them. Return: 0 or a negative errno */
int exec_calls_begin(struct exec_calls *c, struct exec *exec, uint64_t limit_ns, struct err *e);

/** exec_calls_free() - takes a zeroed one */
void exec_calls_free(struct exec_calls *c);

#endif
