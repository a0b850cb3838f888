// SPDX-License-Identifier: Apache-2.0
/* The sandbox of an auxiliary process of vmm, which enters it in one step and not in stages. */
#include <errno.h>
#include <signal.h>
#include <sys/prctl.h>

#include "security/landlock.h"
#include "security/sandbox.h"
#include "security/seccomp.h"
#include "security/stages.h"

static int restrict_paths(const struct sandbox_process *p, struct err *e)
{
	const struct landlock_allow allow = {.fd = p->dir_fd, .rights = p->rights};
	int abi = landlock_abi();

	return abi < 0 ? err_sys(e, abi, "Landlock") : landlock_restrict(abi, &allow, p->dir_fd >= 0, e);
}

/* A call that is not allowed kills it: there is nothing it could report to. */
static int lock(const struct sandbox_process *p, struct err *e)
{
	int r = seccomp_install(p->role, p->devices | (SANITIZED ? SANDBOX_HAS(SANITIZER) : 0), NULL);

	return r < 0 ? err_sys(e, r, "seccomp") : 0;
}

/* Every step is tried, even after a failure. Return: the first failure, whose message is in @e. */
static int give_up(const struct sandbox_process *p, struct err *e)
{
	/* A change of user made it dumpable again (prctl(2)). */
	int r = limits_not_dumpable(e), next;

	next = p->capabilities ? 0 : confine_drop_capabilities(r < 0 ? NULL : e);
	r = r < 0 ? r : next;
	next = confine_no_new_privs(r < 0 ? NULL : e);
	r = r < 0 ? r : next;
	next = restrict_paths(p, r < 0 ? NULL : e);
	r = r < 0 ? r : next;
	next = lock(p, r < 0 ? NULL : e);
	return r < 0 ? r : next;
}

int sandbox_process_enter(const struct sandbox_process *p, struct err *e)
{
	int r = 0;

	if (p->as->mode != SANDBOX_OFF)
		confine_empty_bounding_set();
	if (p->as->user)
		r = jail_become(p->as->uid, p->as->gid, e);
	/*
	 * If both are stopped and then only the parent is killed, we must not remain stopped. Set again after every
	 * change of user.
	 */
	prctl(PR_SET_PDEATHSIG, SIGCONT);
	if (r < 0 || p->as->mode == SANDBOX_OFF)
		return r;
	r = give_up(p, e);
	return p->as->mode == SANDBOX_STRICT ? r : 0;
}
