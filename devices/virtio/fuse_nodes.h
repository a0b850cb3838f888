/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The objects that a share's guest has looked up: a table of nodes, in memory that is reserved once since the thread of
 * a share may not allocate, and the descriptors of some of them.
 *
 * A node is a name in a directory, and the object (device, inode, type) that was found there. It has no descriptor
 * until one is needed; then it is opened by its name in its parent and compared with the object that was found: if it
 * is another one, the result is ESTALE. At most @max_fds descriptors are open. The least recently used is closed first,
 * those of open files and directories last; the descriptor of an open node that no longer has a name is never closed,
 * since it could not be opened again.
 *
 * Context of all functions: the thread of the share. Trust: guest, for every nodeid and name.
 */
#ifndef DEVICES_VIRTIO_FUSE_NODES_H
#define DEVICES_VIRTIO_FUSE_NODES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#define FUSE_NAME_MAX  255
#define FUSE_ROOT_NODE 1u /* index; 0 is none */

/**
 * struct fuse_node - 72 bytes, and its name
 * @lookups: lookup count: how often the driver has been given it, minus what it has forgotten
 * @version: size and times of the file when it was last opened, as one number
 * @next: in the hash bucket of its name, or in the free list
 * @newer, @older: in a list of struct fuse_lru, while @listed
 * @name: in pieces of FUSE_PIECE bytes
 * @generation: distinguishes it from another node in the same slot
 * @children: nodes whose parent it is
 * @opens: OPEN and OPENDIR that have not been released
 * @fd: -1: none
 * @type: S_IFMT bits, shifted right by 12; 0: the slot is free
 * @named: lookups of its name find it
 * @readable: @fd is open for reading, not O_PATH
 * @listed: its descriptor may be closed
 * @checked: while nodes are restored: its parents lead to the root
 */
struct fuse_node {
	uint64_t ino, dev, lookups, version;
	uint32_t parent, next, newer, older, name, generation, children, opens;
	int32_t fd;
	uint8_t type;
	bool named : 1, readable : 1, listed : 1, checked : 1;
	uint8_t name_len;
};

struct fuse_lru {
	uint32_t newest, oldest;
};

#define FUSE_PIECE       16u
#define FUSE_PIECES_NODE 3u /* of each node, on average: names of up to 48 bytes */
#define FUSE_CLASSES     (FUSE_NAME_MAX / FUSE_PIECE + 2)

/**
 * struct fuse_nodes - owns its memory and its descriptors
 * @nodes, @nr_nodes: slots; those from @used on have never been used
 * @bucket: hash buckets, @buckets of them, a power of two
 * @names, @nr_pieces, @used_pieces: memory for names; @free_name: a free list for each number of pieces
 * @free_node: list of free slots
 * @fds, @max_fds: open descriptors except the root's, and their limit
 * @lru: [0]: nodes that the driver has not opened, [1]: nodes that it has
 */
struct fuse_nodes {
	struct fuse_node *nodes;
	uint32_t nr_nodes, used, live;
	uint32_t *bucket;
	uint32_t buckets;
	uint8_t *names;
	uint32_t nr_pieces, used_pieces;
	uint32_t free_name[FUSE_CLASSES];
	uint32_t free_node;
	uint32_t generation;
	unsigned fds, max_fds;
	struct fuse_lru lru[2];
};

/**
 * fuse_nodes_init() - reserve memory for up to @nr nodes; fewer if the host has less
 * @root: an open directory; owned from now on, also after a failure
 * @max_fds: limit of further descriptors, at least 1
 *
 * Return: 0 or a negative errno.
 */
int fuse_nodes_init(struct fuse_nodes *t, int root, uint32_t nr, unsigned max_fds);

/** fuse_nodes_destroy() - takes a zeroed struct */
void fuse_nodes_destroy(struct fuse_nodes *t);

/** fuse_nodes_reset() - forget all nodes but the root, close their descriptors, return the memory to the host */
void fuse_nodes_reset(struct fuse_nodes *t);

/** fuse_node_find() - the node with the driver's number, or NULL; fuse_node_id() - a node's number */
struct fuse_node *fuse_node_find(struct fuse_nodes *t, uint64_t nodeid);
uint64_t fuse_node_id(const struct fuse_nodes *t, const struct fuse_node *n);

/**
 * fuse_node_add() - find or make the node of an object that was found by a name, and count one lookup
 * @name: @len bytes, 1 to FUSE_NAME_MAX
 *
 * Return: NULL when there is no room.
 */
struct fuse_node *fuse_node_add(
	struct fuse_nodes *t, struct fuse_node *parent, const char *name, size_t len, const struct statx *st);

/**
 * fuse_node_restore() - name a node that is being restored, and count it; its parent is set, and may not be there yet
 * @named: lookups of the name find it
 *
 * Return: NULL, or why that cannot be.
 */
const char *fuse_node_restore(struct fuse_nodes *t, struct fuse_node *n, const char *name, size_t len, bool named);

/** fuse_nodes_collect() - all nodes are restored: what is between them is free */
void fuse_nodes_collect(struct fuse_nodes *t);

/** fuse_node_forget() - subtract @nr lookups, or all if there are fewer; the node may be freed */
void fuse_node_forget(struct fuse_nodes *t, struct fuse_node *n, uint64_t nr);

/** fuse_node_opened(), fuse_node_closed() - the driver opened or closed it; the latter may free the node */
void fuse_node_opened(struct fuse_nodes *t, struct fuse_node *n);
void fuse_node_closed(struct fuse_nodes *t, struct fuse_node *n);

/**
 * fuse_node_fd() - get a descriptor of a node
 * @readable: for reading, which only directories and regular files can be; otherwise O_PATH may be enough
 *
 * Return: a descriptor, which is valid until the next call; -ESTALE: it no longer exists; -EXDEV: another file system
 * is mounted on it, or above it; -ENFILE: all descriptors are in use; or the host's error.
 */
int fuse_node_fd(struct fuse_nodes *t, struct fuse_node *n, bool readable);

/**
 * fuse_node_stat() - get the current attributes of a node
 *
 * Return: 0 or a negative errno, as fuse_node_fd().
 */
int fuse_node_stat(struct fuse_nodes *t, struct fuse_node *n, struct statx *ret);

/**
 * fuse_stat_name() - statx() of a name in a directory, without following links
 *
 * Return: 0 or a negative errno.
 */
int fuse_stat_name(int dir, const char *name, struct statx *ret);

#endif
