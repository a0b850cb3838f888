// SPDX-License-Identifier: Apache-2.0
#include "vmm/base/wake.h"

#include <errno.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

int wake_open(void)
{
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

	return fd < 0 ? -errno : fd;
}

void wake_close(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

void wake_send(int fd)
{
	const uint64_t one = 1;
	int saved = errno;

	if (fd < 0)
		return;
	/* EAGAIN means that the counter is full at 2^64 - 2: it is readable all the same. */
	while (write(fd, &one, sizeof(one)) < 0 && errno == EINTR)
		;
	errno = saved;
}

bool wake_take(int fd)
{
	uint64_t n;
	ssize_t r;

	if (fd < 0)
		return false;
	do
		r = read(fd, &n, sizeof(n));
	while (r < 0 && errno == EINTR);
	return r == sizeof(n);
}
