/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The keys that a terminal keeps from the guest: Ctrl-A and the one after it.
 *
 * Ctrl-A A and Ctrl-A Ctrl-A are one Ctrl-A for the guest; Ctrl-A with a key that means nothing is nothing.
 */
#ifndef CMD_ESCAPE_KEYS_H
#define CMD_ESCAPE_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** enum escape_key - what was asked for */
enum escape_key {
	ESCAPE_KEY_NONE,
	ESCAPE_KEY_QUIT,
	ESCAPE_KEY_BREAK,
	ESCAPE_KEY_PAUSE,
	ESCAPE_KEY_DUMP,
	ESCAPE_KEY_SNAPSHOT,
	ESCAPE_KEY_HELP
};

/** struct escape_keys - zero-initialise; @begun: Ctrl-A was the last byte */
struct escape_keys {
	bool begun;
};

/* Lines for a raw terminal, one for each key; those apart that not every guest has. */
extern const char escape_keys_help[];
extern const char escape_keys_help_pause[];
extern const char escape_keys_help_dump[];
extern const char escape_keys_help_snapshot[];

/**
 * escape_keys_filter() - take what is not for the guest out of @data, in place, up to the first key that asks for
 * something
 * @n: in: bytes typed; out: how many the guest gets, never more
 * @ret: what was asked for behind these
 *
 * Return: how many bytes were looked at; the rest is for the next call.
 */
size_t escape_keys_filter(struct escape_keys *k, uint8_t *data, size_t *n, enum escape_key *ret);

#endif
