// SPDX-License-Identifier: Apache-2.0
#include "vmm/console/printable.h"

#include <stdint.h>
#include <string.h>

#include "vmm/base/util.h"

#define HEX_LEN 4 /* \xNN */

static bool is_letter(uint8_t c)
{
	return (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
}

static bool begins_line(const uint8_t *in, size_t i)
{
	while (i && (in[i - 1] == ' ' || in[i - 1] == '\t'))
		i--;
	return !i || in[i - 1] == '\n' || in[i - 1] == '\r';
}

/* Whether a CI runner would read the text here as the start of a command. */
static bool is_command(const uint8_t *in, size_t n, size_t i)
{
	if (i + 1 == n)
		return false;
	if (in[i] == '#')
		return i && in[i - 1] == '#' && (in[i + 1] == '[' || is_letter(in[i + 1]));
	return in[i] == ':' && in[i + 1] == ':' && begins_line(in, i);
}

/* Length of in[i] in the output: 0 (dropped), 1 (unchanged) or HEX_LEN. */
static size_t width(const uint8_t *in, size_t n, size_t i, enum printable_mode mode)
{
	uint8_t c = in[i];

	if (c >= 0x20 && c < 0x7f)
		return is_command(in, n, i) ? HEX_LEN : 1;
	if (mode == PRINTABLE_LINES) {
		if (c == '\n' || c == '\t')
			return 1;
		if (c == '\r' && i + 1 < n && in[i + 1] == '\n')
			return 0;
	}
	return HEX_LEN;
}

size_t printable_text(char *out, size_t size, const void *data, size_t n, enum printable_mode mode)
{
	static const char hex[] = "0123456789abcdef";
	const uint8_t *in = data;
	size_t at = 0;

	for (size_t i = 0; i < n; i++) {
		size_t w = width(in, n, i, mode);

		if (w > size - 1 - at)
			break;
		if (w == 1)
			out[at] = (char)in[i];
		else if (w == HEX_LEN)
			memcpy(out + at, (char[]){'\\', 'x', hex[in[i] >> 4], hex[in[i] & 15]}, HEX_LEN);
		at += w;
	}
	out[at] = 0;
	return at;
}

size_t printable_tail(char *out, size_t size, const void *data, size_t n, enum printable_mode mode)
{
	const uint8_t *in = data;
	size_t total = 0, skip = 0;

	for (size_t i = 0; i < n; i++)
		total += width(in, n, i, mode);
	while (total > size - 1)
		total -= width(in, n, skip++, mode);
	return printable_text(out, size, in + skip, n - skip, mode);
}
