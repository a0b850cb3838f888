// SPDX-License-Identifier: Apache-2.0
#include "cmd/clones/clones.h"

#include <errno.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cmd/clones/internal.h"
#include "security/sandbox.h"

static int watch_signals(struct err *e)
{
	static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
	sigset_t set;
	int fd;

	sigemptyset(&set);
	for (size_t i = 0; i < ARRAY_SIZE(signals); i++) {
		struct sigaction old;

		/* What nohup or a shell's background job ignores stays ignored. */
		if (sigaction(signals[i], NULL, &old) < 0 || old.sa_handler != SIG_IGN)
			sigaddset(&set, signals[i]);
	}
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return fd < 0 ? err_sys(e, -errno, "signalfd") : fd;
}

static int confine(const struct config *c, struct err *e)
{
	const struct sandbox_as as = config_as(c);
	const struct sandbox_process process = {.as = &as, .role = SANDBOX_CLONES, .dir_fd = -1};

	return sandbox_process_enter(&process, e);
}

int clones_run(const struct clones_config *c, struct err *e)
{
	struct collector *k = NULL;
	int pair[2], signals, r;
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return err_sys(e, -errno, "a socket for the process that starts clones");
	pid = fork();
	if (pid < 0)
		return err_sys(e, -errno, "a process that starts clones");
	if (pid == 0) {
		close(pair[0]);
		clones_spawn(c, pair[1]);
	}
	close(pair[1]);
	signals = watch_signals(e);
	r = signals;
	if (r >= 0 && (r = collector_new(c, pair[0], signals, &k)) < 0)
		err_sys(e, r, "cannot allocate what collects %u clones", c->nr);
	if (r == 0)
		r = confine(c->config, e);
	if (r == 0)
		r = collector_run(k);
	collector_free(k);
	close(pair[0]);
	/* It has ended its clones by then. */
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	return r;
}
