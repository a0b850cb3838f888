/* SPDX-License-Identifier: Apache-2.0 */
/*
 * UTF-8 of a guest's, or of a file of unknown origin, for writers of JSON and XML: vmm/base/json.c, vmm/base/svg.c.
 * What goes to a terminal or a log is ASCII: vmm/console/printable.h.
 */
#ifndef VMM_BASE_TEXT_H
#define VMM_BASE_TEXT_H

#include <stdbool.h>
#include <stdint.h>

/**
 * text_length() - bytes of the character at @s, 0 when what stands there is no UTF-8
 *
 * Of a NUL: 1; nothing behind one is read. Spec: RFC 3629, section 4. Trust: guest.
 */
int text_length(const char *s);

/** text_value() - the code point of the character at @s, of @length bytes as text_length() has counted them */
uint32_t text_value(const char *s, int length);

/**
 * text_is_hidden() - is this a character that is not seen, but does something?
 *
 * Control characters (C0, DEL, C1), those that end a line or a paragraph, those that change the direction of what
 * stands around them, the byte order mark, and what is no character in XML. All are at most U+FFFF.
 *
 * Spec: Unicode 15, 23.1 and 23.2; UAX 9, 2; XML 1.0, 2.2.
 */
bool text_is_hidden(uint32_t c);

#endif
