// SPDX-License-Identifier: Apache-2.0
#include "vmm/host/nbio.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "vmm/base/assert.h"
#include "vmm/base/clock.h"
#include "vmm/base/fdpath.h"
#include "vmm/base/util.h"

static void ignore_if_default(int sig)
{
	struct sigaction sa;

	if (!sigaction(sig, NULL, &sa) && !(sa.sa_flags & SA_SIGINFO) && sa.sa_handler == SIG_DFL)
		signal(sig, SIG_IGN);
}

void nbio_ignore_signals(void)
{
	ignore_if_default(SIGPIPE);
	ignore_if_default(SIGXFSZ);
}

/* Sets O_NONBLOCK on a shared file; records whether it has to be cleared later. */
static int set_flag(struct nbio *io, int fd, int flags)
{
	io->fd = fd;
	if (flags & O_NONBLOCK)
		return 0;
	if (fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
		return -errno;
	io->restore_fd = fd;
	return 0;
}

/* Reopening the master side of a pty would create another pty. */
static bool may_reopen(const struct nbio *io, int fd, mode_t mode)
{
	unsigned number;

	return S_ISFIFO(mode) || (io->tty && ioctl(fd, TIOCGPTN, &number) < 0);
}

COLD int nbio_open(struct nbio *io, int fd, enum nbio_dir dir)
{
	int flags = fcntl(fd, F_GETFL), wrong = dir == NBIO_IN ? O_WRONLY : O_RDONLY;
	char path[FD_PATH_SIZE];
	struct stat st;

	*io = NBIO_CLOSED;
	io->group = getpgrp();
	if (flags < 0 || fstat(fd, &st) < 0)
		return -errno;
	if ((flags & O_ACCMODE) == wrong || (flags & O_PATH))
		return -EBADF;
	if (dir == NBIO_OUT)
		nbio_ignore_signals();
	io->socket = S_ISSOCK(st.st_mode);
	io->tty = S_ISCHR(st.st_mode) && isatty(fd);
	if (io->socket || S_ISREG(st.st_mode) || S_ISBLK(st.st_mode)) {
		io->fd = fd;
		return 0;
	}
	if (!may_reopen(io, fd, st.st_mode))
		return set_flag(io, fd, flags);
	fd_path(fd, path);
	io->fd = open(path, (dir == NBIO_IN ? O_RDONLY : O_WRONLY) | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (io->fd < 0)
		return set_flag(io, fd, flags);
	io->owned = true;
	return 0;
}

int nbio_connect(int target)
{
	CLEANUP_FD int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct sockaddr_un addr = {.sun_family = AF_UNIX};

	if (fd < 0)
		return -errno;
	static_assert(sizeof(addr.sun_path) >= FD_PATH_SIZE, "room for the path of a descriptor");
	fd_path(target, addr.sun_path);
	if (connect(fd, (const struct sockaddr *)&addr, sizeof(addr)) < 0)
		return -errno;
	return TAKE_FD(fd);
}

void nbio_take(struct nbio *io, int fd)
{
	*io = (struct nbio){.fd = fd, .owned = true, .restore_fd = -1};
}

ssize_t nbio_read(struct nbio *io, void *buf, size_t n)
{
	ssize_t r;

	do {
		r = io->socket ? recv(io->fd, buf, n, MSG_DONTWAIT) : read(io->fd, buf, n);
	} while (r < 0 && errno == EINTR);
	return r < 0 ? -errno : r;
}

ssize_t nbio_write(struct nbio *io, const void *buf, size_t n)
{
	ssize_t r;

	do {
		r = io->socket ? send(io->fd, buf, n, MSG_DONTWAIT | MSG_NOSIGNAL) : write(io->fd, buf, n);
	} while (r < 0 && errno == EINTR);
	return r < 0 ? -errno : r;
}

bool nbio_wait_writable(const struct nbio *io, uint64_t timeout_ns)
{
	struct pollfd p = {.fd = io->fd, .events = POLLOUT};
	struct timespec ts = ns_to_timespec(timeout_ns);

	/* EINTR: the caller checks its deadline and retries. */
	return ppoll(&p, 1, &ts, NULL) > 0;
}

bool nbio_hung_up(const struct nbio *io)
{
	struct pollfd p = {.fd = io->fd};

	return ppoll(&p, 1, &(struct timespec){0}, NULL) > 0 && (p.revents & (POLLHUP | POLLERR));
}

bool nbio_in_background(const struct nbio *io)
{
	pid_t foreground;

	if (!io->tty)
		return false;
	/* -1: not our controlling terminal, which never stops us. */
	foreground = tcgetpgrp(io->fd);
	return foreground > 0 && foreground != io->group;
}

COLD void nbio_close(struct nbio *io)
{
	int flags;

	if (io->restore_fd >= 0) {
		flags = fcntl(io->restore_fd, F_GETFL);
		if (flags >= 0)
			fcntl(io->restore_fd, F_SETFL, flags & ~O_NONBLOCK);
	}
	if (io->fd >= 0 && io->owned)
		close(io->fd);
	*io = NBIO_CLOSED;
}
