// SPDX-License-Identifier: Apache-2.0
/* Consoles behind a Unix socket, and its path. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/support/unit.h"
#include "tests/unit/console/rig.h"
#include "vmm/base/clock.h"

static struct sockaddr_un address(const char *name)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};

	snprintf(a.sun_path, sizeof(a.sun_path), "%.107s", name);
	return a;
}

static int dial(const char *name)
{
	struct sockaddr_un a = address(name);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (connect(fd, (struct sockaddr *)&a, sizeof(a)) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

static void start_socket(struct rig *r)
{
	assert_int_equal(rig_open_kind(r, CONSOLE_SOCKET, rig_in_dir("sock"), 0, NULL), 0);
	rig_start(r);
}

static void expect_end(int fd)
{
	char c;

	assert_int_equal(read_all(fd, &c, 1), 0);
}

static void a_socket_serves_one_client_after_another(void **state)
{
	struct stat st;
	struct rig r;
	int one, two;

	start_socket(&r);
	assert_int_equal(stat(rig_path, &st), 0);
	assert_int_equal(st.st_mode, S_IFSOCK | 0600);
	rig_send(&r, "before ", 7);
	assert_true(rig_cpu_ms(100) < 50);
	one = dial(rig_path);
	rig_send(&r, "now ", 4);
	expect_read(one, "before now ");
	assert_int_equal(write(one, "in", 2), 2);
	rig_expect_input(&r, "in");
	two = dial(rig_path);
	expect_read(two, "vmm: another client has this console\r\n");
	expect_end(two);
	close(two);
	close(one);
	sleep_ms(50);
	/* Output without a client is kept. */
	rig_send(&r, "between ", 8);
	two = dial(rig_path);
	expect_read(two, "between ");
	assert_int_equal(write(two, "again", 5), 5);
	rig_expect_input(&r, "again");
	rig_stop(&r);
	console_finish(r.c, CONSOLE_FINISH_NS);
	assert_int_equal(r.lost_events, 0);
	rig_close(&r);
	expect_end(two);
	close(two);
	assert_int_equal(access(rig_path, F_OK), -1);
}

static void without_a_client_a_mebibyte_waits(void **state)
{
	static uint8_t much[CONSOLE_RING_BYTES + 1], got[CONSOLE_RING_BYTES];
	struct rig r;
	int fd;

	fill(much, sizeof(much), 0, 6);
	start_socket(&r);
	assert_int_equal(r.host->tx(r.host, much, sizeof(much)), CONSOLE_RING_BYTES);
	assert_int_equal(r.host->tx(r.host, much, 1), 0);
	fd = dial(rig_path);
	assert_int_equal(read_all(fd, got, sizeof(got)), sizeof(got));
	assert_memory_equal(got, much, sizeof(got));
	rig_send(&r, "more", 4);
	expect_read(fd, "more");
	rig_close(&r);
	close(fd);
}

static void without_a_client_the_end_does_not_wait(void **state)
{
	struct rig r;
	uint64_t start;

	start_socket(&r);
	rig_send(&r, "unread", 6);
	rig_stop(&r);
	start = trace_now_ns();
	console_finish(r.c, CONSOLE_FINISH_NS);
	assert_true(trace_now_ns() - start < 500 * NSEC_PER_MSEC);
	assert_int_equal(r.lost, 6);
	assert_string_equal(r.why, "nobody was connected");
	rig_close(&r);
}

/* `echo reboot | nc -U sock`: what a client sent before it left arrives, also at the guest's speed. */
static void input_of_a_client_that_leaves_at_once(void **state)
{
	uint8_t want[5000], got[5000];
	struct rig r;
	int fd;

	start_socket(&r);
	fill(want, sizeof(want), 0, 7);
	fd = dial(rig_path);
	assert_int_equal(write(fd, want, sizeof(want)), sizeof(want));
	close(fd);
	sleep_ms(20);
	rig_send(&r, "unheard", 7);
	assert_int_equal(rig_receive(&r, got, sizeof(got), RIG_WAIT), sizeof(got));
	assert_memory_equal(got, want, sizeof(got));
	/* Its place is free. */
	fd = dial(rig_path);
	assert_int_equal(write(fd, "next", 4), 4);
	rig_expect_input(&r, "next");
	assert_true(rig_cpu_ms(100) < 50);
	rig_close(&r);
	close(fd);
}

/* A client that is gone, and whose input the guest has not read, does not keep other clients out. */
static void a_dead_client_gives_way(void **state)
{
	uint8_t data[3 * RIG_FIFO] = {0};
	struct rig r;
	int fd;

	start_socket(&r);
	fd = dial(rig_path);
	assert_int_equal(write(fd, data, sizeof(data)), sizeof(data));
	sleep_ms(20);
	close(fd);
	fd = dial(rig_path);
	rig_send(&r, "welcome", 7);
	expect_read(fd, "welcome");
	rig_close(&r);
	close(fd);
}

static void a_client_may_shut_its_sending_side(void **state)
{
	struct rig r;
	int fd;

	start_socket(&r);
	fd = dial(rig_path);
	assert_int_equal(write(fd, "cmd", 3), 3);
	shutdown(fd, SHUT_WR);
	rig_expect_input(&r, "cmd");
	assert_true(rig_cpu_ms(100) < 50);
	rig_send(&r, "answer", 6);
	expect_read(fd, "answer");
	close(fd);
	sleep_ms(20);
	fd = dial(rig_path);
	rig_send(&r, "hello", 5);
	expect_read(fd, "hello");
	rig_close(&r);
	close(fd);
}

static void a_stale_socket_is_replaced(void **state)
{
	struct sockaddr_un a = address(rig_in_dir("sock"));
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	struct rig r;

	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	close(fd);
	start_socket(&r);
	fd = dial(rig_path);
	assert_true(fd >= 0);
	close(fd);
	rig_close(&r);
	assert_int_equal(access(rig_path, F_OK), -1);
}

static void nothing_else_is_replaced(void **state)
{
	struct sockaddr_un a = address(rig_in_dir("sock"));
	struct rig r;
	int fd;

	start_socket(&r);
	rig_expect_error(CONSOLE_SOCKET, rig_path, -EADDRINUSE, rig_path);
	fd = dial(rig_path);
	assert_true(fd >= 0);
	close(fd);
	rig_close(&r);

	fd = open(rig_in_dir("sock"), O_CREAT | O_WRONLY, 0600);
	close(fd);
	rig_expect_error(CONSOLE_SOCKET, rig_path, -EEXIST, rig_path);
	assert_int_equal(unlink(rig_path), 0);

	assert_int_equal(symlink("/nonexistent", rig_path), 0);
	rig_expect_error(CONSOLE_SOCKET, rig_path, -EEXIST, rig_path);
	assert_int_equal(unlink(rig_path), 0);

	fd = socket(AF_UNIX, SOCK_DGRAM, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	rig_expect_error(CONSOLE_SOCKET, rig_path, -EADDRINUSE, rig_path);
	close(fd);
	assert_int_equal(unlink(rig_path), 0);
	rig_expect_error(CONSOLE_SOCKET, rig_dir, -EEXIST, rig_dir);
}

static void careless_socket_paths(void **state)
{
	char name[109];

	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = 0;
	rig_expect_error(CONSOLE_SOCKET, name, -ENAMETOOLONG, "108 bytes long, a socket's has at most 107");
	rig_expect_error(CONSOLE_SOCKET, "/nonexistent/sock", -ENOENT, "/nonexistent/sock");
	rig_expect_error(CONSOLE_SOCKET, "", -EINVAL, "path");
}

/* The longest path, relative, and the working directory changes meanwhile. */
static void a_relative_path_is_removed_all_the_same(void **state)
{
	char here[256], name[108];
	struct rig r;

	assert_non_null(getcwd(here, sizeof(here)));
	assert_int_equal(chdir(rig_dir), 0);
	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = 0;
	assert_int_equal(rig_open_kind(&r, CONSOLE_SOCKET, name, 0, NULL), 0);
	assert_int_equal(access(name, F_OK), 0);
	assert_int_equal(chdir(here), 0);
	rig_close(&r);
	assert_int_equal(access(rig_in_dir(name), F_OK), -1);
}

static void a_path_that_became_another_is_kept(void **state)
{
	struct rig r;
	int fd;

	start_socket(&r);
	unlink(rig_path);
	fd = open(rig_path, O_CREAT | O_WRONLY, 0600);
	close(fd);
	rig_close(&r);
	assert_int_equal(unlink(rig_path), 0);
}

static void out_of_fds_is_survived(void **state)
{
	struct sockaddr_un a = address(rig_in_dir("sock"));
	struct rlimit old, none;
	struct rig r;
	int fd, top;

	start_socket(&r);
	fd = dial(rig_path);
	rig_send(&r, "a", 1);
	expect_read(fd, "a");
	close(fd);
	sleep_ms(20);
	getrlimit(RLIMIT_NOFILE, &old);
	none = old;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	top = dup(fd);
	close(top);
	none.rlim_cur = (rlim_t)top;
	setrlimit(RLIMIT_NOFILE, &none);
	assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_true(rig_cpu_ms(200) < 50);
	setrlimit(RLIMIT_NOFILE, &old);
	rig_send(&r, "at last", 7);
	expect_read(fd, "at last");
	rig_close(&r);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_socket_serves_one_client_after_another),
		cmocka_unit_test(without_a_client_a_mebibyte_waits),
		cmocka_unit_test(without_a_client_the_end_does_not_wait),
		cmocka_unit_test(input_of_a_client_that_leaves_at_once),
		cmocka_unit_test(a_dead_client_gives_way),
		cmocka_unit_test(a_client_may_shut_its_sending_side),
		cmocka_unit_test(a_stale_socket_is_replaced),
		cmocka_unit_test(nothing_else_is_replaced),
		cmocka_unit_test(careless_socket_paths),
		cmocka_unit_test(a_relative_path_is_removed_all_the_same),
		cmocka_unit_test(a_path_that_became_another_is_kept),
		cmocka_unit_test(out_of_fds_is_survived),
	};

	return run_group_in_dir(tests);
}
