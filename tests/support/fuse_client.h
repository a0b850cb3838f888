/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A FUSE driver that calls the server of devices/virtio/fuse.h without a queue: requests are bytes, split into pieces
 * like a driver's buffers. Opcodes and sizes are from Linux include/uapi/linux/fuse.h, through fuse_wire.h.
 */
#ifndef TESTS_SUPPORT_FUSE_CLIENT_H
#define TESTS_SUPPORT_FUSE_CLIENT_H

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "devices/virtio/fuse.h"
#include "devices/virtio/fuse_wire.h"
#include "vmm/base/util.h"

#define CLIENT_ROOM (256 * 1024)

/**
 * struct fuse_client
 * @out: the header of the last reply, @data what followed it (@len bytes)
 * @room: bytes available for the next replies, after their header
 */
struct fuse_client {
	struct fuse *f;
	uint64_t unique;
	size_t room;
	struct fuse_out out;
	uint8_t data[CLIENT_ROOM];
	size_t len;
};

/* Splits a buffer into pieces of odd lengths, with an empty one in between. Return: their number. */
static inline size_t client_pieces(void *p, size_t len, struct iovec *iov)
{
	static const size_t piece[] = {7, 33, 0, 1, 40, 997};
	size_t nr = 0, at = 0;

	for (; nr < ARRAY_SIZE(piece) && at < len; nr++) {
		iov[nr] = (struct iovec){(uint8_t *)p + at, MIN(piece[nr], len - at)};
		at += iov[nr].iov_len;
	}
	iov[nr] = (struct iovec){(uint8_t *)p + at, len - at};
	return nr + 1;
}

/*
 * Sends a request. Return: 0 or the error in the reply; 1: there was no reply. Asserts the properties of every reply.
 */
static inline int client_send(struct fuse_client *c, struct fuse_in head, const void *arg, size_t arg_len)
{
	struct iovec out[8], in[8];
	uint8_t *request = malloc(sizeof(head) + arg_len), *reply = malloc(sizeof(c->out) + c->room + 1);
	size_t out_nr, in_nr;
	uint32_t data;
	int64_t n;

	assert(request && reply && c->room <= sizeof(c->data));
	memcpy(request, &head, sizeof(head));
	if (arg_len)
		memcpy(request + sizeof(head), arg, arg_len);
	memset(reply, 0xa5, sizeof(c->out) + c->room + 1);
	out_nr = client_pieces(request, sizeof(head) + arg_len, out);
	in_nr = client_pieces(reply, sizeof(c->out) + c->room, in);
	n = fuse_serve(c->f, out, out_nr, in, in_nr, (uint32_t)(sizeof(c->out) + c->room), &data);
	assert(n == 0 || (n >= (int64_t)sizeof(c->out) && (size_t)n <= sizeof(c->out) + c->room));
	/* Guest memory after the reported length is unchanged. */
	for (size_t i = (size_t)n; head.opcode != FUSE_READ && i <= sizeof(c->out) + c->room; i++)
		assert(reply[i] == 0xa5);
	if (n) {
		memcpy(&c->out, reply, sizeof(c->out));
		c->len = (size_t)n - sizeof(c->out);
		memcpy(c->data, reply + sizeof(c->out), c->len);
		assert(c->out.len == n && c->out.unique == head.unique && c->out.error <= 0);
		assert(!c->out.error || !c->len);
		assert(data <= c->len);
	}
	free(request);
	free(reply);
	return n ? c->out.error : 1;
}

static inline int client_ask(struct fuse_client *c, uint32_t opcode, uint64_t nodeid, const void *arg, size_t arg_len)
{
	struct fuse_in head = {
		.len = (uint32_t)(sizeof(head) + arg_len), .opcode = opcode, .unique = ++c->unique, .nodeid = nodeid};

	return client_send(c, head, arg, arg_len);
}

static inline int client_init(struct fuse_client *c, uint32_t major, uint32_t minor)
{
	/* Since 7.36 it has 64 bytes. */
	uint32_t arg[16] = {major, minor, 131072, UINT32_MAX};

	return client_ask(c, FUSE_INIT, 0, arg, minor < 36 ? 16 : 64);
}

/* Return: 0 and *ret, or an error. */
static inline int client_lookup(struct fuse_client *c, uint64_t dir, const char *name, struct fuse_entry_out *ret)
{
	int r = client_ask(c, FUSE_LOOKUP, dir, name, strlen(name) + 1);

	if (r == 0) {
		assert(c->len == sizeof(*ret));
		memcpy(ret, c->data, sizeof(*ret));
	}
	return r;
}

static inline int client_open(struct fuse_client *c, uint64_t node, bool dir, uint32_t flags)
{
	struct fuse_open_in a = {.flags = flags};

	return client_ask(c, dir ? FUSE_OPENDIR : FUSE_OPEN, node, &a, sizeof(a));
}

static inline int client_read(struct fuse_client *c, uint32_t opcode, uint64_t node, uint64_t offset, uint32_t size)
{
	struct fuse_read_in a = {.fh = node, .offset = offset, .size = size};

	return client_ask(c, opcode, node, &a, sizeof(a));
}

static inline int client_release(struct fuse_client *c, uint64_t node, bool dir)
{
	struct fuse_release_in a = {.fh = node};

	return client_ask(c, dir ? FUSE_RELEASEDIR : FUSE_RELEASE, node, &a, sizeof(a));
}

static inline int client_getattr(struct fuse_client *c, uint64_t node, struct fuse_attr *ret)
{
	struct fuse_getattr_in a = {0};
	int r = client_ask(c, FUSE_GETATTR, node, &a, sizeof(a));

	if (r == 0)
		memcpy(ret, c->data + offsetof(struct fuse_attr_out, attr), sizeof(*ret));
	return r;
}

static inline void client_forget(struct fuse_client *c, uint64_t node, uint64_t nr)
{
	assert(client_ask(c, FUSE_FORGET, node, &nr, sizeof(nr)) == 1);
}

#endif
