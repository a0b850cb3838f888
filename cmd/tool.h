/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Subcommands that are scripts of their own: `vmm initramfs` and `vmm kernel`. They are looked for at the place that
 * meson's libexecdir has from its bindir, so that an installed tree can be moved as a whole; in a build directory the
 * same place leads to scripts/.
 */
#ifndef CMD_TOOL_H
#define CMD_TOOL_H

#include <stdbool.h>

/** tool_is() - whether the subcommand @name is such a script */
bool tool_is(const char *name);

/**
 * tool_exec() - become the script of subcommand @name
 * @argv: its arguments; argv[0] is replaced, the last one is NULL
 *
 * The environment, the standard streams and the working directory stay as they are.
 *
 * Return: not at all, or EXIT_FAILED with a line on standard error, when there is no such script or it cannot be run.
 */
int tool_exec(const char *name, char **argv);

#endif
