/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A Unix socket that listens at a path: made, in place of a stale one, and removed again.
 *
 * System calls of listener_close(): newfstatat, unlinkat, close. Paths: to remove the socket, removal of files in its
 * directory.
 */
#ifndef VMM_HOST_LISTENER_H
#define VMM_HOST_LISTENER_H

#include <sys/types.h>

#include "vmm/base/err.h"

/**
 * struct listener - start from LISTENER_CLOSED; owns everything
 * @fd: listens, non-blocking
 * @dir, @name: where it is, since the working directory may change; @path: @dir as it was given
 * @dev, @ino: what we made there; 0: nothing
 */
struct listener {
	int fd;
	int dir;
	char *path;
	char *name;
	dev_t dev;
	ino_t ino;
};

#define LISTENER_CLOSED ((struct listener){.fd = -1, .dir = -1})

/** listener_check() - 0, or -ENAMETOOLONG with words for a path that no socket can have. Trust: operator */
int listener_check(const char *what, const char *path, struct err *e);

/**
 * listener_open() - listen at @path, mode 0600
 * @what: how messages call it
 * @ret: is closed; untouched on failure
 *
 * A stale socket that nobody listens on is replaced; what is not a socket never is.
 *
 * Return: 0 or a negative errno with words (-EEXIST: the path is no socket, -EADDRINUSE: somebody listens there,
 * -ENAMETOOLONG: a path of more than 107 bytes).
 * Context: sandbox stage OPEN. Trust: operator.
 */
int listener_open(const char *what, const char *path, struct listener *ret, struct err *e);

/** listener_close() - takes a closed one; the path is removed if it still names the socket that we made */
void listener_close(struct listener *l);

#endif
