/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Loads a program that runs without a kernel into its window of RAM. Addresses are relative to the start of the window.
 */
#ifndef BOOT_FORMAT_FLAT_H
#define BOOT_FORMAT_FLAT_H

#include <stdbool.h>
#include <stdint.h>

#include "vmm/base/entry.h"
#include "vmm/base/err.h"
#include "vmm/base/gmem.h"

#define FLAT_UNSET UINT64_MAX

/*
 * Default load addresses of a raw image: a BIOS puts a boot sector at 0x7c00; page 0 is left unused, so that NULL is
 * not valid data.
 */
#define FLAT_LOAD_REAL UINT64_C(0x7c00)
#define FLAT_LOAD      UINT64_C(0x1000)

/* In real mode a program has what 16-bit segments reach below the video memory, and starts in segment 0. */
#define FLAT_REAL_END      UINT64_C(0xa0000)
#define FLAT_REAL_SEGMENT  UINT64_C(0x10000)
#define FLAT_REAL_RESERVED UINT64_C(0x600) /* interrupt vectors and what they point at */

/**
 * struct flat_wish - what the operator specified about a program
 * @mode_given: @mode is valid; otherwise the mode of an ELF follows from its class, and a raw image runs in real mode
 * @load: load address of a raw image; FLAT_UNSET: the default above
 * @entry: entry point; FLAT_UNSET: the start of a raw image, or the entry of an ELF
 */
struct flat_wish {
	bool mode_given;
	enum entry_mode mode;
	uint64_t load;
	uint64_t entry;
};

/**
 * struct flat_image - a program that has been loaded
 * @start, @end: the part of the window that it occupies
 */
struct flat_image {
	enum entry_mode mode;
	uint64_t start;
	uint64_t end;
	uint64_t entry;
};

/**
 * flat_image_mode() - determine in which mode a program runs, without loading it
 *
 * Return: 0, -EINVAL, -ENOEXEC or a negative errno of reading the file, with a message in @e.
 * Trust: operator.
 */
int flat_image_mode(int fd, const struct flat_wish *wish, enum entry_mode *ret, struct err *e);

/**
 * flat_image_load() - load a raw image, or a static ELF for i386 or x86-64, recognised by content
 * @fd: the file; borrowed
 * @gpa: where the window starts in guest RAM
 * @size: of the window; all of it is RAM
 * @ret: untouched on failure
 *
 * An ELF goes to its virtual addresses; the part of a segment that is not in the file is not written: a new window
 * reads as zero there.
 *
 * Return: 0, -EINVAL (empty, an address outside the window, options that contradict the file), -EFBIG (does not fit),
 * -ENOEXEC (a broken ELF), or a negative errno of reading the file.
 * Trust: operator; the file's content is hostile.
 */
int flat_image_load(int fd, const struct flat_wish *wish, struct gmem *mem, uint64_t gpa, uint64_t size,
	struct flat_image *ret, struct err *e);

/** flat_mode_name() - "real", "protected", "long" */
const char *flat_mode_name(enum entry_mode mode);

#endif
