// SPDX-License-Identifier: Apache-2.0
#include "vmm/exec/mounts.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#include "vmm/base/path.h"
#include "vmm/base/util.h"

int mounts_name(const char *path, char *ret)
{
	size_t used = 0;

	if (*path != '/')
		return -EINVAL;
	for (path += strspn(path, "/"); *path; path += strspn(path, "/")) {
		size_t len = strcspn(path, "/");

		if (len == 2 && path[0] == '.' && path[1] == '.')
			return -EINVAL;
		if (used + len + 2 > PATH_MAX || len > NAME_MAX)
			return -ENAMETOOLONG;
		if (len != 1 || *path != '.') {
			ret[used++] = '/';
			memcpy(ret + used, path, len);
			used += len;
		}
		path += len;
	}
	ret[used] = '\0';
	return 0;
}

const struct mount *mounts_at(const struct mounts *m, const char *at, size_t len)
{
	for (unsigned i = 0; i < m->nr; i++)
		if (m->of[i].len == len && !memcmp(m->of[i].at, at, len))
			return &m->of[i];
	return NULL;
}

/* Is the mount at this name, or above it? */
static bool covers(const struct mount *mount, const char *path, size_t len)
{
	return mount->len <= len && !memcmp(mount->at, path, mount->len) &&
		(mount->len == len || path[mount->len] == '/');
}

const struct mount *mounts_of(const struct mounts *m, const char *path, size_t len)
{
	const struct mount *best = NULL;

	for (unsigned i = 0; i < m->nr; i++)
		if (covers(&m->of[i], path, len) && (!best || m->of[i].len > best->len))
			best = &m->of[i];
	return best;
}

/* Takes the descriptors. */
static int add(struct mounts *m, const struct mount *new)
{
	struct mount *to = &m->of[m->nr];

	if (m->nr == MOUNTS_MAX)
		return -E2BIG;
	if (mounts_at(m, new->at, strlen(new->at)))
		return -EEXIST;
	*to = *new;
	to->len = strlen(new->at);
	to->at = strdup(new->at);
	if (!to->at)
		return -ENOMEM;
	for (unsigned i = 0; i < m->nr; i++) {
		m->of[i].has_inner |= covers(&m->of[i], to->at, to->len);
		to->has_inner |= covers(to, m->of[i].at, m->of[i].len);
	}
	m->nr++;
	return 0;
}

int mounts_add_node(struct mounts *m, const char *at, uint32_t node, bool writable)
{
	return add(m,
		&(struct mount){
			.at = (char *)(uintptr_t)at, .root = -1, .file = -1, .node = node, .writable = writable});
}

/* The directory of a file that is open, and its name there, whatever links led to it. */
static int open_parent(struct mount *new, struct err *e)
{
	char link[FD_PATH_SIZE], path[PATH_MAX], *slash;
	ssize_t n;

	fd_path(new->file, link);
	n = readlink(link, path, sizeof(path) - 1);
	if (n <= 0)
		return err_sys(e, n < 0 ? -errno : -ENOENT, "its directory");
	path[n] = '\0';
	slash = strrchr(path, '/');
	if (*path != '/' || !slash[1])
		return err_set(e, -ENOENT, "it has no name");
	new->name = strdup(slash + 1);
	slash[slash == path] = '\0';
	new->root = path_open(path, O_PATH | O_DIRECTORY, 0);
	if (!new->name || new->root < 0)
		return err_sys(e, new->name ? new->root : -ENOMEM, "%s", path);
	return 0;
}

static int open_mount(const char *path, struct mount *new, struct err *e)
{
	int fd = path_open(path, O_PATH, 0), r = 0;
	struct stat st;

	if (fd < 0)
		return err_sys(e, fd, "%.200s", path);
	new->root = fd;
	fd_path(fd, new->rule);
	if (fstat(fd, &st) < 0)
		return err_sys(e, -errno, "%.200s", path);
	if (S_ISREG(st.st_mode)) {
		new->file = fd;
		new->root = -1;
		r = open_parent(new, e);
	} else if (!S_ISDIR(st.st_mode)) {
		r = err_set(e, -EINVAL, "%.200s: neither a directory nor a regular file", path);
	}
	return r;
}

static void close_mount(struct mount *mount)
{
	cleanup_fd(&mount->root);
	cleanup_fd(&mount->file);
	free(mount->name);
	free(mount->at);
}

/* PATH and GUESTPATH: the latter begins behind the last colon that a slash follows. */
static int split(const char *text, char *path, char *at, struct err *e)
{
	const char *colon = NULL;
	size_t len;
	int r;

	for (const char *c = text; (c = strstr(c, ":/")); c++)
		colon = c;
	len = colon ? (size_t)(colon - text) : strlen(text);
	if (!len || len >= PATH_MAX)
		return err_set(e, -EINVAL, "no path");
	memcpy(path, text, len);
	path[len] = '\0';
	if (!colon && *text != '/')
		return err_set(
			e, -EINVAL, "%.200s: a relative path; say where it is in the guest: %.200s:/NAME", text, text);
	r = mounts_name(colon ? colon + 1 : text, at);
	if (r == -EINVAL)
		return err_set(e, r, "%.200s: a name in the guest has no \"..\"", text);
	return r < 0 ? err_sys(e, r, "%.200s", text) : 0;
}

int mounts_add(struct mounts *m, const char *text, bool writable, struct err *e)
{
	struct mount new = {.root = -1, .file = -1, .writable = writable};
	char path[PATH_MAX], at[PATH_MAX];
	int r = split(text, path, at, e);

	if (r < 0)
		return r;
	new.at = at;
	r = open_mount(path, &new, e);
	if (r == 0 && new.file >= 0 && !*at)
		r = err_set(e, -ENOTDIR, "%.200s: a file cannot be the root directory", path);
	if (r == 0) {
		r = add(m, &new);
		if (r < 0)
			err_sys(e, r, "%s in the guest", *at ? at : "/");
	}
	if (r < 0) {
		new.at = NULL;
		close_mount(&new);
	}
	return r;
}

void mounts_close(struct mounts *m)
{
	for (unsigned i = 0; i < m->nr; i++)
		close_mount(&m->of[i]);
	*m = (struct mounts){0};
}
