/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command line as a sequence of options of the table. Syntax only: whether a value is valid is option_parse()'s.
 *
 *   --NAME VALUE   --NAME=VALUE   --NAME (the bare value)   --no-NAME (off)   -h   --  (ends the options)
 *
 * An option that may stand bare takes its value only after "=".
 */
#ifndef CMD_OPTIONS_ARGS_H
#define CMD_OPTIONS_ARGS_H

#include "cmd/options/options.h"

/**
 * struct args - a walk over argv; borrows it
 * @cmd: the subcommand, as in struct command_info: no hint names an option that it does not take; NULL: any
 */
struct args {
	const char *cmd;
	int argc;
	char **argv;
	int next;
	bool ended;
	const struct option_def *bare;     /* stands without a value at the end of what was read */
	const struct option_def *unquoted; /* has the word before as its value */
};

/**
 * struct arg - one step
 * @option: NULL: @value is a word that belongs to no option
 * @value: as the operator wrote it, the bare value, or "off"; borrowed from argv or static
 */
struct arg {
	const struct option_def *option;
	const char *value;
};

/** args_init() - start behind argv[0] */
void args_init(struct args *a, const char *cmd, int argc, char **argv);

/**
 * args_next() - the next option or stray word
 *
 * Return: 1, 0 at the end, -EINVAL with a message in @e: unknown option, value missing or not wanted.
 * Trust: operator.
 */
int args_next(struct args *a, struct arg *ret, struct err *e);

/**
 * args_unknown() - say of an option that there is none, and which was meant
 * @word: as it was typed
 * @name, @len: its name, without dashes and value
 *
 * Return: -EINVAL.
 */
int args_unknown(const struct args *a, const char *word, const char *name, size_t len, struct err *e);

/** args_is_file() - a word that must have been meant for a file: there is such a file, or it has a slash */
bool args_is_file(const char *word);

/**
 * args_stray() - say why a word that belongs to no option is wrong here
 *
 * Return: -EINVAL.
 */
int args_stray(const struct args *a, const char *word, struct err *e);

#endif
