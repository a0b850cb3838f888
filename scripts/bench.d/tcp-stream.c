// SPDX-License-Identifier: Apache-2.0
/*
 * The streams of scripts/bench --io: the same program on both sides.
 *
 * tcp-stream serve PORT: a server on three ports, until it is ended. PORT takes what comes, PORT + 1 gives as many
 * bytes as the first 8 of a connection say (little-endian), PORT + 2 sends each byte back.
 *
 * tcp-stream to|from ADDRESS PORT BYTES: sends BYTES to PORT, or receives them from PORT + 1; from the connection's
 * start until the other side has had, or given, all of them.
 * tcp-stream turns ADDRESS PORT COUNT: a byte there and back again, COUNT times.
 * Both print the nanoseconds of CLOCK_MONOTONIC that it took.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static char block[128 * 1024]; /* as iperf3 does */

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static void give(int s, uint64_t bytes)
{
	while (bytes) {
		ssize_t n = write(s, block, bytes < sizeof(block) ? bytes : sizeof(block));

		if (n < 0)
			fail("tcp-stream: write");
		bytes -= (uint64_t)n;
	}
}

/* Takes until the other side has ended its. Return: the bytes. */
static uint64_t take(int s)
{
	uint64_t bytes = 0;
	ssize_t n;

	while ((n = read(s, block, sizeof(block))) > 0)
		bytes += (uint64_t)n;
	if (n < 0)
		fail("tcp-stream: read");
	return bytes;
}

static int one_turn(int s)
{
	return read(s, block, 1) == 1 && write(s, block, 1) == 1;
}

static void serve_one(int s, int kind)
{
	uint64_t bytes;

	switch (kind) {
	case 0: take(s); break;
	case 1:
		if (read(s, &bytes, sizeof(bytes)) == sizeof(bytes))
			give(s, bytes);
		break;
	case 2:
		while (one_turn(s))
			;
		break;
	}
	close(s);
}

static void serve(uint16_t port)
{
	struct pollfd p[3];
	int one = 1;

	for (int i = 0; i < 3; i++) {
		struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)(port + i))};

		p[i] = (struct pollfd){.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), .events = POLLIN};
		setsockopt(p[i].fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
		if (p[i].fd < 0 || bind(p[i].fd, (struct sockaddr *)&at, sizeof(at)) < 0 || listen(p[i].fd, 4) < 0)
			fail("tcp-stream: listen");
	}
	while (poll(p, 3, -1) > 0)
		for (int i = 0; i < 3; i++)
			if (p[i].revents)
				serve_one(accept(p[i].fd, NULL, NULL), i);
}

int main(int argc, char **argv)
{
	struct sockaddr_in to = {.sin_family = AF_INET};
	uint64_t nr, begin;
	char kind;
	int s;

	signal(SIGPIPE, SIG_IGN);
	if (argc == 3 && !strcmp(argv[1], "serve")) {
		serve((uint16_t)atoi(argv[2]));
		return 1;
	}
	if (argc != 5 || inet_pton(AF_INET, argv[2], &to.sin_addr) != 1)
		return 2;
	kind = argv[1][1]; /* to, from, turns */
	nr = strtoull(argv[4], NULL, 10);
	to.sin_port = htons((uint16_t)(atoi(argv[3]) + (kind == 'o' ? 0 : kind == 'r' ? 1 : 2)));
	s = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (s < 0 || connect(s, (struct sockaddr *)&to, sizeof(to)) < 0)
		fail("tcp-stream: connect");
	begin = now_ns();
	if (kind == 'o') {
		give(s, nr);
		shutdown(s, SHUT_WR);
		take(s);
	} else if (kind == 'r') {
		if (write(s, &nr, sizeof(nr)) != sizeof(nr) || take(s) != nr)
			fail("tcp-stream: too short");
	} else {
		for (uint64_t i = 0; i < nr; i++)
			if (write(s, block, 1) != 1 || read(s, block, 1) != 1)
				fail("tcp-stream: turn");
	}
	printf("%llu\n", (unsigned long long)(now_ns() - begin));
	return 0;
}
