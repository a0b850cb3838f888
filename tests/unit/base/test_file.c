// SPDX-License-Identifier: Apache-2.0
#include "tests/support/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "vmm/base/file.h"

struct fixture {
	char dir[64];
	char path[128];
	struct err e;
};

/* A path in the fixture's directory, where nothing is yet. */
static const char *fresh(struct fixture *f, const char *name)
{
	snprintf(f->path, sizeof(f->path), "%s/%s", f->dir, name);
	return f->path;
}

static const char *with_bytes(struct fixture *f, const char *text)
{
	FILE *out = fopen(fresh(f, "file"), "w");

	assert_non_null(out);
	assert_true(fputs(text, out) >= 0);
	assert_int_equal(fclose(out), 0);
	return f->path;
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	*state = f;
	strcpy(f->dir, "/tmp/test-file-XXXXXX");
	return mkdtemp(f->dir) ? 0 : -1;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	if (strcmp(f->path, f->dir))
		unlink(f->path);
	rmdir(f->dir);
	free(f);
	return 0;
}

/* Both refuse it, in the same words; so does the question. */
static void assert_refused(struct fixture *f, const char *path, int code, const char *words)
{
	CLEANUP_FD int path_fd = open(path, O_PATH | O_CLOEXEC);
	char want[256];
	uint64_t size = 77;
	int fd = -77;

	assert_true(path_fd >= 0);
	assert_int_equal(file_open_regular("kernel", path, &fd, &f->e), code);
	snprintf(want, sizeof(want), "kernel %s: %s", path, words);
	assert_string_equal(f->e.text, want);
	assert_int_equal(fd, -77);
	assert_int_equal(file_regular_size(path_fd, &size, &f->e), code);
	assert_string_equal(f->e.text, words);
	assert_int_equal(size, 77);
}

static void a_file_is_opened_and_measured(void **state)
{
	struct fixture *f = *state;
	CLEANUP_FD int fd = -1;
	char text[8] = "";
	uint64_t size;

	assert_int_equal(file_open_regular("kernel", with_bytes(f, "image"), &fd, &f->e), 0);
	assert_int_equal(file_regular_size(fd, &size, &f->e), 0);
	assert_int_equal(size, 5);
	assert_int_equal(read(fd, text, sizeof(text)), 5);
	assert_string_equal(text, "image");
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	assert_true(file_is_regular(f->path));
}

static void an_empty_file_is_refused(void **state)
{
	struct fixture *f = *state;

	assert_refused(f, with_bytes(f, ""), -EINVAL, "is empty");
	assert_true(file_is_regular(f->path));
}

static void a_directory_is_refused(void **state)
{
	struct fixture *f = *state;

	assert_refused(f, f->dir, -EISDIR, "is a directory, not a file");
	assert_false(file_is_regular(f->dir));
}

static void a_device_is_refused(void **state)
{
	assert_refused(*state, "/dev/null", -EINVAL,
		"is not a regular file (a pipe, socket or device): copy it to a file first");
	assert_false(file_is_regular("/dev/null"));
}

/* A FIFO without a writer would hang an open that blocks. */
static void a_fifo_is_refused_at_once(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(mkfifo(fresh(f, "fifo"), 0600), 0);
	alarm(10);
	assert_refused(
		f, f->path, -EINVAL, "is not a regular file (a pipe, socket or device): copy it to a file first");
	alarm(0);
	assert_false(file_is_regular(f->path));
}

static void what_is_not_there_cannot_be_opened(void **state)
{
	struct fixture *f = *state;
	char want[256];
	uint64_t size;
	int fd;

	assert_int_equal(file_open_regular("initrd", fresh(f, "none"), &fd, &f->e), -ENOENT);
	snprintf(want, sizeof(want), "cannot open initrd %s: No such file or directory", f->path);
	assert_string_equal(f->e.text, want);
	assert_false(file_is_regular(f->path));
	assert_int_equal(file_regular_size(-1, &size, &f->e), -EBADF);
	assert_string_equal(f->e.text, "cannot look at it: Bad file descriptor");
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(a_file_is_opened_and_measured),
		T(an_empty_file_is_refused),
		T(a_directory_is_refused),
		T(a_device_is_refused),
		T(a_fifo_is_refused_at_once),
		T(what_is_not_there_cannot_be_opened),
	};

	return run_group(tests);
}
