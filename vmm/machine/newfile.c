// SPDX-License-Identifier: Apache-2.0
#include "vmm/machine/newfile.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "vmm/base/path.h"
#include "vmm/base/wake.h"

#define NAMES_MAX 16 /* how many temporary names are tried */

enum { IDLE, ASKED, WRITTEN };

/* --- The name ---------------------------------------------------------------------------------------------------- */

static const char *name_in(const char *file)
{
	const char *slash = strrchr(file, '/');

	return slash ? slash + 1 : file;
}

/* Return: how long the name is, or would be; @format has been checked. */
static size_t expand(const char *format, const char *reason, unsigned number, char *buf, size_t size)
{
	size_t len = 0;

	for (const char *p = format; *p; p++) {
		size_t at = MIN(len, size), room = size - at;
		char *to = buf + at;

		if (*p != '%')
			len += (size_t)snprintf(to, room, "%c", *p);
		else if (*++p == 's')
			len += (size_t)snprintf(to, room, "%s", reason);
		else if (*p == 'n')
			len += (size_t)snprintf(to, room, "%u", number);
		else
			len += (size_t)snprintf(to, room, "%%");
	}
	return len;
}

bool newfile_is_plain(const char *file)
{
	return !strchr(file, '%');
}

int newfile_check(const struct newfile_kind *kind, const char *file, struct err *e)
{
	const char *name = name_in(file);
	char longest[NAME_MAX + 1];

	for (const char *p = strchr(file, '%'); p; p = strchr(p, '%')) {
		if (p < name)
			return err_set(
				e, -EINVAL, "%s %s: %% may stand in the name of the file only", kind->option, file);
		if (!p[1] || (p[1] != '%' && !strchr(kind->letters, p[1])))
			return err_set(
				e, -EINVAL, "%s %s: %%%.1s means nothing: %s", kind->option, file, p + 1, kind->words);
		p += 2;
	}
	if (!*name || !strcmp(name, ".") || !strcmp(name, ".."))
		return err_set(e, -EINVAL, "%s %s: the name of a file is missing", kind->option, file);
	if (expand(name, kind->longest, NEWFILE_NUMBER_MAX, longest, sizeof(longest)) > NAME_MAX)
		return err_set(
			e, -EINVAL, "%s %s: the name is too long: at most %d bytes", kind->option, file, NAME_MAX);
	return 0;
}

void newfile_name(struct newfile *f, const char *reason)
{
	f->number = MIN(f->number + 1, NEWFILE_NUMBER_MAX);
	expand(f->format, reason, f->number, f->name, sizeof(f->name));
}

void newfile_path(const struct newfile *f, char *buf, size_t size)
{
	snprintf(buf, size, "%.*s%s", (int)(f->format - f->file), f->file, f->name);
}

void newfile_failure(const struct newfile *f, char *buf, size_t size)
{
	char path[PATH_MAX];

	newfile_path(f, path, sizeof(path));
	snprintf(buf, size, "cannot %s the %s %s: %s", f->doing, f->kind->what, path,
		f->error == -ECANCELED ? "it was stopped" : strerror(-f->error));
}

/* --- The thread -------------------------------------------------------------------------------------------------- */

static int failed(struct newfile *f, const char *doing, int error)
{
	f->doing = doing;
	return error;
}

/* Makes @fd the new one. */
static int make_temporary(struct newfile *f, char name[static 48])
{
	int fd = -1, r = 0;

	for (int i = 0; fd < 0 && i < NAMES_MAX; i++) {
		snprintf(name, 48, ".vmm-%s-%016" PRIx64 "-%u", f->kind->what, f->secret, f->temporaries++);
		fd = openat(f->dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
		if (fd < 0 && errno != EEXIST)
			break;
	}
	if (fd < 0)
		return failed(f, "create", -errno);
	if (dup3(fd, f->fd, O_CLOEXEC) < 0)
		r = failed(f, "create", -errno);
	close(fd);
	return r;
}

static int fill(struct newfile *f)
{
	int r = f->ops->write(f, f->fd);

	if (r == 0 && fsync(f->fd) < 0)
		r = -errno;
	return r < 0 ? failed(f, "write", r) : 0;
}

static int write_file(struct newfile *f)
{
	char temporary[48];
	int r;

	if (f->dir < 0)
		return f->temporaries++ ? failed(f, "write a second time to", -EEXIST) : fill(f);
	r = make_temporary(f, temporary);
	if (r < 0)
		return r;
	r = fill(f);
	dup3(f->dir, f->fd, O_CLOEXEC);
	if (r == 0 && renameat(f->dir, temporary, f->dir, f->name) < 0)
		r = failed(f, "create", -errno);
	if (r < 0)
		unlinkat(f->dir, temporary, 0);
	/* A file system that cannot sync a directory does so by itself. */
	else if (fsync(f->dir) < 0 && errno != EINVAL)
		r = failed(f, "store the name of", -errno);
	return r;
}

static void on_asked(struct loop_source *s, uint32_t events)
{
	struct newfile *f = container_of(s, struct newfile, asked);

	if (!wake_take(s->fd) || atomic_load_explicit(&f->state, memory_order_acquire) != ASKED)
		return;
	f->error = write_file(f);
	atomic_store_explicit(&f->state, WRITTEN, memory_order_release);
	wake_send(f->answered.fd);
}

/* --- In the control loop ----------------------------------------------------------------------------------------- */

static void on_answered(struct loop_source *s, uint32_t events)
{
	struct newfile *f = container_of(s, struct newfile, answered);

	if (!wake_take(s->fd) || atomic_load_explicit(&f->state, memory_order_acquire) != WRITTEN)
		return;
	atomic_store_explicit(&f->state, IDLE, memory_order_relaxed);
	f->ops->written(f);
}

bool newfile_is_idle(const struct newfile *f)
{
	return atomic_load_explicit(&f->state, memory_order_acquire) == IDLE;
}

void newfile_ask(struct newfile *f)
{
	atomic_store_explicit(&f->state, ASKED, memory_order_release);
	wake_send(f->asked.fd);
}

/* --- Its life ---------------------------------------------------------------------------------------------------- */

/* A rename may replace only a regular file or a link: no device, no FIFO. */
static int check_old(const struct newfile *f, struct err *e)
{
	struct stat st;

	if (!newfile_is_plain(f->format) || fstatat(f->dir, f->format, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
		S_ISREG(st.st_mode) || S_ISLNK(st.st_mode))
		return 0;
	return err_operator(
		e, err_set(e, -EINVAL, "%s %s: not a regular file, which it would replace", f->kind->option, f->file));
}

/* The caller's file is the new one. */
static int take_given(struct newfile *f, int fd, struct err *e)
{
	int flags = fcntl(fd, F_GETFL);
	struct stat st;

	if (fstat(fd, &st) < 0)
		return err_operator(e, err_sys(e, -errno, "%s %s", f->kind->option, f->file));
	if (!S_ISREG(st.st_mode) || st.st_size)
		return err_operator(
			e, err_set(e, -EINVAL, "%s %s: not an empty regular file", f->kind->option, f->file));
	/* Behind what is there already, whatever the offset. */
	if (flags & O_APPEND || (flags & O_ACCMODE) == O_RDONLY)
		return err_operator(e,
			err_set(e, -EINVAL, "%s %s: open for reading or for appending, not for writing",
				f->kind->option, f->file));
	f->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	return f->fd < 0 ? err_sys(e, -errno, "%s %s", f->kind->option, f->file) : 0;
}

int newfile_open(struct newfile *f, const struct newfile_kind *kind, const struct newfile_ops *ops, const char *file,
	struct err *e)
{
	const char *name = name_in(file);
	int given = fd_of_path(file);

	f->kind = kind;
	f->ops = ops;
	f->file = file;
	f->format = name;
	if (given >= 0)
		return take_given(f, given, e);
	f->dir_path = name == file ? strdup(".") : strndup(file, (size_t)(name - file));
	if (!f->dir_path)
		return err_sys(e, -ENOMEM, "%s", kind->option);
	f->dir = path_open(f->dir_path, O_RDONLY | O_DIRECTORY, 0);
	if (f->dir < 0)
		return err_operator(
			e, err_sys(e, f->dir, "%s %s: cannot open the directory %s", kind->option, file, f->dir_path));
	/* Not by its path, which may name another directory by now. */
	fd_path(f->dir, f->rule);
	f->fd = fcntl(f->dir, F_DUPFD_CLOEXEC, 0);
	if (f->fd < 0)
		return err_sys(e, -errno, "%s %s", kind->option, file);
	if (getrandom(&f->secret, sizeof(f->secret), 0) != sizeof(f->secret))
		return err_sys(e, -EIO, "%s: getrandom", kind->option);
	return check_old(f, e);
}

static int add_wake(struct loop *loop, struct loop_source *s, void (*ready)(struct loop_source *s, uint32_t events))
{
	s->ready = ready;
	s->fd = wake_open();
	return s->fd < 0 ? s->fd : loop_add(loop, s, EPOLLIN);
}

int newfile_init(struct newfile *f, struct loop *loop, struct err *e)
{
	int r;

	/* As the current user, and with the remaining privileges of root. */
	if (f->dir >= 0 && faccessat(f->dir, ".", W_OK | X_OK, 0) < 0)
		return err_operator(e,
			err_sys(e, -errno, "%s %s: the user that vmm runs as may not make files in %s", f->kind->option,
				f->file, f->dir_path));
	r = worker_init(&f->worker, "state", SANDBOX_STATE);
	f->worker.fds.of[SANDBOX_FD_FILES][0] = f->dir;
	f->worker.fds.of[SANDBOX_FD_FILE][0] = f->fd;
	if (r == 0)
		r = add_wake(f->worker.loop, &f->asked, on_asked);
	if (r == 0)
		r = add_wake(loop, &f->answered, on_answered);
	return r < 0 ? err_sys(e, r, "%s", f->kind->option) : 0;
}

int newfile_start(struct newfile *f, struct sandbox *sandbox, struct err *e)
{
	int r = worker_start(&f->worker, sandbox);

	return r < 0 ? err_sys(e, r, "cannot start the thread that writes %ss%s", f->kind->what, err_no_thread(r)) : 0;
}

bool newfile_stop(struct newfile *f, uint64_t deadline_ns)
{
	if (!worker_stop(&f->worker, deadline_ns))
		return false;
	on_answered(&f->answered, EPOLLIN);
	return true;
}

bool newfile_destroy(struct newfile *f)
{
	/* As that of a disk: what it uses stays. */
	if (!worker_stop(&f->worker, 0))
		return false;
	loop_remove(&f->answered);
	loop_remove(&f->asked);
	wake_close(&f->answered.fd);
	wake_close(&f->asked.fd);
	worker_destroy(&f->worker);
	if (f->dir >= 0)
		close(f->dir);
	if (f->fd >= 0)
		close(f->fd);
	free(f->dir_path);
	*f = NEWFILE_CLOSED;
	return true;
}
