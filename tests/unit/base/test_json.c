// SPDX-License-Identifier: Apache-2.0
#include "vmm/base/json.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "tests/support/unit.h"
#include "vmm/base/util.h"

struct paper {
	struct json j;
	FILE *f;
	char *text;
	size_t size;
};

static void paper_open(struct paper *p)
{
	p->f = open_memstream(&p->text, &p->size);
	assert_non_null(p->f);
	json_begin(&p->j, p->f);
}

static void paper_is(struct paper *p, const char *want)
{
	assert_int_equal(json_finish(&p->j), 0);
	fclose(p->f);
	assert_string_equal(p->text, want);
	free(p->text);
}

static void test_layout(void **state)
{
	struct paper p;

	paper_open(&p);
	json_object(&p.j, NULL);
	json_string(&p.j, "name", "a");
	json_array(&p.j, "numbers");
	json_u64(&p.j, NULL, UINT64_MAX);
	json_i64(&p.j, NULL, INT64_MIN);
	json_double(&p.j, NULL, 0.5);
	json_end(&p.j);
	json_array(&p.j, "rows");
	json_object(&p.j, NULL);
	json_bool(&p.j, "yes", true);
	json_end(&p.j);
	json_object(&p.j, NULL);
	json_end(&p.j);
	json_end(&p.j);
	json_null(&p.j, "nothing");
	json_end(&p.j);
	paper_is(&p,
		"{\n"
		"  \"name\": \"a\",\n"
		"  \"numbers\": [18446744073709551615, -9223372036854775808, 0.5],\n"
		"  \"rows\": [\n"
		"    {\n"
		"      \"yes\": true\n"
		"    },\n"
		"    {}],\n"
		"  \"nothing\": null\n"
		"}\n");
}

static void test_top(void **state)
{
	struct paper p;

	paper_open(&p);
	json_bool(&p.j, NULL, false);
	paper_is(&p, "false\n");
}

static void test_escapes(void **state)
{
	static const struct {
		const char *in;
		const char *out;
	} rows[] = {
		{"", "\"\"\n"},
		{"\"\\/", "\"\\\"\\\\/\"\n"},
		{"\n\t\r\x1f\x7f", "\"\\n\\t\\u000d\\u001f\\u007f\"\n"},
		{"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80", "\"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\"\n"},
		/* a lone continuation, overlong forms, a surrogate, past U+10FFFF, cut short */
		{"\x80", "\"\\ufffd\"\n"},
		{"\xc0\x80", "\"\\ufffd\\ufffd\"\n"},
		{"\xe0\x80\x80", "\"\\ufffd\\ufffd\\ufffd\"\n"},
		{"\xed\xa0\x80", "\"\\ufffd\\ufffd\\ufffd\"\n"},
		{"\xf4\x90\x80\x80", "\"\\ufffd\\ufffd\\ufffd\\ufffd\"\n"},
		{"\xe2\x82", "\"\\ufffd\\ufffd\"\n"},
		{"\xf0\x9f\x98", "\"\\ufffd\\ufffd\\ufffd\"\n"},
		{"a\xc3", "\"a\\ufffd\"\n"},
		/* Valid, but a terminal acts on it, or a reader does not see it. */
		{"\x7f\xc2\x9b\xc2\xa0", "\"\\u007f\\u009b\xc2\xa0\"\n"},
		{"\xd8\x9c\xe2\x80\xa8\xe2\x80\xae\xe2\x81\xa6\xe2\x81\xaa",
			"\"\\u061c\\u2028\\u202e\\u2066\xe2\x81\xaa\"\n"},
		{"\xef\xbb\xbf\xef\xbf\xbf\xf0\x9f\x98\x80", "\"\\ufeff\\uffff\xf0\x9f\x98\x80\"\n"},
		{NULL, "null\n"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct paper p;

		paper_open(&p);
		json_string(&p.j, NULL, rows[i].in);
		paper_is(&p, rows[i].out);
	}
}

static void test_key_is_escaped(void **state)
{
	struct paper p;

	paper_open(&p);
	json_object(&p.j, NULL);
	json_u64(&p.j, "a\"b", 1);
	json_end(&p.j);
	paper_is(&p, "{\n  \"a\\\"b\": 1\n}\n");
}

static void test_no_number(void **state)
{
	struct paper p;

	paper_open(&p);
	json_array(&p.j, NULL);
	json_double(&p.j, NULL, NAN);
	json_double(&p.j, NULL, INFINITY);
	json_double(&p.j, NULL, 1e300);
	json_double(&p.j, NULL, 123456789012345.0);
	json_end(&p.j);
	paper_is(&p, "[null, null, 1e+300, 123456789012345]\n");
}

static void test_full(void **state)
{
	FILE *f = fopen("/dev/full", "w");
	struct json j;

	assert_non_null(f);
	json_begin(&j, f);
	json_u64(&j, NULL, 1);
	assert_int_equal(json_finish(&j), -ENOSPC);
	fclose(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_layout),
		cmocka_unit_test(test_top),
		cmocka_unit_test(test_escapes),
		cmocka_unit_test(test_key_is_escaped),
		cmocka_unit_test(test_no_number),
		cmocka_unit_test(test_full),
	};

	return run_group(tests);
}
