// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <string.h>

#include "tests/support/unit.h"
#include "vmm/base/clock.h"
#include "vmm/base/units.h"
#include "vmm/base/util.h"

#define UNTOUCHED UINT64_C(0xdeadbeefdeadbeef)

struct parse_case {
	const char *text;
	int r;
	uint64_t value;
};

/* Also proves that a failure leaves the output alone. */
static void check(int (*parse)(const char *, uint64_t *), const struct parse_case *c, size_t nr)
{
	for (size_t i = 0; i < nr; i++) {
		uint64_t v = UNTOUCHED;
		int r = parse(c[i].text, &v);

		if (r != c[i].r || v != (c[i].r ? UNTOUCHED : c[i].value))
			fail_msg("\"%s\": %d, %llu", c[i].text, r, (unsigned long long)v);
	}
}

static void sizes(void **state)
{
	static const struct parse_case cases[] = {
		{"0", 0, 0},
		{"4097", 0, 4097},
		{"128M", 0, 128 * MIB},
		{"128m", 0, 128 * MIB},
		{"1K", 0, 1024},
		{"1KB", 0, 1024},
		{"1KiB", 0, 1024},
		{"2G", 0, 2 * GIB},
		{"3T", 0, 3 * 1024 * GIB},
		{"007K", 0, 7 * KIB},
		{"18446744073709551615", 0, UINT64_MAX},
		{"16777215T", 0, UINT64_C(16777215) << 40},
		{"18446744073709551616", -ERANGE, 0},
		{"16777216T", -ERANGE, 0},
		{"99999999999999999999G", -ERANGE, 0},
		{"", -EINVAL, 0},
		{"K", -EINVAL, 0},
		{"12Q", -EINVAL, 0},
		{"1Ki", -EINVAL, 0},
		{"1KIB", -EINVAL, 0},
		{"1Kib", -EINVAL, 0},
		{"1KBB", -EINVAL, 0},
		{"1KiBx", -EINVAL, 0},
		{"1KK", -EINVAL, 0},
		{"1 M", -EINVAL, 0},
		{"1M ", -EINVAL, 0},
		{" 1M", -EINVAL, 0},
		{"1 ", -EINVAL, 0},
		{"1M\n", -EINVAL, 0},
		{"+1M", -EINVAL, 0},
		{"-1M", -EINVAL, 0},
		{"-1", -EINVAL, 0},
		{"0x10", -EINVAL, 0},
		{"1.5G", 0, 1536 * MIB},
		{"0.5K", 0, 512},
		{"1.25MiB", 0, 1280 * KIB},
		{"0.000000001T", -ERANGE, 0},
		{"0.1K", -ERANGE, 0},
		{"1.0000000000G", -ERANGE, 0},
		{"16777215.999999999T", -ERANGE, 0},
		{"16777215.5T", 0, UINT64_C(33554431) << 39},
		{"16777216.5T", -ERANGE, 0},
		{"1.5", -EINVAL, 0},
		{"1.0", -EINVAL, 0},
		{"1.G", -EINVAL, 0},
		{".5G", -EINVAL, 0},
		{"1.5.5G", -EINVAL, 0},
		{"1,5G", -EINVAL, 0},
		{"1\xcbM", -EINVAL, 0},
	};

	check(parse_size, cases, ARRAY_SIZE(cases));
}

static void durations(void **state)
{
	static const struct parse_case cases[] = {
		{"0", 0, 0},
		{"0s", 0, 0},
		{"0.0", 0, 0},
		{"1ns", 0, 1},
		{"500ms", 0, 500 * NSEC_PER_MSEC},
		{"30s", 0, 30 * NSEC_PER_SEC},
		{"1.5s", 0, 1500 * NSEC_PER_MSEC},
		{"1.5us", 0, 1500},
		{"0.000000001s", 0, 1},
		{"0.999999999h", 0, UINT64_C(3599999996400)},
		{"5m", 0, 300 * NSEC_PER_SEC},
		{"5124095h", 0, UINT64_C(5124095) * 3600 * NSEC_PER_SEC},
		{"18446744073709551615ns", 0, UINT64_MAX},
		{"18446744073709551616ns", -ERANGE, 0},
		{"5124096h", -ERANGE, 0},
		{"18446744073.709551615s", 0, UINT64_MAX},
		{"18446744073.709551616s", -ERANGE, 0},
		{"1.0000000001s", -ERANGE, 0},
		/* Finer than a nanosecond: never rounded to 0, which means "no limit" to some options. */
		{"0.5ns", -ERANGE, 0},
		{"0.0001us", -ERANGE, 0},
		{"1.0000005ms", -ERANGE, 0},
		{"1", -EINVAL, 0},
		{"1.5", -EINVAL, 0},
		{"0.1", -EINVAL, 0},
		{"", -EINVAL, 0},
		{"s", -EINVAL, 0},
		{".5s", -EINVAL, 0},
		{"1.s", -EINVAL, 0},
		{"1..5s", -EINVAL, 0},
		{"1.5.5s", -EINVAL, 0},
		{"1 s", -EINVAL, 0},
		{"1s ", -EINVAL, 0},
		{"-1s", -EINVAL, 0},
		{"+1s", -EINVAL, 0},
		{"1S", -EINVAL, 0},
		{"1sec", -EINVAL, 0},
		{"1d", -EINVAL, 0},
		{"1e3s", -EINVAL, 0},
	};

	check(parse_duration, cases, ARRAY_SIZE(cases));
}

static void numbers(void **state)
{
	static const struct parse_case cases[] = {
		{"0", 0, 0},
		{"010", 0, 10},
		{"0xf4", 0, 0xf4},
		{"0XfFfF", 0, 0xffff},
		{"18446744073709551615", 0, UINT64_MAX},
		{"0xffffffffffffffff", 0, UINT64_MAX},
		{"18446744073709551616", -ERANGE, 0},
		{"0x10000000000000000", -ERANGE, 0},
		{"", -EINVAL, 0},
		{"0x", -EINVAL, 0},
		{"x1", -EINVAL, 0},
		{"0xg", -EINVAL, 0},
		{"00x1", -EINVAL, 0},
		{"0x0x1", -EINVAL, 0},
		{"ff", -EINVAL, 0},
		{"1 ", -EINVAL, 0},
		{" 1", -EINVAL, 0},
		{"-1", -EINVAL, 0},
		{"+1", -EINVAL, 0},
		{"1K", -EINVAL, 0},
	};

	check(parse_u64, cases, ARRAY_SIZE(cases));
}

static void formats_are_shortest_and_exact(void **state)
{
	static const struct {
		uint64_t v;
		const char *size, *duration;
	} cases[] = {
		{0, "0", "0s"},
		{1, "1", "1ns"},
		{1000, "1000", "1us"},
		{1024, "1K", "1024ns"},
		{4097, "4097", "4097ns"},
		{128 * MIB, "128M", "134217728ns"},
		{3 * GIB, "3G", "3221225472ns"},
		{UINT64_C(1) << 40, "1T", "1099511627776ns"},
		{UINT64_C(1500000), "1500000", "1500us"},
		{UINT64_C(30000000000), "29296875K", "30s"},
		{UINT64_C(90000000000), "87890625K", "90s"},
		{UINT64_C(120000000000), "117187500K", "2m"},
		{UINT64_C(7200000000000), "7031250000K", "2h"},
		{UINT64_MAX, "18446744073709551615", "18446744073709551615ns"},
	};
	char buf[UNITS_TEXT_MAX];
	uint64_t back;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_string_equal(format_size(cases[i].v, buf), cases[i].size);
		assert_int_equal(parse_size(buf, &back), 0);
		assert_true(back == cases[i].v);
		assert_string_equal(format_duration(cases[i].v, buf), cases[i].duration);
		assert_int_equal(parse_duration(buf, &back), 0);
		assert_true(back == cases[i].v);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sizes),
		cmocka_unit_test(durations),
		cmocka_unit_test(numbers),
		cmocka_unit_test(formats_are_shortest_and_exact),
	};

	return run_group(tests);
}
