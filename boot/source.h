/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside boot/: access to the bytes of an image, and how they get into guest RAM. A source is a plain file, or a gzip
 * stream in another source (gzip.h); the formats read from a source without knowing its kind.
 *
 * An image is never mapped for parsing: a process that may write the file may also truncate it, and a load from a page
 * past its end raises SIGBUS. Headers are copied, and the copy is checked and used.
 */
#ifndef BOOT_SOURCE_H
#define BOOT_SOURCE_H

#include <stdbool.h>
#include <stdint.h>

#include "boot/boot.h"
#include "vmm/base/err.h"
#include "vmm/base/gmem.h"

/* This many bytes at the start of every source (or all, if it has fewer) can be read in any order and repeatedly. */
#define SOURCE_HEAD_SIZE UINT64_C(16384)

/**
 * struct source - the bytes of an image
 * @read: reads exactly @len bytes; see source_read()
 * @fd: the file that contains the bytes unchanged, so that they can be mapped and holes skipped; -1: none. Borrowed.
 * @size: in bytes; UINT64_MAX: known only at the end
 * @any_order: number of bytes at the start that can be read in any order and repeatedly; the rest only forwards
 * @how: how source_place() brings bytes into RAM; without @fd they are always read
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
 * source_open() - a source for a regular file that is not empty
 * @fd: borrowed as long as @ret is used; @ret needs no closing
 *
 * Return: 0, -EISDIR, -EINVAL (another kind of file, or empty), a negative errno of fstat.
 */
int source_open(int fd, enum load_how how, struct source *ret, struct err *e);

/**
 * source_read() - read exactly @len bytes at offset @at
 *
 * Return: 0, -EIO when a file ends early, a negative errno of pread, or an error described in gzip.h.
 */
static inline int source_read(struct source *s, uint64_t at, void *buf, uint64_t len, struct err *e)
{
	return s->read(s, at, buf, len, e);
}

/**
 * source_extent() - find the first part of [@at, @end) that has to be read: the rest reads as zeroes
 * @ret_data: where data begins; @end when there is none
 * @ret_end: where it ends; the next call continues there
 *
 * Only a plain file that is read has holes. A file on a file system without holes, or one that was truncated meanwhile,
 * is reported as data throughout.
 */
void source_extent(const struct source *s, uint64_t at, uint64_t end, uint64_t *ret_data, uint64_t *ret_end);

/**
 * source_place() - put @len bytes at offset @at into guest RAM at @gpa, and count them
 *
 * Return: as source_read(), -EFAULT when the range is not RAM, a negative errno of mmap when RAM was lost.
 */
int source_place(struct source *s, uint64_t at, uint64_t len, struct gmem *mem, uint64_t gpa, struct err *e);

#endif
