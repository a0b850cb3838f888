/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Makes the board of a Linux machine from the configuration: its parts, their addresses and interrupts.
 */
#ifndef VMM_MACHINE_BOARD_H
#define VMM_MACHINE_BOARD_H

#include "vmm/base/board.h"
#include "vmm/base/err.h"
#include "vmm/config.h"

/**
 * board_draw() - make the board of @config
 * @ret: plain data; unchanged on failure
 *
 * Return: 0, -EEXIST (two parts on one port: the operator chose the port), -ENOSPC (more parts than slots or
 * interrupts), with a message in @e.
 */
int board_draw(const struct config *config, struct board *ret, struct err *e);

/**
 * board_cmdline() - the guest's kernel command line: that of the operator, the virtio devices if they are not in ACPI,
 * and the TSC's rate if it is not in CPUID
 * @config: for cmdline and append
 * @tsc_khz: 0: not included
 *
 * Return: a string that the caller frees; NULL: out of memory.
 */
char *board_cmdline(const struct config *config, const struct board *board, uint32_t tsc_khz);

#endif
