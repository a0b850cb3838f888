/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The process that starts vmm for each test. It never reads guest output: that is done by its parent, which is confined
 * and cannot start programs. They are connected by a socket. When it closes, for example because the parent was killed,
 * the launcher kills every vmm and exits; when the launcher itself is killed, the kernel kills every vmm.
 */
#ifndef CMD_TEST_LAUNCHER_H
#define CMD_TEST_LAUNCHER_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "vmm/base/err.h"

/**
 * struct launch_spec - a command; the launcher uses its copy from before fork()
 * @argv: ended by NULL; argv[0] is the file to execute
 * @dir: working directory; NULL: ours
 * @snapshot: for LAUNCH_SNAPSHOT_FD; open when the launcher is forked, from LAUNCH_FD_ABOVE on; 0: none
 */
struct launch_spec {
	char **argv;
	const char *dir;
	int snapshot;
};

/* Descriptors of a job, in the order of those that launcher_run() gets. */
enum launch_fd { LAUNCH_OUT, LAUNCH_ERR, LAUNCH_CONSOLE, LAUNCH_REPORT, LAUNCH_FDS };

#define LAUNCH_CONSOLE_FD 3
#define LAUNCH_REPORT_FD  4

#define LAUNCH_SNAPSHOT_FD 5
#define LAUNCH_FD_ABOVE    16 /* lower numbers are the command's own */

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
 * launcher_start() - fork the launcher
 * @spec: @nr commands; a job number is an index into them
 *
 * Return: 0 or a negative errno, with a message in @e. Context: one thread; SIGCHLD is blocked in the launcher.
 */
int launcher_start(const struct launch_spec *spec, size_t nr, struct launcher *ret, struct err *e);

/**
 * launcher_run() - start job @job; it is in a process group of its own, with /dev/null as input
 * @fd: @nr of them, borrowed: its standard output and standard error, and perhaps those of LAUNCH_CONSOLE_FD and
 * LAUNCH_REPORT_FD
 *
 * If a command cannot be executed, the reason is written to its standard error and the job ends with status 125.
 * Return: 0 or a negative errno.
 */
int launcher_run(struct launcher *l, uint32_t job, const int *fd, size_t nr);

/** launcher_signal() - send a signal to the job's process; does nothing if it has ended */
int launcher_signal(struct launcher *l, uint32_t job, int signo);

/** launcher_next() - get the next ended job, without waiting. Return: 1, 0: none yet, -EPIPE: the launcher is gone */
int launcher_next(struct launcher *l, struct launch_end *ret);

/** launcher_stop() - kill all running jobs and wait for them; takes LAUNCHER_NONE */
void launcher_stop(struct launcher *l);

#endif
