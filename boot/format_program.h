/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A Linux program: a static ELF for x86-64, at fixed addresses or position-independent. Finds the addresses of its
 * parts; the owner of an address space maps them.
 */
#ifndef BOOT_FORMAT_PROGRAM_H
#define BOOT_FORMAT_PROGRAM_H

#include <stdbool.h>
#include <stdint.h>

#include "boot/source.h"
#include "vmm/base/err.h"

#define PROGRAM_SEGMENTS_MAX 64

/** The rights of a segment: PF_X, PF_W and PF_R of <elf.h> */
enum { PROGRAM_X = 1, PROGRAM_W = 2, PROGRAM_R = 4 };

/**
 * struct program_segment - a PT_LOAD, extended to whole pages; those of one program are sorted by address, and no two
 * have bytes in the same page
 * @start, @end: addresses, multiples of 4 KiB; not yet biased
 * @offset: in the file, of the byte for address @start
 * @file_end: address after the last byte from the file; the rest is zero
 */
struct program_segment {
	uint64_t start;
	uint64_t end;
	uint64_t offset;
	uint64_t file_end;
	unsigned rights;
};

/**
 * struct program_image - a program as described by its file; addresses as in the file
 * @source: its bytes; borrows the file descriptor
 * @movable: position-independent: it can be loaded as a whole at any multiple of @align
 * @entry: in an executable segment
 * @headers: address of the program headers in memory, 0: they are not in memory; @nr_headers of @header_size bytes
 * @exec_stack: requests an executable stack
 */
struct program_image {
	struct source source;
	bool movable;
	uint64_t align;
	uint64_t entry;
	uint64_t headers;
	unsigned nr_headers;
	unsigned header_size;
	bool exec_stack;
	struct program_segment segment[PROGRAM_SEGMENTS_MAX];
	unsigned nr;
};

/**
 * program_image_read() - read and check the headers of a program
 * @fd: a regular file; borrowed as long as @ret is used
 * @lowest, @highest: segments of a program that is not @movable lie in [@lowest, @highest), those of one that is in
 *                    [0, @highest - @lowest)
 * @ret: filled on success only
 *
 * Return: 0; -ENOEXEC: not such a program; @e says what it is: a script, a dynamic program, one for another machine, a
 * malformed one; an error of source_open() or source_read().
 * Context: BUILD stage. Trust: operator.
 */
int program_image_read(int fd, uint64_t lowest, uint64_t highest, struct program_image *ret, struct err *e);

#endif
