/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside boot/: a source (source.h) whose bytes come out of a gzip stream in another source, inflated forwards and
 * straight to where they belong.
 */
#ifndef BOOT_GZIP_H
#define BOOT_GZIP_H

#include <stdint.h>

#include "boot/source.h"
#include "vmm/base/err.h"
#include "vmm/base/util.h"

struct gunzip;

/**
 * gunzip_open() - start to inflate
 * @outer: what holds the stream; borrowed until gunzip_close()
 * @at, @len: where the stream is in @outer; what follows the end of the stream is ignored
 * @limit: most bytes that may come out
 * @ret: the caller owns it
 *
 * Return: 0, -ENOEXEC (broken or cut), -EFBIG (more than @limit), -ENOMEM, or as source_read() of @outer.
 * Trust: the stream is hostile.
 * Spec: RFC 1952, one member.
 */
int gunzip_open(struct source *outer, uint64_t at, uint64_t len, uint64_t limit, struct gunzip **ret, struct err *e);

/** gunzip_close() - takes NULL */
void gunzip_close(struct gunzip *g);

/**
 * gunzip_source() - the inflated bytes; owned by @g
 *
 * source_read() fails as gunzip_open(), with -ENOEXEC when the image ends early, and with -ENOTSUP when it would have
 * to go back.
 */
struct source *gunzip_source(struct gunzip *g);

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
