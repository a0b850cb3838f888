/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside boot/: a gzip stream in a file, inflated forwards and straight to where its bytes belong.
 */
#ifndef BOOT_GZIP_H
#define BOOT_GZIP_H

#include <stdbool.h>
#include <stdint.h>

#include "vmm/base/err.h"
#include "vmm/base/util.h"

/* The first bytes of the inflated image stay at hand, so that headers can be read again. */
#define GUNZIP_HEAD_SIZE UINT64_C(16384)

struct gunzip;

/** gunzip_probe() - these first bytes of a file are gzip's magic number */
bool gunzip_probe(const uint8_t *head, uint64_t len);

/**
 * gunzip_open() - start to inflate
 * @fd: the file; borrowed until gunzip_close()
 * @at, @len: where the stream is in it; what follows the end of the stream is ignored
 * @limit: most bytes that may come out
 * @ret: the caller owns it
 *
 * Return: 0, -ENOEXEC (broken or cut), -EFBIG (more than @limit), -ENOMEM, -EIO, a negative errno of pread.
 * Trust: the stream is hostile.
 * Spec: RFC 1952, one member.
 */
int gunzip_open(int fd, uint64_t at, uint64_t len, uint64_t limit, struct gunzip **ret, struct err *e);

/** gunzip_close() - takes NULL */
void gunzip_close(struct gunzip *g);

/** gunzip_head() - the first inflated bytes, up to GUNZIP_HEAD_SIZE; fewer only when there are no more */
const uint8_t *gunzip_head(const struct gunzip *g, uint64_t *ret_len);

/**
 * gunzip_read() - the next @len bytes from @at on
 * @at: in the head, or not before the end of the last read
 *
 * Return: as gunzip_open(), -ENOEXEC when the image ends early, -ENOTSUP when @at lies behind.
 */
int gunzip_read(struct gunzip *g, uint64_t at, void *buf, uint64_t len, struct err *e);

/**
 * gunzip_finish() - inflate what is left, to see the checksum
 *
 * Return: as gunzip_open().
 */
int gunzip_finish(struct gunzip *g, struct err *e);

static inline void cleanup_gunzip(struct gunzip **g)
{
	gunzip_close(*g);
}
#define CLEANUP_GUNZIP CLEANUP(cleanup_gunzip)

#endif
