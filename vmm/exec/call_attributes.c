// SPDX-License-Identifier: Apache-2.0
/*
 * System calls about what a file has besides names, times and bytes: extended attributes, space on the disk, and that
 * it gets there. Of the host's attributes those of users can be read; files in memory have none.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "vmm/exec/names.h"

#define ATTRIBUTE_NAME_MAX 256 /* XATTR_NAME_MAX of Linux, and a NUL */
#define OF_USERS           "user."
#define FALLOCATE_FLAGS    (FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE)

/* --- Which file --------------------------------------------------------------------------------------------- */

/**
 * struct subject - the file that is asked for
 * @fd: of the host, open for reading; -1: it is in memory; @owned: to be closed
 * @bare: neither a regular file nor a directory: has none
 */
struct subject {
	int fd;
	bool owned;
	bool bare;
};

static void subject_end(const struct subject *s)
{
	if (s->owned)
		close(s->fd);
}

static int by_name(struct exec_task *t, uint64_t at, unsigned flags, struct subject *ret)
{
	struct stat st;
	struct spot s;
	int r = exec_walk(t, (uint64_t)AT_FDCWD, at, flags, &s);

	*ret = (struct subject){.fd = -1};
	if (r < 0)
		return r;
	ret->bare = !S_ISREG(s.st.st_mode) && !S_ISDIR(s.st.st_mode);
	if (s.fd >= 0 && !ret->bare) {
		r = exec_spot_reopen(&s, O_RDONLY);
		ret->fd = r < 0 ? -1 : r;
		ret->owned = r >= 0;
		/* The name may be another object's by now. */
		if (r >= 0 && (walk_status(r, &st) < 0 || st.st_ino != s.st.st_ino || st.st_dev != s.st.st_dev)) {
			subject_end(ret);
			r = -ENOENT;
		}
	} else {
		ret->bare = ret->bare && s.fd >= 0;
	}
	spot_end(&s);
	return MIN(r, 0);
}

static int by_descriptor(struct exec_task *t, uint64_t fd, struct subject *ret)
{
	const struct exec_open *o = exec_files_get(t->files, fd);

	if (!o || o->flags & O_PATH)
		return -EBADF;
	*ret = (struct subject){.fd = o->kind == EXEC_HOST ? o->host : -1};
	return 0;
}

/* --- Attributes --------------------------------------------------------------------------------------------- */

static int64_t get(struct exec_task *t, const struct subject *s, uint64_t name_at, uint64_t to, uint64_t size)
{
	char name[ATTRIBUTE_NAME_MAX];
	ptrdiff_t len = space_string(&t->space, name_at, name, sizeof(name));
	ssize_t n;

	if (len <= 0)
		return len == -EFAULT ? -EFAULT : -ERANGE;
	if (s->fd < 0 && !s->bare)
		return -EOPNOTSUPP;
	if (s->bare || strncmp(name, OF_USERS, strlen(OF_USERS)) != 0)
		return -ENODATA;
	n = fgetxattr(s->fd, name, size ? t->files->scratch : NULL, MIN(size, (uint64_t)EXEC_SCRATCH));
	if (n < 0)
		return -errno;
	return size && space_write(&t->space, to, t->files->scratch, (size_t)n) < 0 ? -EFAULT : n;
}

/* Leaves those of users in the scratch buffer, which has @n bytes of names. Return: how many bytes they have */
static size_t keep_those_of_users(char *names, size_t n)
{
	size_t kept = 0;

	for (size_t at = 0, len; at < n; at += len) {
		len = strnlen(names + at, n - at - 1) + 1;
		if (strncmp(names + at, OF_USERS, MIN(strlen(OF_USERS), n - at)) != 0)
			continue;
		memmove(names + kept, names + at, len);
		kept += len;
	}
	return kept;
}

static int64_t list(struct exec_task *t, const struct subject *s, uint64_t to, uint64_t size)
{
	char *names = (char *)t->files->scratch;
	ssize_t n = s->fd < 0 ? 0 : flistxattr(s->fd, names, EXEC_SCRATCH);
	size_t kept;

	if (n < 0)
		return -errno;
	kept = keep_those_of_users(names, (size_t)n);
	if (!size)
		return (int64_t)kept;
	if (kept > size)
		return -ERANGE;
	return space_write(&t->space, to, names, kept) < 0 ? -EFAULT : (int64_t)kept;
}

static int64_t get_named(struct exec_task *t, const uint64_t *a, unsigned flags)
{
	struct subject s;
	int64_t r = by_name(t, a[0], flags, &s);

	if (r < 0)
		return r;
	r = get(t, &s, a[1], a[2], a[3]);
	subject_end(&s);
	return r;
}

int64_t exec_sys_getxattr(struct exec_task *t, const uint64_t *a)
{
	return get_named(t, a, WALK_FOLLOW);
}

int64_t exec_sys_lgetxattr(struct exec_task *t, const uint64_t *a)
{
	return get_named(t, a, 0);
}

int64_t exec_sys_fgetxattr(struct exec_task *t, const uint64_t *a)
{
	struct subject s;
	int r = by_descriptor(t, a[0], &s);

	return r < 0 ? r : get(t, &s, a[1], a[2], a[3]);
}

static int64_t list_named(struct exec_task *t, const uint64_t *a, unsigned flags)
{
	struct subject s;
	int64_t r = by_name(t, a[0], flags, &s);

	if (r < 0)
		return r;
	r = list(t, &s, a[1], a[2]);
	subject_end(&s);
	return r;
}

int64_t exec_sys_listxattr(struct exec_task *t, const uint64_t *a)
{
	return list_named(t, a, WALK_FOLLOW);
}

int64_t exec_sys_llistxattr(struct exec_task *t, const uint64_t *a)
{
	return list_named(t, a, 0);
}

int64_t exec_sys_flistxattr(struct exec_task *t, const uint64_t *a)
{
	struct subject s;
	int r = by_descriptor(t, a[0], &s);

	return r < 0 ? r : list(t, &s, a[1], a[2]);
}

/* --- Space -------------------------------------------------------------------------------------------------- */

int64_t exec_sys_fallocate(struct exec_task *t, const uint64_t *a)
{
	const struct exec_open *o = exec_files_get(t->files, a[0]);
	int64_t at = (int64_t)a[2], len = (int64_t)a[3];

	if (!o || o->flags & O_PATH)
		return -EBADF;
	if (at < 0 || len <= 0)
		return -EINVAL;
	if ((uint32_t)a[1] & ~(uint32_t)FALLOCATE_FLAGS)
		return -EOPNOTSUPP;
	if ((o->flags & O_ACCMODE) == O_RDONLY)
		return -EBADF;
	if (o->kind > EXEC_NODE)
		return o->kind == EXEC_PIPE ? -ESPIPE : -ENODEV;
	if (len > INT64_MAX - at)
		return -EFBIG;
	if (o->kind != EXEC_HOST)
		return -EOPNOTSUPP;
	return fallocate(o->host, (int)a[1], at, len) < 0 ? -errno : 0;
}

int64_t exec_sys_syncfs(struct exec_task *t, const uint64_t *a)
{
	const struct exec_open *o = exec_files_get(t->files, a[0]);

	if (!o || o->flags & O_PATH)
		return -EBADF;
	/* Where nothing can be changed there is nothing of the program's. */
	return o->kind == EXEC_HOST && o->mount->writable && syncfs(o->host) < 0 ? -errno : 0;
}
