// SPDX-License-Identifier: Apache-2.0
#include "cmd/test/debug.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>

#include "cmd/test/memory.h"
#include "vmm/base/clock.h"
#include "vmm/base/outcome.h"
#include "vmm/console/printable.h"

#define WAIT_MS 10000 /* until vmm listens */
#define STEP_MS 20

static int become(const struct launch_spec *spec, struct err *e)
{
	if (spec->dir && chdir(spec->dir) < 0)
		return err_sys(e, -errno, "%s", spec->dir);
	execv(spec->argv[0], spec->argv);
	return err_sys(e, -errno, "cannot run %s", spec->argv[0]);
}

/* --- A program and gdb ----------------------------------------------------------------------------------------- */

/* Not in our process group: Ctrl-C is gdb's. */
static _Noreturn void become_program(const struct launch_spec *spec, char *option, pid_t parent)
{
	struct launch_spec with = {.dir = spec->dir};
	struct err e = {};
	size_t nr = 0;
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

	while (spec->argv[nr])
		nr++;
	with.argv = calloc(nr + 2, sizeof(*with.argv));
	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (with.argv && null >= 0 && dup2(null, STDIN_FILENO) == 0 && getppid() == parent) {
		memcpy(with.argv, spec->argv, nr * sizeof(*with.argv));
		with.argv[nr] = option;
		become(&with, &e);
		fprintf(stderr, "vmm: %s\n", e.text);
	}
	_exit(EXIT_FAILED);
}

/* Return: whether the socket is there before the program has ended. */
static bool is_ready(const char *path, pid_t program)
{
	const struct timespec step = {.tv_nsec = STEP_MS * NSEC_PER_MSEC};
	siginfo_t si = {0};

	for (int ms = 0; ms < WAIT_MS; ms += STEP_MS) {
		if (access(path, F_OK) == 0)
			return true;
		if (waitid(P_PID, (id_t)program, &si, WEXITED | WNOHANG | WNOWAIT) == 0 && si.si_pid)
			return false;
		nanosleep(&step, NULL);
	}
	return false;
}

static int wait_for(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return EXIT_FAILED;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int run_gdb(const char *socket, struct err *e)
{
	CLEANUP_FREE char *target = NULL;
	pid_t pid;

	if (asprintf(&target, "target remote %s", socket) < 0)
		return no_memory(e);
	pid = fork();
	if (pid == 0) {
		execlp("gdb", "gdb", "-q", "-ex", "set architecture i386:x86-64", "-ex", target, NULL);
		fprintf(stderr, "vmm: --debug-test: cannot run gdb: %s\n", strerror(errno));
		_exit(EXIT_FAILED);
	}
	if (pid < 0)
		return err_sys(e, -errno, "cannot start a process");
	signal(SIGINT, SIG_IGN);
	return wait_for(pid);
}

static int debug_at(const struct launch_spec *spec, const char *socket, char *option, struct err *e)
{
	pid_t parent = getpid(), program = fork();
	int r;

	if (program == 0)
		become_program(spec, option, parent);
	if (program < 0)
		return err_sys(e, -errno, "cannot start a process");
	r = is_ready(socket, program) ? run_gdb(socket, e)
				      : err_set(e, -ECHILD, "--debug-test: the program does not wait for gdb");
	kill(program, SIGTERM);
	wait_for(program);
	return r;
}

static int debug_program(const struct launch_spec *spec, struct err *e)
{
	char dir[] = "/tmp/vmm-debug-XXXXXX";
	CLEANUP_FREE char *socket = NULL;
	CLEANUP_FREE char *option = NULL;
	int r;

	if (!mkdtemp(dir))
		return err_sys(e, -errno, "cannot make a directory in /tmp");
	if (asprintf(&socket, "%s/gdb", dir) < 0 || asprintf(&option, "--gdb=unix:%s,wait", socket) < 0)
		r = no_memory(e);
	else
		r = debug_at(spec, socket, option, e);
	if (socket)
		unlink(socket);
	rmdir(dir);
	return r;
}

/* --- A machine ------------------------------------------------------------------------------------------------- */

static void say_words(const struct test_case *t)
{
	char out[1024];

	fputs("vmm: in this shell the test is:", stderr);
	for (size_t i = 0; i < t->nr_words; i++) {
		printable_text(out, sizeof(out), t->word[i], strlen(t->word[i]), PRINTABLE_LINE);
		fprintf(stderr, strpbrk(out, " '\"$*?;&|<>()") || !*out ? " '%s'" : " %s", out);
	}
	fputc('\n', stderr);
}

int test_debug(const struct test_case *t, const struct launch_spec *spec, struct err *e)
{
	if (!t->machine)
		return debug_program(spec, e);
	if (t->nr_words)
		say_words(t);
	return become(spec, e);
}
