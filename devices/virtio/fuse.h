/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A read-only FUSE server for one directory of the host: it takes the bytes of a request and produces the bytes of the
 * reply. It depends on neither queues nor a guest, so tests and a fuzzer can call it directly.
 *
 * No path leads out of the directory: symbolic links are resolved by the driver, in its own tree, and the mount point
 * of another file system is shown as an empty directory. FIFOs, sockets and devices have names and attributes, but are
 * never opened. A request that would change something fails with EROFS.
 */
#ifndef DEVICES_VIRTIO_FUSE_H
#define DEVICES_VIRTIO_FUSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "vmm/base/err.h"
#include "vmm/base/state.h"

/* Pages of one read: with the headers of request and reply they fit a queue of 256 descriptors. */
#define FUSE_PAGES_MAX 128

#define FUSE_NODES_MAX (UINT32_C(1) << 21)
#define FUSE_FDS_MAX   4096

/* Nodes that a snapshot has at most */
#define FUSE_SAVED_MAX      32768
#define FUSE_SAVED_MAX_TEXT "32768"

struct fuse;

/**
 * struct fuse_params
 * @root: an open directory; the server owns it from now on, also after a failure of fuse_new()
 * @nodes: most nodes that the driver may hold at a time; 0: FUSE_NODES_MAX
 * @fds: most descriptors that the server may have open; 0: FUSE_FDS_MAX
 * @saved: most nodes that may be saved, up to FUSE_SAVED_MAX; 0: as many
 */
struct fuse_params {
	int root;
	uint32_t nodes;
	unsigned fds;
	uint32_t saved;
};

/**
 * fuse_open_root() - open the directory to be shared
 * @path: as given by the operator; directories of proc, sysfs and similar file systems are refused
 * @ret: owned by the caller; untouched on failure
 *
 * Return: 0 or a negative errno, with a message in @e.
 * Context: stage OPEN. Trust: operator.
 */
int fuse_open_root(const char *path, int *ret, struct err *e);

/**
 * fuse_new() - allocate everything; no later call allocates
 *
 * Return: 0 or a negative errno.
 */
int fuse_new(const struct fuse_params *p, struct fuse **ret);

/** fuse_free() - takes NULL */
void fuse_free(struct fuse *f);

/** fuse_reset() - return to the state after fuse_new(), for a new driver */
void fuse_reset(struct fuse *f);

/**
 * fuse_serve() - answer one request
 * @out, @out_nr: windows on the driver's request
 * @in, @in_nr, @in_bytes: windows for the reply
 * @ret_data: bytes of file data in the reply
 *
 * Return: bytes of the reply; 0: no reply, because the request expects none or has no room for one; -EPROTO: the
 * request has no complete header.
 * Context: one thread; blocks as the host's file system does. Trust: guest. Spec: virtio 1.2, 5.11.6; Linux
 * include/uapi/linux/fuse.h
 */
int64_t fuse_serve(struct fuse *f, const struct iovec *out, size_t out_nr, const struct iovec *in, size_t in_nr,
	uint32_t in_bytes, uint32_t *ret_data);

/** fuse_saved_room() - bytes that fuse_save() writes at most */
size_t fuse_saved_room(void);

/** fuse_unsaved() - why the state of the server cannot be saved, or NULL */
const char *fuse_unsaved(const struct fuse *f);

/**
 * fuse_save() - append the nodes that the driver holds, and which of them are open; vmm/base/state.h
 * @as_new: without them, as after fuse_reset()
 *
 * Context: no request is served meanwhile; any thread. fuse_unsaved() is NULL.
 */
void fuse_save(const struct fuse *f, bool as_new, uint32_t index, struct state_writer *w);

/**
 * fuse_restore() - take them over; nothing is opened before it is needed
 *
 * Return: 0 or -EINVAL, with a message in @e; then the server is as new. -EINVAL is also the answer to the state of
 * another directory. Context: as of fuse_reset(). Trust: guest.
 */
int fuse_restore(struct fuse *f, uint32_t index, struct state_reader *r, struct err *e);

/** fuse_counts() - for tests: nodes that the driver holds, and open descriptors apart from the root's */
void fuse_counts(const struct fuse *f, uint32_t *ret_nodes, unsigned *ret_fds);

#endif
