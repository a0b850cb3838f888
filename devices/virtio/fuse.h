/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A FUSE server for one directory of the host, read-only: bytes of a request in, bytes of the reply out. It knows
 * neither queues nor a guest, so a test or a fuzzer drives it without either.
 *
 * What leads out of the directory is not followed: links are the driver's to resolve, in its own tree, and another file
 * system that is mounted below is an empty directory. FIFOs, sockets and devices are names with attributes, which
 * nobody opens. A request that would change something is EROFS.
 */
#ifndef DEVICES_VIRTIO_FUSE_H
#define DEVICES_VIRTIO_FUSE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "vmm/base/err.h"

/* Pages of one read: with its header and its reply's it fits a queue of 256 descriptors. */
#define FUSE_PAGES_MAX 128

#define FUSE_NODES_MAX (UINT32_C(1) << 21)
#define FUSE_FDS_MAX   4096

struct fuse;

/**
 * struct fuse_params
 * @root: an open directory; the server owns it from now on, also after a failure of fuse_new()
 * @nodes: names that the driver may know at a time; 0: FUSE_NODES_MAX
 * @fds: descriptors that it may have open; 0: FUSE_FDS_MAX
 */
struct fuse_params {
	int root;
	uint32_t nodes;
	unsigned fds;
};

/**
 * fuse_open_root() - the directory that is to be shared
 * @path: as the operator has given it; not a directory of proc, sysfs and their like
 * @ret: owned by the caller; untouched on failure
 *
 * Return: 0 or a negative errno, with a message in @e.
 * Context: stage OPEN. Trust: operator.
 */
int fuse_open_root(const char *path, int *ret, struct err *e);

/**
 * fuse_new() - reserve everything: no later call allocates
 *
 * Return: 0 or a negative errno.
 */
int fuse_new(const struct fuse_params *p, struct fuse **ret);

/** fuse_free() - takes NULL */
void fuse_free(struct fuse *f);

/** fuse_reset() - as after fuse_new(): the driver has gone */
void fuse_reset(struct fuse *f);

/**
 * fuse_serve() - answer one request
 * @out, @out_nr: windows on what the driver has written
 * @in, @in_nr, @in_bytes: windows for the reply
 * @ret_data: bytes of files in the reply
 *
 * Return: bytes of the reply, 0: there is none, since the request wants none or has no room for any; -EPROTO: it has no
 * whole header.
 * Context: one thread; blocks as the host's file system does. Trust: guest. Spec: virtio 1.2, 5.11.6; Linux
 * include/uapi/linux/fuse.h
 */
int64_t fuse_serve(struct fuse *f, const struct iovec *out, size_t out_nr, const struct iovec *in, size_t in_nr,
	uint32_t in_bytes, uint32_t *ret_data);

/** fuse_counts() - for tests: nodes that the driver knows, and descriptors that are open besides the directory */
void fuse_counts(const struct fuse *f, uint32_t *ret_nodes, unsigned *ret_fds);

#endif
