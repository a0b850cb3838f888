/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the control loop of a command hears beside its machine: the signals that end it, and the log lines of other
 * threads.
 */
#ifndef CMD_SIGNALS_H
#define CMD_SIGNALS_H

#include <stdbool.h>

#include "vmm/base/err.h"
#include "vmm/base/loop.h"
#include "vmm/base/trace.h"

/**
 * struct events - start from EVENTS_NONE; owns the signalfd
 * @signals: the signalfd, @traces: the trace's queue
 */
struct events {
	struct loop_source signals;
	struct loop_source traces;
	struct trace *trace;
	void (*came)(void *arg, int signo);
	void *arg;
};

#define EVENTS_NONE ((struct events){.signals.fd = -1, .traces.fd = -1})

/**
 * events_watch() - from now on SIGTERM, SIGINT, SIGHUP and SIGQUIT arrive here, but for those that were ignored
 * @loop, @trace: borrowed until events_close()
 * @steps: SIGUSR1 and SIGUSR2 as well
 * @came: what to do with one; in the loop's thread
 *
 * SIGPIPE is ignored from here on.
 *
 * Return: 0 or a negative errno, with words. Context: before any thread, which would keep them unblocked.
 */
int events_watch(struct events *ev, struct loop *loop, struct trace *trace, bool steps,
	void (*came)(void *arg, int signo), void *arg, struct err *e);

/** events_close() - takes EVENTS_NONE; the signals stay blocked */
void events_close(struct events *ev);

#endif
