// SPDX-License-Identifier: Apache-2.0
/*
 * System calls on files: the three standard streams of the command, and the program with its libraries, which are
 * open already. No name is looked up on the host.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <termios.h>
#include <unistd.h>

#include "vmm/exec/task.h"
#include "vmm/exec/wait.h"

#define WINDOWS_MAX   64
#define TRANSFER_MAX  UINT64_C(0x7ffff000) /* MAX_RW_COUNT of Linux */
#define POLL_MAX      EXEC_FILES_MAX
#define GUEST_IOV_MAX 1024
#define LARGE_FILE    0100000 /* what Linux adds to the flags of every open file */

/* Return: the descriptor on the host, or -EBADF. */
static int host_of(const struct exec_task *t, uint64_t fd)
{
	uint32_t n = (uint32_t)fd;

	return n < EXEC_FILES_MAX && t->file[n].host >= 0 && t->file[n].host < EXEC_STREAMS ? t->host[t->file[n].host]
											    : -EBADF;
}

static bool is_open(const struct exec_task *t, uint64_t fd)
{
	return (uint32_t)fd < EXEC_FILES_MAX && t->file[(uint32_t)fd].host >= 0;
}

const struct library *exec_library(const struct exec_task *t, uint64_t fd)
{
	uint32_t n = (uint32_t)fd;

	return is_open(t, n) && t->file[n].host >= EXEC_STREAMS ? &t->libraries->of[t->file[n].host - EXEC_STREAMS]
								: NULL;
}

/* glibc before 2.39 implements fstat() by newfstatat(), which also takes paths, so that no filter should allow it. */
static int file_status(int fd, struct stat *ret)
{
	return (int)syscall(SYS_fstat, fd, ret);
}

/* --- Data -------------------------------------------------------------------------------------------------- */

/**
 * struct windows - parts of the program's memory for one system call of the host
 * @bytes: in all
 */
struct windows {
	struct iovec iov[WINDOWS_MAX];
	int nr;
	uint64_t bytes;
};

/* Adds as much of a range as fits. Return: 0; -EFAULT or -ENOMEM: the part after @w->bytes is not accessible. */
static int add_windows(struct exec_task *t, uint64_t at, uint64_t len, unsigned access, struct windows *w)
{
	while (len) {
		struct iovec *last = w->nr ? &w->iov[w->nr - 1] : NULL;
		uint8_t *host;
		size_t n;
		int r = space_window(&t->space, at, len, access, &host, &n);

		if (r < 0)
			return r;
		if (last && (uint8_t *)last->iov_base + last->iov_len == host)
			last->iov_len += n;
		else if (w->nr < WINDOWS_MAX)
			w->iov[w->nr++] = (struct iovec){host, n};
		else
			return 0;
		w->bytes += n;
		at += n;
		len -= n;
	}
	return 0;
}

/* Where to read from or write to: @offset: NULL: where the file's own position is */
struct channel {
	int fd;
	bool out;
	uint64_t *offset;
};

/* One system call of the host, repeated if a signal interrupts it and the run is not to end. */
static ssize_t transfer(struct exec_task *t, const struct channel *c, const struct windows *w)
{
	ssize_t n;

	do
		n = c->out          ? writev(c->fd, w->iov, w->nr)
			: c->offset ? preadv(c->fd, w->iov, w->nr, (off_t)*c->offset)
				    : readv(c->fd, w->iov, w->nr);
	while (n < 0 && errno == EINTR && !exec_stopping(t));
	if (n > 0 && c->offset)
		*c->offset += (uint64_t)n;
	return n < 0 ? -errno : n;
}

/*
 * Reads into or writes from a range. @ret_done: bytes transferred, also on failure. Return: 0: all; 1: less; a negative
 * errno.
 */
static int move_range(struct exec_task *t, const struct channel *c, uint64_t at, uint64_t len, uint64_t *ret_done)
{
	while (len) {
		struct windows w = {.nr = 0};
		int fault = add_windows(t, at, len, c->out ? SPACE_R : SPACE_W, &w);
		ssize_t n;

		if (!w.bytes)
			return fault;
		n = transfer(t, c, &w);
		if (n < 0)
			return (int)n;
		*ret_done += (uint64_t)n;
		/* A read returns the available bytes; only from a regular file can more be read at once. */
		if ((uint64_t)n < w.bytes)
			return 1;
		at += (uint64_t)n;
		len -= (uint64_t)n;
	}
	return 0;
}

static int64_t end_transfer(struct exec_task *t, int r, uint64_t done, bool out)
{
	if (r == -EPIPE && out)
		exec_signal(t, SIGPIPE, false);
	return done || r >= 0 ? (int64_t)done : r;
}

/* More than the windows of one call can hold is read only if the rest is sure to be available. */
static bool may_go_on(int fd)
{
	struct stat st;

	return file_status(fd, &st) == 0 && S_ISREG(st.st_mode);
}

/* The descriptor on the host, and which position counts. Return: 0 or -EBADF */
static int channel_of(struct exec_task *t, uint64_t fd, bool out, struct channel *ret)
{
	const struct library *l = exec_library(t, fd);

	*ret = (struct channel){host_of(t, fd), out, NULL};
	if (l && !out)
		*ret = (struct channel){l->fd, out, &t->file[(uint32_t)fd].offset};
	return MIN(ret->fd, 0);
}

static int64_t move(struct exec_task *t, const struct channel *c, const uint64_t *a)
{
	uint64_t len = MIN(a[2], TRANSFER_MAX), done = 0;
	int fd = c->fd, r;
	bool out = c->out;

	if (!out && !c->offset && len > WINDOWS_MAX * PAGE_4K && !may_go_on(fd))
		len = (WINDOWS_MAX - 1) * PAGE_4K;
	/* Gets the host's error for a descriptor that is not open in this direction. */
	if (!len && c->offset)
		return 0;
	if (!len) {
		ssize_t n = out ? writev(fd, NULL, 0) : readv(fd, NULL, 0);

		return n < 0 ? -errno : 0;
	}
	r = move_range(t, c, a[1], len, &done);
	return end_transfer(t, r, done, out);
}

static int64_t read_or_write(struct exec_task *t, const uint64_t *a, bool out)
{
	struct channel c;
	int r = channel_of(t, a[0], out, &c);

	return r < 0 ? r : move(t, &c, a);
}

int64_t exec_sys_pread64(struct exec_task *t, const uint64_t *a)
{
	const struct library *l = exec_library(t, a[0]);
	uint64_t offset = a[3];
	struct channel c = {l ? l->fd : host_of(t, a[0]), false, &offset};

	if (c.fd < 0)
		return c.fd;
	return offset > INT64_MAX ? -EINVAL : move(t, &c, a);
}

int64_t exec_sys_read(struct exec_task *t, const uint64_t *a)
{
	return read_or_write(t, a, false);
}

int64_t exec_sys_write(struct exec_task *t, const uint64_t *a)
{
	return read_or_write(t, a, true);
}

/* Copies an entry of the program's iovec array. */
struct guest_iov {
	uint64_t at;
	uint64_t len;
};

/* A small vector is passed to the host in one call, so that a write to a pipe is atomic. */
static int64_t vector(struct exec_task *t, const uint64_t *a, bool out)
{
	uint64_t left = TRANSFER_MAX, done = 0;
	struct windows w = {.nr = 0};
	struct channel c;
	int r = channel_of(t, a[0], out, &c);

	if (r < 0)
		return r;
	if (a[2] > GUEST_IOV_MAX)
		return -EINVAL;
	for (uint64_t i = 0; i < a[2] && left; i++) {
		struct guest_iov v;

		r = space_read(&t->space, a[1] + i * sizeof(v), &v, sizeof(v));
		if (r == 0 && v.len > INT64_MAX)
			r = -EINVAL;
		if (r < 0)
			break;
		v.len = MIN(v.len, left);
		left -= v.len;
		/* What does not fit is left to the program's next call: the result is short. */
		if (w.nr + (int)MIN(v.len / PAGE_4K + 2, UINT64_C(1000)) > WINDOWS_MAX && w.nr)
			break;
		r = add_windows(t, v.at, v.len, out ? SPACE_R : SPACE_W, &w);
		if (r < 0)
			break;
	}
	if (!w.bytes)
		return r;
	r = (int)transfer(t, &c, &w);
	if (r > 0)
		done = (uint64_t)r;
	return end_transfer(t, MIN(r, 0), done, out);
}

int64_t exec_sys_readv(struct exec_task *t, const uint64_t *a)
{
	return vector(t, a, false);
}

int64_t exec_sys_writev(struct exec_task *t, const uint64_t *a)
{
	return vector(t, a, true);
}

/* A library has data throughout. */
static int64_t seek_library(struct exec_file *f, const struct library *l, int64_t by, uint64_t whence)
{
	int64_t size = l->st.st_size, from;

	switch (whence) {
	case SEEK_SET: from = 0; break;
	case SEEK_CUR: from = (int64_t)f->offset; break;
	case SEEK_END: from = size; break;
	case SEEK_DATA:
	case SEEK_HOLE:
		if (by < 0 || by >= size)
			return -ENXIO;
		from = whence == SEEK_HOLE ? size - by : 0;
		break;
	default: return -EINVAL;
	}
	if (by > 0 && from > INT64_MAX - by)
		return -EOVERFLOW;
	if (from + by < 0)
		return -EINVAL;
	f->offset = (uint64_t)(from + by);
	return from + by;
}

int64_t exec_sys_lseek(struct exec_task *t, const uint64_t *a)
{
	const struct library *l = exec_library(t, a[0]);
	int fd = host_of(t, a[0]);
	off_t at;

	if (l)
		return seek_library(&t->file[(uint32_t)a[0]], l, (int64_t)a[1], (uint32_t)a[2]);
	if (fd < 0)
		return fd;
	if (a[2] > SEEK_HOLE)
		return -EINVAL;
	at = lseek(fd, (off_t)a[1], (int)a[2]);
	return at < 0 ? -errno : at;
}

/* --- Descriptors ------------------------------------------------------------------------------------------- */

int64_t exec_sys_close(struct exec_task *t, const uint64_t *a)
{
	if (!is_open(t, a[0]))
		return -EBADF;
	t->file[(uint32_t)a[0]] = (struct exec_file){.host = -1};
	return 0;
}

static int64_t duplicate(struct exec_task *t, uint64_t fd, uint64_t from, bool close_on_exec)
{
	if (!is_open(t, fd))
		return -EBADF;
	if (from >= EXEC_FILES_MAX)
		return -EINVAL;
	for (uint64_t i = from; i < EXEC_FILES_MAX; i++) {
		if (t->file[i].host >= 0)
			continue;
		t->file[i] = t->file[(uint32_t)fd];
		t->file[i].close_on_exec = close_on_exec;
		return (int64_t)i;
	}
	return -EMFILE;
}

int64_t exec_sys_dup(struct exec_task *t, const uint64_t *a)
{
	return duplicate(t, a[0], 0, false);
}

static int64_t replace(struct exec_task *t, uint64_t fd, uint64_t to, bool close_on_exec)
{
	uint32_t n = (uint32_t)to;

	if (!is_open(t, fd) || n >= EXEC_FILES_MAX)
		return -EBADF;
	t->file[n] = t->file[(uint32_t)fd];
	t->file[n].close_on_exec = close_on_exec;
	return n;
}

int64_t exec_sys_dup2(struct exec_task *t, const uint64_t *a)
{
	if ((uint32_t)a[0] == (uint32_t)a[1])
		return is_open(t, a[0]) ? (int64_t)(uint32_t)a[0] : -EBADF;
	return replace(t, a[0], a[1], false);
}

int64_t exec_sys_dup3(struct exec_task *t, const uint64_t *a)
{
	if ((uint32_t)a[2] & ~(uint32_t)O_CLOEXEC || (uint32_t)a[0] == (uint32_t)a[1])
		return -EINVAL;
	return replace(t, a[0], a[1], a[2] & O_CLOEXEC);
}

int64_t exec_sys_fcntl(struct exec_task *t, const uint64_t *a)
{
	int fd = host_of(t, a[0]), r;
	struct exec_file *f;

	if (!is_open(t, a[0]))
		return -EBADF;
	f = &t->file[(uint32_t)a[0]];
	switch ((uint32_t)a[1]) {
	case F_DUPFD: return duplicate(t, a[0], a[2], false);
	case F_DUPFD_CLOEXEC: return duplicate(t, a[0], a[2], true);
	case F_GETFD: return f->close_on_exec ? FD_CLOEXEC : 0;
	case F_SETFD: f->close_on_exec = a[2] & FD_CLOEXEC; return 0;
	case F_GETFL: r = fd < 0 ? O_RDONLY | LARGE_FILE : fcntl(fd, F_GETFL); return r < 0 ? -errno : r;
	/* The streams are shared with the caller and other programs. */
	case F_SETFL: return 0;
	default: return -EINVAL;
	}
}

int64_t exec_sys_ioctl(struct exec_task *t, const uint64_t *a)
{
	int fd = host_of(t, a[0]), n;

	if (!is_open(t, a[0]))
		return -EBADF;
	if (fd < 0 || (uint32_t)a[1] != FIONREAD)
		return -ENOTTY;
	if (ioctl(fd, FIONREAD, &n) < 0)
		return -errno;
	return space_write(&t->space, a[2], &n, sizeof(n));
}

/* --- Files in memory ---------------------------------------------------------------------------------------- */

/* Reads the file's bytes into pages that are mapped already; the rest of the last one is zero. */
static int fill(struct exec_task *t, const struct library *l, uint64_t at, uint64_t len, uint64_t offset)
{
	const struct channel c = {l->fd, false, &offset};

	while (len) {
		struct windows w = {.nr = 0};
		int fault = add_windows(t, at, len, 0, &w);
		ssize_t n;

		if (!w.bytes)
			return fault;
		n = transfer(t, &c, &w);
		if (n <= 0)
			return n < 0 ? (int)n : -EIO;
		at += (uint64_t)n;
		len -= (uint64_t)n;
	}
	return 0;
}

int exec_map_library(
	struct exec_task *t, const struct library *l, uint64_t at, uint64_t len, uint64_t offset, unsigned rights)
{
	uint64_t size = (uint64_t)l->st.st_size, bytes = offset < size ? MIN(len, size - offset) : 0;
	uint64_t whole = align_up(bytes, PAGE_4K);
	int r = 0;

	if (whole)
		r = space_map(&t->space, at, whole, rights, AREA_FILE);
	if (r == 0 && whole < len)
		r = space_map(&t->space, at + whole, len - whole, 0, AREA_CUT);
	return r < 0 ? r : fill(t, l, at, bytes, offset);
}

/* --- What a file is ---------------------------------------------------------------------------------------- */

static int status_of(const struct exec_task *t, uint64_t fd, struct stat *ret)
{
	const struct library *l = exec_library(t, fd);
	int host = host_of(t, fd);

	if (l)
		*ret = l->st;
	else if (host < 0)
		return host;
	else if (file_status(host, ret) < 0)
		return -errno;
	return 0;
}

int64_t exec_sys_fstat(struct exec_task *t, const uint64_t *a)
{
	struct stat st;
	int r = status_of(t, a[0], &st);

	return r < 0 ? r : space_write(&t->space, a[1], &st, sizeof(st));
}

/*
 * The file of a name. @ret: NULL: the name is empty, which is refused unless @empty_allowed. Return: 0, -ENOENT; the
 * address is checked as Linux would.
 */
static int64_t look_up(struct exec_task *t, uint64_t at, bool empty_allowed, const struct library **ret)
{
	char name[PATH_MAX], whole[2 * PATH_MAX];
	ptrdiff_t len = space_string(&t->space, at, name, sizeof(name));

	*ret = NULL;
	if (len < 0)
		return len;
	if (!len)
		return empty_allowed ? 0 : -ENOENT;
	if (*name != '/')
		snprintf(whole, sizeof(whole), "%s%s%s", t->cwd, t->cwd[1] ? "/" : "", name);
	*ret = t->libraries ? libraries_find(t->libraries, *name == '/' ? name : whole) : NULL;
	return *ret ? 0 : -ENOENT;
}

static int64_t named_status(struct exec_task *t, const uint64_t *a)
{
	const struct library *l;
	int64_t r = look_up(t, a[0], false, &l);

	return r < 0 ? r : space_write(&t->space, a[1], &l->st, sizeof(l->st));
}

int64_t exec_sys_stat(struct exec_task *t, const uint64_t *a)
{
	return named_status(t, a);
}

int64_t exec_sys_access(struct exec_task *t, const uint64_t *a)
{
	const struct library *l;
	int64_t r = look_up(t, a[0], false, &l);

	if (r < 0)
		return r;
	if (a[1] & ~(uint64_t)(R_OK | W_OK | X_OK))
		return -EINVAL;
	return a[1] & W_OK || (a[1] & X_OK && !(l->st.st_mode & 0111)) ? -EACCES : 0;
}

int64_t exec_sys_accessat(struct exec_task *t, const uint64_t *a)
{
	return exec_sys_access(t, a + 1);
}

int64_t exec_sys_open(struct exec_task *t, const uint64_t *a)
{
	const struct library *l;
	int64_t r = look_up(t, a[0], false, &l);

	if (r < 0)
		return r == -ENOENT && a[1] & O_CREAT ? -EROFS : r;
	if ((a[1] & (O_CREAT | O_EXCL)) == (O_CREAT | O_EXCL))
		return -EEXIST;
	if (l->fd < 0)
		return -EACCES;
	if (a[1] & O_DIRECTORY)
		return -ENOTDIR;
	if ((a[1] & O_ACCMODE) != O_RDONLY || a[1] & O_TRUNC)
		return -EACCES;
	for (int i = 0; i < EXEC_FILES_MAX; i++) {
		if (t->file[i].host >= 0)
			continue;
		t->file[i] = (struct exec_file){
			.host = EXEC_STREAMS + (int)(l - t->libraries->of), .close_on_exec = a[1] & O_CLOEXEC};
		return i;
	}
	return -EMFILE;
}

int64_t exec_sys_openat(struct exec_task *t, const uint64_t *a)
{
	return exec_sys_open(t, a + 1);
}

int64_t exec_sys_newfstatat(struct exec_task *t, const uint64_t *a)
{
	const struct library *l;
	int64_t r = look_up(t, a[1], a[3] & AT_EMPTY_PATH, &l);

	if (r == 0 && l)
		return space_write(&t->space, a[2], &l->st, sizeof(l->st));
	return r < 0 ? r : exec_sys_fstat(t, (const uint64_t[]){a[0], a[2]});
}

static struct statx_timestamp stamp(struct timespec ts)
{
	return (struct statx_timestamp){.tv_sec = ts.tv_sec, .tv_nsec = (uint32_t)ts.tv_nsec};
}

int64_t exec_sys_statx(struct exec_task *t, const uint64_t *a)
{
	const struct library *l;
	int64_t r = look_up(t, a[1], a[2] & AT_EMPTY_PATH, &l);
	struct statx x;
	struct stat st;

	if (r == 0 && l)
		st = l->st;
	else if (r == 0)
		r = status_of(t, a[0], &st);
	if (r < 0)
		return r;
	memset(&x, 0, sizeof(x));
	x.stx_mask = STATX_BASIC_STATS;
	x.stx_blksize = (uint32_t)st.st_blksize;
	x.stx_nlink = (uint32_t)st.st_nlink;
	x.stx_uid = st.st_uid;
	x.stx_gid = st.st_gid;
	x.stx_mode = (uint16_t)st.st_mode;
	x.stx_ino = st.st_ino;
	x.stx_size = (uint64_t)st.st_size;
	x.stx_blocks = (uint64_t)st.st_blocks;
	x.stx_atime = stamp(st.st_atim);
	x.stx_mtime = stamp(st.st_mtim);
	x.stx_ctime = stamp(st.st_ctim);
	return space_write(&t->space, a[4], &x, sizeof(x));
}

static int64_t copy_name(struct exec_task *t, const char *name, uint64_t at, uint64_t size)
{
	size_t len = MIN(strlen(name), size);
	int r;

	if (!size || size > INT_MAX)
		return -EINVAL;
	r = space_write(&t->space, at, name, len);
	return r < 0 ? r : (int64_t)len;
}

int64_t exec_sys_readlink(struct exec_task *t, const uint64_t *a)
{
	char name[PATH_MAX];
	ptrdiff_t len = space_string(&t->space, a[0], name, sizeof(name));

	if (len < 0)
		return len;
	return strcmp(name, "/proc/self/exe") ? -ENOENT : copy_name(t, t->path, a[1], a[2]);
}

int64_t exec_sys_readlinkat(struct exec_task *t, const uint64_t *a)
{
	return exec_sys_readlink(t, a + 1);
}

int64_t exec_sys_getcwd(struct exec_task *t, const uint64_t *a)
{
	size_t len = strlen(t->cwd) + 1;
	int r;

	if (a[1] < len)
		return -ERANGE;
	r = space_write(&t->space, a[0], t->cwd, len);
	return r < 0 ? r : (int64_t)len;
}

int64_t exec_sys_chdir(struct exec_task *t, const uint64_t *a)
{
	char name[PATH_MAX];
	ptrdiff_t len = space_string(&t->space, a[0], name, sizeof(name));

	if (len < 0)
		return len;
	return strcmp(name, t->cwd) && strcmp(name, ".") ? -ENOENT : 0;
}

int64_t exec_sys_umask(struct exec_task *t, const uint64_t *a)
{
	uint32_t old = t->mask;

	t->mask = a[0] & 0777;
	return old;
}

/* --- Waiting ----------------------------------------------------------------------------------------------- */

static int64_t wait_for_files(struct exec_task *t, uint64_t at, uint64_t nr, const struct timespec *limit)
{
	static const struct timespec at_once;
	struct pollfd guest[POLL_MAX], host[POLL_MAX];
	int ready = 0, n;

	if (nr > POLL_MAX)
		return -EINVAL;
	n = space_read(&t->space, at, guest, nr * sizeof(*guest));
	if (n < 0)
		return n;
	for (uint64_t i = 0; i < nr; i++) {
		int fd = guest[i].fd < 0 ? -1 : host_of(t, (uint64_t)guest[i].fd);

		host[i] = (struct pollfd){.fd = MAX(fd, -1), .events = guest[i].events};
		guest[i].revents = guest[i].fd < 0 || fd >= 0 ? 0
			: exec_library(t, (uint64_t)guest[i].fd)
			? guest[i].events & (POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM)
			: POLLNVAL;
		ready += guest[i].revents != 0;
	}
	n = exec_poll(t, host, nr, ready ? &at_once : limit);
	if (n < 0)
		return n;
	for (uint64_t i = 0; i < nr; i++)
		guest[i].revents |= host[i].revents;
	n += ready;
	for (uint64_t i = 0; i < nr; i++) {
		int r = space_write(&t->space, at + i * sizeof(*guest) + offsetof(struct pollfd, revents),
			&guest[i].revents, sizeof(guest[i].revents));

		if (r < 0)
			return r;
	}
	return n;
}

int64_t exec_sys_poll(struct exec_task *t, const uint64_t *a)
{
	int ms = (int)a[2];
	struct timespec limit = {ms / 1000, ms % 1000 * 1000000L};

	return wait_for_files(t, a[0], a[1], ms < 0 ? NULL : &limit);
}

int64_t exec_sys_ppoll(struct exec_task *t, const uint64_t *a)
{
	struct timespec limit;
	int r = a[2] ? exec_read_time(t, a[2], &limit) : 0;

	return r < 0 ? r : wait_for_files(t, a[0], a[1], a[2] ? &limit : NULL);
}
