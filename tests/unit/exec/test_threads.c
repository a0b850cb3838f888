// SPDX-License-Identifier: Apache-2.0
/*
 * Threads on host memory: whose registers are loaded, who waits for what, futexes, timers, and hostile arguments.
 */
#include "tests/support/unit.h"

#include <errno.h>
#include <linux/futex.h>
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <time.h>

#include "tests/support/exec_kit.h"
#include "vmm/exec/signals.h"
#include "vmm/exec/threads.h"
#include "vmm/exec/timers.h"

#define A_THREAD (CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD)
#define WORD     (KIT_SCRATCH + 256)
#define BAD      UINT64_C(0x123000)

#define CALL(k, nr, ...) exec_call(&(k)->t, SYS_##nr, (const uint64_t[6]){__VA_ARGS__})

static struct kit_task k;

static int set_up(void **state)
{
	kit_task_open(&k, 8 * MIB, (const int[]){-1, -1, -1}, NULL);
	k.t.others = calloc(EXEC_THREADS_MAX - 1, sizeof(*k.t.others));
	kit_must(k.t.others);
	k.regs = (struct exec_regs){.rsp = 0x1000, .rip = 0x401000, .rbx = 1};
	return 0;
}

static int tear_down(void **state)
{
	free(k.t.others);
	kit_task_close(&k);
	return 0;
}

static int spawn(uint64_t flags, uint64_t tls)
{
	return (int)CALL(&k, clone, A_THREAD | flags, 0x2000, WORD + 8, WORD + 16, tls);
}

static uint32_t word(uint64_t at)
{
	uint32_t v = 0;

	kit_must(space_read(&k.t.space, at, &v, sizeof(v)) == 0);
	return v;
}

/* The next turn: of @tid */
static void turn_of(int tid)
{
	k.t.yields = true;
	exec_schedule(&k.t);
	assert_int_equal(k.t.now->tid, tid);
}

static void registers_are_switched(void **state)
{
	int tid = spawn(CLONE_SETTLS | CLONE_PARENT_SETTID, 0x7000);

	assert_int_equal(tid, EXEC_PID + 1);
	assert_int_equal(word(WORD + 8), tid);
	assert_true(k.alarm > 0);
	k.base[0] = 0x5000;
	memset(k.fpu, 1, sizeof(k.fpu));
	turn_of(tid);
	assert_true(k.regs.rsp == 0x2000 && k.regs.rax == 0 && k.regs.rbx == 1 && k.base[0] == 0x7000 && k.fpu[9] == 0);
	k.regs.rbx = 2;
	turn_of(EXEC_PID);
	assert_true(k.regs.rsp == 0x1000 && k.regs.rbx == 1 && k.base[0] == 0x5000 && k.fpu[9] == 1);
	turn_of(tid);
	assert_int_equal(k.regs.rbx, 2);
}

static void futexes(void **state)
{
	const struct timespec none = {0, 0};
	int tid = spawn(CLONE_CHILD_CLEARTID | CLONE_CHILD_SETTID, 0);

	assert_int_equal(word(WORD + 16), tid);
	/* The first thread waits; the second wakes it. */
	assert_int_equal(CALL(&k, futex, WORD, FUTEX_WAIT, 0, 0), -EXEC_BLOCKED);
	exec_schedule(&k.t);
	assert_int_equal(k.t.now->tid, tid);
	turn_of(tid);
	assert_int_equal(CALL(&k, futex, WORD + 4, FUTEX_WAKE, 1), 0);
	assert_int_equal(CALL(&k, futex, WORD, FUTEX_WAKE_BITSET, 1, 0, 0, 1), 1);
	assert_int_equal(CALL(&k, futex, WORD, FUTEX_WAKE, 1), 0);
	turn_of(EXEC_PID);
	assert_true(k.t.now->finished && k.t.now->result == 0 && k.regs.rax == 0);
	/* The next wait does not begin as woken: it would be made again all the time. */
	assert_false(k.t.main.woken);
	/* It waits for the other's end, and is told. */
	assert_int_equal(CALL(&k, futex, WORD + 16, FUTEX_WAIT, (uint64_t)tid, 0), -EXEC_BLOCKED);
	exec_schedule(&k.t);
	assert_int_equal(CALL(&k, exit, 3), 0);
	assert_false(k.t.end.ended);
	exec_schedule(&k.t);
	assert_true(k.t.now == &k.t.main && k.t.now->result == 0 && word(WORD + 16) == 0);
	/* Alone again, with a time that is over. */
	kit_must(space_write(&k.t.space, WORD + 32, &none, sizeof(none)) == 0);
	assert_int_equal(CALL(&k, futex, WORD, FUTEX_WAIT, 0, WORD + 32), -ETIMEDOUT);
	assert_int_equal(CALL(&k, exit, 5), 0);
	assert_true(k.t.end.ended && k.t.end.status == 5);
}

static void requeued(void **state)
{
	int second = spawn(0, 0), third = spawn(0, 0);

	assert_int_equal(CALL(&k, futex, WORD, FUTEX_WAIT, 0, 0), -EXEC_BLOCKED);
	exec_schedule(&k.t);
	assert_int_equal(k.t.now->tid, second);
	assert_int_equal(CALL(&k, futex, WORD, FUTEX_WAIT, 0, 0), -EXEC_BLOCKED);
	exec_schedule(&k.t);
	assert_int_equal(k.t.now->tid, third);
	assert_int_equal(CALL(&k, futex, WORD, FUTEX_CMP_REQUEUE, 1, 1, WORD + 64, 7), -EAGAIN);
	assert_int_equal(CALL(&k, futex, WORD, FUTEX_CMP_REQUEUE, 1, 1, WORD + 64, 0), 2);
	assert_int_equal(CALL(&k, futex, WORD, FUTEX_WAKE, 9), 0);
	/* The one that came first was woken, the other waits elsewhere. */
	assert_true(k.t.main.woken && exec_thread_of(&k.t, second)->futex == WORD + 64);
	assert_int_equal(CALL(&k, futex, WORD + 64, FUTEX_WAKE, 9), 1);
}

static void put_word(uint64_t at, uint32_t v)
{
	kit_must(space_write(&k.t.space, at, &v, sizeof(v)) == 0);
}

/* One of each futex is woken, the second if the old word compares. */
static void two_futexes_at_once(void **state)
{
	int second = spawn(0, 0), third = spawn(0, 0);

	put_word(WORD + 4, 5);
	assert_int_equal(CALL(&k, futex, WORD, FUTEX_WAIT, 0, 0), -EXEC_BLOCKED);
	exec_schedule(&k.t);
	assert_int_equal(k.t.now->tid, second);
	assert_int_equal(CALL(&k, futex, WORD + 4, FUTEX_WAIT, 5, 0), -EXEC_BLOCKED);
	exec_schedule(&k.t);
	assert_int_equal(k.t.now->tid, third);
	assert_int_equal(CALL(&k, futex, WORD + 64, FUTEX_WAKE_OP, 1, 1, WORD + 4,
				 FUTEX_OP(FUTEX_OP_ADD, 2, FUTEX_OP_CMP_GT, 5)),
		0);
	assert_int_equal(word(WORD + 4), 7);
	assert_int_equal(
		CALL(&k, futex, WORD, FUTEX_WAKE_OP, 1, 1, WORD + 4, FUTEX_OP(FUTEX_OP_SET, -2, FUTEX_OP_CMP_GE, 7)),
		2);
	assert_int_equal(word(WORD + 4), UINT32_MAX - 1);
	assert_true(k.t.main.woken && exec_thread_of(&k.t, second)->woken);
}

/* Its word says who owns it; who came first is the next, and a plain wake wakes nobody. */
static void mutexes_with_inheritance(void **state)
{
	const uint32_t waiters = FUTEX_WAITERS;
	const struct timespec past = {1, 0};
	int second = spawn(0, 0), third = spawn(0, 0);

	assert_int_equal(CALL(&k, futex, WORD, FUTEX_LOCK_PI, 0, 0), 0);
	assert_int_equal(word(WORD), EXEC_PID);
	assert_int_equal(CALL(&k, futex, WORD, FUTEX_LOCK_PI, 0, 0), -EDEADLK);
	turn_of(second);
	assert_int_equal(CALL(&k, futex, WORD, FUTEX_TRYLOCK_PI, 0, 0), -EAGAIN);
	assert_int_equal(CALL(&k, futex, WORD, FUTEX_UNLOCK_PI, 0, 0), -EPERM);
	kit_must(space_write(&k.t.space, WORD + 32, &past, sizeof(past)) == 0);
	assert_int_equal(CALL(&k, futex, WORD, FUTEX_LOCK_PI, 0, WORD + 32), -ETIMEDOUT);
	assert_int_equal(CALL(&k, futex, WORD, 13, 0, WORD + 32), -ETIMEDOUT);
	assert_int_equal(CALL(&k, futex, WORD, FUTEX_LOCK_PI, 0, 0), -EXEC_BLOCKED);
	assert_int_equal(word(WORD), waiters | EXEC_PID);
	exec_schedule(&k.t);
	assert_int_equal(k.t.now->tid, third);
	assert_int_equal(CALL(&k, futex, WORD, FUTEX_LOCK_PI, 0, 0), -EXEC_BLOCKED);
	exec_schedule(&k.t);
	assert_int_equal(k.t.now->tid, EXEC_PID);
	assert_int_equal(CALL(&k, futex, WORD, FUTEX_WAKE, 9), 0);
	assert_int_equal(CALL(&k, futex, WORD, FUTEX_UNLOCK_PI), 0);
	assert_int_equal(word(WORD), waiters | (uint32_t)second);
	turn_of(second);
	assert_true(k.t.now->finished && k.t.now->result == 0);
	/* Its owner ends: the next one learns it. */
	CALL(&k, exit, 0);
	exec_schedule(&k.t);
	assert_true(k.t.now->tid == third && k.t.now->result == 0);
	assert_int_equal(word(WORD), waiters | FUTEX_OWNER_DIED | (uint32_t)third);
	assert_int_equal(CALL(&k, futex, WORD, FUTEX_UNLOCK_PI), 0);
	assert_int_equal(word(WORD), 0);
	put_word(WORD, 12345);
	assert_int_equal(CALL(&k, futex, WORD, FUTEX_LOCK_PI, 0, 0), -ESRCH);
	put_word(WORD, FUTEX_OWNER_DIED);
	assert_int_equal(CALL(&k, futex, WORD, FUTEX_LOCK_PI, 0, 0), 0);
	assert_int_equal(word(WORD), FUTEX_OWNER_DIED | (uint32_t)third);
}

/* A handler without SA_RESTART runs, and the lock is asked for again all the same: the C library expects no EINTR. */
static void a_lock_is_not_interrupted(void **state)
{
	int second = spawn(0, 0);
	uint64_t rip;

	assert_int_equal(CALL(&k, futex, WORD, FUTEX_LOCK_PI, 0, 0), 0);
	turn_of(second);
	k.t.action[SIGUSR1] = (struct exec_action){.handler = 0x402000, .flags = EXEC_SA_RESTORER};
	k.regs.rsp = KIT_SCRATCH + 16 * PAGE_4K;
	rip = k.regs.rip;
	assert_int_equal(CALL(&k, futex, WORD, FUTEX_LOCK_PI, 0, 0), -EXEC_BLOCKED);
	k.t.main.blocked = MASK_OF(SIGUSR1);
	exec_send(&k.t, NULL, &(const struct exec_info){.signal = SIGUSR1});
	exec_schedule(&k.t);
	turn_of(second);
	exec_deliver(&k.t);
	assert_int_equal(k.regs.rip, 0x402000);
	/* The frame goes back to the instruction of the call: struct rt_sigframe has RIP behind 5 + 16 words. */
	assert_int_equal(word(k.regs.rsp + 8 + 40 + 16 * 8), (uint32_t)rip - 2);
}

/* A pipe that is empty lets another thread run, and the read ends when there is something. */
static void pipes(void **state)
{
	uint32_t fd[2];
	int tid = spawn(0, 0);

	assert_int_equal(CALL(&k, pipe, WORD), 0);
	kit_must(space_read(&k.t.space, WORD, fd, sizeof(fd)) == 0);
	assert_int_equal(CALL(&k, read, fd[0], WORD + 64, 10), -EXEC_BLOCKED);
	exec_schedule(&k.t);
	assert_int_equal(k.t.now->tid, tid);
	turn_of(tid);
	assert_int_equal(CALL(&k, write, fd[1], KIT_SCRATCH, 4), 4);
	turn_of(EXEC_PID);
	assert_int_equal(k.t.now->result, 4);
	/* A write of more than there is room for goes on where it was. */
	assert_int_equal(CALL(&k, write, fd[1], KIT_SCRATCH, EXEC_PIPE_SIZE + 100), -EXEC_BLOCKED);
	exec_schedule(&k.t);
	assert_int_equal(CALL(&k, read, fd[0], KIT_SCRATCH, 4096), 4096);
	turn_of(EXEC_PID);
	assert_int_equal(k.t.now->result, EXEC_PIPE_SIZE + 100);
}

static void a_bomb(void **state)
{
	int last = 0;

	for (unsigned i = 1; i < EXEC_THREADS_MAX; i++) {
		int tid = spawn(0, 0);

		assert_true(tid > last);
		last = tid;
	}
	assert_int_equal(spawn(0, 0), -EAGAIN);
	turn_of(EXEC_PID + 1);
	CALL(&k, exit, 0);
	exec_schedule(&k.t);
	assert_int_equal(spawn(0, 0), last + 1);
}

static void hostile(void **state)
{
	const uint64_t args[11] = {CLONE_VM}, loop[3] = {WORD + 128, 8, WORD + 130};

	assert_int_equal(CALL(&k, clone, SIGCHLD, 0), -ENOSYS);
	assert_int_equal(CALL(&k, clone, A_THREAD | CLONE_SETTLS, 0, 0, 0, UINT64_C(1) << 62), -EPERM);
	kit_must(space_write(&k.t.space, WORD, args, sizeof(args)) == 0);
	assert_int_equal(CALL(&k, clone3, WORD, 88), -ENOSYS);
	assert_int_equal(CALL(&k, clone3, WORD, 63), -EINVAL);
	assert_int_equal(CALL(&k, clone3, WORD, 8192), -E2BIG);
	assert_int_equal(CALL(&k, clone3, BAD, 88), -EFAULT);
	assert_int_equal(CALL(&k, futex, WORD + 1, FUTEX_WAIT, 0, 0), -EINVAL);
	assert_int_equal(CALL(&k, futex, BAD, FUTEX_WAIT, 0, 0), -EFAULT);
	assert_int_equal(CALL(&k, futex, UINT64_C(1) << 63, FUTEX_WAKE, 1), -EFAULT);
	assert_int_equal(CALL(&k, futex, WORD, FUTEX_WAIT_REQUEUE_PI, 0), -ENOSYS);
	assert_int_equal(CALL(&k, futex, BAD, FUTEX_LOCK_PI, 0), -EFAULT);
	assert_int_equal(CALL(&k, futex, BAD, FUTEX_UNLOCK_PI, 0), -EFAULT);
	assert_int_equal(CALL(&k, futex, WORD, FUTEX_WAKE_OP, 1, 1, BAD, 0), -EFAULT);
	assert_int_equal(CALL(&k, futex, WORD, FUTEX_WAKE_OP, 1, 1, WORD, UINT64_C(7) << 28), -ENOSYS);
	assert_int_equal(CALL(&k, futex, WORD, FUTEX_WAKE_OP, 1, 1, WORD, UINT64_C(6) << 24), -ENOSYS);
	assert_int_equal(CALL(&k, tgkill, EXEC_PID, EXEC_PID + 1, SIGTERM), -ESRCH);
	/* A list of mutexes that ends in itself: its thread ends all the same. */
	spawn(0, 0);
	kit_must(space_write(&k.t.space, WORD + 128, loop, sizeof(loop)) == 0);
	assert_int_equal(CALL(&k, set_robust_list, WORD + 112, 24), 0);
	CALL(&k, exit, 0);
	assert_true(k.t.nr_threads == 1 && !k.t.end.ended);
}

/* A signal for the process goes to the one that does not block it, and ends its wait. */
static void signals(void **state)
{
	int tid = spawn(0, 0);

	k.t.action[SIGUSR1].handler = 0x401000;
	k.t.main.blocked = MASK_OF(SIGUSR1);
	assert_int_equal(CALL(&k, pause), -EXEC_BLOCKED);
	exec_schedule(&k.t);
	CALL(&k, pause);
	k.t.others[0].state = EXEC_WAITING;
	exec_send(&k.t, NULL, &(const struct exec_info){.signal = SIGUSR1});
	exec_schedule(&k.t);
	assert_true(k.t.now->tid == tid && k.t.now->result == -EINTR && exec_attention(&k.t));
	/* All block it: it is pending. With the default action it would end the program. */
	k.t.now->blocked = MASK_OF(SIGTERM);
	k.t.main.blocked |= MASK_OF(SIGTERM);
	exec_send(&k.t, NULL, &(const struct exec_info){.signal = SIGTERM});
	assert_true(!k.t.end.ended && k.t.pending & MASK_OF(SIGTERM));
	k.t.main.blocked = 0;
	exec_send(&k.t, NULL, &(const struct exec_info){.signal = SIGHUP});
	assert_true(k.t.end.ended && k.t.end.signal == SIGHUP);
}

static void timers(void **state)
{
	const uint64_t soon[4] = {0, 1, 0, 1};
	const uint64_t bad[4] = {0, 0, 0, 1000000};
	uint64_t old[4];

	k.t.action[SIGALRM].handler = 0x401000;
	kit_must(space_write(&k.t.space, WORD, soon, sizeof(soon)) == 0);
	kit_must(space_write(&k.t.space, WORD + 32, bad, sizeof(bad)) == 0);
	assert_int_equal(CALL(&k, setitimer, 0, WORD + 32, 0), -EINVAL);
	assert_int_equal(CALL(&k, setitimer, 3, WORD, 0), -EINVAL);
	assert_int_equal(CALL(&k, setitimer, 0, WORD, 0), 0);
	assert_true(k.alarm > 0 && k.alarm <= 1000);
	while (!(k.t.pending & MASK_OF(SIGALRM)))
		exec_timers_run(&k.t);
	assert_int_equal(CALL(&k, setitimer, 0, 0, WORD + 64), 0);
	kit_must(space_read(&k.t.space, WORD + 64, old, sizeof(old)) == 0);
	assert_true(old[1] == 1 && !k.alarm);
	for (int i = 0; i < EXEC_TIMERS_MAX - EXEC_ITIMERS; i++)
		assert_int_equal(CALL(&k, timer_create, CLOCK_MONOTONIC, 0, WORD), 0);
	assert_int_equal(CALL(&k, timer_create, CLOCK_MONOTONIC, 0, WORD), -EAGAIN);
	assert_int_equal(CALL(&k, timer_delete, 31), 0);
	assert_int_equal(CALL(&k, timer_delete, 31), -EINVAL);
	assert_int_equal(CALL(&k, timer_settime, UINT64_MAX, 0, WORD, 0), -EINVAL);
	assert_int_equal(CALL(&k, timer_create, 77, 0, WORD), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(registers_are_switched, set_up, tear_down),
		cmocka_unit_test_setup_teardown(futexes, set_up, tear_down),
		cmocka_unit_test_setup_teardown(requeued, set_up, tear_down),
		cmocka_unit_test_setup_teardown(two_futexes_at_once, set_up, tear_down),
		cmocka_unit_test_setup_teardown(mutexes_with_inheritance, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_lock_is_not_interrupted, set_up, tear_down),
		cmocka_unit_test_setup_teardown(pipes, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_bomb, set_up, tear_down),
		cmocka_unit_test_setup_teardown(hostile, set_up, tear_down),
		cmocka_unit_test_setup_teardown(signals, set_up, tear_down),
		cmocka_unit_test_setup_teardown(timers, set_up, tear_down),
	};

	alarm(20);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
