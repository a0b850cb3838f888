// SPDX-License-Identifier: Apache-2.0
/*
 * Preloaded into vmm by tests/lab/durable.test: nothing that is written is made durable. What a test then finds missing
 * shows that it would notice.
 */
#define _GNU_SOURCE
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

int fdatasync(int fd)
{
	(void)fd;
	return 0;
}

ssize_t pwritev64v2(int fd, const struct iovec *iov, int nr, off_t offset, int flags)
{
	(void)flags;
	/* Not pwritev(), which the filter of the thread does not have. */
	return syscall(SYS_pwritev2, fd, iov, nr, offset, 0, 0);
}
