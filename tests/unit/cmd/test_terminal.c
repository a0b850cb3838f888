// SPDX-License-Identifier: Apache-2.0
/* Raw mode, every way out of it, and the keys. A child has the terminal; this process holds the other end. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <pty.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "cmd/terminal.h"
#include "tests/support/unit.h"
#include "vmm/base/gmem.h"

#define WAIT_MS 10000

/**
 * struct seat - a terminal, and its user
 * @up: the child says here that it has got where it should
 */
struct seat {
	int master;
	int slave;
	int up[2];
	pid_t pid;
	struct termios before;
};

static unsigned quits;

static void on_quit(void *arg)
{
	quits++;
}

static const struct terminal_ops key_ops = {.quit = on_quit};

static void same_settings(struct seat *s)
{
	struct termios now;

	assert_int_equal(tcgetattr(s->slave, &now), 0);
	assert_int_equal(now.c_iflag, s->before.c_iflag);
	assert_int_equal(now.c_oflag, s->before.c_oflag);
	assert_int_equal(now.c_cflag, s->before.c_cflag);
	assert_int_equal(now.c_lflag, s->before.c_lflag);
	assert_memory_equal(now.c_cc, s->before.c_cc, sizeof(now.c_cc));
}

static bool is_raw(int fd)
{
	struct termios now;

	assert_int_equal(tcgetattr(fd, &now), 0);
	return !(now.c_lflag & (ICANON | ECHO | ISIG)) && !(now.c_oflag & OPOST);
}

static void wait_raw(struct seat *s, bool raw)
{
	for (int i = 0; i < WAIT_MS && is_raw(s->slave) != raw; i++)
		usleep(1000);
	assert_int_equal(is_raw(s->slave), raw);
}

static void open_seat(struct seat *s)
{
	assert_int_equal(openpty(&s->master, &s->slave, NULL, NULL, NULL), 0);
	assert_int_equal(tcgetattr(s->slave, &s->before), 0);
	/* Something that no default has. */
	s->before.c_cc[VMIN] = 3;
	s->before.c_cc[VERASE] = 0x17;
	assert_int_equal(tcsetattr(s->slave, TCSANOW, &s->before), 0);
	assert_int_equal(pipe2(s->up, O_CLOEXEC), 0);
}

static void close_seat(struct seat *s)
{
	close(s->master);
	close(s->slave);
	close(s->up[0]);
	close(s->up[1]);
}

/* The child: its own session, the terminal on 0 to 2, and none of the handlers of cmocka and the sanitizers. */
static void sit_down(struct seat *s)
{
	struct rlimit none = {0};

	setrlimit(RLIMIT_CORE, &none);
	for (int sig = 1; sig <= SIGRTMAX; sig++)
		if (sig != SIGKILL && sig != SIGSTOP)
			signal(sig, SIG_DFL);
	if (setsid() < 0 || ioctl(s->slave, TIOCSCTTY, 0) < 0)
		_exit(90);
	for (int fd = 0; fd < 3; fd++)
		dup2(s->slave, fd);
	close(s->master);
}

static struct terminal *enter(void)
{
	struct terminal *t = NULL;

	if (terminal_open(0, &key_ops, NULL, &t, NULL) || !t)
		_exit(91);
	terminal_filter(t)->prepare(terminal_filter(t));
	if (!terminal_is_raw(t))
		_exit(92);
	return t;
}

static void say_up(struct seat *s)
{
	if (write(s->up[1], "u", 1) != 1)
		_exit(93);
}

static void wait_up(struct seat *s)
{
	struct pollfd p = {.fd = s->up[0], .events = POLLIN};
	char c;

	assert_int_equal(poll(&p, 1, WAIT_MS), 1);
	assert_int_equal(read(s->up[0], &c, 1), 1);
}

static void start(struct seat *s, void (*child)(struct seat *s))
{
	open_seat(s);
	s->pid = fork();
	assert_true(s->pid >= 0);
	if (!s->pid) {
		sit_down(s);
		child(s);
		_exit(94);
	}
}

static int wait_child(struct seat *s)
{
	int status;

	assert_int_equal(waitpid(s->pid, &status, 0), s->pid);
	return status;
}

/* Signals */

static void sit_and_wait(struct seat *s)
{
	enter();
	say_up(s);
	for (;;)
		pause();
}

static int status_after(int sig, void (*child)(struct seat *))
{
	struct seat s;
	int status;

	start(&s, child);
	wait_up(&s);
	assert_true(is_raw(s.slave));
	kill(s.pid, sig);
	status = wait_child(&s);
	same_settings(&s);
	close_seat(&s);
	return status;
}

static void killed_by(int sig)
{
	int status = status_after(sig, sit_and_wait);

	if (!WIFSIGNALED(status) || WTERMSIG(status) != sig)
		fail_msg("signal %d: status %#x", sig, status);
}

static void wait_without_queue(struct seat *s)
{
	struct rlimit none = {0};

	setrlimit(RLIMIT_SIGPENDING, &none);
	sit_and_wait(s);
}

/* kill() gets a real-time signal through a full queue of pending signals, but it cannot be sent again from there. */
static void a_signal_that_cannot_be_sent_again(void **state)
{
	int status = status_after(SIGRTMIN + 3, wait_without_queue);

	if (!WIFEXITED(status) || WEXITSTATUS(status) != 128 + SIGRTMIN + 3)
		fail_msg("status %#x", status);
	status = status_after(SIGTERM, wait_without_queue);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
}

static void every_signal_that_ends_us_restores(void **state)
{
	static const int sigs[] = {SIGHUP, SIGINT, SIGQUIT, SIGILL, SIGTRAP, SIGABRT, SIGBUS, SIGFPE, SIGUSR1, SIGSEGV,
		SIGUSR2, SIGALRM, SIGTERM, SIGSTKFLT, SIGXCPU, SIGVTALRM, SIGPROF, SIGIO, SIGPWR, SIGSYS};

	for (size_t i = 0; i < ARRAY_SIZE(sigs); i++)
		/* ThreadSanitizer puts off what others send until its own work is done, but not a SIGSYS. */
		if (!WITH_TSAN || sigs[i] != SIGSYS)
			killed_by(sigs[i]);
	killed_by(SIGRTMIN + 3);
	killed_by(SIGRTMAX);
}

/* Crashes of our own making */

static __attribute__((noinline, no_sanitize("address", "undefined"))) int overflow(volatile int depth)
{
	volatile char page[4096];

	if (depth < 0)
		return 0;
	page[0] = (char)depth;
	page[4095] = page[0];
	return overflow(depth + 1) + page[4095];
}

static __attribute__((no_sanitize("address", "undefined"))) void *null_write(void *arg)
{
	*(volatile int *)arg = 1;
	return NULL;
}

static void crash_null(struct seat *s)
{
	enter();
	say_up(s);
	null_write(NULL);
}

static void crash_abort(struct seat *s)
{
	enter();
	say_up(s);
	abort();
}

static void crash_stack(struct seat *s)
{
	struct rlimit small = {.rlim_cur = 1 << 20, .rlim_max = RLIM_INFINITY};

	setrlimit(RLIMIT_STACK, &small);
	enter();
	say_up(s);
	_exit(overflow(0));
}

static void crash_thread(struct seat *s)
{
	pthread_t thread;

	enter();
	say_up(s);
	pthread_create(&thread, NULL, null_write, NULL);
	pthread_join(thread, NULL);
}

/* A kernel file that shrinks: the copy fails, the terminal stays raw; any other SIGBUS is the end. */
static void crash_file(struct seat *s)
{
	int fd = memfd_create("kernel", 0);
	struct gmem g = {0};
	struct gmem_region r = {.size = 8192, .fd = -1};
	struct terminal *t;
	uint8_t byte;

	if (fd < 0 || ftruncate(fd, 8192) < 0 || gmem_install_sigbus())
		_exit(80);
	t = enter();
	r.host = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	if (r.host == MAP_FAILED || gmem_add(&g, &r) || ftruncate(fd, 0) < 0)
		_exit(81);
	gmem_set_file_window(&g, 0, 8192);
	for (int i = 0; i < 2; i++)
		if (gmem_read(&g, 4096, &byte, 1) != -EFAULT || !terminal_is_raw(t) || !is_raw(0))
			_exit(82);
	say_up(s);
	null_write(r.host);
}

static void crashes_restore(void **state)
{
	static const struct {
		void (*child)(struct seat *s);
		int sig;
	} crashes[] = {
		{crash_null, SIGSEGV},
		{crash_abort, SIGABRT},
		{crash_stack, SIGSEGV},
		{crash_thread, SIGSEGV},
		{crash_file, SIGBUS},
	};

	for (size_t i = 0; i < ARRAY_SIZE(crashes); i++) {
		struct seat s;
		int status;

		start(&s, crashes[i].child);
		wait_up(&s);
		status = wait_child(&s);
		assert_true(WIFSIGNALED(status));
		assert_int_equal(WTERMSIG(status), crashes[i].sig);
		same_settings(&s);
		close_seat(&s);
	}
}

/* The orderly ways */

static void leave_by_close(struct seat *s)
{
	struct terminal *t = enter();

	say_up(s);
	terminal_close(t);
	_exit(7);
}

static void leave_by_exit(struct seat *s)
{
	enter();
	say_up(s);
	exit(7);
}

static void close_and_exit_restore(void **state)
{
	void (*const ways[])(struct seat * s) = {leave_by_close, leave_by_exit};

	for (size_t i = 0; i < ARRAY_SIZE(ways); i++) {
		struct seat s;
		int status;

		start(&s, ways[i]);
		wait_up(&s);
		status = wait_child(&s);
		assert_true(WIFEXITED(status));
		assert_int_equal(WEXITSTATUS(status), 7);
		same_settings(&s);
		close_seat(&s);
	}
}

static void opening_alone_changes_nothing(void **state)
{
	struct terminal *t = NULL;
	struct seat s;

	open_seat(&s);
	assert_int_equal(terminal_open(s.slave, &key_ops, NULL, &t, NULL), 0);
	assert_non_null(t);
	same_settings(&s);
	assert_false(terminal_is_raw(t));
	terminal_continue(t);
	same_settings(&s);
	terminal_close(t);
	same_settings(&s);
	close_seat(&s);
}

static void handlers_are_taken_back(void **state)
{
	struct terminal *t = NULL, *second = NULL;
	struct sigaction sa;
	struct err e = {0};
	struct seat s;

	open_seat(&s);
	signal(SIGHUP, SIG_IGN);
	assert_int_equal(terminal_open(s.slave, &key_ops, NULL, &t, NULL), 0);
	assert_int_equal(terminal_open(s.slave, &key_ops, NULL, &second, &e), -EBUSY);
	assert_null(second);
	assert_true(*e.text);
	sigaction(SIGTERM, NULL, &sa);
	assert_true(sa.sa_flags & SA_SIGINFO);
	/* nohup */
	sigaction(SIGHUP, NULL, &sa);
	assert_true(sa.sa_handler == SIG_IGN);
	/* Somebody's own, set afterwards: the vCPU kick */
	signal(SIGUSR1, SIG_IGN);
	terminal_close(t);
	sigaction(SIGTERM, NULL, &sa);
	assert_true(sa.sa_handler == SIG_DFL);
	sigaction(SIGTTIN, NULL, &sa);
	assert_true(sa.sa_handler == SIG_DFL);
	sigaction(SIGUSR1, NULL, &sa);
	assert_true(sa.sa_handler == SIG_IGN);
	signal(SIGUSR1, SIG_DFL);
	signal(SIGHUP, SIG_DFL);
	close_seat(&s);
}

static void what_is_no_terminal_needs_nothing(void **state)
{
	struct terminal *t = (struct terminal *)&t;
	int fd = open("/dev/null", O_RDONLY);

	assert_int_equal(terminal_open(fd, &key_ops, NULL, &t, NULL), 0);
	assert_null(t);
	assert_null(terminal_filter(t));
	assert_false(terminal_is_raw(t));
	terminal_continue(t);
	terminal_close(t);
	t = (struct terminal *)&t;
	close(fd);
	assert_int_equal(terminal_open(fd, &key_ops, NULL, &t, NULL), 0);
	assert_null(t);
}

/* Stop and continue */

static void a_stop_restores_and_raw_mode_comes_back(void **state)
{
	struct seat s;
	int status;

	start(&s, sit_and_wait);
	wait_up(&s);
	kill(s.pid, SIGTSTP);
	assert_int_equal(waitpid(s.pid, &status, WUNTRACED), s.pid);
	assert_true(WIFSTOPPED(status));
	same_settings(&s);
	kill(s.pid, SIGCONT);
	wait_raw(&s, true);
	/* SIGSTOP cannot be caught; the shell then changes the terminal's settings. */
	kill(s.pid, SIGSTOP);
	assert_int_equal(waitpid(s.pid, &status, WUNTRACED), s.pid);
	assert_true(is_raw(s.slave));
	assert_int_equal(tcsetattr(s.slave, TCSANOW, &s.before), 0);
	kill(s.pid, SIGCONT);
	wait_raw(&s, true);
	kill(s.pid, SIGTERM);
	assert_int_equal(WTERMSIG(wait_child(&s)), SIGTERM);
	same_settings(&s);
	close_seat(&s);
}

/* The background */

static void start_in_background(struct seat *s)
{
	struct terminal *t = NULL;
	pid_t leader = getpid(), pid = fork();

	if (pid) {
		int status;

		waitpid(pid, &status, 0);
		_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 95);
	}
	setpgid(0, 0);
	if (terminal_open(0, &key_ops, NULL, &t, NULL) || !t)
		_exit(96);
	terminal_filter(t)->prepare(terminal_filter(t));
	if (terminal_is_raw(t))
		_exit(97);
	/* fg */
	if (tcsetpgrp(0, getpgrp()) < 0)
		_exit(98);
	terminal_filter(t)->prepare(terminal_filter(t));
	if (!terminal_is_raw(t) || !is_raw(0))
		_exit(99);
	/* Another takes the terminal and sets it in a way of his own: it stays so, whatever becomes of us. */
	if (tcsetpgrp(0, leader) < 0)
		_exit(100);
	terminal_close(t);
	_exit(is_raw(0) ? 0 : 101);
}

static void a_terminal_of_others_is_left_alone(void **state)
{
	struct seat s;
	int status;

	start(&s, start_in_background);
	status = wait_child(&s);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	close_seat(&s);
}

static void set_nonblock_and_crash(struct seat *s)
{
	enter();
	fcntl(1, F_SETFL, fcntl(1, F_GETFL) | O_NONBLOCK);
	say_up(s);
	abort();
}

static void o_nonblock_does_not_outlive_a_crash(void **state)
{
	struct seat s;

	start(&s, set_nonblock_and_crash);
	wait_child(&s);
	assert_false(fcntl(s.slave, F_GETFL) & O_NONBLOCK);
	close_seat(&s);
}

/* Keys */

/* A '!' stands for BREAK. */
static void expect_keys(struct console_filter *f, const char *typed, const char *sent)
{
	char buf[64], got[64] = "";
	size_t n = strlen(typed), out = 0;

	memcpy(buf, typed, n);
	for (size_t at = 0; at < n;) {
		size_t left = n - at, used;
		bool brk = false;

		used = f->filter(f, (uint8_t *)buf + at, &left, &brk);
		assert_in_range(used, left, n - at);
		memcpy(got + out, buf + at, left);
		out += left;
		if (brk)
			got[out++] = '!';
		at += used;
	}
	assert_string_equal(got, sent);
}

static void keys(void **state)
{
	struct pollfd p;
	struct terminal *t = NULL;
	struct console_filter *f;
	char buf[512] = "";
	struct seat s;

	open_seat(&s);
	assert_int_equal(terminal_open(s.slave, &key_ops, NULL, &t, NULL), 0);
	f = terminal_filter(t);
	f->prepare(f);
	quits = 0;
	expect_keys(f, "plain x h a\r\x03\x04", "plain x h a\r\x03\x04");
	expect_keys(f, "a\1ab", "a\1b");
	expect_keys(f, "\1\1\1A", "\1\1");
	expect_keys(f, "q\1zq", "qq");
	assert_int_equal(quits, 0);
	expect_keys(f, "\1x", "");
	expect_keys(f, "more\1Xtext", "moretext");
	assert_int_equal(quits, 2);
	/* The two keys are typed one by one. */
	expect_keys(f, "\1", "");
	expect_keys(f, "x", "");
	assert_int_equal(quits, 3);
	expect_keys(f, "\1", "");
	expect_keys(f, "\1x", "\1x");
	assert_int_equal(quits, 3);
	expect_keys(f, "a\1bh\1Bi\1b\1bq\1", "a!h!i!!q");
	expect_keys(f, "bu", "!u");
	p = (struct pollfd){.fd = s.master, .events = POLLIN};
	assert_int_equal(poll(&p, 1, 0), 0);
	f->refused(f);
	assert_int_equal(poll(&p, 1, WAIT_MS), 1);
	assert_int_equal(read(s.master, buf, sizeof(buf)), 1);
	assert_int_equal(buf[0], '\a');
	expect_keys(f, "\1h", "");
	assert_int_equal(poll(&p, 1, WAIT_MS), 1);
	assert_true(read(s.master, buf, sizeof(buf) - 1) > 0);
	assert_non_null(strstr(buf, "Ctrl-A X"));
	assert_non_null(strstr(buf, "Ctrl-A B"));
	assert_non_null(strstr(buf, "Ctrl-A H"));
	terminal_close(t);
	close_seat(&s);
}

/* Help on a terminal that takes no output any more does not hold up the loop. */
static void help_never_blocks(void **state)
{
	struct terminal *t = NULL;
	struct console_filter *f;
	struct seat s;

	open_seat(&s);
	assert_int_equal(terminal_open(s.slave, &key_ops, NULL, &t, NULL), 0);
	f = terminal_filter(t);
	f->prepare(f);
	alarm(10);
	for (int i = 0; i < 2000; i++)
		expect_keys(f, "\1h", "");
	alarm(0);
	terminal_close(t);
	same_settings(&s);
	close_seat(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_signal_that_ends_us_restores),
		cmocka_unit_test(a_signal_that_cannot_be_sent_again),
		cmocka_unit_test(crashes_restore),
		cmocka_unit_test(close_and_exit_restore),
		cmocka_unit_test(opening_alone_changes_nothing),
		cmocka_unit_test(handlers_are_taken_back),
		cmocka_unit_test(what_is_no_terminal_needs_nothing),
		cmocka_unit_test(a_stop_restores_and_raw_mode_comes_back),
		cmocka_unit_test(a_terminal_of_others_is_left_alone),
		cmocka_unit_test(o_nonblock_does_not_outlive_a_crash),
		cmocka_unit_test(keys),
		cmocka_unit_test(help_never_blocks),
	};

	return run_group(tests);
}
