// SPDX-License-Identifier: Apache-2.0
/* The way of input: whole, in order, unchanged, at the guest's own speed. */
#include <errno.h>
#include <fcntl.h>
#include <pty.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "tests/support/unit.h"
#include "tests/unit/console/rig.h"

#define PASTE 65536

static void make_pipe(int p[2])
{
	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
}

struct writer {
	int fd;
	const uint8_t *data;
	size_t n;
};

static void *write_all(void *arg)
{
	struct writer *w = arg;

	while (w->n) {
		ssize_t r = write(w->fd, w->data, w->n);

		if (r <= 0)
			break;
		w->data += r;
		w->n -= (size_t)r;
	}
	return NULL;
}

/* 64 KiB at once through a FIFO of 16 bytes. */
static void paste_into(int in, int far)
{
	static uint8_t want[PASTE], got[PASTE];
	struct writer w = {.fd = far, .data = want, .n = PASTE};
	pthread_t thread;
	struct rig r;

	fill(want, PASTE, 0, 3);
	rig_stdio(&r, in, -1);
	assert_int_equal(pthread_create(&thread, NULL, write_all, &w), 0);
	assert_int_equal(rig_receive(&r, got, PASTE, RIG_WAIT), PASTE);
	pthread_join(thread, NULL);
	assert_memory_equal(got, want, PASTE);
	rig_stop(&r);
	assert_int_equal(rig_stats(&r).input, PASTE);
	rig_close(&r);
	assert_false(fcntl(in, F_GETFL) & O_NONBLOCK);
}

static void a_paste_through_a_pipe(void **state)
{
	int p[2];

	make_pipe(p);
	paste_into(p[0], p[1]);
	close(p[0]);
	close(p[1]);
}

static void a_paste_through_a_socket(void **state)
{
	int s[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, s), 0);
	paste_into(s[0], s[1]);
	close(s[0]);
	close(s[1]);
}

static void a_paste_through_a_terminal(void **state)
{
	struct termios tio;
	int master, slave;

	assert_int_equal(openpty(&master, &slave, NULL, NULL, NULL), 0);
	tcgetattr(slave, &tio);
	cfmakeraw(&tio);
	tcsetattr(slave, TCSANOW, &tio);
	paste_into(slave, master);
	close(slave);
	close(master);
}

static void a_file_as_stdin(void **state)
{
	static uint8_t want[PASTE], got[PASTE];
	char path[] = "/tmp/vmm-console-XXXXXX";
	int fd = mkstemp(path);
	struct rig r;

	assert_true(fd >= 0);
	unlink(path);
	fill(want, PASTE, 0, 4);
	assert_int_equal(write(fd, want, PASTE), PASTE);
	lseek(fd, 0, SEEK_SET);
	rig_stdio(&r, fd, -1);
	assert_int_equal(rig_receive(&r, got, PASTE, RIG_WAIT), PASTE);
	assert_memory_equal(got, want, PASTE);
	/* The end of the file is no reason to spin. */
	assert_true(rig_cpu_ms(200) < 50);
	rig_close(&r);
	close(fd);
}

static void an_end_of_input_leaves_the_guest_running(void **state)
{
	int in[2], out[2];
	struct rig r;

	make_pipe(in);
	make_pipe(out);
	rig_stdio(&r, in[0], out[1]);
	assert_int_equal(write(in[1], "last", 4), 4);
	close(in[1]);
	rig_expect_input(&r, "last");
	rig_send(&r, "still here", 10);
	expect_read(out[0], "still here");
	assert_true(rig_cpu_ms(200) < 50);
	rig_close(&r);
	close(in[0]);
	close(out[0]);
	close(out[1]);
}

static void dev_null_and_a_closed_stdin_are_no_input(void **state)
{
	int fd = open("/dev/null", O_RDONLY), out[2];

	for (int i = 0; i < 2; i++) {
		struct rig r;

		make_pipe(out);
		if (i)
			close(fd);
		rig_stdio(&r, fd, out[1]);
		rig_send(&r, "ok", 2);
		expect_read(out[0], "ok");
		assert_true(rig_cpu_ms(100) < 50);
		rig_close(&r);
		close(out[0]);
		close(out[1]);
	}
}

/* The guest does not read, and the writer has closed its end: epoll would report EPOLLHUP all the time. */
static void paused_input_does_not_spin(void **state)
{
	uint8_t data[3 * RIG_FIFO], got[3 * RIG_FIFO];
	struct rig r;
	int in[2];

	make_pipe(in);
	fill(data, sizeof(data), 0, 5);
	rig_stdio(&r, in[0], -1);
	assert_int_equal(write(in[1], data, sizeof(data)), sizeof(data));
	close(in[1]);
	assert_true(rig_cpu_ms(200) < 50);
	assert_int_equal(rig_receive(&r, got, sizeof(got), RIG_WAIT), sizeof(got));
	assert_memory_equal(got, data, sizeof(got));
	rig_close(&r);
	close(in[0]);
}

static void bytes_pass_unchanged_without_a_filter(void **state)
{
	struct rig r;
	int in[2];

	make_pipe(in);
	rig_stdio(&r, in[0], -1);
	assert_int_equal(write(in[1], "\1x\1h\r\n\x03\x04\x1a", 9), 9);
	rig_expect_input(&r, "\1x\1h\r\n\x03\x04\x1a");
	rig_close(&r);
	close(in[0]);
	close(in[1]);
}

struct dropper {
	struct console_filter filter;
	_Atomic unsigned prepared, taken_out, refused;
};

static void prepare(struct console_filter *f)
{
	container_of(f, struct dropper, filter)->prepared++;
}

/* Takes every 'x' out; '!' is BREAK. */
static size_t filter(struct console_filter *f, uint8_t *data, size_t *n, bool *brk)
{
	size_t out = 0, i = 0;

	while (i < *n && !*brk) {
		uint8_t c = data[i++];

		if (c == '!')
			*brk = true;
		else if (c == 'x')
			container_of(f, struct dropper, filter)->taken_out++;
		else
			data[out++] = c;
	}
	*n = out;
	return i;
}

static void refused(struct console_filter *f)
{
	container_of(f, struct dropper, filter)->refused++;
}

static void a_filter_may_take_bytes_out(void **state)
{
	struct dropper d = {.filter = {.prepare = prepare, .filter = filter, .refused = refused}};
	struct console_params p = {.kind = CONSOLE_STDIO, .out_fd = -1, .filter = &d.filter};
	struct rig r;
	int in[2];

	make_pipe(in);
	p.in_fd = in[0];
	assert_int_equal(rig_open(&r, &p, NULL), 0);
	/* Nothing is prepared before the loop runs: errors of the set-up find the terminal as it was. */
	assert_int_equal(console_attach(r.c, r.loop, &r.guest), 0);
	assert_int_equal(d.prepared, 0);
	rig_close(&r);

	assert_int_equal(rig_open(&r, &p, NULL), 0);
	rig_start(&r);
	assert_int_equal(write(in[1], "xxx", 3), 3);
	sleep_ms(20);
	assert_int_equal(write(in[1], "axbxc", 5), 5);
	rig_expect_input(&r, "abc");
	rig_close(&r);
	assert_true(d.prepared > 0);
	close(in[0]);
	close(in[1]);
}

/* A console with the filter on a pipe, which stands for a terminal here; the guest reads when the test does. */
static void rig_filtered(struct rig *r, struct dropper *d, int in, bool has_break)
{
	struct console_params p = {.kind = CONSOLE_STDIO, .in_fd = in, .out_fd = -1, .filter = &d->filter};

	*d = (struct dropper){.filter = {.prepare = prepare, .filter = filter, .refused = refused}};
	assert_int_equal(rig_open(r, &p, NULL), 0);
	if (!has_break)
		r->guest.rx_break = NULL;
	rig_start(r);
}

static void wait_for(const _Atomic unsigned *what, unsigned n)
{
	for (int i = 0; i < RIG_WAIT && *what < n; i++)
		sleep_ms(1);
	assert_int_equal(*what, n);
}

/* However much input is queued for the guest, the filter sees the keys after it, and the guest gets those before. */
static void escapes_are_seen_while_the_guest_does_not_read(void **state)
{
	char keys[RIG_FIFO + 10], got[sizeof(keys) + 1] = "";
	struct dropper d;
	struct rig r;
	int in[2];

	make_pipe(in);
	rig_filtered(&r, &d, in[0], true);
	memset(keys, 'k', sizeof(keys));
	assert_int_equal(write(in[1], keys, sizeof(keys)), sizeof(keys));
	for (unsigned n = 1; n <= 3; n++) {
		assert_int_equal(write(in[1], "x", 1), 1);
		wait_for(&d.taken_out, n);
	}
	assert_true(rig_cpu_ms(200) < 50);
	assert_int_equal(rig_receive(&r, got, sizeof(keys), RIG_WAIT), sizeof(keys));
	assert_memory_equal(got, keys, sizeof(keys));
	assert_int_equal(d.refused, 0);
	rig_close(&r);
	close(in[0]);
	close(in[1]);
}

/* Full: escapes still count, the rest is dropped with a notice, and what waited before is whole. */
static void escapes_are_seen_when_the_buffer_is_full(void **state)
{
	static uint8_t keys[4 * PASTE], got[4 * PASTE];
	struct writer w = {.data = keys, .n = sizeof(keys)};
	pthread_t thread;
	struct dropper d;
	struct rig r;
	size_t kept;
	int in[2];

	make_pipe(in);
	w.fd = in[1];
	for (size_t i = 0; i < sizeof(keys); i++)
		keys[i] = (uint8_t)('a' + i % 23);
	rig_filtered(&r, &d, in[0], true);
	/* All of it leaves the pipe, although the guest has read nothing. */
	assert_int_equal(pthread_create(&thread, NULL, write_all, &w), 0);
	pthread_join(thread, NULL);
	assert_int_equal(write(in[1], "x", 1), 1);
	wait_for(&d.taken_out, 1);
	assert_true(d.refused > 0);
	kept = sizeof(keys) - rig_stats(&r).refused;
	assert_in_range(kept, PASTE, PASTE + RIG_FIFO);
	assert_int_equal(rig_receive(&r, got, kept, RIG_WAIT), kept);
	assert_memory_equal(got, keys, kept);
	/* And from now on it is heard again. */
	assert_int_equal(write(in[1], "go on", 5), 5);
	rig_expect_input(&r, "go on");
	rig_close(&r);
	close(in[0]);
	close(in[1]);
}

/* A paste that is larger than the buffer, to a guest that reads it slowly: nothing is dropped. */
static void a_large_paste_waits_for_a_guest_that_reads(void **state)
{
	static uint8_t keys[4 * PASTE], got[4 * PASTE];
	struct writer w = {.data = keys, .n = sizeof(keys)};
	pthread_t thread;
	struct dropper d;
	struct rig r;
	int in[2];

	make_pipe(in);
	w.fd = in[1];
	for (size_t i = 0; i < sizeof(keys); i++)
		keys[i] = (uint8_t)('a' + i % 23);
	rig_filtered(&r, &d, in[0], true);
	assert_int_equal(pthread_create(&thread, NULL, write_all, &w), 0);
	for (size_t at = 0; at < sizeof(got); at += PASTE / 2) {
		sleep_ms(300);
		assert_int_equal(rig_receive(&r, got + at, PASTE / 2, RIG_WAIT), PASTE / 2);
	}
	pthread_join(thread, NULL);
	assert_memory_equal(got, keys, sizeof(keys));
	assert_int_equal(d.refused, 0);
	assert_int_equal(rig_stats(&r).refused, 0);
	rig_close(&r);
	close(in[0]);
	close(in[1]);
}

static void a_break_keeps_its_place(void **state)
{
	struct dropper d;
	struct rig r;
	int in[2];

	make_pipe(in);
	rig_filtered(&r, &d, in[0], true);
	assert_int_equal(write(in[1], "!a byte too many.!h!!i!", 23), 23);
	rig_expect_input(&r, "!a byte too many.!h!!i!");
	pthread_mutex_lock(&r.lock);
	assert_int_equal(r.breaks, 5);
	pthread_mutex_unlock(&r.lock);
	/* The queue is limited; the operator is notified about the others. */
	assert_int_equal(write(in[1], "as many as fit..", 16), 16);
	for (int i = 0; i < 20; i++)
		assert_int_equal(write(in[1], "!", 1), 1);
	wait_for(&d.refused, 12);
	rig_expect_input(&r, "as many as fit..!!!!!!!!");
	rig_close(&r);
	close(in[0]);
	close(in[1]);
}

static void a_line_without_break_refuses_it(void **state)
{
	struct dropper d;
	struct rig r;
	int in[2];

	make_pipe(in);
	rig_filtered(&r, &d, in[0], false);
	assert_int_equal(write(in[1], "a!b", 3), 3);
	rig_expect_input(&r, "ab");
	wait_for(&d.refused, 1);
	rig_close(&r);
	close(in[0]);
	close(in[1]);
}

/* In a session of its own: reads a terminal from a background group; status 0 when it was neither stopped nor fed. */
static int background_child(int slave)
{
	int go[2];
	pid_t pid;

	if (setsid() < 0 || ioctl(slave, TIOCSCTTY, 0) < 0 || pipe(go) < 0)
		return 2;
	pid = fork();
	if (pid == 0) {
		struct console_params p = {.kind = CONSOLE_STDIO, .in_fd = slave, .out_fd = -1};
		struct rig r;
		char buf[4];
		size_t before;

		setpgid(0, 0);
		assert_int_equal(rig_open(&r, &p, NULL), 0);
		rig_start(&r);
		before = rig_receive(&r, buf, 1, 300);
		/* Brought to the foreground, the input that waited arrives. */
		signal(SIGTTOU, SIG_IGN);
		tcsetpgrp(slave, getpgrp());
		if (rig_receive(&r, buf, 4, 3000) != 4)
			_exit(4);
		rig_close(&r);
		_exit(before ? 3 : memcmp(buf, "abc\n", 4) != 0);
	}
	for (int i = 0; i < 500; i++) {
		int status;

		if (waitpid(pid, &status, WNOHANG | WUNTRACED) == pid) {
			kill(pid, SIGKILL);
			return WIFEXITED(status) ? WEXITSTATUS(status) : 5;
		}
		sleep_ms(10);
	}
	kill(pid, SIGKILL);
	return 6;
}

static void a_terminal_in_the_background_is_left_alone(void **state)
{
	int master, slave, status;
	pid_t pid;

	assert_int_equal(openpty(&master, &slave, NULL, NULL, NULL), 0);
	pid = fork();
	if (pid == 0) {
		close(master);
		_exit(background_child(slave));
	}
	assert_int_equal(write(master, "abc\n", 4), 4);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	close(master);
	close(slave);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		/* First: TSan refuses a thread in the child of a process that has had threads. */
		cmocka_unit_test(a_terminal_in_the_background_is_left_alone),
		cmocka_unit_test(a_paste_through_a_pipe),
		cmocka_unit_test(a_paste_through_a_socket),
		cmocka_unit_test(a_paste_through_a_terminal),
		cmocka_unit_test(a_file_as_stdin),
		cmocka_unit_test(an_end_of_input_leaves_the_guest_running),
		cmocka_unit_test(dev_null_and_a_closed_stdin_are_no_input),
		cmocka_unit_test(paused_input_does_not_spin),
		cmocka_unit_test(bytes_pass_unchanged_without_a_filter),
		cmocka_unit_test(a_filter_may_take_bytes_out),
		cmocka_unit_test(escapes_are_seen_while_the_guest_does_not_read),
		cmocka_unit_test(escapes_are_seen_when_the_buffer_is_full),
		cmocka_unit_test(a_large_paste_waits_for_a_guest_that_reads),
		cmocka_unit_test(a_break_keeps_its_place),
		cmocka_unit_test(a_line_without_break_refuses_it),
	};

	return run_group(tests);
}
