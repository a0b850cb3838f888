// SPDX-License-Identifier: Apache-2.0
#include <string.h>

#include "tests/support/unit.h"
#include "vmm/base/util.h"
#include "vmm/console/panic_text.h"
#include "vmm/console/printable.h"

static uint32_t feed(struct panic_text *w, const char *text)
{
	return panic_text_feed(w, (const uint8_t *)text, strlen(text), 1);
}

static uint32_t found(const char *text)
{
	struct panic_text w = {0};

	return feed(&w, text);
}

static const struct {
	const char *text;
	uint32_t found;
} lines[] = {
	{"Linux version 6.1.0\n", PANIC_TEXT_BANNER},
	{"[    0.000000] Linux version 6.1.0", PANIC_TEXT_BANNER},
	{"<5>[    0.000000] Linux version 6.1.0", PANIC_TEXT_BANNER},
	{"[    0.000000][    T0] Linux version 6.12", PANIC_TEXT_BANNER},
	{"[    0.000000] [T1] Linux version 6.12", PANIC_TEXT_BANNER},
	{"[12345678.123456][  C254] Linux version 6.12", PANIC_TEXT_BANNER},
	{"SeaBIOS\r\n\r\nLinux version 6", PANIC_TEXT_BANNER},
	{"half a line\rLinux version 6", PANIC_TEXT_BANNER},
	{"my Linux version 6\n", 0},
	{" Linux version 6\n", 0},
	{"[    0.000000] my Linux version 6", 0},
	{"Linux versions differ\n", 0},
	{"Linux version", 0},
	{"LLinux version 6", 0},
	{"[0][0][0] Linux version 6", 0},
	{"[hello] Linux version 6", 0},
	{"<1234>Linux version 6", 0},
	{"<>Linux version 6", PANIC_TEXT_BANNER},
	{"[                                   ] Linux version 6", 0},
	{"[    1.5] Kernel panic - not syncing: VFS\n", PANIC_TEXT_SEEN | PANIC_TEXT_LINE},
	{"[    1.5] Kernel panic - not syncing: VFS", PANIC_TEXT_SEEN},
	{"[    1.5] Kernel panic - not syncin\n", 0},
	{"echo Kernel panic - not syncing: no\n", 0},
	{"[    1.5] ---[ end Kernel panic - not syncing: VFS ]---\r\n", PANIC_TEXT_END},
	{"/ # [   12.345678] Kernel panic - not syncing: VFS\n", PANIC_TEXT_SEEN | PANIC_TEXT_LINE},
	{"...[    1.5][   T77] Kernel panic - not syncing: VFS", PANIC_TEXT_SEEN},
	{"\033[1;32m# \033[m[    1.5] ---[ end Kernel panic", PANIC_TEXT_END},
	{"[ 1.0] a[ 1.0] b[[ 1.0] Linux version 6", PANIC_TEXT_BANNER},
	{"<[    1.5] Linux version 6", PANIC_TEXT_BANNER},
	{"Linux [    1.5] Linux version 6", PANIC_TEXT_BANNER},
	{"x [15] Kernel panic - not syncing: no stamp\n", 0},
	{"x [ 1.5] [1] [2] Kernel panic - not syncing: three groups\n", 0},
	{"x [ 1.5] y Kernel panic - not syncing: quoted\n", 0},
	{"x [ 1.5]\n[15] Linux version 6\n", PANIC_TEXT_BANNER},
	{"---[ end trace 0000000000000000 ]---\n", 0},
	{"---[ end Kernel panic", PANIC_TEXT_END},
	{"Kernel panic - not syncing: a\n---[ end Kernel panic\nLinux version 2\n",
		PANIC_TEXT_SEEN | PANIC_TEXT_LINE | PANIC_TEXT_END | PANIC_TEXT_BANNER},
};

static void finds_what_the_table_says(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++)
		if (found(lines[i].text) != lines[i].found)
			fail_msg("%s: %#x, not %#x", lines[i].text, found(lines[i].text), lines[i].found);
}

static void cuts_make_no_difference(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		struct panic_text w = {0};
		uint32_t bits = 0;

		for (const char *p = lines[i].text; *p; p++)
			bits |= panic_text_feed(&w, (const uint8_t *)p, 1, 1);
		assert_int_equal(bits, lines[i].found);
	}
}

static void tells_each_thing_once(void **state)
{
	struct panic_text w = {0};

	assert_false(panic_text_banner_seen(&w));
	assert_int_equal(feed(&w, "Linux version 1\n"), PANIC_TEXT_BANNER);
	assert_int_equal(feed(&w, "Linux version 1\n"), 0);
	assert_true(panic_text_banner_seen(&w));
	assert_false(panic_text_seen(&w));
	assert_int_equal(feed(&w, "Kernel panic - not syncing: first\n"), PANIC_TEXT_SEEN | PANIC_TEXT_LINE);
	assert_int_equal(feed(&w, "Kernel panic - not syncing: second\n"), 0);
	assert_true(panic_text_seen(&w));
	assert_false(panic_text_ended(&w));
	feed(&w, "[ 9.9] ---[ end Kernel panic");
	assert_true(panic_text_ended(&w));
}

/* Only the last line counts: behind it the kernel says nothing more. */
static void a_restart_is_the_last_line(void **state)
{
	static const struct {
		const char *text;
		bool restarting;
	} cases[] = {
		{"reboot: Restarting system", true},
		{"[    3.14] reboot: Restarting system\r\n", true},
		{"<0>[    3.14][   T55] reboot: Restarting system with command 'now'\n\r\n\n", true},
		{"reboot: Restarting syste\n", false},
		{"reboot: Power down\n", false},
		{"echo reboot: Restarting system\n", false},
		{"reboot: Restarting system\nlogin: ", false},
		{"reboot: Restarting system\n[    4.0] BUG: unable to handle\n", false},
		{"reboot: Restarting system\n [\n", false},
		{"login: \nreboot: Restarting system\n", true},
		{"login: [    3.14] reboot: Restarting system\n", true},
		{"login: reboot: Restarting system\n", false},
		{"reboot: Restarting system\nx\nreboot: Restarting system\n", true},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct panic_text whole = {0}, parts = {0};

		assert_int_equal(feed(&whole, cases[i].text), 0);
		for (const char *p = cases[i].text; *p; p++)
			panic_text_feed(&parts, (const uint8_t *)p, 1, 1);
		if (panic_text_restarting(&whole) != cases[i].restarting ||
			panic_text_restarting(&parts) != cases[i].restarting)
			fail_msg("%s", cases[i].text);
	}
}

static void keeps_the_first_panic_line_escaped(void **state)
{
	struct panic_text w = {0};
	char buf[4 * PANIC_TEXT_LINE_MAX + 1];

	assert_int_equal(panic_text_line(&w, buf, sizeof(buf)), 0);
	feed(&w, "[    1.0] Kernel panic - not syncing: \033[2J\x07 over\r\nKernel panic - not syncing: 2\n");
	panic_text_line(&w, buf, sizeof(buf));
	assert_string_equal(buf, "Kernel panic - not syncing: \\x1b[2J\\x07 over");
	assert_int_equal(panic_text_line(&w, buf, 7), 6);
	assert_string_equal(buf, "Kernel");
}

static void an_endless_panic_line_is_bounded(void **state)
{
	struct panic_text w = {0};
	char buf[4 * PANIC_TEXT_LINE_MAX + 1];
	uint32_t bits = feed(&w, "Kernel panic - not syncing: ");

	for (int i = 0; i < 100000; i++)
		bits |= feed(&w, "A");
	assert_int_equal(bits, PANIC_TEXT_SEEN | PANIC_TEXT_LINE);
	assert_int_equal(panic_text_line(&w, buf, sizeof(buf)), PANIC_TEXT_LINE_MAX);
	assert_int_equal(feed(&w, "\nLinux version 5"), PANIC_TEXT_BANNER);
}

static void remembers_the_time_of_the_last_byte(void **state)
{
	struct panic_text w = {0};

	panic_text_feed(&w, (const uint8_t *)"a", 1, 7);
	panic_text_feed(&w, (const uint8_t *)"", 0, 9);
	assert_int_equal(panic_text_last_byte_ns(&w), 7);
}

static void escapes(void **state)
{
	char buf[64];

	printable_text(buf, sizeof(buf), "a\tb\x1b[0m\xff\\x\n", 11, PRINTABLE_LINE);
	assert_string_equal(buf, "a\\x09b\\x1b[0m\\xff\\x\\x0a");
	printable_text(buf, sizeof(buf), "a\tb\r\nc\rd\n", 9, PRINTABLE_LINES);
	assert_string_equal(buf, "a\tb\nc\\x0dd\n");
	assert_int_equal(printable_text(buf, 1, "abc", 3, PRINTABLE_LINE), 0);
	assert_string_equal(buf, "");
}

/* What GitHub, Azure and TeamCity read as a command, and what looks like one. */
static void no_runner_takes_a_command(void **state)
{
	static const struct {
		const char *in, *out;
	} row[] = {
		{"::error::x", "\\x3a:error::x"},
		{"a\n \t::b", "a\n \t\\x3a:b"},
		{"a\r::b", "a\\x0d\\x3a:b"},
		{"std::map", "std::map"},
		{":: ", "\\x3a: "},
		{": :", ": :"},
		{"a ##[group]", "a #\\x23[group]"},
		{"##vso[x]###[y]", "#\\x23vso[x]##\\x23[y]"},
		{"## 1 ##", "## 1 ##"},
	};
	char buf[64];

	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		printable_text(buf, sizeof(buf), row[i].in, strlen(row[i].in), PRINTABLE_LINES);
		assert_string_equal(buf, row[i].out);
	}
}

static void never_cuts_within_an_escape(void **state)
{
	char buf[16];

	for (size_t size = 1; size < 13; size++) {
		assert_int_equal(printable_text(buf, size, "\1\2\3", 3, PRINTABLE_LINE), (size - 1) / 4 * 4);
		assert_int_equal(printable_tail(buf, size, "\1\2\3", 3, PRINTABLE_LINE), (size - 1) / 4 * 4);
	}
	assert_int_equal(printable_tail(buf, 7, "one\ttwo\1", 8, PRINTABLE_LINES), 6);
	assert_string_equal(buf, "wo\\x01");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_what_the_table_says),
		cmocka_unit_test(cuts_make_no_difference),
		cmocka_unit_test(tells_each_thing_once),
		cmocka_unit_test(a_restart_is_the_last_line),
		cmocka_unit_test(keeps_the_first_panic_line_escaped),
		cmocka_unit_test(an_endless_panic_line_is_bounded),
		cmocka_unit_test(remembers_the_time_of_the_last_byte),
		cmocka_unit_test(escapes),
		cmocka_unit_test(no_runner_takes_a_command),
		cmocka_unit_test(never_cuts_within_an_escape),
	};

	return run_group(tests);
}
