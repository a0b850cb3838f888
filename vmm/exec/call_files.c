// SPDX-License-Identifier: Apache-2.0
/*
 * System calls on descriptors, and what they refer to.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include "vmm/base/clock.h"
#include "vmm/exec/task.h"
#include "vmm/exec/wait.h"
#include "vmm/exec/walk.h"

#define LARGE_FILE 0100000u /* what Linux adds to the flags of every open file */
#define LOCK_AGAIN (10 * NSEC_PER_MSEC)

#ifndef F_OFD_GETLK
#define F_OFD_GETLK 36
#define F_OFD_SETLK 37
#endif

/* --- Descriptors ------------------------------------------------------------------------------------------- */

int64_t exec_sys_close(struct exec_task *t, const uint64_t *a)
{
	return exec_files_close(t->files, a[0]);
}

int64_t exec_sys_close_range(struct exec_task *t, const uint64_t *a)
{
	uint32_t first = (uint32_t)a[0], last = MIN((uint32_t)a[1], EXEC_FILES_MAX - 1u);

	if (first > (uint32_t)a[1] || (uint32_t)a[2] & ~6u)
		return -EINVAL;
	for (uint32_t fd = first; fd <= last; fd++) {
		if (a[2] & 4 /* CLOSE_RANGE_CLOEXEC */)
			t->files->fd[fd].close_on_exec = true;
		else
			exec_files_close(t->files, fd);
	}
	return 0;
}

static int64_t duplicate(struct exec_task *t, uint64_t fd, uint64_t from, bool close_on_exec)
{
	struct exec_open *o = exec_files_get(t->files, fd);
	int64_t r;

	if (!o)
		return -EBADF;
	if (from >= EXEC_FILES_MAX)
		return -EINVAL;
	r = exec_files_install(t->files, o, from, close_on_exec);
	o->refs += r >= 0;
	return r;
}

int64_t exec_sys_dup(struct exec_task *t, const uint64_t *a)
{
	return duplicate(t, a[0], 0, false);
}

static int64_t replace(struct exec_task *t, uint64_t fd, uint64_t to, bool close_on_exec)
{
	struct exec_open *o = exec_files_get(t->files, fd);

	if (!o || (uint32_t)to >= EXEC_FILES_MAX)
		return -EBADF;
	exec_files_dup2(t->files, o, (uint32_t)to, close_on_exec);
	return (uint32_t)to;
}

int64_t exec_sys_dup2(struct exec_task *t, const uint64_t *a)
{
	if ((uint32_t)a[0] == (uint32_t)a[1])
		return exec_files_get(t->files, a[0]) ? (int64_t)(uint32_t)a[0] : -EBADF;
	return replace(t, a[0], a[1], false);
}

int64_t exec_sys_dup3(struct exec_task *t, const uint64_t *a)
{
	if ((uint32_t)a[2] & ~(uint32_t)O_CLOEXEC || (uint32_t)a[0] == (uint32_t)a[1])
		return -EINVAL;
	return replace(t, a[0], a[1], a[2] & O_CLOEXEC);
}

/* Of a stream, the host knows how it is open; that it does not block is the program's own flag. */
static int64_t get_flags(const struct exec_open *o)
{
	int r;

	if (o->kind != EXEC_STREAM)
		return o->flags | (o->flags & O_PATH ? 0 : LARGE_FILE);
	r = fcntl(o->host, F_GETFL);
	return r < 0 ? -errno : r | (int)(o->flags & O_NONBLOCK);
}

static int64_t set_flags(struct exec_open *o, uint64_t flags)
{
	if (o->flags & O_PATH)
		return -EBADF;
	o->flags = (o->flags & ~(uint32_t)O_NONBLOCK) | (uint32_t)(flags & O_NONBLOCK);
	if (o->kind == EXEC_NODE)
		o->flags = (o->flags & ~(uint32_t)O_APPEND) | (uint32_t)(flags & O_APPEND);
	return 0;
}

/* Waits between two attempts. Return: 0, or -EINTR: the run is to end */
static int attempt_again(struct exec_task *t)
{
	const struct timespec pause = ns_to_timespec(LOCK_AGAIN);

	return MIN(exec_poll(t, NULL, 0, &pause), 0);
}

/* Locks of open files, which other processes of the host see; with those of memory nobody else can interfere. */
static int64_t lock_range(struct exec_task *t, const struct exec_open *o, const uint64_t *a)
{
	bool get = a[1] == F_GETLK || a[1] == F_OFD_GETLK;
	struct flock l;
	int r = space_read(&t->space, a[2], &l, sizeof(l));

	if (r < 0)
		return r;
	l.l_pid = 0;
	while (o->kind == EXEC_HOST && fcntl(o->host, get ? F_OFD_GETLK : F_OFD_SETLK, &l) < 0) {
		if (errno != EAGAIN || (a[1] != F_SETLKW && a[1] != F_OFD_SETLK + 1))
			return -errno;
		r = attempt_again(t);
		if (r < 0)
			return r;
	}
	if (!get)
		return 0;
	if (o->kind != EXEC_HOST)
		l.l_type = F_UNLCK;
	return space_write(&t->space, a[2], &l, sizeof(l));
}

int64_t exec_sys_fcntl(struct exec_task *t, const uint64_t *a)
{
	struct exec_open *o = exec_files_get(t->files, a[0]);
	struct exec_fd *fd;

	if (!o)
		return -EBADF;
	fd = &t->files->fd[(uint32_t)a[0]];
	switch ((uint32_t)a[1]) {
	case F_DUPFD: return duplicate(t, a[0], a[2], false);
	case F_DUPFD_CLOEXEC: return duplicate(t, a[0], a[2], true);
	case F_GETFD: return fd->close_on_exec ? FD_CLOEXEC : 0;
	case F_SETFD: fd->close_on_exec = a[2] & FD_CLOEXEC; return 0;
	case F_GETFL: return get_flags(o);
	/* The streams are shared with the caller and other programs. */
	case F_SETFL: return set_flags(o, a[2]);
	case F_GETLK:
	case F_SETLK:
	case F_SETLKW:
	case F_OFD_GETLK:
	case F_OFD_SETLK:
	case F_OFD_SETLK + 1: return o->kind == EXEC_STREAM || o->kind > EXEC_NODE ? -EINVAL : lock_range(t, o, a);
	default: return -EINVAL;
	}
}

int64_t exec_sys_flock(struct exec_task *t, const uint64_t *a)
{
	struct exec_open *o = exec_files_get(t->files, a[0]);
	int how = (int)a[1];

	if (!o || o->flags & O_PATH)
		return -EBADF;
	if ((how & ~LOCK_NB) != LOCK_SH && (how & ~LOCK_NB) != LOCK_EX && (how & ~LOCK_NB) != LOCK_UN)
		return -EINVAL;
	while (o->kind == EXEC_HOST && flock(o->host, how | LOCK_NB) < 0) {
		int r = errno != EWOULDBLOCK || how & LOCK_NB ? -errno : attempt_again(t);

		if (r < 0)
			return r;
	}
	return 0;
}

int64_t exec_sys_ioctl(struct exec_task *t, const uint64_t *a)
{
	struct exec_open *o = exec_files_get(t->files, a[0]);
	int n;

	if (!o || o->flags & O_PATH)
		return -EBADF;
	switch ((uint32_t)a[1]) {
	case FIOCLEX:
	case FIONCLEX: t->files->fd[(uint32_t)a[0]].close_on_exec = (uint32_t)a[1] == FIOCLEX; return 0;
	case FIONBIO:
		n = space_read(&t->space, a[2], &n, sizeof(n)) < 0 ? -EFAULT : n ? O_NONBLOCK : 0;
		return n < 0 ? n : set_flags(o, (o->flags & O_APPEND) | (uint32_t)n);
	case FIONREAD: break;
	default: return -ENOTTY;
	}
	if (o->kind == EXEC_PIPE) {
		n = (int)t->files->pipe[o->node].used;
		return space_write(&t->space, a[2], &n, sizeof(n));
	}
	if (o->kind != EXEC_STREAM)
		return -ENOTTY;
	if (ioctl(o->host, FIONREAD, &n) < 0)
		return -errno;
	return space_write(&t->space, a[2], &n, sizeof(n));
}

static int64_t sync_file(struct exec_task *t, const uint64_t *a, int (*sync)(int fd))
{
	struct exec_open *o = exec_files_get(t->files, a[0]);

	if (!o || o->flags & O_PATH)
		return -EBADF;
	if (o->kind == EXEC_STREAM || o->kind > EXEC_NODE)
		return -EINVAL;
	return o->kind == EXEC_HOST && sync(o->host) < 0 ? -errno : 0;
}

int64_t exec_sys_fsync(struct exec_task *t, const uint64_t *a)
{
	return sync_file(t, a, fsync);
}

int64_t exec_sys_fdatasync(struct exec_task *t, const uint64_t *a)
{
	return sync_file(t, a, fdatasync);
}

/* fadvise64, sync_file_range: nothing has to follow */
int64_t exec_sys_of_file(struct exec_task *t, const uint64_t *a)
{
	return exec_files_get(t->files, a[0]) ? 0 : -EBADF;
}

int64_t exec_sys_unsupported(struct exec_task *t, const uint64_t *a)
{
	return -EOPNOTSUPP;
}

int64_t exec_sys_umask(struct exec_task *t, const uint64_t *a)
{
	uint32_t old = t->files->mask;

	t->files->mask = a[0] & 0777;
	return old;
}

/* --- What a file is ---------------------------------------------------------------------------------------- */

int exec_open_status(const struct exec_task *t, const struct exec_open *o, struct stat *ret)
{
	if (o->kind == EXEC_STREAM || o->kind == EXEC_HOST)
		return walk_status(o->host, ret);
	if (o->kind == EXEC_NODE) {
		exec_node_stat(t, o->node, ret);
		return 0;
	}
	memset(ret, 0, sizeof(*ret));
	ret->st_mode = o->kind == EXEC_PIPE || o->kind == EXEC_ROUND ? S_IFIFO | 0600 : 0600;
	ret->st_ino = o->node + 1;
	ret->st_nlink = 1;
	ret->st_uid = ret->st_gid = EXEC_ID;
	ret->st_blksize = PAGE_4K;
	return 0;
}

int64_t exec_sys_fstat(struct exec_task *t, const uint64_t *a)
{
	const struct exec_open *o = exec_files_get(t->files, a[0]);
	struct stat st;
	int r = o ? exec_open_status(t, o, &st) : -EBADF;

	return r < 0 ? r : space_write(&t->space, a[1], &st, sizeof(st));
}

int64_t exec_sys_ftruncate(struct exec_task *t, const uint64_t *a)
{
	struct exec_open *o = exec_files_get(t->files, a[0]);

	if (!o)
		return -EBADF;
	if ((int64_t)a[1] < 0 || (o->flags & O_ACCMODE) == O_RDONLY || o->flags & O_PATH || o->kind == EXEC_STREAM ||
		o->kind > EXEC_NODE)
		return -EINVAL;
	if (o->kind == EXEC_HOST)
		return ftruncate(o->host, (off_t)a[1]) < 0 ? -errno : 0;
	return t->files->tree.node[o->node].kind == TREE_FILE ? tree_truncate(&t->files->tree, o->node, a[1]) : -EINVAL;
}
