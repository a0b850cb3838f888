/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Untrusted UTF-8 (from a guest, or a file of unknown origin) for the writers of JSON and XML: vmm/base/json.c,
 * vmm/base/svg.c. Output to a terminal or a log is ASCII: vmm/console/printable.h.
 */
#ifndef VMM_BASE_TEXT_H
#define VMM_BASE_TEXT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/**
 * text_length() - bytes of the character at @s; 0: not valid UTF-8
 *
 * 1 for a NUL; nothing after a NUL is read. Spec: RFC 3629, section 4. Trust: guest.
 */
int text_length(const char *s);

/** text_value() - the code point of the character at @s; @length is its text_length() */
uint32_t text_value(const char *s, int length);

/**
 * text_is_hidden() - whether this is an invisible character that has an effect
 *
 * Control characters (C0, DEL, C1), those that end a line or a paragraph, those that change the direction of
 * surrounding text, the byte order mark, and those that XML does not allow. All are at most U+FFFF.
 *
 * Spec: Unicode 15, 23.1 and 23.2; UAX 9, 2; XML 1.0, 2.2.
 */
bool text_is_hidden(uint32_t c);

/**
 * text_put_xml() - write one character as XML has it in text and attributes
 * @s: NUL-terminated somewhere at or behind @end; not at @end
 *
 * The four that mean something to XML are escaped; what is invalid or hidden becomes U+FFFD.
 *
 * Return: the bytes that it took. Spec: XML 1.0, 2.4. Trust: guest.
 */
size_t text_put_xml(FILE *out, const char *s, const char *end);

#endif
