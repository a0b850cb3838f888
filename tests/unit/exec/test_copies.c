// SPDX-License-Identifier: Apache-2.0
/*
 * What calls do with files as a whole, on a directory of the host and one in memory: copies of ranges, attributes,
 * space, and names that openat2() keeps within a directory.
 */
#include "tests/support/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>

#include "tests/support/exec_kit.h"
#include "vmm/exec/walk.h"

#define CWD  ((uint64_t)AT_FDCWD)
#define BUF  (KIT_SCRATCH + 8 * PAGE_4K)
#define BAD  UINT64_C(0x123000)
#define SIZE 200000 /* more than one piece of a copy */

struct fixture {
	struct kit_task k;
	char dir[64];
	unsigned slot;
};

#define CALL(f, nr, ...) exec_call(&(f)->k.t, SYS_##nr, (const uint64_t[6]){__VA_ARGS__})

static uint64_t name(struct fixture *f, const char *text)
{
	uint64_t at = KIT_SCRATCH + (f->slot++ % 8) * PAGE_4K;

	kit_must(space_write(&f->k.t.space, at, text, strlen(text) + 1) == 0);
	return at;
}

static void host_path(const struct fixture *f, const char *path, char ret[static 128])
{
	snprintf(ret, 128, "%s/%s", f->dir, path);
}

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	char path[128];
	uint32_t node;

	kit_must(f);
	kit_task_open(&f->k, 8 * MIB, (const int[]){-1, -1, -1}, NULL);
	strcpy(f->dir, "/tmp/vmm-test-XXXXXX");
	kit_must(mkdtemp(f->dir));
	snprintf(path, sizeof(path), "%s:/w", f->dir);
	kit_must(mounts_add(&f->k.t.files->mounts, path, true, NULL) == 0);
	snprintf(path, sizeof(path), "%s:/r", f->dir);
	kit_must(mounts_add(&f->k.t.files->mounts, path, false, NULL) == 0);
	kit_must(tree_path(&f->k.t.files->tree, "/tmp", &node) == 0);
	f->k.t.files->tree.node[node].writable = true;
	kit_must(mounts_add_node(&f->k.t.files->mounts, "/tmp", node, true) == 0);
	kit_must(exec_proc_add(f->k.t.files) == 0);
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

	nftw(f->dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	kit_task_close(&f->k);
	free(f);
	return 0;
}

static uint64_t opened(struct fixture *f, const char *path, uint64_t flags)
{
	int64_t fd = CALL(f, openat, CWD, name(f, path), flags, 0600);

	assert_true(fd >= 0);
	return (uint64_t)fd;
}

static uint8_t byte_at(size_t i)
{
	return (uint8_t)(i * 31 + i / 251);
}

static uint64_t filled(struct fixture *f, const char *path)
{
	uint64_t fd = opened(f, path, O_RDWR | O_CREAT);

	for (size_t done = 0; done < SIZE;) {
		uint8_t page[PAGE_4K];
		size_t n = MIN(sizeof(page), SIZE - done);

		for (size_t i = 0; i < n; i++)
			page[i] = byte_at(done + i);
		kit_must(space_write(&f->k.t.space, BUF, page, n) == 0);
		assert_int_equal(CALL(f, pwrite64, fd, BUF, n, done), n);
		done += n;
	}
	return fd;
}

/* @fd has at @at what the filled file has at @from */
static void assert_copied(struct fixture *f, uint64_t fd, uint64_t at, uint64_t from, size_t len)
{
	for (size_t done = 0; done < len;) {
		uint8_t page[PAGE_4K];
		size_t n = MIN(sizeof(page), len - done);

		assert_int_equal(CALL(f, pread64, fd, BUF, n, at + done), n);
		kit_must(space_read(&f->k.t.space, BUF, page, n) == 0);
		for (size_t i = 0; i < n; i++)
			assert_int_equal(page[i], byte_at(from + done + i));
		done += n;
	}
}

static uint64_t offset(struct fixture *f, uint64_t at, uint64_t value)
{
	kit_must(space_write(&f->k.t.space, at, &value, sizeof(value)) == 0);
	return at;
}

static uint64_t word_at(struct fixture *f, uint64_t at)
{
	uint64_t v = 0;

	kit_must(space_read(&f->k.t.space, at, &v, sizeof(v)) == 0);
	return v;
}

static void copy_between(struct fixture *f, const char *from, const char *to)
{
	uint64_t in = filled(f, from), out = opened(f, to, O_RDWR | O_CREAT | O_TRUNC), one = BUF + 2 * PAGE_4K,
		 two = one + 8;

	assert_int_equal(CALL(f, copy_file_range, in, offset(f, one, 1000), out, offset(f, two, 5), 150000, 0), 150000);
	assert_true(word_at(f, one) == 151000 && word_at(f, two) == 150005);
	assert_copied(f, out, 5, 1000, 150000);
	/* Positions of the files: both stay where they are if the program has offsets, and move if it has none. */
	assert_int_equal(CALL(f, lseek, in, 0, SEEK_CUR), 0);
	assert_int_equal(CALL(f, lseek, in, 7, SEEK_SET), 7);
	assert_int_equal(CALL(f, copy_file_range, in, 0, out, 0, 1000000, 0), SIZE - 7);
	assert_int_equal(CALL(f, lseek, in, 0, SEEK_CUR), SIZE);
	assert_int_equal(CALL(f, lseek, out, 0, SEEK_CUR), SIZE - 7);
	assert_copied(f, out, 0, 7, SIZE - 7);
	assert_int_equal(CALL(f, copy_file_range, in, 0, out, 0, 1000000, 0), 0);
	assert_int_equal(CALL(f, copy_file_range, out, offset(f, one, 0), out, offset(f, two, 10), 11, 0), -EINVAL);
	assert_int_equal(CALL(f, copy_file_range, out, offset(f, one, 0), out, offset(f, two, 10), 10, 0), 10);
	assert_copied(f, out, 10, 7, 10);
	CALL(f, close, in);
	CALL(f, close, out);
}

static void copies(void **state)
{
	struct fixture *f = *state;
	uint64_t in, out, one = BUF + 2 * PAGE_4K;

	copy_between(f, "/w/a", "/w/b");
	copy_between(f, "/w/a", "/tmp/b");
	copy_between(f, "/tmp/a", "/w/b");
	copy_between(f, "/tmp/a", "/tmp/b");
	in = opened(f, "/r/a", O_RDONLY);
	out = opened(f, "/w/b", O_WRONLY | O_APPEND);
	assert_int_equal(CALL(f, copy_file_range, in, 0, out, offset(f, one, 0), 1, 0), -EBADF);
	assert_int_equal(CALL(f, copy_file_range, out, 0, in, 0, 1, 0), -EBADF);
	out = opened(f, "/w/b", O_WRONLY);
	assert_int_equal(CALL(f, copy_file_range, in, 0, out, 0, 1, 1), -EINVAL);
	assert_int_equal(CALL(f, copy_file_range, in, offset(f, one, UINT64_MAX), out, 0, 1, 0), -EOVERFLOW);
	assert_int_equal(CALL(f, copy_file_range, in, offset(f, one, UINT64_C(1) << 63), out, 0, 1, 0), -EINVAL);
	assert_int_equal(CALL(f, copy_file_range, in, BAD, out, 0, 1, 0), -EFAULT);
	assert_int_equal(CALL(f, copy_file_range, opened(f, "/w", O_RDONLY), 0, out, 0, 1, 0), -EISDIR);
	assert_int_equal(CALL(f, copy_file_range, opened(f, "/dev/zero", O_RDONLY), 0, out, 0, 1, 0), -EINVAL);
	assert_int_equal(CALL(f, copy_file_range, 99, 0, out, 0, 1, 0), -EBADF);
}

static void attributes(void **state)
{
	struct fixture *f = *state;
	uint64_t fd = filled(f, "/w/a");
	char path[128], text[16];

	host_path(f, "a", path);
	/* Not on each file system: then there are none, which the host says. */
	if (setxattr(path, "user.one", "first", 5, 0) < 0) {
		assert_true(CALL(f, fgetxattr, fd, name(f, "user.one"), BUF, 10) < 0);
		return;
	}
	setxattr(path, "trusted.two", "second", 6, 0);
	assert_int_equal(CALL(f, getxattr, name(f, "/r/a"), name(f, "user.one"), BUF, 10), 5);
	kit_must(space_read(&f->k.t.space, BUF, text, 5) == 0);
	assert_memory_equal(text, "first", 5);
	assert_int_equal(CALL(f, fgetxattr, fd, name(f, "user.one"), BUF, 0), 5);
	assert_int_equal(CALL(f, fgetxattr, fd, name(f, "user.one"), BUF, 4), -ERANGE);
	assert_int_equal(CALL(f, fgetxattr, fd, name(f, "user.one"), BAD, 10), -EFAULT);
	assert_int_equal(CALL(f, fgetxattr, fd, BAD, BUF, 10), -EFAULT);
	assert_int_equal(CALL(f, fgetxattr, fd, name(f, ""), BUF, 10), -ERANGE);
	/* Those of the system are not the program's. */
	assert_int_equal(CALL(f, fgetxattr, fd, name(f, "trusted.two"), BUF, 10), -ENODATA);
	assert_int_equal(CALL(f, listxattr, name(f, "/w/a"), BUF, 100), 9);
	kit_must(space_read(&f->k.t.space, BUF, text, 9) == 0);
	assert_memory_equal(text, "user.one", 9);
	assert_int_equal(CALL(f, flistxattr, fd, BUF, 0), 9);
	assert_int_equal(CALL(f, flistxattr, fd, BUF, 8), -ERANGE);
	assert_int_equal(CALL(f, flistxattr, fd, BAD, 100), -EFAULT);
	assert_int_equal(CALL(f, getxattr, name(f, "/w/none"), name(f, "user.one"), BUF, 10), -ENOENT);
	assert_int_equal(CALL(f, fgetxattr, 99, name(f, "user.one"), BUF, 10), -EBADF);
	fd = opened(f, "/tmp/x", O_RDWR | O_CREAT);
	assert_int_equal(CALL(f, fgetxattr, fd, name(f, "user.one"), BUF, 10), -EOPNOTSUPP);
	assert_int_equal(CALL(f, flistxattr, fd, BUF, 10), 0);
}

static void space_for_files(void **state)
{
	struct fixture *f = *state;
	uint64_t fd = filled(f, "/w/a");
	char path[128];
	struct stat st;

	host_path(f, "a", path);
	assert_int_equal(CALL(f, fallocate, fd, 1, 0, 300000), 0);
	kit_must(stat(path, &st) == 0);
	assert_int_equal(st.st_size, SIZE);
	assert_int_equal(CALL(f, fallocate, fd, 0, 0, 300000), 0);
	kit_must(stat(path, &st) == 0);
	assert_int_equal(st.st_size, 300000);
	assert_int_equal(CALL(f, fallocate, fd, 0x20, 0, 4096), -EOPNOTSUPP);
	assert_int_equal(CALL(f, fallocate, fd, 0, UINT64_MAX, 5), -EINVAL);
	assert_int_equal(CALL(f, fallocate, fd, 0, 5, 0), -EINVAL);
	assert_int_equal(CALL(f, fallocate, fd, 0, INT64_MAX, 5), -EFBIG);
	assert_int_equal(CALL(f, fallocate, opened(f, "/r/a", O_RDONLY), 0, 0, 5), -EBADF);
	assert_int_equal(CALL(f, syncfs, fd), 0);
	assert_int_equal(CALL(f, syncfs, 99), -EBADF);
}

static int64_t open_how(struct fixture *f, uint64_t dir, const char *path, uint64_t flags, uint64_t resolve)
{
	const struct open_how how = {flags, flags & O_CREAT ? 0600 : 0, resolve};

	kit_must(space_write(&f->k.t.space, BUF, &how, sizeof(how)) == 0);
	return CALL(f, openat2, dir, name(f, path), BUF, sizeof(how));
}

static void names_within(void **state)
{
	struct fixture *f = *state;
	uint64_t dir;
	char path[128];

	host_path(f, "in", path);
	kit_must(mkdir(path, 0700) == 0);
	host_path(f, "in/up", path);
	kit_must(symlink("../a", path) == 0);
	host_path(f, "in/absolute", path);
	kit_must(symlink("/own", path) == 0);
	filled(f, "/w/a");
	filled(f, "/w/in/own");
	dir = opened(f, "/w/in", O_RDONLY | O_DIRECTORY);
	assert_true(open_how(f, dir, "up", O_RDONLY, 0) >= 0);
	assert_int_equal(open_how(f, dir, "up", O_RDONLY, RESOLVE_BENEATH), -EXDEV);
	assert_int_equal(open_how(f, dir, "../a", O_RDONLY, RESOLVE_BENEATH), -EXDEV);
	assert_int_equal(open_how(f, dir, "/w/in/own", O_RDONLY, RESOLVE_BENEATH), -EXDEV);
	assert_true(open_how(f, dir, "../in/./own", O_RDONLY, 0) >= 0);
	assert_true(open_how(f, dir, "own", O_RDONLY, RESOLVE_BENEATH) >= 0);
	/* Its root is the directory: nothing is above it. */
	assert_int_equal(open_how(f, dir, "up", O_RDONLY, RESOLVE_IN_ROOT), -ENOENT);
	assert_true(open_how(f, dir, "../../own", O_RDONLY, RESOLVE_IN_ROOT) >= 0);
	assert_true(open_how(f, dir, "absolute", O_RDONLY, RESOLVE_IN_ROOT) >= 0);
	assert_true(open_how(f, dir, "new", O_RDWR | O_CREAT, RESOLVE_IN_ROOT) >= 0);
	host_path(f, "in/new", path);
	assert_int_equal(access(path, F_OK), 0);
	assert_int_equal(open_how(f, dir, "absolute", O_RDONLY, 0), -ENOENT);
	assert_int_equal(open_how(f, dir, "absolute", O_RDONLY, RESOLVE_NO_SYMLINKS), -ELOOP);
	assert_true(open_how(f, dir, "absolute", O_PATH | O_NOFOLLOW, RESOLVE_NO_SYMLINKS) >= 0);
	assert_int_equal(open_how(f, CWD, "/proc/self/fd/0", O_RDONLY, RESOLVE_NO_MAGICLINKS), -ELOOP);
	assert_int_equal(open_how(f, CWD, "/proc/self/root/w/a", O_RDONLY, RESOLVE_NO_MAGICLINKS), -ELOOP);
	/* From one mount to another */
	assert_int_equal(open_how(f, dir, "/w/a", O_RDONLY, RESOLVE_NO_XDEV), 0 - EXDEV);
	assert_int_equal(open_how(f, dir, "../../tmp", O_RDONLY, RESOLVE_NO_XDEV), -EXDEV);
	assert_int_equal(open_how(f, CWD, "/w/a", O_RDONLY, RESOLVE_NO_XDEV), -EXDEV);
	assert_true(open_how(f, dir, "../a", O_RDONLY, RESOLVE_NO_XDEV) >= 0);
	assert_int_equal(open_how(f, dir, "own", O_RDONLY, 0x20), -EAGAIN);
	assert_int_equal(open_how(f, dir, "own", O_RDONLY, 0x40), -EINVAL);
	assert_int_equal(CALL(f, openat2, dir, name(f, "own"), BAD, 24), -EFAULT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(copies, set_up, tear_down),
		cmocka_unit_test_setup_teardown(attributes, set_up, tear_down),
		cmocka_unit_test_setup_teardown(space_for_files, set_up, tear_down),
		cmocka_unit_test_setup_teardown(names_within, set_up, tear_down),
	};

	alarm(20);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
