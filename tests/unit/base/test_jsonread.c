// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <string.h>

#include "tests/support/unit.h"
#include "vmm/base/json.h"
#include "vmm/base/jsonread.h"

static int read_text(const char *text, struct json_doc *d, char **ret_text, struct err *e)
{
	*ret_text = strdup(text);
	assert_non_null(*ret_text);
	return json_read(*ret_text, strlen(text), d, e);
}

static void every_kind_of_value(void **state)
{
	struct json_doc d = {0};
	struct err e = {0};
	const struct json_node *n;
	char *text;

	assert_int_equal(
		read_text(" {\"a\": [1, -2.5e1, true, false, null, \"x\"], \"b\": {}, \"c\": [], \"d\": {\"e\": 7}} \n",
			&d, &text, &e),
		0);
	assert_int_equal(d.node[0].type, JSON_OBJECT);
	assert_int_equal(d.node[0].end, d.nr);
	n = json_first(&d, json_get(&d, d.node, "a"));
	assert_int_equal(json_count(n), 1);
	n = json_next(&d, json_get(&d, d.node, "a"), n);
	assert_true(n->number == -25);
	assert_false(n->whole);
	assert_int_equal(json_count(n), 0);
	n = json_next(&d, json_get(&d, d.node, "a"), n);
	assert_int_equal(n->type, JSON_BOOL);
	assert_true(n->number == 1);
	n = json_next(&d, json_get(&d, d.node, "a"), n);
	assert_true(n->type == JSON_BOOL && n->number == 0);
	n = json_next(&d, json_get(&d, d.node, "a"), n);
	assert_int_equal(n->type, JSON_NULL);
	n = json_next(&d, json_get(&d, d.node, "a"), n);
	assert_string_equal(json_text(n, ""), "x");
	assert_null(json_next(&d, json_get(&d, d.node, "a"), n));
	assert_null(json_first(&d, json_get(&d, d.node, "b")));
	assert_null(json_first(&d, json_get(&d, d.node, "c")));
	assert_int_equal(json_count(json_get(&d, json_get(&d, d.node, "d"), "e")), 7);
	assert_null(json_get(&d, d.node, "e"));
	assert_null(json_get(&d, NULL, "e"));
	assert_string_equal(json_text(NULL, "other"), "other");
	json_doc_destroy(&d);
	free(text);
}

static void strings_are_unescaped(void **state)
{
	static const struct {
		const char *in, *out;
	} cases[] = {
		{"\"\"", ""},
		{"\"a\\\"\\\\\\/\\b\\f\\n\\r\\tz\"", "a\"\\/\b\f\n\r\tz"},
		{"\"\\u0041\\u00e9\\u20AC\"", "A\303\251\342\202\254"},
		{"\"\\ud83d\\ude00\"", "\360\237\230\200"},
		{"\"\303\251\360\237\230\200\"", "\303\251\360\237\230\200"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct json_doc d = {0};
		struct err e = {0};
		char *text;

		if (read_text(cases[i].in, &d, &text, &e))
			fail_msg("%s: %s", cases[i].in, e.text);
		assert_string_equal(json_text(d.node, NULL), cases[i].out);
		json_doc_destroy(&d);
		free(text);
	}
}

static void numbers_are_exact_where_they_can_be(void **state)
{
	static const struct {
		const char *in;
		bool whole;
		uint64_t n;
		double number;
	} cases[] = {
		{"0", true, 0, 0},
		{"18446744073709551615", true, UINT64_MAX, 18446744073709551615.0},
		{"18446744073709551616", false, 0, 18446744073709551616.0},
		{"9007199254740993", true, UINT64_C(9007199254740993), 9007199254740992.0},
		{"-1", false, 0, -1},
		{"-0", false, 0, 0},
		{"1.0", false, 0, 1},
		{"1e3", false, 0, 1000},
		{"12.5E-1", false, 0, 1.25},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct json_doc d = {0};
		char *text;

		assert_int_equal(read_text(cases[i].in, &d, &text, NULL), 0);
		assert_int_equal(d.node->whole, cases[i].whole);
		assert_int_equal(json_count(d.node), cases[i].n);
		assert_true(d.node->number == cases[i].number);
		json_doc_destroy(&d);
		free(text);
	}
}

static void what_is_no_json_is_refused(void **state)
{
	static const char *const cases[] = {"", " ", "{", "[", "}", "nul", "nullx", "True", "01", "-", "+1", ".5", "1.",
		"1e", "1e+", "0x10", "NaN", "Infinity", "[1,]", "[,1]", "[1 2]", "{\"a\"}", "{\"a\":}", "{\"a\":1,}",
		"{a:1}", "{1:1}", "{'a':1}", "[1}", "{\"a\":1]", "\"", "\"\\", "\"\\x\"", "\"\\u12\"", "\"\\u12g4\"",
		"\"\\ud800\"", "\"\\ud800\\u0041\"", "\"\\udc00\"", "\"\\u0000\"", "\"a\nb\"", "\"\t\"", "\"\377\"",
		"\"\300\200\"", "\"\355\240\200\"", "1 2", "{} {}", "// c\n1", "\f1", "\357\273\2771"};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct json_doc d = {.nr = 99};
		struct err e = {0};
		char *text;

		if (read_text(cases[i], &d, &text, &e) != -EINVAL)
			fail_msg("taken: %s", cases[i]);
		assert_int_equal(strncmp(e.text, "no JSON: line ", 14), 0);
		assert_int_equal(d.nr, 99);
		free(text);
	}
}

static void a_nul_inside_is_no_end(void **state)
{
	char text[] = "[1]\0", inside[] = "[\"a\0b\"]";
	struct json_doc d = {0};

	assert_int_equal(json_read(text, 4, &d, NULL), -EINVAL);
	assert_int_equal(json_read(inside, sizeof(inside) - 1, &d, NULL), -EINVAL);
}

static void depth_has_an_end(void **state)
{
	char text[2 * (JSON_READ_DEPTH_MAX + 1) + 1];

	for (size_t depth = JSON_READ_DEPTH_MAX; depth <= JSON_READ_DEPTH_MAX + 1; depth++) {
		struct json_doc d = {0};
		bool fits = depth == JSON_READ_DEPTH_MAX;

		memset(text, '[', depth);
		memset(text + depth, ']', depth);
		text[2 * depth] = '\0';
		assert_int_equal(json_read(text, 2 * depth, &d, NULL), fits ? 0 : -EINVAL);
		json_doc_destroy(&d);
	}
}

static void an_error_names_its_line(void **state)
{
	struct json_doc d = {0};
	struct err e = {0};
	char *text;

	/* The escaped newline is none of the text's. */
	assert_int_equal(read_text("{\n\"a\": \"x\\ny\",\n\"b\" 1}", &d, &text, &e), -EINVAL);
	assert_string_equal(e.text, "no JSON: line 3: no colon behind a name");
	free(text);
}

static void what_we_write_we_read(void **state)
{
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);
	struct json_doc d = {0};
	struct json j;

	json_begin(&j, f);
	j.line_depth = 1;
	json_object(&j, NULL);
	json_string(&j, "s", "\001\"\\\n\t\377\303\251");
	json_array(&j, "list");
	for (unsigned i = 0; i < 3; i++) {
		json_object(&j, NULL);
		json_u64(&j, "n", UINT64_MAX - i);
		json_array(&j, "empty");
		json_end(&j);
		json_end(&j);
	}
	json_end(&j);
	json_end(&j);
	assert_int_equal(json_finish(&j), 0);
	fclose(f);
	assert_int_equal(json_read(text, size, &d, NULL), 0);
	assert_string_equal(json_text(json_get(&d, d.node, "s"), ""), "\001\"\\\n\t\357\277\275\303\251");
	assert_int_equal(json_count(json_get(&d, json_first(&d, json_get(&d, d.node, "list")), "n")), UINT64_MAX);
	json_doc_destroy(&d);
	free(text);
}

/* Any bytes, which are a string of the same length in characters. */
static void bytes_are_the_same_again(void **state)
{
	char data[512], *text = NULL, *copy = NULL;
	size_t size, n = 0;
	FILE *f = open_memstream(&text, &size);
	struct json_doc d = {0};
	struct json j;

	for (int i = 0; i < 512; i++)
		data[i] = (char)i;
	json_begin(&j, f);
	json_bytes(&j, NULL, data, sizeof(data));
	assert_int_equal(json_finish(&j), 0);
	fclose(f);
	for (size_t i = 0; i + 1 < size; i++)
		assert_in_range(text[i], ' ', '~');
	assert_int_equal(json_read(text, size, &d, NULL), 0);
	assert_int_equal(json_bytes_copy(d.node, &copy, &n), 0);
	assert_int_equal(n, sizeof(data));
	assert_memory_equal(copy, data, sizeof(data));
	assert_int_equal(copy[n], 0);
	json_doc_destroy(&d);
	free(copy);
	free(text);
}

static void other_strings_are_no_bytes(void **state)
{
	char wide[] = "\"a\\u0101\"", number[] = "7";
	char *copy = NULL;
	size_t n = 0;
	struct json_doc d = {0};

	assert_int_equal(json_read(wide, strlen(wide), &d, NULL), 0);
	assert_int_equal(json_bytes_copy(d.node, &copy, &n), -EINVAL);
	json_doc_destroy(&d);
	assert_int_equal(json_read(number, strlen(number), &d, NULL), 0);
	assert_int_equal(json_bytes_copy(d.node, &copy, &n), -EINVAL);
	json_doc_destroy(&d);
	assert_int_equal(json_bytes_copy(NULL, &copy, &n), -EINVAL);
	assert_null(copy);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_kind_of_value),
		cmocka_unit_test(strings_are_unescaped),
		cmocka_unit_test(numbers_are_exact_where_they_can_be),
		cmocka_unit_test(what_is_no_json_is_refused),
		cmocka_unit_test(a_nul_inside_is_no_end),
		cmocka_unit_test(depth_has_an_end),
		cmocka_unit_test(an_error_names_its_line),
		cmocka_unit_test(what_we_write_we_read),
		cmocka_unit_test(bytes_are_the_same_again),
		cmocka_unit_test(other_strings_are_no_bytes),
	};

	return run_group(tests);
}
