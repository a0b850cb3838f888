/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the words of an operator to a configuration: the one call that a subcommand makes.
 */
#ifndef CMD_OPTIONS_PARSE_H
#define CMD_OPTIONS_PARSE_H

#include "cmd/options/options.h"
#include "vmm/base/err.h"
#include "vmm/config.h"

/**
 * options_parse() - a command line, and the file that its --config names, as a configuration
 * @argc, @argv: options from argv[1] on; borrowed
 * @cmd: the subcommand
 * @ret: initialised here, and then owned by the caller: config_destroy(); untouched on failure
 * @e: one sentence that names the option or FILE:LINE, the value, why not, and what is valid
 *
 * --help and --version are main()'s, and skipped here.
 *
 * Return: 0, or a negative errno: the exit status is then EXIT_USAGE.
 * Context: reads the configuration file.
 * Trust: operator.
 */
int options_parse(int argc, char **argv, const char *cmd, struct config *ret, struct err *e);

/**
 * struct own_option - an option of the table that only one subcommand takes
 * @name: of the option
 * @given: it is on the command line
 * @value: then its value; text is borrowed from argv
 */
struct own_option {
	const char *name;
	bool given;
	struct option_value value;
};

/** options_take_words() - copy the words of a command, those behind "--". Return: 0 or -ENOMEM */
int options_take_words(struct config *c, char **word, size_t nr);

/**
 * options_parse_own() - options_parse() for a subcommand that has options of its own
 * @own: the options of its section, ended by a NULL name; filled in
 */
int options_parse_own(
	int argc, char **argv, const char *cmd, struct own_option *own, struct config *ret, struct err *e);

#endif
