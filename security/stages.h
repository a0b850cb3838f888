/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The steps of the stages, which sandbox.c calls in order. Each returns 0 or a negative errno, with a message in @e.
 */
#ifndef SECURITY_STAGES_H
#define SECURITY_STAGES_H

#include "security/sandbox.h"
#include "vmm/base/util.h"

/* A build with a sanitizer, whose runtime needs more than a release: see SANITIZER in rules.c. */
#define SANITIZED (WITH_ASAN || WITH_TSAN)

/* limits.c: stage EARLY */
void limits_clear_environment(void);
int limits_close_fds(const int *keep, size_t nr, struct err *e);
int limits_fill_standard_fds(struct err *e);
int limits_set(const struct sandbox_plan *plan, struct err *e);
int limits_not_dumpable(struct err *e); /* again after every change of user */
/* Stage LOCK. @statm_fd is /proc/self/statm; if it cannot be read, there is no limit. */
void limits_set_data(int statm_fd);

/* jail.c: what the operator requested explicitly */
int jail_enter_cgroup(const char *dir, struct err *e);
int jail_enter_netns(const char *name, struct err *e);
int jail_new_netns(struct err *e);
int jail_change_root(const char *dir, struct err *e);
int jail_empty_root(struct err *e);
int jail_become(uid_t uid, gid_t gid, struct err *e);
int jail_new_userns(struct err *e); /* the process has one thread */

/* confine.c: restrictions of every machine */
int confine_no_new_privs(struct err *e);
/* Return: whether it is empty now. Needs CAP_SETPCAP, so it is called before a change of user. */
bool confine_empty_bounding_set(void);
int confine_drop_capabilities(struct err *e);

#endif
