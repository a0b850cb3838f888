/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What other programs (QEMU, kvmtool, Firecracker, cloud-hypervisor) call what vmm has: for the hint behind a word that
 * vmm does not know.
 */
#ifndef CMD_OPTIONS_FOREIGN_H
#define CMD_OPTIONS_FOREIGN_H

#include <stddef.h>

/**
 * struct foreign_word - a word of theirs, and what vmm has for it
 * @theirs: an option without its dashes; "LIST=KEY" for a key in the value of option LIST, and "=COMMAND" for a
 *          subcommand
 * @ours: what to write: an option with its value as --help writes it, a key, or a command, perhaps with a remark behind
 *        a comma; or, begun by a blank, a sentence of what vmm does in place of it
 */
struct foreign_word {
	const char *theirs;
	const char *ours;
};

/* Ended by a row without @theirs. */
extern const struct foreign_word foreign_words[];

/**
 * foreign_find() - what vmm has for a word
 * @list: the option in whose value it stands as a key; "": a subcommand; NULL: an option
 * @word, @len: the word, without dashes and value
 *
 * Return: @ours of the row, static, or NULL.
 */
const char *foreign_find(const char *list, const char *word, size_t len);

/**
 * foreign_hint() - the words of a row, to be put behind "unknown option"
 * @ours: as in struct foreign_word
 * @buf: of @size bytes
 *
 * Return: @buf, which begins with "; ".
 */
const char *foreign_hint(const char *ours, char *buf, size_t size);

#endif
