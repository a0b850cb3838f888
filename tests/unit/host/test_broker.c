// SPDX-License-Identifier: Apache-2.0
/*
 * The process that owns the path of a socket and connects by port number: which files it makes, connects to and
 * removes, whatever others do to those names meanwhile, and whichever of the two processes is killed or stopped.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "security/landlock.h"
#include "security/seccomp.h"
#include "tests/support/unit.h"
#include "vmm/base/clock.h"
#include "vmm/base/trace.h"
#include "vmm/host/broker.h"

#define WAIT_MS 10000
#define OTHER   1234 /* an ordinary user */

static char dir[] = "/tmp/vmm-broker-XXXXXX";

static int setup(void **state)
{
	return !mkdtemp(dir) || chdir(dir) < 0 ? -1 : 0;
}

static int teardown(void **state)
{
	return chdir("/") < 0 || rmdir(dir) < 0 ? -1 : 0;
}

static const struct sandbox_as as = {.mode = SANDBOX_BEST_EFFORT};

static void sleep_ms(unsigned ms)
{
	nanosleep(&(struct timespec){.tv_nsec = ms * 1000000L}, NULL);
}

static struct sockaddr_un address(const char *name)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};

	snprintf(a.sun_path, sizeof(a.sun_path), "%s", name);
	return a;
}

/* A program of the host. */
static int listen_at(const char *name, int backlog)
{
	struct sockaddr_un a = address(name);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(listen(fd, backlog), 0);
	return fd;
}

static bool is_there(const char *name)
{
	struct stat st;

	return lstat(name, &st) == 0;
}

static void await_gone(const char *name)
{
	for (unsigned i = 0; is_there(name); i++) {
		assert_true(i < WAIT_MS);
		sleep_ms(1);
	}
}

static struct broker start(const char *path, bool connects)
{
	struct broker b = BROKER_NONE;
	struct err e = {};

	if (broker_start("socket", path, connects, &as, &b, &e) < 0)
		fail_msg("%s", e.text);
	return b;
}

static int try_start(const char *path)
{
	struct broker b = BROKER_NONE;
	struct err e = {};
	int r = broker_start("socket", path, true, &as, &b, &e);

	assert_true(r < 0 ? e.text[0] && b.fd < 0 : b.fd >= 0);
	broker_close(&b);
	return r;
}

/* Return: the socket or the reason. */
static int ask(struct broker *b, uint32_t port)
{
	static uint32_t ticket;
	struct pollfd p = {.fd = b->child.sock, .events = POLLIN};
	uint32_t back;
	int fd = -1;

	assert_int_equal(broker_ask(b, ++ticket, port), 0);
	assert_int_equal(poll(&p, 1, WAIT_MS), 1);
	assert_int_equal(broker_answer(b, &back, &fd), 0);
	assert_int_equal(back, ticket);
	assert_int_equal(broker_answer(b, &back, &fd), -EAGAIN);
	return fd;
}

/* --- What it does ------------------------------------------------------------------------------------------------ */

static void the_path_is_there_as_long_as_it_is(void **state)
{
	struct broker b = start("sock", false);
	struct stat st;

	assert_int_equal(lstat("sock", &st), 0);
	assert_int_equal(st.st_mode, S_IFSOCK | 0600);
	assert_int_equal(try_start("sock"), -EADDRINUSE);
	assert_true(is_there("sock"));
	broker_close(&b);
	assert_false(is_there("sock"));
	broker_close(&b);
}

static void what_is_in_the_way(void **state)
{
	int fd = open("sock", O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	char name[BROKER_PATH_MAX + 2];

	close(fd);
	assert_int_equal(try_start("sock"), -EEXIST);
	assert_int_equal(unlink("sock"), 0);
	assert_int_equal(symlink("nothing", "sock"), 0);
	assert_int_equal(try_start("sock"), -EEXIST);
	assert_int_equal(unlink("sock"), 0);
	assert_int_equal(try_start("no/such"), -ENOENT);
	/* A stale one is replaced. */
	close(listen_at("sock", 1));
	assert_int_equal(try_start("sock"), 0);
	memset(name, 'n', sizeof(name));
	name[BROKER_PATH_MAX + 1] = '\0';
	assert_int_equal(try_start(name), -ENAMETOOLONG);
	name[BROKER_PATH_MAX] = '\0';
	assert_int_equal(try_start(name), 0);
}

static void it_connects_by_port(void **state)
{
	int listener = listen_at("sock_80", 1), far = listen_at("sock_4294967295", 1), fd, peer;
	struct broker b = start("sock", true);
	char c;

	fd = ask(&b, 80);
	assert_true(fd >= 0);
	assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	peer = accept(listener, NULL, NULL);
	assert_true(peer >= 0);
	assert_int_equal(write(fd, "x", 1), 1);
	assert_int_equal(read(peer, &c, 1), 1);
	assert_int_equal(c, 'x');
	/* No other process has it: it ends with us. */
	close(fd);
	assert_int_equal(read(peer, &c, 1), 0);
	close(peer);
	fd = ask(&b, UINT32_MAX);
	assert_true(fd >= 0);
	close(fd);
	close(listener);
	close(far);
	broker_close(&b);
	unlink("sock_80");
	unlink("sock_4294967295");
}

static void who_is_not_reached(void **state)
{
	int victim = listen_at("victim", 8), full = listen_at("sock_3", 0), fd[8];
	struct broker b = start("sock", true);
	size_t n = 0;

	assert_int_equal(ask(&b, 80), -ENOENT);
	/* Not through a link, whoever owns the link. */
	assert_int_equal(symlink("victim", "sock_1"), 0);
	assert_int_equal(ask(&b, 1), -ECONNREFUSED);
	assert_int_equal(accept(victim, NULL, NULL), -1);
	fd[0] = open("sock_2", O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	close(fd[0]);
	assert_int_equal(ask(&b, 2), -ECONNREFUSED);
	/* A socket that accepts no connections refuses, without delaying anything. */
	while (n < ARRAY_SIZE(fd) && (fd[n] = ask(&b, 3)) >= 0)
		n++;
	assert_int_equal(fd[n], -EAGAIN);
	while (n)
		close(fd[--n]);
	close(victim);
	close(full);
	broker_close(&b);
	for (const char *const *name = (const char *const[]){"victim", "sock_1", "sock_2", "sock_3", NULL}; *name;
		name++)
		assert_int_equal(unlink(*name), 0);
}

/* No room for the socket that it hands over. */
static void out_of_descriptors(void **state)
{
	int listener = listen_at("sock_80", 8), fd;
	struct broker b = start("sock", true);
	struct pollfd p = {.fd = b.child.sock, .events = POLLIN};
	struct rlimit old, none;
	uint32_t ticket;

	assert_int_equal(broker_ask(&b, 1, 80), 0);
	assert_int_equal(poll(&p, 1, WAIT_MS), 1);
	getrlimit(RLIMIT_NOFILE, &old);
	none = (struct rlimit){.rlim_cur = 0, .rlim_max = old.rlim_max};
	setrlimit(RLIMIT_NOFILE, &none);
	assert_int_equal(broker_answer(&b, &ticket, &fd), 0);
	setrlimit(RLIMIT_NOFILE, &old);
	assert_int_equal(fd, -EMFILE);
	fd = ask(&b, 80);
	assert_true(fd >= 0);
	close(fd);
	close(listener);
	broker_close(&b);
	unlink("sock_80");
}

/* --- Names that change ------------------------------------------------------------------------------------------- */

static void what_is_not_its_own_stays(void **state)
{
	struct broker b;
	int fd;

	b = start("sock", false);
	unlink("sock");
	fd = open("sock", O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	close(fd);
	broker_close(&b);
	assert_int_equal(unlink("sock"), 0);

	b = start("sock", false);
	unlink("sock");
	fd = listen_at("sock", 1);
	broker_close(&b);
	close(fd);
	assert_int_equal(unlink("sock"), 0);

	/* vmm was killed and the socket is closed: a file that is created now may get the same inode number. */
	b = start("sock", false);
	close(TAKE_FD(b.fd));
	unlink("sock");
	fd = open("sock", O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	close(fd);
	broker_close(&b);
	assert_int_equal(unlink("sock"), 0);

	/* Moved away, with a link in its place that leads there. */
	b = start("sock", false);
	assert_int_equal(rename("sock", "moved"), 0);
	assert_int_equal(symlink("moved", "sock"), 0);
	broker_close(&b);
	assert_int_equal(unlink("sock"), 0);
	assert_int_equal(unlink("moved"), 0);
}

/* It removes from the directory in which it made it, whatever that is called now. */
static void another_directory_of_the_same_name(void **state)
{
	struct broker b;
	int fd;

	assert_int_equal(mkdir("dir", 0700), 0);
	b = start("dir/sock", true);
	assert_int_equal(rename("dir", "old"), 0);
	assert_int_equal(mkdir("dir", 0700), 0);
	fd = open("dir/sock", O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	close(fd);
	fd = listen_at("old/sock_80", 1);
	close(ask(&b, 80));
	close(fd);
	assert_int_equal(unlink("old/sock_80"), 0);
	broker_close(&b);
	assert_false(is_there("old/sock"));
	assert_int_equal(unlink("dir/sock"), 0);
	assert_int_equal(rmdir("dir"), 0);
	assert_int_equal(rmdir("old"), 0);
}

/* Another process, of another user where that can be, which changes names around until it is killed. */
static pid_t attack(void (*round)(void))
{
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (!geteuid() && (setresgid(OTHER, OTHER, OTHER) < 0 || setresuid(OTHER, OTHER, OTHER) < 0))
		_exit(1);
	for (;;)
		round();
}

static void end_attack(pid_t pid)
{
	int status;

	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status)); /* it has not ended before */
}

static void swap(const char *a, const char *b)
{
	if (syscall(SYS_renameat2, AT_FDCWD, a, AT_FDCWD, b, 2 /* RENAME_EXCHANGE */) < 0)
		sleep_ms(1);
}

static void swap_program(void)
{
	swap("open/sock_80", "open/link");
}

static void swap_socket(void)
{
	swap("open/sock", "open/link");
}

static void swap_directory(void)
{
	swap("open/way", "open/detour");
}

/* A directory where anybody may rename, as /tmp without its sticky bit: so the worst. */
static void open_directory(void)
{
	assert_int_equal(mkdir("open", 0777), 0);
	assert_int_equal(chmod("open", 0777), 0);
	/* The attacker gets there. */
	assert_int_equal(chmod(".", 0755), 0);
}

/* PATH_PORT is a program's socket one moment, a link to somebody else's the next: that one never hears of us. */
static void a_program_is_swapped(void **state)
{
	const uint64_t until = trace_now_ns() + 400 * NSEC_PER_MSEC;
	int victim = listen_at("victim", 64), listener;
	unsigned reached = 0, refused = 0;
	struct broker b;
	pid_t pid;

	open_directory();
	listener = listen_at("open/sock_80", 4096);
	assert_int_equal(symlink("../victim", "open/link"), 0);
	b = start("open/sock", true);
	pid = attack(swap_program);
	while (trace_now_ns() < until) {
		int fd = ask(&b, 80), peer = accept(listener, NULL, NULL);

		reached += fd >= 0;
		refused += fd == -ECONNREFUSED;
		if (fd >= 0) {
			assert_true(peer >= 0);
			close(fd);
			close(peer);
		}
	}
	end_attack(pid);
	assert_int_equal(accept(victim, NULL, NULL), -1);
	/* Both were met. */
	assert_true(reached > 10 && refused > 10);
	broker_close(&b);
	close(victim);
	close(listener);
	unlink("victim");
	unlink("open/sock_80");
	unlink("open/link");
	assert_int_equal(rmdir("open"), 0);
}

/* The socket's path is swapped with a link to somebody's file while it is made and removed: the file stays. */
static void a_socket_is_swapped(void **state)
{
	const uint64_t until = trace_now_ns() + 400 * NSEC_PER_MSEC;
	int fd = open("victim", O_CREAT | O_WRONLY | O_CLOEXEC, 0600), victim = listen_at("victim_socket", 64);
	unsigned made = 0;
	pid_t pid;

	close(fd);
	open_directory();
	pid = attack(swap_socket);
	while (trace_now_ns() < until) {
		struct broker b = BROKER_NONE;
		struct err e = {};

		unlink("open/link");
		unlink("open/sock");
		assert_int_equal(symlink(made % 2 ? "../victim" : "../victim_socket", "open/link"), 0);
		made += broker_start("socket", "open/sock", true, &as, &b, &e) == 0;
		broker_close(&b);
		assert_true(is_there("victim"));
		assert_true(is_there("victim_socket"));
	}
	end_attack(pid);
	assert_int_equal(accept(victim, NULL, NULL), -1);
	assert_true(made > 3);
	close(victim);
	unlink("open/link");
	unlink("open/sock");
	assert_int_equal(unlink("victim"), 0);
	assert_int_equal(unlink("victim_socket"), 0);
	assert_int_equal(rmdir("open"), 0);
}

/* A directory in the path is swapped: a file made in one is not removed from the other, which has the same name. */
static void a_directory_is_swapped(void **state)
{
	const uint64_t until = trace_now_ns() + 400 * NSEC_PER_MSEC;
	unsigned made = 0, refused = 0;
	pid_t pid;
	int fd;

	open_directory();
	assert_int_equal(mkdir("ours", 0700), 0);
	assert_int_equal(mkdir("theirs", 0700), 0);
	fd = open("theirs/sock", O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	close(fd);
	assert_int_equal(symlink("../ours", "open/way"), 0);
	assert_int_equal(symlink("../theirs", "open/detour"), 0);
	pid = attack(swap_directory);
	while (trace_now_ns() < until) {
		struct broker b = BROKER_NONE;
		struct err e = {};
		int r = broker_start("socket", "open/way/sock", false, &as, &b, &e);

		made += r == 0;
		refused += r == -EEXIST;
		broker_close(&b);
		assert_false(is_there("ours/sock"));
		assert_true(is_there("theirs/sock"));
	}
	end_attack(pid);
	assert_true(made > 3 && refused > 3);
	unlink("theirs/sock");
	unlink("open/way");
	unlink("open/detour");
	assert_int_equal(rmdir("ours"), 0);
	assert_int_equal(rmdir("theirs"), 0);
	assert_int_equal(rmdir("open"), 0);
}

/* --- Killed and stopped ------------------------------------------------------------------------------------------ */

/* The life of a vmm that is killed: its broker's id. */
static pid_t owner(pid_t *ret_broker)
{
	int ready[2];
	pid_t pid;

	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		struct broker b = start("sock", true);

		if (write(ready[1], &b.child.pid, sizeof(b.child.pid)) != sizeof(b.child.pid))
			_exit(1);
		for (;;)
			pause();
	}
	close(ready[1]);
	assert_int_equal(read(ready[0], ret_broker, sizeof(*ret_broker)), sizeof(*ret_broker));
	close(ready[0]);
	assert_true(is_there("sock"));
	return pid;
}

static void killed_owner_leaves_nothing(void **state)
{
	pid_t broker, pid = owner(&broker);

	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	await_gone("sock");
	/* Nor when both were stopped, as by Ctrl-Z, and the broker would be so still. */
	pid = owner(&broker);
	kill(broker, SIGSTOP);
	kill(pid, SIGSTOP);
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	await_gone("sock");
}

static void signals_of_the_group_do_not_end_it(void **state)
{
	int listener = listen_at("sock_80", 1);
	struct broker b = start("sock", true);

	kill(b.child.pid, SIGINT);
	kill(b.child.pid, SIGTERM);
	kill(b.child.pid, SIGHUP);
	close(ask(&b, 80));
	close(listener);
	broker_close(&b);
	assert_false(is_there("sock"));
	unlink("sock_80");
}

static void a_dead_broker(void **state)
{
	struct broker b = start("sock", true);
	struct pollfd p = {.fd = b.child.sock, .events = POLLIN};
	uint64_t begin;
	uint32_t ticket;
	int fd;

	kill(b.child.pid, SIGKILL);
	assert_int_equal(poll(&p, 1, WAIT_MS), 1);
	assert_int_equal(broker_answer(&b, &ticket, &fd), -EPIPE);
	assert_int_equal(broker_ask(&b, 1, 80), -EPIPE);
	begin = trace_now_ns();
	broker_close(&b);
	assert_true(trace_now_ns() - begin < NSEC_PER_SEC / 2);
	/* Nobody could remove it; the next one takes it over. */
	assert_true(is_there("sock"));
	assert_int_equal(try_start("sock"), 0);
	assert_false(is_there("sock"));
}

static void a_stuck_broker(void **state)
{
	struct broker b = start("sock", true);
	pid_t pid = b.child.pid;
	uint64_t begin;
	uint32_t ticket;
	int fd, r;

	kill(pid, SIGSTOP);
	for (ticket = 0; (r = broker_ask(&b, ticket, 80)) == 0; ticket++)
		assert_true(ticket < 100000);
	assert_int_equal(r, -EAGAIN);
	assert_int_equal(broker_answer(&b, &ticket, &fd), -EAGAIN);
	begin = trace_now_ns();
	broker_close(&b);
	assert_in_range(trace_now_ns() - begin, NSEC_PER_SEC / 2, 5 * NSEC_PER_SEC);
	/* It does its duty once it can. */
	kill(pid, SIGCONT);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_false(is_there("sock"));
}

/* --- Its sandbox ------------------------------------------------------------------------------------------------- */

static bool status_has(pid_t pid, const char *line)
{
	char path[64], buf[256];
	bool found = false;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	f = fopen(path, "re");
	assert_non_null(f);
	while (fgets(buf, sizeof(buf), f))
		found |= !strncmp(buf, line, strlen(line));
	fclose(f);
	return found;
}

static unsigned descriptors(pid_t pid)
{
	char path[64];
	unsigned n = 0;
	DIR *d;

	snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	d = opendir(path);
	if (!d)
		return 0;
	for (struct dirent *de; (de = readdir(d));)
		n += de->d_name[0] != '.';
	closedir(d);
	return n;
}

static void it_is_confined(void **state)
{
	struct broker b = start("sock", true);

	assert_true(status_has(b.child.pid, "Name:\tvmm-broker\n"));
	assert_true(status_has(b.child.pid, "NoNewPrivs:\t1\n"));
	assert_true(status_has(b.child.pid, "Seccomp:\t2\n"));
	assert_true(status_has(b.child.pid, "CapEff:\t0000000000000000\n"));
	assert_true(status_has(b.child.pid, "CapPrm:\t0000000000000000\n"));
	/* It cannot be looked into, but by root. */
	if (!geteuid()) {
		assert_true(status_has(b.child.pid, "CapBnd:\t0000000000000000\n"));
		for (unsigned i = 0; descriptors(b.child.pid) != 4; i++) {
			assert_true(i < WAIT_MS);
			sleep_ms(1);
		}
	}
	broker_close(&b);
}

static void it_is_who_vmm_will_be(void **state)
{
	const struct sandbox_as other = {.mode = SANDBOX_BEST_EFFORT, .user = true, .uid = OTHER, .gid = OTHER};
	struct broker b = BROKER_NONE;
	struct err e = {};
	int listener;

	if (geteuid())
		skip();
	open_directory();
	listener = listen_at("open/sock_80", 4);
	assert_int_equal(broker_start("socket", "open/sock", true, &other, &b, &e), 0);
	assert_true(status_has(b.child.pid, "Uid:\t1234\t1234\t1234\t1234\n"));
	assert_true(status_has(b.child.pid, "Groups:\t \n"));
	/* It reaches what that user does. */
	assert_int_equal(chmod("open/sock_80", 0700), 0);
	assert_int_equal(ask(&b, 80), -EACCES);
	assert_int_equal(chmod("open/sock_80", 0777), 0);
	close(ask(&b, 80));
	broker_close(&b);
	assert_false(is_there("open/sock"));
	close(listener);
	unlink("open/sock_80");
	assert_int_equal(rmdir("open"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_path_is_there_as_long_as_it_is),
		cmocka_unit_test(what_is_in_the_way),
		cmocka_unit_test(it_connects_by_port),
		cmocka_unit_test(who_is_not_reached),
		cmocka_unit_test(out_of_descriptors),
		cmocka_unit_test(what_is_not_its_own_stays),
		cmocka_unit_test(another_directory_of_the_same_name),
		cmocka_unit_test(a_program_is_swapped),
		cmocka_unit_test(a_socket_is_swapped),
		cmocka_unit_test(a_directory_is_swapped),
		cmocka_unit_test(killed_owner_leaves_nothing),
		cmocka_unit_test(signals_of_the_group_do_not_end_it),
		cmocka_unit_test(a_dead_broker),
		cmocka_unit_test(a_stuck_broker),
		cmocka_unit_test(it_is_confined),
		cmocka_unit_test(it_is_who_vmm_will_be),
	};

	if (!seccomp_available())
		return skip_program("this kernel has no seccomp filters");
	return cmocka_run_group_tests(tests, setup, teardown) ? 1 : 0;
}
