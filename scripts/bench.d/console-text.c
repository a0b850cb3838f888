// SPDX-License-Identifier: Apache-2.0
/*
 * console-text TTY BYTES...: sends BYTES bytes of text to the terminal in one go, in lines of 64, and waits until
 * they have left; then prints a line "console|TTY|BYTES|NANOSECONDS" there. The first one is for warming up.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

static long long now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000LL + ts.tv_nsec;
}

static void send_all(int fd, const char *text, size_t n)
{
	while (n) {
		ssize_t r = write(fd, text, n);

		if (r <= 0)
			exit(1);
		text += r;
		n -= (size_t)r;
	}
}

int main(int argc, char **argv)
{
	char path[64], line[128];
	struct termios tio;
	int fd;

	if (argc < 3)
		return 2;
	snprintf(path, sizeof(path), "/dev/%s", argv[1]);
	fd = open(path, O_RDWR | O_NOCTTY);
	if (fd < 0 || tcgetattr(fd, &tio) < 0)
		return 1;
	tio.c_oflag &= ~(tcflag_t)OPOST;
	tcsetattr(fd, TCSADRAIN, &tio);
	for (int i = 2; i < argc; i++) {
		size_t n = strtoul(argv[i], NULL, 0);
		char *text = malloc(n);
		long long start;

		if (!text)
			return 1;
		memset(text, 'x', n);
		for (size_t at = 63; at < n; at += 64)
			text[at] = '\n';
		start = now();
		send_all(fd, text, n);
		ioctl(fd, TCSBRK, 1);
		n = (size_t)snprintf(line, sizeof(line), "\r\nconsole|%s|%zu|%lld\r\n", argv[1], n, now() - start);
		send_all(fd, line, n);
		free(text);
	}
	ioctl(fd, TCSBRK, 1);
	return 0;
}
