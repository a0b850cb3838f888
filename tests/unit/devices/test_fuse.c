// SPDX-License-Identifier: Apache-2.0
/*
 * The FUSE server of a share, request by request, compared with the same calls on the directory itself. That a guest
 * cannot do certain things is asserted on the tree, on FIFOs that would show an open, and on the descriptors of this
 * process.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/xattr.h>

#include "tests/support/unit.h"
#include "tests/unit/devices/fuse_bench.h"

/* The call that the host refuses; NULL: none. No other test has it answer EDQUOT. */
static const char *refused;

static bool is_refused(const char *call)
{
	errno = EDQUOT;
	return refused && !strcmp(refused, call);
}

#define WRAP(type, name, call, params, args)                                                                           \
	type __real_##name params;                                                                                     \
	type __wrap_##name params;                                                                                     \
	type __wrap_##name params                                                                                      \
	{                                                                                                              \
		return is_refused(call) ? -1 : __real_##name args;                                                     \
	}

WRAP(int, fstatfs64, "fstatfs", (int fd, struct statfs64 *s), (fd, s))
WRAP(ssize_t, readlinkat, "readlinkat", (int fd, const char *path, char *buf, size_t n), (fd, path, buf, n))
WRAP(ssize_t, preadv64, "preadv", (int fd, const struct iovec *v, int nr, off_t at), (fd, v, nr, at))
WRAP(off_t, lseek64, "lseek", (int fd, off_t at, int whence), (fd, at, whence))
WRAP(ssize_t, fgetxattr, "fgetxattr", (int fd, const char *name, void *p, size_t n), (fd, name, p, n))
WRAP(ssize_t, flistxattr, "flistxattr", (int fd, char *p, size_t n), (fd, p, n))

long __real_syscall(long nr, long a, long b, long c, long d, long e, long f);
long __wrap_syscall(long nr, long a, long b, long c, long d, long e, long f);
long __wrap_syscall(long nr, long a, long b, long c, long d, long e, long f)
{
	if ((nr == SYS_getdents64 && is_refused("getdents64")) || (nr == SYS_statx && is_refused("statx")))
		return -1;
	return __real_syscall(nr, a, b, c, d, e, f);
}

/* --- Requests --------------------------------------------------------------------------------------------------- */

static void each_driver_is_answered_with_the_version_that_it_falls_back_to(void **state)
{
	struct bench *b = *state;
	struct fuse_init_out out;
	/* Linux 5.10, 6.1, 6.12 */
	static const uint32_t minor[] = {31, 32, 37, 41};

	for (size_t i = 0; i < ARRAY_SIZE(minor); i++) {
		assert_int_equal(client_init(&b->c, 7, minor[i]), 0);
		assert_int_equal(b->c.len, sizeof(out));
		memcpy(&out, b->c.data, sizeof(out));
		assert_int_equal(out.major, 7);
		assert_int_equal(out.minor, 31);
		assert_int_equal(out.max_readahead, 131072);
		assert_int_equal(out.max_pages, 128);
		/* READDIRPLUS, its automatic use, MAX_PAGES, AUTO_INVAL_DATA; no writeback, no POSIX locks or ACLs */
		assert_int_equal(out.flags & 0x00407000, 0x00407000);
		assert_int_equal(out.flags & 0x00110002, 0);
	}
	assert_int_equal(client_init(&b->c, 8, 0), 0);
	memcpy(&out, b->c.data, sizeof(out));
	assert_int_equal(out.major, 7);
	assert_int_equal(client_init(&b->c, 7, 30), -EPROTO);
	assert_int_equal(client_init(&b->c, 6, 99), -EPROTO);
}

static void attributes_are_those_of_the_host(void **state)
{
	static const char *const names[] = {"file", "sub", "out", "link", "fifo"};
	struct bench *b = *state;

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		struct fuse_entry_out e;
		struct fuse_attr a;
		struct stat st;

		assert_int_equal(client_lookup(&b->c, FUSE_ROOT, names[i], &e), 0);
		assert_int_equal(fstatat(b->dirfd, names[i], &st, AT_SYMLINK_NOFOLLOW), 0);
		assert_int_equal(e.attr.ino, st.st_ino);
		assert_int_equal(e.attr.size, st.st_size);
		assert_int_equal(e.attr.blocks, st.st_blocks);
		assert_int_equal(e.attr.mode, st.st_mode);
		assert_int_equal(e.attr.nlink, st.st_nlink);
		assert_int_equal(e.attr.uid, st.st_uid);
		assert_int_equal(e.attr.gid, st.st_gid);
		assert_int_equal(e.attr.mtime, st.st_mtim.tv_sec);
		assert_int_equal(e.attr.mtimensec, st.st_mtim.tv_nsec);
		assert_int_equal(e.attr.ctimensec, st.st_ctim.tv_nsec);
		assert_int_equal(e.attr.blksize, st.st_blksize);
		assert_int_equal(client_getattr(&b->c, e.nodeid, &a), 0);
		assert_memory_equal(&a, &e.attr, sizeof(a));
		assert_int_equal(node_of(b, FUSE_ROOT, names[i]), e.nodeid);
	}
	assert_int_equal(fds_of(b), 0);
	assert_int_equal(nodes_of(b), ARRAY_SIZE(names));
}

static void times_and_device_numbers_arrive_whole(void **state)
{
	const struct timespec t[2] = {{-5, 123456789}, {INT64_C(1) << 33, 987654321}};
	struct bench *b = *state;
	struct fuse_entry_out e;
	struct stat st;

	assert_int_equal(utimensat(b->dirfd, "file", t, 0), 0);
	assert_int_equal(fstatat(b->dirfd, "file", &st, 0), 0);
	assert_int_equal(client_lookup(&b->c, FUSE_ROOT, "file", &e), 0);
	assert_int_equal((int64_t)e.attr.atime, st.st_atim.tv_sec);
	assert_int_equal(e.attr.atimensec, st.st_atim.tv_nsec);
	assert_int_equal((int64_t)e.attr.mtime, st.st_mtim.tv_sec);
	fuse_free(b->c.f);
	share(b, "/dev", 0, FDS);
	assert_int_equal(stat("/dev/null", &st), 0);
	/* Linux include/linux/kdev_t.h */
	if (client_lookup(&b->c, FUSE_ROOT, "null", &e) == 0)
		assert_int_equal(e.attr.rdev,
			(minor(st.st_rdev) & 0xff) | major(st.st_rdev) << 8 | (minor(st.st_rdev) & ~0xffu) << 12);
	assert_int_equal(client_open(&b->c, e.nodeid, false, O_RDONLY), -ENXIO);
}

static void statx_has_the_time_of_birth(void **state)
{
	struct bench *b = *state;
	struct fuse_statx_in a = {.sx_mask = STATX_ALL};
	struct statx st, host;

	assert_int_equal(client_ask(&b->c, FUSE_STATX, node_of(b, FUSE_ROOT, "file"), &a, sizeof(a)), 0);
	assert_int_equal(b->c.len, 32 + 256);
	memcpy(&st, b->c.data + 32, sizeof(st));
	assert_int_equal(statx(b->dirfd, "file", 0, STATX_BASIC_STATS | STATX_BTIME, &host), 0);
	assert_int_equal(st.stx_mask, host.stx_mask & (STATX_BASIC_STATS | STATX_BTIME));
	assert_memory_equal(&st.stx_btime, &host.stx_btime, sizeof(st.stx_btime));
	assert_int_equal(st.stx_size, host.stx_size);
	assert_int_equal(st.stx_ino, host.stx_ino);
	/* Nothing of the host's mounts */
	for (size_t i = offsetof(struct statx, stx_dev_minor) + 4; i < sizeof(st); i++)
		assert_int_equal(((uint8_t *)&st)[i], 0);
}

static void names_that_are_not_one_name_are_refused(void **state)
{
	static const struct {
		const char *name;
		int error;
	} row[] = {
		{"..", -EINVAL},
		{".", -EINVAL},
		{"", -EINVAL},
		{"sub/inner", -EINVAL},
		{"../etc", -EINVAL},
		{"/", -EINVAL},
		{"/etc/passwd", -EINVAL},
		{"none", -ENOENT},
		{"...", -ENOENT},
	};
	struct bench *b = *state;
	struct fuse_entry_out e;
	char name[4096];

	for (size_t i = 0; i < ARRAY_SIZE(row); i++)
		if (client_lookup(&b->c, FUSE_ROOT, row[i].name, &e) != row[i].error)
			fail_msg("\"%s\": %s", row[i].name, strerror(-b->c.out.error));
	for (size_t len = 255; len < sizeof(name) - 1; len += len < 320 ? 1 : 63) {
		memset(name, 'x', len);
		name[len] = '\0';
		assert_int_equal(client_lookup(&b->c, FUSE_ROOT, name, &e), len == 255 ? -ENOENT : -ENAMETOOLONG);
	}
	/* Not terminated, and terminated only after the end of the request */
	assert_int_equal(client_ask(&b->c, FUSE_LOOKUP, FUSE_ROOT, "file", 4), -EINVAL);
	assert_int_equal(client_ask(&b->c, FUSE_LOOKUP, FUSE_ROOT, "", 0), -EINVAL);
	assert_int_equal(client_lookup(&b->c, node_of(b, FUSE_ROOT, "file"), "x", &e), -ENOTDIR);
	assert_int_equal(nodes_of(b), 1);
}

static void a_link_is_read_and_never_followed(void **state)
{
	struct bench *b = *state;
	uint64_t out = node_of(b, FUSE_ROOT, "out"), link = node_of(b, FUSE_ROOT, "link");
	uint64_t sub = node_of(b, FUSE_ROOT, "sub");
	struct fuse_entry_out e;

	assert_int_equal(client_ask(&b->c, FUSE_READLINK, out, NULL, 0), 0);
	assert_int_equal(b->c.len, strlen("/etc/passwd"));
	assert_memory_equal(b->c.data, "/etc/passwd", b->c.len);
	assert_int_equal(client_lookup(&b->c, link, "inner", &e), -ENOTDIR);
	assert_int_equal(client_open(&b->c, out, false, O_RDONLY), -ENXIO);
	assert_int_equal(client_open(&b->c, link, true, O_RDONLY), -ENOTDIR);
	assert_int_equal(client_ask(&b->c, FUSE_READLINK, node_of(b, FUSE_ROOT, "file"), NULL, 0), -EINVAL);
	/* A directory that is replaced by a link while the driver holds its node */
	assert_int_equal(renameat(b->dirfd, "sub", b->dirfd, "was"), 0);
	assert_int_equal(symlinkat("/etc", b->dirfd, "sub"), 0);
	assert_int_equal(client_lookup(&b->c, sub, "passwd", &e), -ESTALE);
	assert_int_equal(client_open(&b->c, sub, true, O_RDONLY), -ESTALE);
}

static void a_file_is_read_as_it_is(void **state)
{
	struct bench *b = *state;
	uint64_t n = node_of(b, FUSE_ROOT, "file");

	assert_int_equal(client_read(&b->c, FUSE_READ, n, 0, 100), -EBADF);
	assert_int_equal(client_open(&b->c, n, false, O_RDONLY), 0);
	assert_int_equal(client_read(&b->c, FUSE_READ, n, 0, 100), 0);
	assert_int_equal(b->c.len, 19);
	assert_memory_equal(b->c.data, "what is in the file", 19);
	assert_int_equal(client_read(&b->c, FUSE_READ, n, 5, 4), 0);
	assert_int_equal(b->c.len, 4);
	assert_memory_equal(b->c.data, "is i", 4);
	assert_int_equal(client_read(&b->c, FUSE_READ, n, 19, 4), 0);
	assert_int_equal(b->c.len, 0);
	assert_int_equal(client_read(&b->c, FUSE_READ, n, INT64_MAX - 4, 4), 0);
	assert_int_equal(b->c.len, 0);
	assert_int_equal(client_read(&b->c, FUSE_READ, n, UINT64_MAX, 4), -EINVAL);
	/* More than the reply has room for */
	b->c.room = 3;
	assert_int_equal(client_read(&b->c, FUSE_READ, n, 0, UINT32_MAX), 0);
	assert_int_equal(b->c.len, 3);
	b->c.room = 0;
	assert_int_equal(client_read(&b->c, FUSE_READ, n, 0, UINT32_MAX), 0);
	assert_int_equal(b->c.len, 0);
	b->c.room = 4096;
	assert_int_equal(client_release(&b->c, n, false), 0);
	assert_int_equal(client_read(&b->c, FUSE_READ, n, 0, 100), -EBADF);
	assert_int_equal(client_release(&b->c, n, false), 0);
}

static void a_cache_is_kept_while_the_file_is_the_same(void **state)
{
	struct bench *b = *state;
	uint64_t n = node_of(b, FUSE_ROOT, "file");
	struct fuse_open_out out;

	for (unsigned i = 0; i < 4; i++) {
		assert_int_equal(client_open(&b->c, n, false, O_RDONLY), 0);
		memcpy(&out, b->c.data, sizeof(out));
		assert_int_equal(out.open_flags, i == 1 || i == 3 ? 2 : 0); /* FOPEN_KEEP_CACHE */
		if (i == 1)
			write_file(b->dirfd, "file", "other");
	}
}

static void nothing_is_written(void **state)
{
	static const uint32_t op[] = {FUSE_SETATTR, FUSE_SYMLINK, FUSE_MKNOD, FUSE_MKDIR, FUSE_UNLINK, FUSE_RMDIR,
		FUSE_RENAME, FUSE_LINK, FUSE_WRITE, FUSE_SETXATTR, FUSE_REMOVEXATTR, FUSE_CREATE, FUSE_FALLOCATE,
		FUSE_RENAME2, FUSE_COPY_FILE_RANGE, FUSE_TMPFILE};
	struct bench *b = *state;
	uint64_t n = node_of(b, FUSE_ROOT, "file");
	struct stat before, after;
	char arg[128] = "file";

	assert_int_equal(fstatat(b->dirfd, "file", &before, 0), 0);
	for (size_t i = 0; i < ARRAY_SIZE(op); i++)
		for (unsigned k = 0; k < 2; k++)
			assert_int_equal(client_ask(&b->c, op[i], k ? n : FUSE_ROOT, arg, sizeof(arg)), -EROFS);
	assert_int_equal(client_open(&b->c, n, false, O_WRONLY), -EROFS);
	assert_int_equal(client_open(&b->c, n, false, O_RDWR), -EROFS);
	assert_int_equal(client_open(&b->c, n, false, O_ACCMODE), -EROFS);
	assert_int_equal(client_open(&b->c, n, false, O_RDONLY | O_TRUNC), -EROFS);
	assert_int_equal(fstatat(b->dirfd, "file", &after, 0), 0);
	assert_int_equal(after.st_size, before.st_size);
	assert_int_equal(after.st_ctim.tv_nsec, before.st_ctim.tv_nsec);
}

static void fifos_and_sockets_are_never_opened(void **state)
{
	struct bench *b = *state;
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int s = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	uint64_t n = node_of(b, FUSE_ROOT, "fifo"), file = node_of(b, FUSE_ROOT, "sub");

	snprintf(a.sun_path, sizeof(a.sun_path), "%s/sock", b->dir);
	assert_int_equal(bind(s, (struct sockaddr *)&a, sizeof(a)), 0);
	close(s);
	assert_int_equal(client_open(&b->c, n, false, O_RDONLY), -ENXIO);
	assert_int_equal(client_open(&b->c, node_of(b, FUSE_ROOT, "sock"), false, O_RDONLY), -ENXIO);
	/* A directory that has become a FIFO; if the server had opened it for reading, this open would succeed. */
	assert_int_equal(renameat2(b->dirfd, "fifo", b->dirfd, "sub", RENAME_EXCHANGE), 0);
	assert_int_equal(client_open(&b->c, file, true, O_RDONLY), -ESTALE);
	assert_int_equal(openat(b->dirfd, "sub", O_WRONLY | O_NONBLOCK | O_CLOEXEC), -1);
	assert_int_equal(errno, ENXIO);
}

static void extended_attributes_are_those_of_the_host(void **state)
{
	struct bench *b = *state;
	uint64_t n = node_of(b, FUSE_ROOT, "file");
	struct {
		struct fuse_xattr_in in;
		char name[32];
	} a = {{100, 0}, "user.test"};
	char path[96], value[100];
	ssize_t host;

	snprintf(path, sizeof(path), "%s/file", b->dir);
	setxattr(path, "user.test", "value", 5, 0); /* where the file system has them */
	host = getxattr(path, "user.test", value, sizeof(value));
	assert_int_equal(client_ask(&b->c, FUSE_GETXATTR, n, &a, sizeof(a)), host < 0 ? -errno : 0);
	if (host >= 0) {
		assert_int_equal(b->c.len, host);
		assert_memory_equal(b->c.data, "value", 5);
		a.in.size = 4;
		assert_int_equal(client_ask(&b->c, FUSE_GETXATTR, n, &a, sizeof(a)), -ERANGE);
		/* A driver's reply buffer is only as large as it asks for. */
		b->c.room = a.in.size = 5;
		assert_int_equal(client_ask(&b->c, FUSE_GETXATTR, n, &a, sizeof(a)), 0);
		assert_memory_equal(b->c.data, "value", 5);
		b->c.room = 4096;
		a.in.size = 0;
		assert_int_equal(client_ask(&b->c, FUSE_GETXATTR, n, &a, sizeof(a)), 0);
		assert_int_equal(b->c.len, 8);
		assert_int_equal(*(uint32_t *)b->c.data, 5);
	}
	a.in.size = 100;
	host = listxattr(path, value, sizeof(value));
	assert_int_equal(client_ask(&b->c, FUSE_LISTXATTR, n, &a.in, sizeof(a.in)), host < 0 ? -errno : 0);
	if (host > 0)
		assert_memory_equal(b->c.data, value, (size_t)host);
	strcpy(a.name, "user.none");
	getxattr(path, a.name, value, sizeof(value));
	b->c.room = a.in.size = 5;
	assert_int_equal(client_ask(&b->c, FUSE_GETXATTR, n, &a, sizeof(a)), -errno);
	b->c.room = 4096;
	assert_int_equal(client_ask(&b->c, FUSE_GETXATTR, node_of(b, FUSE_ROOT, "fifo"), &a, sizeof(a)), -ENODATA);
	memset(a.name, 'x', sizeof(a.name));
	assert_int_equal(client_ask(&b->c, FUSE_GETXATTR, n, &a, sizeof(a)), -EINVAL);
}

/* Whatever the host refuses is the answer, with nothing behind it. */
static void errors_of_the_host_are_the_answer(void **state)
{
	static const struct {
		const char *call;
		uint32_t opcode;
		const char *name;
		bool dir;
	} rows[] = {
		{"fstatfs", FUSE_STATFS, "sub", false},
		{"readlinkat", FUSE_READLINK, "link", false},
		{"preadv", FUSE_READ, "file", false},
		{"lseek", FUSE_LSEEK, "file", false},
		{"fgetxattr", FUSE_GETXATTR, "file", false},
		{"flistxattr", FUSE_LISTXATTR, "file", false},
		{"lseek", FUSE_READDIR, "sub", true},
		{"getdents64", FUSE_READDIR, "sub", true},
		{"statx", FUSE_GETATTR, "file", false},
	};
	struct bench *b = *state;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		uint64_t n = rows[i].opcode == FUSE_READLINK || rows[i].dir ? node_of(b, FUSE_ROOT, rows[i].name)
									    : open_file(b, "file");
		const struct fuse_read_in read = {.size = 512};
		const struct fuse_lseek_in seek = {.whence = SEEK_DATA};
		const struct fuse_getattr_in attr = {0};
		const struct {
			struct fuse_xattr_in in;
			char name[8];
		} xattr = {{.size = 512}, "user.a"};
		const void *arg = NULL;
		size_t len = 0;

		if (rows[i].dir)
			assert_int_equal(client_open(&b->c, n, true, O_RDONLY), 0);
		switch (rows[i].opcode) {
		case FUSE_READ:
		case FUSE_READDIR:
			arg = &read;
			len = sizeof(read);
			break;
		case FUSE_LSEEK:
			arg = &seek;
			len = sizeof(seek);
			break;
		case FUSE_GETATTR:
			arg = &attr;
			len = sizeof(attr);
			break;
		case FUSE_GETXATTR:
			arg = &xattr;
			len = sizeof(xattr.in) + sizeof("user.a");
			break;
		case FUSE_LISTXATTR:
			arg = &xattr.in;
			len = sizeof(xattr.in);
			break;
		}
		b->c.room = 1024;
		refused = rows[i].call;
		if (client_ask(&b->c, rows[i].opcode, n, arg, len) != -EDQUOT)
			fail_msg("row %zu: %s", i, rows[i].call);
		assert_int_equal(b->c.out.len, sizeof(b->c.out));
		refused = NULL;
		assert_true(client_ask(&b->c, rows[i].opcode, n, arg, len) != -EDQUOT);
	}
}

static void statfs_and_lseek_are_those_of_the_host(void **state)
{
	struct bench *b = *state;
	struct fuse_statfs_out out;
	struct fuse_lseek_in a = {.whence = SEEK_DATA};
	struct statfs host;
	int fd = openat(b->dirfd, "hole", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	uint64_t n;

	assert_int_equal(client_ask(&b->c, FUSE_STATFS, node_of(b, FUSE_ROOT, "sub"), NULL, 0), 0);
	memcpy(&out, b->c.data, sizeof(out));
	assert_int_equal(fstatfs(b->dirfd, &host), 0);
	assert_int_equal(out.blocks, host.f_blocks);
	assert_int_equal(out.bsize, host.f_bsize);
	assert_int_equal(out.files, host.f_files);
	assert_int_equal(out.namelen, host.f_namelen);
	assert_int_equal(pwrite(fd, "x", 1, 1 << 20), 1);
	n = open_file(b, "hole");
	for (a.offset = 0; a.offset < 3 << 20; a.offset += 1 << 19)
		for (a.whence = SEEK_SET; a.whence <= SEEK_HOLE; a.whence++) {
			off_t at = lseek(fd, (off_t)a.offset, (int)a.whence);
			int want = a.whence < SEEK_DATA ? -EINVAL : at < 0 ? -errno : 0;

			assert_int_equal(client_ask(&b->c, FUSE_LSEEK, n, &a, sizeof(a)), want);
			if (!want)
				assert_int_equal(*(uint64_t *)b->c.data, at);
		}
	a = (struct fuse_lseek_in){.offset = UINT64_MAX, .whence = SEEK_DATA};
	assert_int_equal(client_ask(&b->c, FUSE_LSEEK, n, &a, sizeof(a)), -ENXIO);
	assert_int_equal(client_ask(&b->c, FUSE_LSEEK, FUSE_ROOT, &a, sizeof(a)), -EBADF);
	close(fd);
}

/* --- Frames ----------------------------------------------------------------------------------------------------- */

static void sizes_of_requests_are_checked(void **state)
{
	struct bench *b = *state;
	uint64_t n = open_file(b, "file");
	uint8_t arg[512] = "file";
	uint32_t before;

	for (uint32_t op = 0; op < 70; op++) {
		if (op == FUSE_DESTROY || op == FUSE_INIT)
			continue;
		for (uint32_t len = 0; len < 120; len += len < 60 ? 4 : 13) {
			struct fuse_in head = {.len = len, .opcode = op, .unique = 7, .nodeid = n};

			/* A length in the header that is larger or smaller than the request */
			client_send(&b->c, head, arg, 60);
			head.len = UINT32_MAX - len;
			client_send(&b->c, head, arg, len);
			for (b->c.room = 0; b->c.room < 20; b->c.room += 4)
				client_ask(&b->c, op, n, arg, len);
			b->c.room = 4096;
		}
	}
	for (size_t len = 0; len < sizeof(struct fuse_in); len++) {
		struct iovec out = {arg, len}, in = {b->c.data, 4096};
		uint32_t data;

		assert_int_equal(fuse_serve(b->c.f, &out, 1, &in, 1, 4096, &data), -EPROTO);
	}
	/* For a reply that does not fit, no node is made. */
	before = nodes_of(b);
	b->c.room = sizeof(struct fuse_entry_out) - 1;
	assert_int_equal(client_ask(&b->c, FUSE_LOOKUP, FUSE_ROOT, "sub", 4), -EINVAL);
	assert_int_equal(nodes_of(b), before);
	b->c.room = 4096;
	assert_int_equal(client_ask(&b->c, 9999, FUSE_ROOT, NULL, 0), -ENOSYS);
	assert_int_equal(client_ask(&b->c, 25, FUSE_ROOT, arg, 24), -ENOSYS); /* FLUSH: the driver stops asking */
	assert_int_equal(client_ask(&b->c, 36, 0, arg, 8), 1);
}

#define T(name) cmocka_unit_test_setup_teardown(name, up, down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(each_driver_is_answered_with_the_version_that_it_falls_back_to),
		T(attributes_are_those_of_the_host),
		T(times_and_device_numbers_arrive_whole),
		T(statx_has_the_time_of_birth),
		T(names_that_are_not_one_name_are_refused),
		T(a_link_is_read_and_never_followed),
		T(a_file_is_read_as_it_is),
		T(a_cache_is_kept_while_the_file_is_the_same),
		T(nothing_is_written),
		T(fifos_and_sockets_are_never_opened),
		T(extended_attributes_are_those_of_the_host),
		T(errors_of_the_host_are_the_answer),
		T(statfs_and_lseek_are_those_of_the_host),
		T(sizes_of_requests_are_checked),
	};

	return run_group(tests);
}
