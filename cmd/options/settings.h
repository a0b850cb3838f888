/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What one source (a configuration file, the command line) says, setting by setting, with where it says it; and the
 * way from there to a configuration.
 */
#ifndef CMD_OPTIONS_SETTINGS_H
#define CMD_OPTIONS_SETTINGS_H

#include "cmd/options/options.h"

/**
 * struct setting - what a source says about one option
 * @text: owned values in order, each checked; more than one only when the option is repeatable
 * @line: of the first, 0 on the command line
 */
struct setting {
	char **text;
	size_t nr;
	unsigned line;
};

/**
 * struct settings - all of one source; starts as zeroes
 * @file: borrowed name of the file; NULL: the command line
 * @setting: in the order of options[]
 */
struct settings {
	const char *file;
	struct setting setting[OPTIONS_MAX];
};

#define CLEANUP_SETTINGS CLEANUP(settings_destroy)

/** settings_destroy() - frees the values; takes NULL */
void settings_destroy(struct settings *s);

/**
 * settings_add() - one more occurrence of an option
 * @text: copied; checked by option_parse()
 * @line: in the file, 0 for the command line
 * @e: a whole sentence with FILE:LINE or the option in front
 *
 * Return: 0, -EINVAL (value, or given twice), -ENOMEM.
 * Trust: operator.
 */
int settings_add(struct settings *s, const struct option_def *o, const char *text, unsigned line, struct err *e);

/**
 * settings_apply_option() - put one setting into @c, or its default
 * @by: who gives it; NULL: nobody
 *
 * settings_apply() leaves out those of a section that no file has: they are a subcommand's.
 *
 * Return: 0 or -ENOMEM.
 */
int settings_apply_option(const struct option_def *o, const struct settings *by, struct config *c);

/**
 * settings_apply() - the command line over the file over the defaults
 * @file, @line: borrowed
 * @ret: initialised here; the caller destroys it; untouched on failure
 *
 * Return: 0, -EINVAL, -ENOMEM, or what machine_check() returns.
 */
int settings_apply(const struct settings *file, const struct settings *line, struct config *ret, struct err *e);

#endif
