/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A file that is written while the guest is held: a core or a snapshot. It is either complete or absent.
 *
 *	newfile_check(&kind, path, e)		machine_check()
 *	newfile_open(&f, &kind, path, e)	stage OPEN: its directory
 *	newfile_init(&f, loop, e)		stage BUILD
 *	newfile_start(&f, sandbox, e)		before the filters
 *	newfile_name(&f, reason), newfile_ask(&f)	as often as wanted: @write in the thread, @written in the loop
 *	newfile_stop(&f, deadline); newfile_destroy(&f)
 *
 * Theory of operation. A thread of role SANDBOX_STATE, which sleeps until it is needed, writes a temporary file in the
 * same directory, and renames it to the requested name when it is complete and on the disk. If the process is killed
 * meanwhile, a file .vmm-KIND-* remains. The thread uses only a descriptor of the directory: it works even where paths
 * can no longer be opened. An existing file is replaced, and so is a symbolic link: nothing is written through it.
 *
 * A path that names a descriptor (/dev/fd/N) is a file that the caller has made: empty, and written once, in place.
 *
 * @state says who owns the struct: the thread if it is ASKED, otherwise the loop.
 */
#ifndef VMM_MACHINE_NEWFILE_H
#define VMM_MACHINE_NEWFILE_H

#include <limits.h>
#include <stdatomic.h>

#include "vmm/base/err.h"
#include "vmm/base/fdpath.h"
#include "vmm/host/worker.h"

#define NEWFILE_NUMBER_MAX 9999

/**
 * struct newfile_kind
 * @what: "core"; @option: "--core"
 * @letters: what may follow a percent sign in the file's name besides another one: n, the number of the file, and s, a
 *           reason; @words: the same as text
 * @longest: the longest reason, or NULL
 */
struct newfile_kind {
	const char *what;
	const char *option;
	const char *letters;
	const char *words;
	const char *longest;
};

struct newfile;

/**
 * struct newfile_ops
 * @write: write all of it to @fd, an empty file. Return: 0 or a negative errno. The thread; no allocation
 * @written: the file is complete, or f->error says why not. Context: the loop
 */
struct newfile_ops {
	int (*write)(struct newfile *f, int fd);
	void (*written)(struct newfile *f);
};

/**
 * struct newfile - start from NEWFILE_CLOSED
 * @asked: in the thread's loop; @answered: in the control loop
 * @dir, @dir_path: the directory, and what the operator calls it; @file: the whole path; borrowed; @format: the name in
 *	it, with its % conversions
 * @fd: the descriptor of the file that is being written, always the same number, since the filter of the thread lets it
 *      write to no other; another one of @dir while there is none
 * @rule: names @dir for the sandbox
 * @secret: prefix of temporary names; @temporaries: how many there were
 * @number: how many files were begun; @name: name of the last one
 * @stop: abandon the file that is being written
 * @error, @doing: the thread's error, and the operation that failed
 */
struct newfile {
	const struct newfile_kind *kind;
	const struct newfile_ops *ops;
	struct worker worker;
	struct loop_source asked, answered;
	int dir, fd;
	char rule[FD_PATH_SIZE];
	char *dir_path;
	const char *file;
	const char *format;
	uint64_t secret;
	unsigned temporaries;
	unsigned number;
	char name[NAME_MAX + 1];
	_Atomic int state;
	_Atomic bool stop;
	int error;
	const char *doing;
};

#define NEWFILE_CLOSED ((struct newfile){.asked.fd = -1, .answered.fd = -1, .dir = -1, .fd = -1})

/** newfile_check() - check a path's % conversions and its length. Return: 0 or -EINVAL, with a message in @e. */
int newfile_check(const struct newfile_kind *kind, const char *file, struct err *e);

/** newfile_is_plain() - whether the path has no % conversion, so that all files have the same name */
bool newfile_is_plain(const char *file);

/**
 * newfile_open() - open the directory, of which there is none (-1) where @file names a descriptor; stage OPEN
 * @kind, @ops, @file: borrowed until newfile_destroy()
 *
 * Return: 0 or a negative errno, with a message in @e; newfile_destroy() in any case.
 */
int newfile_open(struct newfile *f, const struct newfile_kind *kind, const struct newfile_ops *ops, const char *file,
	struct err *e);

/** newfile_init() - the rest, as the user that vmm runs as; stage BUILD; as newfile_open() */
int newfile_init(struct newfile *f, struct loop *loop, struct err *e);

/** newfile_start() - start the thread. Return: 0 or a negative errno, with a message in @e. */
int newfile_start(struct newfile *f, struct sandbox *sandbox, struct err *e);

/** newfile_is_idle() - whether no file is being written. Context: the loop, as for those below. */
bool newfile_is_idle(const struct newfile *f);

/** newfile_name() - begin a new file; @reason: for %s, or NULL */
void newfile_name(struct newfile *f, const char *reason);

/** newfile_path() - path of the file that was begun last */
void newfile_path(const struct newfile *f, char *buf, size_t size);

/** newfile_ask() - let the thread write it; call newfile_name() first, while idle */
void newfile_ask(struct newfile *f);

/** newfile_failure() - f->error as a message: the file, the failed operation, and the reason */
void newfile_failure(const struct newfile *f, char *buf, size_t size);

/**
 * newfile_stop() - end the thread, after which @ops->written is called if the file was complete
 * @deadline_ns: on the monotonic clock
 *
 * Return: false if the thread hangs in a system call: the memory that it reads must not be freed.
 */
bool newfile_stop(struct newfile *f, uint64_t deadline_ns);

/** newfile_destroy() - takes NEWFILE_CLOSED. Return: as of newfile_stop(): when false, nothing was freed. */
bool newfile_destroy(struct newfile *f);

#endif
