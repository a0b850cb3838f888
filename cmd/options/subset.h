/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command line of a subcommand that runs no Linux machine: it takes a few settings of the table, perhaps with other
 * limits, and words. All other settings are refused, since they would have no effect.
 */
#ifndef CMD_OPTIONS_SUBSET_H
#define CMD_OPTIONS_SUBSET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cmd/options/options.h"
#include "vmm/base/err.h"

/**
 * struct subset_option - a setting that the subcommand takes
 * @name: of the option
 * @deflt: in place of the table's default; NULL: that one
 * @max: 0: the limits of the table; else @min, @max and @multiple count instead
 * @given: it is on the command line
 * @all, @nr: of an option that may be repeated: room for as many texts as there are words, and what was given
 * @value: what it is, or its default (zeroes where it has none); text is borrowed from argv
 */
struct subset_option {
	const char *name;
	const char *deflt;
	uint64_t min;
	uint64_t max;
	uint64_t multiple;
	bool given;
	const char **all;
	size_t nr;
	struct option_value value;
};

/** subset_limit() - puts default and limits of @how, as far as it has its own, in place of the table's in @o */
void subset_limit(struct option_def *o, const struct subset_option *how);

struct arg;

/** subset_take() - one option of a command line; its name is that of @subset. Return and trust: as subset_parse() */
int subset_take(const struct arg *arg, struct subset_option *subset, struct err *e);

/**
 * subset_parse() - take a command line apart
 * @cmd: the subcommand, as in struct command_info
 * @subset: ended by a NULL name; filled in
 * @words: room for @argc words; those that belong to no option, borrowed from argv
 * @ret_nr: how many
 *
 * Return: 0 or -EINVAL with a message in @e: the exit status is then EXIT_USAGE.
 * Trust: operator.
 */
int subset_parse(int argc, char **argv, const char *cmd, struct subset_option *subset, const char **words,
	size_t *ret_nr, struct err *e);

#endif
