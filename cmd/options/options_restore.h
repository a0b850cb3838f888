/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows of the table in cmd/options/options.c that only `vmm restore` takes.
 */
#ifndef CMD_OPTIONS_OPTIONS_RESTORE_H
#define CMD_OPTIONS_OPTIONS_RESTORE_H

#define CLONES_MAX 100000

#define RESTORE_TABLE                                                                                                  \
	{                                                                                                              \
		.name = "clones", .section = SECTION_RESTORE, .type = OPT_UINT, .min = 1, .max = CLONES_MAX,           \
		.help = "restore the guest this many times, each in a process of its own",                             \
		.man = OPTION_MAN("Restore the guest this many times, each in a process of its own, numbered from 1; " \
				  "see *CLONES*."),                                                                    \
	}

#endif
