/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The system call filter of one thread, made from rules.c.
 *
 * A call that is not allowed raises SIGSYS in its thread (SECCOMP_RET_TRAP) and is not executed; sigsys.h handles it. A
 * call of another architecture (int 0x80) ends the process without a message.
 */
#ifndef SECURITY_SECCOMP_H
#define SECURITY_SECCOMP_H

#include <linux/filter.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "security/rules.h"

/** seccomp_available() - whether this kernel has filters that can trap */
bool seccomp_available(void);

/** seccomp_role_name() - "loop" and so on */
const char *seccomp_role_name(enum sandbox_role role);

/** seccomp_call_name() - the name of a system call's number; "?" for an unknown one */
const char *seccomp_call_name(long nr);

/**
 * seccomp_compose() - write the program for @role with @devices
 * @devices: SANDBOX_HAS() bits
 * @fds: descriptors that its conditions name; NULL: none
 * @ret: buffer for @max instructions
 *
 * Return: the number of instructions, or -E2BIG.
 */
int seccomp_compose(
	enum sandbox_role role, uint32_t devices, const struct sandbox_fds *fds, struct sock_filter *ret, size_t max);

/**
 * seccomp_install() - from now on the calling thread, and those that it starts, can make only the calls of @role
 *
 * Return: 0 or a negative errno; -EACCES without no_new_privs.
 */
int seccomp_install(enum sandbox_role role, uint32_t devices, const struct sandbox_fds *fds);

#endif
