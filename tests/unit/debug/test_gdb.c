// SPDX-License-Identifier: Apache-2.0
/*
 * gdb's protocol, spoken by a client that is written here packet by packet, at a guest without a processor. What a real
 * gdb makes of it: tests/integration/gdb.test.
 */
#include <errno.h>
#include <string.h>

#include "tests/support/gdb_target.h"
#include "tests/support/unit.h"
#include "vmm/base/x86.h"
#include "vmm/debug/gdb/address.h"
#include "vmm/debug/gdb/memory.h"

#define RAM_PAGES 16
#define AT(page)  ((page)*PAGE_4K)
#define TABLE     (PTE_P | PTE_W | PTE_U)

static union {
	uint8_t byte[RAM_PAGES * 4096];
	uint64_t entry[RAM_PAGES][PTE_COUNT];
} ram;
static struct gdb_test guest;
static struct gdb_session *s;
static char reply[GDB_OUT_MAX + 1];

static int begin(void **state)
{
	memset(&ram, 0, sizeof(ram));
	gdb_test_init(&guest, &ram, sizeof(ram), 0);
	s = gdb_session_new(&guest.target);
	gdb_session_begin(s);
	return 0;
}

static int finish(void **state)
{
	gdb_session_free(s);
	return 0;
}

/* What the session has said since the last time. */
static const char *said(void)
{
	memcpy(reply, s->out.data, s->out.len);
	reply[s->out.len] = '\0';
	s->out.len = 0;
	return reply;
}

static const char *raw(const char *bytes, size_t len)
{
	for (size_t at = 0; at < len;)
		at += gdb_session_input(s, bytes + at, len - at);
	return said();
}

/* The data of what was said, whose frame and sum are right; behind an acknowledgement where there is to be one. */
static const char *unframed(bool acked)
{
	char *r = reply, *end, tail[4];
	uint8_t sum = 0;

	if (acked)
		assert_int_equal(*r++, '+');
	if (!*r)
		return r;
	assert_int_equal(*r, '$');
	end = strrchr(r, '#');
	assert_non_null(end);
	for (char *p = r + 1; p < end; p++)
		sum = (uint8_t)(sum + (uint8_t)*p);
	snprintf(tail, sizeof(tail), "#%02x", sum);
	assert_string_equal(end, tail);
	*end = '\0';
	return r + 1;
}

/* What comes without a question. */
static const char *heard(void)
{
	said();
	return unframed(false);
}

static const char *ask_bytes(const char *data, size_t len)
{
	static char packet[GDB_PACKET_MAX + 16];
	bool acked = s->acks;
	uint8_t sum = 0;

	for (size_t i = 0; i < len; i++)
		sum = (uint8_t)(sum + (uint8_t)data[i]);
	packet[0] = '$';
	memcpy(packet + 1, data, len);
	snprintf(packet + 1 + len, 4, "#%02x", sum);
	raw(packet, len + 4);
	return unframed(acked);
}

static const char *ask(const char *data)
{
	return ask_bytes(data, strlen(data));
}

#define asked(data, answer) assert_string_equal(ask(data), answer)

/* --- Frames -------------------------------------------------------------------------------------------------- */

static void a_packet_with_a_wrong_sum_is_wanted_again(void **state)
{
	assert_string_equal(raw("$qC#b5", 6), "-");
	assert_string_equal(raw("$qC#zz", 6), "-");
	assert_string_equal(raw("$qC#b4", 6), "+$QC1#c5");
	assert_string_equal(raw("-", 1), "$QC1#c5");
	assert_string_equal(raw("+", 1), "");
	/* Noise between packets, and one that was cut off by the next */
	assert_string_equal(raw("\n\0zz$g$qC#b4", 12), "+$QC1#c5");
}

static void without_acknowledgements_there_are_none(void **state)
{
	assert_string_equal(ask("QStartNoAckMode"), "OK");
	assert_string_equal(raw("$qC#b4", 6), "$QC1#c5");
	assert_string_equal(raw("$qC#b5-", 7), "");
}

static void a_packet_is_bounded(void **state)
{
	static char longest[GDB_PACKET_MAX + 1];

	memset(longest, 'q', sizeof(longest));
	assert_string_equal(ask_bytes(longest, GDB_PACKET_MAX), "");
	assert_string_equal(ask_bytes(longest, GDB_PACKET_MAX + 1), "E07");
	asked("qC", "QC1");
}

static void what_is_not_known_has_an_empty_reply(void **state)
{
	asked("vMustReplyEmpty", "");
	asked("", "");
	asked("qCRC:0,1", "");
	asked("gg", "");
}

/* --- Registers ----------------------------------------------------------------------------------------------- */

static void registers_have_the_numbers_of_gdb(void **state)
{
	struct gdb_regs *r = &guest.regs[0];
	char all[4096];

	r->v.general.rax = 0x1122334455667788;
	r->v.general.rip = 0xffffffff81000010;
	r->v.general.rflags = 0x246;
	r->v.system.gs.selector = 0x2b;
	r->v.system.gs.base = 0xffff888000000000;
	r->v.system.cr3 = 0x1806;
	r->fpu.ftwx = 0x81;
	r->fpu.fcw = 0x37f;
	r->fpu.fpr[7][9] = 0x40;
	r->fpu.xmm[15][15] = 0x7f;
	r->kernel_gs_base = 5;
	asked("p0", "8877665544332211");
	asked("p10", "10000081ffffffff");
	asked("p11", "46020000");
	asked("p17", "2b000000");
	asked("p1f", "00000000000000000040"); /* st7 */
	asked("p20", "7f030000");
	asked("p22", "fc3f0000"); /* ftag: st0 and st7 are in use */
	asked("p37", "0000000000000000000000000000007f");
	asked("p3a", "000000008088ffff"); /* gs_base, behind mxcsr and fs_base */
	asked("p3b", "0500000000000000");
	asked("p3e", "0618000000000000"); /* cr3 */
	asked("p4b", "E16");
	asked("p", "E16");
	for (unsigned i = 0; i < 16; i++) {
		char number[8], value[33];

		for (unsigned byte = 0; byte < 16; byte++) {
			r->fpu.xmm[i][byte] = (uint8_t)(16 * i + byte);
			snprintf(value + 2 * byte, 3, "%02x", 16 * i + byte);
		}
		snprintf(number, sizeof(number), "p%x", 0x28 + i);
		asked(number, value);
	}
	/* g has them all, one after the other. */
	snprintf(all, sizeof(all), "%.4095s", ask("g"));
	assert_memory_equal(all, "8877665544332211", 16);
	assert_memory_equal(all + 2 * (16 * 8), "10000081ffffffff46020000", 24);
	assert_int_equal(strlen(all), 2 * (17 * 8 + 7 * 4 + 8 * 10 + 8 * 4 + 16 * 16 + 4 + 2 * 8 + 16 * 8));
}

static void registers_are_written_as_they_are_read(void **state)
{
	char all[4096] = "G";
	struct gdb_regs was;

	for (size_t i = 0; i < sizeof(guest.regs[1].v.general); i++)
		((uint8_t *)&guest.regs[1].v.general)[i] = (uint8_t)(i * 7);
	guest.regs[1].v.general.rflags = 2;
	guest.regs[1].fpu.ftwx = 0xa5;
	asked("Hg2", "OK");
	was = guest.regs[1];
	snprintf(all + 1, sizeof(all) - 1, "%.4094s", ask("g"));
	memset(&guest.regs[1].v.general, 0, sizeof(was.v.general));
	guest.regs[1].fpu.ftwx = 0;
	asked(all, "OK");
	assert_memory_equal(&guest.regs[1], &was, sizeof(was));
	all[strlen(all) - 1] = '\0';
	asked(all, "E16");
	asked("P10=efbeadde00000000", "OK");
	assert_true(guest.regs[1].v.general.rip == 0xdeadbeef && guest.regs[0].v.general.rip == 0);
	asked("P10=efbeadde", "E16");
	asked("P40=ff00000000000000", "E16"); /* cr8 */
	asked("P4b=00", "E16");
}

static void the_description_says_what_g_has(void **state)
{
	static char text[GDB_DESCRIPTION_MAX];
	size_t size = gdb_describe(text), at = 0, bits = 0;
	char ask_for[64];
	unsigned nr = 0;

	assert_in_range(size, 1000, GDB_DESCRIPTION_MAX - 2);
	assert_non_null(strstr(text, "</target>"));
	for (char *p = text; (p = strstr(p, "bitsize=\"")); nr++)
		bits += (size_t)atoi(p += 9);
	assert_int_equal(nr, gdb_regs_nr());
	assert_int_equal(bits / 4, strlen(ask("g")));
	/* In pieces it is the same. */
	for (;;) {
		const char *r;

		snprintf(ask_for, sizeof(ask_for), "qXfer:features:read:target.xml:%zx,100", at);
		r = ask(ask_for);
		assert_memory_equal(r + 1, text + at, strlen(r + 1));
		at += strlen(r + 1);
		if (*r == 'l')
			break;
		assert_int_equal(*r, 'm');
	}
	assert_int_equal(at, size);
	asked("qXfer:features:read:target.xml:ffffffffffffffff,100", "l");
	asked("qXfer:features:read:other.xml:0,100", "");
}

/* --- Memory -------------------------------------------------------------------------------------------------- */

static void memory_is_guest_ram_and_nothing_else(void **state)
{
	memcpy(ram.byte + 0x1ffe, "abcd", 4);
	asked("m1ffe,4", "61626364");
	asked("x1ffe,4", "babcd");
	asked("m1ffe,0", "");
	asked("M2000,2:4142", "OK");
	assert_memory_equal(ram.byte + 0x1ffe, "abAB", 4);
	/* Partly, where it ends */
	asked("mfffe,10", "0000");
	asked("m10000,1", "E0e");
	asked("mffffffffffffffff,2", "E0e");
	asked("M10000,1:00", "E0e");
	asked("M2000,2:41", "E16");
	asked("M2000,ffffffffffffffff:41", "E16");
	asked("m2000", "E16");
	asked("m11112222333344445,1", "E16");
	asked("X2000,0:", "OK");
	assert_string_equal(ask_bytes("X2000,3:ab}", 11), "E16");
	assert_string_equal(ask_bytes("X2000,3:}\x03\0}]", 13), "OK");
	assert_memory_equal(ram.byte + 0x2000, "#\0}", 3);
}

static void longmode(struct gdb_regs *r, uint64_t cr3)
{
	r->v.system.cr0 = CR0_PE | CR0_PG;
	r->v.system.cr4 = CR4_PAE;
	r->v.system.efer = EFER_LMA | EFER_LME;
	r->v.system.cr3 = cr3;
}

/* PTI: the kernel's table is page 2, the program's page 3, which has the program's half only. */
static void a_program_under_pti_has_its_kernel_too(void **state)
{
	struct vcpu_regs *r = &guest.regs[0].v;

	longmode(&guest.regs[0], AT(3) | 0x806);
	ram.entry[2][0] = ram.entry[3][0] = AT(4) | TABLE;
	ram.entry[2][256] = AT(4) | TABLE;
	ram.entry[4][0] = AT(5) | TABLE;
	ram.entry[5][0] = AT(6) | TABLE;
	ram.entry[6][1] = AT(7) | TABLE;
	ram.entry[6][2] = AT(9) | TABLE;
	memcpy(ram.byte + AT(7) + 0xffe, "xy", 2);
	memcpy(ram.byte + AT(9), "z", 1);
	asked("m1ffe,3", "78797a");
	r->system.cs.selector = 0x10;
	asked("mffff800000001ffe,3", "E0e");
	r->system.cs.selector = 0x33;
	asked("mffff800000001ffe,3", "78797a");
	asked("Mffff800000001ffe,1:58", "OK");
	assert_int_equal(ram.byte[AT(7) + 0xffe], 'X');
	/* Only the kernel's half, and what is not mapped there is not mapped. */
	asked("m3000,1", "E0e");
	asked("mffff800000003000,1", "E0e");
	/* Not behind a page that is not there */
	asked("m2fff,2", "00");
}

static void five_levels_are_walked(void **state)
{
	struct gdb_regs *r = &guest.regs[0];

	longmode(r, AT(1));
	r->v.system.cr4 |= CR4_LA57;
	ram.entry[1][511] = AT(2) | TABLE;
	ram.entry[2][0] = AT(3) | TABLE;
	ram.entry[3][0] = AT(4) | TABLE;
	ram.entry[4][0] = AT(5) | TABLE;
	ram.entry[5][0] = AT(6) | TABLE;
	memcpy(ram.byte + AT(6), "5", 1);
	asked("mffff000000000000,1", "35");
}

static void physical_memory_by_qemus_packet(void **state)
{
	longmode(&guest.regs[0], AT(1));
	memcpy(ram.byte + 0x3000, "p", 1);
	asked("m3000,1", "E0e");
	asked("qqemu.PhyMemMode", "0");
	asked("Qqemu.PhyMemMode:1", "OK");
	asked("qqemu.PhyMemMode", "1");
	asked("m3000,1", "70");
	asked("Qqemu.PhyMemMode:0", "OK");
	asked("m3000,1", "E0e");
}

/* --- Breakpoints --------------------------------------------------------------------------------------------- */

static void int3_is_in_memory_only_while_the_guest_runs(void **state)
{
	struct gdb_breakpoints *b = &guest.target.breakpoints;

	ram.byte[0x2000] = 0x55;
	asked("Z0,2000,1", "OK");
	asked("Z0,2000,1", "OK");
	asked("Z0,fffff,1", "E0e");
	assert_int_equal(ram.byte[0x2000], 0x55);
	gdb_place(b);
	gdb_place(b);
	assert_int_equal(ram.byte[0x2000], 0xcc);
	assert_true(gdb_software_hit(b, &guest.mem, 0x2000));
	assert_false(gdb_software_hit(b, &guest.mem, 0x2001));
	gdb_lift(b);
	gdb_lift(b);
	assert_int_equal(ram.byte[0x2000], 0x55);
	assert_false(gdb_software_hit(b, &guest.mem, 0x2000));
	/* What is written while it stands still is what comes back. */
	asked("M2000,1:90", "OK");
	gdb_place(b);
	gdb_lift(b);
	assert_int_equal(ram.byte[0x2000], 0x90);
	asked("z0,2000,1", "OK");
	asked("z0,2000,1", "OK");
	gdb_place(b);
	assert_int_equal(ram.byte[0x2000], 0x90);
}

static void what_the_guest_writes_over_a_breakpoint_stays(void **state)
{
	struct gdb_breakpoints *b = &guest.target.breakpoints;

	asked("Z0,2000,1", "OK");
	gdb_place(b);
	ram.byte[0x2000] = 0xe9;
	gdb_lift(b);
	assert_int_equal(ram.byte[0x2000], 0xe9);
	gdb_place(b);
	gdb_lift(b);
	assert_int_equal(ram.byte[0x2000], 0xe9);
}

/* Two linear addresses of one byte, and one that the guest's own tables move away */
static void breakpoints_that_share_a_byte(void **state)
{
	struct gdb_breakpoints *b = &guest.target.breakpoints;

	ram.byte[0x2fff] = 0x41;
	ram.byte[0x3000] = 0x42;
	assert_int_equal(gdb_set_software(b, &guest.mem, 0x2fff, 0x2fff), 0);
	assert_int_equal(gdb_set_software(b, &guest.mem, 0xffff800000002fff, 0x2fff), 0);
	assert_int_equal(gdb_set_software(b, &guest.mem, 0x3000, 0x3000), 0);
	gdb_place(b);
	assert_int_equal(ram.byte[0x2fff], 0xcc);
	assert_int_equal(ram.byte[0x3000], 0xcc);
	gdb_lift(b);
	assert_int_equal(ram.byte[0x2fff], 0x41);
	assert_int_equal(ram.byte[0x3000], 0x42);
	gdb_clear_software(b, &guest.mem, 0x2fff);
	gdb_place(b);
	assert_int_equal(ram.byte[0x2fff], 0xcc);
	gdb_lift(b);
	gdb_clear_all(b);
	assert_false(gdb_has_software(b));
	gdb_place(b);
	assert_int_equal(ram.byte[0x2fff], 0x41);
}

static void software_breakpoints_are_bounded(void **state)
{
	struct gdb_breakpoints *b = &guest.target.breakpoints;

	for (unsigned i = 0; i < GDB_SOFTWARE_MAX; i++)
		assert_int_equal(gdb_set_software(b, &guest.mem, i, i), 0);
	assert_int_equal(gdb_set_software(b, &guest.mem, GDB_SOFTWARE_MAX, GDB_SOFTWARE_MAX), -ENOSPC);
	assert_int_equal(gdb_set_software(b, &guest.mem, 7, 7), 0);
}

/* SDM 3, figure 17-1: L and G in pairs, then R/W and LEN */
static void debug_registers_say_what_is_watched(void **state)
{
	struct gdb_breakpoints *b = &guest.target.breakpoints;
	uint64_t dr[8];

	assert_false(gdb_debug_registers(b, dr));
	asked("Z1,ffffffff81000000,1", "OK");
	asked("Z2,1000,4", "OK");
	asked("Z4,2008,8", "OK");
	asked("Z3,3000,1", "");
	asked("Z5,3000,1", "");
	assert_true(gdb_debug_registers(b, dr));
	assert_true(dr[0] == 0xffffffff81000000 && dr[1] == 0x1000 && dr[2] == 0x2008 && dr[3] == 0);
	assert_int_equal(dr[7], 0x0bd0062a);
	asked("Z2,1000,4", "OK");
	/* One register is left: not for two of them. */
	asked("Z2,4001,4", "E1c");
	asked("Z2,4001,1", "OK");
	asked("Z1,5000,1", "E1c");
	asked("z2,1000,2", "OK");
	asked("z2,1000,4", "OK");
	asked("z2,4001,1", "OK");
	/* 1 and 2 bytes, and one more: three registers, but two are free. */
	asked("Z2,4001,4", "E1c");
	asked("Z2,4001,3", "OK");
	assert_true(gdb_debug_registers(b, dr));
	assert_true(dr[1] == 0x4001 && dr[3] == 0x4002);
	asked("Z2,5000,0", "E16");
	asked("Z2,5000,21", "E16");
	asked("Z2,ffffffffffffffff,2", "E16");
	/* The last bytes of all addresses can be watched. */
	asked("z4,2008,8", "OK");
	asked("Z2,fffffffffffffff8,8", "OK");
	assert_true(gdb_debug_registers(b, dr));
	assert_true(dr[2] == UINT64_C(0xfffffffffffffff8));
}

/* --- Stopping and going on ------------------------------------------------------------------------------------- */

static void cpus_are_threads(void **state)
{
	asked("qfThreadInfo", "m1,2,3");
	asked("qsThreadInfo", "l");
	asked("T3", "OK");
	asked("T4", "E03");
	asked("T0", "OK");
	asked("Hg3", "OK");
	asked("Hg4", "E16");
	asked("Hx1", "E16");
	asked("Hc-1", "OK");
	asked("qThreadExtraInfo,2", "43505520312c2068616c746564");
	asked("qThreadExtraInfo,9", "E03");
	asked("?", "T05thread:1;");
}

static void vcont_says_what_each_cpu_does(void **state)
{
	static const uint8_t one_steps[] = {GDB_STAY, GDB_STEP, GDB_STAY}, others_go[] = {GDB_GO, GDB_STEP, GDB_GO};

	asked("vCont?", "vCont;c;C;s;S");
	asked("vCont;s:2", "");
	assert_memory_equal(guest.how, one_steps, sizeof(one_steps));
	gdb_session_stopped(s, &(struct gdb_stop){.cpu = 1, .why = GDB_WHY_STEP});
	assert_string_equal(heard(), "T05thread:2;");
	asked("vCont;S05:2;c", "");
	assert_memory_equal(guest.how, others_go, sizeof(others_go));
	gdb_session_stopped(s, &(struct gdb_stop){.cpu = 2, .why = GDB_WHY_WATCH, .address = 0x1000});
	assert_string_equal(heard(), "T05thread:3;watch:1000;");
	/* The registers that are meant now are those of the CPU that stopped. */
	guest.regs[2].v.general.rax = 9;
	asked("p0", "0900000000000000");
	asked("vCont;c:9", "E16");
	asked("vCont;t", "E16");
	asked("vCont", "E16");
	asked("vCont;", "E16");
	asked("vCont;c:1x", "E16");
	asked("c100", "E16");
	assert_int_equal(guest.nr_resumed, 2);
}

static void what_was_pending_answers_at_once(void **state)
{
	guest.pending = (struct gdb_stop){.cpu = 1, .why = GDB_WHY_ACCESS, .address = 0x88};
	asked("vCont;c", "T05thread:2;awatch:88;");
	assert_int_equal(guest.nr_resumed, 0);
	assert_false(s->running);
}

static void while_it_runs_only_an_interrupt_is_taken(void **state)
{
	assert_string_equal(raw("\x03", 1), "");
	assert_int_equal(guest.nr_interrupted, 0);
	asked("c", "");
	asked("g", "E10");
	asked("m0,1", "E10");
	asked("Z0,0,1", "E10");
	assert_string_equal(raw("\x03", 1), "");
	assert_int_equal(guest.nr_interrupted, 1);
	gdb_session_stopped(s, &(struct gdb_stop){.cpu = 0, .why = GDB_WHY_INTERRUPT});
	assert_string_equal(heard(), "T02thread:1;");
	/* A byte 3 in a packet is data. */
	assert_string_equal(ask_bytes("X10,1:\x03", 7), "OK");
	assert_int_equal(guest.nr_interrupted, 1);
	assert_int_equal(ram.byte[0x10], 3);
}

static void a_client_leaves_or_ends_the_run(void **state)
{
	asked("D", "OK");
	assert_true(s->left && !s->kills);
	gdb_session_begin(s);
	asked("c", "");
	asked("k", "");
	assert_true(s->left && s->kills);
	assert_int_equal(guest.end, GDB_END_KILL);
	gdb_session_begin(s);
	asked("vKill;1", "OK");
	gdb_session_begin(s);
	asked("c", "");
	gdb_session_exited(s, 34);
	assert_string_equal(heard(), "W22");
}

static void old_steps_are_of_the_chosen_cpu(void **state)
{
	static const uint8_t third[] = {GDB_STAY, GDB_STAY, GDB_STEP};

	asked("Hc3", "OK");
	asked("s", "");
	assert_memory_equal(guest.how, third, sizeof(third));
}

/* --- Commands -------------------------------------------------------------------------------------------------- */

static const char *monitor(const char *line)
{
	static char text[GDB_OUT_MAX];
	char packet[600] = "qRcmd,";
	const char *r;
	size_t n = 0;

	for (size_t i = 0; line[i]; i++)
		snprintf(packet + 6 + 2 * i, 3, "%02x", (uint8_t)line[i]);
	r = ask(packet);
	for (; r[0] && r[1]; r += 2)
		text[n++] = (char)(gdb_hex_digit(r[0]) << 4 | gdb_hex_digit(r[1]));
	text[n] = '\0';
	return text;
}

static void commands_of_a_person(void **state)
{
	static const char *const commands[] = {"core", "help", "kaslr", "regs", "reset", "xp"};
	char list[1024], line[16];

	snprintf(list, sizeof(list), "\n%s", monitor("help"));
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		snprintf(line, sizeof(line), "\n%-6s ", commands[i]);
		if (!strstr(list, line))
			fail_msg("%s is not in:%s", commands[i], list);
	}
	assert_non_null(strstr(monitor(""), "no such command"));
	assert_non_null(strstr(monitor("helpme"), "no such command"));
	guest.regs[0].v.system.cr3 = 0x1234000;
	assert_non_null(strstr(monitor("regs"), "cr3 0000000001234000"));
	assert_non_null(strstr(monitor("regs 0"), "cr3 0000000001234000"));
	assert_non_null(strstr(monitor("regs 1"), "CPU 1, halted"));
	assert_non_null(strstr(monitor("regs 3"), "usage"));
	ram.byte[0x11] = 0xab;
	assert_string_equal(monitor("xp /2 0x10"), "0000000000000010: 00 ab\n");
	assert_string_equal(monitor("xp /2 0xffff"), "000000000000ffff: 00\n0000000000010000: no RAM is there\n");
	assert_non_null(strstr(monitor("xp"), "usage"));
	assert_non_null(strstr(monitor("xp /0 0"), "usage"));
	assert_non_null(strstr(monitor("xp /9999 0"), "usage"));
	assert_non_null(strstr(monitor("xp 0 0"), "usage"));
	assert_non_null(strstr(monitor("kaslr"), "no CPU maps a kernel"));
	asked("qRcmd,6", "E16");
	asked("qRcmd,zz", "E16");
	monitor("reset");
	assert_int_equal(guest.end, GDB_END_RESET);
}

static void a_core_is_answered_when_it_is_there(void **state)
{
	asked("qRcmd,636f7265", "");
	assert_int_equal(guest.nr_cores, 1);
	asked("g", "E10");
	gdb_session_cored(s, "ok\n");
	assert_string_equal(heard(), "6f6b0a");
	assert_true(*ask("g") != 'E');
	gdb_session_cored(s, "not asked for");
	assert_string_equal(heard(), "");
}

static void kaslr_is_where_the_first_page_of_the_kernel_is(void **state)
{
	longmode(&guest.regs[0], AT(1));
	ram.entry[1][511] = AT(2) | TABLE;
	ram.entry[2][510] = AT(3) | TABLE;
	ram.entry[3][0x1a] = 64 * MIB | PTE_PS | TABLE; /* 52 MiB above the start: 36 MiB above where it is linked */
	assert_string_equal(monitor("kaslr"),
		"kernel at 0xffffffff83400000, moved by 0x2400000\nsymbol-file vmlinux -o 0x2400000\n");
}

/* --- Where it listens -------------------------------------------------------------------------------------------- */

static void addresses(void **state)
{
	static const char *const good[] = {"unix:/tmp/s", "unix:s,wait", "tcp:1234", "tcp:127.0.0.1:1234,wait",
		"tcp:[::1]:65535", "tcp:0.0.0.0:1"};
	static const char *const bad[] = {"", "1234", "unix:", "unix:,wait", "tcp:", "tcp:0", "tcp:65536", "tcp:x:1",
		"tcp:localhost:1", "tcp:[::1]", "tcp:::1:5", "tcp:1234,now", "udp:1", "tcp:1.2.3.4:", "tcp:[::1:5"};
	char path[200] = "unix:";
	struct gdb_address a;
	struct err e = {0};

	for (size_t i = 0; i < ARRAY_SIZE(good); i++)
		if (gdb_check(good[i], &e) < 0)
			fail_msg("%s: %s", good[i], e.text);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		if (gdb_check(bad[i], &e) == 0)
			fail_msg("%s is taken", bad[i]);
	memset(path + 5, 'p', 108);
	assert_int_equal(gdb_check(path, &e), -ENAMETOOLONG);
	path[5 + 107] = '\0';
	assert_int_equal(gdb_check(path, &e), 0);
	assert_int_equal(gdb_parse("unix:a,wait,wait", &a, &e), 0);
	assert_true(a.wait && a.is_unix && a.len == 6 && !memcmp(a.text, "a,wait", 6));
}

#define T(f) cmocka_unit_test_setup_teardown(f, begin, finish)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_packet_with_a_wrong_sum_is_wanted_again),
		T(without_acknowledgements_there_are_none),
		T(a_packet_is_bounded),
		T(what_is_not_known_has_an_empty_reply),
		T(registers_have_the_numbers_of_gdb),
		T(registers_are_written_as_they_are_read),
		T(the_description_says_what_g_has),
		T(memory_is_guest_ram_and_nothing_else),
		T(a_program_under_pti_has_its_kernel_too),
		T(five_levels_are_walked),
		T(physical_memory_by_qemus_packet),
		T(int3_is_in_memory_only_while_the_guest_runs),
		T(what_the_guest_writes_over_a_breakpoint_stays),
		T(breakpoints_that_share_a_byte),
		T(software_breakpoints_are_bounded),
		T(debug_registers_say_what_is_watched),
		T(cpus_are_threads),
		T(vcont_says_what_each_cpu_does),
		T(what_was_pending_answers_at_once),
		T(while_it_runs_only_an_interrupt_is_taken),
		T(a_client_leaves_or_ends_the_run),
		T(old_steps_are_of_the_chosen_cpu),
		T(commands_of_a_person),
		T(a_core_is_answered_when_it_is_there),
		T(kaslr_is_where_the_first_page_of_the_kernel_is),
		T(addresses),
	};

	return run_group(tests);
}
