// SPDX-License-Identifier: Apache-2.0
/*
 * sockcat PATH: connects to a Unix socket; what comes on stdin goes there, what comes from there goes to stdout, until
 * the socket's other end closes. The end of stdin ends nothing.
 */
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* Return: what read() returned, or -1 when it could not be written. */
static ssize_t pass(int from, int to)
{
	char buf[65536];
	ssize_t n = read(from, buf, sizeof(buf));

	for (ssize_t done = 0, w; done < n; done += w) {
		w = write(to, buf + done, (size_t)(n - done));
		if (w < 0)
			return -1;
	}
	return n;
}

int main(int argc, char **argv)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	struct pollfd p[2] = {{.fd = STDIN_FILENO, .events = POLLIN}, {.events = POLLIN}};

	if (argc != 2 || strlen(argv[1]) >= sizeof(a.sun_path)) {
		fprintf(stderr, "usage: sockcat PATH\n");
		return 2;
	}
	strcpy(a.sun_path, argv[1]);
	p[1].fd = socket(AF_UNIX, SOCK_STREAM, 0);
	if (p[1].fd < 0 || connect(p[1].fd, (struct sockaddr *)&a, sizeof(a)) < 0) {
		perror(argv[1]);
		return 1;
	}
	while (poll(p, 2, -1) > 0) {
		if (p[1].revents && pass(p[1].fd, STDOUT_FILENO) <= 0)
			return 0;
		if (p[0].revents && pass(STDIN_FILENO, p[1].fd) <= 0)
			p[0].fd = -1;
	}
	return 1;
}
