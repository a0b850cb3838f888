/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Waking whoever waits for a descriptor: an eventfd of which only "readable" counts, however often it was written.
 */
#ifndef VMM_BASE_WAKE_H
#define VMM_BASE_WAKE_H

#include <stdbool.h>

/** wake_open() - Return: a descriptor (non-blocking, close-on-exec) that the caller owns, or a negative errno */
int wake_open(void);

/** wake_close() - takes -1, and leaves that */
void wake_close(int *fd);

/**
 * wake_send() - make it readable; -1 does nothing
 *
 * Context: any thread, does not block; safe in a signal handler, and leaves errno alone. One write.
 */
void wake_send(int fd);

/**
 * wake_take() - make it unreadable again; -1 never was readable
 *
 * Return: whether it was sent since the last call. Context: one read.
 */
bool wake_take(int fd);

#endif
