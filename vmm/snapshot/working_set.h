/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pages of a snapshot's guest that a run of it makes its own, as a file beside the snapshot: the next run can have
 * them at once.
 *
 *	magic		WORKING_SET_MAGIC
 *	facts		struct working_set_facts, a section of vmm/base/state.h
 *	ranges		of RAM: address and size of each, 64 bits each, with a CRC-32C in the facts
 */
#ifndef VMM_SNAPSHOT_WORKING_SET_H
#define VMM_SNAPSHOT_WORKING_SET_H

#include <stdio.h>

#include "vmm/snapshot/snapshot.h"

#define WORKING_SET_MAGIC      "vmm working\r\n\x1a\n"
#define WORKING_SET_MAGIC_SIZE 15
/* More ranges than these are joined, with the pages between them. */
#define WORKING_SET_RANGES_MAX 65536
#define WORKING_SET_FILE_MAX   (WORKING_SET_RANGES_MAX * 16 + 1024)

/**
 * struct working_set - start from zeroes
 * @range: owned; @nr of them, sorted, of whole pages, apart and in RAM; counted as struct gmem_extent does
 */
struct working_set {
	struct gmem_extent *range;
	size_t nr;
};

/** working_set_bytes() - size of its pages */
uint64_t working_set_bytes(const struct working_set *w);

/** working_set_destroy() - takes NULL and zeroes */
void working_set_destroy(struct working_set *w);

/**
 * working_set_find() - which pages of a private mapping are the process's own, written or swapped out
 * @pagemap: of /proc/PID/pagemap, of this process
 * @host, @size: whole pages
 * @ret: owned by the caller; untouched on failure
 *
 * Return: 0, -ENOMEM, -EIO, a negative errno of pread(). Context: calls pread64, and mmap and munmap to allocate.
 */
int working_set_find(int pagemap, const void *host, uint64_t size, struct working_set *ret);

/**
 * working_set_write() - as a file, which only a run of @s can use
 *
 * Return: 0 or a negative errno.
 */
int working_set_write(const struct working_set *w, const struct snapshot *s, FILE *out);

/**
 * working_set_read() - the way back
 * @data, @size: of the file
 * @ret: owned by the caller; untouched on failure
 *
 * Return: 0, -ENOMEM, -EINVAL with a message in @e: it is damaged, of another snapshot or another version.
 * Trust: the file may be anything.
 */
int working_set_read(
	const uint8_t *data, size_t size, const struct snapshot *s, struct working_set *ret, struct err *e);

#endif
