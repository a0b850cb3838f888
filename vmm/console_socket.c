// SPDX-License-Identifier: Apache-2.0
/*
 * A console behind a listening Unix socket, one client at a time.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "vmm/console_internal.h"

#define RETRY_NS 500000000

static const char busy[] = "vmm: another client has this console\r\n";

/* 0: nothing is there any more; else words in @e. */
static int clear_path(const struct sockaddr_un *addr, struct err *e)
{
	CLEANUP_FD int probe = -1;
	struct stat st;

	if (lstat(addr->sun_path, &st) < 0)
		return errno == ENOENT ? 0 : err_sys(e, -errno, "console socket %s", addr->sun_path);
	if (!S_ISSOCK(st.st_mode))
		return err_set(e, -EEXIST,
			"console socket %s: something that is no socket is there; choose another path", addr->sun_path);
	probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (probe < 0)
		return err_sys(e, -errno, "console socket");
	if (!connect(probe, (const struct sockaddr *)addr, sizeof(*addr)) || errno == EAGAIN || errno == EPROTOTYPE)
		return err_set(e, -EADDRINUSE, "console socket %s: another program listens there; choose another path",
			addr->sun_path);
	if (errno != ECONNREFUSED)
		return errno == ENOENT ? 0 : err_sys(e, -errno, "console socket %s", addr->sun_path);
	if (unlink(addr->sun_path) < 0 && errno != ENOENT)
		return err_sys(e, -errno, "console socket %s: cannot remove the stale one", addr->sun_path);
	return 0;
}

/* Remember what we made: by directory and name, since the working directory may change, and by inode. */
static int remember(struct console *c, const char *path)
{
	const char *slash = strrchr(path, '/');
	char *dir = !slash ? strdup(".") : slash == path ? strdup("/") : strndup(path, (size_t)(slash - path));
	struct stat st;

	c->listen_path = dir;
	c->listen_name = strdup(slash ? slash + 1 : path);
	if (!dir || !c->listen_name)
		return -ENOMEM;
	c->listen_dir = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (c->listen_dir < 0 || fstatat(c->listen_dir, c->listen_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	c->listen_dev = st.st_dev;
	c->listen_ino = st.st_ino;
	return 0;
}

int console_socket_open(struct console *c, const char *path, struct err *e)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int r;

	if (strlen(path) >= sizeof(addr.sun_path))
		return err_set(e, -ENAMETOOLONG,
			"console socket %s: the path is %zu bytes long, a socket's has at most %zu", path, strlen(path),
			sizeof(addr.sun_path) - 1);
	memcpy(addr.sun_path, path, strlen(path));
	c->name = strdup(path);
	if (!c->name)
		return -ENOMEM;
	r = clear_path(&addr, e);
	if (r < 0)
		return r;
	c->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (c->listen_fd < 0)
		return err_sys(e, -errno, "console socket");
	/* Linux takes the mode of the file from the socket's own. */
	if (fchmod(c->listen_fd, 0600) < 0 || bind(c->listen_fd, (struct sockaddr *)&addr, sizeof(addr)) < 0)
		return err_sys(e, -errno, "console socket %s", path);
	r = remember(c, path);
	if (r < 0) {
		unlink(path);
		return err_sys(e, r, "console socket %s", path);
	}
	if (listen(c->listen_fd, 4) < 0)
		return err_sys(e, -errno, "console socket %s: listen", path);
	return 0;
}

void console_socket_leave(struct console *c)
{
	console_watch_source(c, &c->in_src, 0);
	console_watch_source(c, &c->out_src, 0);
	nbio_close(&c->in);
	nbio_close(&c->out);
	c->has_client = false;
}

static void welcome(struct console *c, int fd)
{
	int out = fcntl(fd, F_DUPFD_CLOEXEC, 3);

	if (out < 0) {
		close(fd);
		return;
	}
	nbio_take(&c->in, fd);
	nbio_take(&c->out, out);
	c->in_src.fd = fd;
	c->out_src.fd = out;
	c->in_ended = false;
	c->has_client = true;
	console_input(c);
	console_drain(c);
}

static void on_listen(struct loop_source *s, uint32_t events)
{
	struct console *c = container_of(s, struct console, listen_src);
	int fd = accept4(s->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd < 0) {
		if (errno == EAGAIN || errno == EINTR || errno == ECONNABORTED)
			return;
		/* Out of fds or memory: the connection would be reported over and over. */
		console_watch_source(c, s, 0);
		loop_timer_set(&c->retry, RETRY_NS, 0);
		return;
	}
	/* One that is gone, but with input that the guest has not taken, gives way. */
	if (c->has_client && (c->out.fd < 0 || nbio_hung_up(&c->in)))
		console_socket_leave(c);
	if (c->has_client) {
		/* A courtesy: nothing to do when it does not arrive. */
		if (write(fd, busy, sizeof(busy) - 1) < 0)
			errno = 0;
		close(fd);
		return;
	}
	welcome(c, fd);
}

int console_socket_attach(struct console *c)
{
	c->listen_src = (struct loop_source){.fd = c->listen_fd, .ready = on_listen};
	return console_watch_source(c, &c->listen_src, EPOLLIN);
}

void console_socket_retry(struct console *c)
{
	if (c->kind == CONSOLE_SOCKET && console_watch_source(c, &c->listen_src, EPOLLIN) < 0)
		loop_timer_set(&c->retry, RETRY_NS, 0);
}

void console_socket_close(struct console *c)
{
	struct stat st;

	if (c->listen_ino && !fstatat(c->listen_dir, c->listen_name, &st, AT_SYMLINK_NOFOLLOW) &&
		st.st_ino == c->listen_ino && st.st_dev == c->listen_dev)
		unlinkat(c->listen_dir, c->listen_name, 0);
	if (c->listen_dir >= 0)
		close(c->listen_dir);
	if (c->listen_fd >= 0)
		close(c->listen_fd);
	free(c->listen_name);
	free(c->listen_path);
}
