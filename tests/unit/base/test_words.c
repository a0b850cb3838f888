// SPDX-License-Identifier: Apache-2.0
#include <string.h>

#include "tests/support/unit.h"
#include "vmm/base/util.h"
#include "vmm/base/words.h"

static void words_between_commas(void **state)
{
	static const struct {
		const char *text;
		const char *want[4];
	} rows[] = {
		{"", {""}},
		{"a", {"a"}},
		{"a,b=c,d", {"a", "b=c", "d"}},
		{"a,", {"a", ""}},
		{",a", {"", "a"}},
		{"a,,b", {"a,b"}},
		{"a,,", {"a,"}},
		{",,", {","}},
		{"a,,,b", {"a,", "b"}},
		{"a,,,,b,,c,d", {"a,,b,c", "d"}},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char text[32], *at = text, *word;
		size_t n = 0;

		strcpy(text, rows[i].text);
		while ((word = words_cut(&at))) {
			assert_true(n < ARRAY_SIZE(rows[i].want) && rows[i].want[n]);
			assert_string_equal(word, rows[i].want[n++]);
		}
		assert_true(n == ARRAY_SIZE(rows[i].want) || !rows[i].want[n]);
		assert_null(words_cut(&at));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words_between_commas),
	};

	return run_group(tests);
}
