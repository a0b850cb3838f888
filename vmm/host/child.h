/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An auxiliary process, forked in stage OPEN, for tasks that vmm itself may not do in the sandbox. It shares only a
 * socket with vmm, on which it waits, and ends when that is closed, also when vmm was killed.
 *
 * It keeps only the descriptors passed to it, with fixed numbers, so that its filter can name them. All its signals are
 * blocked, since Ctrl-C and a stop of the process group are handled by vmm, which then ends it.
 */
#ifndef VMM_HOST_CHILD_H
#define VMM_HOST_CHILD_H

#include <stdint.h>
#include <sys/types.h>

/* Descriptors of the process: its socket, the other end of struct child.sock, and those passed to it */
#define CHILD_SOCK    0
#define CHILD_FD      1
#define CHILD_FDS_MAX 2

/**
 * struct child - start from CHILD_NONE; owns its socket
 * @sock: SOCK_SEQPACKET, blocking; -1: not started, or ended
 * @pid: > 0: it was started
 */
struct child {
	int sock;
	pid_t pid;
};

#define CHILD_NONE ((struct child){.sock = -1})

/**
 * child_start() - start the process
 * @name: as ps shows it
 * @fd: descriptors for it, which become CHILD_FD and the next; a standard stream only if it already has that number;
 *      -1: none. Borrowed.
 * @main: its main function; does not return
 * @arg: argument of @main, in the process's copy of memory
 *
 * Return: 0 or a negative errno. Context: forks, so before other threads; the standard streams are open.
 */
int child_start(
	const char *name, const int fd[static CHILD_FDS_MAX], void (*main)(void *arg), void *arg, struct child *ret);

/**
 * child_end() - send a byte 0, wait until it has ended, and close the socket; takes CHILD_NONE
 * @timeout_ns: limit for the wait; a process that does not end is left running
 *
 * Context: calls write (which blocks as the socket does), ppoll, wait4 and close. SIGPIPE is ignored.
 */
void child_end(struct child *c, uint64_t timeout_ns);

#endif
