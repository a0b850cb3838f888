// SPDX-License-Identifier: Apache-2.0
/* Frames of `vmm restore --each-frame`, as they come in by pieces, and the head of an answer to the byte. */
#include <string.h>

#include "cmd/frames.h"
#include "tests/support/unit.h"
#include "vmm/base/le.h"

static uint8_t data[FRAME_HEAD + FRAME_MAX + 2];

/* The frame at the front is found when its last byte is there, and not before, whatever is behind it. */
static void a_frame_is_found_when_it_is_whole(void **state)
{
	static const uint32_t lengths[] = {0, 1, 2, 255, 256, 65536, FRAME_MAX - 1, FRAME_MAX};

	for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
		size_t whole = FRAME_HEAD + lengths[i];
		uint64_t len = 77;

		le32_put(data, lengths[i]);
		for (size_t nr = 0; nr < whole; nr += nr < 8 || whole - nr < 8 ? 1 : 7) {
			assert_int_equal(frame_find(data, nr, false, &len), FRAME_PART);
			assert_int_equal(len, 77);
		}
		assert_int_equal(frame_find(data, whole, false, &len), FRAME_WHOLE);
		assert_int_equal(len, whole);
		len = 0;
		assert_int_equal(frame_find(data, whole + 2, true, &len), FRAME_WHOLE);
		assert_int_equal(len, whole);
	}
}

static void too_long_a_frame_is_known_by_its_head(void **state)
{
	static const uint32_t lengths[] = {FRAME_MAX + 1, 0x7fffffff, 0x80000000, UINT32_MAX};

	for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
		uint64_t len = 0;

		le32_put(data, lengths[i]);
		assert_int_equal(frame_find(data, 3, false, &len), FRAME_PART);
		for (int ended = 0; ended < 2; ended++) {
			assert_int_equal(frame_find(data, 4, ended, &len), FRAME_TOO_LONG);
			assert_int_equal(len, UINT64_C(4) + lengths[i]);
		}
	}
}

static void the_end_of_the_input(void **state)
{
	uint64_t len = 77;

	le32_put(data, 9);
	assert_int_equal(frame_find(data, 0, false, &len), FRAME_PART);
	assert_int_equal(frame_find(data, 0, true, &len), FRAME_NONE);
	assert_int_equal(len, 77);
	for (size_t nr = 1; nr < FRAME_HEAD + 9; nr++) {
		assert_int_equal(frame_find(data, nr, true, &len), FRAME_CUT);
		assert_int_equal(len, nr);
	}
}

static void the_head_of_an_answer(void **state)
{
	static const uint8_t want[FRAME_ANSWER_HEAD] = {
		0x1f, 2, 0, 0,                                  /* 28 + 515 */
		124, 0, 0, 0,                                   /* status */
		6, 0, 0, 0,                                     /* flags */
		0x78, 0x56, 0x34, 0x12,                         /* pages */
		8, 7, 6, 5, 4, 3, 2, 1,                         /* ns */
		0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, /* n */
	};
	const struct frame_answer a = {
		.status = 124,
		.flags = FRAME_LOST | FRAME_REPLACED,
		.pages = 0x12345678,
		.ns = 0x0102030405060708,
		.n = 0x8877665544332211,
		.size = 515,
	};
	uint8_t head[FRAME_ANSWER_HEAD];

	frame_put_head(&a, head);
	assert_memory_equal(head, want, sizeof(want));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_frame_is_found_when_it_is_whole),
		cmocka_unit_test(too_long_a_frame_is_known_by_its_head),
		cmocka_unit_test(the_end_of_the_input),
		cmocka_unit_test(the_head_of_an_answer),
	};

	return run_group(tests);
}
