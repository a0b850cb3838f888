/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The body of the DSDT: the devices of the board in AML.
 */
#ifndef BOOT_TABLES_DSDT_H
#define BOOT_TABLES_DSDT_H

#include "boot/tables/aml.h"
#include "vmm/base/board.h"
#include "vmm/base/err.h"

/**
 * dsdt_check() - check that the DSDT can describe this board, which passed boardcheck()
 *
 * Return: 0, or -EINVAL with a message in @e.
 */
int dsdt_check(const struct board *board, struct err *e);

/**
 * dsdt_write() - append the definitions to @aml; errors are in @aml
 * @board: has passed dsdt_check()
 */
void dsdt_write(const struct board *board, struct aml *aml);

#endif
