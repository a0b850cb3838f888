/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A configuration as the report has it: a member for each setting of a configuration file, under the option's name with
 * the unit of its type (mem: mem_bytes), and for devices with keys how many there are.
 */
#ifndef CMD_OPTIONS_REPORT_CONFIG_H
#define CMD_OPTIONS_REPORT_CONFIG_H

#include "cmd/options/options.h"
#include "vmm/report/report.h"

#define REPORT_CONFIG_MAX (OPTIONS_MAX + 8)

/**
 * report_config() - the members
 * @ret: room for REPORT_CONFIG_MAX; texts are borrowed from @c, or static
 *
 * Return: how many.
 */
size_t report_config(const struct config *c, struct report_setting *ret);

#endif
