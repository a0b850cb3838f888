/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside boot/: a source (source.h) that inflates a gzip stream contained in another source. It inflates forwards,
 * directly into the destination.
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
 * @outer: the source that contains the stream; borrowed until gunzip_close()
 * @at, @len: offset and length of the stream in @outer; data after the end of the stream is ignored
 * @limit: maximum number of inflated bytes
 * @ret: the caller owns it
 *
 * Return: 0, -ENOEXEC (corrupt or truncated), -EFBIG (more than @limit), -ENOMEM, or as source_read() of @outer.
 * Trust: the stream is hostile.
 * Spec: RFC 1952, one member.
 */
int gunzip_open(struct source *outer, uint64_t at, uint64_t len, uint64_t limit, struct gunzip **ret, struct err *e);

/** gunzip_close() - takes NULL */
void gunzip_close(struct gunzip *g);

/**
 * gunzip_source() - the inflated bytes; owned by @g
 *
 * source_read() returns the errors of gunzip_open(), -ENOEXEC when the image ends early, and -ENOTSUP when it would
 * have to go back.
 */
struct source *gunzip_source(struct gunzip *g);

/**
 * gunzip_finish() - inflate the rest of the stream, to verify its checksum
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
