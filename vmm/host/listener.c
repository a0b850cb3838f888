// SPDX-License-Identifier: Apache-2.0
#include "vmm/host/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "vmm/base/util.h"

#define BACKLOG 8

/* 0: nothing is there any more; else words in @e. */
static int clear_path(const char *what, const struct sockaddr_un *addr, struct err *e)
{
	CLEANUP_FD int probe = -1;
	struct stat st;

	if (lstat(addr->sun_path, &st) < 0)
		return errno == ENOENT ? 0 : err_sys(e, -errno, "%s %s", what, addr->sun_path);
	if (!S_ISSOCK(st.st_mode))
		return err_set(e, -EEXIST, "%s %s: something that is no socket is there; choose another path", what,
			addr->sun_path);
	probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (probe < 0)
		return err_sys(e, -errno, "%s", what);
	if (!connect(probe, (const struct sockaddr *)addr, sizeof(*addr)) || errno == EAGAIN || errno == EPROTOTYPE)
		return err_set(e, -EADDRINUSE, "%s %s: another program listens there; choose another path", what,
			addr->sun_path);
	if (errno != ECONNREFUSED)
		return errno == ENOENT ? 0 : err_sys(e, -errno, "%s %s", what, addr->sun_path);
	if (unlink(addr->sun_path) < 0 && errno != ENOENT)
		return err_sys(e, -errno, "%s %s: cannot remove the stale one", what, addr->sun_path);
	return 0;
}

/* Remember what we made: by directory and name, and by inode. */
static int remember(struct listener *l, const char *path)
{
	const char *slash = strrchr(path, '/');
	struct stat st;

	l->path = !slash ? strdup(".") : slash == path ? strdup("/") : strndup(path, (size_t)(slash - path));
	l->name = strdup(slash ? slash + 1 : path);
	if (!l->path || !l->name)
		return -ENOMEM;
	l->dir = open(l->path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (l->dir < 0 || fstatat(l->dir, l->name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	l->dev = st.st_dev;
	l->ino = st.st_ino;
	return 0;
}

int listener_check(const char *what, const char *path, struct err *e)
{
	struct sockaddr_un addr;

	if (strlen(path) < sizeof(addr.sun_path))
		return 0;
	return err_set(e, -ENAMETOOLONG, "%s %s: the path is %zu bytes long, a socket's has at most %zu", what, path,
		strlen(path), sizeof(addr.sun_path) - 1);
}

int listener_open(const char *what, const char *path, struct listener *ret, struct err *e)
{
	CLEANUP(listener_close) struct listener l = LISTENER_CLOSED;
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int r = listener_check(what, path, e);

	if (r < 0)
		return r;
	memcpy(addr.sun_path, path, strlen(path));
	r = clear_path(what, &addr, e);
	if (r < 0)
		return r;
	l.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (l.fd < 0)
		return err_sys(e, -errno, "%s", what);
	/* Linux takes the mode of the file from the socket's own. */
	if (fchmod(l.fd, 0600) < 0 || bind(l.fd, (struct sockaddr *)&addr, sizeof(addr)) < 0)
		return err_sys(e, -errno, "%s %s", what, path);
	r = remember(&l, path);
	if (r < 0) {
		unlink(path);
		return err_sys(e, r, "%s %s", what, path);
	}
	if (listen(l.fd, BACKLOG) < 0)
		return err_sys(e, -errno, "%s %s: listen", what, path);
	*ret = l;
	l = LISTENER_CLOSED;
	return 0;
}

void listener_close(struct listener *l)
{
	struct stat st;

	if (l->ino && !fstatat(l->dir, l->name, &st, AT_SYMLINK_NOFOLLOW) && st.st_ino == l->ino && st.st_dev == l->dev)
		unlinkat(l->dir, l->name, 0);
	if (l->dir >= 0)
		close(l->dir);
	if (l->fd >= 0)
		close(l->fd);
	free(l->path);
	free(l->name);
	*l = LISTENER_CLOSED;
}
