/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Entering the sandbox: five stages, each once and in this order; none of them can be undone.
 *
 * EARLY Should: close fds that were not passed on purpose; clear the environment; set limits; forbid debuggers to
 * attach; join the network namespace whose devices OPEN uses. Mustn't: open what the machine needs. OPEN Should: open
 * everything that has a path. Mustn't: read what the files contain. CONFINE Should: leave root, the file system, other
 * processes and the network behind: control group, namespaces, root
 *          directory, user, a user namespace, capabilities, no_new_privs, Landlock. Mustn't: come after the first
 *          thread, which would keep its access.
 * BUILD Should: parse the kernel, make the machine and its threads. Mustn't: open a path (except those that CONFINE
 * left). LOCK Should: limit further allocation of memory, install a system call filter in every thread, then let the
 * guest run. Mustn't: let a guest run while
 *          a thread has no filter.
 *
 * The caller passes a plan of what stays allowed. With SANDBOX_STRICT a part that is not available is an error; with
 * SANDBOX_BEST_EFFORT it is reported in struct sandbox_achieved; SANDBOX_OFF does only what --user, --chroot, --netns
 * and --cgroup request. A failure of these is an error in every mode.
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

#define SANDBOX_PATHS_MAX 60
#define SANDBOX_KEEP_MAX  32

/**
 * struct sandbox_path - a path that must stay accessible after CONFINE
 * @path: borrowed; a file, or a directory and all below it
 * @rights: LL_ bits of security/landlock.h
 * @by_name: it is looked up by its path, so the root directory must not change
 * @share: for threads of role SANDBOX_SHARE only
 */
struct sandbox_path {
	const char *path;
	uint64_t rights;
	bool by_name;
	bool share;
};

/**
 * struct sandbox_jail - what the operator requested explicitly; strings are borrowed
 * @user: change to @uid and @gid, without supplementary groups
 * @userns: a user namespace that contains a mount namespace with an empty root. AUTO: if the host permits it and
 *          @chroot is NULL; ON: an error if the host does not permit it
 * @chroot: new root directory; "": an empty one in a new mount namespace; NULL: unchanged
 * @netns: network namespace to enter, a path or a name of ip-netns(8); "": a new, empty one; NULL: unchanged
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
 * @keep, @nr_keep: fds above 2 that EARLY does not close
 * @max_fds: limit of open fds; 0: unchanged
 * @max_file_bytes: limit of the size of files that it writes; 0: unchanged
 * @devices: SANDBOX_HAS() bits, which select the rules of the filters
 * @fds: descriptors that the filter of the control loop names
 * @path, @nr_paths: paths that stay reachable
 * @report_fd: for the message about a trapped call; -1: no message; should not block
 * @last_words: as of sigsys_install()
 *
 * Members that EARLY does not use may be filled in until CONFINE.
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
 * struct sandbox_achieved - the restrictions that are in force
 * @landlock_abi: 0: none
 * @unhandled: what that ABI cannot deny, as text
 * @no_capabilities: all capability sets except the bounding set are empty
 * @bounding_empty: the bounding set is empty, too
 * @userns: we are in a user namespace of our own
 * @uid, @gid: that we run as, outside any user namespace
 * @missing: best effort: what was not available, as text; empty: nothing
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
 * @statm_fd: > 0: /proc/self/statm
 * @narrow_fd: > 0: a Landlock ruleset without what is for one role only, for the threads of the others
 * @took_ns: time spent in EARLY
 */
struct sandbox {
	struct sandbox_plan *plan;
	struct trace *trace;
	struct sandbox_achieved got;
	_Atomic int stage;
	int statm_fd;
	int narrow_fd;
	uint64_t took_ns;
};

/** sandbox_mode_name() - "strict" and so on */
const char *sandbox_mode_name(enum sandbox_mode mode);

/**
 * sandbox_missing() - check whether this host has everything that @mode needs, without changing anything
 *
 * Return: 0, or -ENOTSUP with a message in @e that names what is missing and what the operator can do.
 */
int sandbox_missing(enum sandbox_mode mode, struct err *e);

/**
 * sandbox_userns_available() - test in a child process whether a user namespace can be made and used for mounts
 *
 * Return: 0, or the negative errno of the attempt.
 */
int sandbox_userns_available(void);

/**
 * sandbox_standard_fds() - open something that can be neither read nor written for each standard stream that is closed,
 * so that no file of ours gets its number; stage EARLY does it, too
 *
 * Return: 0 or a negative errno, with a message in @e.
 */
int sandbox_standard_fds(struct err *e);

/**
 * sandbox_join_netns() - in stage OPEN: what is opened from now on is of this network namespace
 * @name: as of struct sandbox_jail; "": a new, empty one
 *
 * For what opens devices of several namespaces, and leaves them for an empty one.
 *
 * Return: 0 or a negative errno, with a message in @e.
 */
int sandbox_join_netns(struct sandbox *s, const char *name, struct err *e);

/**
 * sandbox_early() - stage EARLY; in strict mode it first calls sandbox_missing()
 * @plan: borrowed for as long as @s is used
 *
 * Return: 0 or a negative errno, with a message in @e.
 */
int sandbox_early(struct sandbox *s, struct sandbox_plan *plan, struct err *e);

/** sandbox_open() - begin stage OPEN; the stages are traced to @trace, which may be NULL */
void sandbox_open(struct sandbox *s, struct trace *trace);

/**
 * sandbox_confine() - stage CONFINE
 *
 * Return: 0 or a negative errno, with a message in @e; after a failure the process must end.
 * Context: the process has one thread.
 */
int sandbox_confine(struct sandbox *s, struct err *e);

/** sandbox_build() - begin stage BUILD */
void sandbox_build(struct sandbox *s);

/**
 * sandbox_forked() - the sandbox of a process that was forked in stage BUILD, and has a copy of @s
 * @plan: a copy, of whose members those that come with the process may be others: @fds, @report_fd
 *
 * Return: 0 or a negative errno, with a message in @e.
 */
int sandbox_forked(struct sandbox *s, struct sandbox_plan *plan, struct trace *trace, struct err *e);

/**
 * sandbox_lock() - stage LOCK for the calling thread: from now on it can make only the calls of @role
 * @s: if NULL, or without seccomp, the function does nothing
 * @fds: descriptors that the filter names; NULL: those of the plan
 *
 * Return: 0 or a negative errno.
 * Context: called by each thread for itself; by the control loop last.
 */
int sandbox_lock(struct sandbox *s, enum sandbox_role role, const struct sandbox_fds *fds);

/**
 * struct sandbox_as - the settings of vmm's own sandbox that its auxiliary processes share
 * @user: change to @uid and @gid, without supplementary groups
 */
struct sandbox_as {
	enum sandbox_mode mode;
	bool user;
	uid_t uid;
	gid_t gid;
};

/**
 * struct sandbox_process - what an auxiliary process may still do
 * @as: borrowed
 * @role, @devices: its filter; @devices are SANDBOX_HAS() bits
 * @dir_fd, @rights: one directory, and LL_ bits of security/landlock.h; -1: none
 * @capabilities: keep those that it has
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
 * sandbox_process_enter() - confine and lock an auxiliary process in one step: a call that is not allowed kills it
 * (SIGSYS)
 *
 * In mode SANDBOX_BEST_EFFORT restrictions that this host does not support are left out; vmm itself reports them.
 *
 * Return: 0 or a negative errno, with a message in @e; after a failure the process must end.
 * Context: the process has one thread.
 */
int sandbox_process_enter(const struct sandbox_process *p, struct err *e);

#define SANDBOX_LINE_MAX TRACE_STRING_MAX

/** sandbox_summary() - a short text on the restrictions in force; it fits SANDBOX_LINE_MAX */
void sandbox_summary(const struct sandbox_achieved *got, char *buf, size_t size);

#endif
