/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The directory of --out: a process of its own takes what the guest sends, from a pipe, and writes the files
 * (unpack.h). It has a filter of its own (role `out`) and reaches no other directory; vmm itself opens nothing while a
 * guest runs.
 */
#ifndef VMM_MACHINE_OUTDIR_H
#define VMM_MACHINE_OUTDIR_H

#include "security/sandbox.h"
#include "vmm/base/err.h"
#include "vmm/host/child.h"

/** struct outdir - start from OUTDIR_NONE; @pipe: to the process, -1: none */
struct outdir {
	struct child child;
	int pipe;
};

#define OUTDIR_NONE ((struct outdir){.child = CHILD_NONE, .pipe = -1})

/**
 * outdir_open() - make the directory, unless it is there, and start the process
 *
 * Return: 0 or a negative errno, with a message in @e. Context: stage OPEN; forks. Trust: operator.
 */
int outdir_open(const char *path, const struct sandbox_as *as, struct outdir *ret, struct err *e);

/**
 * outdir_finish() - end the stream, and wait for what became of it
 * @path: for the message
 * @note: @size bytes, for a sentence that is no error, "": there is none
 *
 * Return: 0; -ENODATA: the guest ended before it had sent all; another negative errno: files could not be written; with
 * a message in @e. Context: blocks for at most 10 s.
 */
int outdir_finish(struct outdir *o, const char *path, char *note, size_t size, struct err *e);

/** outdir_close() - takes OUTDIR_NONE; the process ends by itself */
void outdir_close(struct outdir *o);

#endif
