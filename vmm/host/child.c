// SPDX-License-Identifier: Apache-2.0
#include "vmm/host/child.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "vmm/base/clock.h"
#include "vmm/base/trace.h"
#include "vmm/base/util.h"

/* Linux 5.9; not in every C library */
#ifndef SYS_close_range
#define SYS_close_range 436
#endif

/* Moves the kept descriptors to their numbers, without needing an additional one, and closes the rest. */
static void place(int sock, const int fd[static CHILD_FDS_MAX])
{
	dup2(sock, CHILD_SOCK);
	for (int i = 0; i < CHILD_FDS_MAX; i++) {
		if (fd[i] < 0)
			close(CHILD_FD + i);
		else
			dup2(fd[i], CHILD_FD + i);
	}
	syscall(SYS_close_range, CHILD_FD + CHILD_FDS_MAX, ~0U, 0);
}

int child_start(
	const char *name, const int fd[static CHILD_FDS_MAX], void (*main)(void *arg), void *arg, struct child *ret)
{
	sigset_t blocked, old;
	int pair[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	sigfillset(&blocked);
	sigprocmask(SIG_SETMASK, &blocked, &old);
	pid = fork();
	if (pid == 0) {
		prctl(PR_SET_NAME, name, 0, 0, 0);
		place(pair[1], fd);
		main(arg);
		_exit(0);
	}
	sigprocmask(SIG_SETMASK, &old, NULL);
	close(pair[1]);
	if (pid < 0) {
		int r = -errno;

		close(pair[0]);
		return r;
	}
	*ret = (struct child){.sock = pair[0], .pid = pid};
	return 0;
}

/* Its end of the socket is closed, which happens only when it ends. */
static bool gone(const struct child *c, uint64_t timeout_ns)
{
	const uint64_t until = trace_now_ns() + timeout_ns;
	struct pollfd p = {.fd = c->sock};
	uint64_t now;

	while ((now = trace_now_ns()) < until) {
		const struct timespec ts = ns_to_timespec(until - now);

		if (ppoll(&p, 1, &ts, NULL) > 0)
			return true;
	}
	return false;
}

void child_end(struct child *c, uint64_t timeout_ns)
{
	const char end = 0;
	ssize_t n;

	if (c->sock < 0)
		return;
	do
		n = write(c->sock, &end, sizeof(end));
	while (n < 0 && errno == EINTR);
	if (gone(c, timeout_ns))
		while (waitpid(c->pid, NULL, 0) < 0 && errno == EINTR)
			;
	close(TAKE_FD(c->sock));
}
