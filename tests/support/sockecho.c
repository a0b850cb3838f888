// SPDX-License-Identifier: Apache-2.0
/*
 * sockecho PATH: listens on a Unix socket; each client, one after the other, gets back what it sends, until it ends or
 * is silent for a second.
 */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	struct timeval patience = {.tv_sec = 1};
	char buf[4096];
	int fd, client;
	ssize_t n;

	if (argc != 2 || strlen(argv[1]) >= sizeof(a.sun_path))
		return 2;
	strcpy(a.sun_path, argv[1]);
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof(a)) < 0 || listen(fd, 8) < 0) {
		perror(argv[1]);
		return 1;
	}
	while ((client = accept(fd, NULL, NULL)) >= 0) {
		setsockopt(client, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
		while ((n = read(client, buf, sizeof(buf))) > 0)
			if (send(client, buf, (size_t)n, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
				break;
		close(client);
	}
	return 1;
}
