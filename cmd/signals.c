// SPDX-License-Identifier: Apache-2.0
#include "cmd/signals.h"

#include <errno.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

static const int end_signals[] = {SIGTERM, SIGINT, SIGHUP, SIGQUIT};

static void on_signal(struct loop_source *s, uint32_t events)
{
	struct signals *sig = container_of(s, struct signals, source);
	struct signalfd_siginfo si;

	while (read(s->fd, &si, sizeof(si)) == sizeof(si))
		sig->came(sig->arg, (int)si.ssi_signo);
}

static void on_trace(struct loop_source *s, uint32_t events)
{
	trace_drain(container_of(s, struct signals, traces)->trace);
}

bool signals_ends(int signo)
{
	for (size_t i = 0; i < ARRAY_SIZE(end_signals); i++)
		if (end_signals[i] == signo)
			return true;
	return false;
}

COLD unsigned signals_of(const struct config *c)
{
	return (c->balloon.on ? SIGNALS_STEPS : 0) | (c->core ? SIGNALS_DUMPS : 0) |
		(c->snapshot ? SIGNALS_SNAPSHOTS : 0) | (c->nr_command ? SIGNALS_WINDOW : 0);
}

void signals_choose(unsigned more, sigset_t *ret)
{
	sigemptyset(ret);
	for (size_t i = 0; i < ARRAY_SIZE(end_signals); i++) {
		struct sigaction old;

		/* nohup, and a shell's background job: what was ignored stays ignored. */
		if (sigaction(end_signals[i], NULL, &old) == 0 && old.sa_handler == SIG_IGN)
			continue;
		sigaddset(ret, end_signals[i]);
	}
	/* Asked for by name, so they mean something; where they are not, they end the program, as ever. */
	if (more & SIGNALS_STEPS) {
		sigaddset(ret, SIGUSR1);
		sigaddset(ret, SIGUSR2);
	}
	if (more & SIGNALS_DUMPS)
		sigaddset(ret, SIGRTMIN + 2);
	if (more & SIGNALS_SNAPSHOTS)
		sigaddset(ret, SIGRTMIN + 1);
	if (more & SIGNALS_WINDOW)
		sigaddset(ret, SIGWINCH);
}

int signals_watch(struct signals *sig, struct loop *loop, struct trace *trace, unsigned more,
	void (*came)(void *arg, int signo), void *arg, struct err *e)
{
	sigset_t set;
	int r;

	signals_choose(more, &set);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	*sig = (struct signals){
		.source = {.fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK), .ready = on_signal},
		.traces = {.fd = trace_fd(trace), .ready = on_trace},
		.trace = trace,
		.came = came,
		.arg = arg,
	};
	if (sig->source.fd < 0)
		return err_sys(e, -errno, "signalfd");
	r = loop_add(loop, &sig->source, EPOLLIN);
	if (r < 0)
		return err_sys(e, r, "cannot watch signals");
	r = loop_add(loop, &sig->traces, EPOLLIN);
	return r < 0 ? err_sys(e, r, "cannot watch the trace") : 0;
}

void signals_close(struct signals *sig)
{
	loop_remove(&sig->traces);
	loop_remove(&sig->source);
	if (sig->source.fd >= 0)
		close(sig->source.fd);
	*sig = SIGNALS_NONE;
}
