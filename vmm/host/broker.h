/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A Unix socket that listens at a path, and the process that owns the path: it creates the socket, replacing a stale
 * one, and removes it at the end, also when vmm was killed. If a guest may connect to programs of the host, the same
 * process makes these connections: it gets the number of a port, connects to PATH_PORT and passes the socket to vmm. So
 * a vmm that its guest has taken over can neither connect to nor remove any path.
 *
 * The process opens the directory once, and then uses names relative to it. It follows no symbolic link: it connects
 * only to the socket PATH_PORT itself, and removes only the socket that it made. It has a Landlock domain (one
 * directory, to remove from) and a filter of its own: role SANDBOX_BROKER.
 *
 * System calls of vmm after the start: those of broker_ask() and broker_answer(), of the one thread that uses them, and
 * those of broker_close(). Paths: none.
 */
#ifndef VMM_HOST_BROKER_H
#define VMM_HOST_BROKER_H

#include <stdbool.h>
#include <stdint.h>

#include "security/sandbox.h"
#include "vmm/base/err.h"
#include "vmm/host/child.h"

/* The longest path with @connects: PATH_4294967295 has to fit into the address of a socket. */
#define BROKER_PATH_MAX 96

/**
 * struct broker - start from BROKER_NONE
 * @fd: listens, non-blocking; owned
 * @child: .sock is readable when there is a result, or when the process has ended
 */
struct broker {
	int fd;
	struct child child;
};

#define BROKER_NONE ((struct broker){.fd = -1, .child = CHILD_NONE})

/** broker_check() - 0, or -ENAMETOOLONG with a message in @e for a path that no socket can have. Trust: operator */
int broker_check(const char *what, const char *path, struct err *e);

/**
 * broker_start() - listen at @path, mode 0600
 * @what: its name in messages
 * @connects: it also connects to @path_PORT
 * @as: copied
 * @ret: is BROKER_NONE; untouched on failure
 *
 * A stale socket without a listener is replaced; a file that is not a socket never is.
 *
 * Return: 0 or a negative errno, with a message in @e (-EEXIST: the path is no socket, -EADDRINUSE: another process
 * listens there, -ENAMETOOLONG: a path of more than 107 bytes, or, with @connects, BROKER_PATH_MAX).
 * Context: sandbox stage OPEN; forks, so before other threads. Trust: operator.
 */
int broker_start(const char *what, const char *path, bool connects, const struct sandbox_as *as, struct broker *ret,
	struct err *e);

/**
 * broker_ask() - request a connection to @port; the result comes by broker_answer()
 * @ticket: returned with the result
 *
 * Return: 0 or a negative errno: -EAGAIN (too many requests), -EPIPE (the process has ended).
 * Context: never blocks: one sendto.
 */
int broker_ask(struct broker *b, uint32_t ticket, uint32_t port);

/**
 * broker_answer() - get the next result
 * @ret_fd: a connected, non-blocking stream socket that the caller owns; or a negative errno
 *
 * Return: 0, -EAGAIN (not yet), or -EPIPE: the process has ended.
 * Context: never blocks: one recvmsg.
 */
int broker_answer(struct broker *b, uint32_t *ret_ticket, int *ret_fd);

/**
 * broker_close() - remove the path if it still names our socket, and end the process; takes BROKER_NONE
 *
 * Context: calls those of child_end(); waits for the process, for a second at most.
 */
void broker_close(struct broker *b);

#endif
