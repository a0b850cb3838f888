// SPDX-License-Identifier: Apache-2.0
#include "security/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "security/landlock.h"
#include "security/seccomp.h"
#include "security/sigsys.h"
#include "security/stages.h"
#include "vmm/base/assert.h"

#if SANITIZED
static _Atomic bool leaks_unchecked;

/*
 * <sanitizer/lsan_interface.h>: a leak check attaches a tracer to every thread, which our filters do not allow.
 */
int __lsan_is_turned_off(void);

int __lsan_is_turned_off(void)
{
	return leaks_unchecked;
}
#endif

static const char *const stages[] = {
	[SANDBOX_STAGE_EARLY] = "early",
	[SANDBOX_STAGE_OPEN] = "open",
	[SANDBOX_STAGE_CONFINE] = "confine",
	[SANDBOX_STAGE_BUILD] = "build",
	[SANDBOX_STAGE_LOCK] = "lock",
};

static const char *const modes[] = {
#define X(id, name) [SANDBOX_##id] = name,
	SANDBOX_MODES(X)
#undef X
};

const char *sandbox_mode_name(enum sandbox_mode mode)
{
	return modes[mode];
}

static void enter(struct sandbox *s, enum sandbox_stage stage)
{
	assert(s->stage == (int)stage - 1);
	s->stage = (int)stage;
}

static void told(struct sandbox *s, enum sandbox_stage stage, uint64_t since)
{
	trace_sandbox_stage(s->trace, stages[stage], trace_now_ns() - since);
}

/* Best effort: records what is not available. Strict: returns the error. */
static int shortage(struct sandbox *s, int r, struct err *e)
{
	char *missing = s->got.missing;
	size_t n = strlen(missing);

	if (r >= 0 || s->plan->mode == SANDBOX_STRICT)
		return r < 0 ? err_wrap(e, r, "--sandbox strict") : 0;
	snprintf(missing + n, sizeof(s->got.missing) - n, "%s%s", n ? "; " : "", e->text);
	e->text[0] = '\0';
	return 0;
}

static int landlock_words(int abi, struct err *e)
{
	if (abi == -EOPNOTSUPP)
		return err_set(e, -ENOTSUP,
			"this host's Landlock is built in but not switched on: add landlock to its lsm= "
			"parameter, or use --sandbox best-effort");
	if (abi == -EPERM)
		return err_set(e, -ENOTSUP,
			"Landlock is refused here (EPERM) by a seccomp filter that does not know it, such as an old "
			"container runtime's: update that or its profile, or use --sandbox best-effort");
	return err_set(e, -ENOTSUP,
		"this host's kernel has no Landlock (5.13 or later has it, with CONFIG_SECURITY_LANDLOCK): "
		"update it, or use --sandbox best-effort");
}

int sandbox_missing(enum sandbox_mode mode, struct err *e)
{
	int abi;

	if (mode != SANDBOX_STRICT)
		return 0;
	abi = landlock_abi();
	if (abi < 0)
		return err_wrap(e, landlock_words(abi, e), "--sandbox strict");
	if (!seccomp_available())
		return err_set(e, -ENOTSUP,
			"--sandbox strict: this host's kernel has no seccomp filters "
			"(CONFIG_SECCOMP_FILTER): use another, or use --sandbox best-effort");
	return 0;
}

int sandbox_standard_fds(struct err *e)
{
	return limits_fill_standard_fds(e);
}

int sandbox_early(struct sandbox *s, struct sandbox_plan *plan, struct err *e)
{
	uint64_t since = trace_now_ns();
	int r;

	s->plan = plan;
	s->got.mode = plan->mode;
	enter(s, SANDBOX_STAGE_EARLY);
	r = sandbox_missing(plan->mode, e);
	if (r < 0)
		return r;
	r = limits_fill_standard_fds(e);
	if (r < 0)
		return r;
	if (plan->jail.cgroup) {
		/* First, so that everything allocated from here on is charged to the control group. */
		r = jail_enter_cgroup(plan->jail.cgroup, e);
		if (r < 0)
			return r;
		s->got.cgroup = true;
	}
	if (plan->jail.netns && *plan->jail.netns) {
		r = jail_enter_netns(plan->jail.netns, e);
		if (r < 0)
			return r;
		s->got.netns = true;
	}
	if (plan->mode != SANDBOX_OFF) {
		limits_clear_environment();
		r = shortage(s, limits_close_fds(plan->keep, plan->nr_keep, e), e);
		if (r < 0)
			return r;
		r = limits_set(plan, e);
		if (r == 0)
			r = limits_not_dumpable(e);
		r = shortage(s, r, e);
		if (r < 0)
			return r;
	}
	s->took_ns = trace_now_ns() - since;
	return 0;
}

void sandbox_open(struct sandbox *s, struct trace *trace)
{
	enter(s, SANDBOX_STAGE_OPEN);
	s->trace = trace;
	if (s->plan->mode != SANDBOX_OFF && !SANITIZED)
		s->statm_fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
	trace_sandbox_stage(trace, stages[SANDBOX_STAGE_EARLY], s->took_ns);
}

/* Whether no path is looked up after CONFINE: then an empty root is sufficient. */
static bool needs_no_root(const struct sandbox_plan *plan)
{
	for (size_t i = 0; i < plan->nr_paths; i++)
		if (plan->path[i].by_name)
			return false;
	return !SANITIZED && !plan->jail.chroot;
}

/* A step that the operator did not request explicitly, and that the host does not permit, is left out. */
static int if_wanted(const struct sandbox *s, int r, struct err *e)
{
	if (r >= 0 || s->plan->jail.userns == SANDBOX_USERNS_ON)
		return r;
	e->text[0] = '\0';
	return 0;
}

/*
 * A user namespace in which we have every capability, to use them for an empty root and then drop them all. AppArmor
 * may permit its creation, and then deny every use of its capabilities.
 */
static int own_users(struct sandbox *s, struct err *e)
{
	int r;

	if (s->plan->jail.userns == SANDBOX_USERNS_OFF ||
		(s->plan->mode == SANDBOX_OFF && s->plan->jail.userns != SANDBOX_USERNS_ON))
		return 0;
	r = jail_new_userns(e);
	s->got.userns = r == 0;
	if (r == 0 && needs_no_root(s->plan)) {
		r = jail_empty_root(e);
		s->got.own_root = r == 0;
	}
	return if_wanted(s, r, e);
}

static int named_jail(struct sandbox *s, struct err *e)
{
	const struct sandbox_jail *j = &s->plan->jail;
	int r = 0;

	if (j->netns && !*j->netns) {
		r = jail_new_netns(e);
		s->got.netns = r == 0;
	}
	if (r == 0 && j->chroot) {
		r = *j->chroot ? jail_change_root(j->chroot, e) : jail_empty_root(e);
		s->got.own_root = r == 0;
	}
	return r;
}

/* Root has the privileges until it changes its user; any other user has them in a user namespace. */
static int jail(struct sandbox *s, struct err *e)
{
	const struct sandbox_jail *j = &s->plan->jail;
	bool root = geteuid() == 0;
	int r = root ? named_jail(s, e) : 0;

	if (r == 0 && j->user)
		r = jail_become(j->uid, j->gid, e);
	s->got.uid = getuid();
	s->got.gid = getgid();
	if (r == 0)
		r = own_users(s, e);
	return r == 0 && !root ? named_jail(s, e) : r;
}

/**
 * struct paths - what open_paths() has opened
 * @allow: @nr of them, of which the first @nr_common are for all threads
 */
struct paths {
	struct landlock_allow allow[SANDBOX_PATHS_MAX + 1];
	size_t nr, nr_common;
};

static int restrict_paths(struct sandbox *s, const struct paths *p, struct err *e)
{
	int abi = landlock_abi(), r = 0;

	if (abi < 0)
		return shortage(s, landlock_words(abi, e), e);
	if (p->nr > p->nr_common)
		r = landlock_ruleset(abi, p->allow, p->nr_common, &s->narrow_fd, e);
	if (r == 0)
		r = landlock_restrict(abi, p->allow, p->nr, e);
	if (r < 0)
		return shortage(s, r, e);
	s->got.landlock_abi = abi;
	landlock_missing(abi, s->got.unhandled, sizeof(s->got.unhandled));
	return 0;
}

static int give_up(struct sandbox *s, const struct paths *paths, struct err *e)
{
	int r;

	/* A change of user made it dumpable again (prctl(2)). */
	r = limits_not_dumpable(e);
	s->got.not_dumpable = r == 0;
	r = shortage(s, r, e);
	if (r < 0)
		return r;
	/* no_new_privs first: Landlock requires it. */
	r = confine_drop_capabilities(e);
	s->got.no_capabilities = r == 0;
	r = shortage(s, r, e);
	if (r < 0)
		return r;
	r = confine_no_new_privs(e);
	s->got.no_new_privs = r == 0;
	r = shortage(s, r, e);
	if (r == 0)
		r = restrict_paths(s, paths, e);
	if (r < 0)
		return r;
	s->got.seccomp = seccomp_available();
	if (!s->got.seccomp)
		return shortage(s, err_set(e, -ENOTSUP, "this host's kernel has no seccomp filters"), e);
	r = sigsys_install(s->plan->report_fd, s->plan->last_words);
	return r < 0 ? err_sys(e, r, "sigaction") : 0;
}

/* A path has to be opened before the root changes. One that does not exist needs no rule. */
static void open_path(struct paths *p, const char *path, uint64_t rights)
{
	int fd = open(path, O_PATH | O_CLOEXEC);

	if (fd >= 0)
		p->allow[p->nr++] = (struct landlock_allow){.fd = fd, .rights = rights};
}

static void open_paths_of(const struct sandbox_plan *plan, bool share, struct paths *p)
{
	for (size_t i = 0; i < plan->nr_paths; i++)
		if (plan->path[i].share == share)
			open_path(p, plan->path[i].path, plan->path[i].rights);
}

static void open_paths(const struct sandbox_plan *plan, struct paths *ret)
{
	ret->nr = 0;
	open_paths_of(plan, false, ret);
	/* The sanitizer's reports read the maps of the process. */
	if (SANITIZED)
		open_path(ret, "/proc", LL_READ_FILE | LL_READ_DIR);
	ret->nr_common = ret->nr;
	open_paths_of(plan, true, ret);
}

int sandbox_confine(struct sandbox *s, struct err *e)
{
	uint64_t since = trace_now_ns();
	struct paths paths;
	int r;

	enter(s, SANDBOX_STAGE_CONFINE);
	open_paths(s->plan, &paths);
	if (s->plan->mode != SANDBOX_OFF)
		s->got.bounding_empty = confine_empty_bounding_set();
	r = jail(s, e);
	/* In a new user namespace the bounding set is full. */
	if (s->got.userns)
		s->got.bounding_empty = confine_empty_bounding_set();
	if (r == 0 && s->plan->mode != SANDBOX_OFF)
		r = give_up(s, &paths, e);
	for (size_t i = 0; i < paths.nr; i++)
		close(paths.allow[i].fd);
	if (r < 0)
		return r;
	told(s, SANDBOX_STAGE_CONFINE, since);
	return 0;
}

void sandbox_build(struct sandbox *s)
{
	char line[SANDBOX_LINE_MAX];

	enter(s, SANDBOX_STAGE_BUILD);
	sandbox_summary(&s->got, line, sizeof(line));
	trace_sandbox_summary(s->trace, line);
	if (s->got.userns || s->got.own_root || s->got.netns || s->got.cgroup) {
		snprintf(line, sizeof(line), "its own:%s%s%s%s", s->got.userns ? " user namespace" : "",
			s->got.own_root ? " root" : "", s->got.netns ? " network" : "", s->got.cgroup ? " cgroup" : "");
		trace_sandbox_summary(s->trace, line);
	}
	if (*s->got.unhandled)
		trace_sandbox_unhandled(s->trace, s->got.landlock_abi, s->got.unhandled);
}

COLD int sandbox_join_netns(struct sandbox *s, const char *name, struct err *e)
{
	assert(s->stage == SANDBOX_STAGE_OPEN);
	return *name ? jail_enter_netns(name, e) : jail_new_netns(e);
}

int sandbox_forked(struct sandbox *s, struct sandbox_plan *plan, struct trace *trace, struct err *e)
{
	int r;

	assert(s->stage == SANDBOX_STAGE_BUILD);
	s->plan = plan;
	s->trace = trace;
	r = s->got.seccomp ? sigsys_install(plan->report_fd, plan->last_words) : 0;
	return r < 0 ? err_sys(e, r, "sigaction") : 0;
}

int sandbox_lock(struct sandbox *s, enum sandbox_role role, const struct sandbox_fds *fds)
{
	uint64_t since;
	int r;

	if (!s)
		return 0;
	assert(s->stage == SANDBOX_STAGE_BUILD || s->stage == SANDBOX_STAGE_LOCK);
	s->stage = SANDBOX_STAGE_LOCK;
	/* The standard streams are open, so none of our descriptors is 0. */
	if (role == SANDBOX_LOOP && s->statm_fd > 0) {
		limits_set_data(s->statm_fd);
		close(s->statm_fd);
		s->statm_fd = 0;
	}
	if (s->narrow_fd > 0 && role != SANDBOX_SHARE) {
		r = landlock_enforce(s->narrow_fd);
		if (r < 0)
			return r;
	}
	if (s->narrow_fd > 0 && role == SANDBOX_LOOP) {
		close(s->narrow_fd);
		s->narrow_fd = 0;
	}
	if (!s->got.seccomp)
		return 0;
#if SANITIZED
	leaks_unchecked = true;
#endif
	since = trace_now_ns();
	sigsys_set_role(role);
	trace_thread_id();
	r = seccomp_install(
		role, s->plan->devices | (SANITIZED ? SANDBOX_HAS(SANITIZER) : 0), fds ? fds : &s->plan->fds);
	if (r == 0 && role == SANDBOX_LOOP)
		told(s, SANDBOX_STAGE_LOCK, since);
	return r;
}

void sandbox_summary(const struct sandbox_achieved *got, char *buf, size_t size)
{
	size_t n = (size_t)snprintf(buf, size, "%s", modes[got->mode]);

	if (got->mode == SANDBOX_OFF)
		return;
	if (n < size && got->landlock_abi)
		n += (size_t)snprintf(buf + n, size - n, ", Landlock ABI %d", got->landlock_abi);
	if (n < size)
		snprintf(buf + n, size - n, "%s%s, user %u:%u", got->seccomp ? ", seccomp" : "",
			got->no_capabilities ? ", no capabilities" : "", (unsigned)got->uid, (unsigned)got->gid);
}
