/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The words of --snapshot: FILE[,on=mark[:NAME]|console:TEXT|signal|ready][,every][,then=continue|exit]
 */
#ifndef VMM_MACHINE_SNAPSHOT_OPTION_H
#define VMM_MACHINE_SNAPSHOT_OPTION_H

#include <stdbool.h>

#include "vmm/base/err.h"

#define SNAPSHOT_TEXT_MAX 250

enum snapshot_on { SNAPSHOT_ON_SIGNAL, SNAPSHOT_ON_MARK, SNAPSHOT_ON_CONSOLE, SNAPSHOT_ON_READY };

/**
 * struct snapshot_option - zero-initialise; owns its strings
 * @path: of the file, with its % conversions
 * @on: what else than a signal or a key asks for one; @text: a mark's name, or what the guest prints; NULL: any mark
 * @every: each time; else the first time alone
 * @exit: the run ends when it is written, as it always does with SNAPSHOT_ON_READY: there is no command to go on with
 */
struct snapshot_option {
	char *path;
	enum snapshot_on on;
	char *text;
	bool every;
	bool exit;
};

/**
 * snapshot_option_parse() - two commas stand for one in FILE and TEXT
 * @ret: owned by the caller: snapshot_option_destroy(); untouched on failure
 *
 * Return: 0, -EINVAL with a message in @e, -ENOMEM. Trust: operator.
 */
int snapshot_option_parse(const char *words, struct snapshot_option *ret, struct err *e);

/** snapshot_option_destroy() - takes a zeroed one */
void snapshot_option_destroy(struct snapshot_option *o);

#endif
