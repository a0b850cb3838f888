// SPDX-License-Identifier: Apache-2.0
#include "tests/support/role_trace.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "security/filters.h"
#include "security/seccomp.h"

#define CODE_MAX 2048

struct role_thread role_threads[ROLE_THREADS_MAX];

const char *const role_device_names[] = {
#define X(id, name, text) [SANDBOX_DEVICE_##id] = name,
	SANDBOX_DEVICES(X)
#undef X
};

struct role_thread *role_thread_of(pid_t tid)
{
	struct role_thread *spare = NULL;

	for (size_t i = 0; i < ROLE_THREADS_MAX; i++) {
		if (role_threads[i].tid == tid)
			return &role_threads[i];
		if (!role_threads[i].tid && !spare)
			spare = &role_threads[i];
	}
	if (!spare) {
		fprintf(stderr, "more than %d threads\n", ROLE_THREADS_MAX);
		exit(125);
	}
	*spare = (struct role_thread){.tid = tid};
	return spare;
}

/* In the place of a descriptor, which no filter has and nothing else is. */
#define SENTINEL 0x5e41a000u

/* Where the descriptor is that stands for @k; NULL: it is no such number. */
static int *fd_of(uint32_t k, struct sandbox_fds *fds)
{
	uint32_t i = k - SENTINEL;

	return i < SANDBOX_FD_COUNT * SANDBOX_FD_MAX ? &fds->of[i / SANDBOX_FD_MAX][i % SANDBOX_FD_MAX] : NULL;
}

/* Whether `code` is what seccomp_compose() makes of @f; then its process id and its descriptors are in it. */
static bool is_filter(const struct sock_filter *code, size_t n, struct role_filter *f)
{
	static struct sock_filter want[CODE_MAX];
	struct sandbox_fds stand_in;
	int *fd;
	/* The tracer's own id is where that of the program is to be. */
	uint32_t ours = (uint32_t)getpid();

	for (uint32_t i = 0; i < SANDBOX_FD_COUNT * SANDBOX_FD_MAX; i++)
		*fd_of(SENTINEL + i, &stand_in) = (int)(SENTINEL + i);
	f->fds = SANDBOX_NO_FDS;
	if (seccomp_compose(f->role, f->devices, &stand_in, want, CODE_MAX) != (int)n)
		return false;
	for (size_t i = 0; i < n; i++) {
		if (BPF_CLASS(want[i].code) == BPF_JMP && want[i].k == ours)
			want[i].k = f->own_pid = code[i].k;
		fd = BPF_CLASS(want[i].code) == BPF_JMP ? fd_of(want[i].k, &f->fds) : NULL;
		if (fd)
			*fd = (int)(want[i].k = code[i].k);
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
static bool identify(const struct sock_filter *code, size_t n, struct role_filter *ret)
{
	for (int role = 0; role < SANDBOX_ROLE_COUNT && !ret->there; role++) {
		uint32_t all = devices_of(role), set = 0;

		do {
			struct role_filter f = {
				true, (enum sandbox_role)role, set | SANDBOX_HAS(ALWAYS), 0, SANDBOX_NO_FDS};

			if (is_filter(code, n, &f)) {
				f.devices |= ret->devices;
				*ret = f;
			}
			set = (set - all) & all;
		} while (set);
	}
	return ret->there;
}

bool role_fetch(pid_t tid, uint64_t from, void *to, size_t size)
{
	struct iovec here = {to, size}, there = {(void *)(uintptr_t)from, size};

	return process_vm_readv(tid, &here, 1, &there, 1, 0) == (ssize_t)size;
}

/* The filter that a thread is about to install. One of another program is none of ours. */
static void filter_wanted(struct role_thread *t, uint64_t address, const struct role_hooks *hooks)
{
	static struct sock_filter code[CODE_MAX];
	struct sock_fprog prog;

	t->wanted = (struct role_filter){0};
	if (!role_fetch(t->tid, address, &prog, sizeof(prog)) || prog.len > CODE_MAX ||
		!role_fetch(t->tid, (uintptr_t)prog.filter, code, prog.len * sizeof(*code))) {
		if (hooks->unreadable)
			hooks->unreadable();
		return;
	}
	identify(code, prog.len, &t->wanted);
}

static bool holds(const struct sandbox_cond *c, const struct role_filter *f, uint64_t arg)
{
	uint64_t kind = SANDBOX_FD_OF(c->value);

	if (c->value == SANDBOX_OWN_PID)
		return (arg & c->mask) == f->own_pid;
	if (c->value > UINT32_MAX || kind >= SANDBOX_FD_COUNT)
		return (arg & c->mask) == c->value;
	for (size_t i = 0; i < SANDBOX_FD_MAX; i++)
		if ((uint32_t)arg == (uint32_t)f->fds.of[kind][i])
			return true;
	return false;
}

bool role_allows(const struct sandbox_rule *rule, const struct role_filter *f, uint64_t nr, const uint64_t *arg)
{
	if (rule->role != f->role || !(f->devices & 1u << rule->device) || (uint64_t)rule->nr != nr)
		return false;
	for (size_t i = 0; i < SANDBOX_CONDS_MAX; i++) {
		const struct sandbox_cond *c = &rule->cond[i];

		if (c->arg >= 0 && !holds(c, f, arg[c->arg]))
			return false;
	}
	return true;
}

static void system_call(struct role_thread *t, const struct role_hooks *hooks)
{
	struct ptrace_syscall_info info;
	uint64_t arg[6];

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
	for (size_t i = 0; i < 6; i++)
		arg[i] = info.entry.args[i];
	if (t->now.there && hooks->call)
		hooks->call(&t->now, info.entry.nr, arg);
	else if (!t->now.there && info.entry.nr == SYS_seccomp && arg[0] == SECCOMP_SET_MODE_FILTER)
		filter_wanted(t, arg[2], hooks);
}

void role_trace_answer(pid_t tid, int status, int request, const struct role_hooks *hooks)
{
	int sig = WSTOPSIG(status), event = status >> 16;
	struct role_thread *t = role_thread_of(tid);

	if (sig == (SIGTRAP | 0x80)) {
		system_call(t, hooks);
		sig = 0;
	} else if (event == PTRACE_EVENT_STOP && sig != SIGTRAP) {
		/* Stopped as by SIGSTOP, and to stay so. */
		ptrace(PTRACE_LISTEN, tid, 0, 0);
		return;
	} else if (event) {
		if (event == PTRACE_EVENT_EXEC) {
			*t = (struct role_thread){.tid = tid};
			if (hooks->exec && !hooks->exec(tid)) {
				t->tid = 0;
				ptrace(PTRACE_DETACH, tid, 0, 0);
				return;
			}
		}
		sig = 0;
	}
	/* It may have been killed meanwhile. */
	ptrace(request, tid, 0, sig);
}
