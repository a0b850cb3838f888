/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Wakes a thread that waits for a descriptor: an eventfd used as a flag, however often it is written.
 */
#ifndef VMM_BASE_WAKE_H
#define VMM_BASE_WAKE_H

#include <stdbool.h>

/** wake_open() - Return: a descriptor (non-blocking, close-on-exec) that the caller owns, or a negative errno */
int wake_open(void);

/** wake_close() - takes -1; sets it to -1 */
void wake_close(int *fd);

/**
 * wake_send() - make it readable; -1 does nothing
 *
 * Context: any thread, does not block; safe in a signal handler, and leaves errno alone. One write.
 */
void wake_send(int fd);

/**
 * wake_take() - make it unreadable again; -1 is never readable
 *
 * Return: whether wake_send() was called since the last call. Context: one read.
 */
bool wake_take(int fd);

#endif
