// SPDX-License-Identifier: Apache-2.0
/* Consoles of every kind: fds that leak, and fds that are missing. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "tests/support/unit.h"
#include "tests/unit/console/rig.h"

static unsigned open_fds(void)
{
	unsigned n = 0;

	for (int fd = 0; fd < 256; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

static void nothing_leaks(void **state)
{
	static const enum console_kind kinds[] = {
		CONSOLE_STDIO, CONSOLE_PTY, CONSOLE_FILE, CONSOLE_SOCKET, CONSOLE_NULL};
	unsigned before = open_fds();

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		struct console_params p = {.kind = kinds[i], .in_fd = 0, .out_fd = 1, .path = rig_in_dir("leak")};
		struct rig r;

		assert_int_equal(rig_open(&r, &p, NULL), 0);
		rig_close(&r);
		unlink(rig_path);
		assert_int_equal(open_fds(), before);
	}
	rig_expect_error(CONSOLE_FILE, "/nonexistent/log", -ENOENT, "log");
	rig_expect_error(CONSOLE_SOCKET, "/nonexistent/sock", -ENOENT, "sock");
	assert_int_equal(open_fds(), before);
}

/* Every fd the open needs, missing in turn: words, no crash, no leak. */
static void out_of_fds_at_the_start_is_an_error(void **state)
{
	static const enum console_kind kinds[] = {CONSOLE_PTY, CONSOLE_FILE, CONSOLE_SOCKET};
	unsigned before = open_fds(), failed = 0;
	struct rlimit old;

	getrlimit(RLIMIT_NOFILE, &old);
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		for (unsigned room = 0;; room++) {
			struct console_params p = {.kind = kinds[i], .path = rig_in_dir("none")};
			struct rlimit few = old;
			struct console *c = NULL;
			struct err e = {0};
			int fd = dup(0), r;

			close(fd);
			few.rlim_cur = (rlim_t)fd + room;
			setrlimit(RLIMIT_NOFILE, &few);
			r = console_open(&p, &c, &e);
			setrlimit(RLIMIT_NOFILE, &old);
			console_destroy(c);
			if (kinds[i] == CONSOLE_SOCKET)
				assert_int_equal(access(rig_path, F_OK), -1);
			unlink(rig_path);
			assert_int_equal(open_fds(), before);
			if (!r)
				break;
			assert_int_equal(r, -EMFILE);
			assert_non_null(strstr(e.text, "console"));
			failed++;
		}
	}
	assert_true(failed >= 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_leaks),
		cmocka_unit_test(out_of_fds_at_the_start_is_an_error),
	};

	return run_group_in_dir(tests);
}
