// SPDX-License-Identifier: Apache-2.0
/*
 * A kick that arrives between a wait's look at the end and its system call ends the wait.
 */
#include "tests/support/unit.h"

#include <errno.h>
#include <signal.h>
#include <sys/syscall.h>

#include "tests/support/exec_kit.h"
#include "vmm/base/kick.h"
#include "vmm/exec/wait.h"

static struct kit_task task;
static unsigned waits;

/* The control loop ends the run once, and kicks once. */
static void on_kick(int signal)
{
	task.stop = true;
}

/* In place of the C library's, which a build with _FORTIFY_SOURCE calls by the other name. */
int ppoll(struct pollfd *file, nfds_t nr, const struct timespec *limit, const sigset_t *mask)
{
	struct timespec left = limit ? *limit : (struct timespec){0};

	waits++;
	raise(KICK_SIGNAL);
	return (int)syscall(SYS_ppoll, file, nr, limit ? &left : NULL, mask, 8);
}

int __ppoll_chk(struct pollfd *file, nfds_t nr, const struct timespec *limit, const sigset_t *mask, size_t size);

int __ppoll_chk(struct pollfd *file, nfds_t nr, const struct timespec *limit, const sigset_t *mask, size_t size)
{
	return ppoll(file, nr, limit, mask);
}

static void kick_before_the_wait(void **state)
{
	const struct timespec limit = {20, 0};
	struct sigaction action = {.sa_handler = on_kick};
	sigset_t mask;
	int ends[2];

	kit_must(pipe(ends) == 0 && sigaction(KICK_SIGNAL, &action, NULL) == 0);
	kit_task_open(&task, 8 * MIB, (const int[]){-1, -1, -1}, NULL);
	for (int i = 0; i < 3; i++) {
		struct pollfd file = {.fd = ends[0], .events = POLLIN};

		task.stop = false;
		waits = 0;
		assert_int_equal(exec_poll(&task.t, &file, i ? 1 : 0, i == 2 ? NULL : &limit), -EINTR);
		assert_int_equal(waits, 1);
	}
	/* The thread takes kicks as before. */
	kit_must(pthread_sigmask(SIG_BLOCK, NULL, &mask) == 0);
	assert_false(sigismember(&mask, KICK_SIGNAL));
	kit_task_close(&task);
	close(ends[0]);
	close(ends[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(kick_before_the_wait)};

	alarm(20);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
