// SPDX-License-Identifier: Apache-2.0
#include "tests/support/unit.h"

#include <string.h>

#include "boot/tables/aml.h"
#include "tests/support/aml-read.h"
#include "vmm/base/util.h"

/* Takes the written bytes out of @a and compares them. */
static void expect(struct aml *a, const void *bytes, size_t n)
{
	CLEANUP_FREE uint8_t *data = NULL;
	size_t size = 0;

	assert_int_equal(aml_take(a, &data, &size), 0);
	assert_int_equal(size, n);
	assert_memory_equal(data, bytes, n);
}

#define EXPECT(a, ...)                                                                                                 \
	do {                                                                                                           \
		static const uint8_t want_[] = {__VA_ARGS__};                                                          \
		expect(a, want_, sizeof(want_));                                                                       \
	} while (0)

static void test_integers(void **state)
{
	struct aml a = {0};

	aml_int(&a, 0);
	aml_int(&a, 1);
	aml_int(&a, 2);
	aml_int(&a, 0xff);
	EXPECT(&a, 0x00, 0x01, 0x0a, 0x02, 0x0a, 0xff);
	aml_int(&a, 0x100);
	aml_int(&a, 0xffff);
	EXPECT(&a, 0x0b, 0x00, 0x01, 0x0b, 0xff, 0xff);
	aml_int(&a, 0x10000);
	aml_int(&a, 0xffffffff);
	EXPECT(&a, 0x0c, 0, 0, 1, 0, 0x0c, 0xff, 0xff, 0xff, 0xff);
	aml_int(&a, UINT64_C(0x100000000));
	EXPECT(&a, 0x0e, 0, 0, 0, 0, 1, 0, 0, 0);
}

static void test_names_and_strings(void **state)
{
	struct aml a = {0};

	aml_name(&a, "_S5");
	aml_string(&a, "ACPI");
	EXPECT(&a, 0x08, '_', 'S', '5', '_', 0x0d, 'A', 'C', 'P', 'I', 0);
	aml_eisa_id(&a, "PNP0501"); /* the encoding of the specification's own example, PNP0501 */
	EXPECT(&a, 0x0c, 0x41, 0xd0, 0x05, 0x01);
	aml_eisa_id(&a, "PNP0C0C");
	EXPECT(&a, 0x0c, 0x41, 0xd0, 0x0c, 0x0c);
}

static void test_empty(void **state)
{
	struct aml a = {0};
	uint8_t *data = NULL;
	size_t size = 1;

	assert_int_equal(aml_take(&a, &data, &size), 0);
	assert_int_equal(size, 0);
	assert_non_null(data);
	free(data);
	aml_destroy(&a);
}

static void test_method(void **state)
{
	struct aml a = {0};

	aml_method(&a, "_EVT", 1, true);
	aml_store_local(&a, "EVNT");
	aml_if(&a);
	aml_and(&a);
	aml_local(&a);
	aml_int(&a, 1);
	aml_and_end(&a);
	aml_notify(&a, "PWRB", 0x80);
	aml_end(&a);
	aml_end(&a);
	EXPECT(&a, 0x14, 0x19, '_', 'E', 'V', 'T', 0x09, 0x70, 'E', 'V', 'N', 'T', 0x60, 0xa0, 0x0c, 0x7b, 0x60, 0x01,
		0x00, 0x86, 'P', 'W', 'R', 'B', 0x0a, 0x80);
}

static void test_region(void **state)
{
	struct aml a = {0};

	aml_port_region(&a, "EREG", 0x603, 1);
	aml_field(&a, "EREG");
	aml_field_unit(&a, "EVNT", 8);
	aml_end(&a);
	EXPECT(&a, 0x5b, 0x80, 'E', 'R', 'E', 'G', 0x01, 0x0b, 0x03, 0x06, 0x01, 0x5b, 0x81, 0x0b, 'E', 'R', 'E', 'G',
		0x01, 'E', 'V', 'N', 'T', 0x08);
}

static void test_resources(void **state)
{
	struct aml a = {0};

	aml_resources(&a);
	aml_res_io(&a, 0x3f8, 8);
	aml_res_irq(&a, 4);
	aml_resources_end(&a);
	EXPECT(&a, 0x11, 0x16, 0x0a, 0x13, 0x47, 0x01, 0xf8, 0x03, 0xf8, 0x03, 0x01, 0x08, 0x89, 0x06, 0x00, 0x03, 0x01,
		4, 0, 0, 0, 0x79, 0x00);
	aml_resources(&a);
	aml_res_mem32(&a, 0xd0000000, 0x1000);
	aml_resources_end(&a);
	EXPECT(&a, 0x11, 0x11, 0x0a, 0x0e, 0x86, 0x09, 0x00, 0x01, 0, 0, 0, 0xd0, 0x00, 0x10, 0, 0, 0x79, 0x00);
}

/* A scope whose body after the name has @n bytes; the PkgLength must be the shortest that can say it. */
static void check_length(size_t n, size_t want_bytes)
{
	struct aml a = {0};
	CLEANUP_FREE uint8_t *data = NULL;
	struct aml_span s, body = {NULL, NULL};
	size_t size;

	aml_scope(&a, "_SB");
	for (size_t i = 0; i < n; i++)
		aml_int(&a, 0);
	aml_end(&a);
	assert_int_equal(aml_take(&a, &data, &size), 0);
	assert_int_equal(size, 1 + want_bytes + 4 + n);
	assert_int_equal(data[1] >> 6, want_bytes - 1);
	s = (struct aml_span){data + 1, data + size};
	assert_true(aml_read_body(&s, &body));
	assert_ptr_equal(body.end, data + size);
	assert_int_equal(body.end - body.p, 4 + n);
}

static void test_package_lengths(void **state)
{
	check_length(0, 1);
	check_length(0x3f - 1 - 4, 1);
	check_length(0x3f - 4, 2);
	check_length(0xfff - 2 - 4, 2);
	check_length(0xfff - 1 - 4, 3);
	check_length(0xfffff - 3 - 4, 3);
	check_length(0xfffff - 2 - 4, 4);
}

/* An inner length moves what is behind it, and the outer bodies with it. */
static void test_nesting(void **state)
{
	struct aml a = {0};
	CLEANUP_FREE uint8_t *data = NULL;
	struct aml_span v = {NULL, NULL};
	size_t size;

	aml_scope(&a, "_SB");
	for (unsigned i = 0; i < 300; i++) {
		char name[5];

		snprintf(name, sizeof(name), "D%03u", i);
		aml_device(&a, name);
		aml_name(&a, "_UID");
		aml_int(&a, i);
		aml_name(&a, "_CRS");
		aml_resources(&a);
		for (unsigned r = 0; r < i; r++)
			aml_res_irq(&a, r);
		aml_resources_end(&a);
		aml_end(&a);
	}
	aml_end(&a);
	aml_name(&a, "_S5");
	aml_package(&a, 2);
	aml_int(&a, 5);
	aml_int(&a, 0);
	aml_end(&a);
	assert_int_equal(aml_take(&a, &data, &size), 0);
	assert_true(aml_find(data, size, "D299", "_UID", &v));
	assert_memory_equal(v.p, "\x0b\x2b\x01", 3);
	assert_true(aml_find(data, size, "D299", "_CRS", &v));
	assert_true(aml_find(data, size, "", "_S5_", &v));
	assert_false(aml_find(data, size, "D300", "_UID", &v));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_integers),
		cmocka_unit_test(test_names_and_strings),
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_method),
		cmocka_unit_test(test_region),
		cmocka_unit_test(test_resources),
		cmocka_unit_test(test_package_lengths),
		cmocka_unit_test(test_nesting),
	};

	return run_group(tests);
}
