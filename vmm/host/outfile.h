/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A document that is written at the end of a run, over the one of the last run: whole, or not at all.
 *
 *	outfile_open(option, path, sandboxed, &f, e);	nothing that is there changes
 *	outfile_begin(&f);				the run begins
 *	... f.out ...
 *	outfile_commit(&f, r, e);			the document is there
 *	outfile_close(&f);				in any case; without a commit what was there stays
 *
 * A regular file is written beside, without a name (or under another, where the file system has no O_TMPFILE), and
 * renamed. Behind a sandbox nobody may rename any more, so a process that was made before it does: all that it hears
 * from us is a byte, or that we are gone. It has a sandbox of its own: that directory, and the filter of role
 * SANDBOX_REPORT.
 * What cannot be replaced is written in place: a pipe, a device, a file in a directory that is not ours to write.
 * A path that names a descriptor is that descriptor: what the caller has written there stays, and ours follows it.
 */
#ifndef VMM_HOST_OUTFILE_H
#define VMM_HOST_OUTFILE_H

#include <stdio.h>

#include "security/sandbox.h"
#include "vmm/base/err.h"
#include "vmm/host/child.h"

/**
 * struct outfile - start from OUTFILE_CLOSED
 * @out: to be written to; its buffer is the caller's to set
 * @option, @path: borrowed, for words
 * @dir: the directory in which the file becomes @name; -1: written in place
 * @file: the file, which has no name yet; -1: it is @temporary in @dir
 * @publisher: the process that renames; CHILD_NONE: we do
 * @truncate: a regular file in place, which is to be emptied before the first byte
 */
struct outfile {
	FILE *out;
	const char *option;
	const char *path;
	int dir;
	int file;
	char temporary[24];
	mode_t mode;
	char *name;
	struct child publisher;
	bool truncate;
};

#define OUTFILE_CLOSED ((struct outfile){.dir = -1, .file = -1, .publisher = CHILD_NONE})

/**
 * outfile_open() - open what is to be written; @ret is untouched on failure
 * @option: what the operator calls it
 * @as: of a machine: a new file is its user's alone, and outfile_commit() will not be allowed to rename: have a process
 *      that does, confined so. NULL: the umask decides, and it will be
 *
 * Return: 0 or a negative errno, with a message in @e, blamed on the operator where that is so.
 * Context: before the sandbox closes; may fork, so before other threads.
 * Trust: operator.
 */
int outfile_open(const char *option, const char *path, const struct sandbox_as *as, struct outfile *ret, struct err *e);

/** outfile_begin() - empty what is written in place; last chance before the filters */
void outfile_begin(struct outfile *f);

/**
 * outfile_commit() - flush, and put it in its place; @f->out is closed then
 * @r: 0, or what went wrong while it was written: then it is given up
 *
 * Return: 0 or a negative errno, with a message in @e.
 * Context: calls write, read, close, wait4, ppoll; linkat and renameat where it was opened without @as.
 */
int outfile_commit(struct outfile *f, int r, struct err *e);

/** outfile_close() - takes one that is closed; what was not committed is removed */
void outfile_close(struct outfile *f);

#endif
