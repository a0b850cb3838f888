// SPDX-License-Identifier: Apache-2.0
/*
 * tcp-send ADDRESS PORT FILE OFFSET LENGTH: sends a part of a file over TCP and waits until the other side has closed.
 * busybox's nc sends it by the kilobyte, which takes minutes in the lab, and does not tell a reset from an end.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	struct sockaddr_in to = {.sin_family = AF_INET};
	off_t at, end;
	char c;
	int fd, s;

	if (argc != 6 || inet_pton(AF_INET, argv[1], &to.sin_addr) != 1)
		return 2;
	to.sin_port = htons((uint16_t)atoi(argv[2]));
	at = atoll(argv[4]);
	end = at + atoll(argv[5]);
	fd = open(argv[3], O_RDONLY | O_CLOEXEC);
	s = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || s < 0 || connect(s, (struct sockaddr *)&to, sizeof(to)) < 0) {
		perror("tcp-send");
		return 1;
	}
	while (at < end)
		if (sendfile(s, fd, &at, (size_t)(end - at)) <= 0) {
			perror("tcp-send: sendfile");
			return 1;
		}
	if (shutdown(s, SHUT_WR) < 0 || read(s, &c, 1) != 0) {
		perror("tcp-send: the end");
		return 1;
	}
	return 0;
}
