/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The filter of system calls of one thread, made of rules.c.
 *
 * A call that is not allowed raises SIGSYS in its thread (SECCOMP_RET_TRAP) and does nothing else; sigsys.h says what
 * happens then. A call by another architecture's numbers (int 0x80) ends the process without a word.
 */
#ifndef SECURITY_SECCOMP_H
#define SECURITY_SECCOMP_H

#include <linux/filter.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "security/rules.h"

/** seccomp_available() - this kernel has filters, and they can trap */
bool seccomp_available(void);

/** seccomp_role_name() - "loop" and so on */
const char *seccomp_role_name(enum sandbox_role role);

/** seccomp_call_name() - of a system call's number; "?" for one that we do not know */
const char *seccomp_call_name(long nr);

/**
 * seccomp_compose() - the program for @role with @devices
 * @devices: SANDBOX_HAS() bits
 * @fds: what its conditions name, NULL: nothing
 * @ret: @max instructions
 *
 * Return: the number of instructions, or -E2BIG.
 */
int seccomp_compose(
	enum sandbox_role role, uint32_t devices, const struct sandbox_fds *fds, struct sock_filter *ret, size_t max);

/**
 * seccomp_install() - from now on the calling thread, and what it starts, makes the calls of @role and no other
 *
 * Return: 0 or a negative errno; -EACCES without no_new_privs.
 */
int seccomp_install(enum sandbox_role role, uint32_t devices, const struct sandbox_fds *fds);

#endif
