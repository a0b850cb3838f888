/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A network backend that connects to passt, which implements the network by sockets of an ordinary user. Frames are
 * sent over a stream Unix socket, each preceded by its length in 4 bytes, big-endian. There are no offloads.
 *
 * For the sandbox: before the start connect() to the socket's path, or posix_spawnp("passt") and waitpid; passt has to
 * be started before Landlock, no_new_privs and seccomp, which it would inherit. After it, on the loop's thread: write,
 * writev and read on the socket, read on a pipe; at the end wait4 and ppoll.
 */
#ifndef VMM_HOST_PASST_H
#define VMM_HOST_PASST_H

#include "devices/virtio/net_backend.h"
#include "vmm/base/err.h"
#include "vmm/config.h"

/** net_passt_check() - 0, or -ENAMETOOLONG with a message in @e for a path that no socket can have */
int net_passt_check(const char *path, struct err *e);

/**
 * net_passt_check_ports() - check a specification of forwarded ports for passt
 * @spec: [ADDRESS/]PORT[-PORT][:PORT[-PORT]]: ports of the host, then those of the guest if they differ; the syntax of
 *        passt(1) for --tcp-ports, with one range
 *
 * Return: 0 or -EINVAL with a message in @e. Trust: operator.
 */
int net_passt_check_ports(const char *spec, struct err *e);

/**
 * net_passt_connect() - connect to a passt that listens on @path. @ret: owned by the caller; untouched on failure.
 * Return: 0 or -errno.
 */
int net_passt_connect(const char *path, struct net_backend **ret, struct err *e);

/**
 * net_passt_start() - start passt, which ends with the backend
 * @tcp, @udp: ports that it forwards to the guest, already checked; borrowed
 * @ret: owned by the caller; untouched on failure
 *
 * It is found by PATH. The function does not wait for its set-up: net_backend_ready() does, for some seconds at most.
 *
 * Return: 0 or a negative errno, with a message in @e.
 */
int net_passt_start(
	const struct config_ports *tcp, const struct config_ports *udp, struct net_backend **ret, struct err *e);

/**
 * net_passt_wrap() - make a backend from a connected stream socket, which it takes; for tests. NULL: no memory, @fd is
 * closed.
 */
struct net_backend *net_passt_wrap(int fd);

#endif
