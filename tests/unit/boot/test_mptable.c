// SPDX-License-Identifier: Apache-2.0
#include "tests/support/unit.h"

#include <errno.h>
#include <string.h>

#include "boot/layout.h"
#include "boot/tables/checksum.h"
#include "boot/tables/mptable.h"
#include "tests/support/boards.h"
#include "vmm/base/le.h"

static void a_checksum_makes_the_sum_0(void **state)
{
	const uint8_t bytes[] = {0xff, 0x80, 0x03};

	assert_int_equal(byte_sum(bytes, sizeof(bytes)), 0x82);
	assert_int_equal(checksum(bytes, sizeof(bytes)), 0x7e);
	assert_int_equal(checksum(bytes, 0), 0);
}

static void build(const struct board *board, struct mptable_blob *b)
{
	struct err e = {};

	memset(b, 0, sizeof(*b));
	if (mptable_build(board, BOOT_MPCONFIG_START, BOOT_MPCONFIG_SIZE, b, &e) < 0)
		fail_msg("%s", e.text);
}

static void test_floating(void **state)
{
	struct board board = {.cpus = 1};
	struct mptable_blob b;

	build(&board, &b);
	assert_memory_equal(b.floating, "_MP_", 4);
	assert_int_equal(le32_get(b.floating + 4), BOOT_MPCONFIG_START);
	assert_int_equal(b.floating[8], 1); /* of 16 bytes */
	assert_int_equal(b.floating[9], 4); /* 1.4 */
	assert_int_equal(byte_sum(b.floating, 16), 0);
	assert_memory_equal(b.floating + 11, "\0\0\0\0\0", 5);
	mptable_blob_destroy(&b);
}

static void test_header(void **state)
{
	struct board board = {.cpus = 3};
	struct mptable_blob b;

	build(&board, &b);
	assert_memory_equal(b.config, "PCMP", 4);
	assert_int_equal(le16_get(b.config + 4), b.size);
	assert_int_equal(b.config[6], 4);
	assert_int_equal(byte_sum(b.config, b.size), 0);
	assert_memory_equal(b.config + 8, "VMM     VMM         ", 20);
	assert_int_equal(le32_get(b.config + 28), 0); /* no OEM table */
	assert_int_equal(le16_get(b.config + 32), 0);
	assert_int_equal(le32_get(b.config + 36), BOARD_LAPIC_ADDR);
	assert_int_equal(le32_get(b.config + 40), 0); /* no extended table */
	mptable_blob_destroy(&b);
}

/* Reads the table as a kernel does. */
static void check_entries(const char *name)
{
	unsigned cpus = 0, buses = 0, ioapics = 0, entries = 0, extint = 0, nmi = 0;
	uint32_t wired = 0, want = 0xfffb; /* 0 to 15 without the cascade */
	const uint8_t *p, *end;
	struct mptable_blob b;
	struct board board;
	uint8_t ioapic = 0, bus = 0xff, last = 0;

	assert_true(boards_make(name, &board));
	build(&board, &b);
	for_each_part(part, &board)
		if (part->gsi != BOARD_GSI_NONE)
			want |= (uint32_t)BIT(part->gsi);
	end = b.config + b.size;
	for (p = b.config + 44; p < end; p += p[0] ? 8 : 20, entries++) {
		assert_true(end - p >= (p[0] ? 8 : 20));
		assert_true(p[0] >= last); /* 4.3: sorted by type */
		last = p[0];
		switch (p[0]) {
		case 0:
			assert_int_equal(p[1], cpus);
			assert_int_equal(p[3], cpus ? 1 : 3); /* enabled; the first one boots */
			assert_true(le32_get(p + 8) & BIT(9));
			cpus++;
			break;
		case 1:
			bus = p[1];
			assert_memory_equal(p + 2, "ISA   ", 6);
			buses++;
			break;
		case 2:
			ioapic = p[1];
			assert_true(ioapic >= board.cpus && ioapic != 0xff);
			assert_int_equal(p[3], 1);
			assert_int_equal(le32_get(p + 4), BOARD_IOAPIC_ADDR);
			ioapics++;
			break;
		case 3:
			assert_int_equal(p[1], 0);
			assert_int_equal(le16_get(p + 2), 0x5); /* active high, edge: said, not left to the bus */
			assert_int_equal(p[4], bus);
			assert_int_equal(p[5], p[7]);
			assert_int_equal(p[6], ioapic);
			assert_true(p[7] < BOARD_GSI_MAX);
			assert_false(wired & BIT(p[7]));
			wired |= (uint32_t)BIT(p[7]);
			break;
		case 4:
			if (p[1] == 3) {
				assert_int_equal(p[6], 0);
				assert_int_equal(p[7], 0);
				extint++;
			} else {
				assert_int_equal(p[1], 1);
				assert_int_equal(p[6], 0xff);
				assert_int_equal(p[7], 1);
				nmi++;
			}
			break;
		default: fail_msg("entry of type %u", p[0]);
		}
	}
	assert_ptr_equal(p, end);
	assert_int_equal(le16_get(b.config + 34), entries);
	assert_int_equal(cpus, board.cpus);
	assert_int_equal(buses, 1);
	assert_int_equal(ioapics, 1);
	assert_int_equal(wired, want);
	assert_int_equal(extint, 1);
	assert_int_equal(nmi, 1);
	mptable_blob_destroy(&b);
}

static void test_entries(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(boards); i++)
		check_entries(boards[i].name);
}

static void refused(const struct board *board, int code, size_t max, uint64_t gpa, const char *words)
{
	struct mptable_blob b = {.size = 42};
	struct err e = {};

	assert_int_equal(mptable_build(board, gpa, max, &b, &e), code);
	if (!strstr(e.text, words))
		fail_msg("\"%s\" does not say \"%s\"", e.text, words);
	assert_int_equal(b.size, 42);
	assert_null(b.config);
	assert_int_equal(mptable_build(board, gpa, max, &b, NULL), code);
}

static void test_refusals(void **state)
{
	struct board board = {.cpus = 0};
	struct mptable_blob b;

	refused(&board, -EINVAL, 65536, 0xf0000, "0 CPUs do not fit");
	board.cpus = 255;
	refused(&board, -EINVAL, 65536, 0xf0000, "255 CPUs do not fit");
	board.cpus = 4;
	build(&board, &b);
	refused(&board, -ENOSPC, b.size - 1, 0xf0000, "does not fit");
	refused(&board, -EINVAL, 65536, UINT64_C(0x100000000), "32 bits");
	mptable_blob_destroy(&b);
	mptable_blob_destroy(&b);
	mptable_blob_destroy(NULL);
	boards_add(&board, BOARD_VIRTIO_MMIO, 0, 0xd0000000, 0x1000, 24);
	refused(&board, -EINVAL, 65536, 0xf0000, "no interrupt left");
	board.part[0].gsi = 0;
	refused(&board, -EINVAL, 65536, 0xf0000, "timer");
	board.part[0].gsi = 2;
	refused(&board, -EINVAL, 65536, 0xf0000, "cascade");
	board.part[0].gsi = 23;
	build(&board, &b);
	mptable_blob_destroy(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_checksum_makes_the_sum_0),
		cmocka_unit_test(test_floating),
		cmocka_unit_test(test_header),
		cmocka_unit_test(test_entries),
		cmocka_unit_test(test_refusals),
	};

	return run_group(tests);
}
