/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command line of `vmm restore`: the machine is that of a snapshot, the run is the operator's.
 */
#ifndef CMD_OPTIONS_RESTORE_H
#define CMD_OPTIONS_RESTORE_H

#include "cmd/options/settings.h"
#include "cmd/options/subset.h"

/** struct restore_words - what is no option: the snapshot's @path, and the @nr words of a @command; borrowed */
struct restore_words {
	const char *path;
	char **command;
	size_t nr;
};

/**
 * restore_parse() - take a command line apart
 * @own: in the order of RESTORE_OPTIONS; filled in
 * @ret: its settings; settings_destroy() in any case
 * @ret_words: borrowed from @argv
 *
 * Return: 0 or -EINVAL, with a message in @e that names an option that restored machines do not take. Trust: operator.
 */
int restore_parse(int argc, char **argv, struct subset_option *own, struct settings *ret,
	struct restore_words *ret_words, struct err *e);

/**
 * restore_settings() - the machine of @c as a snapshot has it, for restore_config(); the caller frees *@ret
 *
 * Return: as of ini_write().
 */
int restore_settings(const struct config *c, char **ret, struct err *e);

/**
 * restore_config() - the configuration of a restored machine
 * @saved: what restore_settings() wrote
 * @line: of restore_parse()
 * @ret: owned by the caller; untouched on failure
 *
 * A disk of the command line takes the place of that with its id, and a network device that of the one with its number:
 * only what is behind them on the host may be another one.
 *
 * Return: 0 or a negative errno, with a message in @e. Trust: guest (@saved), operator (@line).
 */
int restore_config(const char *saved, const struct settings *line, struct config *ret, struct err *e);

#endif
