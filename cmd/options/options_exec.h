/* SPDX-License-Identifier: Apache-2.0 */
/* The settings of `vmm exec` about files: part of the table in options.c. */
#ifndef CMD_OPTIONS_OPTIONS_EXEC_H
#define CMD_OPTIONS_OPTIONS_EXEC_H

#include "vmm/exec/exec.h"

/* clang-format off */
#define EXEC_FILES_TABLE \
	{ \
		.name = "ro", \
		.section = SECTION_EXEC, \
		.type = OPT_STRING, \
		.metavar = "PATH[:GUESTPATH]", \
		.repeatable = true, \
		.help = "a directory or file that the program can read; repeatable", \
		.man = OPTION_MAN("A directory of the host with all below it, or a file, that the program can read; " \
			"may be given again.\n" \
			"It has the same name in the guest, or *GUESTPATH*.\n" \
			"Links are followed in the names of the guest, and lead to nothing else of the host."), \
	}, \
	{ \
		.name = "rw", \
		.section = SECTION_EXEC, \
		.type = OPT_STRING, \
		.metavar = "PATH[:GUESTPATH]", \
		.repeatable = true, \
		.help = "a directory or file that the program can change; repeatable", \
		.man = OPTION_MAN("As *ro*, and the program can change it, as far as vmm itself may, without any " \
			"privilege.\n" \
			"It cannot make files with a set-user-ID or set-group-ID bit, FIFOs, sockets and devices."), \
	}, \
	{ \
		.name = "tmp", \
		.section = SECTION_EXEC, \
		.type = OPT_SIZE, \
		.metavar = "SIZE", \
		.bare = "64M", \
		.max = EXEC_TMP_MAX, \
		.help = "a directory /tmp in memory that the program can change", \
		.man = OPTION_MAN("A directory /tmp in memory, of this size at most, that the program can change.\n" \
			"It is gone when the program ends, and has no hard links."), \
	}, \
	{ \
		.name = "system", \
		.section = SECTION_EXEC, \
		OPTION_SWITCH("off"), \
		.help = "the program can read the programs and libraries of the host", \
		.man = OPTION_MAN("The program can read /usr, /bin, /sbin, /lib, /lib32, /lib64, /etc/alternatives " \
			"and /etc/ld.so.cache of the host: what interpreters and dynamically linked programs need."), \
	}
/* clang-format on */

#endif
