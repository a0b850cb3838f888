// SPDX-License-Identifier: Apache-2.0
/*
 * Names of a program on a tree of the host and on one in memory: where they lead, that none leads out of a mount,
 * whatever links there are and whatever somebody else does to the tree meanwhile, and what changes.
 */
#include "tests/support/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "tests/support/exec_kit.h"
#include "vmm/exec/walk.h"

#define SLOTS 16
#define CWD   ((uint64_t)AT_FDCWD)

#ifndef RENAME_EXCHANGE
#define RENAME_EXCHANGE 2
#endif

/* @dir: on the host: in it "in", which is mounted at /m and, to be changed, at /w, and "out", which is not */
struct fixture {
	struct kit_task k;
	char dir[64];
	int fd;
	unsigned slot;
	_Atomic bool done;
};

#define CALL(f, nr, ...) exec_call(&(f)->k.t, SYS_##nr, (const uint64_t[6]){__VA_ARGS__})

static uint64_t name(struct fixture *f, const char *text)
{
	uint64_t at = KIT_SCRATCH + (f->slot++ % SLOTS) * PAGE_4K;

	kit_must(space_write(&f->k.t.space, at, text, strlen(text) + 1) == 0);
	return at;
}

static void make_file(const struct fixture *f, const char *path, const char *text)
{
	CLEANUP_FD int fd = openat(f->fd, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	kit_must(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
}

static void make_link(const struct fixture *f, const char *target, const char *path)
{
	kit_must(symlinkat(target, f->fd, path) == 0);
}

static void make_tree(struct fixture *f)
{
	static const char *const dirs[] = {"in", "in/a", "in/a/b", "out", "in/d", "in/inner"};
	char path[32];

	for (size_t i = 0; i < ARRAY_SIZE(dirs); i++)
		kit_must(mkdirat(f->fd, dirs[i], 0755) == 0);
	make_file(f, "in/a/b/file", "inside");
	make_file(f, "in/d/secret", "inside");
	make_file(f, "out/secret", "outside");
	make_link(f, "../out/secret", "in/relative");
	make_link(f, "../../../../../../../../../../../../etc/passwd", "in/far");
	make_link(f, "/etc/passwd", "in/absolute");
	make_link(f, "/m/a/b", "in/to_b");
	make_link(f, "a/b/file", "in/to_file");
	make_link(f, "loop", "in/loop");
	make_link(f, ".", "in/self");
	make_link(f, "/proc/self/root/etc/passwd", "in/magic");
	make_link(f, "nothing", "in/dangling");
	make_link(f, "a/b/file", "in/l0");
	for (int i = 1; i <= 41; i++) {
		char target[16];

		snprintf(target, sizeof(target), "l%d", i - 1);
		snprintf(path, sizeof(path), "in/l%d", i);
		make_link(f, target, path);
	}
	kit_must(mkfifoat(f->fd, "in/fifo", 0644) == 0);
}

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	char text[128];
	uint32_t node;

	kit_must(f);
	strcpy(f->dir, "/tmp/vmm-walk-XXXXXX");
	kit_must(mkdtemp(f->dir));
	f->fd = open(f->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	make_tree(f);
	kit_task_open(&f->k, 8 * MIB, (const int[]){-1, -1, -1}, NULL);
	kit_must(exec_proc_add(f->k.t.files) == 0);
	snprintf(text, sizeof(text), "%s/in:/m", f->dir);
	kit_must(mounts_add(&f->k.t.files->mounts, text, false, NULL) == 0);
	snprintf(text, sizeof(text), "%s/in:/w", f->dir);
	kit_must(mounts_add(&f->k.t.files->mounts, text, true, NULL) == 0);
	kit_must(tree_path(&f->k.t.files->tree, "/tmp", &node) == 0);
	f->k.t.files->tree.node[node].writable = true;
	kit_must(mounts_add_node(&f->k.t.files->mounts, "/tmp", node, true) == 0);
	*state = f;
	return 0;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
	return remove(path);
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	kit_task_close(&f->k);
	close(f->fd);
	nftw(f->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	free(f);
	return 0;
}

/* The first bytes of a file, or the error as a text */
static const char *content(struct fixture *f, const char *path, char buf[static 32])
{
	int64_t fd = CALL(f, open, name(f, path), O_RDONLY), n;

	if (fd < 0)
		return strerror((int)-fd);
	n = CALL(f, read, (uint64_t)fd, KIT_SCRATCH + 20 * PAGE_4K, 31);
	assert_int_equal(CALL(f, close, (uint64_t)fd), 0);
	if (n < 0)
		return strerror((int)-n);
	memset(buf, 0, 32);
	kit_must(space_read(&f->k.t.space, KIT_SCRATCH + 20 * PAGE_4K, buf, (size_t)n) == 0);
	return buf;
}

static void where_names_lead(void **state)
{
	static const struct {
		const char *path;
		const char *want;
	} rows[] = {
		{"/m/a/b/file", "inside"},
		{"//m/./a//b/../b/file", "inside"},
		{"/m/to_b/file", "inside"},
		{"/m/to_file", "inside"},
		{"/m/self/self/self/to_b/../b/file", "inside"},
		{"/m/to_b/../../a/b/file", "inside"},
		{"/../../m/a/b/file", "inside"},
		{"/m/l39", "inside"},
		{"/m/l40", "Too many levels of symbolic links"},
		{"/m/loop", "Too many levels of symbolic links"},
		{"/m/loop/x", "Too many levels of symbolic links"},
		{"/m/a/b/file/", "Not a directory"},
		{"/m/a/b/file/.", "Not a directory"},
		{"/m/a/b/file/..", "Not a directory"},
		{"/m/to_file/", "Not a directory"},
		{"/m/a/b", "Is a directory"},
		{"/m/dangling", "No such file or directory"},
		{"/m/a/none/../b/file", "No such file or directory"},
		/* Out of the tree: nothing of the host. */
		{"/m/relative", "No such file or directory"},
		{"/m/far", "No such file or directory"},
		{"/m/absolute", "No such file or directory"},
		{"/m/magic", "No such file or directory"},
		{"/m/../out/secret", "No such file or directory"},
		{"/m/a/../../out/secret", "No such file or directory"},
		{"/proc/self/root/m/a/b/file", "inside"},
		{"/proc/self/cwd/m/a/b/file", "inside"},
		{"/m/fifo", "Permission denied"},
		{"/dev/tty", "No such device or address"},
	};
	struct fixture *f = *state;
	char buf[32];

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		assert_string_equal(content(f, rows[i].path, buf), rows[i].want);
	assert_int_equal(CALL(f, open, name(f, ""), O_RDONLY), -ENOENT);
	assert_int_equal(CALL(f, openat, 77, name(f, "x"), O_RDONLY), -EBADF);
	assert_int_equal(CALL(f, open, name(f, "/m/to_file"), O_RDONLY | O_NOFOLLOW), -ELOOP);
	assert_int_equal(CALL(f, open, name(f, "/m/fifo"), O_WRONLY | O_NONBLOCK), -EACCES);
	assert_int_equal(CALL(f, mkdir, name(f, "/proc/x"), 0777), -EROFS);
}

static void name_lengths(void **state)
{
	struct fixture *f = *state;
	char path[PATH_MAX + 64], buf[32];

	memset(path, 'x', sizeof(path));
	memcpy(path, "/m/", 3);
	path[3 + NAME_MAX] = '\0';
	assert_string_equal(content(f, path, buf), "No such file or directory");
	path[3 + NAME_MAX] = 'x';
	path[4 + NAME_MAX] = '\0';
	assert_string_equal(content(f, path, buf), "File name too long");
	for (size_t i = 0; i < PATH_MAX - 1; i++)
		path[i] = i % 2 ? '.' : '/';
	path[PATH_MAX - 2] = '\0';
	assert_string_equal(content(f, path, buf), "Is a directory");
	path[PATH_MAX - 2] = '/';
	path[PATH_MAX - 1] = '.';
	path[PATH_MAX] = '\0';
	assert_string_equal(content(f, path, buf), "File name too long");
}

static void directories(void **state)
{
	struct fixture *f = *state;
	char buf[32] = "";
	int64_t dir;

	assert_int_equal(CALL(f, chdir, name(f, "/m/to_b")), 0);
	assert_int_equal(CALL(f, getcwd, KIT_SCRATCH, 100), 7);
	kit_must(space_read(&f->k.t.space, KIT_SCRATCH, buf, 7) == 0);
	assert_string_equal(buf, "/m/a/b");
	assert_string_equal(content(f, "file", buf), "inside");
	assert_string_equal(content(f, "../../../../../m/to_file", buf), "inside");
	dir = CALL(f, open, name(f, "/m/a"), O_RDONLY | O_DIRECTORY);
	assert_in_range(dir, 0, 10);
	assert_int_equal(CALL(f, faccessat, (uint64_t)dir, name(f, "b/file"), R_OK), 0);
	assert_int_equal(CALL(f, faccessat, (uint64_t)dir, name(f, "b/file"), W_OK), -EROFS);
	/* It is the directory that is open, whatever it is called now; ".." goes by the name that it had. */
	kit_must(renameat(f->fd, "in/a", f->fd, "in/z") == 0);
	assert_int_equal(CALL(f, faccessat, (uint64_t)dir, name(f, "b/file"), R_OK), 0);
	assert_int_equal(CALL(f, faccessat, (uint64_t)dir, name(f, "../z"), R_OK), 0);
	kit_must(renameat(f->fd, "in/z", f->fd, "out/z") == 0);
	assert_int_equal(CALL(f, faccessat, (uint64_t)dir, name(f, "../secret"), R_OK), -ENOENT);
	assert_int_equal(CALL(f, faccessat, (uint64_t)dir, name(f, "b/../../secret"), R_OK), -ENOENT);
	assert_int_equal(CALL(f, fchdir, (uint64_t)dir), 0);
	assert_string_equal(content(f, "../secret", buf), "No such file or directory");
}

/* Somebody exchanges a directory with a link that leads out, again and again. */
static void *exchange(void *arg)
{
	struct fixture *f = arg;

	while (!atomic_load(&f->done))
		syscall(SYS_renameat2, f->fd, "in/d", f->fd, "in/evil", RENAME_EXCHANGE);
	return NULL;
}

static void races(void **state)
{
	struct fixture *f = *state;
	unsigned inside = 0, refused = 0;
	pthread_t thread;
	char buf[32];

	make_link(f, "../out", "in/evil");
	kit_must(pthread_create(&thread, NULL, exchange, f) == 0);
	for (int i = 0; i < 4000; i++) {
		const char *text = content(f, i % 2 ? "/w/d/secret" : "/w/d/../d/secret", buf);

		assert_string_not_equal(text, "outside");
		inside += !strcmp(text, "inside");
		refused += strcmp(text, "inside") != 0;
		/* Nothing is made or removed out there either. */
		CALL(f, mkdir, name(f, "/w/d/made"), 0700);
		CALL(f, rmdir, name(f, "/w/d/made"));
		CALL(f, unlink, name(f, "/w/d/none"));
		CALL(f, truncate, name(f, "/w/d/secret"), 6);
	}
	atomic_store(&f->done, true);
	pthread_join(thread, NULL);
	assert_true(inside + refused == 4000);
	assert_int_equal(faccessat(f->fd, "out/made", F_OK, 0), -1);
	make_link(f, "../out/secret", "in/x");
	assert_string_equal(content(f, "/w/x", buf), "No such file or directory");
	assert_int_equal(unlinkat(f->fd, "in/x", 0), 0);
	{
		CLEANUP_FD int fd = openat(f->fd, "out/secret", O_RDONLY);

		memset(buf, 0, sizeof(buf));
		assert_int_equal(read(fd, buf, sizeof(buf)), 7);
		assert_string_equal(buf, "outside");
	}
}

static void many_descriptors(void **state)
{
	struct fixture *f = *state;
	struct rlimit limit;
	int64_t fd, nr = 0;

	kit_must(getrlimit(RLIMIT_NOFILE, &limit) == 0);
	limit.rlim_cur = limit.rlim_max;
	kit_must(setrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur > EXEC_FILES_MAX + 64);
	while ((fd = CALL(f, open, name(f, "/m/a/b/file"), O_RDONLY)) >= 0)
		assert_int_equal(fd, nr++);
	assert_int_equal(fd, -EMFILE);
	assert_int_equal(nr, EXEC_FILES_MAX);
	assert_int_equal(CALL(f, mkdir, name(f, "/w/still"), 0700), 0);
	assert_int_equal(CALL(f, open, name(f, "/proc/meminfo"), O_RDONLY), -EMFILE);
	assert_int_equal(CALL(f, close, 4000), 0);
	assert_int_equal(CALL(f, open, name(f, "/proc/meminfo"), O_RDONLY), 4000);
	assert_int_equal(CALL(f, close_range, 3, UINT32_MAX, 0), 0);
	assert_int_equal(CALL(f, open, name(f, "/m/a/b/file"), O_RDONLY), 3);
}

/* The same changes below a mount of the host and in memory, with the same results. */
static void changes_in(struct fixture *f, const char *dir)
{
	uint64_t to = KIT_SCRATCH + 20 * PAGE_4K;
	char path[64], buf[32];
	struct stat st;
	int64_t fd;

#define AT(text) name(f, (snprintf(path, sizeof(path), "%s/%s", dir, text), path))
	assert_int_equal(CALL(f, mkdir, AT("new"), 0777), 0);
	assert_int_equal(CALL(f, mkdir, AT("new"), 0777), -EEXIST);
	assert_int_equal(CALL(f, mkdir, AT("new/sub/"), 0700), 0);
	assert_int_equal(CALL(f, mkdir, AT("none/sub"), 0700), -ENOENT);
	fd = CALL(f, open, AT("new/file"), O_RDWR | O_CREAT | O_EXCL, 0666);
	assert_in_range(fd, 0, 10);
	assert_int_equal(CALL(f, open, AT("new/file"), O_RDWR | O_CREAT | O_EXCL, 0666), -EEXIST);
	kit_must(space_write(&f->k.t.space, to, "0123456789", 10) == 0);
	assert_int_equal(CALL(f, write, (uint64_t)fd, to, 10), 10);
	assert_int_equal(CALL(f, pwrite64, (uint64_t)fd, to, 4, 100000), 4);
	assert_int_equal(CALL(f, fstat, (uint64_t)fd, to + 64), 0);
	kit_must(space_read(&f->k.t.space, to + 64, &st, sizeof(st)) == 0);
	assert_int_equal(st.st_size, 100004);
	assert_int_equal(st.st_mode, S_IFREG | 0644);
	assert_int_equal(CALL(f, pread64, (uint64_t)fd, to + 512, 8, 100000), 4);
	assert_int_equal(CALL(f, pread64, (uint64_t)fd, to + 512, 8, 5000), 8);
	kit_must(space_read(&f->k.t.space, to + 512, buf, 8) == 0);
	assert_memory_equal(buf, "\0\0\0\0\0\0\0\0", 8);
	assert_int_equal(CALL(f, ftruncate, (uint64_t)fd, 5), 0);
	assert_int_equal(CALL(f, lseek, (uint64_t)fd, 0, SEEK_END), 5);
	assert_int_equal(CALL(f, ftruncate, (uint64_t)fd, 9), 0);
	assert_int_equal(CALL(f, pread64, (uint64_t)fd, to + 512, 20, 0), 9);
	kit_must(space_read(&f->k.t.space, to + 512, buf, 9) == 0);
	assert_memory_equal(buf, "01234\0\0\0\0", 9);
	assert_int_equal(CALL(f, fchmod, (uint64_t)fd, 0600), 0);
	assert_int_equal(CALL(f, fchmod, (uint64_t)fd, 04755), -EPERM);
	assert_int_equal(CALL(f, fsync, (uint64_t)fd), 0);
	assert_int_equal(CALL(f, close, (uint64_t)fd), 0);
	assert_int_equal(CALL(f, symlink, name(f, "file"), AT("new/link")), 0);
	assert_int_equal(CALL(f, readlink, AT("new/link"), to, 100), 4);
	assert_int_equal(CALL(f, lstat, AT("new/link"), to), 0);
	kit_must(space_read(&f->k.t.space, to, &st, sizeof(st)) == 0);
	assert_true(S_ISLNK(st.st_mode) && st.st_size == 4);
	assert_int_equal(CALL(f, rename, AT("new/file"), AT("new/sub/moved")), 0);
	assert_int_equal(CALL(f, access, AT("new/link"), F_OK), -ENOENT);
	assert_int_equal(CALL(f, rename, AT("new"), AT("new/sub/x")), -EINVAL);
	assert_int_equal(CALL(f, mkdir, AT("new/dir"), 0777), 0);
	assert_int_equal(CALL(f, rename, AT("new/sub/moved"), AT("new/dir")), -EISDIR);
	assert_int_equal(CALL(f, rename, AT("new/sub"), AT("new/dir")), 0);
	assert_int_equal(CALL(f, rename, AT("new/dir"), AT("new/sub")), 0);
	assert_int_equal(CALL(f, rename, AT("new/sub"), AT("new/link")), -ENOTDIR);
	assert_int_equal(CALL(f, renameat2, CWD, AT("new/link"), CWD, AT("new/sub/moved"), 1), -EEXIST);
	assert_int_equal(CALL(f, rename, AT("new/sub/moved"), name(f, "/m/x")), -EROFS);
	assert_int_equal(CALL(f, rmdir, AT("new")), -ENOTEMPTY);
	assert_int_equal(CALL(f, rmdir, AT("new/link")), -ENOTDIR);
	assert_int_equal(CALL(f, rmdir, AT("new/sub/.")), -EINVAL);
	assert_int_equal(CALL(f, unlink, AT("new/sub")), -EISDIR);
	assert_int_equal(CALL(f, chmod, AT("new/sub/moved"), 0640), 0);
	assert_int_equal(CALL(f, truncate, AT("new/sub/moved"), 3), 0);
	assert_int_equal(
		CALL(f, utimensat, CWD, AT("new/sub/moved"),
			(kit_must(space_write(&f->k.t.space, to, (const int64_t[4]){1, 2, 3, 4}, 32) == 0), to), 0),
		0);
	assert_int_equal(CALL(f, stat, AT("new/sub/moved"), to), 0);
	kit_must(space_read(&f->k.t.space, to, &st, sizeof(st)) == 0);
	assert_true(
		st.st_mode == (S_IFREG | 0640) && st.st_size == 3 && st.st_mtim.tv_sec == 3 && st.st_mtim.tv_nsec == 4);
	/* A file that is open is there until it is closed. */
	fd = CALL(f, open, AT("new/sub/moved"), O_RDONLY);
	assert_int_equal(CALL(f, unlink, AT("new/sub/moved")), 0);
	assert_int_equal(CALL(f, unlink, AT("new/sub/moved")), -ENOENT);
	assert_int_equal(CALL(f, read, (uint64_t)fd, to, 10), 3);
	assert_int_equal(CALL(f, close, (uint64_t)fd), 0);
	assert_int_equal(CALL(f, unlink, AT("new/link")), 0);
	assert_int_equal(CALL(f, rmdir, AT("new/sub")), 0);
	assert_int_equal(CALL(f, rmdir, AT("new")), 0);
	assert_int_equal(CALL(f, access, AT("new"), F_OK), -ENOENT);
	assert_int_equal(CALL(f, rmdir, name(f, dir)), -EBUSY);
}

static void changes(void **state)
{
	struct fixture *f = *state;
	uint32_t used = f->k.t.files->tree.counts.used, live = f->k.t.files->tree.counts.live;

	changes_in(f, "/w");
	changes_in(f, "/tmp");
	assert_int_equal(f->k.t.files->tree.counts.used, used);
	assert_int_equal(f->k.t.files->tree.counts.live, live);
	assert_int_equal(CALL(f, rename, name(f, "/w/a"), name(f, "/tmp/a")), -EXDEV);
}

/* Below --ro nothing changes. */
static void read_only(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(CALL(f, open, name(f, "/m/a/b/file"), O_WRONLY), -EROFS);
	assert_int_equal(CALL(f, open, name(f, "/m/a/b/file"), O_RDONLY | O_TRUNC), -EROFS);
	assert_int_equal(CALL(f, open, name(f, "/m/new"), O_RDWR | O_CREAT, 0600), -EROFS);
	assert_int_equal(CALL(f, mkdir, name(f, "/m/new"), 0700), -EROFS);
	assert_int_equal(CALL(f, symlink, name(f, "x"), name(f, "/m/new")), -EROFS);
	assert_int_equal(CALL(f, link, name(f, "/m/a/b/file"), name(f, "/m/new")), -EROFS);
	assert_int_equal(CALL(f, link, name(f, "/m/a/b/file"), name(f, "/w/new")), -EXDEV);
	assert_int_equal(CALL(f, rename, name(f, "/m/a"), name(f, "/m/new")), -EROFS);
	assert_int_equal(CALL(f, rename, name(f, "/m/a"), name(f, "/w/new")), -EROFS);
	assert_int_equal(CALL(f, unlink, name(f, "/m/a/b/file")), -EROFS);
	assert_int_equal(CALL(f, rmdir, name(f, "/m/d")), -EROFS);
	assert_int_equal(CALL(f, chmod, name(f, "/m/a"), 0700), -EROFS);
	assert_int_equal(CALL(f, truncate, name(f, "/m/a/b/file"), 0), -EROFS);
	assert_int_equal(CALL(f, utimensat, CWD, name(f, "/m/a"), 0, 0), -EROFS);
	assert_int_equal(CALL(f, chown, name(f, "/m/a"), UINT32_MAX, UINT32_MAX), -EROFS);
	assert_int_equal(faccessat(f->fd, "in/new", F_OK, 0), -1);
	assert_int_equal(faccessat(f->fd, "in/a/b/file", F_OK, 0), 0);
}

/* What is in memory has a limit, and gives back what it had. */
static void limits(void **state)
{
	struct fixture *f = *state;
	uint32_t used = f->k.t.files->tree.counts.used;
	int64_t fd = CALL(f, open, name(f, "/tmp/big"), O_RDWR | O_CREAT, 0600), n, all = 0;

	while ((n = CALL(f, write, (uint64_t)fd, KIT_SCRATCH, 60 * PAGE_4K)) > 0)
		all += n;
	assert_int_equal(n, -ENOSPC);
	assert_in_range(all, 200 * PAGE_4K, 256 * PAGE_4K);
	assert_int_equal(CALL(f, ftruncate, (uint64_t)fd, 5000), 0);
	assert_in_range(f->k.t.files->tree.counts.used, used + 2, used + 4);
	assert_int_equal(CALL(f, pwrite64, (uint64_t)fd, KIT_SCRATCH, 1, TREE_SIZE_MAX), -EFBIG);
	assert_int_equal(CALL(f, pwrite64, (uint64_t)fd, KIT_SCRATCH, 1, TREE_SIZE_MAX - 1), 1);
	assert_int_equal(CALL(f, unlink, name(f, "/tmp/big")), 0);
	assert_int_equal(CALL(f, close, (uint64_t)fd), 0);
	assert_int_equal(f->k.t.files->tree.counts.used, used);
	for (int i = 0;; i++) {
		char path[32];

		snprintf(path, sizeof(path), "/tmp/%d", i);
		n = CALL(f, mkdir, name(f, path), 0700);
		if (n < 0)
			break;
		kit_must(i < 2000);
	}
	assert_int_equal(n, -ENOSPC);
}

/* Each entry of a directory once, in a buffer that has room for a few. */
static unsigned list(struct fixture *f, const char *dir)
{
	int64_t fd = CALL(f, open, name(f, dir), O_RDONLY | O_DIRECTORY), n;
	unsigned entries = 0;
	uint8_t buf[256];

	while ((n = CALL(f, getdents64, (uint64_t)fd, KIT_SCRATCH, sizeof(buf))) > 0) {
		kit_must(space_read(&f->k.t.space, KIT_SCRATCH, buf, (size_t)n) == 0);
		for (int64_t at = 0; at < n; at += buf[at + 16] | buf[at + 17] << 8)
			entries++;
	}
	assert_int_equal(n, 0);
	assert_int_equal(CALL(f, close, (uint64_t)fd), 0);
	return entries;
}

static void listings(void **state)
{
	struct fixture *f = *state;
	char path[32];

	for (int i = 0; i < 100; i++) {
		snprintf(path, sizeof(path), "/tmp/%d", i);
		assert_int_equal(CALL(f, mkdir, name(f, path), 0700), 0);
	}
	assert_int_equal(list(f, "/tmp"), 102);
	assert_int_equal(list(f, "/tmp/7"), 2);
	assert_int_equal(list(f, "/m/a/b"), 3);
	assert_int_equal(CALL(f, open, name(f, "/dev/null"), O_RDWR), 0);
	assert_int_equal(list(f, "/proc/self/fd"), 4);
}

static void devices(void **state)
{
	struct fixture *f = *state;
	uint64_t to = KIT_SCRATCH + 20 * PAGE_4K;
	char buf[32];

	assert_string_equal(content(f, "/dev/null", buf), "");
	assert_string_equal(content(f, "/dev/zero", buf), "");
	assert_int_equal(CALL(f, open, name(f, "/dev/full"), O_RDWR), 0);
	assert_int_equal(CALL(f, write, 0, to, 1), -ENOSPC);
	assert_int_equal(CALL(f, open, name(f, "/dev/null"), O_WRONLY), 1);
	assert_int_equal(CALL(f, write, 1, to, 5000), 5000);
	assert_int_equal(CALL(f, read, 1, to, 1), -EBADF);
	assert_int_equal(CALL(f, open, name(f, "/dev/urandom"), O_RDONLY), 2);
	assert_int_equal(CALL(f, read, 2, to, 64), 64);
	kit_must(space_read(&f->k.t.space, to, buf, sizeof(buf)) == 0);
	assert_memory_not_equal(buf, "\0\0\0\0\0\0\0\0", 8);
	assert_int_equal(CALL(f, open, name(f, "/dev/fd/1"), O_WRONLY), 3);
	assert_int_equal(CALL(f, write, 3, to, 1), 1);
	assert_int_equal(CALL(f, open, name(f, "/dev/stdin"), O_RDWR), 4);
	assert_int_equal(CALL(f, write, 4, to, 1), -ENOSPC);
	assert_memory_equal(content(f, "/proc/self/status", buf), "Name:", 5);
	assert_memory_equal(content(f, "/proc/self/maps", buf), "10000000-10040000 rw-p", 22);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(where_names_lead, set_up, tear_down),
		cmocka_unit_test_setup_teardown(name_lengths, set_up, tear_down),
		cmocka_unit_test_setup_teardown(directories, set_up, tear_down),
		cmocka_unit_test_setup_teardown(races, set_up, tear_down),
		cmocka_unit_test_setup_teardown(many_descriptors, set_up, tear_down),
		cmocka_unit_test_setup_teardown(changes, set_up, tear_down),
		cmocka_unit_test_setup_teardown(read_only, set_up, tear_down),
		cmocka_unit_test_setup_teardown(limits, set_up, tear_down),
		cmocka_unit_test_setup_teardown(listings, set_up, tear_down),
		cmocka_unit_test_setup_teardown(devices, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
