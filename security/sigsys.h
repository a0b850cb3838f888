/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What happens when a thread makes a call that its filter does not allow: one line that says which, and the end, with
 * status 159 (128 + SIGSYS).
 */
#ifndef SECURITY_SIGSYS_H
#define SECURITY_SIGSYS_H

#include "security/rules.h"

#define SIGSYS_EXIT_STATUS 159

/**
 * sigsys_install() - handle SIGSYS, for the whole process and for good
 * @fd: where the line goes; borrowed for as long as the process lives, -1: nowhere. Should not block.
 * @last_words: called before the end, to give the terminal back; async-signal-safe, makes only calls that every role
 * may make; or NULL
 *
 * Return: 0 or a negative errno.
 */
int sigsys_install(int fd, void (*last_words)(void));

/** sigsys_set_role() - what the line calls the calling thread */
void sigsys_set_role(enum sandbox_role role);

#endif
