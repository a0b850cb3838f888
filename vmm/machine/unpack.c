// SPDX-License-Identifier: Apache-2.0
#include "vmm/machine/unpack.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void unpack_begin(struct unpack *u, int dir)
{
	*u = (struct unpack){.dir = {dir}, .file = -1};
}

void unpack_end(struct unpack *u)
{
	if (u->file >= 0)
		close(TAKE_FD(u->file));
	for (; u->depth; u->depth--)
		close(u->dir[u->depth]);
}

/* One component, that a terminal shows as it is. */
static bool is_name(const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)s[i] < 0x20 || s[i] == 0x7f || s[i] == '/')
			return false;
	return n && strcmp(s, ".") && strcmp(s, "..");
}

static int enter(struct unpack *u)
{
	int at = u->dir[u->depth], fd;

	if (u->depth == INIT_FILES_DEPTH)
		return -EFBIG;
	if (mkdirat(at, u->name, 0777) < 0 && errno != EEXIST)
		return -errno;
	fd = openat(at, u->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	u->dir[++u->depth] = fd;
	return 0;
}

/* A new one, in place of any other: what has the name may be a link, a FIFO or a device. */
static int create(struct unpack *u)
{
	const int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
	const mode_t mode = 0666 | (u->head.mode & 0111);
	int at = u->dir[u->depth];

	u->file = openat(at, u->name, flags, mode);
	if (u->file < 0 && errno == EEXIST && unlinkat(at, u->name, 0) == 0)
		u->file = openat(at, u->name, flags, mode);
	if (u->file < 0)
		return -errno;
	u->left = u->head.size;
	return 0;
}

static int begin_entry(struct unpack *u)
{
	if (!is_name(u->name, u->head.name))
		return -EILSEQ;
	if (u->head.kind == INIT_FILE_REGULAR && u->head.size > UNPACK_BYTES_MAX - u->bytes)
		return -EFBIG;
	if (++u->entries > UNPACK_ENTRIES_MAX)
		return -EFBIG;
	if (u->head.kind == INIT_FILE_DIR)
		return enter(u);
	u->bytes += u->head.size;
	return create(u);
}

static int act(struct unpack *u)
{
	switch (u->head.kind) {
	case INIT_FILE_DIR:
	case INIT_FILE_REGULAR: return begin_entry(u);
	case INIT_FILE_UP:
		if (!u->depth)
			return -EPROTO;
		close(u->dir[u->depth--]);
		return 0;
	case INIT_FILE_END:
		u->complete = !u->depth;
		u->skipped = u->head.size;
		return u->complete ? 0 : -EPROTO;
	default: return -EPROTO;
	}
}

/* Bytes of a head, then of its name. Return: how many were taken. */
static size_t take_head(struct unpack *u, const uint8_t *data, size_t n)
{
	size_t want = sizeof(u->head), at = u->have;

	if (at < want) {
		n = MIN(n, want - at);
		memcpy((uint8_t *)&u->head + at, data, n);
	} else {
		at -= want;
		n = MIN(n, u->head.name - at);
		memcpy(u->name + at, data, n);
	}
	u->have += n;
	if (u->have == want && (u->head.name > UNPACK_NAME_MAX || u->complete))
		u->r = -EPROTO;
	if (u->r == 0 && u->have >= want && u->have == want + u->head.name) {
		u->name[u->head.name] = '\0';
		/* A byte 0 in it would hide the rest. */
		u->r = strlen(u->name) == u->head.name ? act(u) : -EILSEQ;
		u->have = 0;
	}
	return n;
}

static size_t take_bytes(struct unpack *u, const uint8_t *data, size_t n)
{
	ssize_t written = 0;

	n = MIN((uint64_t)n, u->left);
	for (size_t at = 0; at < n && u->r == 0; at += (size_t)written) {
		written = write(u->file, data + at, n - at);
		if (written < 0 && errno == EINTR)
			written = 0;
		else if (written < 0)
			u->r = -errno;
		written = MAX(written, 0);
	}
	u->left -= n;
	return n;
}

int unpack_take(struct unpack *u, const void *data, size_t n)
{
	const uint8_t *from = data;

	while (u->r == 0 && (n || (u->file >= 0 && !u->left))) {
		size_t took = 0;

		if (u->file >= 0 && !u->left)
			u->r = close(TAKE_FD(u->file)) < 0 ? -errno : 0;
		else if (u->file >= 0)
			took = take_bytes(u, from, n);
		else
			took = take_head(u, from, n);
		from += took;
		n -= took;
	}
	return u->r;
}
