/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Access to guest-physical memory for the rest of the program: checked copies and checked windows. It is independent of
 * the kind of memory: vmm/kvm/memory maps guest RAM, tests use the heap.
 */
#ifndef VMM_BASE_GMEM_H
#define VMM_BASE_GMEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "vmm/base/util.h"

#define GMEM_REGIONS_MAX 8

/**
 * struct gmem_region - guest RAM that is contiguous in the guest and in the host
 * @gpa: first guest-physical address
 * @size: bytes, not 0; gpa + size does not wrap
 * @host: its address in this process; borrowed
 * @fd: backing file or -1; borrowed
 * @fd_offset: offset of @gpa in @fd
 * @shared: stores are visible to other mappings of @fd
 * @written: a bit for each 4 KiB page, set by gmem_mark(); borrowed, NULL: nobody asks
 */
struct gmem_region {
	uint64_t gpa;
	uint64_t size;
	void *host;
	int fd;
	uint64_t fd_offset;
	bool shared;
	uint64_t *written;
};

/**
 * struct gmem - sorted regions of guest RAM, and the window in them that a file backs
 * @region: sorted by @gpa, disjoint
 * @nr: number of regions
 * @file_lo: first address that a mapped kernel file backs; equal to @file_hi when there is none
 * @tracked: regions have @written
 * @file_hi: end of that window. The file can shrink at any time: copies in the window have a recovery point (gmem.c).
 */
struct gmem {
	struct gmem_region region[GMEM_REGIONS_MAX];
	size_t nr;
	uint64_t file_lo;
	uint64_t file_hi;
	bool tracked;
};

/**
 * struct gmem_extent - @size bytes of RAM from @at on; @at counts RAM from its beginning, without the holes between
 * regions
 */
struct gmem_extent {
	uint64_t at;
	uint64_t size;
};

/** gmem_extent_fits() - whether @x consists of whole pages, from @end on, and lies in @size bytes of RAM */
static inline bool gmem_extent_fits(const struct gmem_extent *x, uint64_t end, uint64_t size)
{
	return x->size && is_aligned(x->at | x->size, 4096) && x->at >= end && x->at < size && x->size <= size - x->at;
}

/**
 * gmem_add() - add a region
 *
 * Return: 0, -EINVAL (empty or wraps), -EEXIST (overlaps), -ENOSPC.
 * Context: before the guest runs, or while it is stopped.
 */
int gmem_add(struct gmem *g, const struct gmem_region *r);

/**
 * gmem_read() - copy out of guest memory
 * @gpa: any address the guest chose
 * @len: bytes; may cross regions that touch
 *
 * Return: 0, or -EFAULT when a byte is outside RAM (then @buf is undefined).
 * Context: any thread; the guest may change the bytes at any time, so copy once and check the copy.
 * Trust: guest.
 */
int gmem_read(const struct gmem *g, uint64_t gpa, void *buf, size_t len);

/**
 * gmem_write() - copy into guest memory
 *
 * Return: 0, or -EFAULT when a byte is outside RAM (then nothing is written), or when the file that backs it shrank
 * (then the bytes before the missing page are written).
 * Trust: guest.
 */
int gmem_write(const struct gmem *g, uint64_t gpa, const void *buf, size_t len);

/**
 * gmem_zero() - clear guest memory; same result as gmem_write()
 */
int gmem_zero(const struct gmem *g, uint64_t gpa, uint64_t len);

/**
 * gmem_ptr() - a host window on one region
 *
 * Return: the host address of @gpa when [@gpa, @gpa + @len) is in one region, else NULL. A window on file-backed RAM
 * may raise SIGBUS: use it for system calls (which return EFAULT), before the guest runs, and for the gmem_window_*()
 * functions; else use gmem_read().
 */
void *gmem_ptr(const struct gmem *g, uint64_t gpa, uint64_t len);

/**
 * gmem_iov() - the host windows of a guest range, for readv() and writev()
 * @max: entries in @iov
 * @ret_nr: entries used, 0 for an empty range wherever it is; untouched on failure
 *
 * Return: 0, -EFAULT (outside RAM), -ENOSPC (needs more than @max entries).
 */
int gmem_iov(const struct gmem *g, uint64_t gpa, uint64_t len, struct iovec *iov, size_t max, size_t *ret_nr);

/**
 * gmem_window_read(), gmem_window_write(), gmem_window_zero() - copy through a window of gmem_iov() or gmem_ptr()
 *
 * If a file backs the RAM and has shrunk, the missing page reads as zeroes, and writes to it are lost.
 * Trust: guest.
 */
void gmem_window_read(void *buf, const void *window, size_t n);
void gmem_window_write(void *window, const void *buf, size_t n);
void gmem_window_zero(void *window, size_t n);

/**
 * gmem_mark() - this process writes to [@gpa, @gpa + @len), or is about to, otherwise than by gmem_write() and
 * gmem_zero(), which mark by themselves
 *
 * For who restores RAM by what was written: the hypervisor does not see stores of this process. What lies outside RAM
 * is ignored. Context: any thread.
 */
void gmem_mark_pages(const struct gmem *g, uint64_t gpa, uint64_t len);
static inline void gmem_mark(const struct gmem *g, uint64_t gpa, uint64_t len)
{
	if (unlikely(g->tracked))
		gmem_mark_pages(g, gpa, len);
}

/** gmem_contains() - true when every byte of [@gpa, @gpa + @len) is RAM; an empty range is inside when @gpa is */
bool gmem_contains(const struct gmem *g, uint64_t gpa, uint64_t len);

/** gmem_size() - total bytes of RAM */
uint64_t gmem_size(const struct gmem *g);

/** gmem_set_file_window() - widen the file-backed window to cover [@gpa, @gpa + @len) */
void gmem_set_file_window(struct gmem *g, uint64_t gpa, uint64_t len);

/**
 * gmem_install_sigbus() - make copies in the file-backed window fail when the file has shrunk, instead of raising
 * SIGBUS
 *
 * A copy that faults returns -EFAULT; any other SIGBUS still ends the process. The handler is process-wide; call it
 * once, from cmd/.
 *
 * Return: 0 or a negative errno.
 */
int gmem_install_sigbus(void);

#endif
