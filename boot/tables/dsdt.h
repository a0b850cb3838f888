/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The body of the DSDT: devices of the board in AML.
 */
#ifndef BOOT_TABLES_DSDT_H
#define BOOT_TABLES_DSDT_H

#include "boot/tables/aml.h"
#include "vmm/base/board.h"
#include "vmm/base/err.h"

/**
 * dsdt_check() - can the DSDT describe this board? Expects that boardcheck() said yes.
 *
 * Return: 0; -EINVAL with words.
 */
int dsdt_check(const struct board *board, struct err *e);

/**
 * dsdt_write() - append the definitions to @aml, whose error tells the outcome
 * @board: dsdt_check() said yes
 */
void dsdt_write(const struct board *board, struct aml *aml);

#endif
