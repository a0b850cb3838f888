// SPDX-License-Identifier: Apache-2.0
#include "vmm/host/outfile.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio_ext.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "security/landlock.h"
#include "vmm/base/clock.h"
#include "vmm/base/fdpath.h"
#include "vmm/base/path.h"
#include "vmm/host/nbio.h"

/* musl's <sys/stat.h> has statx() without it. */
#ifndef STATX_ATTR_MOUNT_ROOT
#define STATX_ATTR_MOUNT_ROOT 0x2000
#endif

#define END_NS    (10 * NSEC_PER_SEC)
#define NAMES_MAX 16 /* number of temporary names tried */

/* --- Names -------------------------------------------------------------------------------------------------------- */

static int temporary_name(struct outfile *f)
{
	uint64_t number;

	if (getrandom(&number, sizeof(number), 0) != sizeof(number))
		return -EIO;
	snprintf(f->temporary, sizeof(f->temporary), ".vmm-%016llx", (unsigned long long)number);
	return 0;
}

/*
 * A file without a name is linked by its path in /proc: any other way takes a capability. linkat() cannot replace a
 * file, so a rename follows: a kill between the two leaves a temporary file.
 */
static int name_unnamed(struct outfile *f, int dir, int file)
{
	char path[FD_PATH_SIZE];
	int r;

	fd_path(file, path);
	if (linkat(AT_FDCWD, path, dir, f->name, AT_SYMLINK_FOLLOW) == 0)
		return 0;
	r = -errno;
	for (int i = 0; r == -EEXIST && i < NAMES_MAX; i++) {
		r = temporary_name(f);
		if (r == 0 && linkat(AT_FDCWD, path, dir, f->temporary, AT_SYMLINK_FOLLOW) < 0)
			r = -errno;
	}
	if (r < 0)
		f->temporary[0] = '\0';
	return r < 0 ? r : 1;
}

static int put_in_place(struct outfile *f, int dir, int file, bool wanted)
{
	int r = 0;

	if (wanted && file >= 0)
		r = name_unnamed(f, dir, file);
	if (!f->temporary[0])
		return r;
	if (r >= 0 && wanted)
		r = renameat(dir, f->temporary, dir, f->name) < 0 ? -errno : 0;
	if (!wanted || r < 0)
		unlinkat(dir, f->temporary, 0);
	f->temporary[0] = '\0';
	return r;
}

/* --- The process that renames ------------------------------------------------------------------------------------ */

/* State of the process */
struct publisher {
	struct outfile *f;
	const struct sandbox_as *as;
};

/*
 * Waits for a byte, executes the request, and reports the result. At the end of the stream vmm has ended, and the file
 * is discarded.
 */
static void publish(void *arg)
{
	const struct publisher *p = arg;
	const bool named = p->f->file < 0;
	const struct sandbox_process sandbox = {
		.as = p->as,
		.role = SANDBOX_REPORT,
		.dir_fd = CHILD_FD,
		.rights = LL_MAKE_REG | LL_REMOVE_FILE | LL_REFER,
		.capabilities = true, /* root may write to directories of others */
	};
	struct err e = {};
	int r = sandbox_process_enter(&sandbox, &e);
	char wanted = false;
	ssize_t n;

	do
		n = read(CHILD_SOCK, &wanted, 1);
	while (n < 0 && errno == EINTR);
	if (r == 0)
		r = put_in_place(p->f, CHILD_FD, named ? -1 : CHILD_FD + 1, n == 1 && wanted);
	n = write(CHILD_SOCK, &r, sizeof(r));
	_exit(n != sizeof(r));
}

static int start_publisher(struct outfile *f, const struct sandbox_as *as)
{
	/* The process keeps the user of the caller, also when vmm changes its user. */
	const struct sandbox_as same_user = {.mode = as->mode};
	struct publisher p = {f, &same_user};

	return child_start("vmm-report", (const int[CHILD_FDS_MAX]){f->dir, f->file}, publish, &p, &f->publisher);
}

/* It replies once, with the result; without a reply it was killed. */
static int ask_publisher(struct outfile *f)
{
	const char word = true;
	int answer = -ECHILD;
	ssize_t n;

	do
		n = write(f->publisher.sock, &word, 1);
	while (n < 0 && errno == EINTR);
	do
		n = n < 0 ? 0 : read(f->publisher.sock, &answer, sizeof(answer));
	while (n < 0 && errno == EINTR);
	child_end(&f->publisher, END_NS);
	return n == sizeof(answer) ? answer : -ECHILD;
}

/* --- Opening ----------------------------------------------------------------------------------------------------- */

static int take(struct outfile *f, int fd, struct err *e)
{
	f->out = fdopen(fd, "w");
	if (f->out)
		return 0;
	close(fd);
	return err_sys(e, -ENOMEM, "%s: %s", f->option, f->path);
}

/* Unchanged: its content and its offset belong to the caller. */
static int open_descriptor(struct outfile *f, int number, struct err *e)
{
	int flags = fcntl(number, F_GETFL), fd;

	if (flags < 0 || (flags & O_ACCMODE) == O_RDONLY || (flags & O_PATH))
		return err_operator(e,
			err_set(e, -EBADF, "%s %s: descriptor %d is not open for writing", f->option, f->path, number));
	fd = fcntl(number, F_DUPFD_CLOEXEC, 3);
	return fd < 0 ? err_sys(e, -errno, "%s: %s", f->option, f->path) : take(f, fd, e);
}

/* O_NONBLOCK, so that opening a FIFO without a reader does not block; writing at the end may wait for the reader. */
static int open_in_place(struct outfile *f, struct err *e)
{
	CLEANUP_FD int fd = path_open(f->path, O_WRONLY | O_CREAT | O_NOCTTY | O_NONBLOCK, f->mode);
	struct stat st;
	int flags;

	if (fd < 0)
		return err_operator(e, err_sys(e, fd, "%s: cannot write %s", f->option, f->path));
	flags = fcntl(fd, F_GETFL);
	if (fstat(fd, &st) < 0 || flags < 0 || fcntl(fd, F_SETFL, flags & ~O_NONBLOCK) < 0)
		return err_sys(e, -errno, "%s: %s", f->option, f->path);
	if (S_ISBLK(st.st_mode))
		return err_operator(e,
			err_set(e, -EINVAL, "%s: %s is a block device, which it would overwrite; name a file",
				f->option, f->path));
	f->truncate = S_ISREG(st.st_mode);
	return take(f, TAKE_FD(fd), e);
}

/* Splits a path into directory and name. */
static int split(const char *path, int *ret_dir, char **ret_name)
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
	CLEANUP_FREE char *dir = strndup(path, (size_t)(name - path));

	*ret_name = strdup(name);
	if (!dir || !*ret_name)
		return -ENOMEM;
	*ret_dir = path_open(*dir ? dir : ".", O_PATH | O_DIRECTORY, 0);
	return MIN(*ret_dir, 0);
}

/* Finds the directory of the file @fd, and its name there: symbolic links in its path are kept. */
static bool locate(struct outfile *f, int fd, const struct stat *st)
{
	char link[32], path[PATH_MAX];
	struct stat found;
	ssize_t n;

	fd_path(fd, link);
	n = readlink(link, path, sizeof(path) - 1);
	if (n < 0)
		return false;
	path[n] = '\0';
	return split(path, &f->dir, &f->name) == 0 && fstatat(f->dir, f->name, &found, AT_SYMLINK_NOFOLLOW) == 0 &&
		found.st_dev == st->st_dev && found.st_ino == st->st_ino;
}

/* A file without a name, so that no kill leaves anything behind. -1: not supported by the file system. */
static int make_unnamed(struct outfile *f)
{
	CLEANUP_FD int fd = openat(f->dir, ".", O_TMPFILE | O_WRONLY | O_CLOEXEC, f->mode);
	char path[FD_PATH_SIZE];

	if (fd < 0)
		return -1;
	fd_path(fd, path);
	f->file = access(path, F_OK) < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 3);
	return f->file < 0 ? -1 : TAKE_FD(fd);
}

static int make_named(struct outfile *f)
{
	int fd = -1;

	for (int i = 0; fd < 0 && i < NAMES_MAX; i++) {
		int r = temporary_name(f);

		if (r < 0)
			return r;
		fd = openat(f->dir, f->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, f->mode);
		if (fd < 0 && errno != EEXIST)
			return -errno;
	}
	return fd < 0 ? -EEXIST : fd;
}

/* A new file in the directory, with the mode and the owner of the file that it will replace. */
static int make_temporary(struct outfile *f, const struct stat *old)
{
	int fd = make_unnamed(f);

	if (fd < 0)
		fd = make_named(f);
	if (fd >= 0 && old) {
		/* Only root can change the owner; for others it stays theirs. */
		if (fchown(fd, old->st_uid, old->st_gid) < 0 && fchown(fd, (uid_t)-1, old->st_gid) < 0)
			errno = 0;
		fchmod(fd, old->st_mode & 0777);
	}
	return fd;
}

/* Whether the file can be replaced by a rename: it is not a mount point, and we have the permission. */
static bool replaceable(const struct outfile *f, int fd, const struct stat *old)
{
	struct statx stx;
	struct stat dir;
	char path[FD_PATH_SIZE];

	fd_path(fd, path);
	if (!S_ISREG(old->st_mode) || access(path, W_OK) < 0 || fstat(f->dir, &dir) < 0)
		return false;
	if ((dir.st_mode & S_ISVTX) && old->st_uid != geteuid())
		return false;
	return statx(fd, "", AT_EMPTY_PATH, STATX_TYPE, &stx) < 0 || !(stx.stx_attributes & STATX_ATTR_MOUNT_ROOT);
}

static void let_go(struct outfile *f)
{
	if (f->dir >= 0) {
		put_in_place(f, f->dir, f->file, false);
		close(TAKE_FD(f->dir));
	}
	if (f->file >= 0)
		close(TAKE_FD(f->file));
	free(TAKE_PTR(f->name));
}

/* Return: 1 when it cannot be replaced, but perhaps written in place. */
static int open_beside(struct outfile *f, const struct sandbox_as *as, struct err *e)
{
	CLEANUP_FD int old = path_open(f->path, O_PATH, 0);
	struct stat st;
	int fd, r;

	if (old >= 0) {
		if (fstat(old, &st) < 0 || !locate(f, old, &st) || !replaceable(f, old, &st))
			return 1;
	} else if (old != -ENOENT || readlink(f->path, f->temporary, 1) >= 0 || split(f->path, &f->dir, &f->name) < 0) {
		/* A dangling link: its target is created in place. */
		return 1;
	}
	fd = make_temporary(f, old >= 0 ? &st : NULL);
	if (fd < 0)
		return 1;
	r = take(f, fd, e);
	if (r == 0 && as && start_publisher(f, as) < 0)
		r = 1; /* no more processes allowed */
	if (r && f->out)
		fclose(TAKE_PTR(f->out));
	return r;
}

int outfile_open(const char *option, const char *path, const struct sandbox_as *as, struct outfile *ret, struct err *e)
{
	struct outfile f = OUTFILE_CLOSED;
	int number = fd_of_path(path), r;

	nbio_ignore_signals();
	f.option = option;
	f.path = path;
	f.mode = as ? 0600 : 0666;
	r = number >= 0 ? open_descriptor(&f, number, e) : open_beside(&f, as, e);
	if (r > 0) {
		let_go(&f);
		r = open_in_place(&f, e);
	}
	if (r == 0)
		*ret = f;
	else
		outfile_close(&f);
	return r;
}

/* --- The end ------------------------------------------------------------------------------------------------------ */

void outfile_begin(struct outfile *f)
{
	if (f->truncate && ftruncate(fileno(f->out), 0) == 0)
		f->truncate = false;
}

/* Discards the new file before it was renamed, and leaves nothing behind. */
static int failed(const struct outfile *f, int r, struct err *e)
{
	if (r == -ECHILD && f->temporary[0])
		return err_sys(e, r, "%s: cannot write %s, which stays as it was; the new one is %s beside it",
			f->option, f->path, f->temporary);
	if (f->dir >= 0)
		return err_sys(e, r, "%s: cannot write %s, which stays as it was", f->option, f->path);
	return err_sys(e, r, "%s: cannot write %s, which is not complete now", f->option, f->path);
}

int outfile_commit(struct outfile *f, int r, struct err *e)
{
	/* An earlier write error shows up now. */
	errno = 0;
	if (r == 0 && (fflush(f->out) || ferror(f->out)))
		r = errno ? -errno : -EIO;
	if (r < 0)
		__fpurge(f->out);
	if (fclose(TAKE_PTR(f->out)) && r == 0)
		r = -errno;
	/* After a failure the file is discarded. */
	if (r == 0 && f->publisher.sock >= 0)
		r = ask_publisher(f);
	else if (r == 0 && f->dir >= 0)
		r = put_in_place(f, f->dir, f->file, true);
	return r < 0 ? failed(f, r, e) : 0;
}

void outfile_close(struct outfile *f)
{
	if (f->out) {
		__fpurge(f->out);
		fclose(f->out);
	}
	/* Only the other process may remove the name. */
	if (f->publisher.pid > 0) {
		child_end(&f->publisher, END_NS);
		f->temporary[0] = '\0';
	}
	let_go(f);
	*f = OUTFILE_CLOSED;
}
