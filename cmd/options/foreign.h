/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What other programs (QEMU, kvmtool, Firecracker, cloud-hypervisor) call what vmm has: for the hint behind a word that
 * vmm does not know.
 */
#ifndef CMD_OPTIONS_FOREIGN_H
#define CMD_OPTIONS_FOREIGN_H

#include <stddef.h>

/**
 * struct foreign_word - a word of theirs, and ours
 * @list: the option in whose value it stands as a key; NULL: an option, without its dashes
 * @theirs: the word
 * @ours: an option with its value as --help writes it, or a key; perhaps with a remark behind a comma
 */
struct foreign_word {
	const char *list;
	const char *theirs;
	const char *ours;
};

/* Ended by a row without @theirs. */
extern const struct foreign_word foreign_words[];

/**
 * foreign_find() - what vmm calls a word
 * @list: as in struct foreign_word
 * @word, @len: the word, without dashes and value
 *
 * Return: @ours of the row, static, or NULL.
 */
const char *foreign_find(const char *list, const char *word, size_t len);

#endif
