/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Interrupting a thread that runs a guest.
 *
 * The kick is a standard signal. Real-time signals are queued, and a queue that other programs of the same user have
 * filled (RLIMIT_SIGPENDING counts per user) refuses them with EAGAIN; a standard signal needs no place in a queue.
 * SIGURG, since it is ignored by default, no shell or service manager sends it on purpose, and debuggers pass it on.
 * POSIX timers take a place in the queue when they are made, so a time limit is an interval timer here.
 */
#ifndef VMM_BASE_KICK_H
#define VMM_BASE_KICK_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/time.h>
#include <sys/types.h>

#define KICK_SIGNAL SIGURG

/**
 * kick_install() - let the kick interrupt system calls, without SA_RESTART
 *
 * The disposition is the process's, and the same for every VM in it.
 *
 * Return: 0 or a negative errno. Context: before the first kick_send(), and before a filter of system calls.
 */
int kick_install(void);

/**
 * kick_blocked() - the signals that a thread of ours blocks: all but those that its own instructions raise
 * @kicked: the kick reaches it as well
 */
void kick_blocked(sigset_t *ret, bool kicked);

/**
 * kick_send() - interrupt the system call that thread @tid of process @pid, our own, is in
 *
 * A thread that has gone is no error.
 * Context: any thread; allowed in the control loop's filter.
 */
void kick_send(pid_t pid, pid_t tid);

/**
 * struct kick_alarm - kicks the main thread of the process when a time is up; holds what it replaced
 */
struct kick_alarm {
	struct sigaction action;
	struct itimerval timer;
	sigset_t mask;
};

/** kick_alarm_begin() - Return: 0 or a negative errno. Context: main thread, one at a time; not behind a filter. */
int kick_alarm_begin(struct kick_alarm *ret);

/** kick_alarm_set() - @after_ns from now, then every @every_ns (0: once); 0 for @after_ns: no more */
void kick_alarm_set(uint64_t after_ns, uint64_t every_ns);

/** kick_alarm_end() - put back what kick_alarm_begin() replaced, a timer of whoever started us included */
void kick_alarm_end(const struct kick_alarm *a);

#endif
