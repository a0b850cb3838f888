// SPDX-License-Identifier: Apache-2.0
/*
 * Theory of operation. The process does everything that involves a path from the start, so that the path is always
 * removed by it.
 *
 * Names are relative to the descriptor of the directory, and symbolic links are not followed. connect() does not
 * support that: it takes a path. So the socket's file is opened first (O_PATH, which does not connect, and O_NOFOLLOW),
 * and then connected to by that descriptor's name in /proc: this is the inode that was checked, even if PATH_PORT is
 * replaced meanwhile.
 *
 * Since nothing else is open, descriptors get the numbers that the filter expects (BROKER in security/rules.c).
 */
#include "vmm/host/broker.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "security/landlock.h"
#include "vmm/base/clock.h"
#include "vmm/base/path.h"
#include "vmm/host/nbio.h"

#define DIR_FD   CHILD_FD
#define BACKLOG  8
#define CLOSE_NS NSEC_PER_SEC

/* Requests to the process, and its replies: with a socket when @result is 0 */
struct request {
	uint32_t ticket;
	uint32_t port;
};

struct answer {
	uint32_t ticket;
	int32_t result;
};

/* Its first message, with the listening socket when @result is 0 */
struct greeting {
	int32_t result;
	struct err e;
};

/**
 * struct owner - the process
 * @name: of the socket, in DIR_FD
 * @dev, @ino: of the socket that was made; 0: none
 */
struct owner {
	const char *what;
	const char *path;
	const char *name;
	bool connects;
	struct sandbox_as as;
	dev_t dev;
	ino_t ino;
};

/* --- Passing descriptors ------------------------------------------------------------------------------------- */

union control {
	struct cmsghdr align;
	char room[CMSG_SPACE(sizeof(int))];
};

static int send_fd(int sock, const void *data, size_t size, int fd)
{
	struct iovec iov = {(void *)data, size};
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};
	union control c = {0};

	if (fd >= 0) {
		m.msg_control = &c;
		m.msg_controllen = sizeof(c);
		*CMSG_FIRSTHDR(&m) = (struct cmsghdr){
			.cmsg_len = CMSG_LEN(sizeof(fd)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
		memcpy(CMSG_DATA(CMSG_FIRSTHDR(&m)), &fd, sizeof(fd));
	}
	return sendmsg(sock, &m, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

/* Return: bytes, or a negative errno. @ret_fd: -1: none was received, or there was no free descriptor */
static ssize_t receive_fd(int sock, void *data, size_t size, int flags, int *ret_fd)
{
	struct iovec iov = {data, size};
	union control c = {0};
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &c, .msg_controllen = sizeof(c)};
	const struct cmsghdr *head;
	ssize_t n;

	*ret_fd = -1;
	do
		n = recvmsg(sock, &m, flags | MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	head = CMSG_FIRSTHDR(&m);
	if (head && head->cmsg_type == SCM_RIGHTS && head->cmsg_len == CMSG_LEN(sizeof(int)))
		memcpy(ret_fd, CMSG_DATA(head), sizeof(int));
	return n;
}

/* --- The process: connecting ------------------------------------------------------------------------------------- */

/* Connects to the socket @name, without following links. Return: a non-blocking socket, or a negative errno. */
static int connect_to(const char *name)
{
	CLEANUP_FD int target = openat(DIR_FD, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);

	return target < 0 ? -errno : nbio_connect(target);
}

/* Return: false when vmm has ended. */
static bool answer(const struct owner *o, const struct request *q)
{
	char name[sizeof(((struct sockaddr_un *)0)->sun_path)];
	struct answer a = {.ticket = q->ticket};
	CLEANUP_FD int fd = -1;
	int r;

	/* Fits: broker_start() has checked it. */
	snprintf(name, sizeof(name), "%s_%" PRIu32, o->name, q->port);
	fd = connect_to(name);
	a.result = fd < 0 ? fd : 0;
	r = send_fd(CHILD_SOCK, &a, sizeof(a), fd);
	if (r < 0 && r != -EPIPE && fd >= 0) {
		/* Too many sockets are in flight. */
		a.result = r;
		r = send_fd(CHILD_SOCK, &a, sizeof(a), -1);
	}
	return r == 0;
}

static void serve(const struct owner *o)
{
	struct request q;
	ssize_t n;

	for (;;) {
		n = read(CHILD_SOCK, &q, sizeof(q));
		if (n < 0 && errno == EINTR)
			continue;
		if (n != sizeof(q) || !o->connects || !answer(o, &q))
			return;
	}
}

/* --- The process: the path --------------------------------------------------------------------------------------- */

static bool is_same(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

/* Return: 0: the path is free; else a negative errno, with a message in @e. */
static int clear_path(const struct owner *o, struct err *e)
{
	struct stat st, now;
	int probe;

	if (fstatat(DIR_FD, o->name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : err_sys(e, -errno, "%s %s", o->what, o->path);
	if (!S_ISSOCK(st.st_mode))
		return err_set(e, -EEXIST, "%s %s: something that is no socket is there; choose another path", o->what,
			o->path);
	probe = connect_to(o->name);
	if (probe >= 0)
		close(probe);
	if (probe >= 0 || probe == -EAGAIN || probe == -EPROTOTYPE)
		return err_set(
			e, -EADDRINUSE, "%s %s: another program listens there; choose another path", o->what, o->path);
	if (probe != -ECONNREFUSED)
		return probe == -ENOENT ? 0 : err_sys(e, probe, "%s %s", o->what, o->path);
	if (fstatat(DIR_FD, o->name, &now, AT_SYMLINK_NOFOLLOW) < 0 || !is_same(&st, &now))
		return err_set(e, -EADDRINUSE, "%s %s: another program is at work there; choose another path", o->what,
			o->path);
	if (unlinkat(DIR_FD, o->name, 0) < 0 && errno != ENOENT)
		return err_sys(e, -errno, "%s %s: cannot remove the stale one", o->what, o->path);
	return 0;
}

/* The directory becomes DIR_FD and the working directory, since bind() takes a path as well. */
static int enter_dir(const struct owner *o, struct err *e)
{
	CLEANUP_FREE char *dir = strndup(o->path, (size_t)(o->name - o->path));
	int fd;

	if (!dir)
		return err_sys(e, -ENOMEM, "%s", o->what);
	/* O_PATH: it need not be readable. */
	fd = path_open(*dir ? dir : ".", O_PATH | O_DIRECTORY, 0);
	if (fd < 0 || fchdir(fd) < 0)
		return err_sys(e, -errno, "%s %s", o->what, o->path);
	if (fd != DIR_FD) {
		dup2(fd, DIR_FD);
		close(fd);
	}
	return 0;
}

/* Return: the socket, or a negative errno, with a message in @e. */
static int make(struct owner *o, struct err *e)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	CLEANUP_FD int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct stat st;
	int made;

	if (fd < 0)
		return err_sys(e, -errno, "%s", o->what);
	memcpy(addr.sun_path, o->name, strlen(o->name));
	/* Linux takes the mode of the file from the socket's own. */
	if (fchmod(fd, 0600) < 0 || bind(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0)
		return err_sys(e, -errno, "%s %s", o->what, o->path);
	/* Kept open, so that its inode number is not reused for a file of another process. */
	made = openat(DIR_FD, o->name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (made < 0 || fstat(made, &st) < 0 || !S_ISSOCK(st.st_mode)) {
		/* It was moved meanwhile by an owner of the directory. */
		return err_set(e, -EADDRINUSE, "%s %s: another program is at work there; choose another path", o->what,
			o->path);
	}
	o->dev = st.st_dev;
	o->ino = st.st_ino;
	if (listen(fd, BACKLOG) < 0)
		return err_sys(e, -errno, "%s %s: listen", o->what, o->path);
	return TAKE_FD(fd);
}

static void remove_path(const struct owner *o)
{
	struct stat st;

	if (o->ino && fstatat(DIR_FD, o->name, &st, AT_SYMLINK_NOFOLLOW) == 0 && st.st_ino == o->ino &&
		st.st_dev == o->dev)
		unlinkat(DIR_FD, o->name, 0);
}

static int confine(const struct owner *o, struct err *e)
{
	const struct sandbox_process p = {
		.as = &o->as,
		.role = SANDBOX_BROKER,
		.devices = o->connects ? SANDBOX_HAS(VSOCK) : 0,
		.dir_fd = DIR_FD,
		.rights = LL_REMOVE_FILE | (o->connects ? LL_CONNECT : 0),
	};
	int r = sandbox_process_enter(&p, e);

	return r < 0 ? err_wrap(e, r, "%s %s: the process that owns it", o->what, o->path) : 0;
}

static void own(void *arg)
{
	struct owner *o = arg;
	struct greeting g = {0};
	int fd = -1;

	g.result = enter_dir(o, &g.e);
	if (g.result == 0)
		g.result = clear_path(o, &g.e);
	if (g.result == 0) {
		fd = make(o, &g.e);
		g.result = MIN(fd, 0);
	}
	if (g.result == 0)
		g.result = confine(o, &g.e);
	if (send_fd(CHILD_SOCK, &g, sizeof(g), g.result == 0 ? fd : -1) == 0 && g.result == 0) {
		close(fd);
		serve(o);
	}
	remove_path(o);
}

/* --- vmm's side -------------------------------------------------------------------------------------------------- */

int broker_check(const char *what, const char *path, struct err *e)
{
	const size_t room = sizeof(((struct sockaddr_un *)NULL)->sun_path);

	if (strlen(path) < room)
		return 0;
	return err_set(e, -ENAMETOOLONG, "%s %s: the path is %zu bytes long, a socket's has at most %zu", what, path,
		strlen(path), room - 1);
}

/* Waits for the first message. */
static int greet(const struct owner *o, struct broker *b, struct err *e)
{
	struct greeting g;
	ssize_t n = receive_fd(b->child.sock, &g, sizeof(g), 0, &b->fd);

	if (n != sizeof(g))
		return err_sys(e, n < 0 ? (int)n : -ECHILD, "%s %s: the process that owns it", o->what, o->path);
	if (g.result < 0) {
		if (e)
			*e = g.e;
		return g.result;
	}
	/* No free descriptor. */
	if (b->fd < 0)
		return err_sys(e, -EMFILE, "%s %s", o->what, o->path);
	return fcntl(b->child.sock, F_SETFL, O_NONBLOCK) < 0 ? err_sys(e, -errno, "%s", o->what) : 0;
}

int broker_start(const char *what, const char *path, bool connects, const struct sandbox_as *as, struct broker *ret,
	struct err *e)
{
	const char *slash = strrchr(path, '/');
	struct owner o = {
		.what = what, .path = path, .name = slash ? slash + 1 : path, .connects = connects, .as = *as};
	CLEANUP(broker_close) struct broker b = BROKER_NONE;
	int r = broker_check(what, path, e);

	if (r < 0)
		return r;
	if (connects && strlen(path) > BROKER_PATH_MAX)
		return err_set(e, -ENAMETOOLONG,
			"%s %s: the path is %zu bytes long; with _PORT behind it, at most %d fit", what, path,
			strlen(path), BROKER_PATH_MAX);
	nbio_ignore_signals();
	r = child_start("vmm-broker", (const int[CHILD_FDS_MAX]){-1, STDERR_FILENO}, own, &o, &b.child);
	if (r < 0)
		return err_sys(e, r, "%s %s: the process that owns it%s", what, path, err_no_thread(r));
	r = greet(&o, &b, e);
	if (r < 0)
		return r;
	*ret = b;
	b = BROKER_NONE;
	return 0;
}

int broker_ask(struct broker *b, uint32_t ticket, uint32_t port)
{
	const struct request q = {ticket, port};

	return send(b->child.sock, &q, sizeof(q), MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? -errno : 0;
}

int broker_answer(struct broker *b, uint32_t *ret_ticket, int *ret_fd)
{
	struct answer a;
	int fd;
	ssize_t n = receive_fd(b->child.sock, &a, sizeof(a), MSG_DONTWAIT, &fd);

	if (n == -EAGAIN)
		return -EAGAIN;
	if (n != sizeof(a)) {
		cleanup_fd(&fd);
		return -EPIPE;
	}
	*ret_ticket = a.ticket;
	/* No free descriptor. */
	*ret_fd = a.result < 0 ? a.result : fd < 0 ? -EMFILE : fd;
	return 0;
}

void broker_close(struct broker *b)
{
	if (b->fd >= 0)
		close(b->fd);
	child_end(&b->child, CLOSE_NS);
	*b = BROKER_NONE;
}
