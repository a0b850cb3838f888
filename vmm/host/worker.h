/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A loop in a thread of its own, behind a filter of its own: for devices that block, since the control loop must never
 * wait for a disk, and for those that need calls which the control loop does without.
 */
#ifndef VMM_HOST_WORKER_H
#define VMM_HOST_WORKER_H

#include <pthread.h>
#include <stdbool.h>

#include "security/sandbox.h"
#include "vmm/base/loop.h"

/**
 * struct worker - owns its loop and its thread
 * @name: of the thread, as ps shows it
 * @role: which filter of system calls its thread gets
 * @fds: what that filter names; SANDBOX_NO_FDS from worker_init()
 * @changed: signalled when the thread is locked, and again when it is about to return; @lock guards both
 */
struct worker {
	struct loop *loop;
	pthread_t thread;
	bool started;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool ready, ended;
	int lock_error;
	enum sandbox_role role;
	struct sandbox_fds fds;
	struct sandbox *sandbox;
	char name[16];
};

/** worker_init() - the loop, without a thread yet. Return: 0 or a negative errno. */
int worker_init(struct worker *w, const char *name, enum sandbox_role role);

/**
 * worker_start() - the thread, with every signal blocked but those that its own instructions raise
 * @sandbox: borrowed; the thread is behind its filter of system calls when this returns. NULL: it has none.
 *
 * Return: 0 or a negative errno.
 */
int worker_start(struct worker *w, struct sandbox *sandbox);

/**
 * worker_stop() - end the loop and join the thread
 * @deadline_ns: on the monotonic clock
 *
 * Return: true when the thread has gone, or never was; false when it still hangs in a system call: it can be stopped
 * again later, and nothing that it uses may be freed.
 */
bool worker_stop(struct worker *w, uint64_t deadline_ns);

/** worker_destroy() - takes NULL and a zeroed struct; the thread has gone */
void worker_destroy(struct worker *w);

#endif
