/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The way into the sandbox: five stages, each once and in this order, none of them ever undone.
 *
 * EARLY    Should: close fds that nobody passed on purpose; clear the environment; set limits; make us invisible to
 *          debuggers; join the network namespace in which OPEN is to find its devices. Mustn't: open what the machine
 *          needs.
 * OPEN     Should: open everything that has a path. Mustn't: read what the files contain.
 * CONFINE  Should: leave root, the file system, other processes and the network behind: control group, namespaces, root
 *          directory, user, a user namespace, capabilities, no_new_privs, Landlock. Mustn't: come after the first
 *          thread, which would keep its access.
 * BUILD    Should: parse the kernel, make the machine and its threads. Mustn't: open a path (but what CONFINE left).
 * LOCK     Should: limit what memory is still taken, put a filter of system calls on every thread, then let the guest
 *          run. Mustn't: let a guest run while
 *          a thread has no filter.
 *
 * What is allowed is a plan that the running program hands over. With SANDBOX_STRICT what cannot be had is an error;
 * with SANDBOX_BEST_EFFORT it is told in struct sandbox_achieved; SANDBOX_OFF does nothing but what --user, --chroot,
 * --netns and --cgroup ask for, which are errors in every mode when they fail.
 */
#ifndef SECURITY_SANDBOX_H
#define SECURITY_SANDBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "security/rules.h"
#include "vmm/base/err.h"
#include "vmm/base/trace.h"

/* X(id, name): as an operator writes it */
#define SANDBOX_MODES(X)                                                                                               \
	X(STRICT, "strict")                                                                                            \
	X(BEST_EFFORT, "best-effort")                                                                                  \
	X(OFF, "off")

enum sandbox_mode {
#define X(id, name) SANDBOX_##id,
	SANDBOX_MODES(X)
#undef X
};

/* X(id, name): whether a user namespace is made, as an operator writes it */
#define SANDBOX_USERNS(X)                                                                                              \
	X(AUTO, "auto")                                                                                                \
	X(ON, "on")                                                                                                    \
	X(OFF, "off")

enum sandbox_userns {
#define X(id, name) SANDBOX_USERNS_##id,
	SANDBOX_USERNS(X)
#undef X
};

enum sandbox_stage {
	SANDBOX_STAGE_NONE,
	SANDBOX_STAGE_EARLY,
	SANDBOX_STAGE_OPEN,
	SANDBOX_STAGE_CONFINE,
	SANDBOX_STAGE_BUILD,
	SANDBOX_STAGE_LOCK,
};

#define SANDBOX_PATHS_MAX 4
#define SANDBOX_KEEP_MAX  32

/**
 * struct sandbox_path - a path that has to work after CONFINE
 * @path: borrowed; a file, or a directory and all below it
 * @rights: LL_ bits of security/landlock.h
 * @by_name: it is looked up by its path then, so that the root directory of a strict machine stays what it is
 */
struct sandbox_path {
	const char *path;
	uint64_t rights;
	bool by_name;
};

/**
 * struct sandbox_jail - what the operator asked for by name; strings are borrowed
 * @user: true: become @uid and @gid, without further groups
 * @userns: a user namespace, and in it a mount namespace with an empty root: AUTO: where the host lets us, and unless
 *          @chroot has another; with ON it is an error where it does not
 * @chroot: directory to become the root; "" for an empty one in a mount namespace of its own; NULL: no
 * @netns: network namespace to enter, a path or a name of ip-netns(8); "" for a new, empty one; NULL: no
 * @cgroup: directory of the control group to enter, or NULL
 */
struct sandbox_jail {
	bool user;
	uid_t uid;
	gid_t gid;
	enum sandbox_userns userns;
	const char *chroot;
	const char *netns;
	const char *cgroup;
};

/**
 * struct sandbox_plan - what this program needs
 * @keep, @nr_keep: fds above 2 that EARLY leaves open
 * @max_fds: how many fds the process may have open; 0: leave the limit alone
 * @max_file_bytes: how large a file it may write; 0: leave the limit alone
 * @devices: SANDBOX_HAS() bits; choose the rules of the filters
 * @fds: what the filter of the control loop names
 * @path, @nr_paths: what stays reachable
 * @report_fd: where a trapped call is told, -1: nowhere; should not block
 * @last_words: as of sigsys_install()
 *
 * What EARLY does not use may be filled in until CONFINE.
 */
struct sandbox_plan {
	enum sandbox_mode mode;
	struct sandbox_jail jail;
	int keep[SANDBOX_KEEP_MAX];
	size_t nr_keep;
	uint64_t max_fds;
	uint64_t max_file_bytes;
	uint32_t devices;
	struct sandbox_fds fds;
	struct sandbox_path path[SANDBOX_PATHS_MAX];
	size_t nr_paths;
	int report_fd;
	void (*last_words)(void);
};

/**
 * struct sandbox_achieved - what was got
 * @landlock_abi: 0: none
 * @unhandled: what that ABI cannot deny, in words
 * @no_capabilities: none in any set but the bounding one
 * @bounding_empty: that one too
 * @userns: we are in a user namespace of our own
 * @uid, @gid: as which we run, in the host's eyes
 * @missing: best effort: what was not to be had, in words; empty: nothing
 */
struct sandbox_achieved {
	enum sandbox_mode mode;
	int landlock_abi;
	char unhandled[160];
	bool seccomp;
	bool no_new_privs;
	bool no_capabilities;
	bool bounding_empty;
	bool not_dumpable;
	bool userns;
	bool netns;
	bool own_root;
	bool cgroup;
	uid_t uid;
	gid_t gid;
	char missing[256];
};

/**
 * struct sandbox - private; zero-initialise
 * @statm_fd: > 0: how much memory the process has
 * @took_ns: time spent in EARLY
 */
struct sandbox {
	struct sandbox_plan *plan;
	struct trace *trace;
	struct sandbox_achieved got;
	_Atomic int stage;
	int statm_fd;
	uint64_t took_ns;
};

/** sandbox_mode_name() - "strict" and so on */
const char *sandbox_mode_name(enum sandbox_mode mode);

/**
 * sandbox_missing() - what @mode lacks on this host, before anything is done
 *
 * Return: 0, or -ENOTSUP with words that name what is missing and the way out.
 */
int sandbox_missing(enum sandbox_mode mode, struct err *e);

/**
 * sandbox_userns_available() - whether a user namespace can be made here, and used for mounts; tried in a child
 *
 * Return: 0, or the negative errno that the attempt ends in.
 */
int sandbox_userns_available(void);

/**
 * sandbox_early() - stage EARLY; in strict mode it first looks whether all of it can be had
 * @plan: borrowed for as long as @s is used
 *
 * Return: 0 or a negative errno, with words.
 */
int sandbox_early(struct sandbox *s, struct sandbox_plan *plan, struct err *e);

/** sandbox_open() - stage OPEN begins; @trace hears of the stages, and may be NULL */
void sandbox_open(struct sandbox *s, struct trace *trace);

/**
 * sandbox_confine() - stage CONFINE
 *
 * Return: 0 or a negative errno, with words; the process can then only end.
 * Context: the process has one thread.
 */
int sandbox_confine(struct sandbox *s, struct err *e);

/** sandbox_build() - stage BUILD begins */
void sandbox_build(struct sandbox *s);

/**
 * sandbox_lock() - stage LOCK for the calling thread: from now on it makes the calls of @role and no other
 * @s: NULL or one without seccomp: does nothing
 * @fds: which descriptors the filter names, NULL: those of the plan
 *
 * Return: 0 or a negative errno.
 * Context: each thread for itself; the control loop last.
 */
int sandbox_lock(struct sandbox *s, enum sandbox_role role, const struct sandbox_fds *fds);

/**
 * struct sandbox_as - how a process beside vmm's own goes into the sandbox: as vmm itself does
 * @user: true: become @uid and @gid, without further groups
 */
struct sandbox_as {
	enum sandbox_mode mode;
	bool user;
	uid_t uid;
	gid_t gid;
};

/**
 * struct sandbox_process - what a process that was made for one purpose is left with
 * @as: borrowed
 * @role, @devices: its filter; @devices are SANDBOX_HAS() bits
 * @dir_fd, @rights: one directory, and LL_ bits of security/landlock.h
 * @capabilities: it keeps those that it has
 */
struct sandbox_process {
	const struct sandbox_as *as;
	enum sandbox_role role;
	uint32_t devices;
	int dir_fd;
	uint64_t rights;
	bool capabilities;
};

/**
 * sandbox_process_enter() - confine and lock such a process, all at once: a call that is not allowed kills it (SIGSYS)
 *
 * What this host does not have is left out in mode SANDBOX_BEST_EFFORT; vmm itself reports it.
 *
 * Return: 0 or a negative errno, with words; the process can then only end.
 * Context: the process has one thread.
 */
int sandbox_process_enter(const struct sandbox_process *p, struct err *e);

#define SANDBOX_LINE_MAX TRACE_STRING_MAX

/** sandbox_summary() - half a line on what the process gave up; SANDBOX_LINE_MAX holds any */
void sandbox_summary(const struct sandbox_achieved *got, char *buf, size_t size);

#endif
