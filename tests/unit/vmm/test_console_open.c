// SPDX-License-Identifier: Apache-2.0
/* Consoles behind a path: file, socket and pty; and what careless operators give as a path. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <termios.h>
#include <unistd.h>

#include "tests/support/unit.h"
#include "tests/unit/vmm/rig.h"

static char dir[] = "/tmp/vmm-console-XXXXXX";
static char path[512];

static const char *in_dir(const char *name)
{
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return path;
}

static int open_kind(struct rig *r, enum console_kind kind, const char *name, uint64_t cap, struct err *e)
{
	struct console_params p = {.kind = kind, .path = name, .cap_bytes = cap};

	return rig_open(r, &p, e);
}

static void expect_error(enum console_kind kind, const char *name, int code, const char *words)
{
	struct err e = {0};
	struct rig r;

	assert_int_equal(open_kind(&r, kind, name, 0, &e), code);
	if (!strstr(e.text, words))
		fail_msg("\"%s\" does not say \"%s\"", e.text, words);
}

/* File */

static void a_file_is_private_and_made_anew(void **state)
{
	mode_t mask = umask(0);
	struct stat st;
	char buf[16] = "";
	struct rig r;
	int fd;

	for (int i = 0; i < 2; i++) {
		assert_int_equal(open_kind(&r, CONSOLE_FILE, in_dir("log"), 0, NULL), 0);
		rig_start(&r);
		rig_send(&r, i ? "two" : "three", i ? 3 : 5);
		rig_stop(&r);
		console_finish(r.c, CONSOLE_FINISH_NS);
		rig_close(&r);
	}
	umask(mask);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode, S_IFREG | 0600);
	fd = open(path, O_RDONLY);
	assert_int_equal(read(fd, buf, sizeof(buf)), 3);
	assert_string_equal(buf, "two");
	close(fd);
	unlink(path);
}

static void a_file_stops_at_its_cap(void **state)
{
	static uint8_t much[200000];
	struct stat st;
	struct rig r;

	assert_int_equal(open_kind(&r, CONSOLE_FILE, in_dir("log"), 100001, NULL), 0);
	rig_start(&r);
	rig_send(&r, much, sizeof(much));
	rig_wait_written(&r, 100001);
	rig_send(&r, much, sizeof(much));
	rig_stop(&r);
	console_finish(r.c, CONSOLE_FINISH_NS);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_size, 100001);
	assert_int_equal(r.caps, 1);
	assert_int_equal(r.lost, 2 * sizeof(much) - 100001);
	assert_string_equal(r.why, "the file reached its size cap");
	rig_close(&r);
	unlink(path);
}

static void a_file_that_just_fits_loses_nothing(void **state)
{
	struct rig r;

	assert_int_equal(open_kind(&r, CONSOLE_FILE, in_dir("log"), 4, NULL), 0);
	rig_start(&r);
	rig_send(&r, "1234", 4);
	rig_stop(&r);
	console_finish(r.c, CONSOLE_FINISH_NS);
	assert_int_equal(r.caps, 0);
	assert_int_equal(rig_stats(&r).lost, 0);
	rig_close(&r);
	unlink(path);
}

/* RLIMIT_FSIZE: EFBIG, and no death by SIGXFSZ. */
static void a_file_size_limit_is_a_failed_write(void **state)
{
	struct rlimit old, small;
	struct rig r;

	assert_int_equal(open_kind(&r, CONSOLE_FILE, in_dir("log"), 0, NULL), 0);
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
	unlink(path);
}

static void careless_file_paths(void **state)
{
	char name[300];

	expect_error(CONSOLE_FILE, dir, -EISDIR, dir);
	expect_error(CONSOLE_FILE, "/nonexistent/log", -ENOENT, "/nonexistent/log");
	expect_error(CONSOLE_FILE, "", -EINVAL, "path");
	expect_error(CONSOLE_FILE, NULL, -EINVAL, "path");
	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = 0;
	expect_error(CONSOLE_FILE, in_dir(name), -ENAMETOOLONG, "console file");
	mkfifo(in_dir("fifo"), 0600);
	expect_error(CONSOLE_FILE, path, -ENXIO, "nobody reads");
	unlink(path);
	expect_error((enum console_kind)99, NULL, -EINVAL, "99");
}

static void a_fifo_with_a_reader_is_fine(void **state)
{
	struct rig r;
	int fd;

	mkfifo(in_dir("fifo"), 0600);
	fd = open(path, O_RDONLY | O_NONBLOCK);
	assert_int_equal(open_kind(&r, CONSOLE_FILE, path, 0, NULL), 0);
	rig_start(&r);
	rig_send(&r, "through", 7);
	expect_read(fd, "through");
	rig_close(&r);
	close(fd);
	unlink(path);
}

/* Socket */

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
	assert_int_equal(open_kind(r, CONSOLE_SOCKET, in_dir("sock"), 0, NULL), 0);
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
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode, S_IFSOCK | 0600);
	rig_send(&r, "before ", 7);
	assert_true(rig_cpu_ms(100) < 50);
	one = dial(path);
	rig_send(&r, "now ", 4);
	expect_read(one, "before now ");
	assert_int_equal(write(one, "in", 2), 2);
	rig_expect_input(&r, "in");
	two = dial(path);
	expect_read(two, "vmm: another client has this console\r\n");
	expect_end(two);
	close(two);
	close(one);
	sleep_ms(50);
	/* What comes while nobody is there waits. */
	rig_send(&r, "between ", 8);
	two = dial(path);
	expect_read(two, "between ");
	assert_int_equal(write(two, "again", 5), 5);
	rig_expect_input(&r, "again");
	rig_stop(&r);
	console_finish(r.c, CONSOLE_FINISH_NS);
	assert_int_equal(r.lost_events, 0);
	rig_close(&r);
	expect_end(two);
	close(two);
	assert_int_equal(access(path, F_OK), -1);
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
	fd = dial(path);
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
	assert_true(trace_now_ns() - start < 500 * MS);
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
	fd = dial(path);
	assert_int_equal(write(fd, want, sizeof(want)), sizeof(want));
	close(fd);
	sleep_ms(20);
	rig_send(&r, "unheard", 7);
	assert_int_equal(rig_receive(&r, got, sizeof(got), RIG_WAIT), sizeof(got));
	assert_memory_equal(got, want, sizeof(got));
	/* Its place is free. */
	fd = dial(path);
	assert_int_equal(write(fd, "next", 4), 4);
	rig_expect_input(&r, "next");
	assert_true(rig_cpu_ms(100) < 50);
	rig_close(&r);
	close(fd);
}

/* One whose input the guest does not read, and who has gone, does not keep others out. */
static void a_dead_client_gives_way(void **state)
{
	uint8_t data[3 * RIG_FIFO] = {0};
	struct rig r;
	int fd;

	start_socket(&r);
	fd = dial(path);
	assert_int_equal(write(fd, data, sizeof(data)), sizeof(data));
	sleep_ms(20);
	close(fd);
	fd = dial(path);
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
	fd = dial(path);
	assert_int_equal(write(fd, "cmd", 3), 3);
	shutdown(fd, SHUT_WR);
	rig_expect_input(&r, "cmd");
	assert_true(rig_cpu_ms(100) < 50);
	rig_send(&r, "answer", 6);
	expect_read(fd, "answer");
	close(fd);
	sleep_ms(20);
	fd = dial(path);
	rig_send(&r, "hello", 5);
	expect_read(fd, "hello");
	rig_close(&r);
	close(fd);
}

static void a_stale_socket_is_replaced(void **state)
{
	struct sockaddr_un a = address(in_dir("sock"));
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	struct rig r;

	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	close(fd);
	start_socket(&r);
	fd = dial(path);
	assert_true(fd >= 0);
	close(fd);
	rig_close(&r);
	assert_int_equal(access(path, F_OK), -1);
}

static void nothing_else_is_replaced(void **state)
{
	struct sockaddr_un a = address(in_dir("sock"));
	struct rig r;
	int fd;

	start_socket(&r);
	expect_error(CONSOLE_SOCKET, path, -EADDRINUSE, path);
	fd = dial(path);
	assert_true(fd >= 0);
	close(fd);
	rig_close(&r);

	fd = open(in_dir("sock"), O_CREAT | O_WRONLY, 0600);
	close(fd);
	expect_error(CONSOLE_SOCKET, path, -EEXIST, path);
	assert_int_equal(unlink(path), 0);

	assert_int_equal(symlink("/nonexistent", path), 0);
	expect_error(CONSOLE_SOCKET, path, -EEXIST, path);
	assert_int_equal(unlink(path), 0);

	fd = socket(AF_UNIX, SOCK_DGRAM, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	expect_error(CONSOLE_SOCKET, path, -EADDRINUSE, path);
	close(fd);
	assert_int_equal(unlink(path), 0);
	expect_error(CONSOLE_SOCKET, dir, -EEXIST, dir);
}

static void careless_socket_paths(void **state)
{
	char name[109];

	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = 0;
	expect_error(CONSOLE_SOCKET, name, -ENAMETOOLONG, "108 bytes long, a socket's has at most 107");
	expect_error(CONSOLE_SOCKET, "/nonexistent/sock", -ENOENT, "/nonexistent/sock");
	expect_error(CONSOLE_SOCKET, "", -EINVAL, "path");
}

/* The longest path, relative, and the working directory changes meanwhile. */
static void a_relative_path_is_removed_all_the_same(void **state)
{
	char here[256], name[108];
	struct rig r;

	assert_non_null(getcwd(here, sizeof(here)));
	assert_int_equal(chdir(dir), 0);
	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = 0;
	assert_int_equal(open_kind(&r, CONSOLE_SOCKET, name, 0, NULL), 0);
	assert_int_equal(access(name, F_OK), 0);
	assert_int_equal(chdir(here), 0);
	rig_close(&r);
	assert_int_equal(access(in_dir(name), F_OK), -1);
}

static void a_path_that_became_another_is_kept(void **state)
{
	struct rig r;
	int fd;

	start_socket(&r);
	unlink(path);
	fd = open(path, O_CREAT | O_WRONLY, 0600);
	close(fd);
	rig_close(&r);
	assert_int_equal(unlink(path), 0);
}

static void out_of_fds_is_survived(void **state)
{
	struct sockaddr_un a = address(in_dir("sock"));
	struct rlimit old, none;
	struct rig r;
	int fd, top;

	start_socket(&r);
	fd = dial(path);
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

/* Pty */

static void start_pty(struct rig *r, char *name, size_t size)
{
	assert_int_equal(open_kind(r, CONSOLE_PTY, NULL, 0, NULL), 0);
	assert_non_null(console_pty_name(r->c));
	snprintf(name, size, "%s", console_pty_name(r->c));
	assert_memory_equal(name, "/dev/pts/", 9);
	rig_start(r);
}

static void a_pty_survives_those_who_come_and_go(void **state)
{
	char name[64];
	struct rig r;

	start_pty(&r, name, sizeof(name));
	rig_send(&r, "early ", 6);
	for (int i = 0; i < 3; i++) {
		int fd = open(name, O_RDWR | O_NOCTTY);

		assert_true(fd >= 0);
		rig_send(&r, "out\r\n", 5);
		expect_read(fd, i ? "out\r\n" : "early out\r\n");
		assert_int_equal(write(fd, "in\r", 3), 3);
		rig_expect_input(&r, "in\r");
		close(fd);
		assert_true(rig_cpu_ms(50) < 30);
	}
	rig_stop(&r);
	console_finish(r.c, CONSOLE_FINISH_NS);
	assert_int_equal(r.lost_events, 0);
	rig_close(&r);
}

static void a_pty_does_not_echo(void **state)
{
	uint8_t c;
	char name[64];
	struct rig r;

	start_pty(&r, name, sizeof(name));
	rig_send(&r, "login: ", 7);
	rig_wait_written(&r, 7);
	assert_int_equal(rig_receive(&r, &c, 1, 100), 0);
	rig_close(&r);
}

static void a_pty_without_a_reader_ends_at_once(void **state)
{
	static uint8_t much[200000];
	char name[64];
	uint64_t start;
	struct rig r;

	start_pty(&r, name, sizeof(name));
	assert_int_equal(r.host->tx(r.host, much, sizeof(much)), sizeof(much));
	rig_stop(&r);
	start = trace_now_ns();
	console_finish(r.c, CONSOLE_FINISH_NS);
	assert_true(trace_now_ns() - start < 500 * MS);
	/* With what the terminal's own buffer held. */
	assert_int_equal(r.lost, sizeof(much));
	assert_int_equal(rig_stats(&r).written, 0);
	assert_string_equal(r.why, "nobody was connected");
	rig_close(&r);
}

/* As in a sandbox that lets no slave be opened: who is there cannot be told, so the end waits as for anybody. */
static void a_pty_that_cannot_be_asked_is_waited_for(void **state)
{
	char name[64], text[8] = "";
	struct rlimit old, none;
	uint64_t start;
	struct rig r;
	int fd;

	start_pty(&r, name, sizeof(name));
	rig_send(&r, "unread", 6);
	rig_wait_written(&r, 6);
	rig_stop(&r);
	fd = open(name, O_RDWR | O_NOCTTY | O_NONBLOCK);
	getrlimit(RLIMIT_NOFILE, &old);
	none = old;
	none.rlim_cur = 3;
	setrlimit(RLIMIT_NOFILE, &none);
	start = trace_now_ns();
	console_finish(r.c, 400 * MS);
	setrlimit(RLIMIT_NOFILE, &old);
	assert_in_range(trace_now_ns() - start, 190 * MS, 2000 * MS);
	assert_int_equal(read(fd, text, sizeof(text)), 6);
	assert_string_equal(text, "unread");
	close(fd);
	rig_close(&r);
}

struct reader {
	int fd;
	size_t got;
	bool wrong;
};

static void *read_slowly(void *arg)
{
	struct reader *rd = arg;
	uint8_t buf[1000], want[1000];
	ssize_t n;

	sleep_ms(50);
	while ((n = read(rd->fd, buf, sizeof(buf))) > 0) {
		fill(want, (size_t)n, rd->got, 8);
		rd->wrong |= memcmp(buf, want, (size_t)n) != 0;
		rd->got += (size_t)n;
		sleep_ms(1);
	}
	return NULL;
}

/* A pty's buffer is gone when the master is closed: the last lines have to reach the reader before. */
static void the_end_waits_for_who_reads_a_pty(void **state)
{
	static uint8_t much[100000];
	struct reader rd = {0};
	pthread_t thread;
	char name[64];
	struct rig r;

	fill(much, sizeof(much), 0, 8);
	start_pty(&r, name, sizeof(name));
	rd.fd = open(name, O_RDWR | O_NOCTTY);
	assert_int_equal(r.host->tx(r.host, much, sizeof(much)), sizeof(much));
	assert_int_equal(pthread_create(&thread, NULL, read_slowly, &rd), 0);
	rig_stop(&r);
	console_finish(r.c, CONSOLE_FINISH_NS);
	assert_int_equal(r.lost_events, 0);
	rig_close(&r);
	pthread_join(thread, NULL);
	assert_int_equal(rd.got, sizeof(much));
	assert_false(rd.wrong);
	close(rd.fd);
}

/* All of it */

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
		struct console_params p = {.kind = kinds[i], .in_fd = 0, .out_fd = 1, .path = in_dir("leak")};
		struct rig r;

		assert_int_equal(rig_open(&r, &p, NULL), 0);
		rig_close(&r);
		unlink(path);
		assert_int_equal(open_fds(), before);
	}
	expect_error(CONSOLE_FILE, "/nonexistent/log", -ENOENT, "log");
	expect_error(CONSOLE_SOCKET, "/nonexistent/sock", -ENOENT, "sock");
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
			struct console_params p = {.kind = kinds[i], .path = in_dir("none")};
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
				assert_int_equal(access(path, F_OK), -1);
			unlink(path);
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
		cmocka_unit_test(a_file_is_private_and_made_anew),
		cmocka_unit_test(a_file_stops_at_its_cap),
		cmocka_unit_test(a_file_that_just_fits_loses_nothing),
		cmocka_unit_test(a_file_size_limit_is_a_failed_write),
		cmocka_unit_test(careless_file_paths),
		cmocka_unit_test(a_fifo_with_a_reader_is_fine),
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
		cmocka_unit_test(a_pty_survives_those_who_come_and_go),
		cmocka_unit_test(a_pty_does_not_echo),
		cmocka_unit_test(a_pty_without_a_reader_ends_at_once),
		cmocka_unit_test(a_pty_that_cannot_be_asked_is_waited_for),
		cmocka_unit_test(the_end_waits_for_who_reads_a_pty),
		cmocka_unit_test(nothing_leaks),
		cmocka_unit_test(out_of_fds_at_the_start_is_an_error),
	};
	int r;

	if (!mkdtemp(dir)) {
		perror("mkdtemp");
		return 1;
	}
	r = run_group(tests);
	if (rmdir(dir) < 0) {
		perror(dir);
		return 1;
	}
	return r;
}
