/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sizes (`128M`, `1.5G`, binary units) and times (`500ms`, `1.5s`) as an operator writes them.
 */
#ifndef VMM_BASE_UNITS_H
#define VMM_BASE_UNITS_H

#include <stdint.h>

/* The grammar, in the words of messages, --help and the manual: all of them are these. */
#define UNITS_SIZE "a number and K, M, G or T, as 128M or 1.5G"
#define UNITS_TIME "a number and ns, us, ms, s, m or h, as 500ms or 1.5s"

/**
 * parse_size() - a size in bytes
 * @text: digits, with a decimal fraction where a unit follows, then nothing or one of K, M, G, T (either case) and
 *        behind it nothing, `B` or `iB`; no sign, no blanks
 * @ret_bytes: the value; untouched on failure
 *
 * Return: 0, -EINVAL (not of that form), -ERANGE (does not fit 64 bits, or is no whole number of bytes: never rounded).
 * Trust: operator.
 */
int parse_size(const char *text, uint64_t *ret_bytes);

/**
 * parse_duration() - a time in nanoseconds
 * @text: digits with an optional decimal fraction, then one of ns, us, ms, s, m, h; a bare `0` needs no unit
 * @ret_ns: the value; untouched on failure
 *
 * Return: 0, -EINVAL (not of that form; a bare number too: the unit is never guessed), -ERANGE (too large, or
 * finer than 1 ns: never rounded to 0, which may mean "no limit").
 * Trust: operator.
 */
int parse_duration(const char *text, uint64_t *ret_ns);

/**
 * parse_u64() - decimal, or hexadecimal after 0x; no sign, no blanks
 *
 * Return: 0, -EINVAL, -ERANGE.
 * Trust: operator.
 */
int parse_u64(const char *text, uint64_t *ret_value);

/**
 * format_size() - the shortest exact form, such as `128M` or `4097`
 * @buf: at least UNITS_TEXT_MAX bytes
 *
 * Return: @buf.
 */
#define UNITS_TEXT_MAX 32
const char *format_size(uint64_t bytes, char *buf);

/**
 * format_duration() - the shortest exact form, such as `30s` or `1500us`
 * @buf: at least UNITS_TEXT_MAX bytes
 *
 * Return: @buf.
 */
const char *format_duration(uint64_t ns, char *buf);

#endif
