/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Words of an option's value that are separated by commas: --disk path=FILE,ro. Two commas stand for one in a word.
 */
#ifndef VMM_BASE_WORDS_H
#define VMM_BASE_WORDS_H

/**
 * words_cut() - cut the next word off
 * @at: what is left, changed in place; moves on behind the comma, and is NULL behind the last word
 *
 * Return: the word, NUL-terminated, possibly empty; NULL: *@at was NULL. Trust: operator.
 */
char *words_cut(char **at);

#endif
