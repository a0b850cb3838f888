// SPDX-License-Identifier: Apache-2.0
/* CRC-32C: the values of RFC 3720, B.4; with and without the instruction; in parts and in blocks. */
#include "tests/support/unit.h"
#include "vmm/base/crc.h"

static uint8_t data[4096 + 8];

static void fill(void)
{
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i * 37 + (i >> 7));
}

static void known_values(void **state)
{
	static const uint8_t zeroes[32];
	uint8_t ones[32], up[32];

	memset(ones, 0xff, sizeof(ones));
	for (uint8_t i = 0; i < sizeof(up); i++)
		up[i] = i;
	assert_int_equal(crc32c(0, NULL, 0), 0);
	assert_int_equal(crc32c(0, "123456789", 9), 0xe3069283);
	assert_int_equal(crc32c(0, zeroes, 32), 0x8a9136aa);
	assert_int_equal(crc32c(0, ones, 32), 0x62a8ab43);
	assert_int_equal(crc32c(0, up, 32), 0x46dd794e);
	assert_int_equal(crc32c_portable(0, "123456789", 9), 0xe3069283);
	assert_int_equal(crc32c_portable(0, up, 32), 0x46dd794e);
}

static void parts_are_the_whole(void **state)
{
	fill();
	for (size_t from = 0; from < 9; from++)
		for (size_t size = 0; size < 40; size++) {
			uint32_t whole = crc32c(0, data + from, size), half = crc32c(0, data + from, size / 2);

			assert_int_equal(crc32c(half, data + from + size / 2, size - size / 2), whole);
			assert_int_equal(crc32c_portable(0, data + from, size), whole);
			assert_int_equal(crc32c_portable(half, data + from + size / 2, size - size / 2), whole);
		}
}

static void four_blocks(void **state)
{
	uint32_t sum[4];

	fill();
	for (size_t from = 0; from < 8; from += 3) {
		crc32c_4(data + from, 128, sum);
		for (size_t i = 0; i < 4; i++)
			assert_int_equal(sum[i], crc32c(0, data + from + 1024 * i, 1024));
	}
	crc32c_4(data, 0, sum);
	assert_int_equal(sum[3], 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_values),
		cmocka_unit_test(parts_are_the_whole),
		cmocka_unit_test(four_blocks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
