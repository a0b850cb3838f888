// SPDX-License-Identifier: Apache-2.0
/*
 * Runs a program and examines each system call of each thread that has installed one of vmm's filters, in its child
 * processes too: which rows of security/rules.c allow it? Each row that was needed is written once, as
 *     call ROLE DEVICE CALL CONDITION
 * and a call that no row of that thread's filter allows is written, before the filter kills the process, as
 *     outside ROLE CALL ARGUMENT...
 * with tabs between the words; a line "watching" says that it has begun.
 *
 * With -k it kills the program at a call, and writes "killed CALL".
 *
 * It can also remove the vDSO, so that the time is read by system calls, or a system call, as on a kernel that was
 * built without it.
 *
 * The program keeps its process id, its parent and its standard streams: the tracer is a grandchild of it, and holds
 * none of its files. That is why it attaches (PTRACE_SEIZE) rather than being the parent. Set-uid root it can also read
 * the filters of an ordinary user's vmm, which is not dumpable; the program gets the user's rights alone.
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include "security/filters.h"
#include "security/rules.h"
#include "security/seccomp.h"
#include "tests/support/role_trace.h"
#include "vmm/base/util.h"

static bool *needed; /* of each rule */
static int out_fd = -1;
static bool hide_vdso;
static bool follow_forks;
static pid_t program;
static const char *kill_role; /* NULL: none */
static unsigned long kill_after;

static void usage(void)
{
	fprintf(stderr,
		"usage: callwatch [-o FILE] [-f] [-V] [-n CALL]... [-e CALL]... [-k ROLE:N] CMD [ARG...]\n"
		"  -o FILE  append to FILE what was needed and what was outside\n"
		"  -f       also look at the programs that CMD starts\n"
		"  -V       no vDSO for CMD\n"
		"  -n CALL  CMD's system call CALL is not there (ENOSYS)\n"
		"  -e CALL  it is refused, as by an old container runtime (EPERM)\n"
		"  -k ROLE:N  SIGKILL, before the Nth call of threads of ROLE; needs -o\n");
	exit(2);
}

static void fail(const char *what)
{
	fprintf(stderr, "callwatch: %s: %s\n", what, strerror(errno));
	exit(125);
}

static void look(const struct role_filter *f, uint64_t nr, const uint64_t *arg)
{
	bool allowed = false;

	if (kill_role && !strcmp(seccomp_role_name(f->role), kill_role) && !--kill_after) {
		dprintf(out_fd, "killed\t%s\n", seccomp_call_name((long)nr));
		kill(program, SIGKILL);
	}
	for (size_t i = 0; i < sandbox_rules_nr; i++) {
		const struct sandbox_rule *rule = &sandbox_rules[i];

		if (!role_allows(rule, f, nr, arg))
			continue;
		allowed = true;
		if (needed[i])
			continue;
		needed[i] = true;
		dprintf(out_fd, "call\t%s\t%s\t%s\t%s\n", seccomp_role_name(rule->role),
			role_device_names[rule->device], rule->call, rule->what);
	}
	if (!allowed)
		dprintf(out_fd, "outside\t%s\t%s (%" PRIu64 ")\t0x%" PRIx64 "\t0x%" PRIx64 "\t0x%" PRIx64 "\n",
			seccomp_role_name(f->role), seccomp_call_name((long)nr), nr, arg[0], arg[1], arg[2]);
}

/* What a program is told of at its start: argc, the arguments, 0, the environment, 0, then pairs of type and value. */
static void take_vdso_away(pid_t tid)
{
	struct user_regs_struct regs;
	unsigned long at;
	long word;

	if (ptrace(PTRACE_GETREGS, tid, 0, &regs) < 0)
		fail("PTRACE_GETREGS");
	at = regs.rsp + 8;
	for (int zeros = 0; zeros < 2; at += 8) {
		errno = 0;
		word = ptrace(PTRACE_PEEKDATA, tid, at, 0);
		if (errno)
			fail("PTRACE_PEEKDATA");
		zeros += !word;
	}
	while ((word = ptrace(PTRACE_PEEKDATA, tid, at, 0)) != AT_NULL && word != AT_SYSINFO_EHDR)
		at += 16;
	if (word == AT_SYSINFO_EHDR && ptrace(PTRACE_POKEDATA, tid, at, AT_IGNORE) < 0)
		fail("PTRACE_POKEDATA");
}

static bool on_exec(pid_t tid)
{
	if (tid != program && !follow_forks)
		return false;
	if (hide_vdso)
		take_vdso_away(tid);
	return true;
}

static void unreadable(void)
{
	dprintf(out_fd, "unreadable\t%s\n", strerror(errno));
}

static _Noreturn void trace(int ready)
{
	const struct role_hooks hooks = {look, on_exec, unreadable};
	/* With the processes that it makes, which are forgotten when they become another program. */
	long options = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC | PTRACE_O_TRACEFORK |
		PTRACE_O_TRACEVFORK;
	int status;
	pid_t tid;

	if (ptrace(PTRACE_SEIZE, program, 0, options) < 0)
		fail("PTRACE_SEIZE");
	if (out_fd >= 0)
		dprintf(out_fd, "watching\n");
	if (write(ready, "", 1) != 1)
		fail("write");
	/* A reader of the program's output must not wait for us, nor its keys end us. */
	for (int fd = 0; fd < 1024; fd++)
		if (fd != out_fd)
			close(fd);
	setsid();
	while ((tid = waitpid(-1, &status, __WALL)) > 0 || errno == EINTR) {
		if (tid < 0)
			continue;
		if (WIFSTOPPED(status))
			role_trace_answer(tid, status, out_fd < 0 ? PTRACE_CONT : PTRACE_SYSCALL, &hooks);
		else
			role_thread_of(tid)->tid = 0;
	}
	_exit(0);
}

static long number_of(const char *call)
{
	for (size_t nr = 0; nr < filter_calls_nr; nr++)
		if (!strcmp(seccomp_call_name((long)nr), call))
			return (long)nr;
	fprintf(stderr, "callwatch: %s: no such system call\n", call);
	exit(2);
}

static void take_call_away(long nr, unsigned error)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)nr, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog prog = {ARRAY_SIZE(code), code};

	/* By the older call, since the newer one may be the one that is removed. */
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog) < 0)
		fail("prctl(PR_SET_SECCOMP)");
}

/* The tracer, two forks away, so that the program has no child that it does not know of. */
static void start_tracer(void)
{
	int ready[2], status;
	pid_t child;
	char byte;

	program = getpid();
	if (pipe2(ready, O_CLOEXEC) < 0)
		fail("pipe");
	/* Where Yama lets only parents trace. */
	prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY, 0, 0, 0);
	child = fork();
	if (child < 0)
		fail("fork");
	if (!child) {
		child = fork();
		if (!child)
			trace(ready[1]);
		_exit(child < 0);
	}
	close(ready[1]);
	if (waitpid(child, &status, 0) != child || status || read(ready[0], &byte, 1) != 1)
		exit(125); /* it has said why */
	close(ready[0]);
}

int main(int argc, char **argv)
{
	struct {
		long nr;
		unsigned error;
	} away[8];
	size_t nr_away = 0;
	int opt;

	while ((opt = getopt(argc, argv, "+o:fVn:e:k:")) != -1) {
		switch (opt) {
		case 'o':
			out_fd = open(optarg, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
			if (out_fd < 0)
				fail(optarg);
			break;
		case 'f': follow_forks = true; break;
		case 'V': hide_vdso = true; break;
		case 'k':
			kill_role = strtok(optarg, ":");
			kill_after = strtoul(strtok(NULL, "") ?: "", NULL, 10);
			if (!kill_after)
				usage();
			break;
		case 'n':
		case 'e':
			if (nr_away == ARRAY_SIZE(away))
				usage();
			away[nr_away].nr = number_of(optarg);
			away[nr_away++].error = opt == 'n' ? ENOSYS : EPERM;
			break;
		default: usage();
		}
	}
	if (optind == argc)
		usage();
	needed = calloc(sandbox_rules_nr, sizeof(*needed));
	if (!needed)
		fail("calloc");
	if (out_fd >= 0 || hide_vdso)
		start_tracer();
	if (setresuid(getuid(), getuid(), getuid()) < 0)
		fail("setresuid");
	for (size_t i = 0; i < nr_away; i++)
		take_call_away(away[i].nr, away[i].error);
	execvp(argv[optind], argv + optind);
	fail(argv[optind]);
}
