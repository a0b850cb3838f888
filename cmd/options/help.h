/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What --help and --version print.
 */
#ifndef CMD_OPTIONS_HELP_H
#define CMD_OPTIONS_HELP_H

#include <stdio.h>

#include "cmd/options/options.h"
#include "vmm/report/report.h"

#define HELP_COLUMNS 80

/** help_print() - the commands and what most machines need, in HELP_COLUMNS columns */
void help_print(FILE *out);

/**
 * help_command() - what one command does, takes and ends with, in HELP_COLUMNS columns
 * @name: as in struct command_info; of a command that has several, such as "bench", their usage
 *
 * Return: false: there is none of this name, and nothing has been printed.
 */
bool help_command(FILE *out, const char *name);

/** help_has() - is there a command of that name, as in struct command_info? Not "bench", which has several */
bool help_has(const char *name);

/** help_version() - version, and how this program was built */
void help_version(FILE *out);

/** help_build() - the same for the report; argv is left alone */
void help_build(struct report_info *ret);

#endif
