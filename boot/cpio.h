/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes an initramfs: an archive in cpio's "newc" format, entry after entry, into memory of the caller. Without memory
 * it only counts, so that the same calls tell first how much they need.
 *
 * The kernel unpacks entries in their order and makes no directories by itself: a directory stands before what is in
 * it.
 *
 * Spec: Documentation/driver-api/early-userspace/buffer-format.rst of Linux 6.12; init/initramfs.c is more lenient.
 */
#ifndef BOOT_CPIO_H
#define BOOT_CPIO_H

#include <stddef.h>
#include <stdint.h>

#include "vmm/base/err.h"

#define CPIO_NAME_MAX 4096 /* bytes of a name with its NUL: the kernel skips entries with longer ones */
#define CPIO_LINK_MAX 4096 /* bytes of a symbolic link's target, as PATH_MAX */

/**
 * struct cpio - private; start with cpio_begin()
 * @buf: @size bytes, borrowed; NULL: only count
 * @at: bytes written, or counted
 * @entries: of them all, which number the inodes
 */
struct cpio {
	uint8_t *buf;
	size_t size;
	size_t at;
	uint32_t entries;
};

/**
 * struct cpio_entry - what an archive has of a file
 * @name: without a slash in front and without "." and ".." in it
 * @mode: type and permissions, as st_mode has them: a regular file, a directory, a symbolic link or a character device
 * @major, @minor: of a device
 * @size: bytes of a file or of a link's target; 0 for the others
 */
struct cpio_entry {
	const char *name;
	uint32_t mode;
	uint32_t uid;
	uint32_t gid;
	uint32_t major;
	uint32_t minor;
	size_t size;
};

/** cpio_begin() - an empty archive in @buf, which is borrowed; NULL: only count */
void cpio_begin(struct cpio *c, void *buf, size_t size);

/**
 * cpio_add() - add an entry with its header
 * @ret_data: where its @size bytes go, which the caller fills in at once; NULL when only counting
 *
 * Return: 0; -ENOSPC: it does not fit; -EINVAL: a name, type or size that an archive cannot have. After a failure the
 * archive is as before. Errors: a message in @e. Trust: internal, names may be an operator's.
 */
int cpio_add(struct cpio *c, const struct cpio_entry *entry, void **ret_data, struct err *e);

/** cpio_add_bytes() - add an entry whose bytes are at @data */
int cpio_add_bytes(struct cpio *c, const struct cpio_entry *entry, const void *data, struct err *e);

/** cpio_end() - add the entry that ends the archive; *@ret_size is its length, a multiple of 4. Return: 0 or -ENOSPC */
int cpio_end(struct cpio *c, size_t *ret_size, struct err *e);

#endif
