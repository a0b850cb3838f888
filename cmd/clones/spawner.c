// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cmd/clones/internal.h"
#include "vmm/base/outcome.h"
#include "vmm/base/util.h"

/* Linux 5.9; not in every C library */
#ifndef SYS_close_range
#define SYS_close_range 436
#endif

/**
 * struct spawner
 * @pid: of clone i + 1; 0: it does not run
 * @null: /dev/null, for the clones' standard input
 * @ends: of SIGCHLD
 * @mask: of signals, as the clones have it
 */
struct spawner {
	const struct clones_config *c;
	struct clones_fds fds;
	pid_t *pid;
	unsigned started;
	unsigned running;
	bool stopping;
	int sock;
	int null;
	int ends;
	sigset_t mask;
};

/* Other processes of ours end when our descriptors are closed. */
static void end(struct spawner *s)
{
	for (unsigned i = 0; i < s->started; i++)
		if (s->pid[i] > 0)
			kill(s->pid[i], SIGKILL);
	for (unsigned i = 0; i < s->started; i++)
		while (s->pid[i] > 0 && waitpid(s->pid[i], NULL, 0) < 0 && errno == EINTR)
			;
	_exit(0);
}

/* The streams are sent along when the clone has started. A collector that is gone ends the clones. */
static void tell(struct spawner *s, enum clones_event event, unsigned n, int value, const int *streams)
{
	struct clones_said said = {.event = event, .n = n, .value = value};
	struct iovec iov = {&said, sizeof(said)};
	union {
		struct cmsghdr head;
		char bytes[CMSG_SPACE(CLONE_STREAMS * sizeof(int))];
	} control = {0};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
	ssize_t r;

	if (streams) {
		msg.msg_control = &control;
		msg.msg_controllen = sizeof(control);
		control.head = (struct cmsghdr){.cmsg_len = CMSG_LEN(CLONE_STREAMS * sizeof(int)),
			.cmsg_level = SOL_SOCKET,
			.cmsg_type = SCM_RIGHTS};
		memcpy(CMSG_DATA(&control.head), streams, CLONE_STREAMS * sizeof(int));
	}
	do
		r = sendmsg(s->sock, &msg, MSG_NOSIGNAL);
	while (r < 0 && errno == EINTR);
	if (r < 0)
		end(s);
}

/* --- Descriptors ------------------------------------------------------------------------------------------------- */

/*
 * A descriptor gets the lowest number that is free, so all below @next belong to somebody, and new ones are at or above
 * it. A temporary one may leave a gap: what follows it is below the lowest free number that is left at the end.
 */
int clones_fds_take(struct clones_fds *f, unsigned n, struct err *e)
{
	int last = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, f->next);

	if (last < 0)
		return err_sys(e, -errno, "descriptors of the clones");
	close(last);
	for (int fd = f->next; fd < last + 64; fd++) {
		if (fd >= f->nr) {
			int nr = MAX(2 * fd, 256);
			unsigned *owner = realloc(f->owner, (size_t)nr * sizeof(*owner));

			if (!owner)
				return err_sys(e, -ENOMEM, "descriptors of the clones");
			memset(owner + f->nr, 0, (size_t)(nr - f->nr) * sizeof(*owner));
			f->owner = owner;
			f->nr = nr;
		}
		if (fcntl(fd, F_GETFD) >= 0 && !f->owner[fd])
			f->owner[fd] = n;
	}
	f->next = last;
	return 0;
}

void clones_fds_destroy(struct clones_fds *f)
{
	free(f->owner);
	*f = (struct clones_fds){0};
}

/* A number that is free again is nobody's: the streams of a later clone may get it. */
static void clones_fds_close(struct clones_fds *f, unsigned n, bool others)
{
	for (int fd = 0; fd < f->nr; fd++) {
		int from = fd;

		while (fd < f->nr && f->owner[fd] && (f->owner[fd] == n) != others)
			fd++;
		if (fd == from)
			continue;
		syscall(SYS_close_range, (unsigned)from, (unsigned)fd - 1, 0);
		memset(f->owner + from, 0, (size_t)(fd - from) * sizeof(*f->owner));
	}
}

/* --- Clones ------------------------------------------------------------------------------------------------------ */

static void __attribute__((noreturn)) be_clone(struct spawner *s, unsigned n, const int stream[CLONE_STREAMS])
{
	pid_t parent = getppid();
	int status;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	/* It may have ended before. In a PID namespace that it is the first process of, its id is 1. */
	if (getppid() != parent)
		_exit(EXIT_FAILED);
	clones_fds_close(&s->fds, n, true);
	close(s->sock);
	close(s->ends);
	dup2(s->null, STDIN_FILENO);
	dup2(stream[0], STDOUT_FILENO);
	dup2(stream[1], STDERR_FILENO);
	close(s->null);
	close(stream[0]);
	close(stream[1]);
	sigprocmask(SIG_SETMASK, &s->mask, NULL);
	status = s->c->ops->run(s->c->arg, n);
	exit(status);
}

static int start(struct spawner *s, unsigned n, const char **ret_what)
{
	int out[2] = {-1, -1}, err[2] = {-1, -1}, r = 0;
	pid_t pid = -1;

	*ret_what = "a pipe";
	if (pipe2(out, O_CLOEXEC) < 0 || pipe2(err, O_CLOEXEC) < 0)
		r = -errno;
	fflush(NULL);
	if (r == 0) {
		*ret_what = "a process";
		pid = fork();
		r = pid < 0 ? -errno : 0;
	}
	if (pid == 0) {
		close(out[0]);
		close(err[0]);
		be_clone(s, n, (const int[]){out[1], err[1]});
	}
	cleanup_fd(&out[1]);
	cleanup_fd(&err[1]);
	if (r == 0) {
		s->pid[n - 1] = pid;
		s->started = n;
		s->running++;
		clones_fds_close(&s->fds, n, false);
		tell(s, CLONES_STARTED, n, pid, (const int[]){out[0], err[0]});
	}
	cleanup_fd(&out[0]);
	cleanup_fd(&err[0]);
	return r;
}

static void start_more(struct spawner *s)
{
	while (!s->stopping && s->running < s->c->jobs && s->started < s->c->nr) {
		const char *what;
		int r = start(s, s->started + 1, &what);

		if (r == 0)
			continue;
		fprintf(stderr, "vmm: clone %u: cannot make %s: %s\n", s->started + 1, what, strerror(-r));
		s->stopping = true;
		tell(s, CLONES_FAILED, 0, EXIT_FAILED, NULL);
	}
}

static void take_ends(struct spawner *s)
{
	struct signalfd_siginfo si;
	pid_t pid;
	int status;

	while (read(s->ends, &si, sizeof(si)) == sizeof(si))
		;
	/* Auxiliary processes, such as those that own the paths of sockets, are ours as well. */
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		for (unsigned i = 0; i < s->started; i++)
			if (s->pid[i] == pid) {
				s->pid[i] = 0;
				s->running--;
				tell(s, CLONES_ENDED, i + 1, status, NULL);
			}
}

static void take_order(struct spawner *s)
{
	struct clones_order order;
	ssize_t n = recv(s->sock, &order, sizeof(order), 0);

	if (n < 0 && errno == EINTR)
		return;
	if (n != sizeof(order))
		end(s);
	s->stopping = true;
	for (unsigned i = 0; order.signo && i < s->started; i++)
		if (s->pid[i] > 0)
			kill(s->pid[i], order.signo);
}

static int prepare(struct spawner *s, struct err *e)
{
	sigset_t child;

	/* Ctrl-C and Ctrl-Z are for the command. */
	setsid();
	prctl(PR_SET_NAME, "vmm-spawner", 0, 0, 0);
	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	sigprocmask(SIG_BLOCK, &child, &s->mask);
	sigdelset(&s->mask, SIGCHLD);
	s->ends = signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK);
	s->null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	s->pid = calloc(s->c->nr, sizeof(*s->pid));
	if (s->ends < 0 || s->null < 0 || !s->pid)
		return err_sys(e, -errno, "cannot set up the process that starts clones");
	/* Up to here, a descriptor belongs to all. */
	s->fds.next = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0);
	close(s->fds.next);
	return 0;
}

void clones_spawn(const struct clones_config *c, int sock)
{
	struct spawner s = {.c = c, .sock = sock};
	struct err e = {};
	int r = prepare(&s, &e);

	if (r == 0)
		r = c->ops->open(c->arg, (const int[]){sock, s.ends, s.null}, 3, &s.fds, &e);
	if (r < 0) {
		fprintf(stderr, "vmm: %s\n", e.text);
		tell(&s, CLONES_FAILED, 0, err_exit_status(&e), NULL);
		end(&s);
	}
	for (start_more(&s);; start_more(&s)) {
		struct pollfd p[] = {{.fd = s.sock, .events = POLLIN}, {.fd = s.ends, .events = POLLIN}};

		if (poll(p, ARRAY_SIZE(p), -1) < 0 && errno != EINTR)
			end(&s);
		if (p[1].revents)
			take_ends(&s);
		if (p[0].revents)
			take_order(&s);
	}
}
