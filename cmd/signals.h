/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sources of a command's control loop besides its machine: the signals that end it, and the log lines of other threads.
 */
#ifndef CMD_SIGNALS_H
#define CMD_SIGNALS_H

#include <signal.h>
#include <stdbool.h>

#include "vmm/base/err.h"
#include "vmm/base/loop.h"
#include "vmm/base/trace.h"
#include "vmm/config.h"

/**
 * struct signals - start from SIGNALS_NONE; owns the signalfd
 * @source: the signalfd, @traces: the trace's queue
 */
struct signals {
	struct loop_source source;
	struct loop_source traces;
	struct trace *trace;
	void (*came)(void *arg, int signo);
	void *arg;
};

#define SIGNALS_NONE ((struct signals){.source.fd = -1, .traces.fd = -1})

/*
 * Signals that mean something to some guests, besides those that end one: SIGUSR1 and SIGUSR2, SIGRTMIN+2,
 * SIGRTMIN+1, SIGWINCH
 */
#define SIGNALS_STEPS     1U
#define SIGNALS_DUMPS     2U
#define SIGNALS_SNAPSHOTS 4U
#define SIGNALS_WINDOW    8U

/**
 * signals_watch() - from now on receive SIGTERM, SIGINT, SIGHUP and SIGQUIT in the loop, except those that were ignored
 * @loop, @trace: borrowed until signals_close()
 * @more: SIGNALS_* that come as well
 * @came: handler; called in the loop's thread
 *
 * SIGPIPE is ignored from here on.
 *
 * Return: 0 or a negative errno, with a message in @e. Context: before any thread, which would keep them unblocked.
 */
int signals_watch(struct signals *sig, struct loop *loop, struct trace *trace, unsigned more,
	void (*came)(void *arg, int signo), void *arg, struct err *e);

/** signals_of() - those of a configuration: SIGNALS_* */
unsigned signals_of(const struct config *c);

/** signals_choose() - those that signals_watch() receives, of the same @more */
void signals_choose(unsigned more, sigset_t *ret);

/** signals_ends() - is it one that asks for the end? */
bool signals_ends(int signo);

/** signals_close() - takes SIGNALS_NONE; the signals stay blocked */
void signals_close(struct signals *sig);

#endif
