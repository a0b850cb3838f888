// SPDX-License-Identifier: Apache-2.0
/*
 * Theory of operation. A client that has not sent its line yet takes one of a few slots, for a limited time; while all
 * are in use, no client is accepted, and others wait in the kernel's queue. The line is first read by MSG_PEEK and only
 * then consumed, so that data after the line is still in the socket when the device gets it.
 *
 * Connections of the guest are requested from the broker. It replies in order, and the number of requests is bounded:
 * if it is stuck, the guest's connections are refused at once or after the device's timeout, and nothing else is
 * delayed.
 */
#include "vmm/host/vsock.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "vmm/base/clock.h"
#include "vmm/base/units.h"
#include "vmm/host/broker.h"

#define CLIENTS_MAX 16
#define LINE_MAX    32 /* "CONNECT 4294967295\n" and some blanks */
#define PATIENCE_NS (5 * NSEC_PER_SEC)
#define TICK_NS     NSEC_PER_SEC
#define ASKED_MAX   32 /* replies of the broker per turn */

struct client {
	struct loop_source source; /* .fd -1: the slot is free */
	struct vsock_end *end;
	uint64_t deadline_ns;
};

struct vsock_end {
	struct vsock_host host;
	struct broker broker;
	struct loop_source answers;
	unsigned asked; /* requests without a reply */
	bool alone;     /* the broker has ended */
	struct loop_source accept;
	struct loop_timer tick; /* runs while clients wait, or after accept failed */
	struct loop *loop;
	struct virtio_vsock *device;
	struct client client[CLIENTS_MAX];
};

static int end_connect(struct vsock_host *h, uint32_t ticket, uint32_t port)
{
	struct vsock_end *end = container_of(h, struct vsock_end, host);
	int r;

	if (end->alone || end->asked == ASKED_MAX)
		return -EAGAIN;
	r = broker_ask(&end->broker, ticket, port);
	end->asked += r == 0;
	return r;
}

static void on_answer(struct loop_source *s, uint32_t events)
{
	struct vsock_end *end = container_of(s, struct vsock_end, answers);
	uint32_t ticket;
	int r, fd;

	/* No more replies than requests, so that the loop cannot be kept busy. */
	for (unsigned i = 0; i < ASKED_MAX; i++) {
		r = broker_answer(&end->broker, &ticket, &fd);
		if (r < 0)
			break;
		end->asked -= end->asked > 0;
		virtio_vsock_connected(end->device, ticket, fd);
	}
	if (r != -EPIPE)
		return;
	loop_remove(s);
	end->alone = true;
	virtio_vsock_unanswered(end->device);
}

static void end_answered(struct vsock_host *h, int fd, uint32_t port)
{
	char line[LINE_MAX];
	int n = snprintf(line, sizeof(line), "OK %" PRIu32 "\n", port);

	/* The first data sent on this socket, so there is space, or the client has closed. */
	if (send(fd, line, (size_t)n, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		errno = 0;
}

/* recvmsg(), which also receives sockets, so that the sandbox has to allow only one call. */
static ssize_t receive(int fd, void *buf, size_t size, int flags)
{
	struct iovec iov = {buf, size};
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};

	return recvmsg(fd, &m, flags | MSG_DONTWAIT);
}

/* --- Clients before their first line -------------------------------------------------------------------- */

static struct client *free_client(struct vsock_end *end)
{
	for (unsigned i = 0; i < CLIENTS_MAX; i++)
		if (end->client[i].source.fd < 0)
			return &end->client[i];
	return NULL;
}

static void listen_again(struct vsock_end *end)
{
	if (loop_modify(&end->accept, EPOLLIN) < 0)
		loop_timer_set(&end->tick, TICK_NS, TICK_NS);
}

/* The client's socket, no longer watched; the caller owns it. */
static int take_client(struct client *c)
{
	loop_remove(&c->source);
	listen_again(c->end);
	return TAKE_FD(c->source.fd);
}

static void drop_client(struct client *c)
{
	close(take_client(c));
}

/* The port, from "CONNECT PORT" without its end of line. */
static int parse_line(char *line, uint32_t *ret)
{
	static const char word[] = "CONNECT ";
	uint64_t port;

	if (strncasecmp(line, word, sizeof(word) - 1))
		return -EINVAL;
	line += sizeof(word) - 1;
	if (*line < '0' || *line > '9' || parse_u64(line, &port) < 0 || port > UINT32_MAX)
		return -EINVAL;
	*ret = (uint32_t)port;
	return 0;
}

static void on_client(struct loop_source *s, uint32_t events)
{
	struct client *c = container_of(s, struct client, source);
	char line[LINE_MAX + 1], *end;
	uint32_t port;
	ssize_t n = receive(s->fd, line, LINE_MAX, MSG_PEEK);

	if (n < 0 && (errno == EAGAIN || errno == EINTR) && !(events & EPOLLHUP))
		return;
	if (n <= 0) {
		drop_client(c);
		return;
	}
	line[n] = '\0';
	end = memchr(line, '\n', (size_t)n);
	if (!end) {
		/*
		 * More may come: level-triggered epoll would say so at once, over and over. Look again with the tick.
		 */
		if (n == LINE_MAX || (events & (EPOLLHUP | EPOLLRDHUP)))
			drop_client(c);
		else
			loop_modify(s, 0);
		return;
	}
	receive(s->fd, line, (size_t)(end - line) + 1, 0);
	*end = '\0';
	if (end > line && end[-1] == '\r')
		end[-1] = '\0';
	if (parse_line(line, &port) < 0)
		drop_client(c);
	else
		virtio_vsock_dial(c->end->device, take_client(c), port);
}

static void on_accept(struct loop_source *s, uint32_t events)
{
	struct vsock_end *end = container_of(s, struct vsock_end, accept);
	struct client *c = free_client(end);
	int fd;

	if (!c) {
		loop_modify(s, 0); /* until a client is removed */
		return;
	}
	fd = accept4(s->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd < 0) {
		/* Out of fds or memory: the connection would be reported again and again. */
		if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED)
			loop_modify(s, 0);
		loop_timer_set(&end->tick, TICK_NS, TICK_NS);
		return;
	}
	c->source = (struct loop_source){.fd = fd, .ready = on_client};
	c->deadline_ns = trace_now_ns() + PATIENCE_NS;
	if (loop_add(end->loop, &c->source, EPOLLIN | EPOLLRDHUP) < 0) {
		close(TAKE_FD(c->source.fd));
		return;
	}
	loop_timer_set(&end->tick, TICK_NS, TICK_NS);
}

static void on_tick(struct loop_timer *t)
{
	struct vsock_end *end = container_of(t, struct vsock_end, tick);
	uint64_t now = trace_now_ns();
	bool any = false;

	for (unsigned i = 0; i < CLIENTS_MAX; i++) {
		struct client *c = &end->client[i];

		if (c->source.fd < 0)
			continue;
		any = true;
		if (now >= c->deadline_ns || loop_modify(&c->source, EPOLLIN | EPOLLRDHUP) < 0)
			drop_client(c);
	}
	if (!any && !loop_modify(&end->accept, EPOLLIN))
		loop_timer_set(t, 0, 0);
}

/*
 * --- Life ----------------------------------------------------------------------------------------------------------
 */

COLD int vsock_end_open(const char *path, const struct sandbox_as *as, struct vsock_end **ret, struct err *e)
{
	struct vsock_end *end = calloc(1, sizeof(*end));
	int r;

	if (!end)
		return err_sys(e, -ENOMEM, "vsock socket");
	end->broker = BROKER_NONE;
	end->host = (struct vsock_host){.connect = end_connect, .answered = end_answered};
	for (unsigned i = 0; i < CLIENTS_MAX; i++)
		end->client[i] = (struct client){.source.fd = -1, .end = end};
	r = broker_start("vsock socket", path, true, as, &end->broker, e);
	if (r < 0) {
		vsock_end_close(end);
		return r;
	}
	*ret = end;
	return 0;
}

struct vsock_host *vsock_end_host(struct vsock_end *end)
{
	return &end->host;
}

COLD int vsock_end_attach(struct vsock_end *end, struct virtio_vsock *device, struct loop *loop)
{
	int r;

	end->device = device;
	end->loop = loop;
	r = loop_timer_init(loop, &end->tick, on_tick);
	if (r < 0)
		return r;
	end->answers = (struct loop_source){.fd = end->broker.child.sock, .ready = on_answer};
	r = loop_add(loop, &end->answers, EPOLLIN);
	if (r < 0)
		return r;
	end->accept = (struct loop_source){.fd = end->broker.fd, .ready = on_accept};
	return loop_add(loop, &end->accept, EPOLLIN);
}

COLD void vsock_end_close(struct vsock_end *end)
{
	if (!end)
		return;
	for (unsigned i = 0; i < CLIENTS_MAX; i++) {
		if (end->client[i].source.fd < 0)
			continue;
		loop_remove(&end->client[i].source);
		close(end->client[i].source.fd);
	}
	loop_remove(&end->accept);
	loop_remove(&end->answers);
	loop_timer_destroy(&end->tick);
	broker_close(&end->broker);
	free(end);
}
