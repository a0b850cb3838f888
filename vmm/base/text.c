// SPDX-License-Identifier: Apache-2.0
#include "vmm/base/text.h"

#include <stddef.h>

#include "vmm/base/util.h"

/* Overlong forms, surrogates and values past U+10FFFF are invalid. A NUL ends every comparison below. */
int text_length(const char *text)
{
	const unsigned char *s = (const unsigned char *)text;
	unsigned char lo = 0x80, hi = 0xbf;
	int n;

	if (s[0] < 0x80)
		return 1;
	if (s[0] < 0xc2 || s[0] > 0xf4)
		return 0;
	n = s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
	if (s[0] == 0xe0)
		lo = 0xa0;
	if (s[0] == 0xed)
		hi = 0x9f;
	if (s[0] == 0xf0)
		lo = 0x90;
	if (s[0] == 0xf4)
		hi = 0x8f;
	if (s[1] < lo || s[1] > hi)
		return 0;
	for (int i = 2; i < n; i++)
		if (s[i] < 0x80 || s[i] > 0xbf)
			return 0;
	return n;
}

uint32_t text_value(const char *text, int length)
{
	const unsigned char *s = (const unsigned char *)text;
	uint32_t c = length == 1 ? s[0] : s[0] & (0x7fu >> length);

	for (int i = 1; i < length; i++)
		c = c << 6 | (s[i] & 0x3f);
	return c;
}

bool text_is_hidden(uint32_t c)
{
	static const struct {
		uint16_t first, last;
	} hidden[] = {
		{0x0000, 0x001f},
		{0x007f, 0x009f},
		{0x061c, 0x061c},
		{0x200e, 0x200f},
		{0x2028, 0x202e},
		{0x2066, 0x2069},
		{0xfeff, 0xfeff},
		{0xfffe, 0xffff},
	};

	for (size_t i = 0; i < ARRAY_SIZE(hidden); i++)
		if (c >= hidden[i].first && c <= hidden[i].last)
			return true;
	return false;
}

size_t text_put_xml(FILE *out, const char *s, const char *end)
{
	int length = text_length(s);

	if (*s == '<')
		fputs("&lt;", out);
	else if (*s == '>')
		fputs("&gt;", out);
	else if (*s == '&')
		fputs("&amp;", out);
	else if (*s == '"')
		fputs("&quot;", out);
	else if (!length || length > end - s || text_is_hidden(text_value(s, length)))
		fputs("\xef\xbf\xbd", out);
	else
		fwrite(s, 1, (size_t)length, out);
	return (size_t)MIN(MAX(length, 1), end - s);
}
