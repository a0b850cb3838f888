// SPDX-License-Identifier: Apache-2.0
/*
 * vsockcat: standard input and output on a stream socket, for tests of the socket device, in the guest and beside it.
 *
 *	vsockcat connect ADDRESS         stdin to it and what comes back to stdout, until it ends
 *	vsockcat connect ADDRESS PORT    the same behind "CONNECT PORT" and "OK ..."
 *	vsockcat echo ADDRESS            listen; send back what comes, one connection after the other
 *
 * ADDRESS is vsock:CID:PORT (CID "any" to listen) or unix:PATH. Exit status 0: all was well; 1: said on stderr.
 */
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <linux/vm_sockets.h>

union address {
	struct sockaddr any;
	struct sockaddr_vm vm;
	struct sockaddr_un un;
};

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static socklen_t parse(const char *text, union address *a)
{
	unsigned port;
	char cid[16];

	memset(a, 0, sizeof(*a));
	if (!strncmp(text, "unix:", 5) && strlen(text + 5) < sizeof(a->un.sun_path)) {
		a->un.sun_family = AF_UNIX;
		strcpy(a->un.sun_path, text + 5);
		return sizeof(a->un);
	}
	if (sscanf(text, "vsock:%15[^:]:%u", cid, &port) != 2) {
		fprintf(stderr, "vsockcat: %s is no address\n", text);
		exit(1);
	}
	a->vm.svm_family = AF_VSOCK;
	a->vm.svm_cid = strcmp(cid, "any") ? (unsigned)atoi(cid) : VMADDR_CID_ANY;
	a->vm.svm_port = port;
	return sizeof(a->vm);
}

/* False at the end. */
static bool copy(int from, int to)
{
	static char buf[65536];
	ssize_t n = read(from, buf, sizeof(buf));

	if (n < 0)
		die("read");
	for (ssize_t done = 0, w; done < n; done += w) {
		w = write(to, buf + done, (size_t)(n - done));
		if (w < 0)
			die("write");
	}
	return n > 0;
}

static void greet(int fd, const char *port)
{
	char line[64];
	size_t n = 0;

	dprintf(fd, "CONNECT %s\n", port);
	while (n < sizeof(line) - 1 && read(fd, line + n, 1) == 1 && line[n] != '\n')
		n++;
	line[n] = '\0';
	if (strncmp(line, "OK ", 3)) {
		fprintf(stderr, "vsockcat: refused: \"%s\"\n", line);
		exit(1);
	}
	fprintf(stderr, "vsockcat: %s\n", line);
}

/* The writer is a process of its own: with one, both sides could wait for the other to read. */
static int pipe_through(int fd)
{
	pid_t pid = fork();

	if (pid < 0)
		die("fork");
	if (!pid) {
		while (copy(STDIN_FILENO, fd))
			;
		shutdown(fd, SHUT_WR);
		_exit(0);
	}
	while (copy(fd, STDOUT_FILENO))
		;
	kill(pid, SIGKILL);
	return 0;
}

static _Noreturn void echo(int listener)
{
	if (listen(listener, 8) < 0)
		die("listen");
	fprintf(stderr, "vsockcat: listening\n");
	for (;;) {
		int fd = accept(listener, NULL, NULL);

		if (fd < 0)
			die("accept");
		while (copy(fd, fd))
			;
		close(fd);
	}
}

int main(int argc, char **argv)
{
	union address a;
	socklen_t len;
	int fd;

	if (argc < 3)
		return 1;
	len = parse(argv[2], &a);
	fd = socket(a.any.sa_family, SOCK_STREAM, 0);
	if (fd < 0)
		die("socket");
	if (!strcmp(argv[1], "echo")) {
		if (bind(fd, &a.any, len) < 0)
			die("bind");
		echo(fd);
	}
	if (connect(fd, &a.any, len) < 0)
		die("connect");
	if (argc > 3)
		greet(fd, argv[3]);
	return pipe_through(fd);
}
