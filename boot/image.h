/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside boot/: bytes of an image, from a file or through inflate, into guest RAM. One reader serves all formats.
 */
#ifndef BOOT_IMAGE_H
#define BOOT_IMAGE_H

#include <stdint.h>
#include <sys/stat.h>

#include "boot/gzip.h"
#include "boot/kernel.h"
#include "vmm/base/err.h"
#include "vmm/base/gmem.h"

/**
 * struct image - where an image's bytes come from
 * @fd: the file; borrowed
 * @size: bytes in the file when it was opened; with @gz no limit
 * @gz: the inflater, or NULL for the plain file; borrowed
 */
struct image {
	int fd;
	uint64_t size;
	struct gunzip *gz;
};

/**
 * image_stat() - the size of a regular file that is not empty
 *
 * Return: 0, -EISDIR, -EINVAL (another kind of file, or empty), a negative errno of fstat.
 */
int image_stat(int fd, uint64_t *ret_size, struct err *e);

/**
 * image_pread() - read exactly @len bytes of a file
 *
 * Return: 0, -EIO when the file ends early, a negative errno of pread.
 */
int image_pread(int fd, uint64_t at, void *buf, uint64_t len, struct err *e);

/**
 * image_pread_gmem() - read exactly @len bytes of a file straight into guest RAM
 *
 * Return: as image_pread(), and -EFAULT when the range is not RAM.
 */
int image_pread_gmem(struct gmem *mem, uint64_t gpa, int fd, uint64_t at, uint64_t len, struct err *e);

/**
 * image_read() - read exactly @len bytes of the image
 * @at: offset in the image; through inflate only forwards, see gunzip_read()
 */
int image_read(struct image *img, uint64_t at, void *buf, uint64_t len, struct err *e);

/**
 * image_place() - put @len bytes of the image at @gpa
 * @k: its byte counters grow
 * @how: KERNEL_MAP maps what it can
 */
int image_place(struct image *img, uint64_t at, uint64_t len, struct gmem *mem, uint64_t gpa, enum kernel_load_how how,
	struct kernel *k, struct err *e);

/**
 * image_extent() - what the plain file holds of [@at, @end): the rest reads as zeroes, and takes no reading
 * @ret_data: where data begins, @end when there is none
 * @ret_end: where it ends, for the next call to go on
 *
 * A file system without holes, or a file that was cut meanwhile, has nothing but data.
 */
void image_extent(int fd, uint64_t at, uint64_t end, uint64_t *ret_data, uint64_t *ret_end);

/**
 * image_check_range() - may a kernel lie in [@gpa, @gpa + @len)?
 * @what: how the message names it
 *
 * Return: 0, -EINVAL (wraps, below 1 MiB), -E2BIG (past low RAM, or into the 32-bit hole).
 */
int image_check_range(const struct gmem *mem, uint64_t gpa, uint64_t len, const char *what, struct err *e);

/** image_is_elf() - the first bytes of an image are ELF's magic number */
bool image_is_elf(const uint8_t *head, uint64_t len);

/* The formats. @k comes in zeroed; on success all but the byte counters and format of a plain ELF are theirs to set. */
int elf_load(struct image *img, struct gmem *mem, enum kernel_load_how how, struct kernel *k, struct err *e);
bool bzimage_probe(const uint8_t *head, uint64_t len);
int bzimage_load(struct image *img, struct gmem *mem, enum kernel_load_how how, struct kernel *k, struct err *e);

#endif
