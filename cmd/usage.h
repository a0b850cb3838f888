/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The answers to words of the command line that start nothing: --help, --version, a command that there is none of.
 */
#ifndef CMD_USAGE_H
#define CMD_USAGE_H

/**
 * usage_help() - print the help for `vmm WORD [WORD]`
 * @word, @second: empty: the help for all; a @second that is no part of a command's name is left alone
 *
 * Return: the exit status: EXIT_FAILED when the text could not be written.
 */
int usage_help(const char *word, const char *second);

/** usage_version() - print version and build; the exit status as for usage_help() */
int usage_version(void);

/**
 * usage_no_command() - say that there is no command @word
 * @nor: what it is not either, as " and no file"
 *
 * Return: the exit status.
 */
int usage_no_command(const char *word, const char *nor);

#endif
