// SPDX-License-Identifier: Apache-2.0
/*
 * The tables that guard a flat program, without KVM: where they point, what they leave out, and how a halt is read
 * back.
 */
#include "vmm/program/flat_layout.h"

#include <string.h>

#include "tests/support/unit.h"
#include "vmm/base/le.h"

#define MEM (64 * KIB)

struct rig {
	struct gmem mem;
	uint8_t *host;
	uint64_t slot;
};

static int rig_open(void **state)
{
	struct rig *r = calloc(1, sizeof(*r));

	r->slot = flat_slot_size(MEM);
	r->host = calloc(2, flat_slot_size(MEM));
	gmem_add(&r->mem, &(struct gmem_region){.size = 2 * flat_slot_size(MEM), .host = r->host, .fd = -1});
	*state = r;
	return 0;
}

static int rig_close(void **state)
{
	struct rig *r = *state;

	free(r->host);
	free(r);
	return 0;
}

/* What long mode sees at a linear address; 0: not mapped (no test maps gpa 0). */
static uint64_t translate(const struct rig *r, uint64_t cr3, uint64_t at)
{
	uint64_t table = cr3, e = 0;

	for (int shift = 39; shift >= 12; shift -= 9) {
		assert_int_equal(gmem_read(&r->mem, table + (at >> shift & 511) * 8, &e, 8), 0);
		if (!(e & 1))
			return 0;
		table = e & ~UINT64_C(0xfff);
	}
	return table | (at & 0xfff);
}

static void test_long_mode_sees_its_window_only(void **state)
{
	struct rig *r = *state;
	const struct flat_image img = {.mode = ENTRY_LONG, .start = 0x1000, .end = 0x1010, .entry = 0x1000};
	struct entry en;

	assert_int_equal(flat_lay_out(&r->mem, r->slot, MEM, &img, &en), 0);
	assert_int_equal(en.rip, 0x1000);
	assert_int_equal(en.rsp, MEM);
	for (uint64_t at = 0; at < 4 * MIB; at += 4 * KIB)
		assert_int_equal(translate(r, en.cr3, at), at && at < MEM ? r->slot + at : 0);
	assert_int_equal(translate(r, en.cr3, FLAT_MONITOR), r->slot + MEM);
	assert_int_equal(translate(r, en.cr3, FLAT_MONITOR + 8 * KIB), 0);
	assert_int_equal(translate(r, en.cr3, 2 * GIB), 0);
}

static void test_page_0_is_there_for_who_lies_in_it(void **state)
{
	struct rig *r = *state;
	const struct flat_image img = {.mode = ENTRY_LONG, .start = 0, .end = 16, .entry = 0};
	struct entry en;

	assert_int_equal(flat_lay_out(&r->mem, r->slot, MEM, &img, &en), 0);
	assert_int_equal(translate(r, en.cr3, 8), r->slot + 8);
}

static void test_slot_outside_ram(void **state)
{
	struct rig *r = *state;
	const struct flat_image img = {.mode = ENTRY_LONG, .start = 0x1000, .end = 0x1010, .entry = 0x1000};
	struct entry en = {.rip = 4711};

	assert_true(flat_lay_out(&r->mem, 2 * r->slot - MEM, MEM, &img, &en) < 0);
	assert_int_equal(en.rip, 4711);
}

/* Follows a gate as the processor does, then asks for the fault. */
static void fault_of(struct rig *r, enum entry_mode mode, unsigned vector, bool error, const char *want)
{
	const struct flat_image img = {.mode = mode, .start = 0x1000, .end = 0x1010, .entry = 0x1000};
	bool is_long = mode == ENTRY_LONG;
	unsigned width = is_long ? 8 : 4;
	uint8_t gate[16] = {0}, frame[32] = {0}, hlt;
	char text[FLAT_FAULT_TEXT_MAX];
	uint64_t handler, idt, stack;
	struct flat_state s = {.cr2 = 0xabc};
	struct flat_fault f;
	struct entry en;

	assert_int_equal(flat_lay_out(&r->mem, r->slot, MEM, &img, &en), 0);
	idt = is_long ? translate(r, en.cr3, en.idt_base) : en.idt_base;
	assert_int_equal(gmem_read(&r->mem, idt + vector * width * 2, gate, width * 2), 0);
	handler = le16_get(gate) | (uint64_t)le16_get(gate + 6) << 16 |
		(is_long ? (uint64_t)le32_get(gate + 8) << 32 : 0);
	assert_int_equal(gmem_read(&r->mem, is_long ? translate(r, en.cr3, handler) : handler, &hlt, 1), 0);
	assert_int_equal(hlt, 0xf4);
	s.cs = le16_get(gate + 2);
	s.rip = handler + 1;
	s.ss_base = is_long ? 0 : en.seg_base;
	s.rsp = is_long ? FLAT_MONITOR + 8 * KIB - 64 : 0x8000;
	stack = is_long ? translate(r, en.cr3, s.rsp) : s.ss_base + s.rsp;
	le32_put(frame, 7);
	le32_put(frame + (error ? width : 0), 0x1234);
	le32_put(frame + (error ? 2 : 1) * width, 8);
	assert_int_equal(gmem_write(&r->mem, stack, frame, sizeof(frame)), 0);
	assert_true(flat_find_fault(&r->mem, r->slot, MEM, mode, &s, &f));
	assert_string_equal(flat_fault_text(&f, text), want);
	/* The same place is no fault when it is the program's code. */
	s.cs = en.cs;
	assert_false(flat_find_fault(&r->mem, r->slot, MEM, mode, &s, &f));
}

static void test_faults(void **state)
{
	struct rig *r = *state;

	fault_of(r, ENTRY_LONG, 6, false, "invalid opcode (vector 6), CS 0x8, RIP 0x1234");
	fault_of(
		r, ENTRY_LONG, 14, true, "page fault (vector 14) at address 0xabc, CS 0x8, RIP 0x1234, error code 0x7");
	fault_of(r, ENTRY_LONG, 31, false, "interrupt (vector 31), CS 0x8, RIP 0x1234");
	fault_of(r, ENTRY_PROTECTED, 0, false, "divide error (vector 0), CS 0x8, RIP 0x1234");
	fault_of(r, ENTRY_PROTECTED, 13, true,
		"general protection fault (vector 13), CS 0x8, RIP 0x1234, error code 0x7");
	/* INT 0x10 in the window, right before where it would return to */
	memcpy(r->host + r->slot + 0x1232, "\xcd\x10", 2);
	fault_of(r, ENTRY_LONG, 16, false, "INT 0x10, and nothing answers it, CS 0x8, RIP 0x1234");
}

static void test_real_mode(void **state)
{
	struct rig *r = *state;
	const struct flat_image img = {.mode = ENTRY_REAL, .start = 0x7c00, .end = 0x7c10, .entry = 0x7c00};
	struct flat_state s = {.cs = 0x50, .cs_base = 0x500, .rip = 0x22, .rsp = 0x7bfa};
	struct flat_fault f;
	struct entry en;

	assert_int_equal(flat_lay_out(&r->mem, 0, MEM, &img, &en), 0);
	for (unsigned v = 0; v < 256; v++)
		assert_int_equal(r->host[le16_get(r->host + v * 4) + 16 * le16_get(r->host + v * 4 + 2)], 0xf4);
	memcpy(r->host + 0x7c02, "\xcd\x21", 2);
	le16_put(r->host + 0x7bfa, 0x7c04);
	assert_true(flat_find_fault(&r->mem, 0, MEM, ENTRY_REAL, &s, &f));
	assert_true(f.called && f.vector == 0x21 && f.rip == 0x7c04);
	/* A stack that is not RAM: still told, without a place. */
	s.ss_base = 4 * GIB;
	assert_true(flat_find_fault(&r->mem, 0, MEM, ENTRY_REAL, &s, &f));
	assert_false(f.has_place);
	s.rip = 0x7c01 - 0x500;
	assert_false(flat_find_fault(&r->mem, 0, MEM, ENTRY_REAL, &s, &f));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_long_mode_sees_its_window_only, rig_open, rig_close),
		cmocka_unit_test_setup_teardown(test_page_0_is_there_for_who_lies_in_it, rig_open, rig_close),
		cmocka_unit_test_setup_teardown(test_slot_outside_ram, rig_open, rig_close),
		cmocka_unit_test_setup_teardown(test_faults, rig_open, rig_close),
		cmocka_unit_test_setup_teardown(test_real_mode, rig_open, rig_close),
	};

	return run_group(tests);
}
