/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The process that starts vmm for each test. It reads nothing that a guest wrote: its parent does, which is confined
 * and can start nothing. They share a socket. When that closes, also since the parent was killed, every vmm is killed,
 * and the launcher ends; when the launcher is killed, the kernel kills each vmm.
 */
#ifndef CMD_TEST_LAUNCHER_H
#define CMD_TEST_LAUNCHER_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "vmm/base/err.h"

/**
 * struct launch_spec - a command, in the launcher's copy of our memory
 * @argv: ended by NULL; argv[0] is the file
 * @dir: to run it in; NULL: ours
 */
struct launch_spec {
	char **argv;
	const char *dir;
};

/** struct launcher - start from LAUNCHER_NONE */
struct launcher {
	int sock;
	pid_t pid;
};

#define LAUNCHER_NONE ((struct launcher){.sock = -1})

/** struct launch_end - @job ended as waitpid() says in @wait_status */
struct launch_end {
	uint32_t job;
	int32_t wait_status;
};

/**
 * launcher_start() - fork it
 * @spec: @nr commands; a job is an index of these
 *
 * Return: 0 or a negative errno, with a message in @e. Context: one thread; SIGCHLD is blocked in the launcher.
 */
int launcher_start(const struct launch_spec *spec, size_t nr, struct launcher *ret, struct err *e);

/**
 * launcher_run() - start job @job; it is in a process group of its own, with /dev/null as input
 * @out_fd, @err_fd: its streams; borrowed
 *
 * A command that cannot be run says why on @err_fd, and ends with 125. Return: 0 or a negative errno.
 */
int launcher_run(struct launcher *l, uint32_t job, int out_fd, int err_fd);

/** launcher_signal() - send a signal to the job's process; one that has ended is left alone */
int launcher_signal(struct launcher *l, uint32_t job, int signo);

/** launcher_next() - the next end, without waiting. Return: 1, 0: none yet, -EPIPE: the launcher is gone */
int launcher_next(struct launcher *l, struct launch_end *ret);

/** launcher_stop() - kill what runs, and wait for all of it; takes LAUNCHER_NONE */
void launcher_stop(struct launcher *l);

#endif
