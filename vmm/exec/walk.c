// SPDX-License-Identifier: Apache-2.0
/*
 * Theory of operation. The walker has a place, which is a directory, and the rest of the name. While the place is on
 * the host, the components before the last one are opened at once; openat2() refuses that if one of them is a link
 * (ELOOP), and then they are taken one by one: each is opened itself, by O_PATH and O_NOFOLLOW, and a link is read from
 * that descriptor and put in front of the rest.
 *
 * The path without links that led to the place is known, too: it tells where a mount begins, and where ".." leads. The
 * host never sees "..".
 */
#include "vmm/exec/walk.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/syscall.h>

#include "vmm/exec/task.h"

#define RESOLVE  (RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV)
#define REST_MAX (2 * PATH_MAX)

/* A link of /proc leads anywhere. */
#define WALK_ANY_LIMIT (WALK_NO_XDEV | WALK_NO_MAGIC | WALK_NO_LINKS | WALK_BENEATH | WALK_IN_ROOT)

/**
 * struct walker
 * @mount, @fd, @node: the place; @owned: @fd is to be closed
 * @start: the directory that the name is relative to; @start_len: of its path, see WALK_BENEATH
 * @dots: what was the last component, if it was "." or ".."; otherwise empty
 * @name: what is left of the name, in @text
 */
struct walker {
	struct exec_task *t;
	struct spot *s;
	const struct mount *mount;
	int fd;
	bool owned;
	uint32_t node;
	unsigned links;
	unsigned flags;
	const struct exec_open *start;
	size_t start_len;
	const char *dots;
	const char *name;
	char text[REST_MAX];
};

int walk_open(int dir, const char *name, uint64_t flags, uint64_t mode)
{
	const struct open_how how = {
		.flags = flags | O_NOFOLLOW | O_CLOEXEC | (flags & O_PATH ? 0 : O_NOCTTY | O_NONBLOCK),
		.mode = mode,
		.resolve = RESOLVE,
	};
	long fd;

	do
		fd = syscall(SYS_openat2, dir, name, &how, sizeof(how));
	while (fd < 0 && (errno == EINTR || errno == EAGAIN));
	if (fd < 0)
		return errno == EXDEV ? -EACCES : -errno;
	return (int)fd;
}

/* glibc before 2.39 implements fstat() by newfstatat(), which also takes paths, so that no filter should allow it. */
int walk_status(int fd, struct stat *ret)
{
	return syscall(SYS_fstat, fd, ret) < 0 ? -errno : 0;
}

void spot_end(struct spot *s)
{
	if (s->own_dir)
		close(s->dir);
	if (s->own_fd)
		close(s->fd);
	s->own_dir = s->own_fd = false;
}

/* --- The place ---------------------------------------------------------------------------------------------- */

static void set_place(struct walker *w, const struct mount *mount, int fd, bool owned, uint32_t node)
{
	if (w->owned)
		close(w->fd);
	w->mount = mount;
	w->fd = fd;
	w->owned = owned;
	w->node = node;
}

static void cut(struct spot *s, size_t len)
{
	s->len = len;
	s->path[len] = '\0';
}

/* To a directory that the program has open. */
static int to_open(struct walker *w, const struct exec_open *o)
{
	const char *name = exec_files_name(w->t->files, o);

	if (!o->mount || (o->kind == EXEC_NODE && w->t->files->tree.node[o->node].kind != TREE_DIR))
		return -ENOTDIR;
	if (o->kind == EXEC_HOST) {
		struct stat st;
		int r = walk_status(o->host, &st);

		if (r < 0 || !S_ISDIR(st.st_mode))
			return r < 0 ? r : -ENOTDIR;
	}
	cut(w->s, strlen(strcpy(w->s->path, name)));
	set_place(w, o->mount, o->host, false, o->node);
	return 0;
}

/* An absolute name, or link */
static int to_root(struct walker *w)
{
	const struct mount *root = mounts_at(&w->t->files->mounts, "", 0);

	if (w->flags & WALK_IN_ROOT)
		return to_open(w, w->start);
	if (w->flags & WALK_BENEATH || (w->flags & WALK_NO_XDEV && w->mount && w->mount != root))
		return -EXDEV;
	cut(w->s, 0);
	set_place(w, root, root->root, false, root->node);
	return 0;
}

/* A directory in memory, by its name from the mount on */
static int node_of(const struct tree *t, const struct mount *mount, const char *path, uint32_t *ret)
{
	uint32_t at = mount->node;

	for (path += strspn(path, "/"); *path; path += strspn(path, "/")) {
		size_t len = strcspn(path, "/");

		at = tree_find(t, at, path, len);
		if (!at || t->node[at].kind != TREE_DIR)
			return -ENOENT;
		path += len;
	}
	*ret = at;
	return 0;
}

/* To the directory with the name that is in @s->path. */
static int to_path(struct walker *w)
{
	struct spot *s = w->s;
	const struct mount *mount = mounts_of(&w->t->files->mounts, s->path, s->len);
	const char *rest = s->path + mount->len;
	uint32_t node = mount->node;
	int fd = mount->root, r = 0;

	rest += *rest == '/';
	if (mount->root < 0)
		r = node_of(&w->t->files->tree, mount, rest, &node);
	else if (*rest)
		r = fd = walk_open(mount->root, rest, O_PATH | O_DIRECTORY, 0);
	if (r < 0)
		return r == -ELOOP || r == -ENOTDIR ? -ENOENT : r;
	if (w->flags & WALK_NO_XDEV && mount != w->mount) {
		if (fd >= 0 && fd != mount->root)
			close(fd);
		return -EXDEV;
	}
	set_place(w, mount, fd, fd >= 0 && fd != mount->root, node);
	return 0;
}

static int up(struct walker *w)
{
	struct spot *s = w->s;
	size_t len = s->len;

	if (w->flags & (WALK_BENEATH | WALK_IN_ROOT) && len <= w->start_len)
		return w->flags & WALK_BENEATH ? -EXDEV : 0;
	while (len && s->path[len - 1] != '/')
		len--;
	cut(s, len ? len - 1 : 0);
	return to_path(w);
}

/* --- Links -------------------------------------------------------------------------------------------------- */

/* Puts the target of a link in front of the rest. */
static int put_target(struct walker *w, const char *target, size_t len)
{
	size_t rest = strlen(w->name); /* empty, or with a slash first */

	if (++w->links > WALK_LINKS_MAX || w->flags & WALK_NO_LINKS)
		return -ELOOP;
	if (!len)
		return -ENOENT;
	if (len + rest >= REST_MAX)
		return -ENAMETOOLONG;
	memmove(w->text + len, w->name, rest + 1);
	memcpy(w->text, target, len);
	w->name = w->text;
	return *target == '/' ? to_root(w) : 0;
}

static int follow_host(struct walker *w, int link)
{
	char target[PATH_MAX];
	ssize_t n = readlinkat(link, "", target, sizeof(target) - 1);

	if (n < 0)
		return -errno;
	target[n] = '\0';
	return put_target(w, target, (size_t)n);
}

static int follow_node(struct walker *w, uint32_t node)
{
	const struct tree *tree = &w->t->files->tree;
	char target[PATH_MAX];
	size_t n = tree->node[node].kind == TREE_LINK ? tree_link(tree, node, target)
						      : exec_proc_link(w->t, &tree->node[node], target);

	return put_target(w, target, n);
}

/* --- A step ------------------------------------------------------------------------------------------------- */

/* Takes the next component off the rest. @ret_last: there is none behind it */
static size_t next_component(struct walker *w, const char **ret, bool *ret_last)
{
	size_t len;

	w->name += strspn(w->name, "/");
	*ret = w->name;
	len = strcspn(w->name, "/");
	w->name += len;
	*ret_last = !w->name[strspn(w->name, "/")];
	return len;
}

static bool is_dots(const char *c, size_t len)
{
	return (len == 1 && c[0] == '.') || (len == 2 && c[0] == '.' && c[1] == '.');
}

/* How much of the rest the host may resolve at once: all before the last component, if there is nothing special. */
static size_t leading(const struct walker *w)
{
	const char *c = w->name + strspn(w->name, "/"), *start = c;
	size_t whole = 0;

	while (*c) {
		size_t len = strcspn(c, "/");

		if (is_dots(c, len) || len > NAME_MAX)
			break;
		if (!c[len + strspn(c + len, "/")])
			break;
		whole = (size_t)(c - start) + len;
		/* A doubled slash would be in the path. */
		if (c[len + 1] == '/')
			break;
		c += len + 1;
	}
	return whole;
}

/* Several directories at once. Return: 1: done; 0: not possible; -errno */
static int leap(struct walker *w)
{
	struct spot *s = w->s;
	size_t len = w->fd < 0 || w->mount->has_inner ? 0 : leading(w);
	char chunk[PATH_MAX];
	int fd;

	if (!len || s->len + len + 2 > PATH_MAX)
		return 0;
	w->name += strspn(w->name, "/");
	memcpy(chunk, w->name, len);
	chunk[len] = '\0';
	fd = walk_open(w->fd, chunk, O_PATH | O_DIRECTORY, 0);
	if (fd < 0)
		return fd == -ELOOP || fd == -ENOTDIR ? 0 : fd;
	s->path[s->len] = '/';
	memcpy(s->path + s->len + 1, chunk, len + 1);
	s->len += len + 1;
	set_place(w, w->mount, fd, true, 0);
	w->name += len;
	return 1;
}

/* What is at the end of the name is not there. */
static int absent(struct walker *w, bool last)
{
	return last && w->flags & WALK_NEW ? 0 : -ENOENT;
}

/* A mount begins at the path. */
static int at_mount(struct walker *w, const struct mount *mount, bool last)
{
	struct spot *s = w->s;

	if (w->flags & WALK_NO_XDEV && mount != w->mount)
		return -EXDEV;
	if (mount->file >= 0) {
		if (!last)
			return -ENOTDIR;
		/* The file that has the name now. */
		s->mount = mount;
		s->dir = mount->root;
		s->name = mount->name;
		s->fd = walk_open(mount->root, mount->name, O_PATH, 0);
		s->own_fd = s->there = s->fd >= 0;
		s->dot = true;
		return s->fd < 0 ? s->fd : walk_status(s->fd, &s->st);
	}
	set_place(w, mount, mount->root, false, mount->node);
	return 1;
}

static int step_host(struct walker *w, const char *name, bool last, bool follow)
{
	struct spot *s = w->s;
	int fd = walk_open(w->fd, name, O_PATH, 0), r;
	struct stat st;

	if (fd == -ENOENT)
		r = absent(w, last);
	else
		r = fd < 0 ? fd : walk_status(fd, &st);
	if (r == 0 && fd >= 0 && S_ISLNK(st.st_mode) && follow) {
		cut(s, s->len - strlen(name) - 1);
		r = follow_host(w, fd);
		close(fd);
		return r < 0 ? r : 1;
	}
	if (r == 0 && !last && !S_ISDIR(st.st_mode))
		r = -ENOTDIR;
	if (r < 0) {
		cleanup_fd(&fd);
		return r;
	}
	if (!last) {
		set_place(w, w->mount, fd, true, 0);
		return 1;
	}
	s->fd = fd;
	s->own_fd = s->there = fd >= 0;
	if (s->there)
		s->st = st;
	return 0;
}

/* /proc/self/fd/N */
static int step_fd(struct walker *w, const char *name, bool last, bool follow)
{
	struct exec_files *f = w->t->files;
	uint32_t n = 0;

	for (const char *c = name; *c; c++) {
		if (*c < '0' || *c > '9' || n >= EXEC_FILES_MAX)
			return -ENOENT;
		n = n * 10 + (uint32_t)(*c - '0');
	}
	w->s->open = exec_files_get(f, n);
	if (!w->s->open)
		return -ENOENT;
	if (w->flags & WALK_ANY_LIMIT && (!last || follow))
		return w->flags & (WALK_NO_MAGIC | WALK_NO_LINKS) ? -ELOOP : -EXDEV;
	if (!last)
		return to_open(w, w->s->open) < 0 ? -ENOTDIR : 1;
	w->s->there = true;
	w->s->dot = follow;
	if (follow)
		return exec_open_status(w->t, w->s->open, &w->s->st);
	memset(&w->s->st, 0, sizeof(w->s->st));
	w->s->st.st_mode = S_IFLNK | 0700;
	w->s->st.st_nlink = 1;
	return 0;
}

static int step_node(struct walker *w, const char *name, bool last, bool follow)
{
	struct spot *s = w->s;
	const struct tree *tree = &w->t->files->tree;
	const struct tree_node *dir = &tree->node[w->node], *n;
	uint32_t node;
	int r;

	if (dir->what == EXEC_PROC_FDS)
		return step_fd(w, name, last, follow);
	node = tree_find(tree, w->node, name, strlen(name));
	n = &tree->node[node];
	if (!node)
		return absent(w, last);
	if (follow && (n->kind == TREE_LINK || exec_proc_is_link(n))) {
		if (w->flags & WALK_ANY_LIMIT && exec_proc_is_link(n))
			return w->flags & (WALK_NO_MAGIC | WALK_NO_LINKS) ? -ELOOP : -EXDEV;
		cut(s, s->len - strlen(name) - 1);
		r = follow_node(w, node);
		return r < 0 ? r : 1;
	}
	if (!last) {
		set_place(w, w->mount, -1, false, node);
		return n->kind == TREE_DIR ? 1 : -ENOTDIR;
	}
	s->node = node;
	s->there = true;
	exec_node_stat(w->t, node, &s->st);
	return 0;
}

/* Return: 1: go on; 0: the spot is found, or not there; -errno */
static int step(struct walker *w)
{
	struct spot *s = w->s;
	const struct mount *mount;
	const char *c;
	bool last, follow;
	size_t len = next_component(w, &c, &last);

	if (is_dots(c, len)) {
		int r = len == 2 ? up(w) : 0;

		w->dots = len == 2 ? ".." : ".";
		return r < 0 ? r : 1;
	}
	w->dots = "";
	if (len > NAME_MAX || s->len + len + 2 > PATH_MAX)
		return -ENAMETOOLONG;
	s->path[s->len] = '/';
	memcpy(s->path + s->len + 1, c, len);
	s->name = s->path + s->len + 1;
	cut(s, s->len + len + 1);
	mount = mounts_at(&w->t->files->mounts, s->path, s->len);
	if (mount)
		return at_mount(w, mount, last);
	/* A slash behind the last component wants a directory, also behind a link. */
	follow = !last || w->flags & WALK_FOLLOW || *w->name;
	if (last) {
		s->mount = w->mount;
		s->dir = w->fd;
		s->parent = w->node;
	}
	return w->fd >= 0 ? step_host(w, s->name, last, follow) : step_node(w, s->name, last, follow);
}

/* The name ends with the place itself. */
static int at_place(struct walker *w)
{
	struct spot *s = w->s;

	s->mount = w->mount;
	s->dot = s->there = true;
	s->name = w->dots;
	s->dir = -1;
	s->node = w->node;
	s->fd = w->fd;
	s->own_fd = w->owned;
	w->owned = false;
	if (w->fd >= 0)
		return walk_status(w->fd, &s->st);
	exec_node_stat(w->t, w->node, &s->st);
	return 0;
}

static int start(struct walker *w, uint64_t dirfd)
{
	struct exec_files *f = w->t->files;
	int r;

	if (*w->text == '/' && !(w->flags & WALK_IN_ROOT))
		return to_root(w);
	w->start = (int)dirfd == AT_FDCWD ? &f->open[f->cwd] : exec_files_get(f, dirfd);
	r = w->start ? to_open(w, w->start) : -EBADF;
	w->start_len = w->s->len;
	return r;
}

static int finish(struct walker *w, bool found)
{
	struct spot *s = w->s;
	int r = found ? 0 : at_place(w);

	s->slash = found && *w->name == '/';
	if (r == 0 && s->slash && s->there && !S_ISDIR(s->st.st_mode))
		r = -ENOTDIR;
	if (r == 0 && w->owned && s->dir == w->fd) {
		s->own_dir = true;
		w->owned = false;
	}
	return r;
}

int walk(struct exec_task *t, uint64_t dirfd, const char *name, unsigned flags, struct spot *ret)
{
	struct walker w = {.t = t, .s = ret, .fd = -1, .flags = flags, .dots = ""};
	size_t len = strlen(name);
	int r;

	*ret = (struct spot){.dir = -1, .fd = -1};
	if (!len || len >= PATH_MAX)
		return len ? -ENAMETOOLONG : -ENOENT;
	memcpy(w.text, name, len + 1);
	w.name = w.text;
	r = start(&w, dirfd);
	if (r == 0)
		r = 1;
	while (r > 0 && w.name[strspn(w.name, "/")]) {
		r = leap(&w);
		if (r == 0)
			r = step(&w);
	}
	if (r >= 0)
		r = finish(&w, r == 0);
	if (w.owned)
		close(w.fd);
	if (r < 0)
		spot_end(ret);
	return r;
}
