/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Non-blocking I/O on an inherited or shared fd: a pipe, a terminal, a socket, a file.
 *
 * O_NONBLOCK belongs to the open file, which an inherited stdin or stdout shares with the shell and with other
 * programs: setting it there breaks them. So:
 * - a socket is used with MSG_DONTWAIT;
 * - a regular file or block device is used unchanged: it never blocks indefinitely, and reopening it would lose the
 *   shared offset of `> out`;
 * - a pipe or a terminal is reopened through /proc/self/fd with O_NONBLOCK;
 * - where that is not permitted (a terminal of another user, no /proc), and for anything else (an open of another
 *   device can have effects of its own), O_NONBLOCK is set on the shared file, and cleared by nbio_close(). Where
 *   several nbio share one such file, the one opened first is closed last.
 *
 * A write to a pipe has no flag against SIGPIPE, nor one to a file against SIGXFSZ: so opening for output ignores both
 * for the whole process, if their action is the default.
 *
 * System calls after the open: read, write, recvfrom, sendto, ppoll, ioctl(TIOCGPGRP), fcntl(F_GETFL,
 * F_SETFL), close.
 */
#ifndef VMM_HOST_NBIO_H
#define VMM_HOST_NBIO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum nbio_dir { NBIO_IN, NBIO_OUT };

/**
 * struct nbio - start from NBIO_CLOSED
 * @fd: can be watched with epoll (except files: -EPERM); -1: closed
 * @owned: close @fd at the end
 * @socket: use MSG_DONTWAIT
 * @tty: a terminal
 * @restore_fd: borrowed fd whose O_NONBLOCK has to be cleared, -1: none
 * @group: our process group, which does not change after exec unless we change it
 */
struct nbio {
	int fd;
	bool owned;
	bool socket;
	bool tty;
	int restore_fd;
	pid_t group;
};

#define NBIO_CLOSED ((struct nbio){.fd = -1, .restore_fd = -1})

/**
 * nbio_open() - make @fd usable in direction @dir
 * @fd: borrowed, stays open until nbio_close()
 *
 * Return: 0, -EBADF (closed, or not open in that direction), or a negative errno.
 * Context: opens a path under /proc: before stage CONFINE of the sandbox.
 */
int nbio_open(struct nbio *io, int fd, enum nbio_dir dir);

/** nbio_ignore_signals() - ignore SIGPIPE and SIGXFSZ where their action is the default; for the whole process */
void nbio_ignore_signals(void);

/**
 * nbio_connect() - connect to the Unix socket of a descriptor, even if its path now names something else
 * @target: the socket's file, opened with O_PATH; borrowed
 *
 * A full queue (-EAGAIN) is an error: there is no waiting. So is a file that is not a socket.
 *
 * Return: non-blocking, which the caller owns, or a negative errno. Context: needs /proc.
 */
int nbio_connect(int target);

/**
 * nbio_take() - take ownership of @fd, which must be non-blocking and not shared; for writing call
 * nbio_ignore_signals() first
 */
void nbio_take(struct nbio *io, int fd);

/** nbio_read() - Return: bytes, 0 at the end, -EAGAIN, or a negative errno */
ssize_t nbio_read(struct nbio *io, void *buf, size_t n);

/** nbio_write() - Return: bytes (may be fewer), -EAGAIN, or a negative errno (-EPIPE: the reader has closed) */
ssize_t nbio_write(struct nbio *io, const void *buf, size_t n);

/**
 * nbio_wait_writable() - Blocks for at most @timeout_ns
 *
 * Return: true when a write would not block (or would fail).
 */
bool nbio_wait_writable(const struct nbio *io, uint64_t timeout_ns);

/** nbio_in_background() - whether the terminal belongs to another process group now: reading would stop us */
bool nbio_in_background(const struct nbio *io);

/** nbio_hung_up() - whether the peer has closed both directions */
bool nbio_hung_up(const struct nbio *io);

/** nbio_close() - takes one that is closed already */
void nbio_close(struct nbio *io);

#endif
