// SPDX-License-Identifier: Apache-2.0
/* The table of nodes: slots, names and lookup counts. Descriptors are in fuse_fds.c. */
#include "devices/virtio/fuse_nodes.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "devices/virtio/fuse_fds.h"
#include "vmm/base/util.h"

#define NODES_MIN 4096

/* FNV-1a, 32 bits */
static uint32_t hash_of(uint32_t parent, const char *name, size_t len)
{
	uint32_t h = UINT32_C(2166136261) ^ parent;

	for (size_t i = 0; i < len; i++)
		h = (h ^ (uint8_t)name[i]) * UINT32_C(16777619);
	return h ^ h >> 15;
}

static uint32_t *bucket_of(struct fuse_nodes *t, uint32_t parent, const char *name, size_t len)
{
	return &t->bucket[hash_of(parent, name, len) & (t->buckets - 1)];
}

static uint32_t pieces_of(size_t len)
{
	return (uint32_t)(len / FUSE_PIECE + 1); /* with a NUL */
}

/* Return: index of its first piece; 0: there is no room. Piece 0 is not used. */
static uint32_t name_new(struct fuse_nodes *t, const char *name, size_t len)
{
	uint32_t pieces = pieces_of(len), at = t->free_name[pieces];
	char *to;

	if (at) {
		memcpy(&t->free_name[pieces], t->names + (size_t)at * FUSE_PIECE, sizeof(at));
	} else {
		if (t->nr_pieces - t->used_pieces < pieces)
			return 0;
		at = t->used_pieces;
		t->used_pieces += pieces;
	}
	to = (char *)t->names + (size_t)at * FUSE_PIECE;
	memcpy(to, name, len);
	to[len] = '\0';
	return at;
}

static void name_free(struct fuse_nodes *t, uint32_t at, size_t len)
{
	uint32_t *list = &t->free_name[pieces_of(len)];

	memcpy(t->names + (size_t)at * FUSE_PIECE, list, sizeof(*list));
	*list = at;
}

/* Return: NULL: there is no room. */
static struct fuse_node *place_new(struct fuse_nodes *t)
{
	struct fuse_node *n;

	if (t->free_node) {
		n = &t->nodes[t->free_node];
		t->free_node = n->next;
	} else {
		if (t->used == t->nr_nodes)
			return NULL;
		n = &t->nodes[t->used++];
	}
	*n = (struct fuse_node){.fd = -1, .generation = ++t->generation};
	t->live++;
	return n;
}

static void place_free(struct fuse_nodes *t, struct fuse_node *n)
{
	n->type = 0;
	n->next = t->free_node;
	t->free_node = fuse_index(t, n);
	t->live--;
}

/* Removes it from its bucket, so that lookups of its name do not find it any more. */
static void unname(struct fuse_nodes *t, struct fuse_node *n)
{
	uint32_t *link = bucket_of(t, n->parent, fuse_node_name(t, n), n->name_len);

	if (!n->named)
		return;
	while (*link != fuse_index(t, n))
		link = &t->nodes[*link].next;
	*link = n->next;
	n->named = false;
}

/* Frees it if it is no longer needed, and then its parents likewise. */
static void drop(struct fuse_nodes *t, struct fuse_node *n)
{
	while (fuse_index(t, n) != FUSE_ROOT_NODE && !n->lookups && !n->children && !n->opens) {
		struct fuse_node *parent = &t->nodes[n->parent];

		unname(t, n);
		fuse_fd_close(t, n);
		name_free(t, n->name, n->name_len);
		place_free(t, n);
		parent->children--;
		n = parent;
	}
}

static struct fuse_node *find_name(struct fuse_nodes *t, uint32_t parent, const char *name, size_t len)
{
	for (uint32_t i = *bucket_of(t, parent, name, len); i; i = t->nodes[i].next) {
		struct fuse_node *n = &t->nodes[i];

		if (n->parent == parent && n->name_len == len && !memcmp(fuse_node_name(t, n), name, len))
			return n;
	}
	return NULL;
}

static void into_bucket(struct fuse_nodes *t, struct fuse_node *n)
{
	uint32_t *bucket = bucket_of(t, n->parent, fuse_node_name(t, n), n->name_len);

	n->named = true;
	n->next = *bucket;
	*bucket = fuse_index(t, n);
}

uint64_t fuse_node_id(const struct fuse_nodes *t, const struct fuse_node *n)
{
	return (uint64_t)n->generation << 32 | fuse_index(t, n);
}

struct fuse_node *fuse_node_find(struct fuse_nodes *t, uint64_t nodeid)
{
	uint32_t i = (uint32_t)nodeid;
	struct fuse_node *n = &t->nodes[i];

	return i && i < t->used && n->type && n->generation == nodeid >> 32 ? n : NULL;
}

struct fuse_node *fuse_node_add(
	struct fuse_nodes *t, struct fuse_node *parent, const char *name, size_t len, const struct statx *st)
{
	uint32_t up = fuse_index(t, parent);
	struct fuse_node *n = find_name(t, up, name, len);

	if (n && fuse_is(n, st)) {
		n->lookups++;
		return n;
	}
	if (n)
		unname(t, n);
	n = place_new(t);
	if (!n)
		return NULL;
	n->name = name_new(t, name, len);
	if (!n->name) {
		place_free(t, n);
		return NULL;
	}
	n->ino = st->stx_ino;
	n->dev = fuse_dev(st);
	n->type = (uint8_t)(st->stx_mode >> 12);
	n->lookups = 1;
	n->parent = up;
	n->name_len = (uint8_t)len;
	into_bucket(t, n);
	parent->children++;
	return n;
}

COLD const char *fuse_node_restore(struct fuse_nodes *t, struct fuse_node *n, const char *name, size_t len, bool named)
{
	if (named && find_name(t, n->parent, name, len))
		return "two nodes with one name";
	n->name = name_new(t, name, len);
	if (!n->name)
		return "more names than there is room for";
	n->name_len = (uint8_t)len;
	if (named)
		into_bucket(t, n);
	t->used = MAX(t->used, fuse_index(t, n) + 1);
	t->live++;
	return NULL;
}

COLD void fuse_nodes_collect(struct fuse_nodes *t)
{
	for (uint32_t i = t->used; --i > FUSE_ROOT_NODE;) {
		if (t->nodes[i].type)
			continue;
		t->nodes[i].next = t->free_node;
		t->free_node = i;
	}
}

void fuse_node_forget(struct fuse_nodes *t, struct fuse_node *n, uint64_t nr)
{
	n->lookups -= MIN(nr, n->lookups);
	drop(t, n);
}

void fuse_node_opened(struct fuse_nodes *t, struct fuse_node *n)
{
	n->opens++;
	fuse_fd_touch(t, n);
}

void fuse_node_closed(struct fuse_nodes *t, struct fuse_node *n)
{
	if (!n->opens)
		return;
	n->opens--;
	fuse_fd_touch(t, n);
	drop(t, n);
}

static void *reserve(size_t bytes)
{
	void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

static size_t bytes_of(const struct fuse_nodes *t)
{
	return t->nr_nodes * sizeof(*t->nodes) + t->buckets * sizeof(*t->bucket) + (size_t)t->nr_pieces * FUSE_PIECE;
}

static void start(struct fuse_nodes *t)
{
	t->used = FUSE_ROOT_NODE + 1;
	t->used_pieces = 1;
	t->free_node = 0;
	t->live = 0;
	memset(t->free_name, 0, sizeof(t->free_name));
	memset(t->lru, 0, sizeof(t->lru));
}

static struct fuse_node root_node(int fd, const struct statx *st)
{
	return (struct fuse_node){
		.ino = st->stx_ino,
		.dev = fuse_dev(st),
		.type = S_IFDIR >> 12,
		.fd = fd,
		.readable = true,
	};
}

COLD int fuse_nodes_init(struct fuse_nodes *t, int root, uint32_t nr, unsigned max_fds)
{
	struct statx st;
	void *p = NULL;
	int r = fuse_stat_fd(root, &st);

	*t = (struct fuse_nodes){.max_fds = max_fds};
	for (; r == 0 && !p && nr >= NODES_MIN; nr /= 2) {
		t->nr_nodes = nr;
		t->buckets = nr / 2;
		t->nr_pieces = nr * FUSE_PIECES_NODE;
		p = reserve(bytes_of(t));
	}
	if (!p) {
		close(root);
		return r < 0 ? r : -ENOMEM;
	}
	t->nodes = p;
	t->bucket = (uint32_t *)(t->nodes + t->nr_nodes);
	t->names = (uint8_t *)(t->bucket + t->buckets);
	t->nodes[FUSE_ROOT_NODE] = root_node(root, &st);
	start(t);
	return 0;
}

static void close_all(struct fuse_nodes *t)
{
	for (uint32_t i = FUSE_ROOT_NODE + 1; i < t->used && t->fds; i++)
		if (t->nodes[i].type)
			fuse_fd_close(t, &t->nodes[i]);
}

void fuse_nodes_reset(struct fuse_nodes *t)
{
	struct fuse_node root = t->nodes[FUSE_ROOT_NODE];

	close_all(t);
	/* Afterwards the memory reads as zeroes. */
	if (t->used > FUSE_ROOT_NODE + 1)
		madvise(t->nodes, bytes_of(t), MADV_DONTNEED);
	root.lookups = root.version = root.children = root.opens = 0;
	t->nodes[FUSE_ROOT_NODE] = root;
	start(t);
}

COLD void fuse_nodes_destroy(struct fuse_nodes *t)
{
	if (!t->nodes)
		return;
	/* Without fuse_nodes_reset(): another thread than the server's destroys it, whose filter has no madvise(). */
	close_all(t);
	close(t->nodes[FUSE_ROOT_NODE].fd);
	munmap(t->nodes, bytes_of(t));
	t->nodes = NULL;
}
