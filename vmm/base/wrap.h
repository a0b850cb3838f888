/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text for a terminal: broken between words, so that no line of it is longer than the terminal is wide.
 */
#ifndef VMM_BASE_WRAP_H
#define VMM_BASE_WRAP_H

#include <stdio.h>

/**
 * wrap_print() - print text and a newline, with lines of less than @columns columns
 * @at: columns of the line that have been printed; behind @indent, the text begins on the next line
 * @indent: the column at which the text begins, here and on each line
 * @columns: width of the terminal; 0: it has no end
 * @text: words with blanks between; one that is too long for @indent begins to the left of it, and stays whole
 */
void wrap_print(FILE *out, int at, int indent, int columns, const char *text);

/** wrap_columns() - the width of the terminal that @fd is; 0: it is none */
int wrap_columns(int fd);

#endif
