// SPDX-License-Identifier: Apache-2.0
#include "tests/support/unit.h"

#include "boot/resetvec.h"
#include "tests/support/boards.h"

static void expect(const struct board *board, const uint8_t *want, size_t n)
{
	static const uint8_t zero[RESETVEC_SIZE];
	uint8_t code[RESETVEC_SIZE];

	memset(code, 0xcc, sizeof(code));
	resetvec_build(board, code);
	assert_memory_equal(code, want, n);
	assert_memory_equal(code + n, zero, sizeof(code) - n);
}

static void test_power_block(void **state)
{
	static const uint8_t want[] = {0xfa, 0xb0, 0x01, 0xba, 0x02, 0x06, 0xee, 0xfa, 0xf4, 0xeb, 0xfc};
	struct board board;

	assert_true(boards_make("one", &board));
	expect(&board, want, sizeof(want));
}

static void test_keyboard_controller(void **state)
{
	static const uint8_t want[] = {0xfa, 0xb0, 0xfe, 0xba, 0x64, 0x00, 0xee, 0xfa, 0xf4, 0xeb, 0xfc};
	struct board board;

	assert_true(boards_make("bare", &board));
	expect(&board, want, sizeof(want));
}

static void test_nothing(void **state)
{
	static const uint8_t want[] = {0xfa, 0xf4, 0xeb, 0xfc};
	struct board board = {.cpus = 1};

	expect(&board, want, sizeof(want));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_power_block),
		cmocka_unit_test(test_keyboard_controller),
		cmocka_unit_test(test_nothing),
	};

	return run_group(tests);
}
