// SPDX-License-Identifier: Apache-2.0
/*
 * System calls that take names and change files or directories: below --rw and --tmp alone. A change on the host is
 * made to a single name in an open directory, or by a descriptor.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "vmm/exec/names.h"

#define RIGHTS_MAX 07777u
#define SET_IDS    06000u

#ifndef RENAME_NOREPLACE
#define RENAME_NOREPLACE 1
#endif

/* Where an entry is to be made. Return: as walk(); -EEXIST, -EROFS */
static int walk_to_new(struct exec_task *t, uint64_t dirfd, uint64_t at, struct spot *s)
{
	int r = exec_walk(t, dirfd, at, WALK_NEW, s);

	if (r < 0)
		return r;
	r = s->there ? -EEXIST : s->mount->writable ? 0 : -EROFS;
	if (r < 0)
		spot_end(s);
	return r;
}

static int result(int r)
{
	return r < 0 ? -errno : 0;
}

static int64_t mkdir_at(struct exec_task *t, uint64_t dirfd, uint64_t at, uint64_t mode)
{
	unsigned rights = (unsigned)mode & ~t->files->mask & RIGHTS_MAX & ~SET_IDS;
	uint32_t node;
	struct spot s;
	int r = walk_to_new(t, dirfd, at, &s);

	if (r < 0)
		return r;
	r = s.dir >= 0 ? result(mkdirat(s.dir, s.name, rights))
		       : tree_add(&t->files->tree, s.parent, s.name, strlen(s.name), TREE_DIR, rights, &node);
	spot_end(&s);
	return r;
}

int64_t exec_sys_mkdir(struct exec_task *t, const uint64_t *a)
{
	return mkdir_at(t, (uint64_t)AT_FDCWD, a[0], a[1]);
}

int64_t exec_sys_mkdirat(struct exec_task *t, const uint64_t *a)
{
	return mkdir_at(t, a[0], a[1], a[2]);
}

static int64_t symlink_at(struct exec_task *t, uint64_t target, uint64_t dirfd, uint64_t at)
{
	char text[PATH_MAX];
	struct spot s;
	ptrdiff_t len = space_string(&t->space, target, text, sizeof(text));
	int r;

	if (len <= 0)
		return len < 0 ? len : -ENOENT;
	r = walk_to_new(t, dirfd, at, &s);
	if (r < 0)
		return r;
	if (s.slash)
		r = -ENOENT;
	else
		r = s.dir >= 0 ? result(symlinkat(text, s.dir, s.name))
			       : tree_add_link(&t->files->tree, s.parent, s.name, strlen(s.name), text);
	spot_end(&s);
	return r;
}

int64_t exec_sys_symlink(struct exec_task *t, const uint64_t *a)
{
	return symlink_at(t, a[0], (uint64_t)AT_FDCWD, a[1]);
}

int64_t exec_sys_symlinkat(struct exec_task *t, const uint64_t *a)
{
	return symlink_at(t, a[0], a[1], a[2]);
}

static int64_t unlink_at(struct exec_task *t, uint64_t dirfd, uint64_t at, bool dir)
{
	struct spot s;
	int r = exec_walk(t, dirfd, at, 0, &s);

	if (r < 0)
		return r;
	if (s.dot || s.open)
		r = !dir                        ? (S_ISDIR(s.st.st_mode) ? -EISDIR : -EBUSY)
			: !strcmp(s.name, ".")  ? -EINVAL
			: !strcmp(s.name, "..") ? -ENOTEMPTY
						: -EBUSY;
	else if (!s.mount->writable)
		r = -EROFS;
	else if (s.slash && !dir)
		r = S_ISDIR(s.st.st_mode) ? -EISDIR : -ENOTDIR;
	else
		r = s.dir >= 0 ? result(unlinkat(s.dir, s.name, dir ? AT_REMOVEDIR : 0))
			       : tree_remove(&t->files->tree, s.node, dir);
	spot_end(&s);
	return r;
}

int64_t exec_sys_unlink(struct exec_task *t, const uint64_t *a)
{
	return unlink_at(t, (uint64_t)AT_FDCWD, a[0], false);
}

int64_t exec_sys_rmdir(struct exec_task *t, const uint64_t *a)
{
	return unlink_at(t, (uint64_t)AT_FDCWD, a[0], true);
}

int64_t exec_sys_unlinkat(struct exec_task *t, const uint64_t *a)
{
	if ((uint32_t)a[2] & ~(uint32_t)AT_REMOVEDIR)
		return -EINVAL;
	return unlink_at(t, a[0], a[1], a[2] & AT_REMOVEDIR);
}

/* --- Two names ---------------------------------------------------------------------------------------------- */

/** struct pair - two names, as renameat2() and linkat() have them */
struct pair {
	uint64_t from_dir, from, to_dir, to;
};

static int64_t rename_spots(struct exec_task *t, const struct spot *from, const struct spot *to, uint32_t flags)
{
	if (from->dot || to->dot || from->open || to->open)
		return -EBUSY;
	if (!from->mount->writable || !to->mount->writable)
		return -EROFS;
	if (from->mount != to->mount)
		return -EXDEV;
	if (to->there && flags & RENAME_NOREPLACE)
		return -EEXIST;
	if (to->slash && !S_ISDIR(from->st.st_mode))
		return -ENOTDIR;
	if (from->dir >= 0)
		return result((int)syscall(SYS_renameat2, from->dir, from->name, to->dir, to->name, flags));
	return tree_rename(
		&t->files->tree, from->node, to->parent, to->name, strlen(to->name), to->there ? to->node : 0);
}

static int64_t rename_pair(struct exec_task *t, const struct pair *p, uint64_t flags)
{
	struct spot from, to;
	int64_t r;

	/* Exchange and whiteouts are not there. */
	if ((uint32_t)flags & ~(uint32_t)RENAME_NOREPLACE)
		return -EINVAL;
	r = exec_walk(t, p->from_dir, p->from, 0, &from);
	if (r < 0)
		return r;
	r = exec_walk(t, p->to_dir, p->to, WALK_NEW, &to);
	if (r == 0) {
		r = rename_spots(t, &from, &to, (uint32_t)flags);
		spot_end(&to);
	}
	spot_end(&from);
	return r;
}

int64_t exec_sys_rename(struct exec_task *t, const uint64_t *a)
{
	return rename_pair(t, &(struct pair){(uint64_t)AT_FDCWD, a[0], (uint64_t)AT_FDCWD, a[1]}, 0);
}

int64_t exec_sys_renameat(struct exec_task *t, const uint64_t *a)
{
	return rename_pair(t, &(struct pair){a[0], a[1], a[2], a[3]}, 0);
}

int64_t exec_sys_renameat2(struct exec_task *t, const uint64_t *a)
{
	return rename_pair(t, &(struct pair){a[0], a[1], a[2], a[3]}, a[4]);
}

static int64_t link_pair(struct exec_task *t, const struct pair *p, uint64_t flags)
{
	struct spot from, to;
	int64_t r;

	if ((uint32_t)flags & ~(uint32_t)AT_SYMLINK_FOLLOW)
		return -EINVAL;
	r = exec_walk(t, p->from_dir, p->from, flags & AT_SYMLINK_FOLLOW ? WALK_FOLLOW : 0, &from);
	if (r < 0)
		return r;
	r = walk_to_new(t, p->to_dir, p->to, &to);
	if (r == 0) {
		if (from.mount != to.mount || from.open)
			r = -EXDEV;
		else if (from.dot || S_ISDIR(from.st.st_mode) || from.dir < 0)
			r = -EPERM;
		else
			r = result(linkat(from.dir, from.name, to.dir, to.name, 0));
		spot_end(&to);
	}
	spot_end(&from);
	return r;
}

int64_t exec_sys_link(struct exec_task *t, const uint64_t *a)
{
	return link_pair(t, &(struct pair){(uint64_t)AT_FDCWD, a[0], (uint64_t)AT_FDCWD, a[1]}, 0);
}

int64_t exec_sys_linkat(struct exec_task *t, const uint64_t *a)
{
	return link_pair(t, &(struct pair){a[0], a[1], a[2], a[3]}, a[4]);
}

/* --- Attributes --------------------------------------------------------------------------------------------- */

/**
 * struct change - of an object that a name or a descriptor leads to
 * @node: makes it in memory; @host: by a descriptor
 */
struct change {
	int (*node)(struct exec_task *t, struct tree_node *n, const struct change *c);
	int (*host)(int fd, const struct change *c);
	uint64_t flags; /* to open it with */
	unsigned rights;
	uint64_t size;
	struct timespec times[2];
};

/*
 * By the name again, and only if it is still the same object. A link cannot be opened: its rights mean nothing, and its
 * times stay, since programs that copy a tree take an error for a failure.
 */
static int change_host(const struct spot *s, const struct change *c)
{
	struct stat st;
	int fd, r;

	if (S_ISLNK(s->st.st_mode))
		return 0;
	if (!S_ISREG(s->st.st_mode) && !S_ISDIR(s->st.st_mode))
		return -EPERM;
	fd = exec_spot_reopen(s, c->flags);
	if (fd == -EACCES && c->flags == O_RDONLY)
		fd = exec_spot_reopen(s, O_WRONLY);
	if (fd < 0)
		return fd;
	r = walk_status(fd, &st);
	if (r == 0)
		r = st.st_ino == s->st.st_ino && st.st_dev == s->st.st_dev ? c->host(fd, c) : -ENOENT;
	close(fd);
	return r;
}

static int change_open(struct exec_task *t, const struct exec_open *o, const struct change *c)
{
	if (!o || o->flags & O_PATH)
		return -EBADF;
	if (o->kind == EXEC_STREAM || o->kind > EXEC_NODE)
		return -EPERM;
	if (!o->mount->writable)
		return -EROFS;
	return o->kind == EXEC_HOST ? c->host(o->host, c) : c->node(t, &t->files->tree.node[o->node], c);
}

static int64_t change_name(struct exec_task *t, uint64_t dirfd, uint64_t at, unsigned how, const struct change *c)
{
	struct spot s;
	int r = exec_walk(t, dirfd, at, how, &s);

	if (r < 0)
		return r;
	if (s.open)
		r = s.dot ? change_open(t, s.open, c) : -EPERM;
	else if (!s.mount->writable)
		r = -EROFS;
	else
		r = s.fd >= 0 ? change_host(&s, c) : c->node(t, &t->files->tree.node[s.node], c);
	spot_end(&s);
	return r;
}

static int node_chmod(struct exec_task *t, struct tree_node *n, const struct change *c)
{
	t->files->tree.changed = true;
	n->rights = (uint16_t)c->rights;
	clock_gettime(CLOCK_REALTIME, &n->changed);
	return 0;
}

static int host_chmod(int fd, const struct change *c)
{
	return result(fchmod(fd, c->rights));
}

static int chmod_change(uint64_t mode, struct change *ret)
{
	*ret = (struct change){.node = node_chmod, .host = host_chmod, .rights = (unsigned)mode & RIGHTS_MAX};
	return ret->rights & SET_IDS ? -EPERM : 0;
}

static int64_t chmod_at(struct exec_task *t, uint64_t dirfd, uint64_t at, uint64_t mode)
{
	struct change c;
	int r = chmod_change(mode, &c);

	return r < 0 ? r : change_name(t, dirfd, at, WALK_FOLLOW, &c);
}

int64_t exec_sys_chmod(struct exec_task *t, const uint64_t *a)
{
	return chmod_at(t, (uint64_t)AT_FDCWD, a[0], a[1]);
}

int64_t exec_sys_fchmodat(struct exec_task *t, const uint64_t *a)
{
	return chmod_at(t, a[0], a[1], a[2]);
}

int64_t exec_sys_fchmod(struct exec_task *t, const uint64_t *a)
{
	struct change c;
	int r = chmod_change(a[1], &c);

	return r < 0 ? r : change_open(t, exec_files_get(t->files, a[0]), &c);
}

static int node_truncate(struct exec_task *t, struct tree_node *n, const struct change *c)
{
	if (n->kind != TREE_FILE)
		return n->kind == TREE_DIR ? -EISDIR : -EINVAL;
	return tree_truncate(&t->files->tree, (uint32_t)(n - t->files->tree.node), c->size);
}

static int host_truncate(int fd, const struct change *c)
{
	return result(ftruncate(fd, (off_t)c->size));
}

int64_t exec_sys_truncate(struct exec_task *t, const uint64_t *a)
{
	const struct change c = {.node = node_truncate, .host = host_truncate, .flags = O_WRONLY, .size = a[1]};

	return (int64_t)a[1] < 0 ? -EINVAL : change_name(t, (uint64_t)AT_FDCWD, a[0], WALK_FOLLOW, &c);
}

/* --- Times -------------------------------------------------------------------------------------------------- */

static void set_time(struct timespec *to, const struct timespec *from, const struct timespec *now)
{
	if (from->tv_nsec != UTIME_OMIT)
		*to = from->tv_nsec == UTIME_NOW ? *now : *from;
}

static int node_times(struct exec_task *t, struct tree_node *n, const struct change *c)
{
	t->files->tree.changed = true;
	clock_gettime(CLOCK_REALTIME, &n->changed);
	set_time(&n->accessed, &c->times[0], &n->changed);
	set_time(&n->modified, &c->times[1], &n->changed);
	return 0;
}

/* Without a path: not futimens(), which musl implements with another call. */
static int host_times(int fd, const struct change *c)
{
	return result((int)syscall(SYS_utimensat, fd, NULL, c->times, 0));
}

static bool is_time(const struct timespec *ts)
{
	return ts->tv_nsec == UTIME_NOW || ts->tv_nsec == UTIME_OMIT || (ts->tv_nsec >= 0 && ts->tv_nsec < 1000000000L);
}

static int64_t set_times(struct exec_task *t, uint64_t dirfd, uint64_t at, unsigned how, const struct timespec *times)
{
	struct change c = {.node = node_times, .host = host_times, .times = {{0, UTIME_NOW}, {0, UTIME_NOW}}};

	if (times)
		memcpy(c.times, times, sizeof(c.times));
	if (!is_time(&c.times[0]) || !is_time(&c.times[1]))
		return -EINVAL;
	if (!at)
		return (int)dirfd == AT_FDCWD ? -EFAULT : change_open(t, exec_files_get(t->files, dirfd), &c);
	return change_name(t, dirfd, at, how, &c);
}

int64_t exec_sys_utimensat(struct exec_task *t, const uint64_t *a)
{
	struct timespec times[2];
	int r = a[2] ? space_read(&t->space, a[2], times, sizeof(times)) : 0;

	if (r < 0)
		return r;
	if ((uint32_t)a[3] & ~(uint32_t)AT_SYMLINK_NOFOLLOW)
		return -EINVAL;
	return set_times(t, a[0], a[1], a[3] & AT_SYMLINK_NOFOLLOW ? 0 : WALK_FOLLOW, a[2] ? times : NULL);
}

/* utimes and futimesat: microseconds */
static int64_t set_microseconds(struct exec_task *t, uint64_t dirfd, uint64_t at, uint64_t from)
{
	struct timeval tv[2];
	struct timespec times[2];
	int r = from ? space_read(&t->space, from, tv, sizeof(tv)) : 0;

	if (r < 0)
		return r;
	for (int i = 0; from && i < 2; i++) {
		if (tv[i].tv_usec < 0 || tv[i].tv_usec >= 1000000)
			return -EINVAL;
		times[i] = (struct timespec){tv[i].tv_sec, tv[i].tv_usec * 1000};
	}
	return set_times(t, dirfd, at, WALK_FOLLOW, from ? times : NULL);
}

int64_t exec_sys_utimes(struct exec_task *t, const uint64_t *a)
{
	return a[0] ? set_microseconds(t, (uint64_t)AT_FDCWD, a[0], a[1]) : -EFAULT;
}

int64_t exec_sys_futimesat(struct exec_task *t, const uint64_t *a)
{
	return set_microseconds(t, a[0], a[1], a[2]);
}

/* --- Owners ------------------------------------------------------------------------------------------------- */

/* Nothing is given away: only what it has already, or -1, is granted. */
static int check_owner(const struct stat *st, bool writable, uint64_t uid, uint64_t gid)
{
	if (!writable)
		return -EROFS;
	if ((uint32_t)uid != UINT32_MAX && (uint32_t)uid != st->st_uid)
		return -EPERM;
	return (uint32_t)gid != UINT32_MAX && (uint32_t)gid != st->st_gid ? -EPERM : 0;
}

static int64_t chown_at(struct exec_task *t, uint64_t dirfd, uint64_t at, const uint64_t *ids, unsigned how)
{
	struct spot s;
	int r = exec_walk(t, dirfd, at, how, &s);

	if (r < 0)
		return r;
	r = s.open ? -EPERM : check_owner(&s.st, s.mount->writable, ids[0], ids[1]);
	spot_end(&s);
	return r;
}

int64_t exec_sys_chown(struct exec_task *t, const uint64_t *a)
{
	return chown_at(t, (uint64_t)AT_FDCWD, a[0], a + 1, WALK_FOLLOW);
}

int64_t exec_sys_lchown(struct exec_task *t, const uint64_t *a)
{
	return chown_at(t, (uint64_t)AT_FDCWD, a[0], a + 1, 0);
}

int64_t exec_sys_fchown(struct exec_task *t, const uint64_t *a)
{
	const struct exec_open *o = exec_files_get(t->files, a[0]);
	struct stat st;
	int r;

	if (!o || o->flags & O_PATH)
		return -EBADF;
	r = exec_open_status(t, o, &st);
	return r < 0 ? r : check_owner(&st, o->mount && o->mount->writable, a[1], a[2]);
}

int64_t exec_sys_fchownat(struct exec_task *t, const uint64_t *a)
{
	char first;
	int r = space_read(&t->space, a[1], &first, 1);

	if (r < 0)
		return r;
	if ((uint32_t)a[4] & ~(uint32_t)(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	if (a[4] & AT_EMPTY_PATH && !first)
		return exec_sys_fchown(t, (const uint64_t[]){a[0], a[2], a[3]});
	return chown_at(t, a[0], a[1], a + 2, a[4] & AT_SYMLINK_NOFOLLOW ? 0 : WALK_FOLLOW);
}
