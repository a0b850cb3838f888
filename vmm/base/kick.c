// SPDX-License-Identifier: Apache-2.0
#include "vmm/base/kick.h"

#include <errno.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "vmm/base/clock.h"
#include "vmm/base/util.h"

static void nothing(int sig)
{
}

static int interrupts(int sig, struct sigaction *old)
{
	struct sigaction sa = {.sa_handler = nothing};

	sigemptyset(&sa.sa_mask);
	return sigaction(sig, &sa, old) < 0 ? -errno : 0;
}

int kick_install(void)
{
	return interrupts(KICK_SIGNAL, NULL);
}

void kick_blocked(sigset_t *ret, bool kicked)
{
	static const int own[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGSYS, SIGTRAP};

	sigfillset(ret);
	for (size_t i = 0; i < ARRAY_SIZE(own); i++)
		sigdelset(ret, own[i]);
	if (kicked)
		sigdelset(ret, KICK_SIGNAL);
}

void kick_send(pid_t pid, pid_t tid)
{
	/* Not pthread_kill(), which calls getpid() each time. */
	syscall(SYS_tgkill, pid, tid, KICK_SIGNAL);
}

static struct timeval timeval_of(uint64_t ns)
{
	struct timespec ts = ns_to_timespec(ns);

	return (struct timeval){.tv_sec = ts.tv_sec, .tv_usec = ts.tv_nsec / (long)NSEC_PER_USEC};
}

int kick_alarm_begin(struct kick_alarm *ret)
{
	static const struct itimerval off;
	struct kick_alarm a;
	sigset_t alarm;
	int r = interrupts(SIGALRM, &a.action);

	if (r < 0)
		return r;
	setitimer(ITIMER_REAL, &off, &a.timer);
	sigemptyset(&alarm);
	sigaddset(&alarm, SIGALRM);
	pthread_sigmask(SIG_UNBLOCK, &alarm, &a.mask);
	*ret = a;
	return 0;
}

void kick_alarm_set(uint64_t after_ns, uint64_t every_ns)
{
	const struct itimerval t = {.it_interval = timeval_of(every_ns), .it_value = timeval_of(after_ns)};

	setitimer(ITIMER_REAL, &t, NULL);
}

void kick_alarm_end(const struct kick_alarm *a)
{
	kick_alarm_set(0, 0);
	pthread_sigmask(SIG_SETMASK, &a->mask, NULL);
	sigaction(SIGALRM, &a->action, NULL);
	setitimer(ITIMER_REAL, &a->timer, NULL);
}
