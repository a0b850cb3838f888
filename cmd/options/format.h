/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inverse of parsing: from a configuration to values of the option table, and to their texts.
 */
#ifndef CMD_OPTIONS_FORMAT_H
#define CMD_OPTIONS_FORMAT_H

#include "cmd/options/options.h"

/**
 * option_load() - one occurrence of a setting, the inverse of option_store() and option_store_at()
 * @o: a setting of a configuration file that is no LIST, or a key of a list
 * @element: the struct config, or for a key the list's element
 * @i: which occurrence, from 0; more than one only where @o is repeatable, and not where occurrences are joined
 * @ret: untouched when there is none; text is borrowed from @element, or static
 *
 * Return: false: there is no such occurrence; the setting is not set.
 */
bool option_load(const struct option_def *o, const void *element, size_t i, struct option_value *ret);

/** option_same() - whether two values of one setting are equal */
bool option_same(const struct option_value *a, const struct option_value *b);

/** option_is_default() - whether the setting has this value where nobody sets it; false: it is unset then */
bool option_is_default(const struct option_def *o, const struct option_value *v);

/**
 * option_format() - a value as a text from which option_parse() makes it again
 * @v: a value that option_parse() can return for @o
 *
 * Return: owned by the caller; NULL when memory ran out.
 */
char *option_format(const struct option_def *o, const struct option_value *v);

#endif
