/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A Linux program: a static ELF for x86-64, at fixed addresses or position-independent. Says where its parts go; who
 * has an address space puts them there.
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
 * struct program_segment - a PT_LOAD, extended to whole pages; those of one program are in the order of their addresses
 * and share no page that both would have bytes in
 * @start, @end: addresses, multiples of 4 KiB; not yet biased
 * @offset: in the file, of the byte that goes to @start
 * @file_end: address behind the last byte of the file; what follows is zero
 */
struct program_segment {
	uint64_t start;
	uint64_t end;
	uint64_t offset;
	uint64_t file_end;
	unsigned rights;
};

/**
 * struct program_image - a program as its file says; addresses as in the file
 * @source: its bytes; borrows the file descriptor
 * @movable: position-independent: the whole of it goes where one likes, in steps of @align
 * @entry: in a segment that may be executed
 * @headers: address of the program headers in memory, 0: they are not there; @nr_headers of @header_size bytes
 * @exec_stack: asks for a stack that may be executed
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
 * Return: 0; -ENOEXEC: not such a program, with what it is in @e: a script, a dynamic one, another machine's, a broken
 * one; an error of source_open() or source_read().
 * Context: BUILD stage. Trust: operator.
 */
int program_image_read(int fd, uint64_t lowest, uint64_t highest, struct program_image *ret, struct err *e);

#endif
