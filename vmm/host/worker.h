/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A loop in its own thread with its own filter: for devices that block, since the control loop must never wait for a
 * disk, and for those that need system calls which the control loop may not make.
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
 * @role: selects the system call filter of its thread
 * @fds: descriptors that the filter names; SANDBOX_NO_FDS from worker_init()
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

/** worker_init() - make the loop, without a thread yet. Return: 0 or a negative errno. */
int worker_init(struct worker *w, const char *name, enum sandbox_role role);

/**
 * worker_start() - start the thread, with all signals blocked except those that its own instructions raise
 * @sandbox: borrowed; the thread is behind its filter of system calls when this returns. NULL: it has none.
 *
 * Return: 0 or a negative errno.
 */
int worker_start(struct worker *w, struct sandbox *sandbox);

/**
 * worker_stop() - end the loop and join the thread
 * @deadline_ns: on the monotonic clock
 *
 * Return: true when the thread has ended, or was never started; false when it is still in a system call: worker_stop()
 * can be called again later, and nothing that the thread uses may be freed.
 */
bool worker_stop(struct worker *w, uint64_t deadline_ns);

/** worker_destroy() - takes NULL and a zeroed struct; the thread has ended */
void worker_destroy(struct worker *w);

#endif
