// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <string.h>

#include "tests/support/unit.h"
#include "vmm/base/bus.h"
#include "vmm/base/util.h"

/* A device that remembers the last access to it. */
struct probe {
	struct device dev;
	uint64_t offset;
	unsigned len;
	uint8_t data[8];
	unsigned reads, writes;
};

static void probe_read(struct device *dev, uint64_t offset, void *data, unsigned len)
{
	struct probe *p = container_of(dev, struct probe, dev);

	p->offset = offset;
	p->len = len;
	p->reads++;
	memset(data, 0x5a, len);
}

static void probe_write(struct device *dev, uint64_t offset, const void *data, unsigned len)
{
	struct probe *p = container_of(dev, struct probe, dev);

	p->offset = offset;
	p->len = len;
	p->writes++;
	memcpy(p->data, data, len);
}

static const struct device_ops probe_ops = {probe_read, probe_write};

#define PROBE(n)                                                                                                       \
	{                                                                                                              \
		.dev = {.ops = &probe_ops, .name = n }                                                                 \
	}

static void add_rejects_empty_and_wrapping(void **state)
{
	struct bus bus = {0};
	struct probe p = PROBE("p");

	assert_int_equal(bus_add(&bus, 0x100, 0, &p.dev), -EINVAL);
	assert_int_equal(bus_add(&bus, UINT64_MAX, 2, &p.dev), -EINVAL);
	assert_int_equal(bus_add(&bus, 1, UINT64_MAX, &p.dev), -EINVAL);
	assert_int_equal(bus.nr, 0);
	/* The last range that does not wrap. */
	assert_int_equal(bus_add(&bus, UINT64_MAX - 8, 8, &p.dev), 0);
	assert_int_equal(bus_add(&bus, 0, UINT64_MAX - 8, &p.dev), 0);
}

static void add_rejects_each_kind_of_overlap(void **state)
{
	static const struct {
		uint64_t base, size;
		int want;
	} cases[] = {
		{0x100, 0x10, -EEXIST}, /* the same */
		{0x104, 4, -EEXIST},    /* inside */
		{0xf0, 0x40, -EEXIST},  /* around */
		{0xf8, 9, -EEXIST},     /* first byte */
		{0x10f, 1, -EEXIST},    /* last byte */
		{0xf8, 8, 0},           /* touches from below */
		{0x110, 8, 0},          /* touches from above */
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct bus bus = {0};
		struct probe p = PROBE("p");

		assert_int_equal(bus_add(&bus, 0x40, 1, &p.dev), 0);
		assert_int_equal(bus_add(&bus, 0x100, 0x10, &p.dev), 0);
		assert_int_equal(bus_add(&bus, 0x400, 1, &p.dev), 0);
		assert_int_equal(bus_add(&bus, cases[i].base, cases[i].size, &p.dev), cases[i].want);
		assert_int_equal(bus.nr, cases[i].want ? 3 : 4);
		for (size_t j = 1; j < bus.nr; j++)
			assert_true(bus.range[j - 1].base + bus.range[j - 1].size <= bus.range[j].base);
	}
}

static void add_ends_when_full_or_sealed(void **state)
{
	struct bus bus = {0};
	struct probe p = PROBE("p");

	/* Downwards, so that every insertion moves all the others. */
	for (uint64_t i = BUS_RANGES_MAX; i-- > 0;)
		assert_int_equal(bus_add(&bus, i * 16, 16, &p.dev), 0);
	assert_int_equal(bus_add(&bus, 0x100000, 1, &p.dev), -ENOSPC);
	for (size_t i = 0; i < bus.nr; i++)
		assert_int_equal(bus.range[i].base, i * 16);

	bus = (struct bus){0};
	bus_seal(&bus);
	assert_int_equal(bus_add(&bus, 0, 1, &p.dev), -EBUSY);
}

static void access_reaches_its_device_by_offset(void **state)
{
	struct bus bus = {0};
	struct probe a = PROBE("a"), b = PROBE("b"), c = PROBE("c");
	uint64_t value = 0;

	assert_int_equal(bus_add(&bus, 0x3f8, 8, &b.dev), 0);
	assert_int_equal(bus_add(&bus, 0x60, 1, &a.dev), 0);
	assert_int_equal(bus_add(&bus, 0x400, 0x1000, &c.dev), 0);
	bus_seal(&bus);

	for (uint64_t at = 0x3f8; at < 0x400; at++) {
		assert_true(bus_read(&bus, at, &value, 1));
		assert_int_equal(b.offset, at - 0x3f8);
	}
	assert_int_equal(b.reads, 8);
	assert_int_equal(value, 0x5a);
	assert_true(bus_write(&bus, 0x13f8, (const uint8_t[]){1, 2, 3, 4, 5, 6, 7, 8}, 8));
	assert_int_equal(c.offset, 0xff8);
	assert_int_equal(c.len, 8);
	assert_memory_equal(c.data, ((const uint8_t[]){1, 2, 3, 4, 5, 6, 7, 8}), 8);
	assert_true(bus_write(&bus, 0x60, "x", 1));
	assert_int_equal(a.writes, 1);
	assert_int_equal(a.offset, 0);
	/* Sorted by base: a, b, c. */
	assert_int_equal(bus.range[0].writes, 1);
	assert_int_equal(bus.range[0].bytes, 1);
	assert_int_equal(bus.range[1].reads, 8);
	assert_int_equal(bus.range[1].writes, 0);
	assert_int_equal(bus.range[1].bytes, 8);
	assert_int_equal(bus.range[2].writes, 1);
	assert_int_equal(bus.range[2].bytes, 8);
}

static void access_that_does_not_fit_hits_nothing(void **state)
{
	struct bus bus = {0};
	struct probe a = PROBE("a"), b = PROBE("b");
	static const struct {
		uint64_t addr;
		unsigned len;
	} cases[] = {
		{0xff, 1},
		{0xfe, 4}, /* before, and into it from before */
		{0x107, 2},
		{0x104, 8}, /* from one range into the next, which touches it */
		{0x10f, 2},
		{0x110, 1}, /* out of the last, and after it */
		{UINT64_MAX, 1},
		{UINT64_MAX, 8},
		{0, 8},
	};

	assert_int_equal(bus_add(&bus, 0x100, 8, &a.dev), 0);
	assert_int_equal(bus_add(&bus, 0x108, 8, &b.dev), 0);
	bus_seal(&bus);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		uint8_t data[9] = {0};

		assert_false(bus_read(&bus, cases[i].addr, data, cases[i].len));
		for (unsigned j = 0; j < sizeof(data); j++)
			assert_int_equal(data[j], j < cases[i].len ? 0xff : 0);
		assert_false(bus_write(&bus, cases[i].addr, data, cases[i].len));
	}
	assert_int_equal(a.reads + a.writes + b.reads + b.writes, 0);
}

static void empty_bus_answers_ones(void **state)
{
	struct bus bus = {0};
	uint32_t v = 0;

	bus_seal(&bus);
	assert_false(bus_read(&bus, 0, &v, 4));
	assert_int_equal(v, UINT32_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(add_rejects_empty_and_wrapping),
		cmocka_unit_test(add_rejects_each_kind_of_overlap),
		cmocka_unit_test(add_ends_when_full_or_sealed),
		cmocka_unit_test(access_reaches_its_device_by_offset),
		cmocka_unit_test(access_that_does_not_fit_hits_nothing),
		cmocka_unit_test(empty_bus_answers_ones),
	};

	return run_group(tests);
}
