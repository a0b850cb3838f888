/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All files that one command reads and writes, compared with each other before any of them is opened for writing: an
 * output that is an input would destroy it, two outputs in one file would destroy each other.
 */
#ifndef VMM_HOST_FILESET_H
#define VMM_HOST_FILESET_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "vmm/base/err.h"

enum file_use { FILE_READ, FILE_WRITE };

/**
 * struct file_id - what a path leads to; private
 * @kind: NONE: nothing that could be destroyed (a pipe, a terminal, a directory), or unknown
 * @name: MISSING: what it would be called in the directory @dev, @ino
 * @fd: the path names a descriptor
 */
struct file_id {
	enum { FILE_ID_NONE, FILE_ID_FILE, FILE_ID_BLOCK, FILE_ID_MISSING } kind;
	dev_t dev;
	ino_t ino;
	const char *name;
	bool fd;
};

/**
 * struct fileset_file
 * @what: the option it belongs to, or what else it is; borrowed, as is @path
 * @path: NULL: a standard stream
 */
struct fileset_file {
	const char *what;
	const char *path;
	enum file_use use;
	struct file_id id;
};

#define FILESET_MAX 64

/**
 * struct fileset - zero-initialise; files beyond FILESET_MAX are not compared
 */
struct fileset {
	struct fileset_file file[FILESET_MAX];
	size_t nr;
};

/** fileset_add() - look at what @path leads to; NULL: there is none */
void fileset_add(struct fileset *s, const char *what, const char *path, enum file_use use);

/** fileset_add_streams() - standard input, output and error, as far as they are files */
void fileset_add_streams(struct fileset *s);

/**
 * fileset_check() - no output is an input or another output
 *
 * Compares files by device and inode (block devices by number), so that links are seen through; files that do not
 * exist yet by directory and name. Descriptors of the caller may share a file: who writes there goes on where the
 * other stands.
 *
 * Return: 0, or -EINVAL with words that name both; the operator's.
 * Trust: operator.
 */
int fileset_check(const struct fileset *s, struct err *e);

#endif
