/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Draws the board of a Linux machine from the configuration: which parts, where, on which interrupt.
 */
#ifndef VMM_MACHINE_BOARD_H
#define VMM_MACHINE_BOARD_H

#include "vmm/base/board.h"
#include "vmm/base/err.h"
#include "vmm/config.h"

/**
 * board_draw() - the parts list of @config
 * @ret: plain data; untouched on failure
 *
 * Return: 0, -EEXIST (two parts on one port: the operator chose the port), -ENOSPC (more parts than places or
 * interrupts), with words.
 */
int board_draw(const struct config *config, struct board *ret, struct err *e);

/**
 * board_cmdline() - the guest's kernel command line: what the operator asked for, where the virtio devices are when
 * ACPI does not tell, and the TSC's rate when CPUID does not
 * @config: for cmdline and append
 * @tsc_khz: 0: nothing about it
 *
 * Return: a string that the caller frees, NULL when memory ran out.
 */
char *board_cmdline(const struct config *config, const struct board *board, uint32_t tsc_khz);

#endif
