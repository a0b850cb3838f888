// SPDX-License-Identifier: Apache-2.0
/* UTF-8 up to the last code point, invalid sequences, and invisible characters: by the lists of Unicode 15. */
#include <string.h>

#include "tests/support/unit.h"
#include "vmm/base/text.h"
#include "vmm/base/util.h"

/* RFC 3629, section 3. Return: bytes; as many of zeroes follow. */
static int encode(uint32_t c, char out[8])
{
	memset(out, 0, 8);
	if (c < 0x80) {
		out[0] = (char)c;
		return 1;
	}
	if (c < 0x800) {
		out[0] = (char)(0xc0 | c >> 6);
		out[1] = (char)(0x80 | (c & 63));
		return 2;
	}
	if (c < 0x10000) {
		out[0] = (char)(0xe0 | c >> 12);
		out[1] = (char)(0x80 | (c >> 6 & 63));
		out[2] = (char)(0x80 | (c & 63));
		return 3;
	}
	out[0] = (char)(0xf0 | c >> 18);
	out[1] = (char)(0x80 | (c >> 12 & 63));
	out[2] = (char)(0x80 | (c >> 6 & 63));
	out[3] = (char)(0x80 | (c & 63));
	return 4;
}

static void each_code_point(void **state)
{
	char s[8];

	/* 0x1fffff is the last that four bytes can hold. */
	for (uint32_t c = 0; c < 0x200000; c++) {
		int n = encode(c, s);
		bool good = c < 0xd800 || (c > 0xdfff && c < 0x110000);

		if (text_length(s) != (good ? n : 0))
			fail_msg("U+%04X has %d bytes", c, text_length(s));
		if (good && text_value(s, n) != c)
			fail_msg("U+%04X is read as U+%04X", c, text_value(s, n));
		/* Cut anywhere, it is none: nothing behind the end is read. */
		for (int cut = 1; good && cut < n; cut++) {
			s[cut] = '\0';
			if (text_length(s) != 0)
				fail_msg("U+%04X cut to %d bytes", c, cut);
			encode(c, s);
		}
	}
}

static void what_is_no_utf8(void **state)
{
	static const char *const none[] = {
		"\x80",
		"\xbf",
		"\xc0\x80",
		"\xc1\xbf",
		"\xe0\x80\x80",
		"\xe0\x9f\xbf",
		"\xf0\x80\x80\x80",
		"\xf0\x8f\xbf\xbf",
		"\xf5\x80\x80\x80",
		"\xff",
		"\xfe",
		"\xc2\x7f",
		"\xc2\xc0",
		"\xe1\x80\x7f",
		"\xe1\x80\xc0",
		"\xf1\x80\x80\x7f",
		"\xf1\x80\x80\xc0",
		"\xf1\x80\x7f\x80",
		"\xf8\x88\x80\x80\x80",
	};

	for (size_t i = 0; i < ARRAY_SIZE(none); i++)
		if (text_length(none[i]) != 0)
			fail_msg("row %zu", i);
}

static bool is_hidden(uint32_t c)
{
	/* Control characters: general category Cc. */
	if (c < 0x20 || (c >= 0x7f && c < 0xa0))
		return true;
	switch (c) {
	case 0x061c: /* ARABIC LETTER MARK */
	case 0x200e: /* LEFT-TO-RIGHT MARK, RIGHT-TO-LEFT MARK */
	case 0x200f:
	case 0x2028: /* LINE SEPARATOR, PARAGRAPH SEPARATOR */
	case 0x2029:
	case 0x202a: /* LRE, RLE, PDF, LRO, RLO */
	case 0x202b:
	case 0x202c:
	case 0x202d:
	case 0x202e:
	case 0x2066: /* LRI, RLI, FSI, PDI */
	case 0x2067:
	case 0x2068:
	case 0x2069:
	case 0xfeff: /* ZERO WIDTH NO-BREAK SPACE, the byte order mark */
	case 0xfffe: /* no Char of XML */
	case 0xffff: return true;
	}
	return false;
}

static void what_is_not_seen(void **state)
{
	for (uint32_t c = 0; c < 0x110000; c++)
		if (text_is_hidden(c) != is_hidden(c))
			fail_msg("U+%04X", c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_code_point),
		cmocka_unit_test(what_is_no_utf8),
		cmocka_unit_test(what_is_not_seen),
	};

	return run_group(tests);
}
