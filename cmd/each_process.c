// SPDX-License-Identifier: Apache-2.0
/*
 * The process that waits, while another one has the machine.
 */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cmd/each_internal.h"
#include "cmd/signals.h"

/* Processes in a row that end without having taken a line */
#define FRUITLESS_MAX 3

/* Return: its wait status. @ret_end: the last signal that was passed on and ends a machine. */
static int wait_for(pid_t pid, const sigset_t *set, int *ret_end)
{
	for (;;) {
		int signo = sigwaitinfo(set, NULL), status;

		if (signo < 0)
			continue;
		if (signo != SIGCHLD) {
			kill(pid, signo);
			if (signals_ends(signo))
				*ret_end = signo;
		} else if (waitpid(pid, &status, WNOHANG) == pid) {
			return status;
		}
	}
}

/* Return: whether another one is to take its place. */
static bool is_replaced(struct each_state *s, int wait_status)
{
	if (WIFSIGNALED(wait_status)) {
		s->killed++;
		s->signo = WTERMSIG(wait_status);
	} else if (!s->replace) {
		return false;
	}
	s->replace = false;
	s->fruitless = s->n == s->began_n ? s->fruitless + 1 : 0;
	return s->fruitless <= FRUITLESS_MAX;
}

static int end_status(const struct each_state *s, int wait_status, int ending, struct err *e)
{
	if (s->refused || s->killed)
		fprintf(stderr,
			"vmm: %" PRIu64 " guests were replaced: KVM refused to reset %" PRIu64
			", and the process of %" PRIu64 " was killed\n",
			s->refused + s->killed, s->refused, s->killed);
	if (WIFEXITED(wait_status) && s->fruitless <= FRUITLESS_MAX)
		return WEXITSTATUS(wait_status);
	if (WIFSIGNALED(wait_status) && ending)
		return 128 + ending;
	return err_set(e, -EIO, "%d guests in a row could not be given a line", FRUITLESS_MAX + 1);
}

static pid_t start(const sigset_t *old, int (*run)(void *arg), void *arg)
{
	pid_t parent = getpid(), pid;

	fflush(NULL);
	pid = fork();
	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(EXIT_FAILED);
	/* The others stay blocked, so that none is lost before they are watched. */
	if (!sigismember(old, SIGCHLD)) {
		sigset_t set;

		sigemptyset(&set);
		sigaddset(&set, SIGCHLD);
		sigprocmask(SIG_UNBLOCK, &set, NULL);
	}
	exit(run(arg));
}

int each_processes(struct each *x, const struct config *c, int (*run)(void *arg), void *arg, struct err *e)
{
	int wait_status, ending = 0;
	struct each_state *s = x->s;
	sigset_t set, old;

	signals_choose(signals_of(c), &set);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, &old);
	do {
		pid_t pid;

		s->began_n = s->n;
		pid = start(&old, run, arg);
		if (pid < 0)
			return err_sys(e, -errno, "a process for the guest");
		wait_status = wait_for(pid, &set, &ending);
	} while (!ending && is_replaced(s, wait_status));
	return end_status(s, wait_status, ending, e);
}

bool each_to_be_replaced(const struct each *x)
{
	return x && x->s->replace;
}
