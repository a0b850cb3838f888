// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include "tests/support/unit.h"
#include "vmm/base/wake.h"

static bool readable(int fd)
{
	return poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, 0) == 1;
}

static void sent_is_readable_until_taken(void **state)
{
	int fd = wake_open();

	assert_true(fd >= 0);
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
	assert_false(readable(fd));
	assert_false(wake_take(fd));
	wake_send(fd);
	wake_send(fd);
	assert_true(readable(fd));
	assert_true(wake_take(fd));
	assert_false(readable(fd));
	assert_false(wake_take(fd));
	wake_close(&fd);
	assert_int_equal(fd, -1);
	wake_close(&fd);
}

/* The counter is at its maximum, 2^64 - 2: the call does not block, and keeps errno for the interrupted code. */
static void full_does_not_block(void **state)
{
	uint64_t full = UINT64_MAX - 1;
	int fd = wake_open();

	assert_int_equal(write(fd, &full, sizeof(full)), sizeof(full));
	errno = ERANGE;
	wake_send(fd);
	assert_int_equal(errno, ERANGE);
	assert_true(wake_take(fd));
	assert_false(wake_take(fd));
	wake_close(&fd);
}

static void none_does_nothing(void **state)
{
	errno = 0;
	wake_send(-1);
	assert_false(wake_take(-1));
	assert_int_equal(errno, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sent_is_readable_until_taken),
		cmocka_unit_test(full_does_not_block),
		cmocka_unit_test(none_does_nothing),
	};

	return run_group(tests);
}
