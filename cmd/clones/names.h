/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files of clones: %n in a path is the number of the clone.
 */
#ifndef CMD_CLONES_NAMES_H
#define CMD_CLONES_NAMES_H

#include "vmm/base/err.h"
#include "vmm/config.h"

/**
 * clones_check() - refuse what two clones would write, and what clones cannot have, by the name of the option
 * @ret_own: whether each clone opens something that the others must not have
 *
 * Return: 0 or -EINVAL, with a message in @e. Trust: operator.
 */
int clones_check(const struct config *c, unsigned nr, bool *ret_own, struct err *e);

/** clones_name() - put @n in the place of %n in all paths. Return: 0 or -ENOMEM, with a message in @e. */
int clones_name(struct config *c, unsigned n, struct err *e);

#endif
