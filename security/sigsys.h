/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Handles a call that the thread's filter does not allow: prints one line that names it, and ends the process with
 * status 159 (128 + SIGSYS).
 */
#ifndef SECURITY_SIGSYS_H
#define SECURITY_SIGSYS_H

#include "security/rules.h"

#define SIGSYS_EXIT_STATUS 159

/**
 * sigsys_install() - handle SIGSYS for the whole process, until it ends
 * @fd: for the line; borrowed until the process ends; -1: print nothing. Should not block.
 * @last_words: called before the end, to restore the terminal; async-signal-safe, makes only calls that every role may
 *              make; or NULL
 *
 * Return: 0 or a negative errno.
 */
int sigsys_install(int fd, void (*last_words)(void));

/** sigsys_set_role() - set the name of the calling thread for the line */
void sigsys_set_role(enum sandbox_role role);

#endif
