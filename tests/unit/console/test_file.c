// SPDX-License-Identifier: Apache-2.0
/* Consoles that write a file; and what careless operators give as its path. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/unit.h"
#include "tests/unit/console/rig.h"

static void a_file_is_private_and_made_anew(void **state)
{
	mode_t mask = umask(0);
	struct stat st;
	char buf[16] = "";
	struct rig r;
	int fd;

	for (int i = 0; i < 2; i++) {
		assert_int_equal(rig_open_kind(&r, CONSOLE_FILE, rig_in_dir("log"), 0, NULL), 0);
		rig_start(&r);
		rig_send(&r, i ? "two" : "three", i ? 3 : 5);
		rig_stop(&r);
		console_finish(r.c, CONSOLE_FINISH_NS);
		rig_close(&r);
	}
	umask(mask);
	assert_int_equal(stat(rig_path, &st), 0);
	assert_int_equal(st.st_mode, S_IFREG | 0600);
	fd = open(rig_path, O_RDONLY);
	assert_int_equal(read(fd, buf, sizeof(buf)), 3);
	assert_string_equal(buf, "two");
	close(fd);
	unlink(rig_path);
}

static void holds(const char *path, const char *text)
{
	char buf[64] = "";
	int fd = open(path, O_RDONLY);

	assert_true(read(fd, buf, sizeof(buf) - 1) >= 0);
	assert_string_equal(buf, text);
	close(fd);
}

/* A machine that does not get as far as to run leaves the last one's output. */
static void a_file_is_emptied_late(void **state)
{
	struct rig r;
	int fd = open(rig_in_dir("log"), O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_int_equal(write(fd, "last", 4), 4);
	close(fd);
	assert_int_equal(rig_open_kind(&r, CONSOLE_FILE, rig_path, 0, NULL), 0);
	holds(rig_path, "last");
	rig_start(&r);
	holds(rig_path, "");
	rig_stop(&r);
	rig_close(&r);
	unlink(rig_path);
}

/* A path that names a descriptor: the caller's output stays, ours goes behind it, and theirs behind ours. */
static void a_descriptor_goes_on(void **state)
{
	static const int flags[] = {0, O_APPEND};

	for (size_t i = 0; i < ARRAY_SIZE(flags); i++) {
		int fd = open(rig_in_dir("log"), O_WRONLY | O_CREAT | O_TRUNC | flags[i], 0600);
		char path[32];
		struct rig r;

		assert_int_equal(write(fd, "before ", 7), 7);
		snprintf(path, sizeof(path), "/dev/fd/%d", fd);
		assert_int_equal(rig_open_kind(&r, CONSOLE_FILE, path, 0, NULL), 0);
		rig_start(&r);
		rig_send(&r, "ours ", 5);
		rig_stop(&r);
		rig_close(&r);
		assert_int_equal(write(fd, "after", 5), 5);
		close(fd);
		holds(rig_in_dir("log"), "before ours after");
		unlink(rig_path);
	}
}

static void a_file_stops_at_its_cap(void **state)
{
	static uint8_t much[200000];
	struct stat st;
	struct rig r;

	assert_int_equal(rig_open_kind(&r, CONSOLE_FILE, rig_in_dir("log"), 100001, NULL), 0);
	rig_start(&r);
	rig_send(&r, much, sizeof(much));
	rig_wait_written(&r, 100001);
	rig_send(&r, much, sizeof(much));
	rig_stop(&r);
	console_finish(r.c, CONSOLE_FINISH_NS);
	assert_int_equal(stat(rig_path, &st), 0);
	assert_int_equal(st.st_size, 100001);
	assert_int_equal(r.caps, 1);
	assert_int_equal(r.lost, 2 * sizeof(much) - 100001);
	assert_string_equal(r.why, "the file reached its size cap");
	rig_close(&r);
	unlink(rig_path);
}

static void a_file_that_just_fits_loses_nothing(void **state)
{
	struct rig r;

	assert_int_equal(rig_open_kind(&r, CONSOLE_FILE, rig_in_dir("log"), 4, NULL), 0);
	rig_start(&r);
	rig_send(&r, "1234", 4);
	rig_stop(&r);
	console_finish(r.c, CONSOLE_FINISH_NS);
	assert_int_equal(r.caps, 0);
	assert_int_equal(rig_stats(&r).lost, 0);
	rig_close(&r);
	unlink(rig_path);
}

/* RLIMIT_FSIZE: EFBIG, and no death by SIGXFSZ. */
static void a_file_size_limit_is_a_failed_write(void **state)
{
	struct rlimit old, small;
	struct rig r;

	assert_int_equal(rig_open_kind(&r, CONSOLE_FILE, rig_in_dir("log"), 0, NULL), 0);
	getrlimit(RLIMIT_FSIZE, &old);
	small = old;
	small.rlim_cur = 3;
	setrlimit(RLIMIT_FSIZE, &small);
	rig_start(&r);
	rig_send(&r, "123456", 6);
	rig_wait_written(&r, 3);
	rig_stop(&r);
	console_finish(r.c, CONSOLE_FINISH_NS);
	setrlimit(RLIMIT_FSIZE, &old);
	assert_int_equal(r.lost, 3);
	assert_int_equal(r.failures, 1);
	rig_close(&r);
	unlink(rig_path);
}

static void careless_file_paths(void **state)
{
	char name[300];

	rig_expect_error(CONSOLE_FILE, rig_dir, -EISDIR, rig_dir);
	rig_expect_error(CONSOLE_FILE, "/nonexistent/log", -ENOENT, "/nonexistent/log");
	rig_expect_error(CONSOLE_FILE, "/dev/fd/977", -EBADF, "descriptor 977");
	rig_expect_error(CONSOLE_FILE, "", -EINVAL, "path");
	rig_expect_error(CONSOLE_FILE, NULL, -EINVAL, "path");
	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = 0;
	rig_expect_error(CONSOLE_FILE, rig_in_dir(name), -ENAMETOOLONG, "console file");
	mkfifo(rig_in_dir("fifo"), 0600);
	rig_expect_error(CONSOLE_FILE, rig_path, -ENXIO, "without a reader");
	unlink(rig_path);
	rig_expect_error((enum console_kind)99, NULL, -EINVAL, "99");
}

static void a_fifo_with_a_reader_is_fine(void **state)
{
	struct rig r;
	int fd;

	mkfifo(rig_in_dir("fifo"), 0600);
	fd = open(rig_path, O_RDONLY | O_NONBLOCK);
	assert_int_equal(rig_open_kind(&r, CONSOLE_FILE, rig_path, 0, NULL), 0);
	rig_start(&r);
	rig_send(&r, "through", 7);
	expect_read(fd, "through");
	rig_close(&r);
	close(fd);
	unlink(rig_path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_file_is_private_and_made_anew),
		cmocka_unit_test(a_file_is_emptied_late),
		cmocka_unit_test(a_descriptor_goes_on),
		cmocka_unit_test(a_file_stops_at_its_cap),
		cmocka_unit_test(a_file_that_just_fits_loses_nothing),
		cmocka_unit_test(a_file_size_limit_is_a_failed_write),
		cmocka_unit_test(careless_file_paths),
		cmocka_unit_test(a_fifo_with_a_reader_is_fine),
	};

	return run_group_in_dir(tests);
}
