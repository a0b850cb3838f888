/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A Linux program, or a library of one: an ELF for x86-64, at fixed addresses or position-independent. Finds the
 * addresses of its parts and the names of what it needs; the owner of an address space maps them.
 */
#ifndef BOOT_FORMAT_PROGRAM_H
#define BOOT_FORMAT_PROGRAM_H

#include <stdbool.h>
#include <stdint.h>

#include "boot/source.h"
#include "vmm/base/err.h"

#define PROGRAM_SEGMENTS_MAX 64
#define PROGRAM_NEEDS_MAX    64
#define PROGRAM_NAME_MAX     256
#define PROGRAM_PATHS_MAX    1024

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
 * @interpreter: path of its loader; empty: it needs none
 * @dynamic, @dynamic_size: its dynamic section, in the file; @dynamic_size 0: none
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
	char interpreter[PROGRAM_NAME_MAX];
	uint64_t dynamic;
	uint64_t dynamic_size;
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
 * Return: 0; -ENOEXEC: not such a program; @e says what it is: a script, one for another machine, a malformed one; an
 * error of source_open() or source_read().
 * Context: OPEN or BUILD stage. Trust: operator.
 */
int program_image_read(int fd, uint64_t lowest, uint64_t highest, struct program_image *ret, struct err *e);

/**
 * struct program_needs - what the dynamic section names
 * @name: file names of libraries (DT_NEEDED), @nr of them
 * @rpath, @runpath: directories to look in, separated by colons; empty: none
 */
struct program_needs {
	char name[PROGRAM_NEEDS_MAX][PROGRAM_NAME_MAX];
	unsigned nr;
	char rpath[PROGRAM_PATHS_MAX];
	char runpath[PROGRAM_PATHS_MAX];
};

/**
 * program_needs_read() - read the names of the libraries of a program, or of a library
 * @img: as program_image_read() has filled it
 * @ret: filled on success only
 *
 * Return: 0, also when there is no dynamic section; -ENOEXEC: a malformed one, or more than fits; an error of
 * source_read().
 * Context: OPEN stage. Trust: operator. Spec: System V ABI, chapter 5 (dynamic linking).
 */
int program_needs_read(struct program_image *img, struct program_needs *ret, struct err *e);

/**
 * program_symbol_find() - the address of a function that the program exports
 * @img: as program_image_read() has filled it
 * @ret: as in the file; set on success only
 *
 * Return: 0; -ENOENT: there is none of this name; -ENOEXEC: malformed; an error of source_read().
 * Context: OPEN stage. Trust: operator.
 */
int program_symbol_find(struct program_image *img, const char *name, uint64_t *ret, struct err *e);

#endif
