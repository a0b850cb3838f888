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
 * struct file_id - the file of a path; private
 * @kind: NONE: not a file that could be destroyed (a pipe, a terminal, a directory), or unknown
 * @name: MISSING: its name in the directory @dev, @ino
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
 * @what: the option that names it, or a description; borrowed, as is @path
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

/** fileset_add() - add the file of @path; NULL: does nothing */
void fileset_add(struct fileset *s, const char *what, const char *path, enum file_use use);

/** fileset_add_streams() - add standard input, output and error, if they are files */
void fileset_add_streams(struct fileset *s);

/**
 * fileset_check() - check that no output is also an input or another output
 *
 * Compares files by device and inode (block devices by number), so links do not matter; files that do not exist yet by
 * directory and name. Descriptors that the caller has opened may share a file, since they share its offset.
 *
 * Return: 0, or -EINVAL with a message in @e that names both, an error of the operator.
 * Trust: operator.
 */
int fileset_check(const struct fileset *s, struct err *e);

#endif
