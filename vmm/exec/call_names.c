// SPDX-License-Identifier: Apache-2.0
/*
 * System calls that take names, and do not change what they find: open, stat, access, readlink, directories. Each name
 * is resolved by walk(); what is found is then used by its descriptor.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "vmm/exec/names.h"

#define TRIES_MAX   16
#define KEPT_FLAGS  (O_ACCMODE | O_APPEND | O_NONBLOCK | O_DIRECTORY | O_NOFOLLOW | O_PATH | O_SYNC | O_DSYNC)
#define HOST_FLAGS  (O_ACCMODE | O_APPEND | O_SYNC | O_DSYNC)
#define TMPFS_MAGIC 0x01021994
#define RIGHTS_MAX  07777u
#define SET_IDS     06000u
#define LARGE_FILE  0100000u

#define RESOLVE_CACHED_ 0x20

/* --- Names ------------------------------------------------------------------------------------------------- */

int exec_walk(struct exec_task *t, uint64_t dirfd, uint64_t at, unsigned flags, struct spot *ret)
{
	char name[PATH_MAX];
	ptrdiff_t len = space_string(&t->space, at, name, sizeof(name));

	return len < 0 ? (int)len : walk(t, dirfd, name, flags, ret);
}

int exec_spot_reopen(const struct spot *s, uint64_t flags)
{
	return s->dir >= 0 ? walk_open(s->dir, s->name, flags, 0) : walk_open(s->fd, ".", flags, 0);
}

/* Is the name empty, and allowed to be? Then the call is about the descriptor itself. */
static int64_t is_empty(struct exec_task *t, uint64_t at, uint64_t flags)
{
	char first;
	int r = flags & AT_EMPTY_PATH ? space_read(&t->space, at, &first, 1) : 0;

	return r < 0 ? r : flags & AT_EMPTY_PATH && !first;
}

/* --- open -------------------------------------------------------------------------------------------------- */

/** struct opening - what a program asks for; @mode: of a new file, without what its umask takes */
struct opening {
	uint64_t flags;
	uint64_t mode;
	bool write;
};

/* Takes what @from owns, also on failure. */
static int64_t install(struct exec_task *t, const struct exec_open *from, const char *name, uint64_t flags)
{
	struct exec_open *o = exec_files_new_open(t->files, from, name);
	int64_t fd = o ? exec_files_install(t->files, o, 0, flags & O_CLOEXEC) : -EMFILE;

	if (o && fd < 0)
		exec_files_unref(t->files, o);
	else if (!o && from->kind == EXEC_HOST)
		close(from->host);
	else if (!o)
		tree_release(&t->files->tree, from->node);
	return fd;
}

static int64_t install_host(struct exec_task *t, const struct spot *s, int fd, uint64_t flags)
{
	const struct exec_open o = {
		.kind = EXEC_HOST, .host = fd, .flags = (uint32_t)(flags & KEPT_FLAGS), .mount = s->mount};

	return install(t, &o, s->path, flags);
}

static int64_t install_node(struct exec_task *t, const struct spot *s, uint32_t node, uint64_t flags)
{
	const struct exec_open o = {.kind = EXEC_NODE,
		.host = -1,
		.node = node,
		.flags = (uint32_t)(flags & KEPT_FLAGS),
		.mount = s->mount};

	tree_hold(&t->files->tree, node);
	return install(t, &o, s->path, flags);
}

static int64_t create(struct exec_task *t, const struct spot *s, const struct opening *o)
{
	uint64_t mode = o->mode & ~(uint64_t)t->files->mask & RIGHTS_MAX & ~SET_IDS;
	uint32_t node;
	int r;

	if (s->slash)
		return -EISDIR;
	if (!s->mount->writable)
		return -EROFS;
	if (s->dir >= 0) {
		r = walk_open(s->dir, s->name, (o->flags & HOST_FLAGS) | O_CREAT | O_EXCL, mode);
		return r < 0 ? r : install_host(t, s, r, o->flags);
	}
	r = tree_add(&t->files->tree, s->parent, s->name, strlen(s->name), TREE_FILE, (unsigned)mode, &node);
	return r < 0 ? r : install_node(t, s, node, o->flags);
}

/* What is there: may it be opened like this? */
static int check_open(const struct spot *s, const struct opening *o)
{
	mode_t type = s->st.st_mode & S_IFMT;

	if (o->flags & O_CREAT && o->flags & O_EXCL)
		return -EEXIST;
	if (o->flags & O_PATH)
		return o->flags & O_DIRECTORY && type != S_IFDIR ? -ENOTDIR : 0;
	if (type == S_IFLNK)
		return o->flags & O_DIRECTORY ? -ENOTDIR : -ELOOP;
	if (type == S_IFDIR && (o->write || o->flags & O_CREAT))
		return -EISDIR;
	if (o->flags & O_DIRECTORY && type != S_IFDIR)
		return -ENOTDIR;
	if (type == S_IFCHR && s->mount->root < 0)
		return 0;
	/* FIFOs, sockets and devices of the host are not the program's. */
	if (type != S_IFREG && type != S_IFDIR)
		return type == S_IFSOCK ? -ENXIO : -EACCES;
	return o->write && !s->mount->writable ? -EROFS : 0;
}

/* The name may have become that of another object: -EAGAIN. O_TRUNC waits until it is known not to be. */
static int64_t open_host(struct exec_task *t, const struct spot *s, const struct opening *o)
{
	uint64_t flags = o->flags & O_PATH ? O_PATH : o->flags & HOST_FLAGS;
	int fd = exec_spot_reopen(s, flags | (S_ISDIR(s->st.st_mode) ? O_DIRECTORY : 0)), r;
	struct stat st;

	if (fd < 0)
		return fd == -ENOENT || fd == -ELOOP || fd == -ENXIO ? -EAGAIN : fd;
	r = walk_status(fd, &st);
	if (r == 0 && (st.st_ino != s->st.st_ino || st.st_dev != s->st.st_dev || (st.st_mode ^ s->st.st_mode) & S_IFMT))
		r = -EAGAIN;
	if (r == 0 && o->flags & O_TRUNC && !(o->flags & O_PATH) && ftruncate(fd, 0) < 0)
		r = -errno;
	if (r == 0)
		return install_host(t, s, fd, o->flags);
	close(fd);
	return r;
}

static int64_t open_node(struct exec_task *t, const struct spot *s, const struct opening *o)
{
	const struct tree_node *n = &t->files->tree.node[s->node];
	unsigned want = (o->flags & O_ACCMODE) == O_RDONLY ? R_OK
		: (o->flags & O_ACCMODE) == O_WRONLY       ? W_OK
							   : R_OK | W_OK;

	if (o->flags & O_PATH)
		return install_node(t, s, s->node, o->flags);
	if (n->kind == TREE_DEVICE && n->what == EXEC_DEV_TTY)
		return -ENXIO;
	if (n->writable && (n->rights >> 6 & want) != want)
		return -EACCES;
	if (o->flags & O_TRUNC && n->kind == TREE_FILE) {
		int r = tree_truncate(&t->files->tree, s->node, 0);

		if (r < 0)
			return r;
	}
	return install_node(t, s, s->node, o->flags);
}

/* /proc/self/fd/N: the same open file again */
static int64_t open_again(struct exec_task *t, struct exec_open *o, uint64_t flags)
{
	int64_t fd = exec_files_install(t->files, o, 0, flags & O_CLOEXEC);

	o->refs += fd >= 0;
	return fd;
}

static int64_t open_spot(struct exec_task *t, const struct spot *s, const struct opening *o)
{
	int r;

	if (s->open && s->dot)
		return open_again(t, s->open, o->flags);
	if (!s->there)
		return create(t, s, o);
	r = check_open(s, o);
	if (r < 0)
		return r;
	return s->fd >= 0 ? open_host(t, s, o) : open_node(t, s, o);
}

/* @limits: WALK_ flags of openat2() */
static int64_t open_at(struct exec_task *t, uint64_t dirfd, uint64_t at, uint64_t flags, uint64_t mode, unsigned limits)
{
	struct opening o = {flags, mode, (flags & O_ACCMODE) != O_RDONLY || flags & O_TRUNC};
	unsigned how = flags & O_NOFOLLOW || (flags & O_CREAT && flags & O_EXCL) ? 0 : WALK_FOLLOW;
	struct spot s;
	int64_t r = -EAGAIN;

	if ((flags & (O_TMPFILE & ~O_DIRECTORY)) || (flags & O_CREAT && flags & O_DIRECTORY))
		return flags & O_CREAT ? -EINVAL : -EOPNOTSUPP;
	if (flags & O_PATH)
		o.flags &= O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	o.write = o.write && !(flags & O_PATH);
	for (int i = 0; i < TRIES_MAX && (r == -EAGAIN || (r == -EEXIST && !(flags & O_EXCL))); i++) {
		r = exec_walk(t, dirfd, at, limits | how | (o.flags & O_CREAT ? WALK_NEW : 0), &s);
		if (r < 0)
			return r;
		r = open_spot(t, &s, &o);
		spot_end(&s);
	}
	return r == -EAGAIN ? -ENOENT : r;
}

int64_t exec_sys_openat(struct exec_task *t, const uint64_t *a)
{
	return open_at(t, a[0], a[1], (uint32_t)a[2], a[3], 0);
}

int64_t exec_sys_open(struct exec_task *t, const uint64_t *a)
{
	return open_at(t, (uint64_t)AT_FDCWD, a[0], (uint32_t)a[1], a[2], 0);
}

int64_t exec_sys_creat(struct exec_task *t, const uint64_t *a)
{
	return open_at(t, (uint64_t)AT_FDCWD, a[0], O_CREAT | O_WRONLY | O_TRUNC, a[1], 0);
}

/* Linux include/linux/fcntl.h: VALID_OPEN_FLAGS, O_PATH_FLAGS */
#define OPEN_FLAGS                                                                                                     \
	(O_ACCMODE | O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC | O_APPEND | O_NONBLOCK | O_SYNC | O_DSYNC | O_ASYNC |      \
		O_DIRECT | LARGE_FILE | O_DIRECTORY | O_NOFOLLOW | O_NOATIME | O_CLOEXEC | O_PATH | O_TMPFILE)
#define PATH_FLAGS (O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

static int check_how(const struct open_how *how)
{
	if (how->flags & ~(uint64_t)OPEN_FLAGS || how->mode & ~(uint64_t)RIGHTS_MAX || how->resolve & ~UINT64_C(0x3f))
		return -EINVAL;
	if (how->mode && !(how->flags & (O_CREAT | (O_TMPFILE & ~O_DIRECTORY))))
		return -EINVAL;
	if (how->flags & O_PATH && how->flags & ~(uint64_t)PATH_FLAGS)
		return -EINVAL;
	return how->resolve & RESOLVE_BENEATH && how->resolve & RESOLVE_IN_ROOT ? -EINVAL : 0;
}

/* What is behind the struct that we know must be zero. */
static int read_how(struct exec_task *t, uint64_t at, uint64_t size, struct open_how *ret)
{
	uint8_t rest[PAGE_4K];
	int r;

	if (size < sizeof(*ret))
		return -EINVAL;
	if (size > sizeof(rest))
		return -E2BIG;
	r = space_read(&t->space, at, rest, size);
	if (r < 0)
		return r;
	memcpy(ret, rest, sizeof(*ret));
	for (uint64_t i = sizeof(*ret); i < size; i++)
		if (rest[i])
			return -E2BIG;
	return 0;
}

int64_t exec_sys_openat2(struct exec_task *t, const uint64_t *a)
{
	static const struct {
		uint64_t resolve;
		unsigned limit;
	} limits[] = {{RESOLVE_NO_XDEV, WALK_NO_XDEV}, {RESOLVE_NO_MAGICLINKS, WALK_NO_MAGIC},
		{RESOLVE_NO_SYMLINKS, WALK_NO_LINKS}, {RESOLVE_BENEATH, WALK_BENEATH}, {RESOLVE_IN_ROOT, WALK_IN_ROOT}};
	struct open_how how;
	unsigned flags = 0;
	int r = read_how(t, a[2], a[3], &how);

	if (r == 0)
		r = check_how(&how);
	if (r < 0)
		return r;
	/* Nothing is known to be in a cache: the program opens it without the flag then. */
	if (how.resolve & RESOLVE_CACHED_)
		return -EAGAIN;
	for (size_t i = 0; i < ARRAY_SIZE(limits); i++)
		flags |= how.resolve & limits[i].resolve ? limits[i].limit : 0;
	return open_at(t, a[0], a[1], how.flags, how.mode, flags);
}

/* --- stat -------------------------------------------------------------------------------------------------- */

/* Of a name, or of a descriptor if the name may be empty and is. */
static int status_of(struct exec_task *t, uint64_t dirfd, uint64_t at, uint64_t flags, struct stat *ret)
{
	int64_t r = is_empty(t, at, flags);
	const struct exec_open *o;
	struct spot s;

	if (r < 0)
		return (int)r;
	if (r) {
		o = (int)dirfd == AT_FDCWD ? &t->files->open[t->files->cwd] : exec_files_get(t->files, dirfd);
		return o ? exec_open_status(t, o, ret) : -EBADF;
	}
	r = exec_walk(t, dirfd, at, flags & AT_SYMLINK_NOFOLLOW ? 0 : WALK_FOLLOW, &s);
	if (r < 0)
		return (int)r;
	*ret = s.st;
	spot_end(&s);
	return 0;
}

static int64_t put_status(struct exec_task *t, uint64_t dirfd, uint64_t at, uint64_t to, uint64_t flags)
{
	struct stat st;
	int r = status_of(t, dirfd, at, flags, &st);

	return r < 0 ? r : space_write(&t->space, to, &st, sizeof(st));
}

int64_t exec_sys_stat(struct exec_task *t, const uint64_t *a)
{
	return put_status(t, (uint64_t)AT_FDCWD, a[0], a[1], 0);
}

int64_t exec_sys_lstat(struct exec_task *t, const uint64_t *a)
{
	return put_status(t, (uint64_t)AT_FDCWD, a[0], a[1], AT_SYMLINK_NOFOLLOW);
}

int64_t exec_sys_newfstatat(struct exec_task *t, const uint64_t *a)
{
	if ((uint32_t)a[3] & ~(uint32_t)(AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH))
		return -EINVAL;
	return put_status(t, a[0], a[1], a[2], a[3]);
}

static struct statx_timestamp stamp(struct timespec ts)
{
	return (struct statx_timestamp){.tv_sec = ts.tv_sec, .tv_nsec = (uint32_t)ts.tv_nsec};
}

int64_t exec_sys_statx(struct exec_task *t, const uint64_t *a)
{
	struct statx x;
	struct stat st;
	int r = status_of(t, a[0], a[1], a[2], &st);

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
	x.stx_dev_major = major(st.st_dev);
	x.stx_dev_minor = minor(st.st_dev);
	x.stx_rdev_major = major(st.st_rdev);
	x.stx_rdev_minor = minor(st.st_rdev);
	x.stx_atime = stamp(st.st_atim);
	x.stx_mtime = stamp(st.st_mtim);
	x.stx_ctime = stamp(st.st_ctim);
	return space_write(&t->space, a[4], &x, sizeof(x));
}

/* Does the host allow it? Rights of files in memory are those of their owner. */
static int may_access(const struct spot *s, unsigned mode)
{
	unsigned rights = s->st.st_mode >> 6 & 7;

	if (mode & W_OK && !s->mount->writable && !S_ISCHR(s->st.st_mode))
		return -EROFS;
	if (s->fd >= 0)
		return syscall(SYS_faccessat2, s->fd, "", mode, AT_EMPTY_PATH) < 0 ? -errno : 0;
	if (mode & X_OK && !(s->st.st_mode & 0111))
		return -EACCES;
	return s->st.st_uid == EXEC_ID && (rights & mode) != mode ? -EACCES : 0;
}

static int64_t access_at(struct exec_task *t, uint64_t dirfd, uint64_t at, uint64_t mode, uint64_t flags)
{
	struct spot s;
	int r;

	if (mode & ~(uint64_t)(R_OK | W_OK | X_OK))
		return -EINVAL;
	r = exec_walk(t, dirfd, at, flags & AT_SYMLINK_NOFOLLOW ? 0 : WALK_FOLLOW, &s);
	if (r < 0)
		return r;
	r = mode && !s.open ? may_access(&s, (unsigned)mode) : 0;
	spot_end(&s);
	return r;
}

int64_t exec_sys_access(struct exec_task *t, const uint64_t *a)
{
	return access_at(t, (uint64_t)AT_FDCWD, a[0], (uint32_t)a[1], 0);
}

int64_t exec_sys_faccessat(struct exec_task *t, const uint64_t *a)
{
	return access_at(t, a[0], a[1], (uint32_t)a[2], 0);
}

int64_t exec_sys_faccessat2(struct exec_task *t, const uint64_t *a)
{
	if ((uint32_t)a[3] & ~(uint32_t)(AT_SYMLINK_NOFOLLOW | AT_EACCESS | AT_EMPTY_PATH))
		return -EINVAL;
	return access_at(t, a[0], a[1], (uint32_t)a[2], a[3]);
}

/* --- Links and directories --------------------------------------------------------------------------------- */

static ptrdiff_t link_target(struct exec_task *t, const struct spot *s, char buf[static PATH_MAX])
{
	const struct tree *tree = &t->files->tree;

	if (!S_ISLNK(s->st.st_mode))
		return -EINVAL;
	if (s->open)
		return (ptrdiff_t)exec_fd_link(t, s->open, buf);
	if (s->fd >= 0) {
		ssize_t n = readlinkat(s->fd, "", buf, PATH_MAX);

		return n < 0 ? -errno : n;
	}
	return (ptrdiff_t)(tree->node[s->node].kind == TREE_LINK ? tree_link(tree, s->node, buf)
								 : exec_proc_link(t, &tree->node[s->node], buf));
}

static int64_t readlink_at(struct exec_task *t, uint64_t dirfd, uint64_t at, uint64_t to, uint64_t size)
{
	char target[PATH_MAX];
	struct spot s;
	ptrdiff_t n;
	int r;

	if ((int)size <= 0)
		return -EINVAL;
	n = exec_walk(t, dirfd, at, 0, &s);
	if (n < 0)
		return n;
	n = link_target(t, &s, target);
	spot_end(&s);
	if (n < 0)
		return n;
	n = MIN(n, (int)size);
	r = space_write(&t->space, to, target, (size_t)n);
	return r < 0 ? r : n;
}

int64_t exec_sys_readlink(struct exec_task *t, const uint64_t *a)
{
	return readlink_at(t, (uint64_t)AT_FDCWD, a[0], a[1], a[2]);
}

int64_t exec_sys_readlinkat(struct exec_task *t, const uint64_t *a)
{
	return readlink_at(t, a[0], a[1], a[2], a[3]);
}

int64_t exec_sys_getcwd(struct exec_task *t, const uint64_t *a)
{
	const char *name = exec_files_name(t->files, &t->files->open[t->files->cwd]);
	size_t len;
	int r;

	name = *name ? name : "/";
	len = strlen(name) + 1;
	if (a[1] < len)
		return -ERANGE;
	r = space_write(&t->space, a[0], name, len);
	return r < 0 ? r : (int64_t)len;
}

int64_t exec_sys_chdir(struct exec_task *t, const uint64_t *a)
{
	int64_t fd = open_at(t, (uint64_t)AT_FDCWD, a[0], O_PATH | O_DIRECTORY, 0, 0);
	struct exec_open *o;

	if (fd < 0)
		return fd;
	o = exec_files_get(t->files, (uint64_t)fd);
	o->refs++;
	exec_files_close(t->files, (uint64_t)fd);
	exec_files_chdir(t->files, o);
	return 0;
}

int64_t exec_sys_fchdir(struct exec_task *t, const uint64_t *a)
{
	struct exec_open *o = exec_files_get(t->files, a[0]);
	struct stat st;

	if (!o)
		return -EBADF;
	if (exec_open_status(t, o, &st) < 0 || !S_ISDIR(st.st_mode) || !o->mount)
		return -ENOTDIR;
	o->refs++;
	exec_files_chdir(t->files, o);
	return 0;
}

/* struct linux_dirent64 */
struct dirent_head {
	uint64_t ino;
	int64_t next;
	uint16_t size;
	uint8_t type;
} __attribute__((packed));

#define DIRENT_NAME 19

/* Adds an entry to the scratch buffer. Return: false: it does not fit. */
static bool put_entry(
	struct exec_task *t, size_t *used, size_t size, const char *name, uint64_t ino, unsigned type, uint64_t next)
{
	size_t len = strlen(name), whole = align_up(DIRENT_NAME + len + 1, 8);
	struct dirent_head head = {ino, (int64_t)next, (uint16_t)whole, (uint8_t)type};
	uint8_t *to = t->files->scratch + *used;

	if (*used + whole > size)
		return false;
	memset(to, 0, whole);
	memcpy(to, &head, DIRENT_NAME);
	memcpy(to + DIRENT_NAME, name, len);
	*used += whole;
	return true;
}

/* The entries of /proc/self/fd are the open descriptors. */
static uint64_t next_fd(const struct exec_task *t, uint64_t from)
{
	while (from < EXEC_FILES_MAX && !t->files->fd[from].open)
		from++;
	return from;
}

static size_t list_fds(struct exec_task *t, struct exec_open *o, size_t size)
{
	size_t used = 0;
	char name[16];

	for (uint64_t fd; (fd = next_fd(t, o->offset - 2)) < EXEC_FILES_MAX; o->offset = fd + 3) {
		snprintf(name, sizeof(name), "%u", (unsigned)fd);
		if (!put_entry(t, &used, size, name, fd + 1, S_IFLNK >> 12, fd + 3))
			break;
	}
	return used;
}

/* Of a directory in memory. Positions 0 and 1 are "." and "..". Return: bytes in the scratch buffer */
static size_t list_node(struct exec_task *t, struct exec_open *o, size_t size)
{
	const struct tree *tree = &t->files->tree;
	const struct tree_node *dir = &tree->node[o->node];
	size_t used = 0;
	uint32_t at;

	for (; o->offset < 2; o->offset++)
		if (!put_entry(t, &used, size, o->offset ? ".." : ".", o->offset ? dir->parent : o->node, S_IFDIR >> 12,
			    o->offset + 1))
			return used;
	if (dir->what == EXEC_PROC_FDS)
		return used ? used : list_fds(t, o, size);
	while ((at = tree_entry(tree, o->node, o->offset))) {
		const struct tree_node *n = &tree->node[at];
		struct stat st;

		exec_node_stat(t, at, &st);
		if (!put_entry(t, &used, size, n->name, st.st_ino, st.st_mode >> 12, n->cookie + 1))
			break;
		o->offset = n->cookie + 1;
	}
	return used;
}

int64_t exec_sys_getdents64(struct exec_task *t, const uint64_t *a)
{
	struct exec_open *o = exec_files_get(t->files, a[0]);
	size_t size = MIN((uint32_t)a[2], EXEC_SCRATCH);
	int64_t n;
	int r;

	if (!o || o->flags & O_PATH)
		return -EBADF;
	if (o->kind == EXEC_NODE) {
		if (t->files->tree.node[o->node].kind != TREE_DIR)
			return -ENOTDIR;
		n = (int64_t)list_node(t, o, size);
		/* Is there one that does not fit? */
		if (!n && o->offset < 2)
			n = -EINVAL;
	} else {
		n = o->kind != EXEC_HOST ? -ENOTDIR : syscall(SYS_getdents64, o->host, t->files->scratch, size);
		n = n == -1 ? -errno : n;
	}
	r = n > 0 ? space_write(&t->space, a[1], t->files->scratch, (size_t)n) : 0;
	return r < 0 ? r : n;
}

/* --- File systems ------------------------------------------------------------------------------------------- */

static int64_t put_statfs(struct exec_task *t, int host, uint64_t to)
{
	const struct tree *tree = &t->files->tree;
	struct statfs fs = {
		.f_type = TMPFS_MAGIC,
		.f_bsize = PAGE_4K,
		.f_frsize = PAGE_4K,
		.f_blocks = tree->pages,
		.f_bfree = tree->pages - tree->counts.used,
		.f_bavail = tree->pages - tree->counts.used,
		.f_files = tree->nodes,
		.f_ffree = tree->nodes - tree->counts.live,
		.f_namelen = TREE_NAME_MAX,
	};

	if (host >= 0 && fstatfs(host, &fs) < 0)
		return -errno;
	return space_write(&t->space, to, &fs, sizeof(fs));
}

int64_t exec_sys_statfs(struct exec_task *t, const uint64_t *a)
{
	struct spot s;
	int64_t r = exec_walk(t, (uint64_t)AT_FDCWD, a[0], WALK_FOLLOW, &s);

	if (r < 0)
		return r;
	r = put_statfs(t, s.fd, a[1]);
	spot_end(&s);
	return r;
}

int64_t exec_sys_fstatfs(struct exec_task *t, const uint64_t *a)
{
	const struct exec_open *o = exec_files_get(t->files, a[0]);

	if (!o)
		return -EBADF;
	/* That of a stream is not the program's business. */
	return o->kind == EXEC_STREAM || o->kind > EXEC_NODE ? -ENOSYS
							     : put_statfs(t, o->kind == EXEC_HOST ? o->host : -1, a[1]);
}
