/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A program without a kernel, into the window of RAM that is its own. Addresses are the program's: they start at 0
 * where its window starts.
 */
#ifndef BOOT_FORMAT_FLAT_H
#define BOOT_FORMAT_FLAT_H

#include <stdbool.h>
#include <stdint.h>

#include "vmm/base/entry.h"
#include "vmm/base/err.h"
#include "vmm/base/gmem.h"

#define FLAT_UNSET UINT64_MAX

/* Where a raw image goes unless it is told: a BIOS puts a boot sector at 0x7c00; page 0 is better left to NULL. */
#define FLAT_LOAD_REAL UINT64_C(0x7c00)
#define FLAT_LOAD      UINT64_C(0x1000)

/* In real mode a program has what 16-bit segments reach below the video memory, and starts in segment 0. */
#define FLAT_REAL_END      UINT64_C(0xa0000)
#define FLAT_REAL_SEGMENT  UINT64_C(0x10000)
#define FLAT_REAL_RESERVED UINT64_C(0x600) /* interrupt vectors and what they point at */

/**
 * struct flat_wish - what the operator says about a program
 * @mode_given: @mode counts; otherwise an ELF says itself, and a raw image is real mode
 * @load: where a raw image goes, FLAT_UNSET: see above
 * @entry: where to start, FLAT_UNSET: at the start of a raw image, or where an ELF says
 */
struct flat_wish {
	bool mode_given;
	enum entry_mode mode;
	uint64_t load;
	uint64_t entry;
};

/**
 * struct flat_image - a program that has been loaded
 * @start, @end: the bytes of the window that it takes
 */
struct flat_image {
	enum entry_mode mode;
	uint64_t start;
	uint64_t end;
	uint64_t entry;
};

/**
 * flat_image_mode() - in which mode a program wants to run, without loading it
 *
 * Return: 0, -EINVAL, -ENOEXEC or what reading the file gives, with words.
 * Trust: operator.
 */
int flat_image_mode(int fd, const struct flat_wish *wish, enum entry_mode *ret, struct err *e);

/**
 * flat_image_load() - a raw image, or a static ELF for i386 or x86-64, told apart by content
 * @fd: the file; borrowed
 * @gpa: where the window starts in guest RAM
 * @size: of the window; all of it is RAM
 * @ret: untouched on failure
 *
 * An ELF goes to its virtual addresses; what a segment has beyond the file's bytes is left as it is: zeroes, in a new
 * window.
 *
 * Return: 0, -EINVAL (empty, an address outside the window, a wish that contradicts the file), -EFBIG (does not fit),
 * -ENOEXEC (a broken ELF), or what reading the file gives.
 * Trust: operator; the file's content is hostile.
 */
int flat_image_load(int fd, const struct flat_wish *wish, struct gmem *mem, uint64_t gpa, uint64_t size,
	struct flat_image *ret, struct err *e);

/** flat_mode_name() - "real", "protected", "long" */
const char *flat_mode_name(enum entry_mode mode);

#endif
