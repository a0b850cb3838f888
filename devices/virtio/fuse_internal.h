/* SPDX-License-Identifier: Apache-2.0 */
/* Between the files of the FUSE server: fuse.c, fuse_ops.c, fuse_dir.c. */
#ifndef DEVICES_VIRTIO_FUSE_INTERNAL_H
#define DEVICES_VIRTIO_FUSE_INTERNAL_H

#include "devices/virtio/fuse.h"
#include "devices/virtio/fuse_nodes.h"
#include "devices/virtio/fuse_wire.h"
#include "devices/virtio/virtqueue.h"

#define FUSE_BUFFER  (64 * 1024) /* XATTR_SIZE_MAX, XATTR_LIST_MAX */
#define FUSE_DIRENTS (32 * 1024)

/* How long a driver may cache names and attributes. */
#define FUSE_VALID_SECONDS 1

/**
 * struct fuse - the server
 * @max_saved: nodes that a snapshot has at most
 * @buffer: of the current request
 * @dirents: names of directory @dir_node (the driver's number; 0: none) that getdents64() has read: those from
 *           @dirent_at on have not been returned yet, and follow offset @dir_offset
 * @pages: windows of a read
 */
struct fuse {
	struct fuse_nodes nodes;
	uint32_t max_saved;
	uint64_t dir_node, dir_offset;
	uint32_t dirent_at, dirents_end;
	struct iovec pages[VQ_IOV_MAX];
	_Alignas(8) uint8_t dirents[FUSE_DIRENTS];
	_Alignas(8) uint8_t buffer[FUSE_BUFFER];
};

/**
 * struct fuse_request - a request that has been copied, up to the size of @arg, and whose sizes have been checked
 * @node: node of @head.nodeid; NULL only for requests without one
 * @arg: its arguments, @arg_len bytes, followed by zeroes
 * @name: NUL-terminated and not empty, for requests that have one
 * @out, @out_nr, @out_len: the request in guest memory, for those longer than @arg
 * @in, @in_nr: room for the reply, header included
 * @room: bytes of it after the header
 * @data: bytes of file data in the reply
 */
struct fuse_request {
	struct fuse_in head;
	struct fuse_node *node;
	union {
		struct fuse_getattr_in getattr;
		struct fuse_statx_in statx;
		struct fuse_open_in open;
		struct fuse_read_in read;
		struct fuse_release_in release;
		struct fuse_xattr_in xattr;
		struct fuse_init_in init;
		struct fuse_forget_in forget;
		struct fuse_batch_in batch;
		struct fuse_lseek_in lseek;
		char bytes[sizeof(struct fuse_read_in) + FUSE_NAME_MAX + 2];
	} arg;
	size_t arg_len;
	const char *name;
	const struct iovec *out;
	size_t out_nr, out_len;
	const struct iovec *in;
	size_t in_nr;
	uint32_t room;
	uint32_t data;
};

/**
 * struct fuse_op - a kind of request
 * @arg: minimum size of its arguments
 * @room: minimum size of its reply after the header; checked before @serve, so that no node is returned in a reply
 *        that does not fit
 * @name: a name follows the arguments
 * @node: its nodeid must be that of a node
 * @serve: Return: bytes of the reply after the header, or a negative errno
 */
struct fuse_op {
	uint16_t arg, room;
	bool name, node;
	int64_t (*serve)(struct fuse *f, struct fuse_request *rq);
};

#define FUSE_OPS 53

extern const struct fuse_op fuse_ops[FUSE_OPS];

/* Writes to the reply, after the header, from byte @at on. */
void fuse_put(struct fuse_request *rq, size_t at, const void *data, size_t len);

/* Fills in the entry that the driver gets for an object; @n has been given to it. */
void fuse_fill_attr(struct fuse_attr *a, const struct statx *st);
void fuse_fill_entry(
	const struct fuse *f, const struct fuse_node *n, const struct statx *st, struct fuse_entry_out *ret);

/* Is it a valid name of a directory entry, other than "." and ".."? */
bool fuse_name_ok(const char *name, size_t len);

static inline bool fuse_is_type(const struct fuse_node *n, unsigned type)
{
	return n->type == type >> 12;
}

/* fuse_dir.c */
int64_t fuse_opendir(struct fuse *f, struct fuse_request *rq);
int64_t fuse_readdir(struct fuse *f, struct fuse_request *rq);
int64_t fuse_readdirplus(struct fuse *f, struct fuse_request *rq);

#endif
