// SPDX-License-Identifier: Apache-2.0
#include "cmd/test/launcher.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>

/* A request of the parent: @signo 0 starts the job, any other is sent to it. */
struct order {
	uint32_t job;
	int32_t signo;
};

/**
 * struct server - the launcher's own state
 * @pid: of each job, 0: it is not running
 */
struct server {
	const struct launch_spec *spec;
	size_t nr;
	pid_t *pid;
	int sock;
	int signals;
	sigset_t before;
};

/* --- In the launcher ------------------------------------------------------------------------------------------- */

/* Those that are received may have the numbers that a job wants them to have. Standard input is /dev/null. */
static bool arrange(const int *fd, size_t nr, int snapshot)
{
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC), high[LAUNCH_FDS];

	for (size_t i = 0; i < nr; i++)
		if ((high[i] = fcntl(fd[i], F_DUPFD_CLOEXEC, LAUNCH_FD_ABOVE)) < 0)
			return false;
	for (size_t i = 0; i < nr; i++)
		if (dup2(high[i], STDOUT_FILENO + (int)i) < 0)
			return false;
	if (snapshot && dup2(snapshot, LAUNCH_SNAPSHOT_FD) < 0)
		return false;
	return null >= 0 && dup2(null, STDIN_FILENO) >= 0;
}

static _Noreturn void become(
	const struct server *s, const struct launch_spec *c, const int *fd, size_t nr, pid_t parent)
{
	bool arranged = arrange(fd, nr, c->snapshot);

	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() == parent && arranged && sigprocmask(SIG_SETMASK, &s->before, NULL) == 0 &&
		(!c->dir || chdir(c->dir) == 0))
		execv(c->argv[0], c->argv);
	dprintf(arranged ? STDERR_FILENO : fd[LAUNCH_ERR], "vmm: cannot run %s%s%s: %s\n", c->argv[0],
		c->dir ? " in " : "", c->dir ? c->dir : "", strerror(errno));
	_exit(125);
}

static void send_end(struct server *s, uint32_t job, int wait_status)
{
	struct launch_end end = {.job = job, .wait_status = wait_status};

	while (send(s->sock, &end, sizeof(end), MSG_NOSIGNAL) < 0 && errno == EINTR)
		;
}

static void start_job(struct server *s, uint32_t job, const int *fd, size_t nr)
{
	pid_t parent = getpid(), pid = fork();

	if (pid == 0)
		become(s, &s->spec[job], fd, nr, parent);
	if (pid < 0) {
		dprintf(fd[LAUNCH_ERR], "vmm: cannot start a process: %s\n", strerror(errno));
		send_end(s, job, 125 << 8);
		return;
	}
	/* The child does this too, but a signal may be sent to it before that. */
	setpgid(pid, pid);
	s->pid[job] = pid;
}

/* Kills the process group of a job that ended, then reaps it: until it is reaped the group's id cannot be reused. */
static void reap(struct server *s)
{
	siginfo_t si = {0};
	int status;

	while (waitid(P_ALL, 0, &si, WEXITED | WNOHANG | WNOWAIT) == 0 && si.si_pid) {
		kill(-si.si_pid, SIGKILL);
		if (waitpid(si.si_pid, &status, 0) != si.si_pid)
			return;
		for (size_t i = 0; i < s->nr; i++)
			if (s->pid[i] == si.si_pid) {
				s->pid[i] = 0;
				send_end(s, (uint32_t)i, status);
			}
		si.si_pid = 0;
	}
}

/* Return: false: the parent is gone, or has closed its end. */
static bool take_order(struct server *s)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(LAUNCH_FDS * sizeof(int))];
	struct order o;
	struct iovec iov = {.iov_base = &o, .iov_len = sizeof(o)};
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)};
	ssize_t n = recvmsg(s->sock, &m, MSG_CMSG_CLOEXEC);
	struct cmsghdr *c = n > 0 ? CMSG_FIRSTHDR(&m) : NULL;
	int fd[LAUNCH_FDS];
	size_t nr;

	if (n < 0 && errno == EINTR)
		return true;
	if (n != sizeof(o))
		return false;
	if (!c) {
		if (o.job < s->nr && s->pid[o.job] && o.signo > 0)
			kill(s->pid[o.job], o.signo);
		return true;
	}
	nr = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
	memcpy(fd, CMSG_DATA(c), nr * sizeof(int));
	if (o.job < s->nr && !s->pid[o.job])
		start_job(s, o.job, fd, nr);
	while (nr)
		close(fd[--nr]);
	return true;
}

static _Noreturn void serve(struct server *s)
{
	struct pollfd p[] = {{.fd = s->sock, .events = POLLIN}, {.fd = s->signals, .events = POLLIN}};
	struct signalfd_siginfo si;

	for (;;) {
		if (poll(p, 2, -1) < 0 && errno != EINTR)
			break;
		if (p[1].revents && read(s->signals, &si, sizeof(si)) > 0)
			reap(s);
		if (p[0].revents && !take_order(s))
			break;
	}
	for (size_t i = 0; i < s->nr; i++)
		if (s->pid[i])
			kill(-s->pid[i], SIGKILL);
	while (waitpid(-1, NULL, 0) > 0 || errno == EINTR)
		;
	_exit(0);
}

/* --- In the parent --------------------------------------------------------------------------------------------- */

static _Noreturn void become_launcher(const struct launch_spec *spec, size_t nr, int sock)
{
	struct server s = {.spec = spec, .nr = nr, .sock = sock, .pid = calloc(nr + 1, sizeof(pid_t))};
	sigset_t all, child;

	/* The parent handles Ctrl-C and then closes the socket; started programs get the original signal mask. */
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, &s.before);
	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	s.signals = signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK);
	prctl(PR_SET_NAME, "vmm-launcher");
	if (!s.pid || s.signals < 0)
		_exit(125);
	serve(&s);
}

int launcher_start(const struct launch_spec *spec, size_t nr, struct launcher *ret, struct err *e)
{
	int sock[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sock) < 0)
		return err_sys(e, -errno, "cannot make a socket");
	pid = fork();
	if (pid == 0) {
		close(sock[0]);
		become_launcher(spec, nr, sock[1]);
	}
	close(sock[1]);
	if (pid < 0) {
		close(sock[0]);
		return err_sys(e, -errno, "cannot start a process");
	}
	*ret = (struct launcher){.sock = sock[0], .pid = pid};
	return 0;
}

static int send_order(struct launcher *l, const struct order *o, const int *fd, size_t nr)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(LAUNCH_FDS * sizeof(int))] = {0};
	struct iovec iov = {.iov_base = (void *)o, .iov_len = sizeof(*o)};
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};
	struct cmsghdr *c;
	ssize_t n;

	if (nr) {
		m.msg_control = control;
		m.msg_controllen = CMSG_SPACE(nr * sizeof(int));
		c = CMSG_FIRSTHDR(&m);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(nr * sizeof(int));
		memcpy(CMSG_DATA(c), fd, nr * sizeof(int));
	}
	do
		n = sendmsg(l->sock, &m, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : 0;
}

int launcher_run(struct launcher *l, uint32_t job, const int *fd, size_t nr)
{
	return send_order(l, &(const struct order){.job = job}, fd, nr);
}

int launcher_signal(struct launcher *l, uint32_t job, int signo)
{
	return send_order(l, &(const struct order){.job = job, .signo = signo}, NULL, 0);
}

int launcher_next(struct launcher *l, struct launch_end *ret)
{
	ssize_t n;

	do
		n = recv(l->sock, ret, sizeof(*ret), MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	if (n < 0 && errno == EAGAIN)
		return 0;
	return n == sizeof(*ret) ? 1 : -EPIPE;
}

void launcher_stop(struct launcher *l)
{
	if (l->sock < 0)
		return;
	close(l->sock);
	while (waitpid(l->pid, NULL, 0) < 0 && errno == EINTR)
		;
	*l = LAUNCHER_NONE;
}
