/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Interrupts a thread that runs a guest.
 *
 * The kick is a standard signal. Real-time signals are queued, and fail with EAGAIN when other programs of the same
 * user have filled the queue (RLIMIT_SIGPENDING counts per user); a standard signal is not queued. SIGURG is used,
 * since it is ignored by default, no shell or service manager sends it on purpose, and debuggers pass it on. POSIX
 * timers count against the queue, too, so time limits use an interval timer.
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
 * The disposition belongs to the process, and is the same for every VM in it.
 *
 * Return: 0 or a negative errno. Context: before the first kick_send(), and before a filter of system calls.
 */
int kick_install(void);

/**
 * kick_blocked() - the signals that vmm's threads block: all but those that their own instructions raise
 * @kicked: leave the kick unblocked as well
 */
void kick_blocked(sigset_t *ret, bool kicked);

/**
 * kick_send() - interrupt the system call of thread @tid in our own process @pid
 *
 * It is not an error if the thread has ended.
 * Context: any thread; allowed in the control loop's filter.
 */
void kick_send(pid_t pid, pid_t tid);

/**
 * struct kick_alarm - kicks the main thread after a time; saves the timer that it replaced
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

/** kick_alarm_end() - restore what kick_alarm_begin() replaced, including a timer that we inherited */
void kick_alarm_end(const struct kick_alarm *a);

#endif
