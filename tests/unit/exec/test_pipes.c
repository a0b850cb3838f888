// SPDX-License-Identifier: Apache-2.0
/*
 * Pipes, counters and epoll of a program: bytes in their order, both ends, limits, and what is ready.
 */
#include "tests/support/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "tests/support/exec_kit.h"

#define BUF  (KIT_SCRATCH + PAGE_4K)
#define ROOM (40 * PAGE_4K)

struct fixture {
	struct kit_task k;
	int32_t end[2];
};

#define CALL(f, nr, ...) exec_call(&(f)->k.t, SYS_##nr, (const uint64_t[6]){__VA_ARGS__})

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	kit_must(f);
	kit_task_open(&f->k, 8 * MIB, (const int[]){-1, -1, -1}, NULL);
	kit_must(CALL(f, pipe2, KIT_SCRATCH, O_CLOEXEC) == 0);
	kit_must(space_read(&f->k.t.space, KIT_SCRATCH, f->end, sizeof(f->end)) == 0);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	kit_task_close(&f->k);
	free(f);
	return 0;
}

#define READ(f, n)  CALL(f, read, (uint64_t)(f)->end[0], BUF, n)
#define WRITE(f, n) CALL(f, write, (uint64_t)(f)->end[1], BUF, n)

static short events(struct fixture *f, int32_t fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN | POLLOUT};

	kit_must(space_write(&f->k.t.space, KIT_SCRATCH, &p, sizeof(p)) == 0);
	kit_must(CALL(f, poll, KIT_SCRATCH, 1, 0) >= 0);
	kit_must(space_read(&f->k.t.space, KIT_SCRATCH, &p, sizeof(p)) == 0);
	return p.revents;
}

static void bytes_in_order(void **state)
{
	struct fixture *f = *state;
	uint8_t *bytes = malloc(ROOM), *got = malloc(ROOM);
	int n;

	assert_int_equal(f->end[0], 0);
	assert_int_equal(f->end[1], 1);
	for (size_t i = 0; i < ROOM; i++)
		bytes[i] = (uint8_t)(i * 7 + i / 256);
	/* Around the end of the buffer, several times. */
	for (int round = 0; round < 5; round++) {
		kit_must(space_write(&f->k.t.space, BUF, bytes + round, 30000) == 0);
		assert_int_equal(WRITE(f, 30000), 30000);
		assert_int_equal(CALL(f, ioctl, (uint64_t)f->end[0], FIONREAD, KIT_SCRATCH), 0);
		kit_must(space_read(&f->k.t.space, KIT_SCRATCH, &n, sizeof(n)) == 0);
		assert_int_equal(n, 30000);
		kit_must(space_write(&f->k.t.space, BUF, got, 1) == 0);
		assert_int_equal(READ(f, 10000), 10000);
		assert_int_equal(CALL(f, read, (uint64_t)f->end[0], BUF + 10000, 100000), 20000);
		kit_must(space_read(&f->k.t.space, BUF, got, 30000) == 0);
		assert_memory_equal(got, bytes + round, 30000);
	}
	free(bytes);
	free(got);
}

static void full_and_empty(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(events(f, f->end[0]), 0);
	assert_int_equal(events(f, f->end[1]), POLLOUT);
	/* It would wait for ever: until the run is to end. */
	f->k.stop = true;
	assert_int_equal(READ(f, 1), -EINTR);
	f->k.stop = false;
	assert_int_equal(CALL(f, fcntl, (uint64_t)f->end[0], F_SETFL, O_NONBLOCK), 0);
	assert_int_equal(READ(f, 1), -EAGAIN);
	assert_int_equal(CALL(f, fcntl, (uint64_t)f->end[1], F_SETFL, O_NONBLOCK), 0);
	assert_int_equal(
		CALL(f, fcntl, (uint64_t)f->end[1], F_GETFL) & (O_ACCMODE | O_NONBLOCK), O_WRONLY | O_NONBLOCK);
	assert_int_equal(WRITE(f, 65000), 65000);
	/* A small write is whole or not at all; a large one as much as there is room for. */
	assert_int_equal(WRITE(f, 4096), -EAGAIN);
	assert_int_equal(events(f, f->end[1]), 0);
	assert_int_equal(WRITE(f, 5000), 536);
	assert_int_equal(WRITE(f, 1), -EAGAIN);
	assert_int_equal(events(f, f->end[0]), POLLIN);
	assert_int_equal(READ(f, 100000), 65536);
	assert_int_equal(READ(f, 1), -EAGAIN);
}

static void ends(void **state)
{
	struct fixture *f = *state;
	struct stat st;

	assert_int_equal(CALL(f, read, (uint64_t)f->end[1], BUF, 1), -EBADF);
	assert_int_equal(CALL(f, write, (uint64_t)f->end[0], BUF, 1), -EBADF);
	assert_int_equal(CALL(f, lseek, (uint64_t)f->end[0], 0, SEEK_CUR), -ESPIPE);
	assert_int_equal(CALL(f, pread64, (uint64_t)f->end[0], BUF, 1, 0), -ESPIPE);
	assert_int_equal(CALL(f, ftruncate, (uint64_t)f->end[1], 0), -EINVAL);
	assert_int_equal(CALL(f, fstat, (uint64_t)f->end[0], KIT_SCRATCH), 0);
	kit_must(space_read(&f->k.t.space, KIT_SCRATCH, &st, sizeof(st)) == 0);
	assert_true(S_ISFIFO(st.st_mode));
	/* A copy of an end keeps it open. */
	assert_int_equal(CALL(f, dup, (uint64_t)f->end[1]), 2);
	assert_int_equal(WRITE(f, 5), 5);
	assert_int_equal(CALL(f, close, (uint64_t)f->end[1]), 0);
	assert_int_equal(CALL(f, write, 2, BUF, 1), 1);
	assert_int_equal(CALL(f, close, 2), 0);
	assert_int_equal(events(f, f->end[0]), POLLIN | POLLHUP);
	assert_int_equal(READ(f, 100), 6);
	assert_int_equal(READ(f, 100), 0);
	assert_int_equal(CALL(f, pipe, KIT_SCRATCH), 0);
	kit_must(space_read(&f->k.t.space, KIT_SCRATCH, f->end, sizeof(f->end)) == 0);
	assert_int_equal(CALL(f, close, (uint64_t)f->end[0]), 0);
	assert_int_equal(events(f, f->end[1]), POLLOUT | POLLERR);
	f->k.t.action[SIGPIPE].handler = 1; /* SIG_IGN */
	assert_int_equal(WRITE(f, 1), -EPIPE);
	assert_false(f->k.t.end.ended);
	f->k.t.action[SIGPIPE].handler = 0;
	assert_int_equal(WRITE(f, 1), -EPIPE);
	assert_int_equal(f->k.t.end.signal, SIGPIPE);
}

static void many_pipes(void **state)
{
	struct fixture *f = *state;

	for (int i = 1; i < EXEC_PIPES_MAX; i++)
		assert_int_equal(CALL(f, pipe, KIT_SCRATCH), 0);
	assert_int_equal(CALL(f, pipe, KIT_SCRATCH), -ENFILE);
	assert_int_equal(CALL(f, close_range, 2, 3, 0), 0);
	assert_int_equal(CALL(f, pipe2, KIT_SCRATCH, O_APPEND), -EINVAL);
	assert_int_equal(CALL(f, pipe, 0x123000), -EFAULT);
	assert_int_equal(CALL(f, pipe, KIT_SCRATCH), 0);
	assert_int_equal(CALL(f, pipe, KIT_SCRATCH), -ENFILE);
}

static uint64_t value_of(struct fixture *f)
{
	uint64_t value;

	kit_must(space_read(&f->k.t.space, BUF, &value, sizeof(value)) == 0);
	return value;
}

static void counters(void **state)
{
	struct fixture *f = *state;
	uint64_t fd = (uint64_t)CALL(f, eventfd2, 3, O_NONBLOCK),
		 semaphore = (uint64_t)CALL(f, eventfd2, 2, O_NONBLOCK | 1);

	assert_int_equal(CALL(f, eventfd2, 0, 0x1000), -EINVAL);
	assert_int_equal(CALL(f, read, fd, BUF, 7), -EINVAL);
	assert_int_equal(CALL(f, read, fd, BUF, 8), 8);
	assert_int_equal(value_of(f), 3);
	assert_int_equal(CALL(f, read, fd, BUF, 8), -EAGAIN);
	assert_int_equal(events(f, (int32_t)fd), POLLOUT);
	assert_int_equal(CALL(f, write, fd, BUF, 8), 8);
	assert_int_equal(CALL(f, write, fd, BUF, 8), 8);
	assert_int_equal(CALL(f, read, fd, BUF, 8), 8);
	assert_int_equal(value_of(f), 6);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(CALL(f, read, semaphore, BUF, 8), 8);
		assert_int_equal(value_of(f), 1);
	}
	assert_int_equal(CALL(f, read, semaphore, BUF, 8), -EAGAIN);
	kit_must(space_write(&f->k.t.space, BUF, &(uint64_t){UINT64_MAX}, 8) == 0);
	assert_int_equal(CALL(f, write, fd, BUF, 8), -EINVAL);
	kit_must(space_write(&f->k.t.space, BUF, &(uint64_t){UINT64_MAX - 1}, 8) == 0);
	assert_int_equal(CALL(f, write, fd, BUF, 8), 8);
	assert_int_equal(CALL(f, write, fd, BUF, 8), -EAGAIN);
}

static int64_t control(struct fixture *f, uint64_t ep, uint64_t op, int32_t fd, uint32_t what, uint64_t data)
{
	const struct epoll_event event = {.events = what, .data.u64 = data};

	kit_must(space_write(&f->k.t.space, KIT_SCRATCH, &event, sizeof(event)) == 0);
	return CALL(f, epoll_ctl, ep, op, (uint64_t)fd, KIT_SCRATCH);
}

static void watching(void **state)
{
	struct fixture *f = *state;
	uint64_t ep = (uint64_t)CALL(f, epoll_create1, EPOLL_CLOEXEC);
	struct epoll_event got[2];

	assert_int_equal(control(f, ep, EPOLL_CTL_ADD, f->end[0], EPOLLIN, 0x1122334455667788), 0);
	assert_int_equal(control(f, ep, EPOLL_CTL_ADD, f->end[0], EPOLLIN, 1), -EEXIST);
	assert_int_equal(control(f, ep, EPOLL_CTL_MOD, f->end[1], EPOLLOUT, 2), -ENOENT);
	assert_int_equal(control(f, ep, EPOLL_CTL_ADD, 99, EPOLLOUT, 2), -EBADF);
	assert_int_equal(control(f, ep, EPOLL_CTL_ADD, (int32_t)ep, EPOLLIN, 2), -EINVAL);
	assert_int_equal(CALL(f, open, (kit_must(space_write(&f->k.t.space, BUF, "/", 2) == 0), BUF), O_RDONLY), 3);
	assert_int_equal(control(f, ep, EPOLL_CTL_ADD, 3, EPOLLIN, 2), -EPERM);
	assert_int_equal(CALL(f, epoll_wait, ep, BUF, 2, 0), 0);
	assert_int_equal(WRITE(f, 1), 1);
	assert_int_equal(CALL(f, epoll_wait, ep, BUF, 0, 0), -EINVAL);
	assert_int_equal(CALL(f, epoll_wait, ep, BUF, 2, -1ul), 1);
	kit_must(space_read(&f->k.t.space, BUF, got, sizeof(got)) == 0);
	assert_int_equal(got[0].events, EPOLLIN);
	assert_int_equal(got[0].data.u64, 0x1122334455667788);
	assert_int_equal(CALL(f, epoll_wait, ep, BUF, 2, 0), 1);
	/* Once, until it is switched on again. */
	assert_int_equal(control(f, ep, EPOLL_CTL_MOD, f->end[0], EPOLLIN | EPOLLONESHOT, 5), 0);
	assert_int_equal(CALL(f, epoll_wait, ep, BUF, 2, 0), 1);
	assert_int_equal(CALL(f, epoll_wait, ep, BUF, 2, 0), 0);
	assert_int_equal(control(f, ep, EPOLL_CTL_MOD, f->end[0], EPOLLIN, 6), 0);
	assert_int_equal(control(f, ep, EPOLL_CTL_ADD, f->end[1], EPOLLOUT, 7), 0);
	assert_int_equal(CALL(f, epoll_wait, ep, BUF, 1, 0), 1);
	assert_int_equal(CALL(f, epoll_pwait, ep, BUF, 2, 0), 2);
	/* What is closed is not watched any more, whatever gets its number. */
	assert_int_equal(CALL(f, close, (uint64_t)f->end[1]), 0);
	assert_int_equal(CALL(f, epoll_wait, ep, BUF, 2, 0), 1);
	assert_int_equal(control(f, ep, EPOLL_CTL_DEL, f->end[0], 0, 0), 0);
	assert_int_equal(control(f, ep, EPOLL_CTL_DEL, f->end[0], 0, 0), -ENOENT);
	assert_int_equal(CALL(f, epoll_wait, ep, BUF, 2, 10), 0);
	assert_int_equal(CALL(f, epoll_wait, (uint64_t)f->end[0], BUF, 2, 0), -EINVAL);
}

static void selecting(void **state)
{
	struct fixture *f = *state;
	uint64_t sets[2] = {3, 3};

	kit_must(space_write(&f->k.t.space, BUF, sets, sizeof(sets)) == 0);
	kit_must(space_write(&f->k.t.space, KIT_SCRATCH, (const int64_t[2]){0, 1000}, 16) == 0);
	assert_int_equal(CALL(f, select, 2, BUF, BUF + 8, 0, KIT_SCRATCH), 1);
	kit_must(space_read(&f->k.t.space, BUF, sets, sizeof(sets)) == 0);
	assert_int_equal(sets[0], 0);
	assert_int_equal(sets[1], 2);
	assert_int_equal(WRITE(f, 1), 1);
	kit_must(space_write(&f->k.t.space, BUF, &(uint64_t){1}, 8) == 0);
	assert_int_equal(CALL(f, select, 1, BUF, 0, 0, 0), 1);
	kit_must(space_write(&f->k.t.space, BUF, &(uint64_t){8}, 8) == 0);
	assert_int_equal(CALL(f, pselect6, 4, BUF, 0, 0, 0), -EBADF);
	assert_int_equal(CALL(f, select, 5000, BUF, 0, 0, 0), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(bytes_in_order, set_up, tear_down),
		cmocka_unit_test_setup_teardown(full_and_empty, set_up, tear_down),
		cmocka_unit_test_setup_teardown(ends, set_up, tear_down),
		cmocka_unit_test_setup_teardown(many_pipes, set_up, tear_down),
		cmocka_unit_test_setup_teardown(counters, set_up, tear_down),
		cmocka_unit_test_setup_teardown(watching, set_up, tear_down),
		cmocka_unit_test_setup_teardown(selecting, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
