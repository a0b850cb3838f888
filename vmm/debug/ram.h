/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Copies RAM of a held guest to a sparse file: a chunk at a time, without pages of zeroes.
 *
 * Does not allocate; the only system calls are mincore, sysinfo and pwrite64.
 */
#ifndef VMM_DEBUG_RAM_H
#define VMM_DEBUG_RAM_H

#include <stdbool.h>

#include "vmm/base/gmem.h"
#include "vmm/base/util.h"
#include "vmm/base/x86.h"

#define RAM_CHUNK MIB

/**
 * struct ram_reader - a chunk of RAM
 * @has: for each page, bit 0: it is not all zeroes
 * @data: the contents of these pages: in @buf, or RAM itself
 * @buf: between chunks the caller may use it for other things
 * @written: bytes that ram_write() has written
 */
struct ram_reader {
	const struct gmem *mem;
	bool swaps;
	uint64_t written;
	const uint8_t *data;
	unsigned char has[RAM_CHUNK / PAGE_4K];
	uint8_t buf[RAM_CHUNK];
};

/** ram_begin() - set up @r; @mem is borrowed, and its host addresses begin at pages */
void ram_begin(struct ram_reader *r, const struct gmem *mem);

/** ram_is_zero() - whether a page is all zeroes */
bool ram_is_zero(const uint8_t *page);

/**
 * ram_read() - read @len bytes of one region, whole pages, at most RAM_CHUNK
 *
 * What a file backs is copied, since it can be cut short; other RAM is not, and must not change until ram_write().
 * Pages for which the host holds no memory are not touched: reading them would allocate some.
 *
 * Return: whether any byte is not zero. Trust: guest.
 */
bool ram_read(struct ram_reader *r, uint64_t gpa, uint64_t len);

/** ram_write_at() - all of @p. Return: 0 or a negative errno of pwrite(); -ENOSPC when nothing more is taken. */
int ram_write_at(struct ram_reader *r, int fd, uint64_t offset, const uint8_t *p, size_t len);

/** ram_write() - the pages of the chunk that are not zero, the first byte of the chunk at @offset; as ram_write_at() */
int ram_write(struct ram_reader *r, int fd, uint64_t offset, uint64_t len);

#endif
