// SPDX-License-Identifier: Apache-2.0
/*
 * Makes read-only calls on a tree of files and prints each result, one line per call, so that a run on a shared
 * directory can be compared with one on the directory itself.
 *
 *	sharecalls make DIR	makes the tree
 *	sharecalls run DIR	prints the results of the calls; DIR is mounted read-only
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/types.h>
#include <sys/un.h>
#include <sys/xattr.h>
#include <unistd.h>

#define MIB (1 << 20)

static unsigned calls;

static void must(long r, const char *what)
{
	if (r < 0) {
		perror(what);
		exit(1);
	}
}

static void fill(const char *name, size_t size, mode_t mode)
{
	static uint8_t buf[MIB];
	int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, mode);
	uint32_t x = (uint32_t)size;

	must(fd, name);
	for (size_t at = 0; at < size; at += sizeof(buf)) {
		size_t n = size - at < sizeof(buf) ? size - at : sizeof(buf);

		for (size_t i = 0; i < n; i++)
			buf[i] = (uint8_t)((x = x * 1664525 + 1013904223) >> 24);
		must(write(fd, buf, n), name);
	}
	fchmod(fd, mode);
	close(fd);
}

static void make(void)
{
	const struct timespec old[2] = {{1, 2}, {-100, 999999999}}, far[2] = {{1LL << 33, 5}, {1LL << 33, 6}};
	struct sockaddr_un a = {.sun_family = AF_UNIX, .sun_path = "sock"};
	char name[300];
	int fd;

	fill("empty", 0, 0644);
	fill("one", 1, 0640);
	fill("page", 4096, 0644);
	fill("more", 4097, 0604);
	fill("large", 5 * MIB + 123, 0644);
	fill("program", 100, 04755);
	fill("nobodys", 100, 0);
	must(link("one", "linked"), "linked");
	must(mkdir("dir", 01777), "dir");
	must(mkdir("dir/in", 0700), "dir/in");
	fill("dir/in/file", 1000, 0644);
	must(mkdir("many", 0755), "many");
	for (int i = 0; i < 700; i++) {
		snprintf(name, sizeof(name), "many/%d-%.*s", i, i % 240,
			"0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123"
			"4567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567"
			"89012345678901234567890123456789012345678901234567890123456789");
		fill(name, (size_t)i, 0644);
	}
	memset(name, 'n', 255);
	name[255] = '\0';
	fill(name, 5, 0644);
	fill("a name with \"odd\" bytes\n\t\x80\xff", 5, 0644);
	must(symlink("dir/in/file", "to-file"), "link");
	must(symlink("dir", "to-dir"), "link");
	must(symlink("none", "to-none"), "link");
	must(symlink("loop", "loop"), "link");
	must(symlink("../../../../../../../../etc/passwd", "out-relative"), "link");
	must(symlink("/proc/self/root/etc", "out-absolute"), "link");
	must(symlink("..", "up"), "link");
	must(mkfifo("fifo", 0644), "fifo");
	must(mknod("null", S_IFCHR | 0666, makedev(1, 3)), "null");
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	must(bind(fd, (struct sockaddr *)&a, sizeof(a)), "sock");
	close(fd);
	fd = open("sparse", O_WRONLY | O_CREAT, 0644);
	must(pwrite(fd, "data", 4, 3 * MIB), "sparse");
	must(ftruncate(fd, 6 * MIB), "sparse");
	/* Until the file system has its blocks, what it says of them changes by itself. */
	must(fsync(fd), "sparse");
	close(fd);
	must(chown("page", 12345, 4000000000), "chown");
	must(setxattr("one", "security.test", "a value", 7, 0), "setxattr");
	must(setxattr("dir", "security.other", "\0\1\2", 3, 0), "setxattr");
	must(utimensat(AT_FDCWD, "empty", old, 0), "utimensat");
	must(utimensat(AT_FDCWD, "to-none", far, AT_SYMLINK_NOFOLLOW), "utimensat");
}

static void say(const char *call, const char *path, long r, const char *rest)
{
	calls++;
	printf("%u %s(%.40s): %s%s%s\n", calls, call, path, r < 0 ? strerrorname_np(errno) : "ok", *rest ? " " : "",
		r < 0 ? "" : rest);
}

static void try_stat(const char *call, const char *path, int flags)
{
	char rest[300] = "";
	struct statx st;
	long r = statx(AT_FDCWD, path, flags, STATX_BASIC_STATS, &st);

	if (r == 0)
		snprintf(rest, sizeof(rest),
			"%o %u:%u %u links %llu bytes %llu blocks %u ino %llu rdev %u:%u %lld.%u %lld.%u", st.stx_mode,
			st.stx_uid, st.stx_gid, st.stx_nlink,
			S_ISDIR(st.stx_mode) ? 0 : (unsigned long long)st.stx_size, (unsigned long long)st.stx_blocks,
			st.stx_blksize, (unsigned long long)st.stx_ino, st.stx_rdev_major, st.stx_rdev_minor,
			(long long)st.stx_mtime.tv_sec, st.stx_mtime.tv_nsec, (long long)st.stx_ctime.tv_sec,
			st.stx_ctime.tv_nsec);
	say(call, path, r, rest);
}

static uint64_t sum(const uint8_t *p, size_t n)
{
	uint64_t h = 14695981039346656037u;

	for (size_t i = 0; i < n; i++)
		h = (h ^ p[i]) * 1099511628211u;
	return h;
}

static void try_reads(const char *path)
{
	static const off_t offset[] = {0, 1, 4095, 4096, 5000, 3 * MIB - 1, 5 * MIB + 100, 1LL << 40, LLONG_MAX - 10};
	static uint8_t buf[MIB + 77];
	int fd = open(path, O_RDONLY);
	struct stat st = {0};
	char rest[100];

	for (size_t i = 0; fd >= 0 && i < sizeof(offset) / sizeof(*offset); i++)
		for (size_t n = 1; n <= sizeof(buf); n = n * 97 + 3) {
			ssize_t r = pread(fd, buf, n, offset[i]);

			snprintf(rest, sizeof(rest), "%zd %llx", r, (long long)sum(buf, r > 0 ? (size_t)r : 0));
			say("pread", path, r, rest);
		}
	fstat(fd, &st);
	/* Directory offsets differ between file systems. */
	for (off_t at = 0; fd >= 0 && S_ISREG(st.st_mode) && at < 7 * MIB; at += MIB)
		for (int whence = SEEK_SET; whence <= SEEK_HOLE; whence++) {
			off_t r = lseek(fd, at, whence);

			snprintf(rest, sizeof(rest), "%d %lld", whence, (long long)r);
			say("lseek", path, r < 0 ? -1 : 0, rest);
		}
	if (fd >= 0) {
		uint8_t *p;

		p = mmap(NULL, (size_t)st.st_size + 1, PROT_READ, MAP_SHARED, fd, 0);
		snprintf(rest, sizeof(rest), "%llx", p == MAP_FAILED ? 0 : (long long)sum(p, (size_t)st.st_size));
		say("mmap", path, p == MAP_FAILED ? -1 : 0, rest);
		p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		say("mmap to write", path, p == MAP_FAILED ? -1 : 0, "");
		close(fd);
	}
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void try_list(const char *path)
{
	static char *names[2000];
	DIR *d = opendir(path);
	struct dirent *de;
	size_t nr = 0;
	char rest[400];

	say("opendir", path, d ? 0 : -1, "");
	while (d && (de = readdir(d)) && nr < 2000) {
		/* The parent of the tree is a different directory in the two runs. */
		bool up = !strcmp(de->d_name, "..");

		snprintf(rest, sizeof(rest), "%.260s %u %llu", de->d_name, de->d_type, up ? 0 : (long long)de->d_ino);
		names[nr++] = strdup(rest);
	}
	qsort(names, nr, sizeof(*names), by_name);
	for (size_t i = 0; i < nr; i++) {
		say("readdir", path, 0, names[i]);
		free(names[i]);
	}
	if (d)
		closedir(d);
}

static void try_xattrs(const char *path)
{
	static const char *const names[] = {"security.test", "security.other", "trusted.test", "user.test",
		"system.posix_acl_access", "none", "security.none", ""};
	char buf[100], rest[300];
	ssize_t n = llistxattr(path, buf, sizeof(buf));

	snprintf(rest, sizeof(rest), "%zd %s", n, n > 0 ? buf : "");
	say("llistxattr", path, n, rest);
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		for (size_t size = 0; size <= sizeof(buf); size += 5 + size * size) {
			n = getxattr(path, names[i], buf, size);
			snprintf(rest, sizeof(rest), "%s %zu: %zd %llx", names[i], size, n,
				(long long)sum((uint8_t *)buf, n > 0 && size ? (size_t)n : 0));
			say("getxattr", path, n, rest);
		}
}

static void try_opens(const char *path)
{
	static const int flags[] = {O_RDONLY, O_WRONLY, O_RDWR, O_RDONLY | O_DIRECTORY, O_RDONLY | O_NOFOLLOW,
		O_PATH | O_NOFOLLOW, O_RDONLY | O_TRUNC, O_RDWR | O_CREAT, O_RDWR | O_CREAT | O_EXCL,
		O_WRONLY | O_APPEND, O_RDONLY | O_CREAT};
	char rest[20];

	for (size_t i = 0; i < sizeof(flags) / sizeof(*flags); i++) {
		int fd = open(path, flags[i] | O_NONBLOCK, 0600);

		snprintf(rest, sizeof(rest), "%x", (unsigned)flags[i]);
		say("open", path, fd, rest);
		if (fd >= 0)
			close(fd);
	}
	for (int mode = 0; mode < 8; mode++)
		say("access", path, access(path, mode), "");
}

static void try_writes(const char *path)
{
	const struct timespec now[2] = {{5, 0}, {5, 0}};

	say("chmod", path, chmod(path, 0777), "");
	say("lchown", path, lchown(path, 1, 1), "");
	say("truncate", path, truncate(path, 5), "");
	say("unlink", path, unlink(path), "");
	say("rmdir", path, rmdir(path), "");
	say("mkdir", path, mkdir(path, 0700), "");
	say("mkfifo", path, mkfifo(path, 0700), "");
	say("symlink", path, symlink("x", path), "");
	say("link", path, link(path, "new-name"), "");
	say("rename", path, rename(path, "new-name"), "");
	say("utimensat", path, utimensat(AT_FDCWD, path, now, AT_SYMLINK_NOFOLLOW), "");
	say("setxattr", path, setxattr(path, "security.test", "x", 1, 0), "");
	say("removexattr", path, removexattr(path, "security.test"), "");
}

static void try_all(const char *path)
{
	char buf[PATH_MAX] = "";
	ssize_t n;

	try_stat("stat", path, 0);
	try_stat("lstat", path, AT_SYMLINK_NOFOLLOW);
	n = readlink(path, buf, sizeof(buf) - 1);
	say("readlink", path, n, buf);
	try_opens(path);
	try_xattrs(path);
	try_writes(path);
}

static void run(void)
{
	static const char *const paths[] = {".", "empty", "one", "page", "more", "large", "program", "linked", "dir",
		"dir/in", "dir/in/file", "many", "to-file", "to-dir", "to-none", "loop", "fifo", "null", "sock",
		"sparse", "none", "dir/none", "one/none", "one/", "dir/", "to-dir/", "to-dir/in/file", "to-none/x",
		"loop/x", "", "dir/../one", "dir/in/../../one", "./one", "fifo/x", "to-file/", "many/5-01234",
		"none/.."};
	char name[400];
	struct statfs fs;

	for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++)
		try_all(paths[i]);
	for (size_t len = 254; len < 258; len++) {
		memset(name, 'n', len);
		name[len] = '\0';
		try_all(name);
	}
	try_stat("lstat", "a name with \"odd\" bytes\n\t\x80\xff", AT_SYMLINK_NOFOLLOW);
	try_reads("empty");
	try_reads("one");
	try_reads("page");
	try_reads("more");
	try_reads("large");
	try_reads("sparse");
	try_reads("to-file");
	try_reads("dir");
	try_list(".");
	try_list("dir");
	try_list("many");
	try_list("one");
	say("statfs", ".", statfs(".", &fs), "");
	snprintf(name, sizeof(name), "%ld %ld %ld", (long)fs.f_bsize, (long)fs.f_namelen, (long)fs.f_blocks);
	say("statfs", ".", 0, name);
	printf("calls: %u\n", calls);
}

int main(int argc, char **argv)
{
	if (argc != 3 || chdir(argv[2]) < 0) {
		fprintf(stderr, "usage: sharecalls make|run DIR\n");
		return 1;
	}
	umask(0);
	if (!strcmp(argv[1], "make"))
		make();
	else
		run();
	return 0;
}
