/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The files of `vmm run`: what the settings name, the settings' own file, the program and the standard streams.
 */
#ifndef CMD_RUNFILES_H
#define CMD_RUNFILES_H

#include "vmm/config.h"

/**
 * runfiles_check() - no output of the run is one of its inputs or another output
 *
 * Opens nothing.
 *
 * Return: 0 or -EINVAL with a message in @e, the operator's.
 */
int runfiles_check(const struct config *c, struct err *e);

#endif
