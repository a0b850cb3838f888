// SPDX-License-Identifier: Apache-2.0
#include "vmm/base/state.h"

#include <errno.h>
#include <string.h>

#include "tests/support/unit.h"
#include "vmm/base/le.h"

/* Members out of order, of every size, with padding and with some that are not saved. */
struct part {
	uint64_t wide;
	bool flag;
	uint32_t word;
	const void *pointer;
	uint16_t half[3];
	uint8_t byte;
};

static const struct state_field fields[] = {
	STATE_UP_TO(struct part, byte, 9),
	STATE_FIELD(struct part, wide),
	STATE_ARRAY(struct part, half),
	STATE_BOOL(struct part, flag),
	STATE_UP_TO(struct part, word, 1000),
};
STATE_TABLE(table, "part", fields);

#define PAYLOAD (1 + 8 + 6 + 1 + 4)
#define SIZE    (STATE_HEADER + PAYLOAD + STATE_TRAILER)

static const struct part sample = {
	.wide = UINT64_C(0x1122334455667788),
	.flag = true,
	.word = 1000,
	.pointer = &sample,
	.half = {0xaabb, 0, 0xffff},
	.byte = 9,
};

static uint8_t bytes[2 * SIZE];

/* One section, number 3. */
static struct state_reader saved(void)
{
	struct state_writer w = {.data = bytes, .size = sizeof(bytes)};

	memset(bytes, 0xee, sizeof(bytes));
	state_put(&w, &table, 3, &sample);
	assert_int_equal(w.used, SIZE);
	assert_int_equal(state_size(&table), SIZE);
	return (struct state_reader){.data = bytes, .size = w.used};
}

static void a_section_is_what_the_header_says(void **state)
{
	static const uint8_t payload[PAYLOAD] = {
		9, 0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11, 0xbb, 0xaa, 0, 0, 0xff, 0xff, 1, 0xe8, 0x03, 0, 0};

	saved();
	assert_memory_equal(bytes, "part\0\0\0\0\0\0\0\0\0\0\0\0", STATE_NAME_MAX);
	assert_int_equal(le32_get(bytes + STATE_NAME_MAX), 3);
	assert_int_equal(le32_get(bytes + STATE_NAME_MAX + 8), PAYLOAD);
	assert_memory_equal(bytes + STATE_HEADER, payload, PAYLOAD);
	assert_int_equal(bytes[SIZE], 0xee);
}

static void what_was_saved_comes_back(void **state)
{
	struct state_reader r = saved();
	struct part p;
	struct err e = {};

	memset(&p, 0, sizeof(p));
	p.pointer = bytes;
	assert_int_equal(state_get(&r, &table, 3, &p, &e), 0);
	assert_int_equal(r.at, SIZE);
	assert_int_equal(p.wide, sample.wide);
	assert_true(p.flag);
	assert_int_equal(p.word, 1000);
	assert_memory_equal(p.half, sample.half, sizeof(p.half));
	assert_int_equal(p.byte, 9);
	/* What is not saved stays. */
	assert_ptr_equal(p.pointer, bytes);
}

static void sections_follow_each_other(void **state)
{
	struct state_writer w = {.data = bytes, .size = sizeof(bytes)};
	struct state_reader r = {.data = bytes, .size = sizeof(bytes)};
	struct part p = sample;

	state_put(&w, &table, 0, &sample);
	p.byte = 4;
	state_put(&w, &table, 1, &p);
	assert_int_equal(w.used, sizeof(bytes));
	assert_int_equal(state_get(&r, &table, 0, &p, NULL), 0);
	assert_int_equal(p.byte, 9);
	assert_int_equal(state_get(&r, &table, 1, &p, NULL), 0);
	assert_int_equal(p.byte, 4);
	assert_int_equal(r.at, r.size);
	assert_int_equal(state_get(&r, &table, 2, &p, NULL), -EINVAL);
}

/* Nothing is written past the end, and the size that it would have taken is known. */
static void a_writer_that_is_too_small_says_how_much_it_needs(void **state)
{
	for (size_t size = 0; size < 2 * SIZE; size++) {
		struct state_writer w = {.data = bytes, .size = size};

		memset(bytes, 0xee, sizeof(bytes));
		state_put(&w, &table, 0, &sample);
		state_put(&w, &table, 1, &sample);
		assert_int_equal(w.used, 2 * SIZE);
		for (size_t i = size; i < sizeof(bytes); i++)
			assert_int_equal(bytes[i], 0xee);
	}
}

static void refused(struct state_reader r, const struct state_table *t, uint32_t index, const char *words)
{
	struct part p, before;
	struct err e = {};
	size_t at = r.at;

	memset(&p, 0x5c, sizeof(p));
	memcpy(&before, &p, sizeof(p));
	assert_int_equal(state_get(&r, t, index, &p, &e), -EINVAL);
	if (!strstr(e.text, words))
		fail_msg("\"%s\" is not in \"%s\"", words, e.text);
	assert_memory_equal(&p, &before, sizeof(p));
	assert_int_equal(r.at, at);
}

static void a_section_that_is_cut_short_or_damaged_is_refused(void **state)
{
	struct state_reader r = saved();

	for (size_t size = 0; size < SIZE; size++) {
		r.size = size;
		refused(r, &table, 3, size < STATE_HEADER ? "not there" : "cut short");
	}
	for (size_t i = 0; i < 8 * SIZE; i++) {
		r = saved();
		bytes[i / 8] ^= (uint8_t)(1U << i % 8);
		refused(r, &table, 3, "the saved state of part 3: ");
	}
}

static void another_section_is_refused(void **state)
{
	static const struct state_table other = {"other", fields, ARRAY_SIZE(fields)},
					longer = {"part2", fields, ARRAY_SIZE(fields)};

	refused(saved(), &other, 3, "the saved state of other 3: it is not there");
	refused(saved(), &longer, 3, "not there");
	refused(saved(), &table, 2, "not there");
}

/* The same size with fields of another name, number or size is another version's. */
static void other_fields_are_another_version(void **state)
{
	struct state_field renamed[ARRAY_SIZE(fields)], resized[ARRAY_SIZE(fields)];
	struct state_table t = {"part", renamed, ARRAY_SIZE(renamed)}, fewer = {"part", fields, ARRAY_SIZE(fields) - 1},
			   split = {"part", resized, ARRAY_SIZE(resized)};

	memcpy(renamed, fields, sizeof(fields));
	strcpy(renamed[1].name, "narrow");
	refused(saved(), &t, 3, "another version of vmm wrote it");
	refused(saved(), &fewer, 3, "another version of vmm wrote it");
	memcpy(resized, fields, sizeof(fields));
	resized[2] = (struct state_field){"half", offsetof(struct part, half), 1, 6, 0xff};
	refused(saved(), &split, 3, "another version of vmm wrote it");
}

/* A checksum is no protection: an attacker who writes the file can write that, too. */
static void a_value_that_is_too_large_is_refused(void **state)
{
	static const struct {
		struct part part;
		const char *words;
	} cases[] = {
		{{.byte = 10}, "byte is 0xa, more than 0x9"},
		{{.word = 1001}, "word is 0x3e9, more than 0x3e8"},
		{{.word = UINT32_MAX}, "word is 0xffffffff"},
	};
	struct state_writer w;
	struct part p = sample;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		w = (struct state_writer){.data = bytes, .size = sizeof(bytes)};
		state_put(&w, &table, 0, &cases[i].part);
		refused((struct state_reader){.data = bytes, .size = w.used}, &table, 0, cases[i].words);
	}
	/* A boolean is 0 or 1, whatever a byte can be. */
	memset(&p.flag, 2, 1);
	w = (struct state_writer){.data = bytes, .size = sizeof(bytes)};
	state_put(&w, &table, 0, &p);
	refused((struct state_reader){.data = bytes, .size = w.used}, &table, 0, "flag is 0x2, more than 0x1");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_section_is_what_the_header_says),
		cmocka_unit_test(what_was_saved_comes_back),
		cmocka_unit_test(sections_follow_each_other),
		cmocka_unit_test(a_writer_that_is_too_small_says_how_much_it_needs),
		cmocka_unit_test(a_section_that_is_cut_short_or_damaged_is_refused),
		cmocka_unit_test(another_section_is_refused),
		cmocka_unit_test(other_fields_are_another_version),
		cmocka_unit_test(a_value_that_is_too_large_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
