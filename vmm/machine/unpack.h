/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The files that a command leaves in $VMM_OUT, as its init sends them (struct init_file of boot/init/wire.h), written
 * below a directory. What comes is a guest's: a name is one component, no link is followed or kept, and files,
 * directories and bytes are counted.
 */
#ifndef VMM_MACHINE_UNPACK_H
#define VMM_MACHINE_UNPACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "boot/init/wire.h"
#include "vmm/base/util.h"

#define UNPACK_BYTES_MAX   GIB   /* of all files */
#define UNPACK_ENTRIES_MAX 65536 /* files and directories */
#define UNPACK_NAME_MAX    255

/**
 * struct unpack
 * @dir: of the directories that are open, the first borrowed, @depth more
 * @file: that is being written; -1: none
 * @head, @name: of the entry that is being read, @have bytes of both; then @left bytes of its file
 * @skipped: how many entries the guest left out, since they are neither files nor directories
 * @complete: the last record came
 * @r: the first error, with the name of its entry in @name
 */
struct unpack {
	int dir[INIT_FILES_DEPTH + 1];
	unsigned depth;
	int file;
	struct init_file head;
	char name[UNPACK_NAME_MAX + 1];
	size_t have;
	uint64_t left;
	uint64_t bytes;
	unsigned entries;
	uint64_t skipped;
	bool complete;
	int r;
};

/** unpack_begin() - @dir is borrowed until unpack_end() */
void unpack_begin(struct unpack *u, int dir);

/**
 * unpack_take() - take bytes of the stream
 *
 * Files of the same name are replaced, directories are entered. Return: 0, or a negative errno of this or an earlier
 * call: -EPROTO: it is no such stream, or there is something behind its end; -EILSEQ: a name that is none; -EFBIG: more
 * than the limits; of the host's file system. Trust: guest.
 */
int unpack_take(struct unpack *u, const void *data, size_t n);

/** unpack_end() - close what is open */
void unpack_end(struct unpack *u);

#endif
