// SPDX-License-Identifier: Apache-2.0
/*
 * A console of each kind, served by a child that is behind the filter of the control loop with the rules of that kind
 * and no other. The guest is an echo; "q" ends it. Without the rules of its kind the child has to die: so each of them
 * is needed.
 */
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "security/sandbox.h"
#include "security/seccomp.h"
#include "security/sigsys.h"
#include "security/stages.h"
#include "tests/support/unit.h"
#include "vmm/base/util.h"
#include "vmm/console/console.h"

#define LAST_SIZE (200 * KIB) /* more than a pipe, a socket or a pty holds */

/* How long a side that has to answer may take. */
static int patience_ms = 10000;

struct echo {
	struct char_guest guest;
	struct console *console;
	struct loop *loop;
};

static size_t echo_rx(struct char_guest *g, const uint8_t *data, size_t n)
{
	struct echo *e = container_of(g, struct echo, guest);
	struct char_host *out = console_host(e->console);

	if (memchr(data, 'q', n))
		loop_stop(e->loop);
	return out->tx(out, data, n);
}

static void echo_room(struct char_guest *g)
{
}

/* What is still to be written when the loop has ended. */
static void last_output(struct console *c)
{
	static uint8_t text[4096];
	struct char_host *out = console_host(c);

	memset(text, '.', sizeof(text));
	for (unsigned i = 0; i < LAST_SIZE / sizeof(text); i++)
		out->tx(out, text, sizeof(text));
}

static void serve(struct console *c, uint32_t devices)
{
	struct sandbox_plan plan = {.devices = devices, .report_fd = STDERR_FILENO};
	struct sandbox sandbox = {.plan = &plan, .got.seccomp = true, .stage = SANDBOX_STAGE_BUILD};
	struct echo e = {.guest = {.rx = echo_rx, .tx_room = echo_room}, .console = c};

	signal(SIGALRM, SIG_DFL);
	alarm(60);
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (loop_new(&e.loop) < 0 || console_attach(c, e.loop, &e.guest) < 0 || sigsys_install(-1, NULL) < 0 ||
		sandbox_lock(&sandbox, SANDBOX_LOOP, NULL) < 0)
		_exit(1);
	loop_run(e.loop);
	last_output(c);
	console_finish(c, UINT64_C(5000000000));
	console_destroy(c);
	loop_free(e.loop);
	_exit(0);
}

/* Until it has read this text, and no byte behind it; false: the other side says nothing, or has gone. */
static bool hears(int fd, const char *text)
{
	char buf[256] = "";
	size_t used = 0;

	while (!strstr(buf, text)) {
		struct pollfd p = {.fd = fd, .events = POLLIN};

		if (used == sizeof(buf) - 1 || poll(&p, 1, patience_ms) != 1 || read(fd, buf + used, 1) != 1)
			return false;
		buf[++used] = '\0';
	}
	return true;
}

/* All that is left, by a reader that is slow to begin. */
static size_t rest(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	static char buf[4096];
	size_t sum = 0;
	ssize_t n;

	nanosleep(&(struct timespec){.tv_nsec = 100000000}, NULL);
	while (sum < LAST_SIZE && poll(&p, 1, patience_ms) == 1 && (n = read(fd, buf, sizeof(buf))) > 0)
		sum += (size_t)n;
	return sum;
}

static bool talk(int in, int out)
{
	return write(in, "hello", 5) == 5 && hears(out, "hello") && write(in, "q", 1) == 1 && hears(out, "q") &&
		rest(out) == LAST_SIZE;
}

struct ends {
	struct console_params params;
	int in, out; /* ours */
};

static void drop_params(struct ends *e)
{
	close(e->params.in_fd);
	if (e->params.out_fd != e->params.in_fd)
		close(e->params.out_fd);
}

/* --- Kinds -------------------------------------------------------------------------------------------------------- */

static void pipes(struct ends *e)
{
	int in[2], out[2];

	assert_int_equal(pipe(in), 0);
	assert_int_equal(pipe(out), 0);
	e->params = (struct console_params){.kind = CONSOLE_STDIO, .in_fd = in[0], .out_fd = out[1]};
	e->in = in[1];
	e->out = out[0];
}

static void stream(struct ends *e)
{
	int fd[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
	e->params = (struct console_params){.kind = CONSOLE_STDIO, .in_fd = fd[0], .out_fd = fd[0]};
	e->in = e->out = fd[1];
}

static char path[64];

static void a_socket(struct ends *e)
{
	snprintf(path, sizeof(path), "/tmp/vmm-console-%d", getpid());
	e->params = (struct console_params){.kind = CONSOLE_SOCKET, .path = path, .as = {.mode = SANDBOX_BEST_EFFORT}};
	e->in = e->out = -1;
}

static void a_pty(struct ends *e)
{
	e->params = (struct console_params){.kind = CONSOLE_PTY};
	e->in = e->out = -1;
}

static bool talk_at_once(const struct ends *e, const struct console *c)
{
	return talk(e->in, e->out);
}

static int dial(void)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
	assert_int_equal(connect(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	return fd;
}

/* A client, one too many, and another one when the first has gone. */
static bool talk_to_a_socket(const struct ends *e, const struct console *c)
{
	int fd = dial(), other;
	bool ok = write(fd, "one", 3) == 3 && hears(fd, "one");

	other = dial();
	ok = ok && hears(other, "\n");
	close(other);
	close(fd);
	fd = dial();
	ok = ok && talk(fd, fd);
	close(fd);
	return ok;
}

static bool talk_to_a_pty(const struct ends *e, const struct console *c)
{
	int fd = open(console_pty_name(c), O_RDWR | O_NOCTTY | O_CLOEXEC);
	struct termios raw;
	bool ok = fd >= 0 && !tcgetattr(fd, &raw);

	cfmakeraw(&raw);
	ok = ok && !tcsetattr(fd, TCSANOW, &raw) && talk(fd, fd);
	close(fd);
	return ok;
}

static const struct kind {
	const char *name;
	void (*make)(struct ends *e);
	bool (*talk)(const struct ends *e, const struct console *c);
	uint32_t devices;
	bool needed; /* it does not go without these rules */
} kinds[] = {
	{"pipes", pipes, talk_at_once, SANDBOX_HAS(FILES), false},
	{"a stream", stream, talk_at_once, SANDBOX_HAS(STREAM), true},
	{"a socket", a_socket, talk_to_a_socket, SANDBOX_HAS(SOCKET) | SANDBOX_HAS(STREAM), true},
	{"a pty", a_pty, talk_to_a_pty, SANDBOX_HAS(PTY), !SANITIZED}, /* whose runtimes have any ioctl */
};

/* Status of a child that serves it with these rules, and whether the talk was all it should be. */
static int run_kind(const struct kind *k, uint32_t devices, bool *ret_talk)
{
	struct console *c;
	struct err err = {0};
	struct ends e;
	int status;
	pid_t pid;

	k->make(&e);
	if (console_open(&e.params, &c, &err) < 0)
		fail_msg("%s: %s", k->name, err.text);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		close(e.in);
		close(e.out);
		serve(c, devices);
	}
	if (e.in >= 0)
		drop_params(&e);
	*ret_talk = k->talk(&e, c);
	close(e.in);
	close(e.out);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	console_destroy(c);
	return status;
}

static void each_kind_has_its_calls(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		bool talked;
		int status = run_kind(&kinds[i], kinds[i].devices, &talked);

		if (status || !talked)
			fail_msg("%s: status 0x%x, %s", kinds[i].name, status, talked ? "talked" : "did not talk");
	}
	assert_int_equal(access(path, F_OK), -1);
}

static void each_kind_needs_its_calls(void **state)
{
	/* It dies while we talk. */
	patience_ms = 1000;
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		bool talked;
		int status = kinds[i].needed ? run_kind(&kinds[i], 0, &talked) : SIGSYS_EXIT_STATUS << 8;

		if (!WIFEXITED(status) || WEXITSTATUS(status) != SIGSYS_EXIT_STATUS)
			fail_msg("%s: status 0x%x without its rules", kinds[i].name, status);
	}
	unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_kind_has_its_calls),
		cmocka_unit_test(each_kind_needs_its_calls),
	};

	if (!seccomp_available())
		return skip_program("this kernel has no seccomp filters");
	signal(SIGPIPE, SIG_IGN);
	return run_group(tests);
}
