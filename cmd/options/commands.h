/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The subcommands: `vmm NAME [OPTION...]`, one file each, cmd/NAME.c.
 */
#ifndef CMD_OPTIONS_COMMANDS_H
#define CMD_OPTIONS_COMMANDS_H

/* COMMAND(name, half a line for --help). The first one is meant when none is named. */
#define COMMANDS(X)                                                                                                    \
	X(run, "boot the machine (also without this word)")                                                            \
	X(check, "tell whether this host and these settings can run a machine")                                        \
	X(cpuid, "print the CPUID of the host, of the guest, and why they differ")                                     \
	X(flat, "run programs without a kernel: vmm flat PROG...")                                                     \
	X(exec, "run a Linux program without a kernel: vmm exec PROG")                                                 \
	X(test, "run tests, each in a guest: vmm test FILE|DIR...")                                                    \
	X(bench, "measure: vmm bench boot|lifecycle|exits")                                                            \
	X(report, "where the time of a run went: vmm report FILE...")                                                  \
	X(restore, "go on with a guest from its snapshot: vmm restore FILE")                                           \
	X(snapshot, "look at a snapshot: vmm snapshot info|check FILE")                                                \
	X(initramfs, "pack an initramfs: vmm initramfs OUT FILE...")                                                   \
	X(kernel, "fetch one of Debian's kernels, and print its path")

/**
 * cmd_NAME() - run one subcommand
 * @argc, @argv: argv[0] is the word before the first option, the rest goes to options_parse()
 *
 * Return: the exit status of the process.
 */
#define X(name, help) int cmd_##name(int argc, char **argv);
COMMANDS(X)
#undef X

#endif
