/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every table derived from the board takes for granted.
 */
#ifndef BOOT_TABLES_BOARDCHECK_H
#define BOOT_TABLES_BOARDCHECK_H

#include "vmm/base/board.h"
#include "vmm/base/err.h"

/**
 * boardcheck() - is this a board that tables can describe?
 *
 * Number of CPUs and parts, ranges that are not empty and lie in their address space, interrupts that the I/O APIC has.
 *
 * Return: 0; -EINVAL with words.
 */
int boardcheck(const struct board *board, struct err *e);

#endif
