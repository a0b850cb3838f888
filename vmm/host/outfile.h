/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An output file that is written at the end of a run and atomically replaces that of the last run.
 *
 *	outfile_open(option, path, sandboxed, &f, e);	nothing that is there changes
 *	outfile_begin(&f);				the run begins
 *	... f.out ...
 *	outfile_commit(&f, r, e);			the document is there
 *	outfile_close(&f);				in any case; without a commit what was there stays
 *
 * A regular file is written to a new file without a name (or with a temporary one, if the file system has no
 * O_TMPFILE), which is then renamed. In the sandbox vmm may not rename, so an auxiliary process that was started before
 * does: it waits for one byte on a socket, or for its end. It has its own sandbox: that directory, and the filter of
 * role SANDBOX_REPORT. Files that cannot be replaced are written in place: a pipe, a device, a file in a directory that
 * is not writable. A path that names a descriptor means that descriptor: output is appended to what the caller has
 * written.
 */
#ifndef VMM_HOST_OUTFILE_H
#define VMM_HOST_OUTFILE_H

#include <stdio.h>

#include "security/sandbox.h"
#include "vmm/base/err.h"
#include "vmm/host/child.h"

/**
 * struct outfile - start from OUTFILE_CLOSED
 * @out: the stream to write to; the caller may set its buffer
 * @option, @path: borrowed, for messages
 * @dir: the directory of @name; -1: written in place
 * @file: the new file, which has no name yet; -1: it is @temporary in @dir
 * @publisher: the process that renames; CHILD_NONE: we do
 * @truncate: a regular file written in place, truncated before the first byte
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
 * outfile_open() - open the output; @ret is unchanged on failure
 * @option: its option, for messages
 * @as: for a machine: a new file is accessible only by its user, and an auxiliary process, confined accordingly,
 *      renames it, since outfile_commit() will not be allowed to. NULL: the mode follows the umask, and
 *      outfile_commit() renames
 *
 * Return: 0 or a negative errno, with a message in @e, marked as the operator's where it is.
 * Context: before the sandbox closes; may fork, so before other threads.
 * Trust: operator.
 */
int outfile_open(const char *option, const char *path, const struct sandbox_as *as, struct outfile *ret, struct err *e);

/** outfile_begin() - truncate a file that is written in place; before the filters are installed */
void outfile_begin(struct outfile *f);

/**
 * outfile_commit() - flush, and rename the file to its path; @f->out is closed then
 * @r: 0, or the error of writing it: then it is discarded
 *
 * Return: 0 or a negative errno, with a message in @e.
 * Context: calls write, read, close, wait4, ppoll; linkat and renameat if it was opened without @as.
 */
int outfile_commit(struct outfile *f, int r, struct err *e);

/** outfile_close() - takes a closed one; a file that was not committed is removed */
void outfile_close(struct outfile *f);

#endif
