/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every table derived from the board relies on.
 */
#ifndef BOOT_TABLES_BOARDCHECK_H
#define BOOT_TABLES_BOARDCHECK_H

#include "vmm/base/board.h"
#include "vmm/base/err.h"

/**
 * boardcheck() - check that the tables can describe this board
 *
 * Checks the number of CPUs and parts, that ranges are not empty and within their address space, and that the I/O APIC
 * has their interrupts.
 *
 * Return: 0, or -EINVAL with a message in @e.
 */
int boardcheck(const struct board *board, struct err *e);

#endif
