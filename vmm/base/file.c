// SPDX-License-Identifier: Apache-2.0
#include "vmm/base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "vmm/base/path.h"

bool file_is_regular(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

int file_open_regular(const char *what, const char *path, int *ret, struct err *e)
{
	/* O_NONBLOCK, so that opening a FIFO does not block; regular files ignore it. */
	CLEANUP_FD int fd = path_open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
	uint64_t size;
	int r;

	if (fd < 0)
		return err_sys(e, fd, "cannot open %s %s", what, path);
	r = file_regular_size(fd, &size, e);
	if (r < 0)
		return err_wrap(e, r, "%s %s", what, path);
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

int file_read_all(int fd, size_t max, char **ret, size_t *ret_size)
{
	CLEANUP_FREE char *text = NULL;
	size_t size = 0, room = 0;
	ssize_t n;

	do {
		if (size + 1 >= room) {
			char *more;

			if (size > max)
				return -EFBIG;
			room = MIN(room ? 2 * room : 65536, max + 2);
			more = realloc(text, room);
			if (!more)
				return -ENOMEM;
			text = more;
		}
		n = read(fd, text + size, room - 1 - size);
		if (n > 0)
			size += (size_t)n;
	} while (n > 0 || (n < 0 && errno == EINTR));
	if (n < 0)
		return -errno;
	text[size] = '\0';
	*ret = TAKE_PTR(text);
	*ret_size = size;
	return 0;
}
