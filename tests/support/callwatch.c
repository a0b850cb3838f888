// SPDX-License-Identifier: Apache-2.0
/*
 * Runs a program and looks at each system call of each thread that has put a filter of ours on itself: which rows of
 * security/rules.c allow it. A row that was needed is written once, as
 *     call ROLE DEVICE CALL CONDITION
 * and a call that no row of that thread's filter allows, before the filter ends it, as
 *     outside ROLE CALL ARGUMENT...
 * with tabs between the words; a line "watching" says that it has begun. Which role and devices a thread has is read
 * from the filter that it installs.
 *
 * It can also take things away: the vDSO, so that the time is asked by system calls; a system call, as on a kernel that
 * was built without it.
 *
 * The program keeps its process id, its parent and its standard streams: the tracer is a grandchild of it, and holds
 * none of its files. That is why it attaches (PTRACE_SEIZE) rather than being the parent. Set-uid root it can also read
 * the filters of an ordinary user's vmm, which is not dumpable; the program gets the user's rights alone.
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/ptrace.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include "security/filters.h"
#include "security/rules.h"
#include "security/seccomp.h"
#include "vmm/base/util.h"

/* <sys/ptrace.h> has the same names as <linux/ptrace.h>, as an enumeration. */
long ptrace(int request, ...);

#define THREADS_MAX 1024
#define RULES_MAX   512
#define CODE_MAX    2048

struct filter {
	bool there;
	enum sandbox_role role;
	uint32_t devices;
	uint32_t own_pid;
};

struct thread {
	pid_t tid; /* 0: free */
	struct filter now;
	struct filter wanted; /* by the call that the thread is in */
};

static struct thread threads[THREADS_MAX];
static bool needed[RULES_MAX];
static int out_fd = -1;
static bool hide_vdso;
static bool follow_forks;

static const char *const roles[] = {
#define X(id, name, text) [SANDBOX_##id] = name,
	SANDBOX_ROLES(X)
#undef X
};

static const char *const devices[] = {
#define X(id, name, text) [SANDBOX_DEVICE_##id] = name,
	SANDBOX_DEVICES(X)
#undef X
};

static void usage(void)
{
	fprintf(stderr,
		"usage: callwatch [-o FILE] [-f] [-V] [-n CALL]... CMD [ARG...]\n"
		"  -o FILE  append to FILE what was needed and what was outside\n"
		"  -f       also look at the processes that CMD makes\n"
		"  -V       no vDSO for CMD\n"
		"  -n CALL  CMD's system call CALL is not there (ENOSYS)\n");
	exit(2);
}

static void fail(const char *what)
{
	fprintf(stderr, "callwatch: %s: %s\n", what, strerror(errno));
	exit(125);
}

static struct thread *thread_of(pid_t tid)
{
	struct thread *spare = NULL;

	for (size_t i = 0; i < THREADS_MAX; i++) {
		if (threads[i].tid == tid)
			return &threads[i];
		if (!threads[i].tid && !spare)
			spare = &threads[i];
	}
	if (spare)
		*spare = (struct thread){.tid = tid};
	return spare;
}

/* Whether `code` is what seccomp_compose() makes of @f; then its process id is in it. */
static bool is_filter(const struct sock_filter *code, size_t n, struct filter *f)
{
	static struct sock_filter want[CODE_MAX];
	/* The tracer's own id is where that of the program is to be. */
	uint32_t ours = (uint32_t)getpid();

	if (seccomp_compose(f->role, f->devices, want, CODE_MAX) != (int)n)
		return false;
	for (size_t i = 0; i < n; i++) {
		if (BPF_CLASS(want[i].code) == BPF_JMP && want[i].k == ours)
			want[i].k = f->own_pid = code[i].k;
		if (memcmp(&want[i], &code[i], sizeof(*code)))
			return false;
	}
	return true;
}

static uint32_t devices_of(int role)
{
	uint32_t set = 0;

	for (size_t i = 0; i < filter_rules_nr; i++)
		if (filter_rules[i].role == role)
			set |= 1u << filter_rules[i].device;
	return set;
}

/*
 * Every set of devices is tried: of a role few have rows. Two that need the same calls (a report and passt, in the
 * control loop) make one filter, which then counts for both.
 */
static bool identify(const struct sock_filter *code, size_t n, struct filter *ret)
{
	for (int role = 0; role < SANDBOX_ROLE_COUNT && !ret->there; role++) {
		uint32_t all = devices_of(role), set = 0;

		do {
			struct filter f = {true, (enum sandbox_role)role, set | SANDBOX_HAS(ALWAYS), 0};

			if (is_filter(code, n, &f)) {
				f.devices |= ret->devices;
				*ret = f;
			}
			set = (set - all) & all;
		} while (set);
	}
	return ret->there;
}

static bool fetch(pid_t tid, uint64_t from, void *to, size_t size)
{
	struct iovec here = {to, size}, there = {(void *)(uintptr_t)from, size};

	return process_vm_readv(tid, &here, 1, &there, 1, 0) == (ssize_t)size;
}

/* The filter that a thread is about to install. One of another program is none of ours. */
static void filter_wanted(struct thread *t, uint64_t address)
{
	static struct sock_filter code[CODE_MAX];
	struct sock_fprog prog;

	t->wanted = (struct filter){0};
	if (!fetch(t->tid, address, &prog, sizeof(prog)) || prog.len > CODE_MAX ||
		!fetch(t->tid, (uintptr_t)prog.filter, code, prog.len * sizeof(*code))) {
		dprintf(out_fd, "unreadable\t%s\n", strerror(errno));
		return;
	}
	identify(code, prog.len, &t->wanted);
}

static bool allows(const struct sandbox_rule *rule, const struct filter *f, uint64_t nr, const __u64 *arg)
{
	if (rule->role != f->role || !(f->devices & 1u << rule->device) || (uint64_t)rule->nr != nr)
		return false;
	for (size_t i = 0; i < SANDBOX_CONDS_MAX; i++) {
		const struct sandbox_cond *c = &rule->cond[i];

		if (c->arg >= 0 && (arg[c->arg] & c->mask) != (c->value == SANDBOX_OWN_PID ? f->own_pid : c->value))
			return false;
	}
	return true;
}

static void look(const struct filter *f, uint64_t nr, const __u64 *arg)
{
	bool allowed = false;

	for (size_t i = 0; i < sandbox_rules_nr; i++) {
		const struct sandbox_rule *rule = &sandbox_rules[i];

		if (!allows(rule, f, nr, arg))
			continue;
		allowed = true;
		if (needed[i])
			continue;
		needed[i] = true;
		dprintf(out_fd, "call\t%s\t%s\t%s\t%s\n", roles[rule->role], devices[rule->device], rule->call,
			rule->what);
	}
	if (!allowed)
		dprintf(out_fd, "outside\t%s\t%s (%llu)\t0x%llx\t0x%llx\t0x%llx\n", roles[f->role],
			seccomp_call_name((long)nr), (unsigned long long)nr, arg[0], arg[1], arg[2]);
}

static void system_call(struct thread *t)
{
	struct ptrace_syscall_info info;

	if (ptrace(PTRACE_GET_SYSCALL_INFO, t->tid, sizeof(info), &info) <= 0)
		return;
	if (info.op == PTRACE_SYSCALL_INFO_EXIT) {
		if (t->wanted.there && info.exit.rval == 0)
			t->now = t->wanted;
		t->wanted.there = false;
		return;
	}
	if (info.op != PTRACE_SYSCALL_INFO_ENTRY)
		return;
	if (t->now.there)
		look(&t->now, info.entry.nr, info.entry.args);
	else if (info.entry.nr == SYS_seccomp && info.entry.args[0] == SECCOMP_SET_MODE_FILTER)
		filter_wanted(t, info.entry.args[2]);
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

/* Lets a thread that stopped go on. */
static void answer(pid_t tid, int status)
{
	int sig = WSTOPSIG(status), event = status >> 16;
	struct thread *t = thread_of(tid);

	if (!t) {
		errno = ENOSPC;
		fail("too many threads");
	}
	if (sig == (SIGTRAP | 0x80)) {
		system_call(t);
		sig = 0;
	} else if (event == PTRACE_EVENT_STOP && sig != SIGTRAP) {
		/* Stopped as by SIGSTOP, and to stay so. */
		ptrace(PTRACE_LISTEN, tid, 0, 0);
		return;
	} else if (event) {
		if (event == PTRACE_EVENT_EXEC) {
			*t = (struct thread){.tid = tid};
			if (hide_vdso)
				take_vdso_away(tid);
		}
		sig = 0;
	}
	/* It may have been killed meanwhile. */
	ptrace(out_fd < 0 ? PTRACE_CONT : PTRACE_SYSCALL, tid, 0, sig);
}

static _Noreturn void trace(pid_t program, int ready)
{
	long options = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC;
	int status;
	pid_t tid;

	if (follow_forks)
		options |= PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK;
	if (ptrace(PTRACE_SEIZE, program, 0, options) < 0)
		fail("PTRACE_SEIZE");
	if (out_fd >= 0)
		dprintf(out_fd, "watching\n");
	if (write(ready, "", 1) != 1)
		fail("write");
	/* Whoever waits for the end of the program's output must not wait for us, nor its keys end us. */
	for (int fd = 0; fd < 1024; fd++)
		if (fd != out_fd)
			close(fd);
	setsid();
	while ((tid = waitpid(-1, &status, __WALL)) > 0 || errno == EINTR) {
		if (tid < 0)
			continue;
		if (WIFSTOPPED(status))
			answer(tid, status);
		else
			thread_of(tid)->tid = 0;
	}
	_exit(0);
}

static long number_of(const char *call)
{
	for (size_t nr = 0; nr < filter_calls_nr; nr++)
		if (!strcmp(seccomp_call_name((long)nr), call))
			return (long)nr;
	fprintf(stderr, "callwatch: -n %s: no such system call\n", call);
	exit(2);
}

static void take_call_away(long nr)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)nr, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog prog = {ARRAY_SIZE(code), code};

	/* By the older call, since the newer one may be what is taken away. */
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog) < 0)
		fail("prctl(PR_SET_SECCOMP)");
}

/* The tracer, two forks away, so that the program has no child that it does not know of. */
static void start_tracer(void)
{
	pid_t program = getpid(), child;
	int ready[2], status;
	char byte;

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
			trace(program, ready[1]);
		_exit(child < 0);
	}
	close(ready[1]);
	if (waitpid(child, &status, 0) != child || status || read(ready[0], &byte, 1) != 1)
		exit(125); /* it has said why */
	close(ready[0]);
}

int main(int argc, char **argv)
{
	long away[8];
	size_t nr_away = 0;
	int opt;

	while ((opt = getopt(argc, argv, "+o:fVn:")) != -1) {
		switch (opt) {
		case 'o':
			out_fd = open(optarg, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
			if (out_fd < 0)
				fail(optarg);
			break;
		case 'f': follow_forks = true; break;
		case 'V': hide_vdso = true; break;
		case 'n':
			if (nr_away == ARRAY_SIZE(away))
				usage();
			away[nr_away++] = number_of(optarg);
			break;
		default: usage();
		}
	}
	if (optind == argc || sandbox_rules_nr > RULES_MAX)
		usage();
	if (out_fd >= 0 || hide_vdso)
		start_tracer();
	if (setresuid(getuid(), getuid(), getuid()) < 0)
		fail("setresuid");
	for (size_t i = 0; i < nr_away; i++)
		take_call_away(away[i]);
	execvp(argv[optind], argv + optind);
	fail(argv[optind]);
}
