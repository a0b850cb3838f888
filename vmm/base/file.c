// SPDX-License-Identifier: Apache-2.0
#include "vmm/base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

bool file_is_regular(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

int file_open_regular(const char *what, const char *path, int *ret, struct err *e)
{
	/* A FIFO must not hang us, hence O_NONBLOCK, which regular files ignore. */
	CLEANUP_FD int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;

	if (fd < 0)
		return err_sys(e, -errno, "cannot open %s %s", what, path);
	if (fstat(fd, &st) < 0)
		return err_sys(e, -errno, "cannot stat %s %s", what, path);
	if (S_ISDIR(st.st_mode))
		return err_set(e, -EISDIR, "%s %s is a directory; name a file", what, path);
	if (S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode))
		return err_set(e, -EINVAL,
			"%s %s is a pipe, which cannot be read out of order: write it to a file first", what, path);
	if (!S_ISREG(st.st_mode))
		return err_set(e, -EINVAL, "%s %s is not a regular file", what, path);
	if (!st.st_size)
		return err_set(e, -ENODATA, "%s %s is empty", what, path);
	*ret = TAKE_FD(fd);
	return 0;
}

int file_regular_size(int fd, uint64_t *ret_size, struct err *e)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return err_sys(e, -errno, "cannot look at it");
	if (S_ISDIR(st.st_mode))
		return err_set(e, -EISDIR, "is a directory, not a file");
	if (!S_ISREG(st.st_mode))
		return err_set(e, -EINVAL, "is not a regular file (a pipe, socket or device): copy it to a file first");
	if (!st.st_size)
		return err_set(e, -EINVAL, "is empty");
	*ret_size = (uint64_t)st.st_size;
	return 0;
}
