/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Escapes untrusted text for the operator's terminal or log: everything but printable ASCII becomes \xNN, so that no
 * escape sequence gets through. A backslash is not escaped: escaping twice changes nothing.
 *
 * Runners of CI systems read commands from a log: "##[" and "##word[" anywhere in a line (GitHub, Azure, TeamCity),
 * "::" at its start (GitHub). The second # and the first : of these are escaped as well.
 */
#ifndef VMM_CONSOLE_PRINTABLE_H
#define VMM_CONSOLE_PRINTABLE_H

#include <stddef.h>

/**
 * enum printable_mode
 * @PRINTABLE_LINE: everything below 0x20 is escaped
 * @PRINTABLE_LINES: newline and tab stay, a carriage return in front of a newline is dropped
 */
enum printable_mode { PRINTABLE_LINE, PRINTABLE_LINES };

/**
 * printable_text() - write @n bytes of @in to @out, always terminated
 * @size: of @out, at least 1; the text is truncated to fit, never within a \xNN
 *
 * Return: the length of what was written, without the terminator.
 * Context: any thread, async-signal-safe.
 * Trust: guest.
 */
size_t printable_text(char *out, size_t size, const void *in, size_t n, enum printable_mode mode);

/**
 * printable_tail() - like printable_text(), but truncates the front
 */
size_t printable_tail(char *out, size_t size, const void *in, size_t n, enum printable_mode mode);

#endif
