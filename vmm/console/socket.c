// SPDX-License-Identifier: Apache-2.0
/*
 * A console on a listening Unix socket, for one client at a time.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "vmm/console/internal.h"

static const char busy[] = "vmm: another client has this console\r\n";

int console_socket_open(struct console *c, const char *path, const struct sandbox_as *as, struct err *e)
{
	c->name = strdup(path);
	return c->name ? broker_start("console socket", path, false, as, &c->broker, e) : -ENOMEM;
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
		/* Out of fds or memory: the connection would be reported again and again. */
		console_watch_source(c, s, 0);
		loop_timer_set(&c->retry, RETRY_NS, 0);
		return;
	}
	/* A client that has closed, but whose input was not taken yet, is replaced. */
	if (c->has_client && (c->out.fd < 0 || nbio_hung_up(&c->in)))
		console_socket_leave(c);
	if (c->has_client) {
		/* Best effort: a failure is ignored. */
		if (write(fd, busy, sizeof(busy) - 1) < 0)
			errno = 0;
		close(fd);
		return;
	}
	welcome(c, fd);
}

int console_socket_attach(struct console *c)
{
	c->listen_src = (struct loop_source){.fd = c->broker.fd, .ready = on_listen};
	return console_watch_source(c, &c->listen_src, EPOLLIN);
}

void console_socket_retry(struct console *c)
{
	if (c->kind == CONSOLE_SOCKET && console_watch_source(c, &c->listen_src, EPOLLIN) < 0)
		loop_timer_set(&c->retry, RETRY_NS, 0);
}
