// SPDX-License-Identifier: Apache-2.0
#include "boot/cpio.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "vmm/base/util.h"

#define HEADER_SIZE 110 /* "070701" and 13 numbers of 8 hexadecimal digits */
#define TRAILER     "TRAILER!!!"

void cpio_begin(struct cpio *c, void *buf, size_t size)
{
	*c = (struct cpio){.buf = buf, .size = size};
}

/* No empty part, and none that leads elsewhere. */
static bool is_name(const char *name)
{
	size_t n;

	if (!*name || strlen(name) >= CPIO_NAME_MAX || !strcmp(name, TRAILER))
		return false;
	for (const char *s = name; *s; s += n + (s[n] == '/')) {
		n = strcspn(s, "/");
		if (!n || (n == 1 && *s == '.') || (n == 2 && s[0] == '.' && s[1] == '.') || (s[n] == '/' && !s[n + 1]))
			return false;
	}
	return true;
}

static bool is_sized(const struct cpio_entry *e)
{
	switch (e->mode & S_IFMT) {
	case S_IFREG: return e->size <= UINT32_MAX;
	case S_IFLNK: return e->size > 0 && e->size < CPIO_LINK_MAX;
	case S_IFDIR:
	case S_IFCHR: return e->size == 0;
	default: return false;
	}
}

/* Return: where @n bytes and zeroes up to a multiple of 4 go; the caller has looked that they fit. */
static uint8_t *take(struct cpio *c, size_t n)
{
	const size_t at = c->at, padded = align_up(at + n, 4);

	c->at = padded;
	if (!c->buf)
		return NULL;
	memset(c->buf + at + n, 0, padded - at - n);
	return c->buf + at;
}

/* @size: of the data, which are not written. */
static int put(struct cpio *c, const struct cpio_entry *entry, uint32_t inode, uint32_t links, void **ret_data)
{
	const size_t name = strlen(entry->name) + 1, most = HEADER_SIZE + name + entry->size + 6;
	char header[HEADER_SIZE + 1];
	uint8_t *to;

	if (entry->size > SIZE_MAX / 2 || c->at > SIZE_MAX / 2)
		return -ENOSPC;
	/* Exact: the header with its name and the data are padded to 4 each. */
	if (c->buf && most > c->size - c->at &&
		align_up(align_up(c->at + HEADER_SIZE + name, 4) + entry->size, 4) > c->size)
		return -ENOSPC;
	to = take(c, HEADER_SIZE + name);
	if (to) {
		snprintf(header, sizeof(header), "070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X", inode,
			entry->mode, entry->uid, entry->gid, links, 0u, (uint32_t)entry->size, 0u, 0u, entry->major,
			entry->minor, (uint32_t)name, 0u);
		memcpy(to, header, HEADER_SIZE);
		memcpy(to + HEADER_SIZE, entry->name, name);
	}
	*ret_data = take(c, entry->size);
	return 0;
}

int cpio_add(struct cpio *c, const struct cpio_entry *entry, void **ret_data, struct err *e)
{
	int r;

	if (!is_name(entry->name))
		return err_set(e, -EINVAL, "%.200s: no name for an initramfs", entry->name);
	if (!is_sized(entry))
		return err_set(
			e, -EINVAL, "%.200s: not a kind of file, or a size, that an initramfs can have", entry->name);
	r = put(c, entry, c->entries + 1, S_ISDIR(entry->mode) ? 2 : 1, ret_data);
	if (r < 0)
		return err_set(e, r, "%.200s: no room for it in the initramfs", entry->name);
	c->entries++;
	return 0;
}

int cpio_add_bytes(struct cpio *c, const struct cpio_entry *entry, const void *data, struct err *e)
{
	void *to;
	int r = cpio_add(c, entry, &to, e);

	if (r == 0 && to && entry->size)
		memcpy(to, data, entry->size);
	return r;
}

int cpio_end(struct cpio *c, size_t *ret_size, struct err *e)
{
	static const struct cpio_entry trailer = {.name = TRAILER};
	void *to;
	int r = put(c, &trailer, 0, 1, &to);

	if (r < 0)
		return err_set(e, r, "no room for the end of the initramfs");
	*ret_size = c->at;
	return 0;
}
