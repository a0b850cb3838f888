// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/support/unit.h"
#include "vmm/base/util.h"
#include "vmm/base/wrap.h"

static void check(int at, int indent, int columns, const char *text, const char *want)
{
	char *got;
	size_t size;
	FILE *out = open_memstream(&got, &size);

	assert_non_null(out);
	wrap_print(out, at, indent, columns, text);
	fclose(out);
	assert_string_equal(got, want);
	free(got);
}

static void lines_are_broken_between_words(void **state)
{
	check(0, 0, 10, "one two three", "one two\nthree\n");
	/* Nine columns of ten are used: a terminal's last one is left alone. */
	check(0, 0, 10, "one twos a", "one twos\na\n");
	check(0, 0, 10, "one two a b", "one two a\nb\n");
	check(0, 0, 0, "one two three four five six", "one two three four five six\n");
	check(0, 0, 10, "", "\n");
	check(0, 0, 10, "one   two", "one two\n");
}

static void text_begins_at_the_indent(void **state)
{
	check(2, 4, 12, "one two three", "  one two\n    three\n");
	check(4, 4, 12, "one", "one\n");
	/* What is in front is too long. */
	check(5, 4, 12, "one", "\n    one\n");
}

static void a_long_word_stays_whole(void **state)
{
	check(0, 4, 12, "a 1234567890 b", "    a\n 1234567890\n    b\n");
	check(0, 4, 12, "a 1234567890123 b", "    a\n1234567890123\n    b\n");
}

static void what_is_no_terminal_has_no_width(void **state)
{
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(wrap_columns(fd), 0);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_are_broken_between_words),
		cmocka_unit_test(text_begins_at_the_indent),
		cmocka_unit_test(a_long_word_stays_whole),
		cmocka_unit_test(what_is_no_terminal_has_no_width),
	};

	return run_group(tests);
}
