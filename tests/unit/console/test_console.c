// SPDX-License-Identifier: Apache-2.0
/* The guest's output: complete, in order, without ever blocking the guest, and lost bytes are counted. */
#include <errno.h>
#include <fcntl.h>
#include <pty.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include "tests/support/unit.h"
#include "tests/unit/console/rig.h"
#include "vmm/base/clock.h"

static void make_pipe(int p[2])
{
	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
}

static bool nonblocking(int fd)
{
	return fcntl(fd, F_GETFL) & O_NONBLOCK;
}

static size_t tx(struct rig *r, const char *text)
{
	return r->host->tx(r->host, (const uint8_t *)text, strlen(text));
}

static unsigned rooms(struct rig *r)
{
	unsigned n;

	pthread_mutex_lock(&r->lock);
	n = r->rooms;
	pthread_mutex_unlock(&r->lock);
	return n;
}

static void a_pipe_gets_every_byte(void **state)
{
	struct console_stats s;
	struct rig r;
	int p[2];

	make_pipe(p);
	rig_stdio(&r, -1, p[1]);
	rig_send(&r, "hello ", 6);
	rig_send(&r, "world\r\n", 7);
	expect_read(p[0], "hello world\r\n");
	assert_false(nonblocking(p[1]));
	rig_stop(&r);
	console_finish(r.c, CONSOLE_FINISH_NS);
	s = rig_stats(&r);
	assert_int_equal(s.taken, 13);
	assert_int_equal(s.written, 13);
	assert_int_equal(s.lost, 0);
	assert_int_equal(r.lost_events, 0);
	assert_int_equal(r.firsts, 1);
	assert_true(s.first_byte_ns && s.last_byte_ns >= s.first_byte_ns && !s.banner_ns);
	rig_close(&r);
	assert_int_equal(fcntl(p[1], F_GETFD), FD_CLOEXEC);
	close(p[0]);
	close(p[1]);
}

/* The reader sleeps: what fits is accepted, the rest refused at once, free space is reported, order is kept. */
static void a_blocked_reader_blocks_nobody(void **state)
{
	static uint8_t want[4 * MIB], got[4 * MIB];
	size_t taken = 0, n;
	uint64_t last;
	struct rig r;
	int p[2];

	fill(want, sizeof(want), 0, 1);
	make_pipe(p);
	rig_stdio(&r, -1, p[1]);
	/* Until nothing is taken for a while: the loop has filled the pipe, then the ring filled up. */
	last = trace_now_ns();
	while (trace_now_ns() - last < 200 * NSEC_PER_MSEC) {
		uint64_t before = trace_now_ns();

		n = r.host->tx(r.host, want + taken, MIN((size_t)4096, sizeof(want) - taken));
		assert_true(trace_now_ns() - before < 1000 * NSEC_PER_MSEC);
		taken += n;
		if (n)
			last = trace_now_ns();
	}
	/* The ring and the pipe's own 64 KiB. */
	assert_in_range(taken, CONSOLE_RING_BYTES, CONSOLE_RING_BYTES + 128 * KIB);
	assert_int_equal(r.host->tx(r.host, want + taken, 1), 0);
	assert_int_equal(rooms(&r), 0);
	assert_int_equal(read_all(p[0], got, taken), taken);
	assert_memory_equal(got, want, taken);
	for (int i = 0; i < RIG_WAIT && !rooms(&r); i++)
		sleep_ms(1);
	assert_int_equal(rooms(&r), 1);
	rig_send(&r, want + taken, 1000);
	assert_int_equal(read_all(p[0], got, 1000), 1000);
	assert_memory_equal(got, want + taken, 1000);
	rig_stop(&r);
	assert_int_equal(rig_stats(&r).lost, 0);
	rig_close(&r);
	close(p[0]);
	close(p[1]);
}

#define LONG_BYTES (10 * MIB)

struct reader {
	int fd;
	bool slow;
	size_t got;
	bool wrong;
};

static void *read_slowly(void *arg)
{
	struct reader *rd = arg;
	uint8_t buf[4096], want[4096];
	ssize_t n;

	while ((n = read(rd->fd, buf, sizeof(buf))) > 0) {
		fill(want, (size_t)n, rd->got, 2);
		rd->wrong |= memcmp(buf, want, (size_t)n) != 0;
		rd->got += (size_t)n;
		if (rd->slow && rd->got % (512 * KIB) < 4096)
			sleep_ms(20);
	}
	return NULL;
}

static void send_long(int out, int in)
{
	struct reader rd = {.fd = in, .slow = true};
	uint8_t buf[1000];
	pthread_t thread;
	struct rig r;

	rig_stdio(&r, -1, out);
	assert_int_equal(pthread_create(&thread, NULL, read_slowly, &rd), 0);
	for (size_t at = 0; at < LONG_BYTES; at += sizeof(buf)) {
		size_t n = MIN(sizeof(buf), LONG_BYTES - at);

		fill(buf, n, at, 2);
		rig_send(&r, buf, n);
	}
	rig_stop(&r);
	console_finish(r.c, 10 * CONSOLE_FINISH_NS);
	assert_int_equal(rig_stats(&r).written, LONG_BYTES);
	assert_int_equal(rig_stats(&r).lost, 0);
	rig_close(&r);
	close(out);
	pthread_join(thread, NULL);
	assert_int_equal(rd.got, LONG_BYTES);
	assert_false(rd.wrong);
	close(in);
}

static void ten_megabytes_through_a_pipe(void **state)
{
	int p[2];

	make_pipe(p);
	send_long(p[1], p[0]);
}

static void ten_megabytes_through_a_socket(void **state)
{
	int s[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, s), 0);
	send_long(s[1], s[0]);
}

static void a_socket_stays_blocking_for_others(void **state)
{
	struct rig r;
	int s[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, s), 0);
	rig_stdio(&r, -1, s[1]);
	rig_send(&r, "x", 1);
	expect_read(s[0], "x");
	assert_false(nonblocking(s[1]));
	rig_close(&r);
	close(s[0]);
	close(s[1]);
}

#define SENDERS      4
#define SENDER_BYTES 200000

struct sender {
	struct rig *r;
	uint8_t id;
};

static void *send_many(void *arg)
{
	struct sender *s = arg;

	for (unsigned i = 0; i < SENDER_BYTES / 2; i++) {
		uint8_t two[2] = {(uint8_t)(s->id << 6 | (i & 63)), (uint8_t)(s->id << 6 | (i & 63))};

		while (s->r->host->tx(s->r->host, two, 2) != 2)
			sleep_ms(1);
	}
	return NULL;
}

static void several_threads_may_send(void **state)
{
	static uint8_t got[SENDERS * SENDER_BYTES];
	unsigned next[SENDERS] = {0};
	struct sender s[SENDERS];
	pthread_t thread[SENDERS];
	struct rig r;
	int p[2];

	make_pipe(p);
	rig_stdio(&r, -1, p[1]);
	for (uint8_t i = 0; i < SENDERS; i++) {
		s[i] = (struct sender){&r, i};
		assert_int_equal(pthread_create(&thread[i], NULL, send_many, &s[i]), 0);
	}
	assert_int_equal(read_all(p[0], got, sizeof(got)), sizeof(got));
	for (size_t i = 0; i < SENDERS; i++)
		pthread_join(thread[i], NULL);
	for (size_t i = 0; i < sizeof(got); i += 2) {
		unsigned id = got[i] >> 6;

		assert_int_equal(got[i], got[i + 1]);
		assert_int_equal(got[i] & 63, next[id]++ & 63);
	}
	rig_close(&r);
	close(p[0]);
	close(p[1]);
}

static void a_reader_that_leaves_is_counted(void **state)
{
	static uint8_t much[3 * MIB];
	struct console_stats s;
	struct rig r;
	int p[2];

	make_pipe(p);
	rig_stdio(&r, -1, p[1]);
	rig_send(&r, "seen", 4);
	expect_read(p[0], "seen");
	close(p[0]);
	/* More than the ring: a guest is never held up by a reader that is gone. */
	rig_send(&r, much, sizeof(much));
	rig_stop(&r);
	console_finish(r.c, CONSOLE_FINISH_NS);
	s = rig_stats(&r);
	assert_int_equal(s.taken, 4 + sizeof(much));
	assert_int_equal(s.written, 4);
	assert_int_equal(s.lost, sizeof(much));
	assert_int_equal(r.lost, sizeof(much));
	assert_int_equal(r.lost_events, 1);
	assert_string_equal(r.why, "the reader closed it");
	assert_int_equal(r.failures, 0);
	rig_close(&r);
	close(p[1]);
}

/* The reader leaves while the ring is full and the guest waits for room. */
static void a_reader_that_leaves_lets_the_guest_go_on(void **state)
{
	static uint8_t much[2 * MIB];
	struct rig r;
	size_t n;
	int p[2];

	make_pipe(p);
	rig_stdio(&r, -1, p[1]);
	n = r.host->tx(r.host, much, sizeof(much));
	assert_true(n < sizeof(much));
	close(p[0]);
	rig_send(&r, much, sizeof(much));
	rig_stop(&r);
	console_finish(r.c, CONSOLE_FINISH_NS);
	assert_int_equal(rig_stats(&r).lost + rig_stats(&r).written, n + sizeof(much));
	rig_close(&r);
	close(p[1]);
}

static void a_closed_stdout_loses_everything(void **state)
{
	struct rig r;
	int fd = dup(2);

	close(fd);
	rig_stdio(&r, -1, fd);
	rig_send(&r, "lost", 4);
	rig_stop(&r);
	console_finish(r.c, CONSOLE_FINISH_NS);
	assert_int_equal(r.lost, 4);
	rig_close(&r);
}

static void a_stdout_open_for_reading_only_loses_everything(void **state)
{
	struct rig r;
	int fd = open("/dev/null", O_RDONLY);

	rig_stdio(&r, -1, fd);
	rig_send(&r, "lost", 4);
	rig_stop(&r);
	console_finish(r.c, CONSOLE_FINISH_NS);
	assert_int_equal(r.lost, 4);
	rig_close(&r);
	close(fd);
}

/* `{ echo head; vmm; echo foot; } > out`, and the same with >> out */
static void a_shared_file_keeps_its_offset(void **state)
{
	for (int append = 0; append < 2; append++) {
		char path[] = "/tmp/vmm-console-XXXXXX", buf[64] = "";
		int fd = mkstemp(path), other;
		struct rig r;

		assert_true(fd >= 0);
		close(fd);
		fd = open(path, O_RDWR | (append ? O_APPEND : 0));
		other = dup(fd);
		assert_int_equal(write(other, "head\n", 5), 5);
		rig_stdio(&r, -1, fd);
		rig_send(&r, "guest\n", 6);
		rig_wait_written(&r, 6);
		assert_int_equal(write(other, "foot\n", 5), 5);
		rig_close(&r);
		assert_int_equal(pread(fd, buf, sizeof(buf), 0), 16);
		assert_string_equal(buf, "head\nguest\nfoot\n");
		assert_false(nonblocking(fd));
		close(fd);
		close(other);
		unlink(path);
	}
}

static void a_terminal_as_stdout(void **state)
{
	struct termios tio;
	int master, slave;
	struct rig r;

	assert_int_equal(openpty(&master, &slave, NULL, NULL, NULL), 0);
	tcgetattr(slave, &tio);
	cfmakeraw(&tio);
	tcsetattr(slave, TCSANOW, &tio);
	rig_stdio(&r, -1, slave);
	rig_send(&r, "to the screen\r\n", 15);
	expect_read(master, "to the screen\r\n");
	assert_false(nonblocking(slave));
	/* A terminal that is not read: it buffers a few KiB, the ring holds the rest, and tx returns. */
	for (int i = 0; i < 300; i++)
		assert_int_equal(r.host->tx(r.host, (const uint8_t *)"0123456789", 10), 10);
	rig_close(&r);
	close(slave);
	close(master);
}

static void dev_null_and_a_pty_master_as_stdout(void **state)
{
	int fd = open("/dev/null", O_WRONLY), master, slave;
	struct rig r;

	rig_stdio(&r, -1, fd);
	rig_send(&r, "gone", 4);
	rig_wait_written(&r, 4);
	rig_close(&r);
	assert_false(nonblocking(fd));
	close(fd);
	assert_int_equal(openpty(&master, &slave, NULL, NULL, NULL), 0);
	rig_stdio(&r, -1, master);
	rig_send(&r, "typed\n", 6);
	expect_read(slave, "typed\n");
	rig_close(&r);
	assert_false(nonblocking(master));
	close(master);
	close(slave);
}

static void a_full_disk_is_told_once(void **state)
{
	struct console_params p = {.kind = CONSOLE_FILE, .path = "/dev/full"};
	struct rig r;

	assert_int_equal(rig_open(&r, &p, NULL), 0);
	rig_start(&r);
	rig_send(&r, "one", 3);
	for (int i = 0; i < RIG_WAIT && !rig_stats(&r).lost; i++)
		sleep_ms(1);
	rig_send(&r, "two", 3);
	rig_stop(&r);
	console_finish(r.c, CONSOLE_FINISH_NS);
	assert_int_equal(r.failures, 1);
	assert_int_equal(r.lost, 6);
	assert_string_equal(r.why, "writing failed");
	rig_close(&r);
}

static void null_takes_all_and_loses_nothing(void **state)
{
	struct console_params p = {.kind = CONSOLE_NULL};
	static uint8_t much[2 * MIB];
	struct rig r;

	assert_int_equal(rig_open(&r, &p, NULL), 0);
	rig_start(&r);
	assert_int_equal(r.host->tx(r.host, much, sizeof(much)), sizeof(much));
	assert_int_equal(tx(&r, "\nLinux version 6\n"), 17);
	rig_stop(&r);
	console_finish(r.c, CONSOLE_FINISH_NS);
	assert_int_equal(rig_stats(&r).taken, sizeof(much) + 17);
	assert_int_equal(rig_stats(&r).lost, 0);
	assert_int_equal(r.banners, 1);
	rig_close(&r);
}

/* What the guest said is known at once, whether or not anybody reads it; and works before the loop. */
static void banner_and_panic_are_seen_when_written(void **state)
{
	struct console_params p = {.kind = CONSOLE_STDIO, .in_fd = -1};
	struct console_stats s;
	char line[256], tail[CONSOLE_TAIL_TEXT];
	struct rig r;
	int fds[2];

	make_pipe(fds);
	p.out_fd = fds[1];
	assert_int_equal(rig_open(&r, &p, NULL), 0);
	tx(&r, "early\r\n[    0.000000] Linux version 6.1.0 (x\033[2Jy)\r\n");
	s = rig_stats(&r);
	assert_true(s.banner_ns && s.banner_ns >= s.first_byte_ns);
	assert_int_equal(r.banners, 1);
	assert_int_equal(r.firsts, 1);
	assert_int_equal(s.written, 0);
	tx(&r, "[    1.0] Kernel panic - not syncing: VFS\r\n");
	assert_int_equal(r.panics, 1);
	assert_string_equal(r.panic, "Kernel panic - not syncing: VFS");
	assert_true(panic_text_seen(console_panic_text(r.c)));
	console_panic_line(r.c, line, sizeof(line));
	assert_string_equal(line, "Kernel panic - not syncing: VFS");
	console_tail(r.c, tail, sizeof(tail));
	assert_string_equal(tail,
		"early\n[    0.000000] Linux version 6.1.0 (x\\x1b[2Jy)\n"
		"[    1.0] Kernel panic - not syncing: VFS\n");
	rig_close(&r);
	close(fds[0]);
	close(fds[1]);
}

static void the_tail_holds_the_last_lines(void **state)
{
	struct console_params p = {.kind = CONSOLE_NULL};
	char tail[CONSOLE_TAIL_TEXT], small[10], text[32];
	static uint8_t much[3 * CONSOLE_TAIL_BYTES];
	struct rig r;

	assert_int_equal(rig_open(&r, &p, NULL), 0);
	assert_int_equal(console_tail(r.c, tail, sizeof(tail)), 0);
	for (int i = 0; i < 1000; i++) {
		snprintf(text, sizeof(text), "line %03d\n", i);
		tx(&r, text);
	}
	assert_in_range(console_tail(r.c, tail, sizeof(tail)), CONSOLE_TAIL_BYTES - 9, CONSOLE_TAIL_BYTES);
	assert_memory_equal(tail, "line ", 5);
	assert_string_equal(tail + strlen(tail) - 9, "line 999\n");
	assert_int_equal(console_tail(r.c, small, sizeof(small)), 9);
	assert_string_equal(small, "line 999\n");
	/* Nothing but control characters, in one piece: the longest text there is. */
	r.host->tx(r.host, much, sizeof(much));
	assert_int_equal(console_tail(r.c, tail, sizeof(tail)), CONSOLE_TAIL_TEXT - 1);
	rig_close(&r);
}

/* Output that just fills the tail is all in it. */
static void the_tail_is_just_full(void **state)
{
	struct console_params p = {.kind = CONSOLE_NULL};
	char tail[CONSOLE_TAIL_TEXT], text[65];
	struct rig r;

	assert_int_equal(rig_open(&r, &p, NULL), 0);
	for (unsigned i = 0; i < CONSOLE_TAIL_BYTES / 64; i++) {
		snprintf(text, sizeof(text), "%063u\n", i);
		tx(&r, text);
	}
	assert_in_range(console_tail(r.c, tail, sizeof(tail)), CONSOLE_TAIL_BYTES - 64, CONSOLE_TAIL_BYTES);
	rig_close(&r);
}

static void what_the_port_could_not_take_is_lost(void **state)
{
	struct console_params p = {.kind = CONSOLE_NULL};
	struct rig r;

	assert_int_equal(rig_open(&r, &p, NULL), 0);
	rig_start(&r);
	r.host->tx_lost(r.host, 3);
	r.host->tx_lost(r.host, 2);
	rig_stop(&r);
	console_finish(r.c, CONSOLE_FINISH_NS);
	console_finish(r.c, CONSOLE_FINISH_NS);
	assert_int_equal(r.lost, 5);
	assert_int_equal(r.lost_events, 1);
	rig_close(&r);
}

/* The end: a slow reader gets what it can read in time, a stuck one is abandoned after half of the time. */
static void finish_waits_for_a_slow_reader(void **state)
{
	static uint8_t much[512 * KIB];
	struct reader rd = {.slow = false};
	pthread_t thread;
	struct rig r;
	int p[2];

	make_pipe(p);
	rd.fd = p[0];
	rig_stdio(&r, -1, p[1]);
	fill(much, sizeof(much), 0, 2);
	assert_int_equal(r.host->tx(r.host, much, sizeof(much)), sizeof(much));
	rig_stop(&r);
	rd.slow = true;
	assert_int_equal(pthread_create(&thread, NULL, read_slowly, &rd), 0);
	console_finish(r.c, CONSOLE_FINISH_NS);
	assert_int_equal(rig_stats(&r).lost, 0);
	rig_close(&r);
	close(p[1]);
	pthread_join(thread, NULL);
	assert_int_equal(rd.got, sizeof(much));
	assert_false(rd.wrong);
	close(p[0]);
}

static void finish_gives_up_a_stuck_reader(void **state)
{
	static uint8_t much[512 * KIB];
	struct console_stats s;
	uint64_t start;
	struct rig r;
	int p[2];

	make_pipe(p);
	rig_stdio(&r, -1, p[1]);
	r.host->tx(r.host, much, sizeof(much));
	rig_stop(&r);
	start = trace_now_ns();
	console_finish(r.c, 200 * NSEC_PER_MSEC);
	assert_in_range(trace_now_ns() - start, 90 * NSEC_PER_MSEC, 1000 * NSEC_PER_MSEC);
	s = rig_stats(&r);
	assert_int_equal(s.written + s.lost, sizeof(much));
	assert_true(s.lost >= sizeof(much) - 128 * KIB);
	assert_int_equal(r.lost, s.lost);
	assert_string_equal(r.why, "the reader did not take it in time");
	/* Afterwards everything is dropped, and nothing waits. */
	assert_int_equal(r.host->tx(r.host, much, 100), 100);
	rig_close(&r);
	close(p[0]);
	close(p[1]);
}

static void finish_works_without_attach(void **state)
{
	struct console_params p = {.kind = CONSOLE_STDIO, .in_fd = -1};
	struct rig r;
	int fds[2];

	make_pipe(fds);
	p.out_fd = fds[1];
	assert_int_equal(rig_open(&r, &p, NULL), 0);
	tx(&r, "early");
	console_finish(r.c, CONSOLE_FINISH_NS);
	expect_read(fds[0], "early");
	rig_close(&r);
	close(fds[0]);
	close(fds[1]);
	console_destroy(NULL);
}

static void an_idle_console_uses_no_time(void **state)
{
	static uint8_t much[2 * MIB];
	struct rig r;
	int p[2];

	make_pipe(p);
	rig_stdio(&r, -1, p[1]);
	rig_send(&r, "x", 1);
	expect_read(p[0], "x");
	assert_true(rig_cpu_ms(200) < 50);
	/* Nor does one with a full ring. */
	r.host->tx(r.host, much, sizeof(much));
	assert_true(rig_cpu_ms(200) < 50);
	rig_close(&r);
	close(p[0]);
	close(p[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_pipe_gets_every_byte),
		cmocka_unit_test(a_blocked_reader_blocks_nobody),
		cmocka_unit_test(ten_megabytes_through_a_pipe),
		cmocka_unit_test(ten_megabytes_through_a_socket),
		cmocka_unit_test(a_socket_stays_blocking_for_others),
		cmocka_unit_test(several_threads_may_send),
		cmocka_unit_test(a_reader_that_leaves_is_counted),
		cmocka_unit_test(a_reader_that_leaves_lets_the_guest_go_on),
		cmocka_unit_test(a_closed_stdout_loses_everything),
		cmocka_unit_test(a_stdout_open_for_reading_only_loses_everything),
		cmocka_unit_test(a_shared_file_keeps_its_offset),
		cmocka_unit_test(a_terminal_as_stdout),
		cmocka_unit_test(dev_null_and_a_pty_master_as_stdout),
		cmocka_unit_test(a_full_disk_is_told_once),
		cmocka_unit_test(null_takes_all_and_loses_nothing),
		cmocka_unit_test(banner_and_panic_are_seen_when_written),
		cmocka_unit_test(the_tail_holds_the_last_lines),
		cmocka_unit_test(the_tail_is_just_full),
		cmocka_unit_test(what_the_port_could_not_take_is_lost),
		cmocka_unit_test(finish_waits_for_a_slow_reader),
		cmocka_unit_test(finish_gives_up_a_stuck_reader),
		cmocka_unit_test(finish_works_without_attach),
		cmocka_unit_test(an_idle_console_uses_no_time),
	};

	return run_group(tests);
}
