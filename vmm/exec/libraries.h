/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The files that a program can open: itself, its loader, and the libraries that the loader will look for. They are
 * found and opened before the sandbox closes the way to them.
 *
 * Libraries are looked for as ld.so(8) does: DT_RPATH, LD_LIBRARY_PATH, DT_RUNPATH, then the system's directories, each
 * with its glibc-hwcaps. The loader's cache is not read, and the program does not see one, so that both agree.
 */
#ifndef VMM_EXEC_LIBRARIES_H
#define VMM_EXEC_LIBRARIES_H

#include <sys/stat.h>

#include "vmm/base/err.h"

#define LIBRARIES_MAX 128

/**
 * struct library - a file, open for reading
 * @path: in the guest and on the host; owned
 * @name: the name that it is needed by; points into @path
 */
struct library {
	char *path;
	const char *name;
	int fd;
	struct stat st;
};

/**
 * struct libraries - zero-initialised
 * @of: the program is the first, and its loader, if it has one, the second
 * @loader: it has one
 */
struct libraries {
	struct library of[LIBRARIES_MAX];
	unsigned nr;
	bool loader;
};

/**
 * libraries_open() - open what a program needs
 * @fd: the program; taken, also on failure
 * @path: its name in the guest; absolute, copied
 * @dirs: LD_LIBRARY_PATH, NULL: none
 *
 * A file that is no program has no libraries: image_load() says what it is.
 *
 * Return: 0 or a negative errno; -ENOENT: a loader or library is missing. Context: OPEN stage. Trust: operator.
 */
int libraries_open(struct libraries *l, int fd, const char *path, const char *dirs, struct err *e);

/** libraries_close() - takes a zeroed struct */
void libraries_close(struct libraries *l);

#endif
