// SPDX-License-Identifier: Apache-2.0
/*
 * Where a client of gdb's protocol is waited for: --gdb.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "vmm/base/units.h"
#include "vmm/debug/gdb/address.h"

#define TCP_PREFIX  "tcp:"
#define WAIT_SUFFIX ",wait"

int gdb_parse(const char *text, struct gdb_address *ret, struct err *e)
{
	struct gdb_address a = {.len = strlen(text), .text = text};
	size_t suffix = strlen(WAIT_SUFFIX);

	if (a.len > suffix && !strcmp(text + a.len - suffix, WAIT_SUFFIX)) {
		a.wait = true;
		a.len -= suffix;
	}
	a.is_unix = !strncmp(text, GDB_UNIX_PREFIX, strlen(GDB_UNIX_PREFIX));
	if (!a.is_unix && strncmp(text, TCP_PREFIX, strlen(TCP_PREFIX)) != 0)
		return err_set(
			e, -EINVAL, "--gdb %.200s: not unix:PATH or tcp:[ADDRESS:]PORT, with or without ,wait", text);
	a.text += a.is_unix ? strlen(GDB_UNIX_PREFIX) : strlen(TCP_PREFIX);
	a.len -= (size_t)(a.text - text);
	if (!a.len)
		return err_set(e, -EINVAL, "--gdb %.200s: %s is missing", text, a.is_unix ? "the path" : "the port");
	*ret = a;
	return 0;
}

union address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

/* [ADDRESS:]PORT; an address of IPv6 in brackets; without one, the loopback. Return: its length, or -EINVAL */
static int parse_tcp(char *text, union address *ret)
{
	char *colon = strrchr(text, ':'), *host = colon ? text : NULL, *number = colon ? colon + 1 : text;
	uint64_t port;

	*ret = (union address){0};
	if (colon)
		*colon = '\0';
	if (parse_u64(number, &port) < 0 || !port || port > UINT16_MAX)
		return -EINVAL;
	if (host && *host == '[' && host[strlen(host) - 1] == ']') {
		host[strlen(host) - 1] = '\0';
		ret->v6 = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};
		return inet_pton(AF_INET6, host + 1, &ret->v6.sin6_addr) == 1 ? (int)sizeof(ret->v6) : -EINVAL;
	}
	ret->v4 = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	ret->v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return !host || inet_pton(AF_INET, host, &ret->v4.sin_addr) == 1 ? (int)sizeof(ret->v4) : -EINVAL;
}

static int resolve(const struct gdb_address *a, union address *ret, struct err *e)
{
	CLEANUP_FREE char *text = strndup(a->text, a->len);
	int len = text ? parse_tcp(text, ret) : -ENOMEM;

	if (len < 0)
		err_set(e, len,
			"--gdb tcp:%.*s: not [ADDRESS:]PORT, with an IPv4 address in digits or one of IPv6 in brackets",
			(int)MIN(a->len, 100u), a->text);
	return len;
}

int gdb_check(const char *text, struct err *e)
{
	struct gdb_address a;
	union address address;
	int r = gdb_parse(text, &a, e);

	if (r < 0)
		return r;
	if (!a.is_unix) {
		r = resolve(&a, &address, e);
		return MIN(r, 0);
	}
	if (a.len >= sizeof(((struct sockaddr_un *)0)->sun_path))
		return err_set(e, -ENAMETOOLONG, "--gdb %.200s: no socket can have a path that long", text);
	return 0;
}

int gdb_listen_tcp(const struct gdb_address *a, int *ret_fd, struct err *e)
{
	static const int on = 1;
	CLEANUP_FD int fd = -1;
	union address address;
	int len = resolve(a, &address, e);

	if (len < 0)
		return len;
	fd = socket(address.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	/* Connections take these over: small packets go at once, and a client that vanished is noticed. */
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
		setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on)) < 0 ||
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) < 0 ||
		bind(fd, &address.any, (socklen_t)len) < 0 || listen(fd, 1) < 0)
		return err_sys(e, -errno, "--gdb tcp:%.*s", (int)MIN(a->len, 100u), a->text);
	*ret_fd = TAKE_FD(fd);
	return 0;
}
