// SPDX-License-Identifier: Apache-2.0
/*
 * Which files of a run are one: by hard link, symbolic link, device number, directory and name, descriptor.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "tests/support/unit.h"
#include "vmm/base/fdpath.h"
#include "vmm/host/fileset.h"

static char dir[] = "/tmp/vmm-fileset.XXXXXX";

static void make(const char *name)
{
	int fd = open(name, O_WRONLY | O_CREAT, 0600);

	assert_true(fd >= 0);
	close(fd);
}

static int set_up(void **state)
{
	if (!mkdtemp(dir) || chdir(dir) < 0)
		return -1;
	make("a");
	make("b");
	assert_int_equal(link("a", "hard"), 0);
	assert_int_equal(symlink("a", "soft"), 0);
	assert_int_equal(symlink("/proc/self/fd/1", "out"), 0);
	assert_int_equal(symlink("new", "dangling"), 0);
	assert_int_equal(mkdir("sub", 0700), 0);
	assert_int_equal(symlink(dir, "sub/up"), 0);
	return 0;
}

static int tear_down(void **state)
{
	static const char *const names[] = {"a", "b", "hard", "soft", "out", "dangling", "sub/up"};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		unlink(names[i]);
	rmdir("sub");
	return chdir("/") < 0 || rmdir(dir) < 0 ? -1 : 0;
}

static const struct {
	const char *a, *b;
	enum file_use a_use, b_use;
	const char *words; /* NULL: they get along */
} pairs[] = {
	{"a", "a", FILE_READ, FILE_WRITE, "--b a: the file of --a a"},
	{"a", "hard", FILE_READ, FILE_WRITE, "--b hard: the file of --a a"},
	{"a", "soft", FILE_READ, FILE_WRITE, "--b soft: the file of --a a"},
	{"soft", "./hard", FILE_READ, FILE_WRITE, "--b ./hard: the file of --a soft"},
	{"a", "sub/up/a", FILE_READ, FILE_WRITE, "--b sub/up/a: the file of --a a"},
	{"hard", "soft", FILE_WRITE, FILE_READ, "--a hard: the file of --b soft"},
	{"a", "hard", FILE_WRITE, FILE_WRITE, "--b hard: the file of --a a"},
	{"new", "new", FILE_WRITE, FILE_WRITE, "--b new: the file of --a new"},
	{"new", "./sub/up/new", FILE_WRITE, FILE_WRITE, "--b ./sub/up/new: the file of --a new"},
	{"a", "b", FILE_READ, FILE_WRITE, NULL},
	{"a", "b", FILE_WRITE, FILE_WRITE, NULL},
	{"a", "hard", FILE_READ, FILE_READ, NULL},
	{"new", "newer", FILE_WRITE, FILE_WRITE, NULL},
	{"new", "sub/new", FILE_WRITE, FILE_WRITE, NULL},
	{"/dev/null", "/dev/null", FILE_WRITE, FILE_WRITE, NULL},
	{"/dev/null", "/dev/null", FILE_READ, FILE_WRITE, NULL},
	{"sub", "sub", FILE_READ, FILE_WRITE, NULL},
	{"no/such", "no/such", FILE_WRITE, FILE_WRITE, NULL},
};

static void each_pair(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(pairs); i++) {
		struct fileset s = {0};
		struct err e = {};
		int r;

		fileset_add(&s, "--a", pairs[i].a, pairs[i].a_use);
		fileset_add(&s, "--none", NULL, FILE_WRITE);
		fileset_add(&s, "--b", pairs[i].b, pairs[i].b_use);
		r = fileset_check(&s, &e);
		if (r != (pairs[i].words ? -EINVAL : 0) ||
			(r && strncmp(e.text, pairs[i].words, strlen(pairs[i].words))))
			fail_msg("%s, %s: %d, %s", pairs[i].a, pairs[i].b, r, e.text);
		if (r)
			assert_true(e.by_operator);
	}
}

/* Runs a check with standard streams of its own. */
static int check_with(int in, int out, const char *path, enum file_use use, struct err *e)
{
	int old_in = dup(0), old_out = dup(1), r;
	struct fileset s = {0};

	dup2(in, 0);
	dup2(out, 1);
	fileset_add_streams(&s);
	fileset_add(&s, "--x", path, use);
	r = fileset_check(&s, e);
	dup2(old_in, 0);
	dup2(old_out, 1);
	close(old_in);
	close(old_out);
	return r;
}

/* With standard error there; nothing is printed meanwhile. */
static int check_error(int error, const char *path, struct err *e)
{
	int old = dup(2), null = open("/dev/null", O_RDWR), r;

	dup2(error, 2);
	r = check_with(null, null, path, FILE_WRITE, e);
	dup2(old, 2);
	close(old);
	close(null);
	return r;
}

static void standard_streams(void **state)
{
	int null = open("/dev/null", O_RDWR), in = open("a", O_RDONLY), out = open("a", O_WRONLY | O_APPEND);
	struct err e = {};

	/* A path: the stream would lose what goes there. By descriptor it is meant. */
	assert_int_equal(check_with(null, out, "a", FILE_WRITE, &e), -EINVAL);
	assert_non_null(strstr(e.text, "--x a: the file of standard output"));
	assert_int_equal(check_with(null, out, "/dev/stdout", FILE_WRITE, &e), 0);
	assert_int_equal(check_with(null, out, "/proc/self/fd/1", FILE_WRITE, &e), 0);
	assert_int_equal(check_with(null, out, "out", FILE_WRITE, &e), 0);
	/* An input that standard output is appended to. */
	assert_int_equal(check_with(null, out, "a", FILE_READ, &e), -EINVAL);
	assert_non_null(strstr(e.text, "standard output goes to the file of --x a"));
	/* An output that is read from. */
	assert_int_equal(check_with(in, null, "hard", FILE_WRITE, &e), -EINVAL);
	assert_non_null(strstr(e.text, "--x hard: the file of standard input"));
	assert_int_equal(check_with(in, null, "/dev/stdin", FILE_READ, &e), 0);
	/* What the caller joined: in and out, and files elsewhere. */
	assert_int_equal(check_with(in, out, "b", FILE_WRITE, &e), 0);
	/* And the messages of vmm itself. */
	assert_int_equal(check_error(out, "a", &e), -EINVAL);
	assert_non_null(strstr(
		e.text, "--x a: the file of standard error, which it would take away; /dev/stderr writes there too"));
	close(null);
	close(in);
	close(out);
}

/* As a /dev without the links that name standard streams. */
static bool no_links;

ssize_t __real_readlink(const char *path, char *buf, size_t size);
ssize_t __wrap_readlink(const char *path, char *buf, size_t size);

ssize_t __wrap_readlink(const char *path, char *buf, size_t size)
{
	errno = ENOENT;
	return no_links ? -1 : __real_readlink(path, buf, size);
}

static void streams_without_links(void **state)
{
	no_links = true;
	assert_int_equal(fd_of_path("/dev/stdin"), 0);
	assert_int_equal(fd_of_path("/dev/stdout"), 1);
	assert_int_equal(fd_of_path("/dev/stderr"), 2);
	assert_int_equal(fd_of_path("/dev/fd/7"), 7);
	assert_int_equal(fd_of_path("/dev/stdlog"), -1);
	no_links = false;
}

static void paths_of_descriptors(void **state)
{
	static const struct {
		const char *path;
		int fd;
	} paths[] = {
		{"/dev/stdin", 0},
		{"/dev/stdout", 1},
		{"/dev/stderr", 2},
		{"/dev/fd/0", 0},
		{"/dev/fd/63", 63},
		{"/proc/self/fd/7", 7},
		{"/proc/thread-self/fd/7", 7},
		{"out", 1},
		{"/dev/fd/", -1},
		{"/dev/fd/3x", -1},
		{"/dev/fd/3/x", -1},
		{"/dev/fd/-1", -1},
		{"/dev/fd/99999999999", -1},
		{"/dev/fd", -1},
		{"/dev/null", -1},
		{"/proc/1/fd/3", -1},
		{"/proc/self", -1},
		{"a", -1},
		{"soft", -1},
		{"", -1},
		{"dangling", -1},
	};
	char own[64];

	for (size_t i = 0; i < ARRAY_SIZE(paths); i++)
		if (fd_of_path(paths[i].path) != paths[i].fd)
			fail_msg("%s: %d", paths[i].path, fd_of_path(paths[i].path));
	snprintf(own, sizeof(own), "/proc/%d/fd/5", (int)getpid());
	assert_int_equal(fd_of_path(own), 5);
	fd_path(2147483647, own);
	assert_string_equal(own, "/proc/self/fd/2147483647");
	fd_path(63, own);
	assert_int_equal(fd_of_path(own), 63);
	snprintf(own, sizeof(own), "/tmp/vmm-loop.%d", (int)getpid());
	assert_int_equal(symlink(own, own), 0);
	assert_int_equal(fd_of_path(own), -1);
	unlink(own);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_pair),
		cmocka_unit_test(standard_streams),
		cmocka_unit_test(paths_of_descriptors),
		cmocka_unit_test(streams_without_links),
	};

	return run_group_with(tests, set_up, tear_down);
}
