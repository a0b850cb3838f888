/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `vmm --root PATH -- COMMAND`: what is particular about a run whose guest runs one command.
 */
#ifndef CMD_COMMAND_H
#define CMD_COMMAND_H

#include <stdbool.h>

#include "vmm/base/err.h"
#include "vmm/base/outcome.h"
#include "vmm/config.h"
#include "vmm/machine/machine.h"

/* Of a guest that ended without its command's status; a command that exits with it is the exception that remains. */
#define EXIT_COMMAND_LOST 255

/**
 * command_prepare() - complete the configuration of a run with a command: the share of its root, its
 * environment, the console, the kernel's modules; or that of a run whose guest waits for one, to be a snapshot
 *
 * Return: 0 or a negative errno, with a message in @e. Context: before any stage of the sandbox. Trust: operator; the
 * kernel's file may be anything.
 */
int command_prepare(struct config *c, struct err *e);

/**
 * command_restore() - the same for a restored guest that is ready for a command
 * @word: @nr words of the command line, borrowed for the call
 *
 * Return: as of command_prepare(); -EINVAL: the guest takes a command and there is none, or the other way round.
 */
int command_restore(struct config *c, char **word, size_t nr, struct err *e);

/** command_exit_status() - as verdict_exit_status(), where 0 to 123 and 126 up are the command's */
int command_exit_status(const struct verdict *v);

/**
 * command_say() - on standard error, why there is no status of the command. Return: false: there is one, or no
 * reason.
 */
bool command_say(struct machine *m, const struct verdict *v);

#endif
