// SPDX-License-Identifier: Apache-2.0
/*
 * Signals on host memory: the frame that a handler gets, byte for byte as Linux lays it out, and what comes back from
 * one that the program has changed.
 */
#include "tests/support/unit.h"

#include <errno.h>
#include <signal.h>
#include <sys/syscall.h>

#include "tests/support/exec_kit.h"
#include "vmm/base/le.h"
#include "vmm/exec/signals.h"

#define HANDLER  UINT64_C(0x401000)
#define RESTORER UINT64_C(0x402000)
#define STACK    (KIT_SCRATCH + 16 * PAGE_4K)
#define RIP      UINT64_C(0x403000)
#define RESTORES UINT64_C(0x04000000)

/* Offsets in struct rt_sigframe, of Linux arch/x86/include/asm/sigframe.h */
enum {
	UC_FLAGS = 8,
	R8 = 48,
	RAX = 152,
	RSP = 168,
	SIG_RIP = 176,
	FLAGS = 184,
	CS = 192,
	SS = 198,
	TRAP = 208,
	FPU = 232,
	MASK = 304,
	INFO = 312
};

#define CALL(k, nr, ...) exec_call(&(k)->t, SYS_##nr, (const uint64_t[6]){__VA_ARGS__})

static struct kit_task k;

static int set_up(void **state)
{
	kit_task_open(&k, 8 * MIB, (const int[]){-1, -1, -1}, NULL);
	for (unsigned i = 0; i < sizeof(k.fpu); i++)
		k.fpu[i] = i < 832 ? (uint8_t)i : 0;
	memset(k.fpu + 512, 0, 64);
	k.fpu[512] = 7;
	k.regs = (struct exec_regs){.r8 = 8, .rbx = 0xb, .rsp = STACK, .rip = RIP, .flags = 0x40702};
	return 0;
}

static int tear_down(void **state)
{
	kit_task_close(&k);
	return 0;
}

static void handle(int signal, uint64_t flags)
{
	k.t.action[signal] = (struct exec_action){HANDLER, flags | RESTORES, RESTORER, MASK_OF(SIGUSR2)};
}

static uint64_t word(uint64_t at)
{
	uint64_t v;

	kit_must(space_read(&k.t.space, k.regs.rsp + at, &v, 8) == 0);
	return v;
}

static void set_word(uint64_t at, uint64_t v)
{
	kit_must(space_write(&k.t.space, at, &v, 8) == 0);
}

static void frame(void **state)
{
	uint8_t area[840];

	handle(SIGUSR1, 0);
	assert_int_equal(CALL(&k, tgkill, EXEC_PID, EXEC_PID, SIGUSR1), 0);
	assert_true(exec_attention(&k.t));
	exec_deliver(&k.t);
	assert_false(exec_attention(&k.t));
	/* Below the red zone: the FPU at a multiple of 64, the frame 8 below one of 16. */
	assert_int_equal(k.regs.rsp % 16, 8);
	assert_true(k.regs.rip == HANDLER && k.regs.rdi == SIGUSR1 && !k.regs.rax && k.regs.rbx == 0xb);
	assert_true(k.regs.rsi == k.regs.rsp + INFO && k.regs.rdx == k.regs.rsp + UC_FLAGS);
	/* DF and TF are off in the handler. */
	assert_int_equal(k.regs.flags, 0x40202);
	assert_int_equal(word(0), RESTORER);
	assert_int_equal(word(UC_FLAGS), 7);
	assert_true(word(R8) == 8 && word(RSP) == STACK && word(SIG_RIP) == RIP && word(FLAGS) == 0x40702);
	assert_int_equal(word(CS), UINT64_C(0x002b000000000033));
	assert_int_equal(word(MASK), 0);
	assert_int_equal(word(INFO), SIGUSR1);
	assert_int_equal((int32_t)word(INFO + 8), -6);
	assert_int_equal(word(INFO + 16), EXEC_PID | (uint64_t)EXEC_ID << 32);
	assert_int_equal(k.t.now->blocked, MASK_OF(SIGUSR1) | MASK_OF(SIGUSR2));
	assert_true(word(FPU) % 64 == 0 && word(FPU) + 836 <= STACK - 128 && word(FPU) > k.regs.rsp + 439);
	kit_must(space_read(&k.t.space, word(FPU), area, sizeof(area)) == 0);
	assert_memory_equal(area, k.fpu, 464);
	assert_memory_equal(area + 576, k.fpu + 576, 832 - 576);
	assert_true(le32_get(area + 464) == 0x46505853 && le32_get(area + 468) == 836 && le64_get(area + 472) == 7);
	assert_true(le32_get(area + 480) == 832 && le32_get(area + 832) == 0x46505845);
}

static void and_back(void **state)
{
	handle(SIGUSR1, 0);
	CALL(&k, tgkill, EXEC_PID, EXEC_PID, SIGUSR1);
	exec_deliver(&k.t);
	set_word(k.regs.rsp + R8, 88);
	/* IOPL, IF and VM are not the program's to change; CF is. */
	set_word(k.regs.rsp + FLAGS, 0x63103);
	k.regs.rsp += 8;
	k.regs.flags = 0x202;
	memset(k.fpu, 0xee, sizeof(k.fpu));
	CALL(&k, rt_sigreturn);
	assert_true(k.regs.r8 == 88 && k.regs.rsp == STACK && k.regs.rip == RIP);
	assert_int_equal(k.regs.flags, 0x40303);
	assert_int_equal(k.t.now->blocked, 0);
	assert_true(k.fpu[0] == 0 && k.fpu[463] == (uint8_t)463 && k.fpu[831] == (uint8_t)831 && k.fpu[512] == 7);
	assert_false(k.t.end.ended);
}

/* What XRSTOR or IRET would refuse is SIGSEGV. */
static void forged(void **state)
{
	static const struct {
		uint64_t at, value;
		bool in_fpu;
	} rows[] = {
		{SIG_RIP, UINT64_C(1) << 62, false},
		{CS, UINT64_C(0x002b000000000023), false},
		{CS, UINT64_C(0x0018000000000033), false},
		{FPU, 0x1000, false},
		{FPU, UINT64_C(1) << 63, false},
		{512, 1 << 9, true},
		{520, 1, true},
		{568, 1, true},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		handle(SIGUSR1, 0);
		CALL(&k, tgkill, EXEC_PID, EXEC_PID, SIGUSR1);
		exec_deliver(&k.t);
		set_word(rows[i].in_fpu ? word(FPU) + rows[i].at : k.regs.rsp + rows[i].at, rows[i].value);
		k.regs.rsp += 8;
		CALL(&k, rt_sigreturn);
		assert_true(k.t.end.ended && k.t.end.signal == SIGSEGV);
		tear_down(state);
		set_up(state);
	}
}

/* No frame outside of the alternative stack, or where nothing is mapped. */
static void stacks(void **state)
{
	static const uint64_t bad[] = {0, 8, 600, SPACE_LOW, SPACE_HIGH + 256, UINT64_C(1) << 63, UINT64_MAX};
	uint64_t here = 0;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		handle(SIGUSR1, 0);
		k.t.end = (struct exec_end){0};
		k.t.now->blocked = 0;
		k.regs.rsp = bad[i];
		CALL(&k, tgkill, EXEC_PID, EXEC_PID, SIGUSR1);
		exec_deliver(&k.t);
		assert_true(k.t.end.ended && k.t.end.signal == SIGSEGV);
	}
	k.t.end = (struct exec_end){0};
	handle(SIGUSR1, SA_ONSTACK | SA_NODEFER);
	k.t.now->altstack = (struct exec_stack){.base = KIT_SCRATCH + PAGE_4K, .size = 4096};
	k.regs.rsp = STACK;
	for (int depth = 0; !k.t.end.ended; depth++) {
		here = k.regs.rsp;
		CALL(&k, tgkill, EXEC_PID, EXEC_PID, SIGUSR1);
		exec_deliver(&k.t);
		assert_true(k.t.end.ended ||
			(k.regs.rsp > KIT_SCRATCH + PAGE_4K && k.regs.rsp < KIT_SCRATCH + 2 * PAGE_4K));
		assert_true(depth < 4);
	}
	assert_true(k.t.end.signal == SIGSEGV && here > KIT_SCRATCH + PAGE_4K);
	assert_int_equal(kit_walk(&k.t.space, KIT_SCRATCH), 0);
}

/* A call that was interrupted is made again, or fails. */
static void interrupted(void **state)
{
	const uint64_t flags[] = {SA_RESTART, 0};

	for (int i = 0; i < 2; i++) {
		handle(SIGUSR1, flags[i]);
		k.regs = (struct exec_regs){.rsp = STACK, .rip = RIP, .rax = (uint64_t)-EINTR, .flags = 2};
		k.t.now->blocked = 0;
		CALL(&k, tgkill, EXEC_PID, EXEC_PID, SIGUSR1);
		k.t.now->nr = SYS_read;
		k.t.now->restart = true;
		exec_deliver(&k.t);
		assert_int_equal(word(SIG_RIP), i ? RIP : RIP - 2);
		assert_int_equal(word(RAX), i ? (uint64_t)-EINTR : SYS_read);
	}
}

/* Real-time signals are queued in their order, up to a limit; others once. */
static void queue(void **state)
{
	struct exec_info info = {.signal = 40, .code = -1};

	k.t.now->blocked = ~UINT64_C(0) & ~UNMASKABLE;
	for (unsigned i = 0; i < EXEC_QUEUE_MAX; i++) {
		info.word[1] = i;
		assert_int_equal(exec_send(&k.t, NULL, &info), 0);
	}
	assert_int_equal(exec_send(&k.t, NULL, &info), -EAGAIN);
	/* A standard signal is sent all the same, without details. */
	exec_signal(&k.t, SIGHUP);
	assert_true(exec_take(&k.t, MASK_OF(SIGHUP), &info) && info.signal == SIGHUP && !info.word[0]);
	assert_false(exec_take(&k.t, MASK_OF(SIGHUP), &info));
	for (unsigned i = 0; i < EXEC_QUEUE_MAX; i++)
		assert_true(exec_take(&k.t, MASK_OF(40), &info) && info.word[1] == i);
	assert_false(exec_take(&k.t, ~UINT64_C(0), &info));
	exec_signal(&k.t, SIGUSR1);
	exec_signal(&k.t, SIGUSR1);
	assert_true(exec_take(&k.t, ~UINT64_C(0), &info) && !exec_take(&k.t, ~UINT64_C(0), &info));
}

/* The mask of sigsuspend() and ppoll() ends with the call, and the handler's frame has the one before it. */
static void masks(void **state)
{
	k.t.now->blocked = MASK_OF(SIGUSR1);
	handle(SIGUSR1, 0);
	CALL(&k, tgkill, EXEC_PID, EXEC_PID, SIGUSR1);
	assert_false(exec_attention(&k.t));
	set_word(KIT_SCRATCH, 0);
	assert_int_equal(CALL(&k, rt_sigsuspend, KIT_SCRATCH, 8), -EINTR);
	assert_true(exec_attention(&k.t) && !k.t.now->blocked);
	exec_deliver(&k.t);
	assert_true(k.regs.rip == HANDLER && word(MASK) == MASK_OF(SIGUSR1));
	/* Without a signal it is as before. */
	k.t.now->blocked = MASK_OF(SIGHUP);
	set_word(KIT_SCRATCH + 8, 0);
	set_word(KIT_SCRATCH + 16, 0);
	assert_int_equal(CALL(&k, ppoll, 0, 0, KIT_SCRATCH + 8, KIT_SCRATCH, 8), 0);
	assert_int_equal(k.t.now->blocked, MASK_OF(SIGHUP));
	assert_int_equal(CALL(&k, rt_sigsuspend, KIT_SCRATCH, 7), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(frame, set_up, tear_down),
		cmocka_unit_test_setup_teardown(and_back, set_up, tear_down),
		cmocka_unit_test_setup_teardown(forged, set_up, tear_down),
		cmocka_unit_test_setup_teardown(stacks, set_up, tear_down),
		cmocka_unit_test_setup_teardown(interrupted, set_up, tear_down),
		cmocka_unit_test_setup_teardown(queue, set_up, tear_down),
		cmocka_unit_test_setup_teardown(masks, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
