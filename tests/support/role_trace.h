/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A tracer's view of the threads of a vmm: which filter of security/rules.c each has installed, read from the filter
 * program. Used by callwatch.c, which examines the calls of the threads, and inject.c, which makes threads execute
 * calls. The process must have been seized (PTRACE_SEIZE) with PTRACE_O_TRACESYSGOOD, PTRACE_O_TRACECLONE and
 * PTRACE_O_TRACEEXEC before it installs its first filter.
 */
#ifndef TESTS_SUPPORT_ROLE_TRACE_H
#define TESTS_SUPPORT_ROLE_TRACE_H

#include <linux/ptrace.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "security/rules.h"

/* <sys/ptrace.h> has the same names as <linux/ptrace.h>, as an enumeration. */
long ptrace(int request, ...);

/**
 * struct role_filter - the filter of a thread
 * @there: it has one of vmm's filters
 * @devices: SANDBOX_HAS() bits
 * @own_pid: the process id that is in the filter; 0: none is
 * @fds: the descriptors that are in it
 */
struct role_filter {
	bool there;
	enum sandbox_role role;
	uint32_t devices;
	uint32_t own_pid;
	struct sandbox_fds fds;
};

/**
 * struct role_thread - a traced thread
 * @tid: 0: free
 * @now: its filter
 * @wanted: the filter that its current call installs
 */
struct role_thread {
	pid_t tid;
	struct role_filter now;
	struct role_filter wanted;
};

#define ROLE_THREADS_MAX 1024

/**
 * struct role_hooks - callbacks of a tracer; each may be NULL
 * @call: a thread with a filter is about to make a call
 * @exec: a program begins. Return: false: it is not vmm, and is no longer traced
 * @unreadable: errno says why the filter that a thread installs could not be read
 */
struct role_hooks {
	void (*call)(const struct role_filter *f, uint64_t nr, const uint64_t *arg);
	bool (*exec)(pid_t tid);
	void (*unreadable)(void);
};

extern struct role_thread role_threads[ROLE_THREADS_MAX];
extern const char *const role_device_names[];

/** role_thread_of() - the entry of @tid, made when it has none; ends the tracer when there is no room */
struct role_thread *role_thread_of(pid_t tid);

/** role_fetch() - reads the memory of a thread */
bool role_fetch(pid_t tid, uint64_t from, void *to, size_t size);

/** role_allows() - whether this row lets a thread with @f make the call */
bool role_allows(const struct sandbox_rule *rule, const struct role_filter *f, uint64_t nr, const uint64_t *arg);

/**
 * role_trace_answer() - continues a stopped thread, and records a filter that it installs
 * @status: from waitpid(); the thread is stopped
 * @request: PTRACE_SYSCALL, which is needed to see filters, or PTRACE_CONT
 */
void role_trace_answer(pid_t tid, int status, int request, const struct role_hooks *hooks);

#endif
