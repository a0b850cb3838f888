// SPDX-License-Identifier: Apache-2.0
/*
 * The way out of a thread behind its filter, whichever its role, when the terminal is raw: a call that is not allowed
 * and a crash both give the terminal back, with the calls of the terminal's rows and no other. So does the control loop
 * when it is stopped and continued, and ended by a signal.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <pty.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "cmd/terminal.h"
#include "security/sandbox.h"
#include "security/seccomp.h"
#include "security/sigsys.h"
#include "security/stages.h"
#include "tests/support/unit.h"
#include "vmm/base/gmem.h"

enum way { FORBIDDEN_CALL, CRASH, CUT_FILE, SIGNALS, BACKGROUND };

struct child {
	enum sandbox_role role;
	enum way way;
	struct sandbox sandbox;
	int epoll;
	char *nowhere; /* may not be touched */
	char *beyond;  /* a mapping behind the end of its file */
	struct console_filter *filter;
	int go; /* wakes the process that has the terminal in front, -1: we have it */
};

static void on_quit(void *arg)
{
}

static const struct terminal_ops key_ops = {.quit = on_quit};

/* The thread that goes wrong: it comes back only if nothing went wrong. */
static void *thread(void *arg)
{
	struct child *c = arg;
	struct epoll_event ev;

	if (sandbox_lock(&c->sandbox, c->role, NULL) < 0)
		_exit(1);
	switch (c->way) {
	case FORBIDDEN_CALL: syscall(SYS_getppid); break;
	case CRASH: *(volatile char *)c->nowhere = 1; break;
	case CUT_FILE: *(volatile char *)c->beyond = 1; break;
	case SIGNALS:
	case BACKGROUND:
		if (write(STDERR_FILENO, "locked", 6) != 6 || (c->go >= 0 && write(c->go, "g", 1) != 1))
			_exit(7);
		for (;;)
			/*
			 * As the console does before it reads. SIGCONT wakes us; that of whoever hands the
			 * terminal over may come before we wait.
			 */
			if (epoll_wait(c->epoll, &ev, 1, c->way == BACKGROUND ? 50 : -1) <= 0)
				c->filter->prepare(c->filter);
	}
	return NULL;
}

static char *behind_the_end(void)
{
	int fd = memfd_create("cut", MFD_CLOEXEC);
	char *p = fd < 0 ? MAP_FAILED : mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	return p == MAP_FAILED ? NULL : p;
}

/*
 * Another process group of our session takes the terminal, and hands it over when it is woken, as a shell does on `fg`.
 * Return: what wakes it.
 */
static int give_up_foreground(void)
{
	int go[2];
	pid_t other;
	char byte;

	if (pipe(go) < 0 || (other = fork()) < 0)
		_exit(8);
	if (!other) {
		close(go[1]);
		if (read(go[0], &byte, 1) == 1 && tcsetpgrp(0, getppid()) == 0)
			kill(getppid(), SIGCONT);
		_exit(0);
	}
	close(go[0]);
	if (setpgid(other, other) < 0 || tcsetpgrp(0, other) < 0)
		_exit(8);
	return go[1];
}

static void child(struct child *c, int slave)
{
	static struct sandbox_plan plan = {
		.devices = SANDBOX_HAS(TERMINAL) | SANDBOX_HAS(FILES),
		.fds.of[SANDBOX_FD_STREAM] = {0, 1, 2, -1},
		.report_fd = STDERR_FILENO,
		.last_words = terminal_restore,
	};
	struct rlimit none = {0};
	struct terminal *t = NULL;
	pthread_t id;

	setrlimit(RLIMIT_CORE, &none);
	for (int sig = 1; sig <= SIGRTMAX; sig++)
		if (sig != SIGKILL && sig != SIGSTOP)
			signal(sig, SIG_DFL);
	alarm(30);
	if (setsid() < 0 || ioctl(slave, TIOCSCTTY, 0) < 0)
		_exit(2);
	for (int fd = 0; fd < 3; fd++)
		dup2(slave, fd);
	c->go = c->way == BACKGROUND ? give_up_foreground() : -1;
	c->nowhere = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	c->epoll = epoll_create1(EPOLL_CLOEXEC);
	c->beyond = behind_the_end();
	if (c->nowhere == MAP_FAILED || c->epoll < 0 || !c->beyond || gmem_install_sigbus() < 0 ||
		terminal_open(0, &key_ops, NULL, &t, NULL) < 0 || !t)
		_exit(3);
	c->filter = terminal_filter(t);
	c->filter->prepare(c->filter);
	/* As vmm/nbio leaves a file that it cannot open again. */
	if (terminal_is_raw(t) != (c->way != BACKGROUND) || fcntl(0, F_SETFL, fcntl(0, F_GETFL) | O_NONBLOCK) < 0)
		_exit(4);
	terminal_lock(t);
	c->sandbox = (struct sandbox){.plan = &plan, .got.seccomp = true, .stage = SANDBOX_STAGE_BUILD};
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (sigsys_install(STDERR_FILENO, terminal_restore) < 0)
		_exit(5);
	if (c->role == SANDBOX_LOOP) {
		thread(c); /* the main thread */
	} else {
		pthread_create(&id, NULL, thread, c);
		pthread_join(id, NULL);
	}
	_exit(6);
}

static void read_all(int master, char *text, size_t size)
{
	size_t used = 0;
	ssize_t n;

	/* EIO: no process has the other end open any more. */
	while (used < size - 1 && (n = read(master, text + used, size - 1 - used)) > 0)
		used += (size_t)n;
	text[used] = '\0';
}

static bool is_sane(int slave, const struct termios *before)
{
	struct termios now;

	assert_int_equal(tcgetattr(slave, &now), 0);
	return now.c_lflag == before->c_lflag && now.c_oflag == before->c_oflag;
}

static void wait_until_raw(int slave, const struct termios *before)
{
	for (int i = 0; i < 10000 && is_sane(slave, before); i++)
		usleep(1000);
	assert_false(is_sane(slave, before));
}

/* The child has its filter, and is asked to stop, to go on and to end. */
static void signals(pid_t pid, int master, int slave, const struct termios *before)
{
	char text[16] = "";
	size_t used = 0;
	int status;

	while (used < 6) {
		ssize_t n = read(master, text + used, 6 - used);

		assert_true(n > 0);
		used += (size_t)n;
	}
	assert_string_equal(text, "locked");
	wait_until_raw(slave, before);
	assert_int_equal(kill(pid, SIGTSTP), 0);
	assert_int_equal(waitpid(pid, &status, WUNTRACED), pid);
	assert_true(WIFSTOPPED(status));
	assert_true(is_sane(slave, before));
	assert_int_equal(kill(pid, SIGCONT), 0);
	wait_until_raw(slave, before);
	assert_int_equal(kill(pid, SIGTERM), 0);
}

static void leaves_it_sane(enum sandbox_role role, enum way way)
{
	static const int ends[] = {[CRASH] = SIGSEGV, [CUT_FILE] = SIGBUS, [SIGNALS] = SIGTERM, [BACKGROUND] = SIGTERM};
	struct child c = {.role = role, .way = way};
	struct termios before;
	int master, slave, status;
	char text[1024];
	pid_t pid;

	assert_int_equal(openpty(&master, &slave, NULL, NULL, NULL), 0);
	assert_int_equal(tcgetattr(slave, &before), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		close(master);
		child(&c, slave);
	}
	if (way == SIGNALS || way == BACKGROUND)
		signals(pid, master, slave, &before);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (!is_sane(slave, &before))
		fail_msg("%s, way %d: the terminal is still raw (status 0x%x)", seccomp_role_name(role), way, status);
	/* Only the control loop may change the flags of what others share. */
	assert_int_equal(fcntl(slave, F_GETFL) & O_NONBLOCK, role == SANDBOX_LOOP ? 0 : O_NONBLOCK);
	fcntl(slave, F_SETFL, fcntl(slave, F_GETFL) & ~O_NONBLOCK);
	close(slave);
	read_all(master, text, sizeof(text));
	close(master);
	if (way == FORBIDDEN_CALL) {
		if (!WIFEXITED(status) || WEXITSTATUS(status) != SIGSYS_EXIT_STATUS ||
			!strstr(text, "thread may not call getppid"))
			fail_msg("%s: status 0x%x, '%s'", seccomp_role_name(role), status, text);
	} else if (!WIFSIGNALED(status) || WTERMSIG(status) != ends[way]) {
		fail_msg("%s, way %d: status 0x%x, '%s'", seccomp_role_name(role), way, status, text);
	}
}

static void each_role(enum way way)
{
	/* The roles behind it are processes of their own. */
	for (int role = 0; role <= SANDBOX_VCPU; role++)
		leaves_it_sane((enum sandbox_role)role, way);
}

static void a_forbidden_call(void **state)
{
	each_role(FORBIDDEN_CALL);
}

static void a_crash(void **state)
{
	each_role(CRASH);
}

/* Of a file that is not the guest's kernel: gmem does not know it. */
static void a_file_that_was_cut(void **state)
{
	each_role(CUT_FILE);
}

/* Other threads get no signals that are not for them. */
static void stopped_and_ended(void **state)
{
	leaves_it_sane(SANDBOX_LOOP, SIGNALS);
}

/* The settings to go back to are read when the terminal is ours for the first time, which may be behind the filter. */
static void started_in_the_background(void **state)
{
	leaves_it_sane(SANDBOX_LOOP, BACKGROUND);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_forbidden_call),
		cmocka_unit_test(a_crash),
		cmocka_unit_test(a_file_that_was_cut),
		cmocka_unit_test(stopped_and_ended),
		cmocka_unit_test(started_in_the_background),
	};

	if (!seccomp_available())
		return skip_program("this kernel has no seccomp filters");
	return run_group(tests);
}
