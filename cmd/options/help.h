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

/** help_print() - usage and all options by section, in HELP_COLUMNS columns */
void help_print(FILE *out);

/** help_version() - version, and how this program was built */
void help_version(FILE *out);

/** help_build() - the same for the report; argv is left alone */
void help_build(struct report_info *ret);

#endif
