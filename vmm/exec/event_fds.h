/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Descriptors of a program that are ready when a time has come or a signal is pending: timerfd and signalfd. They are
 * in memory: the host has no descriptor for them.
 *
 * Context: the vCPU's thread.
 */
#ifndef VMM_EXEC_EVENT_FDS_H
#define VMM_EXEC_EVENT_FDS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "vmm/exec/task.h"

/** EXEC_EVENT_BYTES - the most that one event has: struct signalfd_siginfo */
#define EXEC_EVENT_BYTES 128

/** exec_event_ready() - is it ready, for the current thread? */
bool exec_event_ready(struct exec_task *t, const struct exec_open *o);

/**
 * exec_event_next() - when will it be ready, unless something else happens?
 *
 * Return: ns from now; UINT64_MAX: not by time.
 */
uint64_t exec_event_next(const struct exec_task *t, const struct exec_open *o);

/** exec_event_signals() - which signals does it report? 0: none */
uint64_t exec_event_signals(const struct exec_open *o);

/** exec_event_take() - one event, into EXEC_EVENT_BYTES. Return: its size; -EAGAIN; -EINVAL: @len is less than that */
ssize_t exec_event_take(struct exec_task *t, const struct exec_open *o, uint8_t *buf, size_t len);

/** exec_event_wait() - wait until it may be ready. Return: 0, or a negative errno of exec_poll() */
int exec_event_wait(struct exec_task *t, const struct exec_open *o);

#endif
