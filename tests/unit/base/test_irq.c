// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <fcntl.h>

#include "tests/support/unit.h"
#include "vmm/base/irq.h"
#include "vmm/base/le.h"
#include "vmm/base/util.h"

static void pulses_are_taken_once(void **state)
{
	struct irq_line line;

	assert_int_equal(irq_line_init(&line), 0);
	assert_int_equal(fcntl(line.fd, F_GETFD), FD_CLOEXEC);
	assert_false(irq_take(&line));
	irq_raise(&line);
	irq_raise(&line);
	assert_true(irq_take(&line));
	assert_false(irq_take(&line));
	irq_line_destroy(&line);
	assert_int_equal(line.fd, -1);
	irq_line_destroy(&line);
}

static void no_line_does_nothing(void **state)
{
	struct irq_line none = {.fd = -1};

	irq_raise(&none);
	assert_false(irq_take(&none));
	irq_line_destroy(&none);
	irq_line_destroy(NULL);
}

static void raise_does_not_block_when_nobody_takes(void **state)
{
	struct irq_line line;
	uint64_t full = UINT64_MAX - 1;

	assert_int_equal(irq_line_init(&line), 0);
	assert_int_equal(write(line.fd, &full, sizeof(full)), sizeof(full));
	irq_raise(&line);
	assert_true(irq_take(&line));
	irq_line_destroy(&line);
}

static void little_endian_at_any_alignment(void **state)
{
	uint8_t b[16] = {0};

	le16_put(b + 1, 0x1234);
	le32_put(b + 3, 0x56789abc);
	le64_put(b + 7, UINT64_C(0x0102030405060708));
	assert_memory_equal(b, "\0\x34\x12\xbc\x9a\x78\x56\x08\x07\x06\x05\x04\x03\x02\x01", 15);
	assert_int_equal(le16_get(b + 1), 0x1234);
	assert_int_equal(le32_get(b + 3), 0x56789abc);
	assert_true(le64_get(b + 7) == UINT64_C(0x0102030405060708));
}

static void sums_and_alignment(void **state)
{
	assert_false(range_wraps(0, UINT64_MAX));
	assert_false(range_wraps(UINT64_MAX, 0));
	assert_true(range_wraps(UINT64_MAX, 1));
	assert_true(range_wraps(1, UINT64_MAX));
	assert_true(ranges_overlap(0, 2, 1, 1));
	assert_false(ranges_overlap(0, 1, 1, 1));
	assert_false(ranges_overlap(5, 0, 0, 10));
	assert_int_equal(align_up(1, 4096), 4096);
	assert_int_equal(align_up(4096, 4096), 4096);
	assert_int_equal(align_up(UINT64_MAX, 4096), 0);
	assert_int_equal(align_down(8191, 4096), 4096);
	assert_true(is_aligned(0, 4096));
	assert_false(is_aligned(1, 2));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pulses_are_taken_once),
		cmocka_unit_test(no_line_does_nothing),
		cmocka_unit_test(raise_does_not_block_when_nobody_takes),
		cmocka_unit_test(little_endian_at_any_alignment),
		cmocka_unit_test(sums_and_alignment),
	};

	return run_group(tests);
}
