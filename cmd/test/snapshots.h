/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The snapshots that commands are given clones of: one for each kernel and machine, taken when its guest is ready for a
 * command, in memory that ends with this run. What its kernel printed until then counts as printed in each clone.
 */
#ifndef CMD_TEST_SNAPSHOTS_H
#define CMD_TEST_SNAPSHOTS_H

#include "cmd/test/launcher.h"
#include "cmd/test/runner.h"

struct test_snapshot;

/** struct test_snapshots - @nr of @of, owned; zero-initialise */
struct test_snapshots {
	struct test_snapshot *of;
	size_t nr;
};

/**
 * test_snapshots_take() - boot a guest for each machine that several jobs have, and have these jobs restore it
 * @spec, @job: @nr of them; changed for the jobs that get clones, the others boot
 * @jobs: how many guests boot at once
 * @timeout_ns: of a boot
 *
 * Where there can be no snapshot a line on standard error says why, and the jobs stay as they are.
 *
 * Return: 0 or a negative errno, with a message in @e. Context: before launcher_start(), whose fork() hands the
 * snapshots on. Trust: of a guest nothing is read but the last line of its vmm's standard error.
 */
int test_snapshots_take(struct test_snapshots *s, struct launch_spec *spec, struct runner_job *job, size_t nr,
	unsigned jobs, uint64_t timeout_ns, struct err *e);

/** test_snapshots_close() - after launcher_start(): they are the launcher's */
void test_snapshots_close(struct test_snapshots *s);

/** test_snapshots_destroy() - after the runner */
void test_snapshots_destroy(struct test_snapshots *s);

#endif
