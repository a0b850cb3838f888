// SPDX-License-Identifier: Apache-2.0
/*
 * rtt: how long an answer takes.
 *
 *	rtt PATH TIMES PREFIX [PORT]  connects to the Unix socket PATH (by "CONNECT PORT", where one is given) and
 *	                              sends TIMES lines "tick N", one every 50 ms, each answered by a line that has
 *	                              PREFIX before the same; prints "median MS max MS"
 *	rtt wait PATH TEXT            connects to it, and waits for TEXT
 *	rtt term PID                  SIGTERM, and how long until its first thread has ended and until all of the
 *	                              process has gone: "ended MS gone MS"
 *
 * Milliseconds with one digit behind the point. Whatever comes is copied to stderr. Exit status 1 when an answer
 * takes a minute.
 */
#define _GNU_SOURCE
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define LIMIT_MS  60000
#define TIMES_MAX 1000
#define WARM_UP   3 /* round trips that do not count */

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static uint64_t now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* Reads until a line with `want` has come. What came before it is forgotten. */
static void expect(int fd, const char *want)
{
	static char text[65536];
	size_t len = 0;

	for (;;) {
		struct pollfd p = {.fd = fd, .events = POLLIN};
		const char *found;
		ssize_t n;

		if (poll(&p, 1, LIMIT_MS) != 1) {
			fprintf(stderr, "rtt: no \"%s\" in %d ms\n", want, LIMIT_MS);
			exit(1);
		}
		if (len > sizeof(text) / 2)
			len = 0;
		n = read(fd, text + len, sizeof(text) - 1 - len);
		if (n <= 0)
			die("read");
		if (write(2, text + len, (size_t)n) < 0)
			die("stderr");
		len += (size_t)n;
		text[len] = 0;
		found = memmem(text, len, want, strlen(want));
		if (found && strchr(found, '\n'))
			return;
	}
}

static int connect_to(const char *path)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(a.sun_path, sizeof(a.sun_path), "%s", path);
	if (fd < 0)
		die("socket");
	/* The machine may just be starting. */
	for (int tries = 0; connect(fd, (struct sockaddr *)&a, sizeof(a)); tries++) {
		if (tries == 200)
			die(path);
		usleep(100000);
	}
	return fd;
}

static int round_trips(int argc, char **argv)
{
	int fd = connect_to(argv[1]), times = atoi(argv[2]);
	uint64_t took[TIMES_MAX];

	if (times < 1 || times > TIMES_MAX)
		return 2;
	if (argc > 4) {
		dprintf(fd, "CONNECT %s\n", argv[4]);
		expect(fd, "OK ");
	}
	for (int i = -WARM_UP; i < times; i++) {
		char want[256];
		uint64_t start;

		snprintf(want, sizeof(want), "%stick %d.", argv[3], i);
		start = now_us();
		if (dprintf(fd, "tick %d.\n", i) < 0)
			die("write");
		expect(fd, want);
		if (i >= 0)
			took[i] = now_us() - start;
		usleep(50000);
	}
	qsort(took, (size_t)times, sizeof(took[0]), compare);
	printf("median %.1f max %.1f\n", (double)took[times / 2] / 1000, (double)took[times - 1] / 1000);
	return 0;
}

/* The first thread of a process that has others stays as a zombie until these have gone too. */
static bool ended(pid_t pid)
{
	char path[64], text[512];
	const char *state;
	FILE *f;
	size_t n;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	f = fopen(path, "re");
	if (!f)
		return true;
	n = fread(text, 1, sizeof(text) - 1, f);
	fclose(f);
	text[n] = 0;
	state = strrchr(text, ')');
	return !state || state[2] == 'Z' || state[2] == 'X';
}

static int terminate(pid_t pid)
{
	struct pollfd p = {.fd = (int)syscall(SYS_pidfd_open, pid, 0), .events = POLLIN};
	uint64_t start = now_us(), ended_us = 0;

	if (p.fd < 0 || kill(pid, SIGTERM))
		die("kill");
	while (poll(&p, 1, ended_us ? LIMIT_MS : 5) != 1) {
		if (ended_us || now_us() - start > LIMIT_MS * UINT64_C(1000)) {
			fprintf(stderr, "rtt: process %d is there after %d ms\n", (int)pid, LIMIT_MS);
			return 1;
		}
		if (ended(pid))
			ended_us = now_us() - start;
	}
	if (!ended_us)
		ended_us = now_us() - start;
	printf("ended %.1f gone %.1f\n", (double)ended_us / 1000, (double)(now_us() - start) / 1000);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 3 && !strcmp(argv[1], "term"))
		return terminate((pid_t)atoi(argv[2]));
	if (argc == 4 && !strcmp(argv[1], "wait")) {
		expect(connect_to(argv[2]), argv[3]);
		return 0;
	}
	if (argc == 4 || argc == 5)
		return round_trips(argc, argv);
	fprintf(stderr, "usage: rtt PATH TIMES PREFIX [PORT] | wait PATH TEXT | term PID\n");
	return 2;
}
