/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sizes (`128M`, `1G`, binary units) and times (`500ms`, `30s`) as an operator writes them.
 */
#ifndef VMM_BASE_UNITS_H
#define VMM_BASE_UNITS_H

#include <stdint.h>

/**
 * parse_size() - a size in bytes
 * @text: digits, then nothing or one of K, M, G, T (either case), then nothing, `B` or `iB`; no sign, no blanks
 * @ret_bytes: the value; untouched on failure
 *
 * Return: 0, -EINVAL (not of that form), -ERANGE (does not fit 64 bits).
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
