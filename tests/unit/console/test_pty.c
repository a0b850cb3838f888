// SPDX-License-Identifier: Apache-2.0
/* Consoles behind a pseudo-terminal. */
#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "tests/support/unit.h"
#include "tests/unit/console/rig.h"
#include "vmm/base/clock.h"

static void start_pty(struct rig *r, char *name, size_t size)
{
	assert_int_equal(rig_open_kind(r, CONSOLE_PTY, NULL, 0, NULL), 0);
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
	assert_true(trace_now_ns() - start < 500 * NSEC_PER_MSEC);
	/* Including the contents of the terminal's own buffer. */
	assert_int_equal(r.lost, sizeof(much));
	assert_int_equal(rig_stats(&r).written, 0);
	assert_string_equal(r.why, "nobody was connected");
	rig_close(&r);
}

/* As in a sandbox where no slave can be opened: whether there is a reader is unknown, so the end waits as for one. */
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
	console_finish(r.c, 400 * NSEC_PER_MSEC);
	setrlimit(RLIMIT_NOFILE, &old);
	assert_in_range(trace_now_ns() - start, 190 * NSEC_PER_MSEC, 2000 * NSEC_PER_MSEC);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_pty_survives_those_who_come_and_go),
		cmocka_unit_test(a_pty_does_not_echo),
		cmocka_unit_test(a_pty_without_a_reader_ends_at_once),
		cmocka_unit_test(a_pty_that_cannot_be_asked_is_waited_for),
		cmocka_unit_test(the_end_waits_for_who_reads_a_pty),
	};

	return run_group_in_dir(tests);
}
