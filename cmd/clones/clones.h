/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Clones of a guest: a process for each, and two beside them.
 *
 *	the command	collects what the clones print and how they end; has signals and time limit;
 *			confined to that, since guests wrote what it reads (role SANDBOX_CLONES)
 *	the spawner	opens everything that has a path, is confined as a machine is before it is built, maps RAM,
 *			and forks the clones; it has no VM and reads nothing of a guest
 *	a clone		makes a VM from what it inherits, and runs it as any other machine
 *
 * KVM's descriptors do not survive a fork, so nobody has a VM before it; and a clone that its guest has taken over
 * has no descriptor of another one, since each closes what belongs to others first. When the command is killed, the
 * spawner kills the clones and ends; when the spawner is killed, the kernel kills the clones.
 */
#ifndef CMD_CLONES_CLONES_H
#define CMD_CLONES_CLONES_H

#include <stddef.h>
#include <stdint.h>

#include "vmm/base/err.h"
#include "vmm/config.h"

/**
 * struct clones_fds - which clone a descriptor of the spawner belongs to
 * @owner: of each number, 0: all; @nr of them
 */
struct clones_fds {
	unsigned *owner;
	int nr;
	int next;
};

/** clones_fds_take() - what was opened since the last call is clone @n's, 0: of all. Return: 0 or a negative errno. */
int clones_fds_take(struct clones_fds *f, unsigned n, struct err *e);

/** clones_fds_destroy() - takes a zeroed one; the descriptors stay open */
void clones_fds_destroy(struct clones_fds *f);

/**
 * struct clones_ops - what the clones are
 * @open: in the spawner: open everything for all clones, enter the sandbox; @keep: descriptors that must stay open.
 *	Return: 0 or a negative errno, with a message in @e
 * @run: in a clone, whose number is @n, with its standard streams in place. Return: its exit status
 */
struct clones_ops {
	int (*open)(void *arg, const int *keep, size_t nr_keep, struct clones_fds *fds, struct err *e);
	int (*run)(void *arg, unsigned n);
};

/**
 * struct clones_config
 * @nr: clones, of which @jobs run at once
 * @config: of one of them; borrowed
 * @own_bytes: of memory that each has of its own from the beginning
 * @limit_at_ns: when the time of all is over, CLOCK_MONOTONIC; 0: never. The clones know it.
 */
struct clones_config {
	unsigned nr;
	unsigned jobs;
	const struct clones_ops *ops;
	void *arg;
	const struct config *config;
	uint64_t own_bytes;
	uint64_t limit_at_ns;
};

/**
 * clones_room() - whether this host's limits allow them: descriptors, processes, memory; raises the soft limit of
 * descriptors
 *
 * Return: 0 or a negative errno, with a message in @e that names the limit.
 */
int clones_room(const struct clones_config *c, struct err *e);

/**
 * clones_run() - start the spawner, and collect until all clones have ended
 *
 * Return: the exit status of the lowest-numbered clone whose status is not 0, or 0; or a negative errno, with a message
 * in @e. Context: the process has one thread, and is confined afterwards: it can print and end.
 */
int clones_run(const struct clones_config *c, struct err *e);

#endif
