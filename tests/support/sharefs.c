// SPDX-License-Identifier: Apache-2.0
/*
 * The server of a share behind this host's own FUSE driver, without a guest: mounts a directory on another, until that
 * is unmounted.
 *
 *	sharefs DIR MOUNTPOINT [FDS]
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "devices/virtio/fuse.h"
#include "devices/virtio/fuse_wire.h"

#define ROOM (FUSE_PAGES_MAX * 4096 + 4096)

static _Noreturn void fail(const char *what)
{
	fprintf(stderr, "sharefs: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* A driver of virtio-fs says how much room a reply has; this one leaves it to the request. */
static uint32_t room_of(const uint8_t *request)
{
	const struct fuse_in *head = (const struct fuse_in *)request;
	const struct fuse_read_in *read = (const struct fuse_read_in *)(head + 1);
	const struct fuse_xattr_in *xattr = (const struct fuse_xattr_in *)(head + 1);
	uint32_t bytes = 4096;

	if (head->opcode == FUSE_READ || head->opcode == FUSE_READDIR || head->opcode == FUSE_READDIRPLUS)
		bytes = read->size;
	if ((head->opcode == FUSE_GETXATTR || head->opcode == FUSE_LISTXATTR) && xattr->size)
		bytes = xattr->size;
	return (uint32_t)sizeof(struct fuse_out) + (bytes < ROOM ? bytes : ROOM);
}

int main(int argc, char **argv)
{
	static uint8_t request[ROOM], answer[ROOM + 16];
	struct fuse_params p = {.fds = argc > 3 ? (unsigned)atoi(argv[3]) : 0};
	char options[128];
	struct err e = {0};
	struct fuse *f;
	int fd;

	if (argc < 3)
		return 1;
	if (fuse_open_root(argv[1], &p.root, &e) < 0) {
		fprintf(stderr, "sharefs: %s\n", e.text);
		return 1;
	}
	fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	if (fd < 0)
		fail("/dev/fuse");
	snprintf(options, sizeof(options), "fd=%d,rootmode=40000,user_id=0,group_id=0,allow_other,default_permissions",
		fd);
	if (mount("sharefs", argv[2], "fuse.sharefs", MS_RDONLY, options) < 0)
		fail(argv[2]);
	if (fuse_new(&p, &f) < 0)
		fail("fuse_new");
	if (fork())
		return 0;
	for (;;) {
		ssize_t n = read(fd, request, sizeof(request));
		struct iovec out = {request, (size_t)n}, in = {answer, 0};
		int64_t len;
		uint32_t data;

		if (n < 0 && (errno == EINTR || errno == EAGAIN || errno == ENOENT))
			continue;
		if (n < 0)
			break; /* ENODEV: unmounted */
		in.iov_len = room_of(request);
		len = fuse_serve(f, &out, 1, &in, 1, (uint32_t)in.iov_len, &data);
		if (len > 0 && write(fd, answer, (size_t)len) < 0 && errno != ENOENT)
			fail("write");
	}
	fuse_free(f);
	return 0;
}
