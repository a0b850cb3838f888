// SPDX-License-Identifier: Apache-2.0
/*
 * System calls that copy from one descriptor to another: sendfile and copy_file_range. Through a buffer of ours: so
 * both sides may be on the host or in memory.
 */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "vmm/exec/channel.h"

#define SEND_MAX (16 * PAGE_4K)

/* Through the scratch buffer. Return: bytes sent, 0 at the end, or a negative errno */
static int64_t send_piece(struct exec_task *t, const struct channel *out, const struct channel *in, size_t len)
{
	struct windows w = {.iov = {{t->files->scratch, MIN(len, SEND_MAX)}}, .nr = 1};
	const uint64_t start = in->offset ? *in->offset : 0;
	ssize_t n = exec_transfer(t, in, &w), sent;

	if (n <= 0)
		return n;
	w.iov[0].iov_len = (size_t)n;
	sent = exec_transfer(t, out, &w);
	/* What did not go out has not been read. */
	if (sent < n && in->offset)
		*in->offset = start + (uint64_t)MAX(sent, 0);
	else if (sent < n)
		lseek(in->fd, MAX(sent, 0) - n, SEEK_CUR);
	return sent;
}

/* From a file alone: /proc makes its text in the same buffer. */
static bool is_file(const struct exec_task *t, const struct channel *c)
{
	return c->o->kind != EXEC_STREAM && c->o->kind <= EXEC_NODE &&
		(c->fd >= 0 || t->files->tree.node[c->o->node].kind == TREE_FILE);
}

/* The two ends of a sendfile(), checked in Linux's order. */
static int64_t find_ends(
	struct exec_task *t, const uint64_t *a, uint64_t *offset, struct channel *in, struct channel *out)
{
	int64_t r = a[2] ? space_read(&t->space, a[2], offset, sizeof(*offset)) : 0;

	if (r == 0)
		r = exec_channel_of(t, a[1], false, a[2] ? offset : NULL, in);
	if (r == 0)
		r = exec_channel_of(t, a[0], true, NULL, out);
	return r == 0 && !is_file(t, in) ? -EINVAL : r;
}

int64_t exec_sys_sendfile(struct exec_task *t, const uint64_t *a)
{
	uint64_t offset = 0, left = MIN(a[3], TRANSFER_MAX), done = 0;
	struct channel in, out;
	int64_t n = find_ends(t, a, &offset, &in, &out);

	while (n == 0 && left) {
		n = send_piece(t, &out, &in, left);
		if (n <= 0)
			break;
		done += (uint64_t)n;
		left -= (uint64_t)n;
		n = 0;
	}
	if (a[2] && done && space_write(&t->space, a[2], &offset, sizeof(offset)) < 0)
		return -EFAULT;
	return exec_end_transfer(t, (int)n, done, true);
}

/* --- copy_file_range ----------------------------------------------------------------------------------------- */

/* One side. @at: of its offset in the program; 0: its position, which is read into @offset all the same */
static int64_t find_side(struct exec_task *t, uint64_t fd, uint64_t at, bool out, uint64_t *offset, struct channel *ret)
{
	int64_t r = at ? space_read(&t->space, at, offset, sizeof(*offset)) : 0;
	struct stat st;

	if (r == 0)
		r = exec_channel_of(t, fd, out, at ? offset : NULL, ret);
	if (r == 0)
		r = exec_open_status(t, ret->o, &st);
	if (r < 0)
		return r;
	if (S_ISDIR(st.st_mode))
		return -EISDIR;
	if (!is_file(t, ret) || !S_ISREG(st.st_mode))
		return -EINVAL;
	if (out && ret->o->flags & O_APPEND)
		return -EBADF;
	if (!at)
		*offset = ret->offset ? *ret->offset : (uint64_t)lseek(ret->fd, 0, SEEK_CUR);
	return 0;
}

static int64_t check_range(uint64_t at, uint64_t len)
{
	return at > UINT64_MAX - len ? -EOVERFLOW : at > INT64_MAX ? -EINVAL : 0;
}

static bool is_same_file(const struct exec_task *t, const struct channel *a, const struct channel *b)
{
	struct stat one, other;

	return exec_open_status(t, a->o, &one) == 0 && exec_open_status(t, b->o, &other) == 0 &&
		(a->o->kind == EXEC_HOST) == (b->o->kind == EXEC_HOST) && one.st_dev == other.st_dev &&
		one.st_ino == other.st_ino;
}

static int64_t put_offset(struct exec_task *t, uint64_t at, uint64_t offset)
{
	return at ? space_write(&t->space, at, &offset, sizeof(offset)) : 0;
}

int64_t exec_sys_copy_file_range(struct exec_task *t, const uint64_t *a)
{
	uint64_t from = 0, to = 0, left = MIN(a[4], TRANSFER_MAX), done = 0;
	struct channel in, out;
	int64_t r, n;

	r = find_side(t, a[0], a[1], false, &from, &in);
	if (r == 0)
		r = find_side(t, a[2], a[3], true, &to, &out);
	r = r ? r : check_range(from, left);
	r = r ? r : check_range(to, left);
	if (r == 0 && ((uint32_t)a[5] || (is_same_file(t, &in, &out) && ranges_overlap(from, left, to, left))))
		r = -EINVAL;
	if (r < 0)
		return r;
	do {
		n = left ? send_piece(t, &out, &in, left) : 0;
		done += (uint64_t)MAX(n, 0);
		left -= (uint64_t)MAX(n, 0);
	} while (n > 0);
	if (done && (put_offset(t, a[1], from) < 0 || put_offset(t, a[3], to) < 0))
		return -EFAULT;
	return exec_end_transfer(t, (int)n, done, false);
}
