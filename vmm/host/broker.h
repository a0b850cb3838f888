/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A Unix socket that listens at a path, and the process that owns the path: it makes the socket, in place of a stale
 * one, and removes it at the end, also when vmm was killed. Where a guest may reach programs of the host, the same
 * process connects for it: it is asked by the number of a port, connects to PATH_PORT and hands the socket over. So
 * that vmm, taken over by its guest, can name no path at all: neither to connect to nor to remove.
 *
 * The process opens the directory once, and works by names in it from then on. It follows no symbolic link: what is
 * connected to is the socket PATH_PORT itself, what is removed is the socket that it made. It has a Landlock domain
 * (one directory, to remove from) and a filter of its own: role SANDBOX_BROKER.
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

/* The longest path from which connections are made: PATH_4294967295 has to fit into the address of a socket. */
#define BROKER_PATH_MAX 96

/**
 * struct broker - start from BROKER_NONE
 * @fd: listens, non-blocking; owned
 * @child: .sock is readable when there is an answer, or when the process has gone
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
 * @what: how messages call it
 * @connects: it also connects to @path_PORT
 * @as: copied
 * @ret: is BROKER_NONE; untouched on failure
 *
 * A stale socket that nobody listens on is replaced; what is not a socket never is.
 *
 * Return: 0 or a negative errno, with a message in @e (-EEXIST: the path is no socket, -EADDRINUSE: somebody listens
 * there, -ENAMETOOLONG: a path of more than 107 bytes, or, with @connects, BROKER_PATH_MAX).
 * Context: sandbox stage OPEN; forks, so before other threads. Trust: operator.
 */
int broker_start(const char *what, const char *path, bool connects, const struct sandbox_as *as, struct broker *ret,
	struct err *e);

/**
 * broker_ask() - a connection to @port is wanted; the answer comes by broker_answer()
 * @ticket: comes back with it
 *
 * Return: 0 or a negative errno: -EAGAIN (it does not keep up), -EPIPE (it has gone).
 * Context: never blocks: one sendto.
 */
int broker_ask(struct broker *b, uint32_t ticket, uint32_t port);

/**
 * broker_answer() - the next answer
 * @ret_fd: a connected, non-blocking stream socket, the caller's; or a negative errno: why there is none
 *
 * Return: 0, -EAGAIN (not yet), or -EPIPE: it has gone, and answers nothing more.
 * Context: never blocks: one recvmsg.
 */
int broker_answer(struct broker *b, uint32_t *ret_ticket, int *ret_fd);

/**
 * broker_close() - the path is removed if it still names the socket that was made; takes BROKER_NONE
 *
 * Context: calls those of child_end(); waits for the process, for a second at most.
 */
void broker_close(struct broker *b);

#endif
