/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a program has open: its descriptors, the open files behind them, its working directory, and the names that lead
 * to more of them.
 *
 * Context: one thread at a time. Nothing here allocates after exec_files_new().
 */
#ifndef VMM_EXEC_FILES_H
#define VMM_EXEC_FILES_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "vmm/exec/libraries.h"
#include "vmm/exec/mounts.h"
#include "vmm/exec/pipe.h"
#include "vmm/exec/tree.h"

#define EXEC_FILES_MAX 4096
#define EXEC_STREAMS   3
#define EXEC_SCRATCH   (64 * KIB)

/**
 * enum exec_open_kind
 * @EXEC_STREAM: of the command: @host is borrowed
 * @EXEC_HOST: @host is owned
 * @EXEC_NODE: in memory
 * @EXEC_PIPE: an end of pipe @node
 * @EXEC_EVENT: an eventfd; @offset is its counter, @node: it is a semaphore
 * @EXEC_EPOLL: number @node
 * @EXEC_ROUND: a stream of a program that runs in rounds: nothing to read; what is written is the round's output
 * @EXEC_TIMERFD: number @node
 * @EXEC_SIGNALFD: @offset: a set of signals
 */
enum exec_open_kind {
	EXEC_CLOSED,
	EXEC_STREAM,
	EXEC_HOST,
	EXEC_NODE,
	EXEC_PIPE,
	EXEC_EVENT,
	EXEC_EPOLL,
	EXEC_ROUND,
	EXEC_TIMERFD,
	EXEC_SIGNALFD
};

#define EXEC_OF_ROUND (-2) /* in place of a host's descriptor of a stream: EXEC_ROUND */

/**
 * struct exec_open - an open file; the descriptors that dup() makes share it
 * @flags: O_ flags that it was opened with; O_PATH: for its name alone
 * @offset: of the next byte, or the next entry; the host has that of its files
 * @mount: that it was opened below; NULL: none
 */
struct exec_open {
	uint8_t kind;
	uint32_t refs;
	uint32_t flags;
	uint32_t node;
	int host;
	uint64_t offset;
	const struct mount *mount;
};

/** struct exec_fd - @open: index + 1 into the open files; 0: closed */
struct exec_fd {
	uint16_t open;
	bool close_on_exec;
};

#define EXEC_EPOLLS_MAX  16
#define EXEC_WATCHES_MAX 1024

/**
 * struct exec_watch - what epoll_ctl() added
 * @open: index of the open file, @fd: the descriptor that it was added by
 * @off: it was reported, and waits to be switched on again (EPOLLONESHOT)
 */
struct exec_watch {
	uint64_t data;
	uint32_t fd;
	uint32_t events;
	uint16_t open;
	bool off;
};

struct exec_epoll {
	bool used;
	unsigned nr;
	struct exec_watch watch[EXEC_WATCHES_MAX];
};

#define EXEC_TIMERFDS_MAX 64

/**
 * struct exec_timerfd
 * @next: time of @clock when it expires; 0: not armed
 * @ticks: how often it has, and nobody has read that
 */
struct exec_timerfd {
	bool used;
	int clock;
	uint64_t next;
	uint64_t interval;
	uint64_t ticks;
};

/**
 * struct exec_files_base - what exec_files_return() goes back to
 * @at: where the host's files were, -1: they have no place
 * @timerfd: @next is what was left until then
 */
struct exec_files_base {
	struct exec_fd fd[EXEC_FILES_MAX];
	struct exec_open open[EXEC_FILES_MAX + 1];
	int64_t at[EXEC_FILES_MAX + 1];
	unsigned cwd;
	uint32_t mask;
	struct exec_pipe pipe[EXEC_PIPES_MAX];
	struct exec_epoll epoll[EXEC_EPOLLS_MAX];
	struct exec_timerfd timerfd[EXEC_TIMERFDS_MAX];
};

/**
 * struct exec_files - owns all that is in it
 * @cwd: index of the open file that is the working directory
 * @name: of each open file, as it was when it was opened: absolute; of the root directory ""
 * @most_fd, @most_open: none behind was ever in use
 * @base: NULL: there is no way back
 * @scratch: for the call that is being answered
 */
struct exec_files {
	struct exec_fd fd[EXEC_FILES_MAX];
	struct exec_open open[EXEC_FILES_MAX + 1];
	unsigned cwd;
	unsigned most_fd;
	unsigned most_open;
	uint32_t mask;
	struct tree tree;
	struct mounts mounts;
	const struct libraries *libraries;
	struct exec_pipe pipe[EXEC_PIPES_MAX];
	struct exec_epoll epoll[EXEC_EPOLLS_MAX];
	struct exec_timerfd timerfd[EXEC_TIMERFDS_MAX];
	struct exec_files_base *base;
	char name[EXEC_FILES_MAX + 1][PATH_MAX];
	uint8_t scratch[EXEC_SCRATCH] __attribute__((aligned(16)));
};

/**
 * exec_files_new() - the streams, and an empty root directory, which is the working directory
 * @host: descriptors of the streams; -1: closed
 * @nodes, @pages: limits of what is in memory, see tree.h
 *
 * Return: NULL: no memory.
 */
struct exec_files *exec_files_new(const int *host, uint32_t nodes, uint32_t pages);

/** exec_files_free() - takes NULL */
void exec_files_free(struct exec_files *f);

/** exec_files_get() - the open file of a descriptor, or NULL */
struct exec_open *exec_files_get(struct exec_files *f, uint64_t fd);

/** exec_files_name() - its name */
const char *exec_files_name(const struct exec_files *f, const struct exec_open *o);

/**
 * exec_files_new_open() - an open file without a descriptor, with one reference
 * @from: copied; what it owns is taken if this does not fail
 *
 * Return: NULL: too many.
 */
struct exec_open *exec_files_new_open(struct exec_files *f, const struct exec_open *from, const char *name);

/** exec_files_unref() - drop a reference; the last one closes it */
void exec_files_unref(struct exec_files *f, struct exec_open *o);

/**
 * exec_files_install() - give an open file a descriptor, which takes its reference
 *
 * Return: the lowest free one from @from on, or -EMFILE.
 */
int exec_files_install(struct exec_files *f, struct exec_open *o, uint64_t from, bool close_on_exec);

/** exec_files_dup2() - let the descriptor @to refer to an open file, too */
void exec_files_dup2(struct exec_files *f, struct exec_open *o, uint32_t to, bool close_on_exec);

/** exec_files_close() - Return: 0 or -EBADF */
int exec_files_close(struct exec_files *f, uint64_t fd);

/** exec_files_chdir() - takes the reference to a directory */
void exec_files_chdir(struct exec_files *f, struct exec_open *o);

/** exec_files_base_init() - reserve memory for exec_files_mark(). Return: 0 or -ENOMEM */
int exec_files_base_init(struct exec_files *f);

/** exec_files_mark() - the moment that exec_files_return() goes back to is now; once */
void exec_files_mark(struct exec_files *f);

/**
 * exec_files_return() - what is open, and where in its file, and all that is in memory, as at exec_files_mark()
 *
 * What the program has changed in files of the host stays changed.
 */
void exec_files_return(struct exec_files *f);

#endif
