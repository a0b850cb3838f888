/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside boot/: the bytes of an image, and the way from there into guest RAM. A source is a plain file, or a gzip
 * stream in another source (gzip.h); the formats read from one and cannot tell which.
 *
 * An image is never mapped to be parsed: whoever may write the file may also cut it, and a load from a page that is
 * gone is SIGBUS. Headers are copied out, checked, and the copy is used.
 */
#ifndef BOOT_SOURCE_H
#define BOOT_SOURCE_H

#include <stdbool.h>
#include <stdint.h>

#include "boot/boot.h"
#include "vmm/base/err.h"
#include "vmm/base/gmem.h"

/* So many bytes from the start of any source, or all where there are fewer, can be read in any order and again. */
#define SOURCE_HEAD_SIZE UINT64_C(16384)

/**
 * struct source - the bytes of an image
 * @read: reads exactly @len bytes; see source_read()
 * @fd: the file that holds the bytes as they are, so that they can be mapped and holes be skipped; -1: none does.
 *      Borrowed.
 * @size: how many bytes there are; UINT64_MAX: known only at the end
 * @any_order: how many bytes from the start can be read in any order and again; the rest only forwards
 * @how: how source_place() brings bytes into RAM; what no file holds is read
 * @mapped_bytes, @copied_bytes: counted by source_place()
 */
struct source {
	int (*read)(struct source *s, uint64_t at, void *buf, uint64_t len, struct err *e);
	int fd;
	uint64_t size;
	uint64_t any_order;
	enum load_how how;
	uint64_t mapped_bytes;
	uint64_t copied_bytes;
};

/**
 * source_open() - the bytes of a regular file that is not empty
 * @fd: borrowed as long as @ret is used; nothing has to be closed
 *
 * Return: 0, -EISDIR, -EINVAL (another kind of file, or empty), a negative errno of fstat.
 */
int source_open(int fd, enum load_how how, struct source *ret, struct err *e);

/**
 * source_read() - read exactly @len bytes from @at on
 *
 * Return: 0, -EIO when a file ends early, a negative errno of pread, or what gzip.h says.
 */
static inline int source_read(struct source *s, uint64_t at, void *buf, uint64_t len, struct err *e)
{
	return s->read(s, at, buf, len, e);
}

/**
 * source_extent() - what has to be read of [@at, @end): the rest reads as zeroes
 * @ret_data: where data begin, @end when there are none
 * @ret_end: where they end, for the next call to go on
 *
 * Only a plain file that is read has holes. One on a file system without them, or one that was cut meanwhile, is
 * nothing but data.
 */
void source_extent(const struct source *s, uint64_t at, uint64_t end, uint64_t *ret_data, uint64_t *ret_end);

/**
 * source_place() - put @len bytes from @at on into guest RAM at @gpa, and count them
 *
 * Return: as source_read(), -EFAULT when the range is not RAM, a negative errno of mmap when RAM was lost.
 */
int source_place(struct source *s, uint64_t at, uint64_t len, struct gmem *mem, uint64_t gpa, struct err *e);

#endif
