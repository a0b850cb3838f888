// SPDX-License-Identifier: Apache-2.0
#include "vmm/base/fdpath.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vmm/base/util.h"

#define LINKS_MAX 8

static int number_in(const char *path)
{
	static const char *const names[] = {"/dev/stdin", "/dev/stdout", "/dev/stderr"};
	char own[32];
	const char *const directories[] = {"/dev/fd/", "/proc/self/fd/", "/proc/thread-self/fd/", own};

	for (int i = 0; i < (int)ARRAY_SIZE(names); i++)
		if (!strcmp(path, names[i]))
			return i;
	snprintf(own, sizeof(own), "/proc/%d/fd/", (int)getpid());
	for (size_t i = 0; i < ARRAY_SIZE(directories); i++) {
		size_t n = strlen(directories[i]), digits = strspn(path + MIN(n, strlen(path)), "0123456789");

		if (!strncmp(path, directories[i], n) && digits && digits < 10 && !path[n + digits])
			return atoi(path + n);
	}
	return -1;
}

int fd_of_path(const char *path)
{
	char buf[2][PATH_MAX];
	int fd = number_in(path);

	for (int i = 0; fd < 0 && i < LINKS_MAX; i++) {
		ssize_t n = readlink(path, buf[i % 2], PATH_MAX - 1);

		/* Paths of descriptors are absolute. */
		if (n <= 0 || buf[i % 2][0] != '/')
			return -1;
		buf[i % 2][n] = '\0';
		path = buf[i % 2];
		fd = number_in(path);
	}
	return fd;
}

void fd_path(int fd, char ret[static FD_PATH_SIZE])
{
	snprintf(ret, FD_PATH_SIZE, "/proc/self/fd/%d", fd);
}
