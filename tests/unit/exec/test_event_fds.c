// SPDX-License-Identifier: Apache-2.0
/*
 * timerfd and signalfd of a program on host memory: what they report and when, who waits for them, and their limits.
 */
#include "tests/support/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <time.h>

#include "tests/support/exec_kit.h"
#include "vmm/base/clock.h"
#include "vmm/exec/signals.h"
#include "vmm/exec/threads.h"

#define A_THREAD (CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD)
#define BUF      (KIT_SCRATCH + PAGE_4K)
#define EDGE     (KIT_SCRATCH + 3 * PAGE_4K - 5) /* what is here is in two pages */
#define BAD      UINT64_C(0x123000)
#define MS       UINT64_C(1000000)

static struct kit_task k;

#define CALL(nr, ...) exec_call(&k.t, SYS_##nr, (const uint64_t[6]){__VA_ARGS__})

static int set_up(void **state)
{
	kit_task_open(&k, 8 * MIB, (const int[]){-1, -1, -1}, NULL);
	k.t.others = calloc(EXEC_THREADS_MAX - 1, sizeof(*k.t.others));
	kit_must(k.t.others);
	return 0;
}

static int tear_down(void **state)
{
	free(k.t.others);
	kit_task_close(&k);
	return 0;
}

static uint64_t timer(uint64_t clock, uint64_t flags)
{
	int64_t fd = CALL(timerfd_create, clock, flags);

	assert_true(fd >= 0);
	return (uint64_t)fd;
}

static int64_t set_timer(uint64_t fd, uint64_t flags, uint64_t first_ns, uint64_t every_ns)
{
	const struct itimerspec t = {ns_to_timespec(every_ns), ns_to_timespec(first_ns)};

	kit_must(space_write(&k.t.space, BUF, &t, sizeof(t)) == 0);
	return CALL(timerfd_settime, fd, flags, BUF, BUF + 64);
}

static uint64_t word_at(uint64_t at)
{
	uint64_t v = 0;

	kit_must(space_read(&k.t.space, at, &v, sizeof(v)) == 0);
	return v;
}

static short poll_one(uint64_t fd, int ms)
{
	struct pollfd p = {.fd = (int)fd, .events = POLLIN | POLLOUT};

	kit_must(space_write(&k.t.space, BUF, &p, sizeof(p)) == 0);
	kit_must(CALL(poll, BUF, 1, (uint64_t)ms) >= 0);
	kit_must(space_read(&k.t.space, BUF, &p, sizeof(p)) == 0);
	return p.revents;
}

static void a_timer_counts_what_has_passed(void **state)
{
	uint64_t fd = timer(CLOCK_MONOTONIC, O_NONBLOCK), now = clock_ns(CLOCK_MONOTONIC);

	assert_int_equal(CALL(read, fd, BUF, 8), -EAGAIN);
	assert_int_equal(poll_one(fd, 0), 0);
	/* Ten times since it should have begun, and a bit. */
	assert_int_equal(set_timer(fd, 1, now - 10 * 1000 * MS, 1000 * MS), 0);
	assert_int_equal(poll_one(fd, 0), POLLIN);
	assert_int_equal(CALL(read, fd, EDGE, 7), -EINVAL);
	assert_int_equal(CALL(read, fd, EDGE, 100), 8);
	assert_int_equal(word_at(EDGE), 11);
	assert_int_equal(CALL(read, fd, BUF, 8), -EAGAIN);
	assert_int_equal(CALL(timerfd_gettime, fd, BUF), 0);
	assert_true(word_at(BUF) == 1 && word_at(BUF + 16) == 0 && word_at(BUF + 24) > 0);
	/* The old setting, and one that ends it. */
	assert_int_equal(set_timer(fd, 0, 0, 0), 0);
	assert_int_equal(word_at(BUF + 64), 1);
	assert_int_equal(CALL(timerfd_gettime, fd, BUF), 0);
	assert_int_equal(word_at(BUF + 16) | word_at(BUF + 24), 0);
	/* It is one time, however late it is asked. */
	assert_int_equal(set_timer(fd, 1, 1, 0), 0);
	assert_int_equal(CALL(read, fd, BUF, 8), 8);
	assert_int_equal(word_at(BUF), 1);
	assert_int_equal(CALL(write, fd, BUF, 8), -EINVAL);
	assert_int_equal(CALL(pread64, fd, BUF, 8, 0), -ESPIPE);
}

static void waits_end_with_it(void **state)
{
	uint64_t fd = timer(CLOCK_REALTIME, 0), ep = (uint64_t)CALL(epoll_create1, 0), before;
	const uint32_t event[3] = {EPOLLIN, 7};

	kit_must(space_write(&k.t.space, BUF + 128, event, sizeof(event)) == 0);
	assert_int_equal(CALL(epoll_ctl, ep, EPOLL_CTL_ADD, fd, BUF + 128), 0);
	before = clock_ns(CLOCK_MONOTONIC);
	assert_int_equal(set_timer(fd, 0, 3 * MS, 0), 0);
	assert_int_equal(CALL(epoll_wait, ep, BUF, 1, UINT64_MAX), 1);
	assert_int_equal(word_at(BUF + 4), 7);
	assert_true(clock_ns(CLOCK_MONOTONIC) - before >= 3 * MS);
	assert_int_equal(CALL(read, fd, BUF, 8), 8);
	assert_int_equal(set_timer(fd, 0, 2 * MS, 0), 0);
	assert_int_equal(CALL(read, fd, BUF, 8), 8);
	/* A limit that comes before it counts. */
	assert_int_equal(set_timer(fd, 0, 100000 * MS, 0), 0);
	assert_int_equal(CALL(epoll_wait, ep, BUF, 1, 2), 0);
	assert_int_equal(CALL(close, fd), 0);
	assert_int_equal(CALL(epoll_wait, ep, BUF, 1, 0), 0);
}

/* Another thread runs meanwhile, and sets the timer that the first one waits for. */
static void a_timer_that_another_thread_sets(void **state)
{
	uint64_t fd = timer(CLOCK_MONOTONIC, 0);
	int tid = (int)CALL(clone, A_THREAD, 0x2000, 0, 0, 0);

	assert_int_equal(CALL(read, fd, BUF + 128, 8), -EXEC_BLOCKED);
	exec_schedule(&k.t);
	assert_int_equal(k.t.now->tid, tid);
	assert_int_equal(set_timer(fd, 0, 3 * MS, 0), 0);
	assert_int_equal(CALL(pause), -EXEC_BLOCKED);
	exec_schedule(&k.t);
	assert_true(k.t.now == &k.t.main && k.t.now->result == 8 && word_at(BUF + 128) == 1);
}

static void bounds_of_timers(void **state)
{
	const struct itimerspec bad = {.it_value = {0, 1000000000}};
	uint64_t fd = timer(CLOCK_BOOTTIME, 0);

	assert_int_equal(CALL(timerfd_create, CLOCK_PROCESS_CPUTIME_ID, 0), -EINVAL);
	assert_int_equal(CALL(timerfd_create, CLOCK_MONOTONIC, 1), -EINVAL);
	assert_int_equal(CALL(timerfd_create, 8, 0), -EPERM);
	assert_int_equal(CALL(timerfd_settime, fd, 4, BUF, 0), -EINVAL);
	assert_int_equal(CALL(timerfd_settime, fd, 0, BAD, 0), -EFAULT);
	assert_int_equal(CALL(timerfd_settime, 77, 0, BUF, 0), -EBADF);
	kit_must(space_write(&k.t.space, BUF, &bad, sizeof(bad)) == 0);
	assert_int_equal(CALL(timerfd_settime, fd, 0, BUF, 0), -EINVAL);
	/* As far as the clock goes, and every nanosecond. */
	assert_int_equal(set_timer(fd, 1, UINT64_C(1) << 62, UINT64_C(1) << 62), 0);
	assert_int_equal(poll_one(fd, 0), 0);
	assert_int_equal(set_timer(fd, 1, 1, 1), 0);
	assert_int_equal(CALL(read, fd, BUF, 8), 8);
	assert_true(word_at(BUF) > 1000);
	for (unsigned i = 1; i < EXEC_TIMERFDS_MAX; i++)
		timer(CLOCK_MONOTONIC, 0);
	assert_int_equal(CALL(timerfd_create, CLOCK_MONOTONIC, 0), -EMFILE);
	assert_int_equal(CALL(close, fd), 0);
	/* The next one has nothing of it. */
	fd = timer(CLOCK_MONOTONIC, O_NONBLOCK);
	assert_int_equal(CALL(read, fd, BUF, 8), -EAGAIN);
}

static uint64_t signals_of(uint64_t set, uint64_t flags)
{
	int64_t fd;

	kit_must(space_write(&k.t.space, BUF, &set, sizeof(set)) == 0);
	fd = CALL(signalfd4, UINT64_MAX, BUF, 8, flags);
	assert_true(fd >= 0);
	return (uint64_t)fd;
}

static struct signalfd_siginfo info_at(uint64_t at)
{
	struct signalfd_siginfo s;

	kit_must(space_read(&k.t.space, at, &s, sizeof(s)) == 0);
	return s;
}

static void signals_are_read(void **state)
{
	uint64_t set = MASK_OF(SIGUSR1) | MASK_OF(SIGUSR2) | MASK_OF(40), fd = signals_of(set, O_NONBLOCK), none = 0;

	k.t.main.blocked = set;
	assert_int_equal(CALL(read, fd, EDGE, 1000), -EAGAIN);
	assert_int_equal(CALL(kill, EXEC_PID, SIGUSR1), 0);
	kit_must(exec_send(&k.t, NULL, &(const struct exec_info){40, 0, -1, {5 | UINT64_C(6) << 32, 77}}) == 0);
	kit_must(exec_send(&k.t, NULL, &(const struct exec_info){40, 0, -2, {3 | UINT64_C(9) << 32, 78}}) == 0);
	assert_int_equal(poll_one(fd, 0), POLLIN);
	/* Two fit, and the third has to wait. */
	assert_int_equal(CALL(read, fd, EDGE, 300), 256);
	assert_true(info_at(EDGE).ssi_signo == SIGUSR1 && info_at(EDGE).ssi_pid == EXEC_PID);
	assert_true(info_at(EDGE + 128).ssi_signo == 40 && info_at(EDGE + 128).ssi_int == 77);
	assert_true(info_at(EDGE + 128).ssi_pid == 5 && info_at(EDGE + 128).ssi_uid == 6);
	assert_int_equal(CALL(read, fd, EDGE, 127), -EINVAL);
	assert_int_equal(CALL(read, fd, EDGE, 128), 128);
	assert_true(info_at(EDGE).ssi_tid == 3 && info_at(EDGE).ssi_overrun == 9 && info_at(EDGE).ssi_ptr == 78);
	assert_int_equal(poll_one(fd, 0), 0);
	/* Another set: what is pending is no longer its. */
	assert_int_equal(CALL(kill, EXEC_PID, SIGUSR2), 0);
	kit_must(space_write(&k.t.space, BUF, &none, sizeof(none)) == 0);
	assert_int_equal(CALL(signalfd4, fd, BUF, 8, 0), fd);
	assert_int_equal(CALL(read, fd, EDGE, 128), -EAGAIN);
	assert_true(k.t.pending & MASK_OF(SIGUSR2));
	assert_int_equal(CALL(signalfd4, fd, BUF, 4, 0), -EINVAL);
	assert_int_equal(CALL(signalfd4, fd, BAD, 8, 0), -EFAULT);
	assert_int_equal(CALL(signalfd4, 99, BUF, 8, 0), -EBADF);
	assert_int_equal(CALL(signalfd, timer(CLOCK_MONOTONIC, 0), BUF, 8), -EINVAL);
	/* SIGKILL is not read: it kills. */
	fd = signals_of(UINT64_MAX, 0);
	assert_int_equal(CALL(kill, EXEC_PID, SIGKILL), 0);
	assert_true(k.t.end.ended && k.t.end.signal == SIGKILL);
}

/* A thread that waits for it sleeps until another one sends a signal that both block; then its wait is over. */
static void a_signal_ends_a_read(void **state)
{
	uint64_t fd = signals_of(MASK_OF(SIGUSR1), 0);
	int tid;

	k.t.main.blocked = MASK_OF(SIGUSR1);
	tid = (int)CALL(clone, A_THREAD, 0x2000, 0, 0, 0);
	assert_int_equal(CALL(read, fd, EDGE, 128), -EXEC_BLOCKED);
	exec_schedule(&k.t);
	assert_int_equal(k.t.now->tid, tid);
	assert_int_equal(CALL(kill, EXEC_PID, SIGUSR1), 0);
	k.t.yields = true;
	exec_schedule(&k.t);
	assert_true(k.t.now == &k.t.main && k.t.now->result == 128 && info_at(EDGE).ssi_signo == SIGUSR1);
	assert_true(!k.t.pending && !k.t.main.waits_for);
	/* Nothing of the wait is left: a blocked signal ends no other one. */
	assert_int_equal(CALL(kill, EXEC_PID, SIGUSR1), 0);
	assert_int_equal(CALL(pause), -EXEC_BLOCKED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_timer_counts_what_has_passed, set_up, tear_down),
		cmocka_unit_test_setup_teardown(waits_end_with_it, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_timer_that_another_thread_sets, set_up, tear_down),
		cmocka_unit_test_setup_teardown(bounds_of_timers, set_up, tear_down),
		cmocka_unit_test_setup_teardown(signals_are_read, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_signal_ends_a_read, set_up, tear_down),
	};

	alarm(20);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
