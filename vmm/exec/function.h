/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A call of a function of the program, as the operator writes it: NAME[,ARG...]. An argument is
 *
 *	i:NUMBER	an integer, also negative or 0x and hexadecimal digits
 *	s:TEXT		the address of a text, with a NUL behind it; two commas are one
 *	b:HEX		the address of these bytes
 *	o:SIZE		the address of so many zero bytes, which are shown afterwards
 */
#ifndef VMM_EXEC_FUNCTION_H
#define VMM_EXEC_FUNCTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vmm/base/err.h"

#define FUNCTION_ARGS_MAX  6
#define FUNCTION_BYTES_MAX (64 * 1024) /* of all its arguments */

/**
 * struct exec_arg
 * @size: of @data, 0: a number
 * @shown: @data is what the function has left there
 */
struct exec_arg {
	uint64_t number;
	uint8_t *data;
	size_t size;
	bool shown;
};

/**
 * struct exec_function - owns @text and what arguments point to
 * @address: in the file of the program
 * @result: of the last call: RAX
 */
struct exec_function {
	char *text;
	const char *name;
	uint64_t address;
	struct exec_arg arg[FUNCTION_ARGS_MAX];
	unsigned nr;
	uint64_t result;
};

/** exec_function_parse() - Return: 0, -EINVAL or -ENOMEM, with a message in @e and nothing to free. Trust: operator */
int exec_function_parse(const char *spec, struct exec_function *ret, struct err *e);

/** exec_function_free() - takes a zeroed one */
void exec_function_free(struct exec_function *f);

#endif
