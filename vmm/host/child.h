/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A process beside vmm's own: forked in stage OPEN, for what nobody may do any more once the sandbox is closed. It
 * shares nothing with us but a socket, at which it waits, and ends when that is closed: also when vmm was killed.
 *
 * It keeps the descriptors that it is given and no other, with fixed numbers, so that its filter can name them; and it
 * has all signals blocked, since Ctrl-C and a stop of the whole group are for the machine, which ends in order.
 */
#ifndef VMM_HOST_CHILD_H
#define VMM_HOST_CHILD_H

#include <stdint.h>
#include <sys/types.h>

/* Descriptors of the process: its socket, which is the other end of struct child.sock, and what it was given */
#define CHILD_SOCK    0
#define CHILD_FD      1
#define CHILD_FDS_MAX 2

/**
 * struct child - start from CHILD_NONE; owns its socket
 * @sock: SOCK_SEQPACKET, blocking; -1: there is no such process, or it has been ended
 * @pid: > 0: there is, or was, one
 */
struct child {
	int sock;
	pid_t pid;
};

#define CHILD_NONE ((struct child){.sock = -1})

/**
 * child_start() - make one
 * @name: as ps shows it
 * @fd: what it keeps, as CHILD_FD and the next: no standard stream but one that is in its place; -1: nothing. Borrowed.
 * @main: what it does; it does not return
 * @arg: its argument, in memory that is its own copy
 *
 * Return: 0 or a negative errno. Context: forks, so before other threads; the standard streams are open.
 */
int child_start(
	const char *name, const int fd[static CHILD_FDS_MAX], void (*main)(void *arg), void *arg, struct child *ret);

/**
 * child_end() - send it a byte 0, wait until it has gone, and close the socket; takes CHILD_NONE
 * @timeout_ns: how long it may take; one that does not end is left behind
 *
 * Context: calls write (which blocks as the socket does), ppoll, wait4 and close. SIGPIPE is ignored.
 */
void child_end(struct child *c, uint64_t timeout_ns);

#endif
